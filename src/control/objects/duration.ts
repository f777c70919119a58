import { z } from "zod";

const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;

/** `7d`, `90m`, `1h30m`, `2.5s`, `500ms` in milliseconds, rounded; null for other text. */
export function parseDuration(text: string): number | null {
  if (!WHOLE.test(text)) return null;
  let sum = 0;
  for (const [, value, unit] of text.matchAll(PART)) sum += Number(value) * MILLISECONDS[unit];
  return Math.round(sum);
}

/** Milliseconds as a person writes them: `1h30m`, `2d`, `0s`; below a second with as many digits as it takes. */
export function durationText(milliseconds: number): string {
  if (milliseconds === 0) return "0s";
  if (milliseconds < MILLISECONDS.s) return `${milliseconds}ms`;
  let rest = milliseconds;
  let text = "";
  for (const unit of ["d", "h", "m"]) {
    const count = Math.floor(rest / MILLISECONDS[unit]);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * MILLISECONDS[unit];
  }
  return rest === 0 ? text : `${text}${rest / MILLISECONDS.s}s`;
}

/** A duration as lab files write it; its value is milliseconds. */
export const duration = z
  .string({ error: "expected a duration such as 90s, 15m or 7d" })
  .refine((text) => parseDuration(text) !== null, { error: "expected a duration such as 90s, 15m or 7d" })
  .transform((text) => parseDuration(text) ?? 0);
