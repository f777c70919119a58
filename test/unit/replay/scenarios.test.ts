import { describe, expect, it } from "vitest";
import { NameError } from "../../../src/control/resolve.ts";
import { describePacket } from "../../../src/plane/wire/describe.ts";
import { icmpError, tcp, udp, VNET } from "../plane/packets.ts";
import { type Arrived, Conversation, captureOf, senderOf } from "./conversation.ts";
import { connection, lab, NAMES, replay, SERVICE } from "./scenarios.ts";

const withVnet = ({ bytes }: Arrived): Uint8Array => new Uint8Array([...new Uint8Array(VNET), ...bytes]);

function talk(): Conversation {
  return new Conversation(lab());
}

describe("a connection through a ClusterIP", () => {
  const t = talk();
  connection(t);

  it("captured at the client: what it got is sent by the far end, and comes out as captured", () => {
    const { summary, text } = replay(lab(), t.tcpdump("pod/client"), { at: "pod/client" });
    expect(text.slice(0, 2)).toEqual([
      "pod/client:40000 -> svc/api:80 => pod/server:8080 tcp S DELIVERED",
      "pod/server:8080 (as svc/api:80) -> pod/client:40000 tcp S. DELIVERED, as captured",
    ]);
    expect(summary.actions).toEqual({ sent: 5, answered: 4, entered: 0, compared: 0, "left out": 0 });
    expect(summary.compared).toEqual({ equal: 4, translated: 0, different: 0 });
    expect(summary).toMatchObject({ missing: 0, extra: { count: 0 }, held: 0 });
  });

  it("needs no --at where addresses tell", () => {
    const { summary } = replay(lab(), t.tcpdump("pod/client"));
    expect(summary.actions).toMatchObject({ sent: 5, answered: 4 });
    expect(summary.compared.equal).toBe(4);
  });

  it("goes to another endpoint of another lab, and the client sees the same", () => {
    const { summary, text } = replay(lab("other-endpoint"), t.tcpdump("pod/client"), { at: "pod/client" });
    expect(text[0]).toBe("pod/client:40000 -> svc/api:80 => pod/other:8080 tcp S DELIVERED");
    expect(summary.compared).toEqual({ equal: 4, translated: 0, different: 0 });
  });

  it("captured at the server's pod: it comes from whoever has its source", () => {
    const { summary, text } = replay(lab(), t.tcpdump("pod/server"), { at: "pod/server" });
    expect(text[0]).toBe("pod/client:40000 -> pod/server:8080 tcp S DELIVERED, as captured");
    expect(summary.actions).toEqual({ sent: 4, answered: 4, entered: 1, compared: 0, "left out": 0 });
    expect(summary.compared).toEqual({ equal: 5, translated: 0, different: 0 });
  });

  it("captured at all points: each packet is sent once, and compared where it arrives", () => {
    const { summary } = replay(lab(), t.capture());
    expect(summary.actions).toEqual({ sent: 9, answered: 0, entered: 0, compared: 9, "left out": 0 });
    expect(summary.compared).toEqual({ equal: 9, translated: 0, different: 0 });
  });

  it("captured at all points, in a lab without the server: the other endpoint answers in its place", () => {
    const { summary, text } = replay(lab("other-endpoint"), t.capture());
    expect(text[1]).toContain("MISSING: #1 was delivered to pod/other; there is no pod/server in this lab");
    expect(text[3]).toBe("pod/other:8080 (as svc/api:80) -> pod/client:40000 tcp S. DELIVERED, as captured");
    expect(summary).toMatchObject({ missing: 5, compared: { equal: 4, different: 0 } });
    expect(summary.actions).toMatchObject({ sent: 5, answered: 4 });
  });

  it("captured at all points, one of them is replayed", () => {
    const { summary } = replay(lab(), t.capture(), { at: "pod/client" });
    expect(summary.actions).toEqual({ sent: 5, answered: 4, entered: 0, compared: 0, "left out": 9 });
  });

  it("says what differs from a capture that was changed", () => {
    const capture = t.tcpdump("pod/client");
    const packets = capture.packets.map((p) => ({ ...p, bytes: p.bytes.slice() }));
    packets[0].bytes[27] ^= 1;
    // The SYN-ACK acknowledges what the capture has; the TCP checksum is no matter: conntrack is told not to look.
    const { events } = replay(lab(), captureOf(packets), { at: "pod/client" });
    expect(events[0].verdict).toBe("DROPPED");
    expect(events[0].reason).toBe("CHECKSUM_INVALID");
    expect(events[1]).toMatchObject({ verdict: "MISSING" });
    expect(events[1].replay.notes[0]).toBe("what it answers did not arrive: #1 was DROPPED CHECKSUM_INVALID");
  });
});

