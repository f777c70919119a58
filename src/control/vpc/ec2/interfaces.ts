import { noInstance, noInterface } from "./ec2Error.ts";
import type { InstanceLimits, NetworkInterface } from "./types.ts";

export interface Instance {
  readonly name: string;
  /** What error messages call its type. */
  readonly instanceType: string;
  readonly limits: InstanceLimits;
  readonly availabilityZone: string;
}

interface InstanceEntry extends Instance {
  /** Ids of its ENIs, branch ENIs included. */
  readonly enis: Set<string>;
  /** They in their order, or null: to be sorted again. */
  sorted: readonly NetworkInterface[] | null;
}

/** Whose a branch ENI is. */
export interface Trunking {
  readonly trunk: string;
  /** 1 to 4094. */
  readonly vlan: number;
}

/**
 * The ENIs of a VPC and the instances they are attached to. An ENI's record is never changed but replaced, so whoever
 * keeps one keeps what was true then.
 */
export class Interfaces {
  readonly #enis = new Map<string, NetworkInterface>();
  readonly #instances = new Map<string, InstanceEntry>();
  readonly #trunkings = new Map<string, Trunking>();
  readonly #changed: (instance: string) => void;

  /** @param changed called with an instance's name after every change of its ENIs. */
  constructor(changed: (instance: string) => void) {
    this.#changed = changed;
  }

  addInstance(instance: Instance): void {
    this.#instances.set(instance.name, { ...instance, enis: new Set(), sorted: null });
  }

  removeInstance(name: string): void {
    this.#instances.delete(name);
  }

  /** @throws Ec2Error InvalidInstanceID.NotFound */
  instance(name: string): Instance {
    return this.#entry(name);
  }

  hasInstance(name: string): boolean {
    return this.#instances.has(name);
  }

  instances(): Iterable<Instance> {
    return this.#instances.values();
  }

  /** @throws Ec2Error InvalidNetworkInterfaceID.NotFound */
  get(id: string): NetworkInterface {
    const eni = this.#enis.get(id);
    if (eni === undefined) throw noInterface(id);
    return eni;
  }

  all(): Iterable<NetworkInterface> {
    return this.#enis.values();
  }

  /** Adds an ENI, or replaces the one of its id. */
  put(eni: NetworkInterface): void {
    const before = this.#enis.get(eni.id)?.instance ?? null;
    this.#enis.set(eni.id, eni);
    if (before !== null && before !== eni.instance) this.#leave(before, eni.id);
    if (eni.instance !== null) {
      const entry = this.#entry(eni.instance);
      entry.enis.add(eni.id);
      entry.sorted = null;
      this.#changed(eni.instance);
    }
  }

  /** Removes an ENI, and what a branch ENI has to do with its trunk. */
  remove(id: string): void {
    const { instance } = this.get(id);
    this.#enis.delete(id);
    this.#trunkings.delete(id);
    if (instance !== null) this.#leave(instance, id);
  }

  /** An instance's ENIs by device number, then branch ENIs by VLAN; none for an unknown instance. */
  of(instance: string): readonly NetworkInterface[] {
    const entry = this.#instances.get(instance);
    if (entry === undefined) return [];
    entry.sorted ??= [...entry.enis].map((id) => this.get(id)).sort((a, b) => this.#rank(a) - this.#rank(b));
    return entry.sorted;
  }

  associate(branch: string, trunking: Trunking): void {
    this.#trunkings.set(branch, trunking);
  }

  /** Whose a branch ENI is, or null: nobody's. */
  trunkingOf(branch: string): Trunking | null {
    return this.#trunkings.get(branch) ?? null;
  }

  /** The trunk's branch ENIs by VLAN. */
  branchesOf(trunk: string): readonly NetworkInterface[] {
    const { instance } = this.get(trunk);
    if (instance === null) return [];
    return this.of(instance).filter((eni) => this.#trunkings.get(eni.id)?.trunk === trunk);
  }

  #entry(name: string): InstanceEntry {
    const entry = this.#instances.get(name);
    if (entry === undefined) throw noInstance(name);
    return entry;
  }

  #leave(instance: string, id: string): void {
    const entry = this.#entry(instance);
    entry.enis.delete(id);
    entry.sorted = null;
    this.#changed(instance);
  }

  /** Device numbers come before all VLANs, which begin at 1. */
  #rank(eni: NetworkInterface): number {
    if (eni.deviceNumber !== null) return eni.deviceNumber - MOST_DEVICES;
    return this.#trunkings.get(eni.id)?.vlan ?? 0;
  }
}

/** More than any instance type has. */
const MOST_DEVICES = 1000;
