import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mount } from "../../device/libc.ts";
import { MS_NODEV, MS_NOEXEC, MS_NOSUID } from "../../device/linux.ts";
import { namespaceFileName } from "../netSpec.ts";
import { BASE_SETTINGS } from "./nodeEnd.ts";
import type { Twin, TwinEnd } from "./twin.ts";

/**
 * Every link end has the same MAC address and no ARP: then a kernel addresses every frame to that address, and the other
 * end takes it for its own. So no packet ever waits for a neighbour.
 */
const MAC = "02:00:00:00:00:01";
/** Scripts that run at a time: more only wait for the kernel's one lock of network settings. */
const AT_A_TIME = 4;
const PROGRAMS: readonly [program: string, debian: string][] = [
  ["ip", "iproute2"],
  ["nft", "nftables"],
  ["iptables-restore", "iptables"],
];

/** Something that a kernel twin needs is not there. The message says what to do. */
export class TwinError extends Error {
  override name = "TwinError";
}

/** @throws TwinError when a program is missing that Linux's network is set up with. */
export function checkPrograms(): void {
  const missing = PROGRAMS.filter(([program]) => spawnSync(program, ["--version"]).error !== undefined);
  if (missing.length === 0) return;
  throw new TwinError(
    `a kernel twin needs ${missing.map(([program]) => program).join(" and ")}, which this machine does not have: apt-get install -y ${missing.map(([, debian]) => debian).join(" ")}`,
  );
}

/**
 * A twin's namespaces. Call from an inner process: they are bound to files in a tmpfs of its private mount namespace, and
 * go with it, however it ends.
 */
export class TwinNetwork {
  readonly #directory: string;

  /** @param directory where the tmpfs is mounted; made if need be. */
  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
    mount("podplane", directory, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755");
  }

  /** File of an end's namespace, for `nsenter --net=FILE`. */
  file(end: string): string {
    return join(this.#directory, namespaceFileName(end));
  }

  /**
   * Makes namespaces and wires, and runs the ends' scripts.
   *
   * @throws TwinError with what a command said that failed.
   */
  async build({ ends, wires }: Twin, onProgress: (done: number, total: number) => void): Promise<void> {
    for (const { name } of ends) {
      writeFileSync(this.file(name), "", { flag: "wx" });
      await run(name, "unshare", [`--net=${this.file(name)}`, "true"]);
    }
    const links = wires.map(({ device, far, from, mtu, to }) => {
      const end = (namespace: string, name: string) =>
        `name ${name} netns ${this.file(namespace)} address ${MAC} mtu ${mtu}`;
      return `link add ${end(from, device)} type veth peer ${end(to, far)}`;
    });
    // In a namespace of its own: no device ever is in the host's, not even for a moment.
    await run("wires", "unshare", ["--net", "ip", "-batch", "-"], `${links.join("\n")}\n`);
    const devices = (end: string): string[] =>
      wires.flatMap((w) => [...(w.from === end ? [w.device] : []), ...(w.to === end ? [w.far] : [])]);
    const waiting = [...ends];
    let done = 0;
    const worker = async (): Promise<void> => {
      for (let end = waiting.shift(); end !== undefined; end = waiting.shift()) {
        await this.#set(end, devices(end.name));
        onProgress(++done, ends.length);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  }

  async #set(end: TwinEnd, devices: readonly string[]): Promise<void> {
    const script = [
      ...BASE_SETTINGS,
      ...devices.map((device) => `ip link set ${device} arp off`),
      ...["lo", ...devices].map((device) => `ip link set ${device} up`),
      ...end.script,
    ];
    await run(end.name, "nsenter", [`--net=${this.file(end.name)}`, "sh", "-e"], `${script.join("\n")}\n`);
  }
}

/** @throws TwinError */
function run(what: string, command: string, args: readonly string[], input = ""): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, (error, _, stderr) => {
      if (error === null) resolve();
      else reject(new TwinError(`the kernel twin's ${what}: ${stderr.trim() || error.message}`));
    });
    // A command that cannot be started, or that ends before it has read everything, is told of above.
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}
