import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { DIST } from "./dist.ts";

const SCRIPT = fileURLToPath(new URL("labScript.mjs", import.meta.url));

export type User = "root" | "nobody";

/** Runs a command as nobody, in a private mount namespace where /dev/net/tun has the mode given. */
function asNobody(directory: string, tunMode: string, command: string[]): string[] {
  const script = `mknod "$1/tun" c 10 200 && chmod ${tunMode} "$1/tun" && mount --bind "$1/tun" /dev/net/tun && shift &&
    exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"`;
  return ["unshare", "--mount", "sh", "-c", script, "sh", directory, ...command];
}

/** A lab made of labScript.mjs: its processes, and what it reported. */
export class TestLab {
  readonly directory = mkdtempSync("/tmp/podplane-test-");
  readonly #user: User;
  readonly #tunMode: string;
  #outer: ChildProcess | null = null;
  #stderr = "";

  /** @param options.tunMode who may open /dev/net/tun; on most machines, everybody. */
  constructor(user: User, options = { tunMode: "666" }) {
    this.#user = user;
    this.#tunMode = options.tunMode;
    chmodSync(this.directory, 0o777);
  }

  /** @returns what the scenario reported. */
  async start(scenario: string, ...rest: string[]): Promise<Record<string, unknown>> {
    const script = this.#script([scenario, ...rest]);
    const command = this.#user === "nobody" ? asNobody(this.directory, this.#tunMode, script) : script;
    const outer = spawn(command[0], command.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
    this.#outer = outer;
    outer.stderr.on("data", (data) => {
      this.#stderr += data;
    });
    for await (const line of createInterface({ input: outer.stdout })) return JSON.parse(line);
    throw new Error(`the lab ended: ${this.#stderr}`);
  }

  #script(rest: string[]): string[] {
    return [process.execPath, SCRIPT, DIST.href, this.directory, ...rest];
  }

  /** `podplane exec`, from outside. */
  exec(hostPid: number, file: string, command: string[]): { status: number | null; stdout: string; stderr: string } {
    const script = this.#script(["enter", String(hostPid), file, ...command]);
    const user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const [program, ...args] = this.#user === "nobody" ? [...user, ...script] : script;
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", input: "typed\n" });
    return { status, stdout, stderr };
  }

  /** PID of the outer process. */
  get pid(): number {
    return this.#outer?.pid ?? 0;
  }

  signal(signal: NodeJS.Signals): void {
    this.#outer?.kill(signal);
  }

  async exited(): Promise<{ code: number | null; stderr: string }> {
    const outer = this.#outer;
    if (outer && outer.exitCode === null && outer.signalCode === null) await once(outer, "exit");
    return { code: outer?.exitCode ?? null, stderr: this.#stderr };
  }

  async dispose(): Promise<void> {
    this.signal("SIGKILL");
    await this.exited();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export interface Process {
  pid: number;
  parent: number;
  command: string;
}

/** All processes of the machine; the text of a command has spaces between its arguments. */
export function processes(): Process[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      const command = readFileSync(`/proc/${entry}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      return [{ pid: Number(entry), parent, command }];
    } catch {
      return [];
    }
  });
}

/** A process and everything below it, itself first, parents before children. */
export function processTree(root: number): Process[] {
  const all = processes();
  const tree = all.filter(({ pid }) => pid === root);
  for (let i = 0; i < tree.length; i++) tree.push(...all.filter(({ parent }) => parent === tree[i].pid));
  return tree;
}
