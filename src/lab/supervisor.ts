import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { type FromInner, INNER_MARKER, type ToInner } from "./innerChannel.ts";
import { findPrivileges } from "./privilege.ts";

/**
 * The outer process: the one the user started. It stays in the host's namespaces, starts the inner process in
 * namespaces of its own, passes signals on as requests, and exits with the inner one's code.
 *
 * ```
 * outer node ──ipc──────────────────────────────────────────┐
 *   └─ setpriv = unshare      dies when outer dies           │
 *        └─ sh (PID 1)        dies when unshare dies         │
 *             └─ inner node   when it dies, sh exits; when sh exits, the kernel ends all that is left
 * ```
 * PID 1 is a shell, because orphans of pods become its children and it reaps them; Node reaps only its own.
 */
const INIT = ["sh", "-c", '"$@"; exit $?', "podplane"];

const EXIT_BY_SIGNAL = 128;
const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface SuperviseOptions {
  /** JavaScript file to run in the inner process: the command line's own. */
  script: string;
  /** Called when the inner process says that it is ready (innerChannel.ts). */
  onReady?: (message: unknown) => void;
}

/**
 * Runs `node script args...` in private mount and PID namespaces (and a user namespace when not root) until it ends.
 * Its standard streams are ours. kill -9 of either process, or of one between them, ends everything.
 * @returns exit code of the inner process, or 128 + the signal that ended it.
 * @throws PrivilegeError when the namespaces cannot be had.
 */
export async function superviseInner(args: string[], options: SuperviseOptions): Promise<number> {
  const { command, rootless } = findPrivileges();
  const inner = [process.execPath, ...process.execArgv, options.script, ...args];
  // Signals are ours before there is a child: one that comes while the child starts reaches it as a request too.
  let child: ChildProcess | undefined;
  const stop = () => tell(child, { type: "stop" });
  for (const signal of STOP_SIGNALS) process.on(signal, stop);
  try {
    child = spawn(command[0], [...command.slice(1), ...INIT, ...inner], {
      // A session of its own: a terminal's Ctrl-C reaches this process alone (an older unshare would die of it).
      detached: true,
      stdio: ["inherit", "inherit", "inherit", "ipc"],
      env: { ...process.env, [INNER_MARKER]: rootless ? "rootless" : "root" },
    });
    return await exitOf(child, options.onReady);
  } finally {
    for (const signal of STOP_SIGNALS) process.off(signal, stop);
    if (child?.connected) child.disconnect();
  }
}

function tell(child: ChildProcess | undefined, message: ToInner): void {
  if (child?.connected) child.send(message);
}

/** @returns the code `child` exits with; answers its messages until then. */
function exitOf(child: ChildProcess, onReady: SuperviseOptions["onReady"]): Promise<number> {
  child.on("message", (message: FromInner) => {
    if (message.type === "hello") tell(child, { type: "hostPid", pid: onlyChild(child) });
    else onReady?.(message.message);
  });
  return new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      resolve(code ?? EXIT_BY_SIGNAL + (signal ? constants.signals[signal] : 0));
    });
  });
}

/** Host-view PID of unshare's child: PID 1 of the lab's namespace, which `podplane exec` enters by it. */
function onlyChild(unshare: ChildProcess): number {
  const parent = unshare.pid ?? 0;
  const listed = childrenListed(parent);
  return listed ?? childByScan(parent);
}

/** Needs CONFIG_PROC_CHILDREN. */
function childrenListed(parent: number): number | undefined {
  try {
    const first = readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8").trim().split(" ")[0];
    return first === "" ? undefined : Number(first);
  } catch {
    return undefined;
  }
}

function childByScan(parent: number): number {
  for (const entry of readdirSync("/proc")) {
    if (/^\d+$/.test(entry) && parentOf(entry) === parent) return Number(entry);
  }
  throw new Error(`process ${parent} has no child`);
}

/** proc(5), /proc/pid/stat: "pid (name) state ppid ..."; a name may hold anything, also a parenthesis. */
function parentOf(pid: string): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return 0;
  }
}
