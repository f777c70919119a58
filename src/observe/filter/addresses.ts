/** Addresses as pcap-filter writes them. */

const OCTET_BITS = 8;
const ADDRESS_BITS = 32;
const OCTET_MAX = 255;
const GROUPS = 8;

/** An IPv4 address or the first octets of one (`10.0`), as int32 with the mask of what was written. */
export function parseQuad(text: string): { readonly address: number; readonly mask: number } | null {
  const octets = text.split(".").map(Number);
  if (octets.some((o) => !(o <= OCTET_MAX))) return null;
  const unwritten = ADDRESS_BITS - OCTET_BITS * octets.length;
  const address = octets.reduce((a, o) => (a << OCTET_BITS) | o, 0);
  return { address: address << unwritten, mask: -1 << unwritten };
}

/** An IPv6 address (RFC 4291 section 2.2) as four int32s, or null. */
export function parseAddress6(text: string): number[] | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [head, tail] = halves.map(groupsOf);
  if (head === null || tail === null) return null;
  const missing = GROUPS - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...(tail ?? [])];
  return [0, 2, 4, 6].map((i) => (groups[i] << 16) | groups[i + 1]);
}

/** The 16-bit groups of a part without "::"; the last two may be a dotted quad. */
function groupsOf(text: string): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else if (i === parts.length - 1 && /^\d{1,3}(\.\d{1,3}){3}$/.test(part)) {
      const quad = parseQuad(part);
      if (quad === null) return null;
      groups.push(quad.address >>> 16, quad.address & 0xffff);
    } else return null;
  }
  return groups;
}

/** The mask of a prefix length of IPv6 (0..128), as four int32s. */
export function maskOf6(length: number): number[] {
  return [0, 1, 2, 3].map((i) => {
    const bits = Math.min(ADDRESS_BITS, Math.max(0, length - i * ADDRESS_BITS));
    // A shift by 32 is a shift by 0.
    return bits === 0 ? 0 : -1 << (ADDRESS_BITS - bits);
  });
}
