import {
  type Chance,
  DISTRIBUTION_NORMAL,
  DISTRIBUTION_UNIFORM,
  type GeModel,
} from "../../plane/impair/impairmentRow.ts";

/** The texts of impairments, in tc-netem(8)'s words: `1% 25%`, `50ms`, `10mbit`. */

const NEVER: Chance = { probability: 0, correlation: 0 };
const PERCENT = /^(\d{1,3}(?:\.\d+)?)%$/;
const TIME = /^(\d+(?:\.\d+)?)(us|ms|s)$/;
const RATE = /^(\d+(?:\.\d+)?)(bit|kbit|mbit|gbit)$/;
const MICROSECONDS: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 };
const BITS: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 };
/** Ten minutes: longer than any packet lives (RFC 9293's MSL is two). */
const LONGEST_US = 600_000_000;
/** Faster than any link, slow enough that a bit still takes a time that a double tells from none. */
const FASTEST = 1e12;
const PERCENT_OF_ONE = 100;

/** `0`, which ends a setting, is no time, rate or percentage, but means one. */
const isZero = (text: string): boolean => /^0+(\.0+)?(%|us|ms|s|bit|kbit|mbit|gbit)?$/.test(text);

function percentages(text: string, most: number): number[] | null {
  const parts = text.trim().split(/[\s,]+/);
  if (parts.length > most) return null;
  const numbers: number[] = [];
  for (const part of parts) {
    const found = PERCENT.exec(part);
    const value = found === null ? (isZero(part) ? 0 : Number.NaN) : Number(found[1]) / PERCENT_OF_ONE;
    if (!(value >= 0 && value <= 1)) return null;
    numbers.push(value);
  }
  return numbers;
}

/** `1%`, or `1% 25%` with a correlation; null for other text. */
export function parseChance(text: string): Chance | null {
  const numbers = percentages(text, 2);
  if (numbers === null) return null;
  const [probability, correlation = 0] = numbers;
  return probability === 0 ? NEVER : { probability, correlation };
}

/** `p [r [1-h [1-k]]]`, with netem's defaults: r is 1 - p, the bad state loses all, the good one nothing. */
export function parseGeModel(text: string): GeModel | null {
  const numbers = percentages(text, 4);
  if (numbers === null) return null;
  const [p, r = 1 - p, lossInBad = 1, lossInGood = 0] = numbers;
  return { p, r, lossInBad, lossInGood };
}

/** `50ms`, `1.5ms`, `200us`, `2s` in microseconds; null for other text and for more than ten minutes. */
export function parseMicroseconds(text: string): number | null {
  if (isZero(text)) return 0;
  const found = TIME.exec(text);
  if (found === null) return null;
  const value = Math.round(Number(found[1]) * MICROSECONDS[found[2]]);
  return value <= LONGEST_US ? value : null;
}

/** `10mbit`, `500kbit`, `1.5gbit` in bits a second; null for other text, less than a bit and more than 1000 gbit. */
export function parseRate(text: string): number | null {
  if (isZero(text)) return 0;
  const found = RATE.exec(text);
  if (found === null) return null;
  const value = Number(found[1]) * BITS[found[2]];
  return value >= 1 && value <= FASTEST ? value : null;
}

export const DISTRIBUTIONS = { uniform: DISTRIBUTION_UNIFORM, normal: DISTRIBUTION_NORMAL } as const;

/** Whether a setting's text ends it: `0`, `0%`, `0ms`, `0mbit`. */
export function isOff(text: string): boolean {
  return isZero(text.trim());
}
