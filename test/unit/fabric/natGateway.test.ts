import { describe, expect, it } from "vitest";
import { packetProblem } from "../../../src/device/packetProblem.ts";
import { CLOSED_MS, IDLE_MS } from "../../../src/plane/fabric/natConnections.ts";
import * as R from "../../../src/plane/rows.ts";
import { echo, icmpError, ip, quoted, tcp, udp, VNET } from "../plane/packets.ts";
import { NETWORK, TABLE, threeVpcs } from "./threeVpcs.ts";
import { cidr, type Sent, VpcBench } from "./vpcBench.ts";

const WEB = "203.0.113.10";
const NAT = "198.51.100.50";
const DF = 0x4000;
const MAY_CUT = 0;
const big = (n: number): Uint8Array => new Uint8Array(n);

const bench = (): VpcBench => new VpcBench(threeVpcs(), { natCapacity: 1 << 18 });

function one(b: VpcBench, from: string, bytes: Uint8Array): Sent {
  const sent = b.send(from, bytes);
  expect(sent, b.reason).toHaveLength(1);
  expect(packetProblem(sent[0].bytes)).toBeNull();
  expect(b.imbalance()).toBe(0);
  return sent[0];
}

function expectDrop(b: VpcBench, from: string, bytes: Uint8Array, reason: string): void {
  expect(b.send(from, bytes)).toEqual([]);
  expect(b.reason).toBe(reason);
  expect(b.imbalance()).toBe(0);
}

/** Port of the gateway that a packet to WEB left with. */
function portOf(sent: Sent): number {
  const m = /^198\.51\.100\.50\.(\d+) > /.exec(sent.line);
  expect(m, sent.line).not.toBeNull();
  return Number(m?.[1]);
}

function sourcePort(bytes: Uint8Array): number {
  return (bytes[VNET + 20] << 8) | bytes[VNET + 21];
}

function icmpId(bytes: Uint8Array): number {
  return (bytes[VNET + 24] << 8) | bytes[VNET + 25];
}

