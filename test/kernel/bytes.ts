/** Crafted packets: every byte is the test's own choice, with correct checksums. */

export const ICMP = 1;
export const TCP = 6;
export const UDP = 17;

export const SYN = 0x02;
export const ACK = 0x10;
export const SYN_ACK = 0x12;
export const RST = 0x04;

export const DF = 0x4000;
export const MF = 0x2000;

const IP_HEADER = 20;

export interface Fields {
  src: string;
  dst: string;
  ttl?: number;
  id?: number;
  tos?: number;
  /** Flags and offset, as the header has them. */
  frag?: number;
  /** Multiple of four bytes. */
  options?: number[];
}

const sum16 = (bytes: Uint8Array): number => {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum += bytes[i] << (i & 1 ? 0 : 8);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
};

export const checksum = (...parts: Uint8Array[]): number => ~sum16(Buffer.concat(parts)) & 0xffff;

const octets = (address: string): number[] => address.split(".").map(Number);
const u16 = (n: number): number[] => [n >>> 8, n & 255];
const u32 = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];

/** What TCP's and UDP's checksums cover besides the segment (RFC 9293, 3.1). */
export const pseudoHeader = (src: string, dst: string, protocol: number, length: number): Uint8Array =>
  Uint8Array.from([...octets(src), ...octets(dst), 0, protocol, ...u16(length)]);

export function ipv4(protocol: number, fields: Fields, payload: Uint8Array): Uint8Array {
  const options = fields.options ?? [];
  const header = Uint8Array.from([
    0x40 | ((IP_HEADER + options.length) / 4),
    fields.tos ?? 0,
    ...u16(IP_HEADER + options.length + payload.length),
    ...u16(fields.id ?? 0x1234),
    ...u16(fields.frag ?? DF),
    fields.ttl ?? 64,
    protocol,
    0,
    0,
    ...octets(fields.src),
    ...octets(fields.dst),
    ...options,
  ]);
  header.set(u16(checksum(header)), 10);
  return Buffer.concat([header, payload]);
}

export interface TcpFields extends Fields {
  sport: number;
  dport: number;
  flags: number;
  seq?: number;
  ack?: number;
}

export function tcp(fields: TcpFields, payload = new Uint8Array()): Uint8Array {
  const { sport, dport, flags, seq = 0x10000000, ack = 0 } = fields;
  const header = [...u16(sport), ...u16(dport), ...u32(seq), ...u32(ack), 0x50, flags, ...u16(0xffff), 0, 0, 0, 0];
  const segment = Uint8Array.from([...header, ...payload]);
  segment.set(u16(checksum(pseudoHeader(fields.src, fields.dst, TCP, segment.length), segment)), 16);
  return ipv4(TCP, fields, segment);
}

export interface UdpFields extends Fields {
  sport: number;
  dport: number;
}

export function udpDatagram(fields: UdpFields, payload: Uint8Array): Uint8Array {
  const length = 8 + payload.length;
  const datagram = Uint8Array.from([...u16(fields.sport), ...u16(fields.dport), ...u16(length), 0, 0, ...payload]);
  datagram.set(u16(checksum(pseudoHeader(fields.src, fields.dst, UDP, length), datagram)), 6);
  return datagram;
}

export const udp = (fields: UdpFields, payload = Uint8Array.from([1, 2, 3, 4])): Uint8Array =>
  ipv4(UDP, fields, udpDatagram(fields, payload));

export function icmpMessage(type: number, code: number, rest: number[], payload: Uint8Array): Uint8Array {
  const message = Uint8Array.from([type, code, 0, 0, ...rest, ...payload]);
  message.set(u16(checksum(message)), 2);
  return message;
}

export interface PingFields extends Fields {
  echo: number;
}

/** An echo request with the identifier `echo`. */
export const ping = (fields: PingFields, payload = Uint8Array.from([5, 6, 7, 8])): Uint8Array =>
  ipv4(ICMP, fields, icmpMessage(8, 0, [...u16(fields.echo), 0, 1], payload));

/** An IP payload cut into fragments of at most `size` bytes of it, a multiple of eight. */
export function fragments(protocol: number, fields: Fields, payload: Uint8Array, size: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < payload.length; at += size) {
    const more = at + size < payload.length ? MF : 0;
    pieces.push(ipv4(protocol, { ...fields, frag: more | (at / 8) }, payload.subarray(at, at + size)));
  }
  return pieces;
}
