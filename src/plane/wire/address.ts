/**
 * IPv4 addresses and prefixes as text. For configuration, views and traces; the plane itself only handles int32.
 */

const ADDRESS_BITS = 32;
// No leading zeros: inet_aton() reads them as octal, people as decimal.
const OCTET = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]\\d|\\d)";
const ADDRESS = new RegExp(`^${OCTET}\\.${OCTET}\\.${OCTET}\\.${OCTET}$`);
const PREFIX_LENGTH = /^(3[0-2]|[12]\d|\d)$/;

/** An IPv4 prefix. */
export interface Cidr {
  /** Network address as int32, host bits cleared. */
  prefix: number;
  /** 0..32. */
  length: number;
  /** The text had host bits set ("10.0.0.1/24"); most callers want to refuse that. */
  hostBits: boolean;
}

/** int32 to dotted quad. */
export function formatAddress(a: number): string {
  return `${a >>> 24}.${(a >>> 16) & 0xff}.${(a >>> 8) & 0xff}.${a & 0xff}`;
}

/** Dotted quad to int32; null unless it is exactly four decimal octets without leading zeros. */
export function parseAddress(s: string): number | null {
  const m = ADDRESS.exec(s);
  if (m === null) return null;
  return (Number(m[1]) << 24) | (Number(m[2]) << 16) | (Number(m[3]) << 8) | Number(m[4]);
}

/** Network mask of a prefix length (0..32), as int32. */
export function maskOf(length: number): number {
  // A shift by 32 is a shift by 0.
  return length === 0 ? 0 : -1 << (ADDRESS_BITS - length);
}

/** "a.b.c.d/length" to a prefix; null when either half is malformed. */
export function parseCidr(s: string): Cidr | null {
  const slash = s.indexOf("/");
  if (slash < 0) return null;
  const address = parseAddress(s.slice(0, slash));
  const text = s.slice(slash + 1);
  if (address === null || !PREFIX_LENGTH.test(text)) return null;
  const length = Number(text);
  const prefix = address & maskOf(length);
  return { prefix, length, hostBits: prefix !== address };
}

/** A prefix as "a.b.c.d/length". */
export function formatCidr(prefix: number, length: number): string {
  return `${formatAddress(prefix)}/${length}`;
}
