import type { Random } from "../../../plane/random.ts";
import { type Process, sleep } from "../../time/process.ts";

/** maxENIEC2APIRetries, maxENIBackoffDelay of pkg/awsutils/awsutils.go; milliseconds. */
const ATTEMPTS = 12;
const LONGEST = 60_000;
/** Up to so much of a delay is added to it. */
const JITTER = 0.15;
/** Random.below() takes up to 2^20. */
const GRAIN = 1 << 20;

/**
 * ipamd's retry.NWithBackoff: tries up to 12 times, and waits twice as long each time.
 *
 * @param first milliseconds before the second attempt.
 * @param attempt answers whether it was the last: done, or failed for good.
 * @returns false: all attempts were made, and none was done.
 */
export function* withBackoff(
  first: number,
  random: Random,
  attempt: () => Process<boolean> | boolean,
): Process<boolean> {
  let delay = first;
  for (let n = 1; n <= ATTEMPTS; n++) {
    const done = attempt();
    if (typeof done === "boolean" ? done : yield* done) return true;
    if (n === ATTEMPTS) break;
    yield* sleep(Math.round(delay + (delay * JITTER * random.below(GRAIN)) / GRAIN));
    delay = Math.min(delay * 2, LONGEST);
  }
  return false;
}
