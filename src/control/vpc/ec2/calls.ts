import type { Random } from "../../../plane/random.ts";
import { type Process, sleep } from "../../time/process.ts";
import type { Timeline } from "../../time/timeline.ts";
import type { CallCount } from "./api.ts";
import { Ec2Error, throttled } from "./ec2Error.ts";
import { EC2_ACTIONS, type Ec2Action, type Ec2Settings } from "./types.ts";

/** Attempts of the AWS SDK at one call: what ipamd and the VPC resource controller set (aws.Config RetryMaxAttempts). */
const MAX_ATTEMPTS = 10;
/** Wait before an attempt that comes late, milliseconds (AWS SDK for Go v2, aws/retry, DefaultMaxBackoff). */
const MAX_BACKOFF = 20_000;
/** Attempts after which the wait is drawn from a range: 2^4 s is the last that is under the longest wait. */
const DRAWN_BACKOFFS = 4;
const SECOND = 1000;
/** Steps in a random part of one: the largest range that {@link Random.below} draws from. */
const RANDOM_STEPS = 2 ** 20;

/** Tokens of an action in thousandths, so that whole numbers of milliseconds add up exactly. */
interface Bucket {
  tokens: number;
  filledAt: number;
}

/** What a call to EC2 takes besides what it does: time, tokens, further attempts. And the counts of it. */
export class Calls {
  readonly counts: ReadonlyMap<Ec2Action, CallCount>;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #settings: Ec2Settings;
  readonly #buckets = new Map<Ec2Action, Bucket>();

  constructor(timeline: Timeline, random: Random, settings: Ec2Settings) {
    this.#timeline = timeline;
    this.#random = random;
    this.#settings = settings;
    this.counts = new Map(EC2_ACTIONS.map((action) => [action, { calls: 0, milliseconds: 0, errors: new Map() }]));
  }

  /**
   * Waits until EC2 lets the call in, then for the action's latency, then changes the world. A refused attempt is
   * answered at once.
   *
   * @throws Ec2Error of the change, or RequestLimitExceeded after the last attempt.
   */
  *call<T>(action: Ec2Action, change: () => T): Process<T> {
    const count = this.#count(action);
    for (let attempt = 1; ; attempt++) {
      count.calls++;
      if (this.#takeToken(action)) break;
      const error = throttled();
      countError(count, error);
      if (attempt === MAX_ATTEMPTS) throw error;
      yield* sleep(this.#backoff(attempt));
    }
    const latency = this.#latency(action);
    yield* sleep(latency);
    count.milliseconds += latency;
    try {
      return change();
    } catch (error) {
      if (error instanceof Ec2Error) countError(count, error);
      throw error;
    }
  }

  #count(action: Ec2Action): CallCount {
    const count = this.counts.get(action);
    if (count === undefined) throw new RangeError(`no EC2 action ${action}`);
    return count;
  }

  /** A token bucket that is full at first and never holds more than its size. */
  #takeToken(action: Ec2Action): boolean {
    const { throttle } = this.#settings;
    if (throttle === null) return true;
    const { now } = this.#timeline;
    const full = throttle.bucket * SECOND;
    const bucket = this.#buckets.get(action) ?? { tokens: full, filledAt: now };
    bucket.tokens = Math.min(full, bucket.tokens + (now - bucket.filledAt) * throttle.refillPerSecond);
    bucket.filledAt = now;
    this.#buckets.set(action, bucket);
    if (bucket.tokens < SECOND) return false;
    bucket.tokens -= SECOND;
    return true;
  }

  /** Whole milliseconds. Without jitter nothing is drawn. */
  #latency(action: Ec2Action): number {
    const { latency, jitter } = this.#settings;
    if (jitter === 0) return latency[action];
    return Math.round(latency[action] * (1 - jitter + 2 * jitter * this.#draw()));
  }

  /** Exponential backoff with full jitter: up to 2^attempt seconds, from the fifth on always 20 (aws/retry). */
  #backoff(attempt: number): number {
    if (attempt > DRAWN_BACKOFFS) return MAX_BACKOFF;
    return Math.round(this.#draw() * 2 ** attempt * SECOND);
  }

  #draw(): number {
    return this.#random.below(RANDOM_STEPS) / RANDOM_STEPS;
  }
}

function countError(count: CallCount, error: Ec2Error): void {
  count.errors.set(error.code, (count.errors.get(error.code) ?? 0) + 1);
}
