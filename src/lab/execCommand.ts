import { spawn, spawnSync } from "node:child_process";
import { readlinkSync } from "node:fs";
import { constants } from "node:os";
import { type PodEntry, podCommand, podEnvironment } from "./podEntry.ts";

const EXIT_BY_SIGNAL = 128;
/**
 * Every process of the chain dies with its parent, so that ending `podplane exec` ends the command; not one that changes
 * its user, as tcpdump does: the kernel clears the signal then (prctl(2)), and the command ends with the lab.
 */
const DIES_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL", "--"];
/**
 * nsenter stays as the command's parent (it forks for --pid) and would die of the Ctrl-C that is meant for the command;
 * so it ignores it, and the command's signals are reset. Needs coreutils 8.31; without, Ctrl-C ends both.
 */
const IGNORES_INTERRUPT = ["sh", "-c", 'trap "" INT QUIT; exec "$@"', "podplane"];
const RESETS_INTERRUPT = ["env", "--default-signal=INT,QUIT"];

/**
 * The argv that runs `command` in a pod of a running lab, from outside of its namespaces.
 * @param hostPid PID of the lab's PID 1 as the host sees it (InnerChannel.hostPid).
 * @throws Error with code ENOENT when there is no such process, EACCES when it is another user's.
 */
function execArgv(hostPid: number, pod: PodEntry, command: string[]): string[] {
  const rootless = readlinkSync(`/proc/${hostPid}/ns/user`) !== readlinkSync("/proc/self/ns/user");
  const resets = spawnSync(RESETS_INTERRUPT[0], [...RESETS_INTERRUPT.slice(1), "true"]).status === 0;
  return [
    ...(resets ? IGNORES_INTERRUPT : []),
    ...DIES_WITH_PARENT,
    ...["nsenter", "--target", String(hostPid), "--mount", "--pid"],
    ...(rootless ? ["--user", "--preserve-credentials"] : []),
    "--",
    ...DIES_WITH_PARENT,
    ...podCommand(pod, resets ? [...RESETS_INTERRUPT, ...command] : command),
  ];
}

/**
 * Runs a command in a pod of a running lab with our standard streams.
 * @returns its exit code, or 128 + the signal that ended it.
 * @throws as {@link execArgv}.
 */
export function execCommand(hostPid: number, pod: PodEntry, command: string[]): Promise<number> {
  const [file, ...args] = execArgv(hostPid, pod, command);
  // A terminal's Ctrl-C reaches the command as well, and the command decides.
  const ignore = () => {};
  process.on("SIGINT", ignore);
  process.on("SIGQUIT", ignore);
  return new Promise<number>((resolve, reject) => {
    const child = spawn(file, args, { stdio: "inherit", env: podEnvironment(pod) });
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(code ?? EXIT_BY_SIGNAL + (signal ? constants.signals[signal] : 0)));
  }).finally(() => {
    process.off("SIGINT", ignore);
    process.off("SIGQUIT", ignore);
  });
}
