import { type Eni, interfaceName } from "../vpc/eni.ts";
import { PREFIX_LENGTH, PREFIX_SIZE } from "../vpc/instanceTypes.ts";
import type { SubnetAddresses } from "../vpc/subnet.ts";
import type { NodeLimits, PodAddress, PodAddressAllocator } from "./allocator.ts";
import { EniSlots } from "./eniSlots.ts";

const HOST_LENGTH = 32;

interface NodePool {
  readonly limits: NodeLimits;
  readonly enis: EniSlots[];
}

/**
 * The simple allocator: no warm pool and no cooldown, so nothing depends on time. A slot is filled when a pod needs it,
 * the next ENI attached when the slots of all are full, and both stay for the next pod. ENIs fill in the order of their
 * device numbers and addresses from the lowest; AWS promises no order, this one is for labs that come up the same every
 * time.
 */
export class OnDemandAllocator implements PodAddressAllocator {
  readonly #subnets: ReadonlyMap<string, SubnetAddresses>;
  readonly #nodes = new Map<string, NodePool>();
  readonly #pods = new Map<string, { node: string; place: PodAddress }>();

  /** @param subnets addresses of the subnets that the nodes are in; the primary ENIs' are taken already. */
  constructor(subnets: ReadonlyMap<string, SubnetAddresses>, nodes: readonly NodeLimits[]) {
    this.#subnets = subnets;
    for (const limits of nodes) {
      const primary = new EniSlots({
        node: limits.name,
        deviceNumber: 0,
        subnet: limits.subnet,
        address: limits.primaryAddress,
      });
      this.#nodes.set(limits.name, { limits, enis: [primary] });
    }
  }

  clone(subnets: ReadonlyMap<string, SubnetAddresses>): OnDemandAllocator {
    const copy = new OnDemandAllocator(subnets, []);
    for (const [name, pool] of this.#nodes)
      copy.#nodes.set(name, { limits: pool.limits, enis: pool.enis.map((e) => e.clone()) });
    for (const [pod, entry] of this.#pods) copy.#pods.set(pod, entry);
    return copy;
  }

  assign(pod: string, node: string, deviceNumber: number | null): PodAddress | string {
    const known = this.#pods.get(pod);
    if (known !== undefined) return known.place;
    const place = this.#find(this.#pool(node), deviceNumber);
    if (typeof place !== "string") this.#pods.set(pod, { node, place });
    return place;
  }

  release(pod: string): void {
    const entry = this.#pods.get(pod);
    if (entry === undefined) return;
    this.#pods.delete(pod);
    this.#pool(entry.node).enis[entry.place.deviceNumber].release(entry.place.address);
  }

  enis(node: string): readonly Eni[] {
    return this.#pool(node).enis;
  }

  freePodAddresses(node: string): number {
    const { limits, enis } = this.#pool(node);
    const perSlot = limits.prefixes ? PREFIX_SIZE : 1;
    let free = (limits.maxEnis - enis.length) * limits.slots * perSlot;
    for (const eni of enis) {
      const assigned = eni.slots.reduce((sum, slot) => sum + (slot.length === PREFIX_LENGTH ? PREFIX_SIZE : 1), 0);
      free += assigned - eni.usedAddresses + (limits.slots - eni.slots.length) * perSlot;
    }
    return free;
  }

  #pool(node: string): NodePool {
    const pool = this.#nodes.get(node);
    if (pool === undefined) throw new RangeError(`no node ${node}`);
    return pool;
  }

  #subnet(pool: NodePool): SubnetAddresses {
    const subnet = this.#subnets.get(pool.limits.subnet);
    if (subnet === undefined) throw new RangeError(`no subnet ${pool.limits.subnet}`);
    return subnet;
  }

  #find(pool: NodePool, wanted: number | null): PodAddress | string {
    const { limits } = pool;
    if (wanted !== null && wanted >= limits.maxEnis)
      return `${interfaceName(wanted)} is over the ${limits.maxEnis} ENIs of ${limits.instanceType}`;
    for (let number = wanted ?? 0; number < limits.maxEnis; number++) {
      while (pool.enis.length <= number) {
        const refusal = this.#attach(pool);
        if (refusal !== null) return refusal;
      }
      const eni = pool.enis[number];
      const place = this.#take(pool, eni);
      if (place !== null) return place;
      if (wanted !== null) return `all ${limits.slots} slots of ${interfaceName(wanted)} are in use`;
    }
    return `all ${limits.slots} slots of all ${limits.maxEnis} ENIs (${limits.instanceType}) are in use`;
  }

  /** An address of this ENI, of a new slot where there is none free; null: all its slots are in use. */
  #take(pool: NodePool, eni: EniSlots): PodAddress | string | null {
    let address = eni.takeFree();
    if (address === null) {
      if (eni.slots.length >= pool.limits.slots) return null;
      const refusal = this.#fillSlot(pool, eni);
      if (refusal !== null) return refusal;
      address = eni.takeFree();
    }
    return address === null ? null : { address, deviceNumber: eni.deviceNumber };
  }

  #fillSlot(pool: NodePool, eni: EniSlots): string | null {
    const subnet = this.#subnet(pool);
    const { limits } = pool;
    if (limits.prefixes) {
      const prefix = subnet.takePrefix();
      if (prefix !== null) {
        eni.slots.push({ prefix, length: PREFIX_LENGTH });
        return null;
      }
      if (!limits.fallback)
        return `subnet ${limits.subnet} has no free /28 (InsufficientCidrBlocks; ${subnet.freeAddresses} single addresses are free)`;
    }
    const address = subnet.takeLowest();
    if (address === null) return `subnet ${limits.subnet} is full (InsufficientFreeAddressesInSubnet)`;
    eni.slots.push({ prefix: address, length: HOST_LENGTH });
    return null;
  }

  #attach(pool: NodePool): string | null {
    const { name, subnet } = pool.limits;
    const address = this.#subnet(pool).takeLowest();
    if (address === null) return `subnet ${subnet} has no address for another ENI (InsufficientFreeAddressesInSubnet)`;
    pool.enis.push(new EniSlots({ node: name, deviceNumber: pool.enis.length, subnet, address }));
    return null;
  }
}
