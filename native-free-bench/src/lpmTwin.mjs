import { maskOf } from "./plane.mjs";

/** @typedef {{ prefixes: Int32Array, lengths: Uint8Array, values: Int32Array }} Table */

/** The obvious way in JavaScript: a Map for each length that occurs, asked from the longest down. */
export class MapPerLength {
  /** @type {{ mask: number, map: Map<number, number> }[]} */
  #levels = [];

  /** @param {Table} table */
  constructor({ prefixes, lengths, values }) {
    for (let length = 32; length >= 0; length--) {
      const map = new Map();
      for (let i = 0; i < prefixes.length; i++) if (lengths[i] === length) map.set(prefixes[i], values[i]);
      if (map.size > 0) this.#levels.push({ mask: maskOf(length), map });
    }
  }

  /** @param {number} address */
  lookup(address) {
    for (const { mask, map } of this.#levels) {
      const value = map.get(address & mask);
      if (value !== undefined) return value;
    }
    return -1;
  }
}

/** Longest prefix match as one says it: look at every rule, keep the longest that matches; of equal ones, the last. */
export class LinearList {
  /** @param {Table} table */
  constructor(table) {
    this.table = table;
  }

  /** @param {number} address */
  lookup(address) {
    const { prefixes, lengths, values } = this.table;
    let best = -1;
    let bestLength = -1;
    for (let i = 0; i < prefixes.length; i++) {
      if (lengths[i] >= bestLength && (address & maskOf(lengths[i])) === prefixes[i]) {
        best = values[i];
        bestLength = lengths[i];
      }
    }
    return best;
  }
}
