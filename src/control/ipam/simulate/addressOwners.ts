import { formatAddress } from "../../../plane/wire/address.ts";
import type { Duplicate } from "./result.ts";

/** Which pods have which address, so that one that two pods have is seen. A pod keeps its address until it is gone. */
export class AddressOwners {
  readonly #owners = new Map<number, string[]>();
  readonly #addresses = new Map<string, number>();
  readonly duplicates: Duplicate[] = [];

  /** @param address int32 */
  got(pod: string, address: number, node: string, time: number): void {
    if (this.#addresses.has(pod)) return;
    this.#addresses.set(pod, address);
    const owners = this.#owners.get(address);
    if (owners === undefined) {
      this.#owners.set(address, [pod]);
      return;
    }
    this.duplicates.push({ address: formatAddress(address), time, node, pods: [owners[0], pod] });
    owners.push(pod);
  }

  gone(pod: string): void {
    const address = this.#addresses.get(pod);
    if (address === undefined) return;
    this.#addresses.delete(pod);
    const left = (this.#owners.get(address) ?? []).filter((owner) => owner !== pod);
    if (left.length === 0) this.#owners.delete(address);
    else this.#owners.set(address, left);
  }
}
