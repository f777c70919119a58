import { spawn } from "node:child_process";
import { type PodEntry, podCommand, podEnvironment } from "./podEntry.ts";

/**
 * Runs a command in a pod for so long at most, its output unread: a hook, a probe. It ends with all that it started.
 *
 * @param timeoutMs milliseconds
 * @param signal ends it sooner.
 * @returns its exit code; null: it did not run to its end.
 */
export function runInPod(
  pod: PodEntry,
  command: readonly string[],
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<number | null> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve(null);
      return;
    }
    const [file, ...args] = podCommand(pod, [...command]);
    const child = spawn(file, args, { detached: true, stdio: "ignore", env: podEnvironment(pod) });
    const end = () => killSession(child.pid);
    const timer = setTimeout(end, timeoutMs);
    const done = (code: number | null) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve(code);
    };
    signal?.addEventListener("abort", end);
    child.on("error", () => done(null));
    child.on("exit", (code) => {
      killSession(child.pid);
      done(code);
    });
  });
}

/** Ends whatever is left of the session that a process leads. */
export function killSession(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // ESRCH: nobody is left.
  }
}
