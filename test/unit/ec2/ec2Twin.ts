import { addressAt, cidrSize, containsAddress, containsCidr } from "../../../src/control/vpc/cidr.ts";
import type { SlotRequest } from "../../../src/control/vpc/ec2/addresses.ts";
import type { Ec2Subnet, InstanceLimits } from "../../../src/control/vpc/ec2/types.ts";
import { type Slot, slotText } from "../../../src/control/vpc/eni.ts";

interface TwinEni {
  readonly id: string;
  readonly subnet: string;
  readonly address: number;
  slots: Slot[];
  instance: string | null;
  deviceNumber: number | null;
}

/**
 * EC2 with an address plan that is a map from address to owner and no more: everything is found by trying. It always
 * gives the lowest address and block, and knows of at most one prefix reservation in a subnet. Methods return EC2's
 * error code, or null.
 */
export class Ec2Twin {
  readonly owners = new Map<number, string>();
  readonly enis = new Map<string, TwinEni>();
  readonly instances = new Map<string, InstanceLimits>();
  readonly #subnets: readonly Ec2Subnet[];
  #ids = 0;

  constructor(subnets: readonly Ec2Subnet[]) {
    this.#subnets = subnets;
  }

  /** Addresses of a subnet that nobody has, all of them or those for who names none. */
  free(name: string, automatic: boolean): number[] {
    const subnet = this.#subnet(name);
    const found: number[] = [];
    for (let offset = 4; offset < cidrSize(subnet.cidr) - 1; offset++) {
      const address = addressAt(subnet.cidr, offset);
      const reserved = subnet.reservations.some((r) => containsAddress(r.cidr, address));
      if (!this.owners.has(address) && !(automatic && reserved)) found.push(address);
    }
    return found;
  }

  /** First addresses of the blocks that can go as a prefix to who names none. */
  blocks(name: string): number[] {
    const { cidr, reservations } = this.#subnet(name);
    const free = new Set(this.free(name, false));
    const forPrefixes = reservations.filter((r) => r.type === "prefix");
    const found: number[] = [];
    for (let offset = 0; offset < cidrSize(cidr); offset += 16) {
      const all = Array.from({ length: 16 }, (_, i) => addressAt(cidr, offset + i));
      const block = { prefix: all[0], length: 28 };
      const allowed =
        forPrefixes.length > 0
          ? forPrefixes.some((r) => containsCidr(r.cidr, block))
          : !all.some((a) => reservations.some((r) => containsAddress(r.cidr, a)));
      if (allowed && all.every((a) => free.has(a))) found.push(all[0]);
    }
    return found;
  }

  launch(name: string, subnet: string, limits: InstanceLimits): string | null {
    if (this.instances.has(name)) return "InvalidParameterValue";
    const error = this.create(subnet, { secondaryAddresses: 0 });
    if (error !== null) return error;
    this.instances.set(name, limits);
    Object.assign(this.eni(this.lastId), { instance: name, deviceNumber: 0 });
    return null;
  }

  terminate(name: string): string | null {
    if (!this.instances.delete(name)) return "InvalidInstanceID.NotFound";
    for (const eni of [...this.enis.values()]) if (eni.instance === name) this.#drop(eni);
    return null;
  }

  create(subnet: string, request: SlotRequest): string | null {
    const before = new Map(this.owners);
    const id = `eni-${String(this.#ids + 1).padStart(8, "0")}`;
    const [address] = this.free(subnet, true);
    if (address === undefined) return "InsufficientFreeAddressesInSubnet";
    this.owners.set(address, id);
    const slots = this.#take(subnet, request, id);
    if (typeof slots === "string") {
      this.owners.clear();
      for (const [a, owner] of before) this.owners.set(a, owner);
      return slots;
    }
    this.#ids++;
    this.enis.set(id, { id, subnet, address, slots, instance: null, deviceNumber: null });
    return null;
  }

  attach(id: string, name: string, deviceNumber: number): string | null {
    const eni = this.enis.get(id);
    if (eni === undefined) return "InvalidNetworkInterfaceID.NotFound";
    const limits = this.instances.get(name);
    if (limits === undefined) return "InvalidInstanceID.NotFound";
    if (eni.instance !== null) return "InvalidNetworkInterface.InUse";
    const attached = [...this.enis.values()].filter((e) => e.instance === name);
    if (attached.some((e) => e.deviceNumber === deviceNumber)) return "InvalidParameterValue";
    if (attached.length === limits.enis) return "AttachmentLimitExceeded";
    const refused = refusal(eni.slots, limits);
    if (refused !== null) return refused;
    Object.assign(eni, { instance: name, deviceNumber });
    return null;
  }

