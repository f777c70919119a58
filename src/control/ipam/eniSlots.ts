import { addressAt, type Cidr, cidrSize } from "../vpc/cidr.ts";
import type { Eni } from "../vpc/eni.ts";

/** An ENI and which of its slots' addresses pods have. */
export class EniSlots implements Eni {
  readonly node: string;
  readonly deviceNumber: number;
  readonly subnet: string;
  readonly address: number;
  readonly slots: Cidr[] = [];
  readonly #used = new Set<number>();

  constructor(eni: Omit<Eni, "slots">) {
    this.node = eni.node;
    this.deviceNumber = eni.deviceNumber;
    this.subnet = eni.subnet;
    this.address = eni.address;
  }

  clone(): EniSlots {
    const copy = new EniSlots(this);
    copy.slots.push(...this.slots);
    for (const address of this.#used) copy.#used.add(address);
    return copy;
  }

  get usedAddresses(): number {
    return this.#used.size;
  }

  /** The lowest free address of the first slot that has one; all 16 of a prefix are usable. Null: all are in use. */
  takeFree(): number | null {
    for (const slot of this.slots)
      for (let offset = 0; offset < cidrSize(slot); offset++) {
        const address = addressAt(slot, offset);
        if (this.#used.has(address)) continue;
        this.#used.add(address);
        return address;
      }
    return null;
  }

  release(address: number): void {
    this.#used.delete(address);
  }
}