it("a node draws another port for the same connection: what was captured behind it is translated", () => {
  const t = talk();
  const node = t.address("node/node-1");
  const [seen] = t.send("node/node-1", tcp(`${node}:41000`, SERVICE, "S", { seq: 5 }));
  const server = `${t.address("pod/server")}:8080`;
  t.send("pod/server", tcp(server, senderOf(seen), "S.", { seq: 9, ack: 6 }));
  t.send("pod/client", udp(`${t.address("pod/client")}:5000`, "203.0.113.10:53", "q"));
  const [query] = t.send("pod/client", udp(`${t.address("pod/client")}:5001`, "203.0.113.10:53", "q2"));
  t.send("host/web", udp("203.0.113.10:53", senderOf(query), "a2"));
  const { summary, text } = replay(lab(), t.capture(), { seed: 1234 });
  expect(text.filter((line) => line.includes("from where this replay's request came"))).toHaveLength(1);
  // The queries arrive with other ports at the host; its answer arrives at the pod as it did.
  expect(summary.compared).toEqual({ equal: 3, translated: 2, different: 0 });
  expect(summary.verdicts.find((v) => v.verdict === "DROPPED")).toBeUndefined();
});

it("DNS over UDP, captured at the client", () => {
  const t = talk();
  const client = `${t.address("pod/client")}:5353`;
  const [query] = t.send("pod/client", udp(client, NAMES, "query"));
  t.send("pod/names", udp(`${t.address("pod/names")}:53`, senderOf(query), "answer"));
  const { text } = replay(lab(), t.tcpdump("pod/client"), { at: "pod/client" });
  expect(text).toEqual([
    "pod/client:5353 -> svc/names:53 => pod/names:53 udp DELIVERED",
    "pod/names:53 (as svc/names:53) -> pod/client:5353 udp DELIVERED, as captured",
  ]);
});

it("a reply that comes before its request belongs to no flow", () => {
  const t = talk();
  connection(t);
  const [syn, synAck, ...rest] = t.tcpdump("pod/client").packets;
  const { events, text } = replay(lab(), captureOf([synAck, syn, ...rest]), { at: "pod/client" });
  expect(events[0].verdict).toBe("NO_POINT");
  expect(text[0]).toContain("no flow of this replay has it, and nobody in the lab has 172.20.0.17");
  expect(events[1].verdict).toBe("DELIVERED");
  expect(events[1].replay.notes).toEqual([
    "captured 1 ms before a packet in front of it: processed at that one's time",
  ]);
});

it("time never runs backwards", () => {
  const t = talk();
  connection(t);
  const packets = t.tcpdump("pod/client").packets.map((p, i) => ({ ...p, time: p.time - BigInt(i) * 10_000_000n }));
  const { events, summary } = replay(lab(), captureOf(packets), { at: "pod/client" });
  expect(summary.earlier).toBe(packets.length - 1);
  expect(new Set(events.map((e) => e.time)).size).toBe(1);
  expect(summary.compared.equal).toBe(4);
});

it("a conntrack entry expires between two packets when their times say so", () => {
  const t = talk();
  const client = `${t.address("pod/client")}:5353`;
  const [query] = t.send("pod/client", udp(client, NAMES, "query"));
  t.send("pod/names", udp(`${t.address("pod/names")}:53`, senderOf(query), "answer"));
  const { packets } = t.tcpdump("pod/client");
  const after = (ms: number) =>
    replay(lab(), captureOf([packets[0], { ...packets[1], time: packets[0].time + BigInt(ms) * 1_000_000n }]), {
      at: "pod/client",
    });
  expect(after(29_000).summary.compared).toEqual({ equal: 1, translated: 0, different: 0 });
  // 30 s: nf_conntrack_udp_timeout. Nobody translates the answer back then.
  const late = after(31_000);
  expect(late.summary.compared).toEqual({ equal: 0, translated: 1, different: 0 });
  expect(late.text[1]).toContain("source: captured 172.20.0.18, here 10.0.2.");
});

it("an ICMP error of the far end quotes the translated packet, and comes out quoting the client's own", () => {
  const t = talk();
  const client = `${t.address("pod/client")}:5353`;
  const server = t.address("pod/names");
  const [query] = t.send("pod/client", udp(client, NAMES, "query"));
  t.send("pod/names", icmpError(server, t.address("pod/client"), 3, 3, withVnet(query)));
  const capture = t.tcpdump("pod/client");
  const [, { bytes }] = capture.packets;
  expect(describePacket(bytes, 0, bytes.length)).toContain("172.20.0.18.53");
  const { summary, text } = replay(lab(), capture, { at: "pod/client" });
  expect(text[1]).toBe("pod/names (as svc/names) -> pod/client icmp port unreachable DELIVERED, as captured");
  expect(summary.compared).toEqual({ equal: 1, translated: 0, different: 0 });
});

