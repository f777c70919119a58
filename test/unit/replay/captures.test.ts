import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { finalTables } from "../../../src/lab/replay/finalTables.ts";
import { Replay } from "../../../src/lab/replay/replay.ts";
import type { ReplayEvent } from "../../../src/lab/replay/replayEvent.ts";
import { ReplayFile } from "../../../src/lab/replay/replayFile.ts";
import { replayLine, replaySummaryText } from "../../../src/lab/replay/replayText.ts";
import type { Capture } from "../../../src/observe/capture/capture.ts";
import { readCapture } from "../../../src/observe/capture/captureReader.ts";
import { captureBytes } from "./captureBytes.ts";
import { Conversation } from "./conversation.ts";
import { connection, lab } from "./scenarios.ts";

const FIXTURES = "test/unit/replay/fixtures";
const GOLDEN = "./fixtures/golden";
const VERDICTS = /^(DELIVERED|DROPPED|REJECTED|QUEUED|COMPARED|MISSING|NOT_SENT|NO_POINT|SKIPPED)$/;

/** A replay changes nothing of it. */
const cluster = lab();

/** Everything that a replay writes: text, JSON, the file, the tables. */
function everything(
  capture: Capture,
  at: string | null,
): { text: string; json: string; file: Uint8Array; events: ReplayEvent[] } {
  const run = new Replay(cluster, capture, { at, seed: null, settleMs: 1000 });
  const chunks: Uint8Array[] = [];
  const file = new ReplayFile((b) => chunks.push(b.slice()), run.plane.context.tables, run.names, {
    lab: "replay",
    seed: 7,
  });
  const generator = run.run(file);
  const events: ReplayEvent[] = [];
  let next = generator.next();
  for (; !next.done; next = generator.next()) events.push(next.value);
  file.end();
  const tables = finalTables(run.plane, cluster.snapshot().machines.values(), run.names);
  const style = { width: 80, wrap: false, colour: false };
  return {
    events,
    text: [...events.map((e) => replayLine(e, false, style)), "", replaySummaryText(next.value), ""].join("\n"),
    json: JSON.stringify([events, next.value, tables]),
    file: Buffer.concat(chunks),
  };
}

const hash = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");
const files = readdirSync(FIXTURES).filter((name) => /\.pcap(ng)?$/.test(name));

describe.each(files)("%s", (name) => {
  const capture = readCapture(readFileSync(`${FIXTURES}/${name}`));

  it.each(["pod/client", "node/node-1", "host/web", null])("each packet has a verdict, taken at %s", (at) => {
    const { events, file } = everything(capture, at);
    expect(events.map((e) => e.id)).toEqual(capture.packets.map((p) => p.number));
    for (const event of events) {
      expect(event.verdict).toMatch(VERDICTS);
      if (event.verdict === "DROPPED" || event.verdict === "REJECTED") expect(event.reason).not.toBeNull();
      if (event.replay.action === "left out") expect(event.replay.notes[0]).not.toBe("");
    }
    expect(readCapture(file).damage).toBeNull();
  });

  it("what it writes can be replayed as well", () => {
    const again = readCapture(everything(capture, "pod/client").file);
    expect(everything(again, null).events).toHaveLength(again.packets.length);
  });

  it("becomes what it became before", async () => {
    await expect(everything(capture, "pod/client").text).toMatchFileSnapshot(`${GOLDEN}/${name}.txt`);
  });
});

it("the same capture, lab and seed give the same bytes, on every machine and Node version", async () => {
  const talk = new Conversation(lab());
  connection(talk);
  const all = readCapture(captureBytes(talk.capture()));
  const ethernet = readCapture(readFileSync(`${FIXTURES}/scapy-ethernet.pcap`));
  const lines = [
    ["connection", everything(all, null)] as const,
    ["scapy-ethernet.pcap", everything(ethernet, "pod/client")] as const,
  ].map(
    ([name, { text, json, file }]) => `${name}\n  text ${hash(text)}\n  json ${hash(json)}\n  pcapng ${hash(file)}\n`,
  );
  expect(hash(everything(all, null).file)).toBe(hash(everything(all, null).file));
  // These are of Node 20, 22 and 24 alike. They change when a text of a decision does: then update them.
  await expect(lines.join("")).toMatchFileSnapshot(`${GOLDEN}/hashes.txt`);
});

it("the same packets by any link type give the same decisions", () => {
  const decisions = (name: string): string =>
    everything(readCapture(readFileSync(`${FIXTURES}/${name}`)), "pod/client").text;
  expect(decisions("scapy-null.pcap")).toBe(decisions("scapy-raw.pcap"));
  expect(decisions("tcpdump.pcap")).toBe(decisions("scapy-raw.pcap"));
  expect(decisions("wireshark.pcapng")).toBe(decisions("scapy-sll.pcap"));
});

it("another seed draws other ports", () => {
  const capture = readCapture(readFileSync(`${FIXTURES}/scapy-ethernet.pcap`));
  const of = (seed: number): string =>
    JSON.stringify([...new Replay(cluster, capture, { at: "pod/client", seed, settleMs: 0 }).run()]);
  expect(of(1)).toBe(of(1));
  expect(of(1)).not.toBe(of(2));
});
