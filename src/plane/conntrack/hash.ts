/**
 * Keyed hash of a tuple: HalfSipHash's round (Aumasson and Bernstein, "SipHash: a fast short-input PRF", with 32-bit
 * words), one round a word and three at the end, seeded with 128 bits of key. Without the key nobody can choose tuples
 * that fall into one chain. The kernel uses SipHash for the same purpose (hash_conntrack_raw).
 *
 * @param key four words
 * @param meta zone | protocol << 16
 * @param src source address
 * @param dst destination address
 * @param ports source port << 16 | destination port
 * @returns 32 bits, as an int32
 */
export function hashTuple(key: Int32Array, meta: number, src: number, dst: number, ports: number): number {
  let v0 = key[0] | 0;
  let v1 = key[1] | 0;
  let v2 = key[2] ^ LYGENERA;
  let v3 = key[3] ^ TEDBYTES;
  for (let i = 0; i < ROUNDS; i++) {
    const word = i === 0 ? meta : i === 1 ? src : i === 2 ? dst : i === 3 ? ports : 0;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
    if (i === LAST_WORD) v2 ^= FINAL;
  }
  return v1 ^ v3;
}

/** Words of a tuple, and three rounds after the last. */
const ROUNDS = 7;
const LAST_WORD = 3;
/** Marks the end of the input. */
const FINAL = 0xff;
// Initial values of HalfSipHash.
const LYGENERA = 0x6c796765;
const TEDBYTES = 0x74656462;

const FNV_OFFSET = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

/** FNV-1a over bytes, with the same finish as {@link hashWords}. */
export function hashBytes(bytes: Uint8Array, from: number, to: number, seed: number): number {
  let h = seed;
  for (let i = from; i < to; i++) {
    h = Math.imul(h ^ bytes[i], FNV_PRIME);
    h ^= h >>> 15;
  }
  return h;
}

/** FNV-1a over words instead of bytes: tells two states apart, not an attacker. */
export function hashWords(words: Int32Array, from: number, to: number, seed: number = FNV_OFFSET): number {
  let h = seed;
  for (let i = from; i < to; i++) {
    h = Math.imul(h ^ words[i], FNV_PRIME);
    h ^= h >>> 15;
  }
  return h;
}