describe("a public NAT gateway", () => {
  it("sends with its public address and a port of its own, and brings the answer back", () => {
    const b = bench();
    const out = one(b, "app", udp("10.0.1.10:1000", `${WEB}:53`));
    expect(out.device).toBe("web");
    const port = portOf(out);
    expect(port).toBeGreaterThanOrEqual(1024);
    expect(b.enis).toEqual(["app", "nat"]);
    const back = one(b, "web", udp(`${WEB}:53`, `${NAT}:${port}`));
    expect(back.device).toBe("app");
    expect(back.line).toMatch(/^203\.0\.113\.10\.53 > 10\.0\.1\.10\.1000/);
    // The same connection, the same port.
    expect(portOf(one(b, "app", udp("10.0.1.10:1000", `${WEB}:53`)))).toBe(port);
  });

  it("is a hop that a traceroute sees by its private address", () => {
    const b = bench();
    const out = one(b, "app", udp("10.0.1.10:1000", `${WEB}:53`, "x", { ttl: 2 }));
    expect(out.bytes[VNET + 8]).toBe(1);
    const error = one(b, "app", udp("10.0.1.10:1000", `${WEB}:53`, "x", { ttl: 1 }));
    expect(b.reason).toBe("TTL_EXCEEDED");
    expect(error.device).toBe("app");
    expect(error.line).toMatch(/^10\.0\.2\.50 > 10\.0\.1\.10: /);
    expect(sourcePort(quoted(error.bytes))).toBe(1000);
    const back = one(b, "web", udp(`${WEB}:53`, `${NAT}:${portOf(out)}`, "x", { ttl: 1 }));
    expect(back.device).toBe("web");
    expect(back.line).toMatch(/^198\.51\.100\.50 > 203\.0\.113\.10: /);
  });

  it("gives every connection to a destination another port", () => {
    const b = bench();
    const ports = new Set<number>();
    for (let i = 0; i < 2000; i++) ports.add(portOf(one(b, "app", udp(`10.0.1.10:${1000 + i}`, `${WEB}:53`))));
    ports.add(portOf(one(b, "app2", udp("10.0.1.11:1000", `${WEB}:53`))));
    expect(ports.size).toBe(2001);
    for (const port of ports) expect(port >= 1024 && port <= 65_535).toBe(true);
  });

  it("lets nobody in who was not asked: another address, another port, another protocol", () => {
    const b = bench();
    const port = portOf(one(b, "app", udp("10.0.1.10:1000", `${WEB}:53`)));
    expectDrop(b, "web2", udp("203.0.113.11:53", `${NAT}:${port}`), "NAT_GATEWAY_NO_CONNECTION");
    expectDrop(b, "web", udp(`${WEB}:54`, `${NAT}:${port}`), "NAT_GATEWAY_NO_CONNECTION");
    expectDrop(b, "web", tcp(`${WEB}:53`, `${NAT}:${port}`, "S"), "NAT_GATEWAY_NO_CONNECTION");
    expectDrop(b, "web", udp(`${WEB}:53`, `${NAT}:${port === 2000 ? 2001 : 2000}`), "NAT_GATEWAY_NO_CONNECTION");
    // Nor from within.
    expectDrop(b, "app", udp("10.0.1.10:1000", "10.0.2.50:53"), "NAT_GATEWAY_NO_CONNECTION");
    expectDrop(b, "db", udp("10.1.1.10:1000", "10.0.2.50:53"), "NAT_GATEWAY_NO_CONNECTION");
  });

  it("translates pings by their identifier", () => {
    const b = bench();
    const out = one(b, "app", echo("10.0.1.10", WEB, 7));
    const id = icmpId(out.bytes);
    expect(id).toBeGreaterThanOrEqual(1024);
    const back = one(b, "web", echo(WEB, NAT, id, { reply: true }));
    expect(back.device).toBe("app");
    expect(icmpId(back.bytes)).toBe(7);
    expectDrop(b, "web", echo(WEB, NAT, 7, { reply: true }), "NAT_GATEWAY_NO_CONNECTION");
    expectDrop(b, "web", echo(WEB, NAT, id), "NAT_GATEWAY_NO_CONNECTION");
    expectDrop(b, "app", echo("10.0.1.10", WEB, 9, { reply: true }), "NAT_GATEWAY_NO_CONNECTION");
  });

  it("translates ICMP errors and what they quote, from outside and from inside", () => {
    const b = bench();
    for (const make of [
      (): Uint8Array => udp("10.0.1.10:1000", `${WEB}:53`),
      (): Uint8Array => tcp("10.0.1.10:1000", `${WEB}:53`, "S"),
    ]) {
      const out = one(b, "app", make());
      const error = one(b, "web2", icmpError("203.0.113.11", NAT, 3, 4, out.bytes));
      expect(error.device).toBe("app");
      expect(error.line).toMatch(/^203\.0\.113\.11 > 10\.0\.1\.10/);
      const inner = quoted(error.bytes);
      expect([...inner.subarray(VNET + 12, VNET + 20)]).toEqual([10, 0, 1, 10, 203, 0, 113, 10]);
      expect(sourcePort(inner)).toBe(1000);
      expect(packetProblem(inner)).toBeNull();
    }
    const port = portOf(one(b, "app", udp("10.0.1.10:1000", `${WEB}:53`)));
    const back = one(b, "web", udp(`${WEB}:53`, `${NAT}:${port}`));
    const error = one(b, "app", icmpError("10.0.1.10", WEB, 3, 3, back.bytes));
    expect(error.device).toBe("web");
    expect(error.line).toMatch(/^198\.51\.100\.50 > 203\.0\.113\.10/);
    const inner = quoted(error.bytes);
    expect([...inner.subarray(VNET + 16, VNET + 20)]).toEqual([198, 51, 100, 50]);
    expect((inner[VNET + 22] << 8) | inner[VNET + 23]).toBe(port);
    expect(packetProblem(inner)).toBeNull();
    // About a connection that there is not.
    const stranger = udp(`${NAT}:1`, `${WEB}:53`);
    expectDrop(b, "web", icmpError(WEB, NAT, 3, 3, stranger), "NAT_GATEWAY_NO_CONNECTION");
    expectDrop(b, "app", icmpError("10.0.1.10", WEB, 3, 3, stranger), "NAT_GATEWAY_NO_CONNECTION");
    expectDrop(b, "web", icmpError(WEB, NAT, 3, 3, stranger, 12), "NAT_INNER_UNTRANSLATABLE");
  });

  it("translates errors about pings", () => {
    const b = bench();
    const out = one(b, "app", echo("10.0.1.10", WEB, 7));
    const error = one(b, "web2", icmpError("203.0.113.11", NAT, 11, 0, out.bytes));
    expect(error.device).toBe("app");
    expect(icmpId(quoted(error.bytes))).toBe(7);
    expect(packetProblem(quoted(error.bytes))).toBeNull();
    const back = one(b, "web", echo(WEB, NAT, icmpId(out.bytes), { reply: true }));
    const second = one(b, "app", icmpError("10.0.1.10", WEB, 3, 2, back.bytes));
    expect(second.device).toBe("web");
    expect(icmpId(quoted(second.bytes))).toBe(icmpId(out.bytes));
    expect(packetProblem(quoted(second.bytes))).toBeNull();
  });

  it("keeps path MTU discovery alive: the internet gateway's request gets back to the sender, untranslated", () => {
    const b = bench();
    const error = one(b, "app", udp("10.0.1.10:1000", `${WEB}:53`, big(1473), { frag: DF }));
    expect(b.reason).toBe("FRAGMENTATION_NEEDED");
    expect(error.device).toBe("app");
    expect(error.line).toMatch(/^10\.0\.2\.1 > 10\.0\.1\.10: .*1500/);
    expect([...quoted(error.bytes).subarray(VNET + 12, VNET + 16)]).toEqual([10, 0, 1, 10]);
    expect(sourcePort(quoted(error.bytes))).toBe(1000);
  });

  it("has an MTU of its own, 8500, and clamps the MSS to it", () => {
    const b = bench();
    b.plane.apply({
      put: [
        {
          t: "vpcRoute",
          routeTable: TABLE.public,
          ...cidr("52.216.0.0/15"),
          target: R.TARGET_NETWORK,
          arg: NETWORK.s3,
        },
        { t: "vpcRoute", routeTable: TABLE.private, ...cidr("52.216.0.0/15"), target: R.TARGET_NAT_GATEWAY, arg: 0 },
      ],
      gone: [],
    });
    expect(b.send("app", udp("10.0.1.10:1", "52.216.0.1:2", big(8500 - 28)))).toHaveLength(1);
    const error = one(b, "app", udp("10.0.1.10:1", "52.216.0.1:2", big(8501 - 28)));
    expect(error.line).toMatch(/^10\.0\.2\.1 > 10\.0\.1\.10: .*8500/);
    const pieces = b.send("app", udp("10.0.1.10:1", "52.216.0.1:2", big(8501 - 28), { frag: MAY_CUT }));
    expect(pieces.map((s) => s.device)).toEqual(["s3", "s3"]);
    for (const s of pieces) expect(s.line).toMatch(/^10\.0\.2\.50(\.\d+)? > 52\.216\.0\.1/);
    expect(b.imbalance()).toBe(0);
  });

  it("puts fragments of UDP together and cuts them as they came, whatever order they come in", () => {
    const b = bench();
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
    ]) {
      const whole = udp("10.0.1.10:1000", `${WEB}:53`, big(3000), { frag: MAY_CUT, id: 5 + order[0] });
      const parts = cut(whole, 1200);
      expect(parts).toHaveLength(3);
      const sent = order.flatMap((i) => b.send("app", parts[i]));
      expect(sent.map((s) => s.device)).toEqual(["web", "web", "web"]);
      expect(sent.map((s) => s.bytes.length - VNET)).toEqual(parts.map((p) => p.length - VNET));
      const port = sourcePort(sent[0].bytes);
      expect(port).toBeGreaterThanOrEqual(1024);
      const answer = cut(udp(`${WEB}:53`, `${NAT}:${port}`, big(2500), { frag: MAY_CUT, id: 9 + order[0] }), 1480);
      const back = answer.flatMap((bytes) => b.send("web", bytes));
      expect(back.map((s) => s.device)).toEqual(["app", "app"]);
      expect((back[0].bytes[VNET + 22] << 8) | back[0].bytes[VNET + 23]).toBe(1000);
      expect(b.imbalance()).toBe(0);
    }
  });

  it("drops fragments of TCP and ICMP, and protocols that it does not know", () => {
    const b = bench();
    const segment = tcp("10.0.1.10:1000", `${WEB}:80`, ".", { payload: big(2000), frag: MAY_CUT });
    for (const part of cut(segment, 1200)) expectDrop(b, "app", part, "NAT_GATEWAY_FRAGMENT");
    const sctp = udp("10.0.1.10:1000", `${WEB}:80`, big(20));
    sctp[VNET + 9] = 132;
    sum(sctp);
    expectDrop(b, "app", sctp, "NAT_GATEWAY_PROTOCOL");
  });

  it("translates super-packets and packets whose checksum is not complete", () => {
    const b = bench();
    const port = portOf(one(b, "app", tcp("10.0.1.10:1000", `${WEB}:80`, "S", { partial: true })));
    const out = one(b, "app", tcp("10.0.1.10:1000", `${WEB}:80`, ".", { payload: big(20_000), gso: 1400 }));
    expect(portOf(out)).toBe(port);
    const back = one(b, "web", tcp(`${WEB}:80`, `${NAT}:${port}`, "S.", { partial: true }));
    expect(back.line).toMatch(/10\.0\.1\.10\.1000/);
  });

  it("has room for 55,000 connections to a destination, and for as many to the next", () => {
    const b = bench();
    const { plane } = b;
    const tries = 56_000;
    for (let i = 0; i < tries; i++) {
      b.walk("app", udp(`10.0.1.10:${1024 + i}`, `${WEB}:53`));
      plane.context.reset();
    }
    expect(plane.context.nat.countTo(0, 17, ip(WEB), 53)).toBe(55_000);
    expect(b.reason).toBe("NAT_GATEWAY_PORTS_EXHAUSTED");
    for (const bytes of [
      udp("10.0.1.10:1", `${WEB}:54`),
      udp("10.0.1.10:1", "203.0.113.11:53"),
      tcp("10.0.1.10:1", `${WEB}:53`, "S"),
    ])
      expect(b.send("app", bytes)).toHaveLength(1);
    // Those that are there go on; when they have timed out there is room again.
    expect(b.send("app", udp("10.0.1.10:1024", `${WEB}:53`))).toHaveLength(1);
    expect(b.send("app2", udp("10.0.1.11:1024", `${WEB}:53`))).toHaveLength(0);
    plane.tick(IDLE_MS - 1);
    expect(b.send("app2", udp("10.0.1.11:1024", `${WEB}:53`))).toHaveLength(0);
    plane.tick(IDLE_MS);
    // All of them at once, though a tick looks at some of them only.
    for (let i = 0; i < 1000; i++) expect(b.send("app2", udp(`10.0.1.11:${1024 + i}`, `${WEB}:53`))).toHaveLength(1);
  }, 60_000);
});

