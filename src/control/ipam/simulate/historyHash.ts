/** FNV-1a's prime and offset (Fowler, Noll, Vo), for the first half; the second half takes murmur3's constants. */
const FNV_PRIME = 0x01000193;
const FNV_OFFSET = 0x811c9dc5;
const MIX_PRIME = 0x85ebca6b;
const MIX_OFFSET = 0x9747b28c;
const MIX_SHIFT = 15;
const END_OF_TEXT = 0x1f;
const HEX_DIGITS = 8;

const hex = (n: number): string => (n >>> 0).toString(16).padStart(HEX_DIGITS, "0");

/**
 * A fingerprint of a history: two runs with the same events in the same order have the same one, and any difference gives
 * another with near certainty (64 bits). Not for security.
 */
export class HistoryHash {
  #a = FNV_OFFSET | 0;
  #b = MIX_OFFSET | 0;
  #count = 0;

  /** Events added so far. */
  get count(): number {
    return this.#count;
  }

  /** @param time milliseconds, below 2^53. */
  add(time: number, text: string): void {
    let a = this.#a;
    let b = this.#b;
    const step = (n: number): void => {
      a = Math.imul(a ^ n, FNV_PRIME);
      b = Math.imul(b + n, MIX_PRIME);
      b ^= b >>> MIX_SHIFT;
    };
    step(time | 0);
    step(Math.floor(time / 2 ** 32));
    for (let i = 0; i < text.length; i++) step(text.charCodeAt(i));
    step(END_OF_TEXT);
    this.#a = a;
    this.#b = b;
    this.#count++;
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    return hex(this.#a) + hex(this.#b);
  }
}
