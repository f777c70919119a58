import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { PacketEvent } from "../../../src/observe/trace/packetEvent.ts";
import { readDocument } from "./goldenDocument.ts";
import { GoldenLab, type Written } from "./goldenLab.ts";
import { answerOf, packetOf, rawOf } from "./goldenPackets.ts";
import { parsePackets } from "./packetNotation.ts";

const FILE = fileURLToPath(new URL("../../golden/stages/service.md", import.meta.url));

/** Events of some lines in the two nodes' lab. */
function events(text: string): PacketEvent[] {
  const lab = new GoldenLab(FILE, readDocument(FILE));
  const found: PacketEvent[] = [];
  let last: Written = { device: -1, bytes: new Uint8Array(0) };
  for (const line of parsePackets(text)) {
    if (line.is === "clock") lab.advance(line.milliseconds);
    if (line.is !== "packet" && line.is !== "answer" && line.is !== "raw") continue;
    const packet =
      line.is === "packet" ? packetOf(line, lab, 0) : line.is === "raw" ? rawOf(line, lab) : answerOf(line, last);
    const { event, out } = lab.send(packet.device, packet.bytes);
    found.push(event());
    if (out.length > 0) last = out[0];
  }
  return found;
}

const ends = (tuple: PacketEvent["flow"] | PacketEvent["translated"]): string =>
  tuple === null
    ? "as it was"
    : [tuple.source, tuple.destination].map((e) => `${e.name ?? e.address}:${e.port}`).join(" > ");

describe("a packet's event", () => {
  it("has its own fields first, then its decision's", () => {
    const [, second] = events("pod/client > svc/api:80 tcp S\n+1500ms\npod/client:9 > svc/api:80 tcp S len=10");
    expect(Object.keys(second).slice(0, 7)).toEqual(["time", "id", "flowId", "at", "length", "info", "verdict"]);
    expect(second).toMatchObject({
      time: "1970-01-01T00:00:01.500000000Z",
      id: 2,
      at: "pod/default/client",
      length: 50,
      info: "S",
    });
    expect(JSON.parse(JSON.stringify(second))).toEqual(second);
  });

  it("has the tuple that the packet had in the end, in both directions", () => {
    const [there, back] = events("pod/second > host/web:80 tcp S\nanswer S.");
    expect(ends(there.flow)).toBe("pod/default/second:40000 > host/web:80");
    expect(ends(there.translated)).toMatch(/^node\/node-1:\d+ > host\/web:80$/);
    expect(ends(back.flow)).toBe(ends(there.translated).split(" > ").reverse().join(" > "));
    expect(ends(back.translated)).toBe("host/web:80 > pod/default/second:40000");
    expect(back.flowId).toBe(there.flowId);
  });

  it("says nothing of a translation where there is none, and none of the answer that a packet causes", () => {
    const [plain, ping, refused] = events(
      "pod/client > pod/api:8080 tcp S\npod/client > pod/api icmp type=8\npod/client > svc/empty:80 tcp S",
    );
    for (const event of [plain, ping, refused]) expect(ends(event.translated)).toBe("as it was");
    expect(ping.flow).toMatchObject({ protocol: "icmp", source: { port: 0 }, destination: { port: 0 } });
    expect(refused.verdict).toBe("REJECTED");
  });

  it("is one flow for all pieces of a datagram, whose later ones have no ports", () => {
    const [first, second] = events(
      "pod/client > svc/api:53 udp len=200 bytes=0-80\npod/client > svc/api:53 udp len=200 bytes=80-208",
    );
    expect([first.verdict, second.verdict]).toEqual(["QUEUED", "DELIVERED"]);
    expect(ends(second.translated)).toBe("pod/default/client:40000 > pod/default/api:5353");
  });

  it("is made of IPv6 and of garbage, too", () => {
    const [six, garbage] = events(
      "pod/client raw 60000000 00080640 fe800000000000000000000000000005 fe800000000000000000000000000006 0050 1f90 0000 0000\npod/client raw ff",
    );
    expect(six.flow).toEqual({
      protocol: "tcp",
      source: { name: null, address: "fe80::5", port: 80 },
      destination: { name: null, address: "fe80::6", port: 8080 },
    });
    expect(garbage).toMatchObject({ at: "pod/default/client", flow: { protocol: "unknown" }, translated: null });
  });
});