describe("a connection through a NAT gateway", () => {
  const open = (b: VpcBench): number => {
    const port = portOf(one(b, "app", tcp("10.0.1.10:1000", `${WEB}:80`, "S", { seq: 1 })));
    one(b, "web", tcp(`${WEB}:80`, `${NAT}:${port}`, "S.", { seq: 9, ack: 2 }));
    one(b, "app", tcp("10.0.1.10:1000", `${WEB}:80`, ".", { seq: 2, ack: 10 }));
    return port;
  };

  it("lives while one packet comes each 350 s, either way", () => {
    const b = bench();
    const port = open(b);
    for (let i = 1; i <= 4; i++) {
      b.plane.tick(i * (IDLE_MS - 1));
      if (i % 2 === 0) one(b, "app", tcp("10.0.1.10:1000", `${WEB}:80`, ".", { seq: 2, ack: 10 }));
      else one(b, "web", tcp(`${WEB}:80`, `${NAT}:${port}`, ".", { seq: 10, ack: 2 }));
      expect(b.plane.context.nat.countTo(0, 6, ip(WEB), 80)).toBe(1);
    }
  });

  it("is forgotten after 350 s: who goes on from inside gets a reset, from outside nothing", () => {
    const b = bench();
    const port = open(b);
    b.plane.tick(IDLE_MS);
    expectDrop(b, "web", tcp(`${WEB}:80`, `${NAT}:${port}`, ".", { seq: 10, ack: 2 }), "NAT_GATEWAY_NO_CONNECTION");
    const reset = one(b, "app", tcp("10.0.1.10:1000", `${WEB}:80`, "P.", { seq: 2, ack: 10, payload: "late" }));
    expect(b.reason).toBe("NAT_GATEWAY_RESET");
    expect(reset.device).toBe("app");
    expect(reset.line).toMatch(/^203\.0\.113\.10\.80 > 10\.0\.1\.10\.1000: .*R.*seq 10/);
    const withoutAck = one(b, "app", tcp("10.0.1.10:1000", `${WEB}:80`, "F", { seq: 7, payload: "abc" }));
    expect(withoutAck.line).toMatch(/R.*ack 11/);
    expectDrop(b, "app", tcp("10.0.1.10:1000", `${WEB}:80`, "R", { seq: 2 }), "NAT_GATEWAY_NO_CONNECTION");
    // A new one may begin.
    one(b, "app", tcp("10.0.1.10:1000", `${WEB}:80`, "S", { seq: 1 }));
  });

  it("that was closed by both or reset gives its port back after a minute, unless it begins anew", () => {
    for (const close of ["both", "reset"]) {
      const b = bench();
      const port = open(b);
      if (close === "both") {
        one(b, "app", tcp("10.0.1.10:1000", `${WEB}:80`, "F.", { seq: 2, ack: 10 }));
        b.plane.tick(2 * CLOSED_MS);
        one(b, "web", tcp(`${WEB}:80`, `${NAT}:${port}`, "F.", { seq: 10, ack: 3 }));
      } else {
        b.plane.tick(2 * CLOSED_MS);
        one(b, "web", tcp(`${WEB}:80`, `${NAT}:${port}`, "R", { seq: 10 }));
      }
      const table = b.plane.context.nat.table;
      b.plane.tick(3 * CLOSED_MS - 1);
      expect(b.plane.context.nat.countTo(0, 6, ip(WEB), 80)).toBe(1);
      if (close === "both") {
        expect(portOf(one(b, "app", tcp("10.0.1.10:1000", `${WEB}:80`, "S", { seq: 50 })))).toBe(port);
        b.plane.tick(5 * CLOSED_MS);
        expect(portOf(one(b, "app", tcp("10.0.1.10:1000", `${WEB}:80`, ".", { seq: 51, ack: 1 })))).toBe(port);
      } else {
        b.plane.tick(3 * CLOSED_MS);
        one(b, "app", tcp("10.0.1.10:1000", `${WEB}:80`, ".", { seq: 51, ack: 1 }));
        expect(b.reason).toBe("NAT_GATEWAY_RESET");
      }
      b.plane.tick(3 * IDLE_MS);
      b.plane.tick(3 * IDLE_MS + 1);
      expect(table.count).toBe(0);
    }
  });

  it("ends with its gateway", () => {
    const b = bench();
    const port = open(b);
    b.plane.apply({ put: [], gone: [{ t: "natGateway", id: 0, eni: 0, isPrivate: false }] });
    expect(b.plane.context.nat.table.count).toBe(0);
    expectDrop(b, "app", tcp("10.0.1.10:1000", `${WEB}:80`, ".", { seq: 2, ack: 10 }), "VPC_BLACKHOLE");
    expectDrop(b, "web", tcp(`${WEB}:80`, `${NAT}:${port}`, ".", { seq: 2, ack: 10 }), "DEVICE_GONE");
  });
});

