import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Podplane, QUICKSTART } from "./podplane.ts";
import { until } from "./support/wait.ts";

let podplane: Podplane;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

/** The lab with a cooldown of so many seconds. */
function labWith(cooldown: number): string {
  const directory = join(podplane.directory, "wrong-pod");
  cpSync(join(QUICKSTART, "../wrong-pod-after-reuse"), directory, { recursive: true });
  const file = join(directory, "lab.yaml");
  const text = readFileSync(file, "utf8");
  const changed = text.replace('IP_COOLDOWN_PERIOD: "30"', `IP_COOLDOWN_PERIOD: "${cooldown}"`);
  expect(changed).not.toBe(text);
  writeFileSync(file, changed);
  return directory;
}

const tcp = async () => (await podplane.get("conntrack")).filter((c) => c.protocol === "tcp");

/** Runs the README's steps and returns what curl says, and the addresses of both pods. */
async function run(cooldown: number, patience: number) {
  const lab = labWith(cooldown);
  await podplane.up(lab);
  const before = (await podplane.get("pods")).find((p) => p.name === "orders")?.address;
  // SYNs after 0, 1, 3, 7, 15 s, since Linux 6.5 after 0 to 5, 7, 11, 19 s: a cooldown of 8 s leaves billing seconds to
  // listen before the next one, which it would refuse otherwise.
  const time = String(patience);
  const curl = podplane.background(
    "pod/client",
    "curl",
    "-sS",
    "--max-time",
    time,
    "--local-port",
    "40000",
    "http://orders/",
  );
  await until("the SYN to be translated", async () => (await tcp()).length === 2);
  await podplane.must("delete", "pod/orders");
  const cooling = async () => (await podplane.get("enis")).reduce((sum, eni) => sum + eni.cooling, 0);
  expect(await cooling()).toBe(1);
  if (cooldown < patience) await until("the address to have cooled down", async () => (await cooling()) === 0);
  await podplane.must("apply", "-f", join(lab, "later/billing.yaml"));
  await until("billing to have an address", async () => (await podplane.get("pods")).every((p) => p.address !== null));
  const after = (await podplane.get("pods")).find((p) => p.name === "billing")?.address;
  const { stdout, stderr } = await curl.ended;
  const answered = (await tcp()).map((c) => c.to);
  await podplane.finish();
  return { before, after, stdout, stderr, answered };
}

it("a pod that reuses an address within 120 s gets the connection that the last one did not answer", async () => {
  const { before, after, stdout, stderr, answered } = await run(8, 40);
  expect(after).toBe(before);
  expect(stdout, stderr).toBe("billing answers\n");
  expect(answered).toEqual(["pod/default/billing", "pod/default/billing"]);
});

it("a cooldown that outlives the connection attempt keeps them apart", async () => {
  const { before, after, stdout, stderr } = await run(60, 8);
  expect(after).not.toBe(before);
  expect(stdout).toBe("");
  expect(stderr).toContain("timed out");
});
