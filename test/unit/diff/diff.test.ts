import { describe, expect, it } from "vitest";
import { askOffline } from "../../../src/lab/question.ts";
import type { DiffPacket, DiffSide } from "../../../src/observe/diff/diffPacket.ts";
import { diffText } from "../../../src/observe/diff/diffText.ts";
import { diffTraces, isSame } from "../../../src/observe/diff/diffTraces.ts";
import { DiffError, packetOf, readSide } from "../../../src/observe/diff/readSide.ts";
import { udp } from "../plane/packets.ts";
import { Conversation, senderOf } from "../replay/conversation.ts";
import { connection, lab, replay } from "../replay/scenarios.ts";

const STYLE = { width: 80, red: (t: string) => t, green: (t: string) => t, bold: (t: string) => t };

/** A replay's events without what says that they are of one capture: as two live traces are. */
function live(name: string, events: ReturnType<typeof replay>["events"]): DiffSide {
  const lines = events.map((e, i) =>
    JSON.stringify({ ...e, replay: undefined, id: 100 + i, time: `2026-01-01T00:00:0${i % 10}Z` }),
  );
  return readSide(name, lines.join("\n"));
}

function side(name: string, events: ReturnType<typeof replay>["events"]): DiffSide {
  return readSide(name, `${events.map((e) => JSON.stringify(e)).join("\n")}\n{"summary":{}}\n`);
}

const talk = new Conversation(lab());
connection(talk);
const capture = talk.tcpdump("pod/client");
const old = replay(lab(), capture, { at: "pod/client" }).events;
const other = replay(lab("other-endpoint"), capture, { at: "pod/client" }).events;

describe("two labs against one capture", () => {
  const diff = diffTraces(side("old", old), side("new", other));

  it("matches packets by their number, and says where they part", () => {
    expect(isSame(diff)).toBe(false);
    expect(diff).toMatchObject({ same: 0, onlyA: [], onlyB: [], otherPorts: 0 });
    expect(diff.kinds.map(({ count, text }) => [count, text])).toEqual([
      [5, expect.stringMatching(/^part at service on node-1: .*10\.0\.2\.\d+:8080 -> .*10\.0\.1\.\d+:8080$/)],
      [4, "part at device: accept pod/default/server -> accept pod/default/other"],
    ]);
    expect(diff.differences[0].what).toEqual(["receiver", "translation"]);
    expect(diff.differences[1].what).toEqual(["sender"]);
    expect(diff.differences[0].parting).toMatchObject({ a: { stage: "service" }, b: { stage: "service" } });
  });

  it("is text for people: the first packet of each kind, both sides, counts", () => {
    const text = diffText(diff, STYLE);
    expect(text.split("\n").slice(0, 5)).toEqual([
      "--- old",
      "+++ new",
      "",
      "#1 tcp S pod/client:40000 -> svc/api:80",
      "  part at service on node-1; what differs: receiver, translation",
    ]);
    expect(text).toContain("0 packets the same; 9 differ");
    expect(text.match(/what differs/g)).toHaveLength(2);
    expect(diffText(diff, STYLE, true).match(/what differs/g)).toHaveLength(9);
    expect(text.split("\n").every((line) => line.length <= 80)).toBe(true);
  });

  it("the same lab twice is the same", () => {
    const same = diffTraces(side("a", old), side("b", replay(lab(), capture, { at: "pod/client" }).events));
    expect(isSame(same)).toBe(true);
    expect(diffText(same, STYLE)).toBe("9 packets the same; 0 differ");
  });
});