describe("a private NAT gateway", () => {
  it("sends with its private address to other networks, and brings the answer back", () => {
    const v = threeVpcs();
    v.outside("lab", NETWORK.office, "192.168.77.1");
    const b = new VpcBench(v);
    const out = one(b, "app", udp("10.0.1.10:1000", "192.168.77.1:53"));
    expect(out.device).toBe("lab");
    expect(out.line).toMatch(/^10\.0\.3\.5\.\d+ > 192\.168\.77\.1\.53/);
    const port = sourcePort(out.bytes);
    const back = one(b, "lab", udp("192.168.77.1:53", `10.0.3.5:${port}`));
    expect(back.device).toBe("app");
    expect(back.line).toMatch(/^192\.168\.77\.1\.53 > 10\.0\.1\.10\.1000/);
  });

  it("has no public address: the internet gateway drops what it sends", () => {
    const b = bench();
    b.plane.apply({
      put: [
        { t: "vpcRoute", routeTable: TABLE.transit, ...cidr("0.0.0.0/0"), target: R.TARGET_INTERNET_GATEWAY, arg: 0 },
        { t: "vpcRoute", routeTable: TABLE.private, ...cidr("0.0.0.0/0"), target: R.TARGET_NAT_GATEWAY, arg: 1 },
      ],
      gone: [],
    });
    expectDrop(b, "app", udp("10.0.1.10:1000", `${WEB}:53`), "IGW_NO_PUBLIC_ADDRESS");
  });
});

