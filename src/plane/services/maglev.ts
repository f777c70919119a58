/** Slots of Cilium's tables (bpf.lb maglev.tableSize) and of IPVS's mh (index 12 of its primes, ip_vs_mh.c). */
export const CILIUM_SLOTS = 16_381;
export const MH_SLOTS = 4093;
const EMPTY = -1;
const BYTE = 256;

/**
 * A Maglev lookup table (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", section 3.4):
 * every backend has a permutation of the slots of its own, and backends take turns in claiming the next slot of theirs
 * that is still free. Slots are shared equally, and a backend that goes disturbs little but its own.
 *
 * A backend of weight w claims w / gcd slots in its turn, as ip_vs_mh_populate does.
 *
 * @param keys what backends are told apart by (address and port): their permutation depends on nothing else
 * @param slots a prime
 * @returns the backend's index for each slot; empty without backends
 */
export function maglevTable(
  keys: readonly (readonly [address: number, port: number])[],
  weights: readonly number[],
  slots: number,
): Uint8Array | Int32Array {
  if (keys.length === 0) return new Uint8Array(0);
  const table = new Int32Array(slots).fill(EMPTY);
  const next = new Int32Array(keys.length);
  const skip = new Int32Array(keys.length);
  keys.forEach(([address, port], i) => {
    next[i] = (mix(address, port, OFFSET_SEED) >>> 0) % slots;
    skip[i] = ((mix(address, port, SKIP_SEED) >>> 0) % (slots - 1)) + 1;
  });
  const unit = weights.reduce(gcd, 0) || 1;
  let filled = 0;
  while (filled < slots) {
    for (let i = 0; i < keys.length && filled < slots; i++) {
      for (let turn = weights[i] / unit; turn > 0 && filled < slots; turn--) {
        let slot = next[i];
        while (table[slot] !== EMPTY) slot = (slot + skip[i]) % slots;
        table[slot] = i;
        next[i] = (slot + skip[i]) % slots;
        filled++;
      }
    }
  }
  return keys.length <= BYTE ? Uint8Array.from(table) : table;
}

const OFFSET_SEED = 0x2f7d1a6b;
const SKIP_SEED = 0x51c3e94d;
/** Seed of the hash that a packet's slot is found by. */
const FLOW_SEED = 0x1b873593;

/** The slot of a flow. Allocates nothing. */
export function maglevSlot(a: number, b: number, c: number, slots: number): number {
  return (mix(mix(a, b, FLOW_SEED), c, FLOW_SEED) >>> 0) % slots;
}

/** MurmurHash3's rounds and finalizer over two words (Appleby; public domain). */
function mix(a: number, b: number, seed: number): number {
  let h = round(round(seed, a), b) ^ 8;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function round(h: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  const x = h ^ Math.imul(k, 0x1b873593);
  return (Math.imul((x << 13) | (x >>> 19), 5) + 0xe6546b64) | 0;
}

export function gcd(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}
