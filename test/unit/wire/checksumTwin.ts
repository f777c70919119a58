/** RFC 1071, section 4.1, a word at a time: the sum, folded, not complemented. */
export function sumTwin(bytes: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i] ?? 0) * 256 + (bytes[i + 1] ?? 0);
    while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  }
  return sum;
}

export function checksumTwin(bytes: ArrayLike<number>): number {
  return 0xffff - sumTwin(bytes);
}

/** Bytes of the TCP and UDP pseudo header. */
export function pseudoHeader(src: number, dst: number, protocol: number, length: number): number[] {
  const word = (a: number) => [a >>> 24, (a >>> 16) & 255, (a >>> 8) & 255, a & 255];
  return [...word(src), ...word(dst), 0, protocol, length >> 8, length & 255];
}

/** CRC32c a bit at a time (RFC 9260, appendix A). */
export function crc32cTwin(bytes: ArrayLike<number>): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) {
    crc = (crc ^ (bytes[i] ?? 0)) >>> 0;
    for (let bit = 0; bit < 8; bit++) crc = crc % 2 === 1 ? ((crc >>> 1) ^ 0x82f63b78) >>> 0 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
