import { z } from "zod";
import { DISTRIBUTIONS, parseChance, parseGeModel, parseMicroseconds, parseRate } from "./impairmentText.ts";

const GAP_MAX = 1_000_000;
const LIMIT_MAX = 65_536;
/** netem's. */
export const DEFAULT_LIMIT = 1000;

/** A text, or the number 0, which is how a person ends a setting. */
const setting = (expected: string, test: (text: string) => boolean) => {
  const error = `expected ${expected}`;
  return z.union([z.literal(0), z.string().refine(test, { error })], { error });
};

const chance = setting(
  "a percentage such as 1%, or with a correlation such as 1% 25%",
  (text) => parseChance(text) !== null,
);
const time = setting("a time such as 50ms, 200us or 1s, 600s at most", (text) => parseMicroseconds(text) !== null);

const whole = (least: number, most: number) => {
  const error = `expected a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
};

/** What can be done to packets, in tc-netem(8)'s terms. All settings combine. */
export const impairmentSettings = {
  loss: chance.optional().describe("Packets that are lost, at random: 1%, or 1% 25% with a correlation"),
  gemodel: setting("1 to 4 percentages such as 1% 10% 70% 0.1% (p, r, 1-h, 1-k)", (text) => parseGeModel(text) !== null)
    .optional()
    .describe("Loss in bursts, the Gilbert-Elliott model: p [r [1-h [1-k]]]"),
  delay: time.optional().describe("How long each packet waits"),
  jitter: time.optional().describe("How far the delay of a packet may be from it; packets may overtake each other"),
  distribution: z
    .enum(Object.keys(DISTRIBUTIONS) as [keyof typeof DISTRIBUTIONS])
    .optional()
    .describe("Of the jitter; uniform unless set"),
  rate: setting("a rate such as 10mbit, 500kbit or 1gbit", (text) => parseRate(text) !== null)
    .optional()
    .describe("Bits of IP a second; packets keep their order"),
  limit: whole(1, LIMIT_MAX).optional().describe(`Packets that wait at most; ${DEFAULT_LIMIT} unless set`),
  duplicate: chance.optional().describe("Packets that come twice"),
  reorder: chance.optional().describe("Packets that are sent at once while others are delayed"),
  gap: whole(1, GAP_MAX).optional().describe("Only each GAPth packet may be sent at once; 1 unless set"),
  corrupt: chance.optional().describe("Packets of which one bit behind the IP header is changed"),
};

const POINT = /^[a-z0-9][-a-z0-9.]*(\/[a-z0-9][-a-z0-9.]*){1,2}$/;
const pointError = "expected a pod, host, node or ENI such as pod/web-1, host/rds, node/node-1 or node-1/eth1";

export const impairmentSchema = z.strictObject({
  at: z.string({ error: pointError }).refine((text) => POINT.test(text), { error: pointError }),
  direction: z.enum(["out", "in", "both"]).default("out").describe("out: what it sends; in: what it gets"),
  ...impairmentSettings,
});

export type LabImpairment = z.output<typeof impairmentSchema>;
export type ImpairmentSetting = keyof typeof impairmentSettings;
export const IMPAIRMENT_SETTINGS = Object.keys(impairmentSettings) as ImpairmentSetting[];
