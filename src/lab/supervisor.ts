import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { DOWN_WITHIN_MS } from "./deadline.ts";
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
/**
 * From here on a further signal ends the lab at once. Sooner it is the same request: npm passes a terminal's Ctrl-C on that
 * has come here already.
 */
const IMPATIENT_MS = 1000;
/** The inner process has ended itself by then, unless its main thread hangs. */
const HANGS_MS = DOWN_WITHIN_MS + 5000;
/** How long the channel may stay open after the child has ended. */
const LAST_WORDS_MS = 1000;
const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface SuperviseOptions {
  /** JavaScript file to run in the inner process: the command line's own. */
  script: string;
  /** Called with the lab's name, before the lab has a control socket. */
  onNamed?: (name: string) => void;
  /** Called when the inner process says that it is ready (innerChannel.ts). */
  onReady?: (message: unknown) => void;
}

/**
 * Runs `node script args...` in private mount and PID namespaces (and a user namespace when not root) until it ends.
 * Its standard streams are ours. SIGINT, SIGTERM and SIGHUP ask it to stop; another one, a second later, ends it, and so does
 * {@link HANGS_MS}. kill -9 of either process, or of one between them, ends everything.
 * @returns exit code of the inner process, or 128 + the signal that ended it.
 * @throws PrivilegeError when the namespaces cannot be had.
 */
export async function superviseInner(args: string[], options: SuperviseOptions): Promise<number> {
  const { command, rootless } = findPrivileges();
  const inner = [process.execPath, ...process.execArgv, options.script, ...args];
  // Signals are ours before there is a child: one that comes while the child starts reaches it as a request too.
  let child: ChildProcess | undefined;
  let asked: number | null = null;
  let greeted = false;
  let hangs: NodeJS.Timeout | undefined;
  const kill = () => child?.kill("SIGKILL");
  const stop = () => {
    if (asked !== null && performance.now() - asked > IMPATIENT_MS) kill();
    if (asked !== null) return;
    asked = performance.now();
    hangs = setTimeout(kill, HANGS_MS);
    // Before it has said anything there is nothing of a lab, and nobody who hears.
    if (greeted) tell(child, { type: "stop" });
    else kill();
  };
  for (const signal of STOP_SIGNALS) process.on(signal, stop);
  try {
    child = spawn(command[0], [...command.slice(1), ...INIT, ...inner], {
      // A session of its own: a terminal's Ctrl-C reaches this process alone (an older unshare would die of it).
      detached: true,
      stdio: ["inherit", "inherit", "inherit", "ipc"],
      env: { ...process.env, [INNER_MARKER]: rootless ? "rootless" : "root" },
    });
    const onHello = () => {
      greeted = true;
    };
    const code = await exitOf(child, { ...options, onHello });
    return asked !== null && !greeted ? 0 : code;
  } finally {
    clearTimeout(hangs);
    for (const signal of STOP_SIGNALS) process.off(signal, stop);
    if (child?.connected) child.disconnect();
  }
}

function tell(child: ChildProcess | undefined, message: ToInner): void {
  if (child?.connected) child.send(message);
}

/** @returns the code `child` exits with; answers its messages until then. */
function exitOf(
  child: ChildProcess,
  { onHello, onNamed, onReady }: SuperviseOptions & { onHello: () => void },
): Promise<number> {
  child.on("message", (message: FromInner) => {
    if (message.type === "hello") {
      onHello();
      const pid = onlyChild(child);
      // Without it the inner process has ended already.
      if (pid !== undefined) tell(child, { type: "hostPid", pid });
    } else if (message.type === "named") onNamed?.(message.name);
    else onReady?.(message.message);
  });
  return new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      const end = () => resolve(code ?? EXIT_BY_SIGNAL + (signal ? constants.signals[signal] : 0));
      // What the inner process said last may still be on its way, and PID 1 on its way out.
      const late = setTimeout(end, LAST_WORDS_MS);
      child.on("close", () => {
        clearTimeout(late);
        end();
      });
    });
  });
}

/** Host-view PID of unshare's child: PID 1 of the lab's namespace, which `podplane exec` enters by it. */
function onlyChild(unshare: ChildProcess): number | undefined {
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

function childByScan(parent: number): number | undefined {
  const found = readdirSync("/proc").find((entry) => /^\d+$/.test(entry) && parentOf(entry) === parent);
  return found === undefined ? undefined : Number(found);
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
