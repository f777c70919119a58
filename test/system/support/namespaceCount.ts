import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { until } from "./wait.ts";

/** The kinds of namespaces that a lab of root makes, with unshare's option. */
const KINDS = { net: "--net", mnt: "--mount", pid: "--pid" } as const;

/**
 * A user namespace whose namespaces the kernel counts for us (user_namespaces(7), /proc/sys/user/max_*_namespaces): with
 * a limit of 1 another one can be made if, and only if, there is none, whoever holds it: a process, a file or a
 * descriptor. What else the machine does makes no difference.
 */
export class CountedNamespaces {
  readonly #keeper: ChildProcess;

  private constructor(keeper: ChildProcess) {
    this.#keeper = keeper;
  }

  static async make(): Promise<CountedNamespaces> {
    const [program, ...args] = ["unshare", "--user", "--map-root-user", "sh", "-c", "echo ready; read -r _"];
    const keeper = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    let said = "";
    keeper.stdout?.on("data", (chunk) => {
      said += chunk;
    });
    await until("the user namespace", () => said.includes("ready"));
    return new CountedNamespaces(keeper);
  }

  /** Command that runs the command after it, as root, in the user namespace. */
  get wrap(): string[] {
    return ["nsenter", "--user", "--preserve-credentials", `--target=${this.#keeper.pid}`, "--"];
  }

  /** Waits until none is left; the kernel frees a network namespace some time after its last user has gone. */
  async allGone(): Promise<void> {
    for (const [kind, option] of Object.entries(KINDS)) {
      const script = `echo 1 >/proc/sys/user/max_${kind}_namespaces && exec unshare ${option} --fork true`;
      const [program, ...args] = [...this.wrap, "sh", "-c", script];
      await until(`every ${kind} namespace to go`, () => spawnSync(program, args).status === 0);
    }
  }

  close(): void {
    this.#keeper.kill();
  }
}
