const EMPTY = -1;
const TOMBSTONE = -2;
const INITIAL_SLOTS = 16;

/**
 * (address, protocol, port) to a number that is not negative, in one probe sequence of an open-addressing table, whatever
 * the number of entries. Three typed arrays; a lookup allocates nothing.
 */
export class FrontendTable {
  #slots = INITIAL_SLOTS;
  /** Slots that are not EMPTY. */
  #used = 0;
  #address = new Int32Array(INITIAL_SLOTS);
  #key = new Int32Array(INITIAL_SLOTS);
  #value = new Int32Array(INITIAL_SLOTS).fill(EMPTY);

  /** The number of a key, or -1. @param key see {@link portKey} */
  find(address: number, key: number): number {
    const mask = this.#slots - 1;
    let i = this.#slot(address, key);
    for (;;) {
      const v = this.#value[i];
      if (v === EMPTY) return -1;
      if (v !== TOMBSTONE && this.#address[i] === address && this.#key[i] === key) return v;
      i = (i + 1) & mask;
    }
  }

  set(address: number, key: number, value: number): void {
    if (this.#used * 2 >= this.#slots) this.#grow();
    const mask = this.#slots - 1;
    let i = this.#slot(address, key);
    let free = -1;
    for (;;) {
      const v = this.#value[i];
      if (v === EMPTY) break;
      if (v === TOMBSTONE) {
        if (free < 0) free = i;
      } else if (this.#address[i] === address && this.#key[i] === key) {
        this.#value[i] = value;
        return;
      }
      i = (i + 1) & mask;
    }
    if (free < 0) {
      free = i;
      this.#used++;
    }
    this.#address[free] = address;
    this.#key[free] = key;
    this.#value[free] = value;
  }

  /** Removes an entry if it still holds `value`: another owner may have taken the key over meanwhile. */
  delete(address: number, key: number, value: number): void {
    const mask = this.#slots - 1;
    let i = this.#slot(address, key);
    for (;;) {
      const v = this.#value[i];
      if (v === EMPTY) return;
      if (v === value && this.#address[i] === address && this.#key[i] === key) {
        this.#value[i] = TOMBSTONE;
        return;
      }
      i = (i + 1) & mask;
    }
  }

  /** Adds to a number that counts: an entry that is not there is 0, and one that comes to 0 goes. */
  add(address: number, key: number, difference: number): void {
    const before = Math.max(this.find(address, key), 0);
    const after = before + difference;
    if (after > 0) this.set(address, key, after);
    else this.delete(address, key, before);
  }

  #slot(address: number, key: number): number {
    let h = Math.imul(address ^ Math.imul(key, 0x9e3779b1), 0x85ebca6b);
    h ^= h >>> 15;
    return h & (this.#slots - 1);
  }

  #grow(): void {
    const address = this.#address;
    const key = this.#key;
    const value = this.#value;
    let live = 0;
    for (const v of value) if (v >= 0) live++;
    // Tombstones alone do not make the table larger.
    this.#slots = live * 4 > this.#slots ? this.#slots * 2 : this.#slots;
    this.#address = new Int32Array(this.#slots);
    this.#key = new Int32Array(this.#slots);
    this.#value = new Int32Array(this.#slots).fill(EMPTY);
    this.#used = 0;
    for (let i = 0; i < value.length; i++) if (value[i] >= 0) this.set(address[i], key[i], value[i]);
  }
}

/** Protocol and port as a key. */
export function portKey(protocol: number, port: number): number {
  return (protocol << 16) | port;
}
