import { parseAddress } from "../../../src/plane/wire/address.ts";
import { setI32, setU16 } from "../../../src/plane/wire/bytes.ts";
import { checksum, pseudoHeaderSum, sum16 } from "../../../src/plane/wire/checksum.ts";
import { describePacket } from "../../../src/plane/wire/describe.ts";
import { writeIpv4Header } from "../../../src/plane/wire/ipv4.ts";

/** Builds packets as a sender would: with a virtio_net_hdr in front and complete checksums unless asked otherwise. */

export const VNET = 10;
const IP = VNET;

export function ip(text: string): number {
  const a = parseAddress(text);
  if (a === null) throw new Error(`no address: ${text}`);
  return a;
}

export interface IpOptions {
  ttl?: number;
  id?: number;
  /** Flags and fragment offset, as on the wire. */
  frag?: number;
  /** Leave the checksum to whoever comes next: NEEDS_CSUM. */
  partial?: boolean;
  /** gso_size, for a super-packet. */
  gso?: number;
}

function packet(protocol: number, src: number, dst: number, l4: Uint8Array, o: IpOptions): Uint8Array {
  const bytes = new Uint8Array(VNET + 20 + l4.length);
  writeIpv4Header(bytes, IP, 0, 20 + l4.length, o.id ?? 1, o.frag ?? 0x4000, o.ttl ?? 64, protocol, src, dst);
  bytes.set(l4, IP + 20);
  return bytes;
}

/** "10.0.1.16:40000" */
function socket(text: string): { address: number; port: number } {
  const [a, p] = text.split(":");
  return { address: ip(a), port: Number(p ?? 0) };
}

function finish(
  bytes: Uint8Array,
  protocol: number,
  field: number,
  src: number,
  dst: number,
  o: IpOptions,
): Uint8Array {
  const l4 = IP + 20;
  const length = bytes.length - l4;
  const pseudo = pseudoHeaderSum(src, dst, protocol, length);
  if (o.partial === true || o.gso !== undefined) {
    setU16(bytes, l4 + field, pseudo);
    bytes[0] = 1;
    bytes[6] = 20;
    bytes[8] = field;
    if (o.gso !== undefined) {
      bytes[1] = protocol === 6 ? 1 : 5;
      bytes[2] = (20 + (protocol === 6 ? 20 : 8)) & 255;
      bytes[4] = o.gso & 255;
      bytes[5] = o.gso >> 8;
    }
  } else {
    const check = ~sum16(bytes, l4, length, pseudo) & 0xffff;
    setU16(bytes, l4 + field, check === 0 && protocol === 17 ? 0xffff : check);
  }
  return bytes;
}

export function udp(from: string, to: string, payload: string | Uint8Array = "hello", o: IpOptions = {}): Uint8Array {
  const [s, d] = [socket(from), socket(to)];
  const data = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const l4 = new Uint8Array(8 + data.length);
  setU16(l4, 0, s.port);
  setU16(l4, 2, d.port);
  setU16(l4, 4, l4.length);
  l4.set(data, 8);
  return finish(packet(17, s.address, d.address, l4, o), 17, 6, s.address, d.address, o);
}

export const FLAGS: Record<string, number> = { F: 1, S: 2, R: 4, P: 8, ".": 16 };

export interface TcpOptions extends IpOptions {
  seq?: number;
  ack?: number;
  window?: number;
  payload?: string | Uint8Array;
}

/** @param flags tcpdump's letters: "S", "S.", ".", "P.", "F.", "R" */
export function tcp(from: string, to: string, flags: string, o: TcpOptions = {}): Uint8Array {
  const [s, d] = [socket(from), socket(to)];
  const data = typeof o.payload === "string" ? new TextEncoder().encode(o.payload) : (o.payload ?? new Uint8Array(0));
  const l4 = new Uint8Array(20 + data.length);
  setU16(l4, 0, s.port);
  setU16(l4, 2, d.port);
  setI32(l4, 4, (o.seq ?? 0) | 0);
  setI32(l4, 8, (o.ack ?? 0) | 0);
  l4[12] = 0x50;
  l4[13] = [...flags].reduce((n, c) => n | (FLAGS[c] ?? 0), 0);
  setU16(l4, 14, o.window ?? 65535);
  l4.set(data, 20);
  return finish(packet(6, s.address, d.address, l4, o), 6, 16, s.address, d.address, o);
}

export function echo(from: string, to: string, id: number, o: IpOptions & { reply?: boolean } = {}): Uint8Array {
  const l4 = new Uint8Array(16);
  l4[0] = o.reply === true ? 0 : 8;
  setU16(l4, 4, id);
  setU16(l4, 6, 1);
  setU16(l4, 2, checksum(l4, 0, l4.length));
  return packet(1, ip(from), ip(to), l4, o);
}

/** An ICMP error that quotes `quoted` (a packet as built here or as written by the plane), cut to `cut` bytes. */
export function icmpError(
  from: string,
  to: string,
  type: number,
  code: number,
  quoted: Uint8Array,
  cut = 548,
): Uint8Array {
  const inner = quoted.subarray(VNET, VNET + cut);
  const l4 = new Uint8Array(8 + inner.length);
  l4[0] = type;
  l4[1] = code;
  l4.set(inner, 8);
  setU16(l4, 2, checksum(l4, 0, l4.length));
  return packet(1, ip(from), ip(to), l4, {});
}

/** The packet as one line, the way a person reads it. */
export function describe(bytes: Uint8Array): string {
  return describePacket(bytes, VNET, bytes.length - VNET);
}

/** The packet that an ICMP error quotes, with an empty virtio_net_hdr. */
export function quoted(bytes: Uint8Array): Uint8Array {
  const inner = bytes.subarray(VNET + 28);
  const copy = new Uint8Array(VNET + inner.length);
  copy.set(inner, VNET);
  return copy;
}
