import { PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../../plane/packet.ts";
import { getI32, getU16 } from "../../plane/wire/bytes.ts";
import { type Check, NO, OUTSIDE, YES } from "./check.ts";
import type { Side } from "./filterTree.ts";

/**
 * Primitives about headers. They read what the programs read that libpcap makes of them, in that order, because the first
 * byte that is not there decides (OUTSIDE).
 */

const VERSION_MASK = 0xf0;
const VERSION_4 = 0x40;
const VERSION_6 = 0x60;
const IHL_MASK = 0x0f;
const IHL_SHIFT = 2;

// Offsets, and how many bytes have to be there.
const IP_FRAGMENT = 6;
const FRAGMENT_OFFSET = 0x1fff;
const IP_PROTOCOL = 9;
const IP_SRC = 12;
const IP_DST = 16;
const IP_END = 20;
const IP6_NEXT = 6;
const IP6_SRC = 8;
const IP6_DST = 24;
const IP6_HEADER = 40;
/** Next header of a fragment (RFC 8200 section 4.5). */
const NEXT_FRAGMENT = 44;
const PORT_BYTES = 2;
const PORTS_BYTES = 4;
const ADDRESS6_BYTES = 16;
const WORD_BYTES = 4;

/** First octet of the lowest multicast address. */
const MULTICAST = 224;
const MULTICAST_6 = 255;

export function versionCheck(version: 4 | 6): Check {
  const wanted = version === 4 ? VERSION_4 : VERSION_6;
  return (bytes, at, captured) => {
    if (captured < 1) return OUTSIDE;
    return (bytes[at] & VERSION_MASK) === wanted ? YES : NO;
  };
}

/** @param version null: either */
export function protocolCheck(version: 4 | 6 | null, number: number): Check {
  const in4 = version !== 6;
  const in6 = version !== 4;
  return (bytes, at, captured) => {
    if (captured < 1) return OUTSIDE;
    const found = bytes[at] & VERSION_MASK;
    if (found === VERSION_4) {
      if (!in4) return NO;
      if (captured <= IP_PROTOCOL) return OUTSIDE;
      return bytes[at + IP_PROTOCOL] === number ? YES : NO;
    }
    if (found !== VERSION_6 || !in6) return NO;
    if (captured <= IP6_NEXT) return OUTSIDE;
    const next = bytes[at + IP6_NEXT];
    if (next === NEXT_FRAGMENT) {
      if (captured <= IP6_HEADER) return OUTSIDE;
      if (bytes[at + IP6_HEADER] === number) return YES;
    }
    return next === number ? YES : NO;
  };
}

/** An IPv4 address, or those of a network. */
export function hostCheck(side: Side, address: number, mask: number): Check {
  const asksSource = side !== "dst";
  const asksDestination = side !== "src";
  const isEnough = side === "either" ? YES : NO;
  return (bytes, at, captured) => {
    if (captured < 1) return OUTSIDE;
    if ((bytes[at] & VERSION_MASK) !== VERSION_4) return NO;
    if (asksSource) {
      if (captured < IP_DST) return OUTSIDE;
      const x = (getI32(bytes, at + IP_SRC) & mask) === address ? YES : NO;
      if (!asksDestination || x === isEnough) return x;
    }
    if (captured < IP_END) return OUTSIDE;
    return (getI32(bytes, at + IP_DST) & mask) === address ? YES : NO;
  };
}

/** One of several IPv4 addresses. */
export function hostsCheck(side: Side, addresses: readonly number[]): Check {
  if (addresses.length === 1) return hostCheck(side, addresses[0], -1);
  const list = Int32Array.from(addresses);
  const asksSource = side !== "dst";
  const asksDestination = side !== "src";
  const isEnough = side === "either";
  return (bytes, at, captured) => {
    if (captured < 1) return OUTSIDE;
    if ((bytes[at] & VERSION_MASK) !== VERSION_4) return NO;
    if (captured < IP_END) return OUTSIDE;
    if (asksSource) {
      const isSource = list.includes(getI32(bytes, at + IP_SRC));
      if (!asksDestination || isSource === isEnough) return isSource ? YES : NO;
    }
    return list.includes(getI32(bytes, at + IP_DST)) ? YES : NO;
  };
}

/** An IPv6 address, or those of a network: four int32s each. */
export function host6Check(side: Side, address: readonly number[], mask: readonly number[]): Check {
  const wanted = Int32Array.from(address);
  const bits = Int32Array.from(mask);
  const compare = (bytes: Uint8Array, from: number, captured: number): number => {
    for (let i = 0; i < ADDRESS6_BYTES; i += WORD_BYTES) {
      if (captured < i + WORD_BYTES) return OUTSIDE;
      const word = i / WORD_BYTES;
      if ((getI32(bytes, from + i) & bits[word]) !== wanted[word]) return NO;
    }
    return YES;
  };
  return (bytes, at, captured) => {
    if (captured < 1) return OUTSIDE;
    if ((bytes[at] & VERSION_MASK) !== VERSION_6) return NO;
    if (side !== "dst") {
      const x = compare(bytes, at + IP6_SRC, captured - IP6_SRC);
      if (side === "src" || x === OUTSIDE || (x === YES) === (side === "either")) return x;
    }
    return compare(bytes, at + IP6_DST, captured - IP6_DST);
  };
}

/**
 * Ports from `low` to `high`. Only in the first fragment, which has them; where IPv6 has extension headers they are not
 * found.
 *
 * @param protocol null: TCP, UDP and SCTP
 */
export function portCheck(protocol: number | null, side: Side, low: number, high: number): Check {
  const any = protocol === null;
  const asksSource = side !== "dst";
  const asksDestination = side !== "src";
  const isEnough = side === "either" ? YES : NO;
  return (bytes, at, captured) => {
    if (captured < 1) return OUTSIDE;
    const version = bytes[at] & VERSION_MASK;
    let next = 0;
    let l4 = IP6_HEADER;
    if (version === VERSION_4) {
      if (captured <= IP_PROTOCOL) return OUTSIDE;
      next = bytes[at + IP_PROTOCOL];
      l4 = (bytes[at] & IHL_MASK) << IHL_SHIFT;
    } else if (version === VERSION_6) {
      if (captured <= IP6_NEXT) return OUTSIDE;
      next = bytes[at + IP6_NEXT];
    } else return NO;
    if (any ? next !== PROTO_TCP && next !== PROTO_UDP && next !== PROTO_SCTP : next !== protocol) return NO;
    if (version === VERSION_4 && (getU16(bytes, at + IP_FRAGMENT) & FRAGMENT_OFFSET) !== 0) return NO;
    if (asksSource) {
      if (captured < l4 + PORT_BYTES) return OUTSIDE;
      const port = getU16(bytes, at + l4);
      const x = port >= low && port <= high ? YES : NO;
      if (!asksDestination || x === isEnough) return x;
    }
    if (captured < l4 + PORTS_BYTES) return OUTSIDE;
    const port = getU16(bytes, at + l4 + PORT_BYTES);
    return port >= low && port <= high ? YES : NO;
  };
}

/** IPv4 with a protocol, whose header is there: no fragment but the first one has it. */
export function layer4Check(number: number): Check {
  return (bytes, at, captured) => {
    if (captured < 1) return OUTSIDE;
    if ((bytes[at] & VERSION_MASK) !== VERSION_4) return NO;
    if (captured <= IP_PROTOCOL) return OUTSIDE;
    if (bytes[at + IP_PROTOCOL] !== number) return NO;
    return (getU16(bytes, at + IP_FRAGMENT) & FRAGMENT_OFFSET) === 0 ? YES : NO;
  };
}

/** The IPv6 header is followed by a protocol at once. */
export function nextHeaderCheck(number: number): Check {
  return (bytes, at, captured) => {
    if (captured <= IP6_NEXT) return OUTSIDE;
    return bytes[at + IP6_NEXT] === number ? YES : NO;
  };
}

export function multicastCheck(version: 4 | 6): Check {
  const is4 = version === 4;
  const field = is4 ? IP_DST : IP6_DST;
  const wanted = is4 ? VERSION_4 : VERSION_6;
  const lowest = is4 ? MULTICAST : MULTICAST_6;
  return (bytes, at, captured) => {
    if (captured < 1) return OUTSIDE;
    if ((bytes[at] & VERSION_MASK) !== wanted) return NO;
    if (captured <= field) return OUTSIDE;
    return bytes[at + field] >= lowest ? YES : NO;
  };
}

/** The all-ones and the all-zeros address: of a subnet's own broadcast address the VPC knows nothing. */
export const isBroadcast: Check = (bytes, at, captured) => {
  if (captured < 1) return OUTSIDE;
  if ((bytes[at] & VERSION_MASK) !== VERSION_4) return NO;
  if (captured < IP_END) return OUTSIDE;
  const address = getI32(bytes, at + IP_DST);
  return address === 0 || address === -1 ? YES : NO;
};