describe("a question about a way through gateways", () => {
  it("leaves nothing behind, and its draw is the next packet's", () => {
    const [asked, silent] = [bench(), bench()];
    const established = (b: VpcBench): void => {
      b.send("app", tcp("10.0.1.10:1", `${WEB}:80`, "S"));
    };
    established(asked);
    established(silent);
    const before = asked.plane.context.nat.table.stateHash();
    const questions: [string, Uint8Array][] = [
      ["app", udp("10.0.1.10:1000", `${WEB}:53`)],
      ["app", tcp("10.0.1.10:1", `${WEB}:80`, "R")],
      ["app", tcp("10.0.1.10:7", `${WEB}:80`, ".")],
      ["app", echo("10.0.1.10", WEB, 3)],
      ["app", udp("10.0.1.10:1000", "10.2.1.10:53")],
      ["far", udp("10.2.1.10:1000", `${WEB}:53`)],
      ["app", udp("10.0.1.10:1000", `${WEB}:53`, big(1473))],
      ["app", udp("10.0.1.10:1000", `${WEB}:53`, big(8900), { frag: MAY_CUT })],
      ["web", udp(`${WEB}:53`, `${NAT}:1024`)],
    ];
    for (const [device, bytes] of questions) {
      expect(asked.ask(device, bytes).count).toBeGreaterThan(0);
      expect(asked.plane.context.nat.table.stateHash()).toBe(before);
    }
    const c = asked.plane.context;
    expect(c.counters).toEqual(silent.plane.context.counters);
    expect(c.out.count).toBe(0);
    const d = asked.ask("app", udp("10.0.1.10:1000", `${WEB}:53`));
    const first = asked.send("app", udp("10.0.1.10:1000", `${WEB}:53`));
    expect(d.sport).toBe(portOf(first[0]));
    expect(first).toEqual(silent.send("app", udp("10.0.1.10:1000", `${WEB}:53`)));
    expect(asked.plane.context.nat.table.stateHash()).toBe(silent.plane.context.nat.table.stateHash());
  });
});

/** Cuts a packet into fragments of `size` bytes of payload. */
function cut(packet: Uint8Array, size: number): Uint8Array[] {
  const header = VNET + 20;
  const payload = packet.subarray(header);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < payload.length; at += size) {
    const data = payload.subarray(at, at + size);
    const part = new Uint8Array(header + data.length);
    part.set(packet.subarray(0, header));
    part.set(data, header);
    const frag = (at >> 3) | (at + size < payload.length ? 0x2000 : 0);
    part[VNET + 6] = frag >> 8;
    part[VNET + 7] = frag & 255;
    part[VNET + 2] = (part.length - VNET) >> 8;
    part[VNET + 3] = (part.length - VNET) & 255;
    sum(part);
    parts.push(part);
  }
  return parts;
}

/** Sums the IP header anew. */
function sum(bytes: Uint8Array): void {
  bytes[VNET + 10] = bytes[VNET + 11] = 0;
  let total = 0;
  for (let i = 0; i < 20; i += 2) total += (bytes[VNET + i] << 8) | bytes[VNET + i + 1];
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  bytes[VNET + 10] = (~total >> 8) & 255;
  bytes[VNET + 11] = ~total & 255;
}
