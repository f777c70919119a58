import { readdirSync, readFileSync } from "node:fs";
import { processes } from "./lab.ts";

/**
 * PIDs of the processes whose environment names a directory. Every process of a test's lab does: podplane's own have
 * PODPLANE_STATE, and the pods' have HOME, which are in the test's own directory.
 */
export function processesOf(directory: string): number[] {
  return processes()
    .filter(({ pid }) => environment(pid).includes(directory))
    .map(({ pid }) => pid);
}

function environment(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8");
  } catch {
    return "";
  }
}

/** Names of processes, for messages. */
export function describeProcesses(pids: readonly number[]): string[] {
  return processes()
    .filter(({ pid }) => pids.includes(pid))
    .map(({ pid, command }) => `${pid} ${command}`);
}

/** Network interfaces of the host. */
export function hostDevices(): string[] {
  return readdirSync("/sys/class/net").sort();
}

/** Mounts of the host below a directory. */
export function hostMounts(directory: string): string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .filter((line) => line.includes(directory));
}
