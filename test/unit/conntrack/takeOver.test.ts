import { describe, expect, test } from "vitest";
import { CONFIRM_OK, CT_NEW, DIR_REPLY, IPS_SRC_NAT } from "../../../src/plane/conntrack/info.ts";
import type { Conntrack } from "../../../src/plane/conntrack/table.ts";
import { TCP_CLOSE, TCP_ESTABLISHED, TCP_TIME_WAIT } from "../../../src/plane/conntrack/tcpStates.ts";
import { BIND_EXHAUSTED, bindSource, setReplyTuple } from "../../../src/plane/nat/ports.ts";
import { Random } from "../../../src/plane/random.ts";
import { SNAT_PRNG } from "../../../src/plane/rows.ts";
import { ACK, CLIENT, FIN, ip, packet, pass, RST, SERVER, SYN, table, tcp, udp } from "./packets.ts";

/**
 * nf_nat_used_tuple_harder: when a search finds no free port, a new SYN takes that of a connection that is over.
 * Privileged source ports keep to 1 to 511, which are soon all in use.
 */

const NODE = ip("10.0.1.10");
const PORTS = 511;
const OLD_SEQ = 1000;

type Segment = [fromClient: boolean, flags: number, seq: number, ack: number];
const OPEN: Segment[] = [
  [false, SYN | ACK, 500, OLD_SEQ + 1],
  [true, ACK, OLD_SEQ + 1, 501],
];
const CLOSE: Segment[] = [
  [true, FIN | ACK, OLD_SEQ + 1, 501],
  [false, FIN | ACK, 501, OLD_SEQ + 2],
  [true, ACK, OLD_SEQ + 2, 502],
];

/** A connection from the client's port, which left the node by the same port. Returns its entry. */
function connection(ct: Conntrack, port: number, segments: Segment[], translated = true): number {
  expect(ct.track(tcp({ flags: SYN, seq: OLD_SEQ, sport: port }), 0, 0)).toBe(CT_NEW);
  const entry = packet.ct;
  ct.setReply(entry, SERVER, NODE, 80, port);
  if (translated) ct.setStatus(entry, IPS_SRC_NAT);
  expect(ct.confirm(entry, 0)).toBe(CONFIRM_OK);
  for (const [fromClient, flags, seq, ack] of segments) {
    const ends = fromClient ? { sport: port } : { src: SERVER, dst: NODE, sport: 80, dport: port };
    ct.track(tcp({ ...ends, flags, seq, ack }), 0, 0);
    expect(packet.ct).toBe(entry);
  }
  return entry;
}

function full(segments: Segment[], translated = true): Conntrack {
  const ct = table();
  for (let port = 1; port <= PORTS; port++) connection(ct, port, segments, translated);
  return ct;
}

/** The port that another client's first packet leaves with, or BIND_EXHAUSTED; its entry is confirmed. */
function next(ct: Conntrack, seq: number, flags = SYN, sport = 300, seed = 3): number {
  ct.track(tcp({ src: CLIENT + 1, sport, flags, seq }), 0, 10);
  const port = bindSource(ct, new Random(seed), packet, 0, NODE, SNAT_PRNG);
  if (port === BIND_EXHAUSTED) {
    ct.discard(packet.ct);
    return port;
  }
  setReplyTuple(ct, packet, NODE, port);
  ct.setStatus(packet.ct, IPS_SRC_NAT);
  expect(ct.confirm(packet.ct, 10)).toBe(CONFIRM_OK);
  return port;
}

