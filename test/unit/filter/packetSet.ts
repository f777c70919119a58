import { setI32, setU16 } from "../../../src/plane/wire/bytes.ts";
import type { Dice } from "../plane/dice.ts";
import { ip } from "../plane/packets.ts";

/** A packet as a capture has it. */
export interface Captured {
  /** From its IP header on, as much as was kept. */
  readonly bytes: Uint8Array;
  /** Bytes on the wire. */
  readonly length: number;
}

export const ADDRESSES = ["10.0.0.1", "10.0.0.2", "10.0.7.9", "10.1.2.3", "192.168.1.1", "172.20.0.17", "0.0.0.10"];
const CAST = ["224.0.0.251", "255.255.255.255", "0.0.0.0", "239.1.2.3"];
export const ADDRESSES_6 = ["2001:db8::1", "2001:db8::2", "fe80::1", "ff02::1"];
export const PORTS = [22, 53, 80, 443, 6000, 6004, 6008, 8080, 40_000, 65_535];
const PROTOCOLS = [6, 6, 6, 17, 17, 1, 132, 47, 2, 50, 51, 89, 112, 103];
const TCP_FLAGS = [0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x01, 0xc2];
const NEXT_FRAGMENT = 44;

/** Layer 4 of a protocol, with bytes that a filter may look at and no checksums, which none looks at. */
function layer4(dice: Dice, protocol: number): Uint8Array {
  const l4 = dice.bytes(20 + dice.int(40));
  if (protocol === 6 || protocol === 17 || protocol === 132) {
    setU16(l4, 0, dice.pick(PORTS));
    setU16(l4, 2, dice.pick(PORTS));
  }
  if (protocol === 6) {
    l4[12] = 0x50;
    l4[13] = dice.pick(TCP_FLAGS);
  }
  if (protocol === 1 || protocol === 58) {
    l4[0] = dice.pick([0, 3, 5, 8, 11, 128, 129]);
    l4[1] = dice.int(5);
  }
  return l4;
}

function ipv4(dice: Dice): Uint8Array {
  const protocol = dice.pick(PROTOCOLS);
  const header = dice.chance(0.2) ? 20 + 4 * dice.int(11) : 20;
  const l4 = layer4(dice, protocol);
  const bytes = dice.bytes(header + l4.length);
  bytes[0] = 0x40 | (header / 4);
  bytes[1] = dice.pick([0, 0, 0x10, 0xb8]);
  setU16(bytes, 2, bytes.length);
  const fragment = dice.pick([0, 0, 0, 0x4000, 0x4000, 0x2000, 0x2000 | dice.int(64), dice.int(512)]);
  setU16(bytes, 6, fragment);
  bytes[8] = dice.pick([1, 63, 64, 255]);
  bytes[9] = protocol;
  setI32(bytes, 12, ip(dice.pick(ADDRESSES)));
  setI32(bytes, 16, ip(dice.pick(dice.chance(0.1) ? CAST : ADDRESSES)));
  bytes.set(l4, header);
  // A header length that no host accepts, which a filter goes by all the same.
  if (dice.chance(0.03)) bytes[0] = 0x40 | dice.int(16);
  return bytes;
}

function groups6(text: string): number[] {
  const [head, tail = ""] = text.split("::");
  const split = (part: string) => (part === "" ? [] : part.split(":").map((g) => Number.parseInt(g, 16)));
  const [a, b] = [split(head), split(tail)];
  return [...a, ...new Array<number>(8 - a.length - b.length).fill(0), ...b];
}

function ipv6(dice: Dice): Uint8Array {
  const protocol = dice.pick([6, 17, 58, 132, 50, 47]);
  const extension = dice.pick(["none", "none", "fragment", "routing"] as const);
  const l4 = layer4(dice, protocol);
  const bytes = dice.bytes(40 + (extension === "none" ? 0 : 8) + l4.length);
  bytes[0] = 0x60;
  setU16(bytes, 4, bytes.length - 40);
  bytes[6] = extension === "none" ? protocol : extension === "fragment" ? NEXT_FRAGMENT : 43;
  bytes[40] = protocol;
  for (const [i, g] of groups6(dice.pick(ADDRESSES_6)).entries()) setU16(bytes, 8 + 2 * i, g);
  for (const [i, g] of groups6(dice.pick(ADDRESSES_6)).entries()) setU16(bytes, 24 + 2 * i, g);
  bytes.set(l4, bytes.length - l4.length);
  return bytes;
}

/** Packets of all kinds: fragments, options, what is cut off at any byte, GRE, IPv6, and what is no packet at all. */
export function packetSet(dice: Dice, count: number): Captured[] {
  return Array.from({ length: count }, () => {
    const whole = dice.chance(0.15) ? ipv6(dice) : ipv4(dice);
    if (dice.chance(0.02)) whole[0] = dice.int(256);
    const kept = dice.chance(0.25) ? dice.int(whole.length + 1) : whole.length;
    const length = dice.chance(0.05) ? whole.length + 1400 : whole.length;
    return { bytes: whole.slice(0, kept), length };
  });
}

const PCAP_HEADER = 24;
const RECORD_HEADER = 16;
const LINKTYPE_RAW = 101;
const SNAPLEN = 262_144;

/** A classic pcap file (draft-ietf-opsawg-pcap), little-endian; a packet's number is its time in seconds. */
export function pcapFile(packets: readonly Captured[]): Buffer {
  const total = packets.reduce((n, p) => n + RECORD_HEADER + p.bytes.length, PCAP_HEADER);
  const file = Buffer.alloc(total);
  file.writeUInt32LE(0xa1b2c3d4, 0);
  file.writeUInt16LE(2, 4);
  file.writeUInt16LE(4, 6);
  file.writeUInt32LE(SNAPLEN, 16);
  file.writeUInt32LE(LINKTYPE_RAW, 20);
  let at = PCAP_HEADER;
  for (const [i, { bytes, length }] of packets.entries()) {
    file.writeUInt32LE(i, at);
    file.writeUInt32LE(bytes.length, at + 8);
    file.writeUInt32LE(length, at + 12);
    file.set(bytes, at + RECORD_HEADER);
    at += RECORD_HEADER + bytes.length;
  }
  return file;
}

/** The numbers of the packets in a file that was made of one of {@link pcapFile}. */
export function packetNumbers(file: Buffer): number[] {
  const numbers: number[] = [];
  for (let at = PCAP_HEADER; at < file.length; at += RECORD_HEADER + file.readUInt32LE(at + 8))
    numbers.push(file.readUInt32LE(at));
  return numbers;
}
