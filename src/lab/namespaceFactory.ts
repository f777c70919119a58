import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bind, close, mount, open, setns, setSocketOption, socket, umount, unshare } from "../device/libc.ts";
import {
  AF_INET,
  CLONE_NEWNET,
  MNT_DETACH,
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  O_CLOEXEC,
  O_RDONLY,
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../device/linux.ts";
import { socketAddress } from "../device/sockaddr.ts";
import { openTun } from "../device/tun.ts";
import { parseDeviceStats } from "./deviceStats.ts";
import type { DeviceStats, Namespace, NamespaceSpec, RoutingEntry, SocketSpec } from "./namespaceProtocol.ts";

/** The calling thread's own: /proc/self and /proc/net would be the main thread's. */
const OWN_NAMESPACE = "/proc/thread-self/ns/net";
const OWN_DEVICES = "/proc/thread-self/net/dev";

/** Far more than `ip` takes, also where it waits for the kernel's one lock of network settings. */
const IP_WITHIN_MS = 20_000;

/**
 * Settings of every namespace, before its device exists. Each is tried in turn until one is accepted; none has to be
 * (a kernel without IPv6). IPv6 stays on loopback, where programs listen on `::`.
 */
const BASE_SYSCTLS: [name: string, values: string[]][] = [
  // Otherwise the kernel sends router solicitations into the TUN.
  ["net.ipv6.conf.default.disable_ipv6", ["1"]],
  // As containerd sets them for pods. Without root there is one group id, so the range is that one.
  ["net.ipv4.ping_group_range", ["0 2147483647", "0 0"]],
  ["net.ipv4.ip_unprivileged_port_start", ["0"]],
];

/**
 * Makes network namespaces and works inside them. Its thread moves: while a call runs, into the namespace; otherwise it
 * rests in an empty one of its own (a rootless thread could not go back to the host's). So every call is synchronous,
 * and nothing else may run on this thread.
 */
export class NamespaceFactory {
  readonly #directory: string;
  readonly #resting: number;
  /** Name of a namespace to the device in it. */
  readonly #devices = new Map<string, string>();

  /** @param directory where a tmpfs for the namespaces' files is mounted; made if need be. */
  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
    mount("podplane", directory, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755");
    unshare(CLONE_NEWNET);
    this.#resting = open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC);
  }

  create(spec: NamespaceSpec): Namespace {
    const file = this.#file(spec.name);
    // "wx": a name that is taken is an error, before anything is made.
    writeFileSync(file, "", { flag: "wx" });
    const fds: number[] = [];
    try {
      unshare(CLONE_NEWNET);
      for (const [name, values] of BASE_SYSCTLS) values.some((value) => trySysctl(name, value));
      const tun = openTun({ name: spec.device, queues: spec.queues, offload: spec.offload, persistent: true });
      fds.push(...tun.fds);
      configure(spec);
      for (const [name, value] of Object.entries(spec.sysctls)) writeFileSync(sysctlPath(name), value);
      mount(OWN_NAMESPACE, file, "", MS_BIND);
      this.#devices.set(spec.name, spec.device);
      return { fds, file, offload: tun.offload };
    } catch (error) {
      for (const fd of fds) close(fd);
      rmSync(file, { force: true });
      throw error;
    } finally {
      setns(this.#resting, CLONE_NEWNET);
    }
  }

  /** The kernel frees the namespace when its last process is gone and the TUN's descriptors are closed. */
  remove(name: string): null {
    const file = this.#file(name);
    umount(file, MNT_DETACH);
    rmSync(file);
    this.#devices.delete(name);
    return null;
  }

  stats(names: string[]): [string, DeviceStats][] {
    const found: [string, DeviceStats][] = [];
    for (const name of names) {
      const device = this.#devices.get(name);
      if (device === undefined) continue;
      const stats = parseDeviceStats(
        this.#within(name, () => readFileSync(OWN_DEVICES, "utf8")),
        device,
      );
      if (stats) found.push([name, stats]);
    }
    return found;
  }

  addresses(name: string, add: readonly string[], remove: readonly string[]): null {
    const device = this.#devices.get(name);
    if (device === undefined) throw new Error(`namespace ${name} has no device`);
    const lines = [
      ...add.map((address) => `address add ${address}/32 dev ${device}`),
      ...remove.map((address) => `address delete ${address}/32 dev ${device}`),
    ];
    this.#within(name, () => runIp(name, lines));
    return null;
  }

  routing(name: string, add: readonly RoutingEntry[], remove: readonly RoutingEntry[]): null {
    const lines = [
      ...add.map(({ object, text }) => `${object} add ${text}`),
      ...remove.map(({ object, text }) => `${object} delete ${text}`),
    ];
    this.#within(name, () => runIp(name, lines));
    return null;
  }

  /** A socket keeps the namespace it was made in, wherever it is used. @returns its descriptor, non-blocking. */
  socket(name: string, spec: SocketSpec): number {
    return this.#within(name, () => {
      const type = spec.type === "tcp" ? SOCK_STREAM : SOCK_DGRAM;
      const fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      try {
        if (spec.type === "tcp") setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        if (spec.bind) bind(fd, socketAddress(spec.bind.address, spec.bind.port));
      } catch (error) {
        close(fd);
        throw error;
      }
      return fd;
    });
  }

  #within<T>(name: string, work: () => T): T {
    const namespace = open(this.#file(name), O_RDONLY | O_CLOEXEC);
    try {
      setns(namespace, CLONE_NEWNET);
      return work();
    } finally {
      setns(this.#resting, CLONE_NEWNET);
      close(namespace);
    }
  }

  #file(name: string): string {
    if (!/^[\w.-]+$/.test(name) || /^\.+$/.test(name)) throw new RangeError(`namespace name '${name}'`);
    return join(this.#directory, name);
  }
}

/** One `ip` process for all of it: starting one costs more than what it does. */
function configure(spec: NamespaceSpec): void {
  const gso = spec.gsoMaxSize === undefined ? "" : ` gso_max_size ${spec.gsoMaxSize}`;
  const lines = [
    "link set lo up",
    `link set ${spec.device} mtu ${spec.mtu} txqueuelen ${spec.txqueuelen}${gso} up`,
    ...spec.addresses.map((address) => `address add ${address} dev ${spec.device}`),
    ...spec.routes.map((route) => `route add ${route}`),
    ...spec.rules.map((rule) => `rule add ${rule}`),
    ...(spec.localRulePreference === undefined
      ? []
      : [`rule add pref ${spec.localRulePreference} lookup local`, "rule delete pref 0"]),
  ];
  runIp(spec.name, lines);
}

function runIp(namespace: string, lines: readonly string[]): void {
  const run = spawnSync("ip", ["-batch", "-"], {
    input: `${lines.join("\n")}\n`,
    encoding: "utf8",
    timeout: IP_WITHIN_MS,
    killSignal: "SIGKILL",
  });
  if (run.error) throw run.error;
  if (run.status !== 0) {
    const line = /^Command failed -:(\d+)/m.exec(run.stderr)?.[1];
    const command = line ? lines[Number(line) - 1] : "-batch";
    throw new Error(`namespace ${namespace}: ip ${command}: ${run.stderr.trim().split("\n")[0]}`);
  }
}

/** `net.ipv4.x` or, where an interface's name has a dot, `net/ipv4/conf/eth0.100/x`, as in sysctl(8). */
function sysctlPath(name: string): string {
  return `/proc/sys/${name.includes("/") ? name : name.replaceAll(".", "/")}`;
}

function trySysctl(name: string, value: string): boolean {
  try {
    writeFileSync(sysctlPath(name), value);
    return true;
  } catch {
    return false;
  }
}
