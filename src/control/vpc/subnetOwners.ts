import { PREFIX_LENGTH, PREFIX_SIZE } from "./instanceTypes.ts";

const HOST_LENGTH = 32;

/** Who has what of a subnet, by position: whole blocks of 16, and single addresses. */
export class SubnetOwners {
  readonly #blocks = new Map<number, string>();
  readonly #addresses = new Map<number, string>();

  setAddress(offset: number, owner: string): void {
    this.#addresses.set(offset, owner);
  }

  setBlock(block: number, owner: string): void {
    this.#blocks.set(block, owner);
  }

  /** False: nobody had it. */
  deleteAddress(offset: number): boolean {
    return this.#addresses.delete(offset);
  }

  deleteBlock(block: number): boolean {
    return this.#blocks.delete(block);
  }

  ownerOf(offset: number): string | null {
    return this.#addresses.get(offset) ?? this.#blocks.get(Math.floor(offset / PREFIX_SIZE)) ?? null;
  }

  /** In the order of their positions. */
  *ranges(blocks: number): Generator<{ readonly offset: number; readonly length: number; readonly owner: string }> {
    for (let block = 0; block < blocks; block++) {
      const first = block * PREFIX_SIZE;
      const whole = this.#blocks.get(block);
      if (whole !== undefined) yield { offset: first, length: PREFIX_LENGTH, owner: whole };
      for (let offset = first; offset < first + PREFIX_SIZE; offset++) {
        const owner = this.#addresses.get(offset);
        if (owner !== undefined) yield { offset, length: HOST_LENGTH, owner };
      }
    }
  }
}
