import { notEmpty, stringMap } from "./fields.ts";

/** What every VPC object may carry besides its own fields. */
export const identity = { id: notEmpty.optional(), tags: stringMap.default({}) };
