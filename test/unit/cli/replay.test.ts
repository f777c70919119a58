import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { readCapture } from "../../../src/observe/capture/captureReader.ts";
import { runCommand } from "../cookbook/runCommand.ts";

const labs = fileURLToPath(new URL("../../../labs", import.meta.url));
const FIVE = `replay ${labs}/service-questions/five-connections.pcap --lab ${labs}/service-questions --at pod/client`;
const FULL = "--set spec.cluster.conntrack.max=4";

it("shows packets of some verdicts alone, so many at most, and the summary of all", async () => {
  const all = await runCommand(`${FIVE} ${FULL}`);
  const [packets, summary] = [all.split("\n\n")[0], all.split("\n\n")[1]];
  expect(packets.match(/^12:00/gm)).toHaveLength(15);
  const some = await runCommand(`${FIVE} ${FULL} --verdict dropped --verdict MISSING -c 2`);
  expect(some.match(/^12:00\S+/gm)).toEqual(["12:00:00.040", "12:00:00.041"]);
  expect(some).toContain("... 13 packets not shown");
  expect(some.split("\n\n")[1]).toBe(summary);
  expect(await runCommand(`${FIVE} ${FULL} -c 0`)).toBe(summary);
});

it("chooses events of JSON alike, and writes all packets", async () => {
  const directory = mkdtempSync("/tmp/podplane-test-");
  try {
    const file = join(directory, "all.pcapng");
    const lines = (await runCommand(`${FIVE} ${FULL} --verdict DROPPED -c 1 -o json -w ${file}`)).split("\n");
    const [event, end] = lines.map((line) => JSON.parse(line));
    expect([lines.length, event.id, event.reason]).toEqual([2, 13, "CONNTRACK_FULL"]);
    expect(end.summary.total).toBe(15);
    const written = readCapture(readFileSync(file)).packets.filter((p) => p.interface === "pod/default/client");
    expect(written.length).toBe(14);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it("changes settings of the first lab, not of --vs", async () => {
  expect(await runCommand(`${FIVE} --vs ${labs}/service-questions`)).not.toContain("CONNTRACK_FULL");
  const differs = await runCommand(`${FIVE} ${FULL} --vs ${labs}/service-questions`);
  expect(differs).toContain("CONNTRACK_FULL");
  expect(differs).toContain(`${labs}/service-questions spec.cluster.conntrack.max=4`.slice(-30));
});

it.each([
  ["--verdict LOST", /expected one of DELIVERED, DROPPED/],
  ["-c few", /whole number/],
  [`-c 1 --vs ${labs}/service-questions`, /--vs shows where packets part/],
  ["--set spec.cluster.conntrack.max=many", /conntrack\.max/],
  ["--set nonsense", /is no setting/],
])("refuses %s", async (options, message) => {
  await expect(runCommand(`${FIVE} ${options}`)).rejects.toThrow(message);
});
