import { exitNow } from "../device/libc.ts";

/** Far more than a lab of hundreds of pods takes to go down. */
export const DOWN_WITHIN_MS = 30_000;
const EXIT_FAILED = 1;

/**
 * Whatever a lab waits for, going down ends: a process that has not ended by itself in time ends here, and with it, because
 * it is what PID 1 waits for, the kernel ends all that is left. Call it when the lab begins to go down.
 *
 * @param waitsFor what it waits for, in words for people.
 */
export function endInTime(lab: string, waitsFor: () => string, printError: (text: string) => void): void {
  const overdue = () => {
    printError(`podplane: lab ${lab} did not go down within ${DOWN_WITHIN_MS / 1000} s: it waited for ${waitsFor()}`);
    exitNow(EXIT_FAILED);
  };
  // Nothing but what it guards against keeps the process alive for it.
  setTimeout(overdue, DOWN_WITHIN_MS).unref();
}
