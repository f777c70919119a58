import type { Random } from "../../../plane/random.ts";
import type { Timeline } from "../../time/timeline.ts";
import { type Slot, slotText } from "../eni.ts";
import type { SubnetAddresses } from "../subnet.ts";
import { type SlotRequest, VpcAddresses } from "./addresses.ts";
import type { CreateRequest } from "./api.ts";
import { Ec2Error, interfaceInUse, invalid } from "./ec2Error.ts";
import { checkAssociation, checkAttachment, checkSlots, requestedLengths } from "./ec2Rules.ts";
import { Interfaces, type Trunking } from "./interfaces.ts";
import { InstanceMetadata } from "./metadata.ts";
import type {
  Ec2Settings,
  Ec2Subnet,
  InstanceLimits,
  NetworkInterface,
  PlacedEni,
  SubnetReservation,
} from "./types.ts";
import { violations } from "./violations.ts";

const ID_DIGITS = 8;

/** An instance as RunInstances is asked for it. */
export interface LaunchRequest {
  /** The instance's name is also its id. */
  readonly name: string;
  /** For error messages. */
  readonly instanceType?: string;
  readonly limits: InstanceLimits;
  readonly subnet: string;
  /** Primary address, int32; null: EC2 chooses. */
  readonly address: number | null;
  readonly securityGroups: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  /** ENIs that it has from the start, the primary one among them; none: a primary ENI with one address. */
  readonly enis?: readonly PlacedEni[];
}

/** What a new ENI is to have that EC2 would choose else. */
interface Wanted {
  readonly id: string | null;
  readonly address: number | null;
  readonly slots: readonly Slot[] | null;
}

const ANY: Wanted = { id: null, address: null, slots: null };

/**
 * What EC2 keeps of a VPC: subnets, addresses, ENIs, instances. Every method changes it at once and wholly, or throws an
 * Ec2Error and changes nothing. Nothing here takes time; {@link Ec2} is this behind an API that does.
 */
export class Ec2World {
  readonly #timeline: Timeline;
  readonly #addresses: VpcAddresses;
  readonly #interfaces: Interfaces;
  protected readonly instanceMetadata: InstanceMetadata;
  #created = 0;
  #version = 0;

  constructor(timeline: Timeline, random: Random, settings: Ec2Settings, subnets: readonly Ec2Subnet[]) {
    this.#timeline = timeline;
    this.#addresses = new VpcAddresses(random, settings.addressSelection);
    this.instanceMetadata = new InstanceMetadata(timeline, settings);
    this.#interfaces = new Interfaces((name) => this.instanceMetadata.changed(name, this.#interfaces.of(name)));
    for (const subnet of subnets) this.#addresses.addSubnet(subnet);
  }

  /** Grows with every change of ENIs, addresses and subnets. */
  get version(): number {
    return this.#version;
  }

  addSubnet(subnet: Ec2Subnet): void {
    this.#addresses.addSubnet(subnet);
    this.#version++;
  }

  addReservation(subnet: string, reservation: SubnetReservation): void {
    this.#addresses.addReservation(subnet, reservation);
    this.#version++;
  }

  subnetNames(): string[] {
    return this.#addresses.names();
  }

  /** To be read: whoever takes an address from it directly breaks the books. */
  subnet(name: string): SubnetAddresses {
    return this.#addresses.of(name);
  }

  /** An address for a host or a scenario. @param address int32, or null: EC2 chooses. */
  takeAddress(subnet: string, address: number | null, owner: string): number {
    const taken = this.#addresses.hold(subnet, address, owner);
    this.#version++;
    return taken;
  }

  /** So many addresses, all or none: the lowest that are free, or spread evenly over them. */
  takeAddresses(subnet: string, count: number, pattern: "scattered" | "contiguous", owner: string): void {
    this.#addresses.holdMany(subnet, count, pattern, owner);
    this.#version++;
  }

  /** Gives back what takeAddress() and takeAddresses() gave to this owner, the first so many. @returns how many. */
  freeAddresses(owner: string, count = Number.POSITIVE_INFINITY): number {
    this.#version++;
    return this.#addresses.release(owner, count);
  }

