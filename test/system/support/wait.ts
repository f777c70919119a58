import { setTimeout as later } from "node:timers/promises";

const POLL_MS = 10;
/** Longer than anything that is waited for takes, also on a machine that does other things. */
const PATIENCE_MS = 15_000;

/**
 * Asks until the answer is neither null nor false, and gives it.
 *
 * @param what completes the sentence "gave up waiting for ...".
 */
export async function until<T>(
  what: string,
  ask: () => T | null | false | Promise<T | null | false>,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`gave up waiting for ${what} after ${patienceMs} ms`);
    await later(POLL_MS);
  }
}
