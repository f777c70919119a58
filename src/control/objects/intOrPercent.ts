import { z } from "zod";

const error = "expected a number of pods such as 1, or a percentage such as 25%";

/** A number of pods or a percentage of them, as a rolling update has it. */
export const intOrPercent = z.union([z.int().min(0), z.string().regex(/^\d{1,3}%$/)], { error });

export type IntOrPercent = z.output<typeof intOrPercent>;

/** Whether it comes to no pod at all, however many there are. */
export function isNone(value: IntOrPercent): boolean {
  return Number.parseInt(String(value), 10) === 0;
}
