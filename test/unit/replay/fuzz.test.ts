import * as fc from "fast-check";
import { expect, it } from "vitest";
import { comparison } from "../../../src/lab/replay/comparison.ts";
import { replayBytes } from "../../../src/lab/replay/replayBytes.ts";
import { quotedTuple, rewriteEnds } from "../../../src/lab/replay/rewriteEnds.ts";
import { PARSE_OK, Packet } from "../../../src/plane/packet.ts";
import { parsePacket } from "../../../src/plane/wire/parse.ts";
import { layer4ChecksumOk } from "../../../src/plane/wire/verify.ts";
import { icmpError, tcp, udp, VNET } from "../plane/packets.ts";
import { Conversation, captureOf } from "./conversation.ts";
import { connection, lab, replay } from "./scenarios.ts";

const cluster = lab();
const talk = new Conversation(cluster);
connection(talk);
talk.send("pod/client", udp(`${talk.address("pod/client")}:5353`, "172.20.0.18:53", "query"));
const packets = talk.capture().packets;

/** A packet of the conversation with a few bytes changed, cut or made longer. */
const mutated = fc
  .record({
    of: fc.nat(packets.length - 1),
    changes: fc.array(fc.tuple(fc.nat(79), fc.nat(255)), { maxLength: 6 }),
    cut: fc.option(fc.nat(80), { nil: null }),
    more: fc.nat(3000),
    back: fc.integer({ min: -50, max: 400 }),
    direction: fc.constantFrom("in" as const, "out" as const, null),
    named: fc.boolean(),
  })
  .map(({ of, changes, cut, more, back, direction, named }) => {
    const packet = packets[of];
    const bytes = packet.bytes.slice(0, cut ?? undefined);
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    return {
      ...packet,
      bytes,
      length: bytes.length + more,
      time: packet.time + BigInt(back) * 100_000_000n,
      interface: named ? packet.interface : null,
      direction,
      packetId: named ? packet.packetId : null,
    };
  });

const random = fc.uint8Array({ maxLength: 200 }).map((bytes) => ({
  ...packets[0],
  bytes,
  length: bytes.length,
  interface: null,
  direction: null,
  packetId: null,
}));

it("whatever the bytes are, each packet has a verdict and nothing throws", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 4, arbitrary: mutated }, { weight: 1, arbitrary: random }), {
        minLength: 1,
        maxLength: 40,
      }),
      fc.constantFrom(null, "pod/client", "pod/server", "node/node-2"),
      (list, at) => {
        const { events, text } = replay(cluster, captureOf(list), { at });
        expect(events).toHaveLength(list.length);
        for (const event of events) expect(event.verdict).not.toBe("");
        expect(text.every((line) => line.length > 0)).toBe(true);
      },
    ),
    { seed: 20, numRuns: 60 },
  );
});

it("a packet is equal to itself, and its beginning to it", () => {
  fc.assert(
    fc.property(fc.oneof(mutated, random), fc.nat(100), ({ bytes }, cut) => {
      expect(comparison(1, bytes, bytes)).toEqual({ packet: 1, equal: true, differences: [] });
      if (bytes.length >= 40 && cut >= 20) comparison(1, bytes.subarray(0, cut), bytes);
      quotedTuple(bytes);
    }),
    { seed: 21, numRuns: 2000 },
  );
});

it("a rewritten packet has right checksums where it had them", () => {
  const port = fc.integer({ min: 1, max: 65_535 });
  const address = fc.integer({ min: 0x0a000001, max: 0x0affffff });
  fc.assert(
    fc.property(
      address,
      address,
      port,
      port,
      fc.string({ maxLength: 30 }),
      fc.constantFrom("tcp", "udp", "icmp"),
      (src, dst, sport, dport, payload, kind) => {
        const inner = udp("10.0.0.1:1", "10.0.0.2:2", payload);
        const bytes =
          kind === "tcp"
            ? tcp("10.0.0.1:1", "10.0.0.2:2", "P.", { payload })
            : kind === "udp"
              ? inner
              : icmpError("10.0.0.2", "10.0.0.1", 3, 3, inner);
        rewriteEnds(bytes, { src, dst, sport, dport }, 2);
        const p = new Packet(bytes as Uint8Array<ArrayBuffer>);
        expect(parsePacket(p, VNET, bytes.length - VNET)).toBe(PARSE_OK);
        expect([p.src, p.dst, p.ttl]).toEqual([src, dst, 66]);
        if (kind !== "icmp") expect([p.sport, p.dport]).toEqual([sport, dport]);
        expect(layer4ChecksumOk(p)).toBe(true);
      },
    ),
    { seed: 22, numRuns: 500 },
  );
});

it("what was cut off is zeros with a right checksum; the rest stays", () => {
  fc.assert(
    fc.property(fc.integer({ min: 40, max: 1000 }), fc.integer({ min: 40, max: 1040 }), (size, snap) => {
      const whole = tcp("10.0.0.1:1", "10.0.0.2:2", "P.", { payload: new Uint8Array(size).fill(0x61) }).subarray(VNET);
      const made = replayBytes({ bytes: whole.subarray(0, snap), length: whole.length }, 9001);
      const p = new Packet(made.bytes as Uint8Array<ArrayBuffer>);
      expect(parsePacket(p, VNET, made.bytes.length - VNET)).toBe(PARSE_OK);
      expect(p.len).toBe(whole.length);
      expect(layer4ChecksumOk(p)).toBe(true);
      expect(made.captured).toBe(Math.min(snap, whole.length));
    }),
    { seed: 23, numRuns: 300 },
  );
});
