import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadLab } from "../../../src/lab/files/load.ts";
import { CaptureClock } from "../../../src/lab/observation/captureClock.ts";
import { CaptureFiles, rotatedName, sidecarName } from "../../../src/lab/observation/captureFiles.ts";
import { decisionJson, eventJson } from "../../../src/lab/observation/eventLines.ts";
import { ObservedPacket } from "../../../src/lab/observation/observedPacket.ts";
import { addressNames, observedPlace, observedPlaces } from "../../../src/lab/observation/observedPlaces.ts";
import { explainedDecision, liveEvent } from "../../../src/observe/trace/explainedDecision.ts";
import { packetFacts } from "../../../src/observe/trace/packetFacts.ts";
import { Bench, DEV, VIP } from "../plane/bench.ts";
import { tcp, VNET } from "../plane/packets.ts";

const NS = 1_000_000_000n;
const QUICKSTART = new URL("../../../labs/quickstart", import.meta.url).pathname;

describe("an event's line", () => {
  it("is what JSON makes of the event, though most of it was made before", () => {
    const { names } = loadLab(QUICKSTART).cluster.snapshot();
    const bench = new Bench();
    const bytes = tcp("10.0.1.32:1000", `${VIP}:80`, "S");
    bench.send(DEV.client, bytes);
    const facts = packetFacts(bytes, VNET, bytes.length - VNET);
    const explained = explainedDecision(bench.decision, facts, names);
    const packet = new ObservedPacket();
    Object.assign(packet, { id: 12, flow: -2 });
    Object.assign(packet.next(), { time: 1_500_000_000.25, bytes, offset: VNET, kept: bytes.length - VNET });
    packet.text = { comment: "", encoded: new Int32Array(0), at: explained.at, event: decisionJson(explained) };
    const origin = 1_700_000_000n * NS;
    const event = liveEvent(explained, facts, { time: origin + 1_500_000_000n, id: 12, flow: -2 });
    expect(eventJson(packet, origin)).toBe(JSON.stringify(event));
    packet.text = null;
    expect(JSON.parse(eventJson(packet, origin))).toMatchObject({ id: 12, flowId: "fffffffe", info: "S" });
  });
});

describe("the capture's clock", () => {
  it("carries nanoseconds into seconds, and keeps them over days", () => {
    const clock = new CaptureClock(1_700_000_000n * NS + 999_999_999n);
    for (const [time, seconds, nanoseconds] of [
      [0, 1_700_000_000, 999_999_999],
      [1, 1_700_000_001, 0],
      [100 * 86_400 * 1e9 + 1, 1_700_000_001 + 100 * 86_400, 0],
    ]) {
      clock.set(time);
      expect([clock.seconds, clock.nanoseconds]).toEqual([seconds, nanoseconds]);
    }
  });
});

describe("files of a capture", () => {
  const directory = mkdtempSync(join(tmpdir(), "podplane-files-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it("are named as dumpcap names them", () => {
    const when = new Date(2026, 0, 2, 3, 4, 5);
    expect(rotatedName("/a/cap.pcapng", 7, when)).toBe("/a/cap_00007_20260102030405.pcapng");
    expect(rotatedName("/a.b/cap", 123_456, when)).toBe("/a.b/cap_123456_20260102030405");
  });

  it("keep the last ones with their sidecars, and leave what else lies there", () => {
    writeFileSync(join(directory, "cap_other"), "");
    const files = new CaptureFiles(join(directory, "cap.pcapng"), true, 2, true);
    for (let i = 0; i < 4; i++) {
      files.write(Uint8Array.of(i));
      files.writeSidecar(Uint8Array.of(0x30 + i));
      files.next();
    }
    files.close();
    expect(files.removed).toBe(3);
    expect(readdirSync(directory)).toHaveLength(5);
    const [before, last] = files.names;
    expect([...readFileSync(before)]).toEqual([3]);
    expect(readFileSync(sidecarName(before), "utf8")).toBe("3");
    expect([...readFileSync(last)]).toEqual([]);
  });
});

describe("places of a lab", () => {
  const snapshot = loadLab(QUICKSTART).cluster.snapshot();
  const places = observedPlaces(snapshot);

  it("are every pod, node, host and ENI by name, with their addresses", () => {
    const names = places.map((p) => p.interface.name);
    expect(names).toEqual([...names].sort());
    expect(names).toEqual(expect.arrayContaining(["host/rds", "node-1/eth0", "node/node-1", "pod/default/client"]));
    const client = places.find((p) => p.interface.name === "pod/default/client");
    expect(client?.interface.description).toBe("pod on node-1");
    expect(client?.interface.addresses).toEqual([{ address: 0x0a000110, mask: -1 }]);
    expect(observedPlace(places, "device", 999).interface.name).toBe("device 999 (gone)");
  });

  it("have names for their addresses, services too", () => {
    const { names, leftOut } = addressNames(snapshot);
    expect(leftOut).toBe(0);
    expect(names).toContainEqual({ address: 0x0a000110, names: ["pod/default/client"] });
    expect(names.flatMap((n) => n.names)).toContain("svc/default/api");
    expect(new Set(names.map((n) => n.address)).size).toBe(names.length);
  });
});
