/**
 * Packets built the slow way, from a description and with every checksum summed from scratch: the twin of whatever the
 * plane changes in place. Nothing here is shared with the plane, not even constants.
 */

export const VNET = 10;

export interface Spec {
  protocol: number;
  src: number;
  dst: number;
  /** Ports; for ICMP `sport` is the identifier. */
  sport?: number;
  dport?: number;
  ttl?: number;
  tos?: number;
  id?: number;
  df?: boolean;
  /** IP options, a multiple of 4 bytes. */
  options?: Uint8Array;
  payload?: Uint8Array;
  /** What the virtio_net_hdr says: nothing, NEEDS_CSUM, or a super-packet of this gso_size. */
  offload?: "none" | "partial" | number;
  /** UDP without a checksum. */
  unsummed?: boolean;
  seq?: number;
  ack?: number;
  flags?: number;
  /** SCTP's verification tag. */
  tag?: number;
  tcpOptions?: Uint8Array;
  type?: number;
  code?: number;
}

const EMPTY = new Uint8Array(0);

/** The packet with a virtio_net_hdr in front. */
export function build(s: Spec): Uint8Array {
  const l4 = layer4(s);
  const options = s.options ?? EMPTY;
  const ihl = 20 + options.length;
  const bytes = new Uint8Array(VNET + ihl + l4.length);
  bytes.set(l4, VNET + ihl);
  if (typeof s.offload === "number" || s.offload === "partial") {
    const field = s.protocol === 6 ? 16 : 6;
    bytes[0] = 1;
    little16(bytes, 6, ihl);
    little16(bytes, 8, field);
    if (typeof s.offload === "number") {
      bytes[1] = s.protocol === 6 ? 1 : 5;
      little16(bytes, 2, ihl + (s.protocol === 6 ? 20 + (s.tcpOptions ?? EMPTY).length : 8));
      little16(bytes, 4, s.offload);
    }
  }
  bytes[VNET] = 0x40 | (ihl / 4);
  bytes[VNET + 1] = s.tos ?? 0;
  big16(bytes, VNET + 2, ihl + l4.length);
  big16(bytes, VNET + 4, s.id ?? 1);
  big16(bytes, VNET + 6, s.df === true ? 0x4000 : 0);
  bytes[VNET + 8] = s.ttl ?? 64;
  bytes[VNET + 9] = s.protocol;
  big32(bytes, VNET + 12, s.src);
  big32(bytes, VNET + 16, s.dst);
  bytes.set(options, VNET + 20);
  sumHeader(bytes);
  return bytes;
}

/**
 * A fragment of a packet that {@link build} made: payload bytes [from, to) behind its IP header, with `more` fragments
 * to come or not. Later fragments have the options `later` (those of the first unless given).
 */
export function cutOut(whole: Uint8Array, from: number, to: number, later?: Uint8Array, df = false): Uint8Array {
  const ihl = (whole[VNET] & 15) * 4;
  const payload = whole.subarray(VNET + ihl);
  const header = whole.slice(0, VNET + ihl);
  if (from > 0 && later !== undefined) header.set(later, VNET + 20);
  const bytes = new Uint8Array(VNET + ihl + to - from);
  bytes.set(header);
  bytes.set(payload.subarray(from, to), VNET + ihl);
  bytes.fill(0, 0, VNET);
  big16(bytes, VNET + 2, ihl + to - from);
  big16(bytes, VNET + 6, Math.floor(from / 8) + (to < payload.length ? 0x2000 : 0) + (df ? 0x4000 : 0));
  sumHeader(bytes);
  return bytes;
}

/** Cuts a datagram into fragments that carry `step` payload bytes each. */
export function cutUp(whole: Uint8Array, step: number): Uint8Array[] {
  const payload = whole.length - VNET - (whole[VNET] & 15) * 4;
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < payload; at += step) pieces.push(cutOut(whole, at, Math.min(at + step, payload)));
  return pieces;
}

/** Sums the IPv4 header anew. */
export function sumHeader(bytes: Uint8Array): void {
  big16(bytes, VNET + 10, 0);
  big16(bytes, VNET + 10, 0xffff - sum(bytes, VNET, VNET + (bytes[VNET] & 15) * 4));
}

