import { getU16 } from "../../plane/wire/bytes.ts";

const GROUPS = 8;
const HEX = 16;

/** An IPv6 address as RFC 5952 writes it (section 4): no leading zeros, the longest run of two zero groups or more as `::`. */
export function formatIpv6(b: Uint8Array, off: number): string {
  const groups = Array.from({ length: GROUPS }, (_, i) => getU16(b, off + 2 * i));
  let at = -1;
  let length = 1;
  for (let i = 0; i < GROUPS; i++) {
    let run = 0;
    while (i + run < GROUPS && groups[i + run] === 0) run++;
    if (run > length) [at, length] = [i, run];
  }
  const text = (list: readonly number[]): string => list.map((g) => g.toString(HEX)).join(":");
  return at < 0 ? text(groups) : `${text(groups.slice(0, at))}::${text(groups.slice(at + length))}`;
}
