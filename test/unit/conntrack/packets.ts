import { Conntrack, type ConntrackOptions } from "../../../src/plane/conntrack/table.ts";
import { Packet, PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../../../src/plane/packet.ts";
import { setI32, setU16 } from "../../../src/plane/wire/bytes.ts";

/** Builds packets as parsePacket() would leave them: bytes in a buffer, fields in the Packet. One at a time. */

const OFF = 64;
const IP_HEADER = 20;

/** Above 2^31 when unsigned, as a pod's and a service's address often are. */
export const CLIENT = ip("172.20.1.10");
export const SERVER = ip("192.168.7.80");
export const OTHER = ip("10.0.0.9");

export function ip(text: string): number {
  return text.split(".").reduce((a, b) => (a << 8) | Number(b), 0);
}

const buf = new Uint8Array(new ArrayBuffer(70_000));
export const packet = new Packet(buf);

export interface Ends {
  src?: number;
  dst?: number;
  sport?: number;
  dport?: number;
}

function header(protocol: number, ends: Ends, l4len: number): Packet {
  const p = packet;
  p.off = OFF;
  p.ihl = IP_HEADER;
  p.l4 = OFF + IP_HEADER;
  p.l4len = l4len;
  p.len = IP_HEADER + l4len;
  p.protocol = protocol;
  p.src = ends.src ?? CLIENT;
  p.dst = ends.dst ?? SERVER;
  p.sport = ends.sport ?? 40000;
  p.dport = ends.dport ?? 80;
  buf.fill(0, OFF, OFF + p.len);
  writeIp(OFF, p);
  return p;
}

function writeIp(at: number, p: { src: number; dst: number; protocol: number; len: number }): void {
  buf[at] = 0x45;
  setU16(buf, at + 2, p.len);
  buf[at + 8] = 64;
  buf[at + 9] = p.protocol;
  setI32(buf, at + 12, p.src);
  setI32(buf, at + 16, p.dst);
}

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;
export const URG = 32;

export interface Segment extends Ends {
  flags: number;
  seq?: number;
  ack?: number;
  win?: number;
  /** Payload bytes. */
  data?: number;
  /** Options; padded with zeros to a multiple of four. */
  options?: number[];
}

export function tcp(s: Segment): Packet {
  const options = s.options ?? [];
  const headerLength = 20 + Math.ceil(options.length / 4) * 4;
  const p = header(PROTO_TCP, s, headerLength + (s.data ?? 0));
  setU16(buf, p.l4, p.sport);
  setU16(buf, p.l4 + 2, p.dport);
  setI32(buf, p.l4 + 4, s.seq ?? 0);
  setI32(buf, p.l4 + 8, s.ack ?? 0);
  buf[p.l4 + 12] = (headerLength / 4) << 4;
  buf[p.l4 + 13] = s.flags;
  setU16(buf, p.l4 + 14, s.win ?? 65_535);
  buf.set(options, p.l4 + 20);
  return p;
}

export function udp(ends: Ends = {}): Packet {
  const p = header(PROTO_UDP, ends, 8);
  setU16(buf, p.l4, p.sport);
  setU16(buf, p.l4 + 2, p.dport);
  return p;
}

export function other(protocol: number, ends: Ends = {}): Packet {
  return header(protocol, { ...ends, sport: 0, dport: 0 }, 8);
}

export function icmp(type: number, code: number, id: number, ends: Ends = {}): Packet {
  const p = header(PROTO_ICMP, { ...ends, sport: id, dport: (type << 8) | code }, 8);
  buf[p.l4] = type;
  buf[p.l4 + 1] = code;
  setU16(buf, p.l4 + 4, id);
  return p;
}

/** An ICMP error from src to dst about the packet that is in `packet` now, of which it quotes `quoted` bytes of layer 4. */
export function icmpError(type: number, code: number, ends: { src: number; dst: number }, quoted = 8): Packet {
  const inner = buf.slice(OFF, OFF + IP_HEADER + quoted);
  const p = header(PROTO_ICMP, { ...ends, sport: 0, dport: (type << 8) | code }, 8 + inner.length);
  buf[p.l4] = type;
  buf[p.l4 + 1] = code;
  buf.set(inner, p.l4 + 8);
  p.icmpError = 1;
  return p;
}

export interface Chunk {
  type: number;
  flags?: number;
  /** INIT and INIT ACK: the initiate tag. */
  tag?: number;
}

export function sctp(vtag: number, chunks: Chunk[], ends: Ends = {}): Packet {
  const lengths = chunks.map((c) => (c.tag === undefined ? 8 : 20));
  const p = header(
    PROTO_SCTP,
    ends,
    lengths.reduce((a, b) => a + b, 12),
  );
  setU16(buf, p.l4, p.sport);
  setU16(buf, p.l4 + 2, p.dport);
  setI32(buf, p.l4 + 4, vtag);
  let at = p.l4 + 12;
  chunks.forEach((c, i) => {
    buf[at] = c.type;
    buf[at + 1] = c.flags ?? 0;
    setU16(buf, at + 2, lengths[i]);
    setI32(buf, at + 4, c.tag ?? 0);
    at += lengths[i];
  });
  return p;
}

/** The same ends, seen from the other side. */
export function reversed(ends: Ends): Ends {
  return {
    src: ends.dst ?? SERVER,
    dst: ends.src ?? CLIENT,
    sport: ends.dport ?? 80,
    dport: ends.sport ?? 40000,
  };
}

export const KEY = Int32Array.of(0x01234567, 0x89abcdef | 0, 0xdeadbeef | 0, 0x0badcafe);

export function table(options: Partial<ConntrackOptions> = {}): Conntrack {
  return new Conntrack({ capacity: 1024, zones: 4, hashKey: KEY, ...options });
}

/** Tracks a packet and, as a node does with a packet it forwards, confirms its entry. Returns the classification. */
export function pass(ct: Conntrack, p: Packet, now: number, zone = 0): number {
  const info = ct.track(p, zone, now);
  if (p.ct >= 0) ct.confirm(p.ct, now);
  return info;
}