  detach(id: string): string | null {
    const eni = this.enis.get(id);
    if (eni === undefined) return "InvalidNetworkInterfaceID.NotFound";
    if (eni.instance === null) return "InvalidParameterValue";
    if (eni.deviceNumber === 0) return "OperationNotPermitted";
    Object.assign(eni, { instance: null, deviceNumber: null });
    return null;
  }

  remove(id: string): string | null {
    const eni = this.enis.get(id);
    if (eni === undefined) return "InvalidNetworkInterfaceID.NotFound";
    if (eni.instance !== null) return "InvalidParameterValue";
    this.#drop(eni);
    return null;
  }

  assign(id: string, request: { secondaryAddresses: number } | { prefixes: number }): string | null {
    const eni = this.enis.get(id);
    if (eni === undefined) return "InvalidNetworkInterfaceID.NotFound";
    const [count, length] = "prefixes" in request ? [request.prefixes, 28] : [request.secondaryAddresses, 32];
    if (count === 0) return "InvalidParameterValue";
    const limits = eni.instance === null ? null : (this.instances.get(eni.instance) ?? null);
    const wanted = [...eni.slots, ...new Array<Slot>(count).fill({ prefix: 0, length })];
    const refused = limits === null ? null : refusal(wanted, limits);
    if (refused !== null) return refused;
    const before = new Map(this.owners);
    const slots = this.#take(eni.subnet, request, id);
    if (typeof slots === "string") {
      this.owners.clear();
      for (const [a, owner] of before) this.owners.set(a, owner);
      return slots;
    }
    eni.slots.push(...slots);
    return null;
  }

  unassign(id: string, slots: readonly Slot[]): string | null {
    const eni = this.enis.get(id);
    if (eni === undefined) return "InvalidNetworkInterfaceID.NotFound";
    const gone = slots.map(slotText);
    if (!gone.every((text) => eni.slots.some((s) => slotText(s) === text))) return "InvalidParameterValue";
    for (const slot of eni.slots.filter((s) => gone.includes(slotText(s)))) this.#free(slot);
    eni.slots = eni.slots.filter((s) => !gone.includes(slotText(s)));
    return null;
  }

  hold(subnet: string, address: number, owner: string): string | null {
    if (!containsAddress(this.#subnet(subnet).cidr, address)) return "InvalidParameterValue";
    if (this.owners.has(address)) return "InvalidIPAddress.InUse";
    if (!this.free(subnet, false).includes(address)) return "InvalidParameterValue";
    this.owners.set(address, owner);
    return null;
  }

  release(owner: string): void {
    for (const [address, other] of [...this.owners]) if (other === owner) this.owners.delete(address);
  }

  get lastId(): string {
    return `eni-${String(this.#ids).padStart(8, "0")}`;
  }

  eni(id: string): TwinEni {
    const eni = this.enis.get(id);
    if (eni === undefined) throw new Error(`the twin has no ${id}`);
    return eni;
  }

  #subnet(name: string): Ec2Subnet {
    const subnet = this.#subnets.find((s) => s.name === name);
    if (subnet === undefined) throw new Error(`the twin has no subnet ${name}`);
    return subnet;
  }

  #take(subnet: string, request: SlotRequest, id: string): Slot[] | string {
    const slots: Slot[] = [];
    if ("prefixes" in request)
      for (let i = 0; i < request.prefixes; i++) {
        const [prefix] = this.blocks(subnet);
        if (prefix === undefined) return "InsufficientCidrBlocks";
        for (let j = 0; j < 16; j++) this.owners.set((prefix + j) | 0, id);
        slots.push({ prefix, length: 28 });
      }
    else if ("secondaryAddresses" in request)
      for (let i = 0; i < request.secondaryAddresses; i++) {
        const [address] = this.free(subnet, true);
        if (address === undefined) return "InsufficientFreeAddressesInSubnet";
        this.owners.set(address, id);
        slots.push({ prefix: address, length: 32 });
      }
    return slots;
  }

  #free(slot: Slot): void {
    for (let i = 0; i < (slot.length === 28 ? 16 : 1); i++) this.owners.delete((slot.prefix + i) | 0);
  }

  #drop(eni: TwinEni): void {
    this.owners.delete(eni.address);
    for (const slot of eni.slots) this.#free(slot);
    this.enis.delete(eni.id);
  }
}

function refusal(slots: readonly Slot[], limits: InstanceLimits): string | null {
  if (!limits.prefixes && slots.some((slot) => slot.length === 28)) return "UnsupportedOperation";
  return 1 + slots.length > limits.addressesPerEni ? "PrivateIpAddressLimitExceeded" : null;
}
