/** What an impairment is of: everything that a device sends or gets, or what passes an ENI. */
export const AT_DEVICE = 0;
export const AT_ENI = 1;

/** What it sends, and what it gets. */
export const DIRECTION_OUT = 0;
export const DIRECTION_IN = 1;

/** How jitter is spread: evenly over delay - jitter to delay + jitter, or with jitter as its standard deviation. */
export const DISTRIBUTION_UNIFORM = 0;
export const DISTRIBUTION_NORMAL = 1;

/** A random event in tc-netem(8)'s terms. */
export interface Chance {
  /** 0 to 1; 0: never. */
  probability: number;
  /** How much of each draw is the one before it, 0 to 1. */
  correlation: number;
}

/**
 * The Gilbert-Elliott model of losses (tc-netem(8), "loss gemodel"): a good and a bad state, and how likely a packet is lost
 * in each. All 0 to 1.
 */
export interface GeModel {
  /** From good to bad, at each packet. */
  p: number;
  /** From bad to good. */
  r: number;
  /** Loss in the bad state: 1-h. */
  lossInBad: number;
  /** Loss in the good state: 1-k. */
  lossInGood: number;
}

/** What a lab does on purpose to the packets of a point in one direction. */
export interface ImpairmentRow {
  t: "impairment";
  at: typeof AT_DEVICE | typeof AT_ENI;
  /** Device or ENI. */
  index: number;
  direction: typeof DIRECTION_OUT | typeof DIRECTION_IN;
  /** int32, of the lab's seed and the point's name: what is impaired elsewhere changes nothing here. */
  seed: number;
  loss: Chance;
  /** null: none. */
  gemodel: GeModel | null;
  duplicate: Chance;
  corrupt: Chance;
  reorder: Chance;
  /** Of so many packets one may overtake those that are delayed; 1 or more. */
  gap: number;
  /** Microseconds. */
  delay: number;
  /** Microseconds. */
  jitter: number;
  distribution: typeof DISTRIBUTION_UNIFORM | typeof DISTRIBUTION_NORMAL;
  /** Bits of IP a second; 0: as fast as they come. */
  rate: number;
  /** Packets that wait at most. */
  limit: number;
}

/** The number that a step of a decision has for a point (RULE_IMPAIRMENT), and {@link pointOf} reads. */
export function pointNumber(at: number, index: number, direction: number): number {
  return (index << 2) | (at << 1) | direction;
}

/** What a step's number of RULE_IMPAIRMENT means. */
export function pointOf(point: number): { at: number; index: number; direction: number } {
  return { at: (point >> 1) & 1, index: point >> 2, direction: point & 1 };
}

// What a step of ACT_IMPAIR (or the drop of a lost packet) says in its a; b and c are what follows.
/** b = draw, c = probability, both in units of {@link PER_ONE}. */
export const IMPAIR_PASSED = 1;
/** b = draw, c = probability; c = -1: by the Gilbert-Elliott model. */
export const IMPAIR_LOST = 2;
/** A copy of it takes the same way. */
export const IMPAIR_DUPLICATED = 3;
/** b = byte of the packet, counted from its IP header; c = bit, 0 to 7. */
export const IMPAIR_CORRUPTED = 4;
/** b = microseconds, at most 2^31 - 1. */
export const IMPAIR_DELAYED = 5;
/** Sent at once, although others are delayed. */
export const IMPAIR_REORDERED = 6;
/** b = packets that wait, c = limit. */
export const IMPAIR_FULL = 7;
/** A super-packet was cut, and its first segment was changed. b = byte, c = bit, d = segments. */
export const IMPAIR_CORRUPTED_SEGMENT = 8;

/** Probabilities and draws in steps are whole numbers of this. */
export const PER_ONE = 1e9;
