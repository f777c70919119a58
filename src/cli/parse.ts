import { InvalidArgumentError, Option } from "commander";

const PORT_MAX = 65_535;

/** A port number from 0 to 65535, for commander. */
export function parsePort(text: string): number {
  return wholeNumber(text, 0, PORT_MAX);
}

/** Number of TUN queues of each device, for commander. */
export function parseQueues(text: string): number {
  return wholeNumber(text, 1, 16);
}

const SEED_MAX = 0xffffffff;

/** A seed of random choices, for commander. */
export function parseSeed(text: string): number {
  return wholeNumber(text, 0, SEED_MAX);
}

const COUNT_MAX = 1_000_000;

/** How many there are of something, for commander. */
export function parseCount(text: string): number {
  return wholeNumber(text, 0, COUNT_MAX);
}

/** How many there are of something of which one has to be, for commander. */
export function parsePositive(text: string): number {
  return wholeNumber(text, 1, COUNT_MAX);
}

/** A whole number in a range, for commander. */
export function wholeNumber(text: string, min: number, max: number): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || n < min || n > max)
    throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}, got "${text}".`);
  return n;
}

/** An option that may be repeated, for commander. */
export function parseRepeated(text: string, before: string[] = []): string[] {
  return [...before, text];
}

/** `-o, --output table|json` */
export function outputOption(): Option {
  return new Option("-o, --output <format>", "how to print it").choices(["table", "json"]).default("table");
}
