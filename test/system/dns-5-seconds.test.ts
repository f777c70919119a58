import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Podplane, QUICKSTART } from "./podplane.ts";

const NAME = "dns-5-seconds";
const RUNS = 3;
/** resolv.conf's `timeout`, so that a lost query costs a second and not five: all else is as the README has it. */
const QUICK = "RES_OPTIONS=timeout:1";
const TIMEOUT_S = 1;

let podplane: Podplane;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

/** The README's lab, with one line of it changed. @returns its directory. */
async function up(setting?: string, value?: string): Promise<string> {
  const directory = join(podplane.directory, "lab");
  cpSync(join(QUICKSTART, "..", NAME), directory, { recursive: true });
  const file = join(directory, "lab.yaml");
  const text = readFileSync(file, "utf8");
  const changed = text.replace(new RegExp(`^( *${setting}): [\\w-]+`, "m"), `$1: ${value}`);
  expect(changed === text).toBe(setting === undefined);
  writeFileSync(file, changed);
  await podplane.up(directory);
  return directory;
}

/** Seconds that each of `times` lookups of one process took; all of them have to succeed. */
async function lookups(directory: string, pod: string, times: number): Promise<number[]> {
  const script = join(directory, "resolve.py");
  const said = await podplane.sh(`pod/${pod}`, `env ${QUICK} python3 ${script} kube-dns.kube-system ${times}`);
  return said.split("\n").map((line) => {
    expect(line).toMatch(/^resolved in \d+\.\d s$/);
    return Number(line.split(" ")[2]);
  });
}

/** First lookups of several processes. */
async function firsts(directory: string, pod: string): Promise<number[]> {
  const took: number[] = [];
  for (let i = 0; i < RUNS; i++) took.push(...(await lookups(directory, pod, 1)));
  return took;
}

it("one of two queries is lost, the client waits for its timeout, and asks one after the other from then on", async () => {
  const directory = await up();
  const took = [await lookups(directory, "client", 3), await lookups(directory, "client", 3)];
  const lost = took.filter(([first]) => first >= TIMEOUT_S).length;
  expect(lost).toBeGreaterThan(0);
  for (const [, ...later] of took) for (const seconds of later) expect(seconds).toBeLessThan(TIMEOUT_S);
  const metrics = await podplane.finish();
  expect(metrics.drops).toEqual({ CONNTRACK_INSERT_FAILED: lost });
  expect(metrics.get('conntrack_events_total{event="insert_failed"}')).toBe(lost);
});

it("options of the pods' dnsConfig prevent it", async () => {
  const directory = await up();
  for (const [pod, option] of [
    ["single", "single-request"],
    ["reopen", "single-request-reopen"],
    ["tcp", "use-vc"],
  ]) {
    expect(await podplane.sh(`pod/${pod}`, "cat /etc/resolv.conf")).toContain(`options ndots:5 ${option}`);
    for (const seconds of await firsts(directory, pod)) expect(seconds, option).toBeLessThan(TIMEOUT_S);
  }
  const flows = (await podplane.get("conntrack")).filter((c) => c.protocol === "tcp");
  expect(flows.length).toBeGreaterThan(0);
  expect((await podplane.finish()).drops).toEqual({});
});

it.each([
  ["unconfirmedWindow", "0"],
  ["mode", "node-local"],
])("%s: %s prevents it", async (setting, value) => {
  const directory = await up(setting, value);
  for (const seconds of await firsts(directory, "client")) expect(seconds).toBeLessThan(TIMEOUT_S);
  const udp = (await podplane.get("conntrack")).filter((c) => c.protocol === "udp");
  expect(udp.length > 0).toBe(setting !== "mode");
  const metrics = await podplane.finish();
  expect(metrics.drops).toEqual({});
  expect(metrics.get('conntrack_events_total{event="clash_resolve"}')).toBe(0);
});

it("a kernel since 5.0 settles the clash", async () => {
  const directory = await up("resolveClashes", "true");
  for (const seconds of await firsts(directory, "client")) expect(seconds).toBeLessThan(TIMEOUT_S);
  const metrics = await podplane.finish();
  expect(metrics.drops).toEqual({});
  expect(metrics.get('conntrack_events_total{event="clash_resolve"}')).toBeGreaterThan(0);
});
