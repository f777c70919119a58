/**
 * Integers in a byte array. Plain indexing: a DataView or Buffer method costs several times as much. No bounds checks;
 * whoever reads a header has checked its length once.
 */

/** Reads 16 bits in network byte order. */
export function getU16(b: Uint8Array, o: number): number {
  return (b[o] << 8) | b[o + 1];
}

/** Reads 32 bits in network byte order as an int32 (an IPv4 address of the plane). */
export function getI32(b: Uint8Array, o: number): number {
  return (b[o] << 24) | (b[o + 1] << 16) | (b[o + 2] << 8) | b[o + 3];
}

/** Writes the low 16 bits of `v` in network byte order. */
export function setU16(b: Uint8Array, o: number, v: number): void {
  b[o] = v >> 8;
  b[o + 1] = v;
}

/** Writes 32 bits in network byte order. */
export function setI32(b: Uint8Array, o: number, v: number): void {
  b[o] = v >> 24;
  b[o + 1] = v >> 16;
  b[o + 2] = v >> 8;
  b[o + 3] = v;
}

/** Reads 16 bits, least significant byte first: the virtio header of a TUN on the machines that Node runs on. */
export function getU16LE(b: Uint8Array, o: number): number {
  return b[o] | (b[o + 1] << 8);
}

/** Writes the low 16 bits of `v`, least significant byte first. */
export function setU16LE(b: Uint8Array, o: number, v: number): void {
  b[o] = v;
  b[o + 1] = v >> 8;
}
