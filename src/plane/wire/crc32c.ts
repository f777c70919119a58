/*
 * CRC32c (RFC 9260, appendix A; RFC 3385 says why): reflected, polynomial 0x1EDC6F41. Eight tables, so that eight
 * bytes go in at a time ("slicing by 8", Kounavis and Berry, 2008): TABLE[256 * k + x] is the CRC of byte x followed by
 * k zero bytes.
 */
const POLYNOMIAL_REFLECTED = 0x82f63b78;
const SLICES = 8;

const TABLE = new Int32Array(256 * SLICES);
for (let x = 0; x < 256; x++) {
  let crc = x;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL_REFLECTED : crc >>> 1;
  TABLE[x] = crc;
}
for (let i = 256; i < TABLE.length; i++) {
  const shorter = TABLE[i - 256];
  TABLE[i] = (shorter >>> 8) ^ TABLE[shorter & 0xff];
}

/** Register before the first byte; the CRC is the complement of the register after the last one. */
export const CRC32C_START = -1;

/** Runs `len` more bytes through the register. */
export function crc32cUpdate(register: number, b: Uint8Array, off: number, len: number): number {
  let crc = register;
  const end = off + len;
  let i = off;
  for (const stop = end - 7; i < stop; i += 8) {
    crc ^= b[i] | (b[i + 1] << 8) | (b[i + 2] << 16) | (b[i + 3] << 24);
    crc =
      TABLE[1792 + (crc & 0xff)] ^
      TABLE[1536 + ((crc >>> 8) & 0xff)] ^
      TABLE[1280 + ((crc >>> 16) & 0xff)] ^
      TABLE[1024 + (crc >>> 24)] ^
      TABLE[768 + b[i + 4]] ^
      TABLE[512 + b[i + 5]] ^
      TABLE[256 + b[i + 6]] ^
      TABLE[b[i + 7]];
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ TABLE[(crc ^ b[i]) & 0xff];
  return crc;
}

/** CRC32c of `len` bytes, as int32: -486108541 (0xe3069283) for "123456789". */
export function crc32c(b: Uint8Array, off: number, len: number): number {
  return ~crc32cUpdate(CRC32C_START, b, off, len);
}