function layer4(s: Spec): Uint8Array {
  const payload = s.payload ?? EMPTY;
  switch (s.protocol) {
    case 6:
      return tcp(s, payload);
    case 17:
      return udp(s, payload);
    case 1:
      return icmp(s, payload);
    case 132:
      return sctp(s, payload);
    default:
      return payload.slice();
  }
}

function tcp(s: Spec, payload: Uint8Array): Uint8Array {
  const options = s.tcpOptions ?? EMPTY;
  const b = new Uint8Array(20 + options.length + payload.length);
  big16(b, 0, s.sport ?? 0);
  big16(b, 2, s.dport ?? 0);
  big32(b, 4, s.seq ?? 0);
  big32(b, 8, s.ack ?? 0);
  b[12] = ((20 + options.length) / 4) * 16;
  b[13] = s.flags ?? 0x10;
  big16(b, 14, 65535);
  b.set(options, 20);
  b.set(payload, 20 + options.length);
  transportSum(b, 16, s);
  return b;
}

function udp(s: Spec, payload: Uint8Array): Uint8Array {
  const b = new Uint8Array(8 + payload.length);
  big16(b, 0, s.sport ?? 0);
  big16(b, 2, s.dport ?? 0);
  big16(b, 4, b.length);
  b.set(payload, 8);
  if (s.unsummed !== true) transportSum(b, 6, s);
  return b;
}

function icmp(s: Spec, payload: Uint8Array): Uint8Array {
  const b = new Uint8Array(8 + payload.length);
  b[0] = s.type ?? 8;
  b[1] = s.code ?? 0;
  big16(b, 4, s.sport ?? 0);
  big16(b, 6, 1);
  b.set(payload, 8);
  big16(b, 2, 0xffff - sum(b, 0, b.length));
  return b;
}

function sctp(s: Spec, payload: Uint8Array): Uint8Array {
  const b = new Uint8Array(12 + payload.length);
  big16(b, 0, s.sport ?? 0);
  big16(b, 2, s.dport ?? 0);
  big32(b, 4, s.tag ?? 0x1234_5678);
  b.set(payload, 12);
  const crc = crc32c(b);
  for (let i = 0; i < 4; i++) b[8 + i] = Math.floor(crc / 256 ** i) % 256;
  return b;
}

/** TCP's or UDP's checksum, or what NEEDS_CSUM wants in its place: the sum of the pseudo header alone. */
function transportSum(b: Uint8Array, field: number, s: Spec): void {
  const pseudo = new Uint8Array(12);
  big32(pseudo, 0, s.src);
  big32(pseudo, 4, s.dst);
  pseudo[9] = s.protocol;
  big16(pseudo, 10, b.length);
  if (s.offload !== undefined && s.offload !== "none") {
    big16(b, field, sum(pseudo, 0, 12));
    return;
  }
  const even = new Uint8Array(12 + b.length);
  even.set(pseudo);
  even.set(b, 12);
  const check = 0xffff - sum(even, 0, even.length);
  big16(b, field, check === 0 && s.protocol === 17 ? 0xffff : check);
}

export function sum(b: Uint8Array, from: number, to: number): number {
  let total = 0;
  for (let i = from; i < to; i += 2) total += b[i] * 256 + (i + 1 < to ? b[i + 1] : 0);
  while (total > 0xffff) total = (total % 65536) + Math.floor(total / 65536);
  return total;
}

function crc32c(b: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of b) {
    crc = (crc ^ byte) >>> 0;
    for (let bit = 0; bit < 8; bit++) crc = crc % 2 === 1 ? ((crc >>> 1) ^ 0x82f63b78) >>> 0 : crc >>> 1;
  }
  return ~crc >>> 0;
}

export function big16(b: Uint8Array, at: number, value: number): void {
  b[at] = Math.floor(value / 256) % 256;
  b[at + 1] = value % 256;
}

export function big32(b: Uint8Array, at: number, value: number): void {
  const v = value < 0 ? value + 4294967296 : value;
  big16(b, at, Math.floor(v / 65536));
  big16(b, at + 2, v % 65536);
}

export function read16(b: Uint8Array, at: number): number {
  return b[at] * 256 + b[at + 1];
}

export function read32(b: Uint8Array, at: number): number {
  return read16(b, at) * 65536 + read16(b, at + 2);
}

function little16(b: Uint8Array, at: number, value: number): void {
  b[at] = value % 256;
  b[at + 1] = Math.floor(value / 256);
}