describe("a search for a port among connections in TIME_WAIT", () => {
  test("takes one over whose sequence numbers it is ahead of", () => {
    const ct = full([...OPEN, ...CLOSE]);
    expect(ct.tcpState(packet.ct)).toBe(TCP_TIME_WAIT);
    const port = next(ct, OLD_SEQ + 5000);
    expect(port).toBeGreaterThan(0);
    expect(ct.total).toBe(PORTS);
    // Answers belong to the new connection.
    ct.track(tcp({ src: SERVER, dst: NODE, sport: 80, dport: port, flags: SYN | ACK, ack: OLD_SEQ + 5001 }), 0, 11);
    expect(ct.src(packet.ct, 0)).toBe(CLIENT + 1);
    expect(ct.dport(packet.ct, DIR_REPLY)).toBe(port);
  });

  test("prefers a port that is free while many are", () => {
    const ct = table();
    for (let port = 1; port <= 90; port++) connection(ct, port, [...OPEN, ...CLOSE]);
    for (let i = 0; i < 50; i++) expect(next(ct, OLD_SEQ + 5000, SYN, 100 + i, i)).toBeGreaterThan(90);
    expect(ct.total).toBe(140);
  });

  test("looks no further than the kernel's: 128 ports free for none, the last 32 of them for such a connection", () => {
    // With the same seed the search begins at the same place; only the 97th port and later ones may be taken over.
    const first = new Random(3).below(65_536) % PORTS;
    const port = next(full([...OPEN, ...CLOSE]), OLD_SEQ + 5000);
    expect(port).toBe(1 + ((first + 96) % PORTS));
  });

  test("takes none over whose numbers lie ahead, or are the same", () => {
    for (const seq of [OLD_SEQ - 1, OLD_SEQ, OLD_SEQ + 1])
      expect(next(full([...OPEN, ...CLOSE]), seq)).toBe(BIND_EXHAUSTED);
    expect(next(full([...OPEN, ...CLOSE]), OLD_SEQ + 2)).toBeGreaterThan(0);
  });

  test("takes no connection over that is not closed, that kept its source, or for a packet that is no SYN", () => {
    const open = full(OPEN);
    expect(open.tcpState(packet.ct)).toBe(TCP_ESTABLISHED);
    expect(next(open, OLD_SEQ + 5000)).toBe(BIND_EXHAUSTED);
    expect(open.total).toBe(PORTS);
    expect(next(full([...OPEN, ...CLOSE], false), OLD_SEQ + 5000)).toBe(BIND_EXHAUSTED);
    expect(next(full([...OPEN, ...CLOSE]), OLD_SEQ + 5000, ACK)).toBe(BIND_EXHAUSTED);
  });

  test("takes no closed connection over whose first packet had this tuple", () => {
    const ct = table();
    const ends = { src: SERVER, dst: NODE, sport: 80, dport: 9 };
    const back = { src: NODE, dst: SERVER, sport: 9, dport: 80 };
    pass(ct, tcp({ ...ends, flags: SYN, seq: OLD_SEQ }), 0);
    const entry = packet.ct;
    ct.setStatus(entry, IPS_SRC_NAT);
    pass(ct, tcp({ ...back, flags: SYN | ACK, ack: OLD_SEQ + 1 }), 0);
    pass(ct, tcp({ ...back, flags: RST | ACK, seq: 1, ack: OLD_SEQ + 1 }), 0);
    expect(ct.tcpState(entry)).toBe(TCP_CLOSE);
    ct.track(tcp({ flags: SYN, seq: OLD_SEQ + 5000 }), 0, 1);
    expect(ct.takeOver(0, SERVER, NODE, 80, 9, packet.ct)).toBe(false);
    expect(ct.total).toBe(2);
  });

  test("in a what-if finds the port and deletes nothing", () => {
    const ct = full([...OPEN, ...CLOSE]);
    const before = ct.stateHash();
    ct.beginTrial();
    const asked = next(ct, OLD_SEQ + 5000);
    ct.rollback();
    expect(ct.stateHash()).toBe(before);
    expect(next(ct, OLD_SEQ + 5000)).toBe(asked);
  });

  test("is for TCP alone", () => {
    const ct = table();
    for (let port = 1; port <= PORTS; port++) {
      ct.track(udp({ sport: port }), 0, 0);
      ct.setReply(packet.ct, SERVER, NODE, 80, port);
      ct.setStatus(packet.ct, IPS_SRC_NAT);
      ct.confirm(packet.ct, 0);
    }
    ct.track(udp({ src: CLIENT + 1, sport: 300 }), 0, 0);
    expect(bindSource(ct, new Random(3), packet, 0, NODE, SNAT_PRNG)).toBe(BIND_EXHAUSTED);
  });
});