  /** @returns the instance's primary ENI, device 0. */
  launchInstance(request: LaunchRequest): NetworkInterface {
    const { name, limits, subnet, securityGroups, tags } = request;
    if (this.#interfaces.hasInstance(name)) throw invalid(`The instance '${name}' exists already`);
    const availabilityZone = this.#addresses.availabilityZone(subnet);
    const description = "";
    const bare = { subnet, securityGroups, description, tags, secondaryAddresses: 0, prefixes: 0 };
    const { enis = [] } = request;
    const placed = enis.find((eni) => eni.deviceNumber === 0);
    const eni = this.#create(bare, placed ?? { ...ANY, address: request.address });
    const instanceType = request.instanceType ?? name;
    this.#interfaces.addInstance({ name, instanceType, limits, availabilityZone });
    const primary = this.#put({ ...eni, instance: name, deviceNumber: 0 });
    for (const other of enis) if (other !== placed) this.#place(name, other);
    return primary;
  }

  /** Its ENIs go with it, branch ENIs too, and their addresses are the subnets' again. */
  terminateInstance(name: string): void {
    this.#interfaces.instance(name);
    for (const eni of this.#interfaces.of(name)) this.#remove(eni);
    this.#interfaces.removeInstance(name);
    this.instanceMetadata.forget(name);
  }

  /** An instance's ENIs as they are now: by device number, branch ENIs last, by VLAN. None for an unknown instance. */
  interfaces(instance: string): readonly NetworkInterface[] {
    return this.#interfaces.of(instance);
  }

  /** @throws Ec2Error InvalidNetworkInterfaceID.NotFound */
  interface(id: string): NetworkInterface {
    return this.#interfaces.get(id);
  }

  allInterfaces(): Iterable<NetworkInterface> {
    return this.#interfaces.all();
  }

  /** The trunk and the VLAN of a branch ENI; null: it has none, or is no branch ENI. */
  trunkOf(branch: string): Trunking | null {
    return this.#interfaces.trunkingOf(branch);
  }

  /** VLAN of a branch ENI, 0: not one of a trunk. */
  vlanOf(branch: string): number {
    return this.#interfaces.trunkingOf(branch)?.vlan ?? 0;
  }

  /** An operator detaches an ENI under its daemon. */
  forceDetach(eni: string): void {
    this.detach(eni);
  }

  /** An operator takes an address or a prefix from an ENI. */
  forceUnassign(eni: string, slot: Slot): void {
    this.unassign(eni, [slot]);
  }

  /** An operator gives an ENI addresses or prefixes, chosen or named. */
  forceAssign(eni: string, what: SlotRequest): readonly Slot[] {
    return this.assign(eni, what);
  }

  /** What must always hold and does not, each as a sentence. Costs a pass over all addresses. */
  violations(): string[] {
    return violations({
      subnets: new Map(this.subnetNames().map((name) => [name, this.subnet(name)])),
      interfaces: [...this.#interfaces.all()],
      instances: [...this.#interfaces.instances()],
      held: [...this.#addresses.held()],
      trunkOf: (branch) => this.trunkOf(branch),
    });
  }

  protected describeSubnet(name: string): Ec2Subnet & { readonly availableAddresses: number } {
    return this.#addresses.describe(name);
  }

  protected create(request: CreateRequest): NetworkInterface {
    return this.#put(this.#create(request, { ...ANY, address: request.address ?? null }));
  }

  protected attach(id: string, name: string, deviceNumber: number): void {
    const eni = this.#interfaces.get(id);
    const instance = this.#interfaces.instance(name);
    checkAttachment(eni, deviceNumber, this.#addresses.availabilityZone(eni.subnet), {
      ...instance,
      enis: this.#interfaces.of(name),
    });
    this.instanceMetadata.attached(id);
    this.#put({ ...eni, instance: name, deviceNumber });
  }

  protected detach(id: string): void {
    const eni = this.#interfaces.get(id);
    if (eni.instance === null || eni.deviceNumber === null)
      throw invalid(`Interface ${id} is not attached to an instance`);
    if (eni.deviceNumber === 0)
      throw new Ec2Error("OperationNotPermitted", "The network interface at device index 0 cannot be detached.");
    if (this.#interfaces.branchesOf(id).length > 0) throw interfaceInUse(id);
    this.#put({ ...eni, instance: null, deviceNumber: null });
  }

  /** Branch ENIs go while they are their trunk's; others must be detached first. */
  protected delete(id: string): void {
    const eni = this.#interfaces.get(id);
    if (eni.instance !== null && eni.interfaceType !== "branch") throw interfaceInUse(id);
    this.#remove(eni);
  }

  protected assign(id: string, request: SlotRequest): readonly Slot[] {
    const eni = this.#interfaces.get(id);
    const wanted = requestedLengths(request);
    if (wanted.length === 0) throw invalid("At least one address or prefix must be asked for");
    if (eni.instance !== null)
      checkSlots(eni, [...eni.slots.map((slot) => slot.length), ...wanted], this.#interfaces.instance(eni.instance));
    const slots = this.#addresses.takeSlots(eni.subnet, request, id);
    this.#put({ ...eni, slots: [...eni.slots, ...slots] });
    return slots;
  }

  protected unassign(id: string, slots: readonly Slot[]): void {
    const eni = this.#interfaces.get(id);
    const gone = new Set(slots.map(slotText));
    const kept = eni.slots.filter((slot) => !gone.has(slotText(slot)));
    if (kept.length + gone.size !== eni.slots.length)
      throw invalid(`Some of [${[...gone].join(", ")}] are not assigned to interface ${id}`);
    for (const slot of eni.slots) if (gone.has(slotText(slot))) this.#addresses.releaseSlot(eni.subnet, slot);
    this.#put({ ...eni, slots: kept });
  }

  protected associate(trunkId: string, branchId: string, vlan: number): void {
    const trunk = this.#interfaces.get(trunkId);
    const branch = this.#interfaces.get(branchId);
    const { instance } = trunk;
    if (instance === null) throw invalid(`Interface ${trunkId} is not attached to an instance`);
    checkAssociation(trunk, branch, vlan, { ...this.#interfaces.instance(instance), enis: this.interfaces(instance) });
    if (this.#interfaces.branchesOf(trunkId).some((other) => this.vlanOf(other.id) === vlan))
      throw invalid(`VLAN ${vlan} of trunk interface ${trunkId} is in use`);
    this.#interfaces.associate(branchId, { trunk: trunkId, vlan });
    this.#put({ ...branch, instance });
  }

  /** An ENI that an instance has when it comes up: its metadata shows it at once. */
  #place(instance: string, placed: PlacedEni): void {
    const { subnet, deviceNumber, interfaceType, securityGroups, tags, description } = placed;
    const request = { subnet, interfaceType, securityGroups, tags, description, secondaryAddresses: 0, prefixes: 0 };
    const eni = this.#create(request, placed);
    const zone = this.#addresses.availabilityZone(subnet);
    checkAttachment(eni, deviceNumber, zone, {
      ...this.#interfaces.instance(instance),
      enis: this.#interfaces.of(instance),
    });
    this.#put({ ...eni, instance, deviceNumber });
  }

  #put(eni: NetworkInterface): NetworkInterface {
    this.#interfaces.put(eni);
    this.#version++;
    return eni;
  }

  /** An ENI with its addresses that nobody knows of yet. */
  #create(request: CreateRequest, wanted: Wanted): NetworkInterface {
    const { subnet, securityGroups, tags, description, secondaryAddresses, prefixes } = request;
    if (secondaryAddresses > 0 && prefixes > 0)
      throw new Ec2Error("InvalidParameterCombination", "Secondary addresses and prefixes cannot both be asked for");
    const chosen = prefixes > 0 ? { prefixes } : { secondaryAddresses };
    const wantedSlots = wanted.slots === null ? chosen : { slots: wanted.slots };
    requestedLengths(wantedSlots);
    const id = wanted.id ?? `eni-${String(this.#created + 1).padStart(ID_DIGITS, "0")}`;
    const address = this.#addresses.takeAddress(subnet, wanted.address, id);
    let slots: readonly Slot[];
    try {
      slots = this.#addresses.takeSlots(subnet, wantedSlots, id);
    } catch (error) {
      this.#addresses.releaseAddress(subnet, address);
      throw error;
    }
    this.#created++;
    return {
      id,
      interfaceType: request.interfaceType ?? "interface",
      subnet,
      address,
      slots,
      securityGroups,
      tags,
      description,
      instance: null,
      deviceNumber: null,
      createdAt: this.#timeline.now,
    };
  }

  #remove(eni: NetworkInterface): void {
    this.#interfaces.remove(eni.id);
    this.instanceMetadata.deleted(eni.id);
    this.#addresses.releaseAddress(eni.subnet, eni.address);
    for (const slot of eni.slots) this.#addresses.releaseSlot(eni.subnet, slot);
    this.#version++;
  }
}
