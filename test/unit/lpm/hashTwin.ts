import { maskOf } from "../../../src/plane/wire/address.ts";

/** A map for every length, asked from the longest down: slow, but good for tables that no list can be scanned for. */
export class HashTwin {
  readonly #maps = Array.from({ length: 33 }, () => new Map<number, number>());

  insert(prefix: number, length: number, value: number): void {
    this.#maps[length]?.set(prefix, value);
  }

  delete(prefix: number, length: number): boolean {
    return this.#maps[length]?.delete(prefix) ?? false;
  }

  get size(): number {
    return this.#maps.reduce((sum, m) => sum + m.size, 0);
  }

  lookup(address: number): number {
    for (let length = 32; length >= 0; length--) {
      const value = this.#maps[length]?.get(address & maskOf(length));
      if (value !== undefined) return value;
    }
    return -1;
  }
}