it("an ICMP error that the plane sends by itself is compared, not sent again", () => {
  const t = talk();
  t.send("pod/client", udp(`${t.address("pod/client")}:5000`, `${t.address("pod/server")}:6000`, "x", { ttl: 1 }));
  const { summary, text } = replay(lab(), t.tcpdump("pod/client"), { at: "pod/client" });
  expect(text[1]).toMatch(/^pod\/client: node\/node-1 -> pod\/client icmp time exceeded COMPARED, as captured$/);
  expect(summary.actions).toMatchObject({ sent: 1, compared: 1 });
});

it("fragments that the point got come out in pieces again", () => {
  const t = talk();
  const from = `${t.address("pod/server")}:7000`;
  const to = `${t.address("pod/client")}:7001`;
  const datagram = udp(from, to, "d".repeat(2000), { frag: 0, id: 9 }).subarray(VNET);
  const capture = captureOf(
    [0, 1].map((i) => ({
      number: 0,
      time: 1_700_000_000_000_000_000n + BigInt(i),
      interface: null,
      bytes: piece(datagram, i * 1000, i === 0 ? 1000 : datagram.length - 20 - 1000, i === 0),
      length: 20 + (i === 0 ? 1000 : datagram.length - 20 - 1000),
      direction: null,
      comment: null,
      packetId: null,
      dropped: false,
    })),
  );
  const { summary, events } = replay(lab(), capture, { at: "pod/client" });
  expect(events.map((e) => e.verdict)).toEqual(["QUEUED", "DELIVERED"]);
  expect(summary.compared).toEqual({ equal: 2, translated: 0, different: 0 });
});

/** A fragment of a datagram. */
function piece(datagram: Uint8Array, start: number, length: number, more: boolean): Uint8Array {
  const bytes = new Uint8Array(20 + length);
  bytes.set(datagram.subarray(0, 20));
  bytes.set(datagram.subarray(20 + start, 20 + start + length), 20);
  bytes[2] = bytes.length >> 8;
  bytes[3] = bytes.length & 0xff;
  const frag = (start >> 3) | (more ? 0x2000 : 0);
  bytes[6] = frag >> 8;
  bytes[7] = frag & 0xff;
  bytes[10] = 0;
  bytes[11] = 0;
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += (bytes[i] << 8) | bytes[i + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  bytes[10] = (~sum >> 8) & 0xff;
  bytes[11] = ~sum & 0xff;
  return bytes;
}

it("outside traffic comes from a stand-in where the lab has no such host", () => {
  const t = talk();
  const bytes = udp("192.0.2.77:53", `${t.address("pod/client")}:5000`, "x").subarray(VNET);
  const [first] = t.tcpdump("pod/client").packets.concat([
    {
      number: 1,
      time: 1_700_000_000_000_000_000n,
      interface: null,
      bytes,
      length: bytes.length,
      direction: null,
      comment: null,
      packetId: null,
      dropped: false,
    },
  ]);
  const { events, text } = replay(lab(), captureOf([first]), { at: "pod/client" });
  expect(events[0]).toMatchObject({ verdict: "DROPPED", replay: { action: "entered" } });
  expect(text[0]).toContain("the lab has no host 192.0.2.77: a stand-in sends it");
});

it("a packet that was captured in part has its verdict, and only what was captured is compared", () => {
  const t = talk();
  connection(t);
  const packets = t.tcpdump("pod/client").packets.map((p) => ({ ...p, bytes: p.bytes.subarray(0, 40) }));
  const { summary } = replay(lab(), captureOf(packets), { at: "pod/client" });
  expect(summary.truncated).toBe(2);
  expect(summary.compared).toEqual({ equal: 4, translated: 0, different: 0 });
});

it("checksums that a sender's kernel left to its device, and super-packets", () => {
  const t = talk();
  const client = `${t.address("pod/client")}:40000`;
  const server = `${t.address("pod/server")}:8080`;
  t.send("pod/client", tcp(client, server, "S", { partial: true }));
  t.send("pod/server", tcp(server, client, "S.", { partial: true, ack: 1 }));
  t.send("pod/client", tcp(client, server, "P.", { seq: 1, ack: 1, payload: "x".repeat(30_000), gso: 8961 }));
  const { summary, events } = replay(lab(), t.tcpdump("pod/client"), { at: "pod/client" });
  expect(events.map((e) => e.verdict)).toEqual(["DELIVERED", "DELIVERED", "DELIVERED"]);
  expect(summary.compared.equal).toBe(1);
});

it("refuses a point that the lab does not have", () => {
  expect(() => replay(lab(), captureOf([]), { at: "pod/clint" })).toThrow(NameError);
  expect(() => replay(lab(), captureOf([]), { at: "svc/api:80" })).toThrow("no interface of its own");
});