describe("two live traces", () => {
  it("match by flow and order: numbers and times are others, the order of flows too", () => {
    const twice = new Conversation(lab());
    connection(twice, 41_000);
    const second = replay(lab(), twice.tcpdump("pod/client"), { at: "pod/client" }).events;
    const a = live("a", [...old, ...second]);
    const b = live("b", [...second, ...old]);
    const diff = diffTraces(a, b);
    expect(diff).toMatchObject({ same: 18, onlyA: [], onlyB: [], otherPorts: 0 });
    expect(isSame(diff)).toBe(true);
  });

  it("a command run again has another source port: its flow is matched without it, and that is said", () => {
    const again = new Conversation(lab());
    connection(again, 55_555);
    const b = live("b", replay(lab(), again.tcpdump("pod/client"), { at: "pod/client" }).events);
    const diff = diffTraces(live("a", old), b);
    expect(isSame(diff)).toBe(true);
    expect(diff.otherPorts).toBe(9);
  });

  it("against a replay of the same packets: what a replay only compares is no packet of a trace", () => {
    const all = replay(lab(), talk.capture()).events;
    const walked = all.filter((e) => e.replay.action === "sent");
    // A live trace does not say how long each packet is: packets share a decision there.
    const brief = JSON.parse(
      JSON.stringify(walked).replace(/"detail":"\d+ bytes, MTU/g, '"detail":"MTU'),
    ) as typeof walked;
    const diff = diffTraces(live("live", brief), side("replay", all));
    expect(all).toHaveLength(18);
    expect(diff).toMatchObject({ same: 9, drawn: 0, differences: [], onlyA: [], onlyB: [] });
  });

  it("packets that one side alone has", () => {
    const diff = diffTraces(live("a", old), live("b", old.slice(0, 7)));
    expect(diff).toMatchObject({ same: 7, differences: [], onlyB: [] });
    expect(diff.onlyA.map((p) => p.info)).toEqual(["F.", "."]);
    expect(isSame(diff)).toBe(false);
    expect(diffText(diff, STYLE)).toContain("only in a: 2 packets");
  });
});

it("ports that a node draws at random are no difference, and are counted", () => {
  const t = new Conversation(lab());
  const [query] = t.send("pod/client", udp(`${t.address("pod/client")}:5000`, "203.0.113.10:53", "q"));
  t.send("host/web", udp("203.0.113.10:53", senderOf(query), "a"));
  const of = (seed: number) =>
    side(String(seed), replay(lab(), t.tcpdump("pod/client"), { at: "pod/client", seed }).events);
  const diff = diffTraces(of(1), of(2));
  expect(isSame(diff)).toBe(true);
  expect(diff.drawn).toBeGreaterThan(0);
  expect(diffText(diff, STYLE)).toContain("drawn at random");
});

it("a drop against a delivery: the stage, the reason", () => {
  const packet = (steps: unknown[], verdict: string, reason: string | null): DiffPacket =>
    packetOf({ flow: { protocol: "tcp", source: {}, destination: {} }, verdict, reason, steps }, 1);
  const step = (stage: string, action: string, rule: string | null, reason: string | null) => ({
    at: "node-1",
    stage,
    action,
    rule,
    detail: "",
    reason,
  });
  const a = packet(
    [step("route", "route", "main", null), step("snat", "snat", "AWS-SNAT-CHAIN-0", null)],
    "DELIVERED",
    null,
  );
  const b = packet(
    [step("route", "route", "main", null), step("snat", "pass", "none", null)],
    "DROPPED",
    "IGW_NO_PUBLIC_ADDRESS",
  );
  const c = packet([step("route", "route", "main", null)], "DELIVERED", null);
  const kinds = (x: DiffPacket, y: DiffPacket) =>
    diffTraces({ name: "x", packets: [x] }, { name: "y", packets: [y] }).kinds.map((k) => k.text);
  expect(kinds(a, b)).toEqual(["part at snat on node-1: snat AWS-SNAT-CHAIN-0 -> pass none"]);
  expect(kinds(a, c)).toEqual(["part at snat on node-1: snat AWS-SNAT-CHAIN-0 -> nothing"]);
  expect(kinds(a, a)).toEqual([]);
  const { differences } = diffTraces({ name: "x", packets: [a] }, { name: "y", packets: [b] });
  expect(differences[0].what).toEqual(["verdict", "reason", "action", "rule"]);
});

describe("two whys", () => {
  const question = { protocol: "tcp", source: "pod/client", destination: "svc/api:80", fromPort: null };
  const why = (name: string) => readSide(name, JSON.stringify(askOffline(lab(name), question), null, 2));

  it("part where their labs do", () => {
    expect(isSame(diffTraces(why("lab"), why("lab")))).toBe(true);
    const diff = diffTraces(why("lab"), why("other-endpoint"));
    expect(diff.kinds[0].text).toMatch(/^part at service on node-1/);
  });
});

describe("files", () => {
  it("what is no trace is refused with a line", () => {
    expect(() => readSide("x", "")).toThrow(DiffError);
    expect(() => readSide("x", '{"a":1}\n')).toThrow("x: no packets in it");
    expect(() => readSide("x", "hello")).toThrow("x:1: no JSON");
  });

  it("lines that are no packets, and one that is cut off at the end, are left out", () => {
    const lines = old.slice(0, 3).map((e) => JSON.stringify(e));
    const text = [lines[0], '{"lost":4}', lines[1], lines[2].slice(0, 50)].join("\n");
    expect(readSide("x", text).packets.map((p) => p.id)).toEqual([1, 2]);
  });
});
