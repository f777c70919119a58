import type { Process } from "../../time/process.ts";
import type { CreateRequest } from "../../vpc/ec2/api.ts";
import { Ec2Error } from "../../vpc/ec2/ec2Error.ts";
import type { NetworkInterface } from "../../vpc/ec2/types.ts";
import type { Slot } from "../../vpc/eni.ts";
import type { EniFacts, StoredEni } from "../standard/dataStoreEni.ts";
import { increment } from "../standard/nodeState.ts";
import { prefixesFor } from "../standard/poolTarget.ts";
import type { AgentInput, NodeCounters } from "../types.ts";
import { eniSubnets, type Plan, type PlanInput, slotsPerEni } from "./autoPlan.ts";
import type { StaticInterface } from "./settings.ts";

/** What a daemon's calls of EC2 work with. */
export interface ActionsInput extends PlanInput {
  readonly input: AgentInput;
  /**
   * ENIs that the daemon made and that are not attached: they outlive it. In AWS it finds them by their tags; Ec2Api has no
   * such call.
   */
  readonly unattached: Set<string>;
  readonly counters: NodeCounters;
}

/** How many slots of which kind; at most one of the two is not 0. */
type SlotCount = Pick<CreateRequest, "prefixes" | "secondaryAddresses">;

/** So many at once, and where EC2 has not so many, one. */
const attempts = (count: number): readonly number[] => (count > 1 ? [count, 1] : [count]);

/** The calls of EC2 by which an Auto Mode node's addresses come and go. Refusals are logged and counted, not thrown. */
export class EniActions {
  readonly #in: ActionsInput;

  constructor(input: ActionsInput) {
    this.#in = input;
  }

  *carryOut(plan: Plan): Process<void> {
    if (plan.kind === "fill") yield* this.#fill(plan.eni, plan.addresses);
    else if (plan.kind === "attach") yield* this.#attach(plan.deviceNumber, plan.addresses);
    else if (plan.kind === "release") yield* this.#release(plan.eni, plan.slots);
    else yield* this.#remove(plan.eni);
    this.#changed();
  }

  /** ENIs and slots that the instance is launched with, as far as they are not there: a restart finds them all. */
  *launch(interfaces: readonly StaticInterface[]): Process<void> {
    for (const { deviceNumber, prefixes, secondaryAddresses } of interfaces) {
      const slots = { prefixes, secondaryAddresses };
      const eni = this.#in.pool.store.enis.find((e) => e.deviceNumber === deviceNumber);
      if (eni === undefined) {
        const subnet = yield* this.#bestSubnet();
        const created = subnet === null ? null : yield* this.#try("allocENI", this.#create(subnet, slots));
        if (created !== null && !(created instanceof Ec2Error)) yield* this.#attachCreated(created, deviceNumber);
      } else if (eni.cidrs.size === 0 && prefixes + secondaryAddresses > 0) {
        const given = yield* this.#try("allocIPs", this.#assign(eni, slots));
        if (!(given instanceof Ec2Error)) this.#add(eni, given);
      }
    }
    this.#changed();
  }

  /** Deletes ENIs that a daemon which was stopped had made and not attached, or detached and not deleted. */
  *deleteUnattached(): Process<void> {
    for (const id of [...this.#in.unattached.keys()]) yield* this.#delete(id);
  }

  *#fill(eni: StoredEni, addresses: number): Process<void> {
    const room = slotsPerEni(this.#in.node) - eni.cidrs.size;
    const given = yield* this.#ask("allocIPs", eni.subnet, addresses, room, (slots) => this.#assign(eni, slots));
    if (given !== null) this.#add(eni, given);
  }

  *#attach(deviceNumber: number, addresses: number): Process<void> {
    const subnet = yield* this.#bestSubnet();
    if (subnet === null) return;
    const room = slotsPerEni(this.#in.node);
    const created = yield* this.#ask("allocENI", subnet, addresses, room, (slots) => this.#create(subnet, slots));
    if (created !== null) yield* this.#attachCreated(created, deviceNumber);
  }

  *#attachCreated(created: NetworkInterface, deviceNumber: number): Process<void> {
    const { input, node, pool, unattached } = this.#in;
    const call = input.ec2.attachNetworkInterface(created.id, node.name, deviceNumber);
    if ((yield* this.#try("attachENI", call)) instanceof Ec2Error) {
      yield* this.#delete(created.id);
      return;
    }
    unattached.delete(created.id);
    this.#add(pool.store.addEni({ ...created, deviceNumber }), created.slots);
  }

  *#release(eni: StoredEni, slots: readonly Slot[]): Process<void> {
    const { input, pool } = this.#in;
    // No pod gets an address of them while EC2 takes them back.
    for (const slot of slots) pool.store.delCidr(eni.id, slot, false);
    pool.update();
    const call = input.ec2.unassignPrivateIpAddresses(eni.id, slots);
    if ((yield* this.#try("deallocIPs", call)) instanceof Ec2Error) this.#add(eni, slots);
  }

  *#remove(eni: StoredEni): Process<void> {
    const { input, pool, unattached } = this.#in;
    pool.store.removeEni(eni.id, false);
    pool.update();
    if ((yield* this.#try("detachENI", input.ec2.detachNetworkInterface(eni.id))) instanceof Ec2Error) {
      const slots = [...eni.cidrs.values()].map((cidr) => cidr.slot);
      this.#add(pool.store.addEni(eni), slots);
      return;
    }
    unattached.add(eni.id);
    yield* this.#delete(eni.id);
  }

  *#delete(id: string): Process<void> {
    const answer = yield* this.#try("deleteENI", this.#in.input.ec2.deleteNetworkInterface(id));
    const gone = !(answer instanceof Ec2Error) || answer.code === "InvalidNetworkInterfaceID.NotFound";
    if (gone) this.#in.unattached.delete(id);
  }

  /**
   * Asks for slots for so many addresses: for prefixes first where the subnet may have some, and where it has none, or the
   * mode is "32", for secondary addresses.
   *
   * @returns null where EC2 gave nothing.
   */
  *#ask<T>(
    fn: string,
    subnet: string,
    addresses: number,
    room: number,
    call: (slots: SlotCount) => Process<T>,
  ): Process<T | null> {
    const { states, input } = this.#in;
    if (this.#takesPrefixes(subnet)) {
      for (const prefixes of attempts(Math.min(prefixesFor(addresses), room))) {
        const answer = yield* this.#try(fn, call({ prefixes, secondaryAddresses: 0 }));
        if (!(answer instanceof Ec2Error)) return answer;
        if (answer.code === "InsufficientFreeAddressesInSubnet") states.exhausted(subnet);
        if (answer.code !== "InsufficientCidrBlocks") return null;
      }
      states.fragmented(subnet);
      const message = `subnet ${subnet} has no free /28 prefix, it is asked for /32 addresses for a while`;
      input.observe({ kind: "log", level: "warn", message });
    }
    for (const secondaryAddresses of attempts(Math.min(addresses, room))) {
      const answer = yield* this.#try(fn, call({ prefixes: 0, secondaryAddresses }));
      if (!(answer instanceof Ec2Error)) return answer;
      if (answer.code !== "InsufficientFreeAddressesInSubnet") return null;
    }
    states.exhausted(subnet);
    return null;
  }

  #takesPrefixes(subnet: string): boolean {
    const { node, settings, states } = this.#in;
    return settings.prefixSize === "auto" && node.limits.prefixes && !states.isFragmented(subnet);
  }

  /** The one with the most free addresses, of those that may have some; null: there is none. */
  *#bestSubnet(): Process<string | null> {
    const { node, settings, states, input } = this.#in;
    const names = eniSubnets(node, settings).filter((name) => !states.isExhausted(name));
    if (names.length < 2) return names.at(0) ?? null;
    const subnets = yield* this.#try("describeSubnets", input.ec2.describeSubnets());
    if (subnets instanceof Ec2Error) return null;
    const candidates = subnets.filter((s) => names.includes(s.name));
    return candidates.toSorted((a, b) => b.availableAddresses - a.availableAddresses).at(0)?.name ?? null;
  }

  *#create(subnet: string, slots: SlotCount): Process<NetworkInterface> {
    const { node, settings, unattached, input } = this.#in;
    const { podSubnets, podSecurityGroups } = settings;
    const created = yield* input.ec2.createNetworkInterface({
      subnet,
      securityGroups: podSubnets === null || podSecurityGroups.length === 0 ? node.securityGroups : podSecurityGroups,
      description: `EKS Auto Mode ENI of ${node.name}`,
      tags: { "eks:eks-cluster-name": node.clusterName, "eks:kubernetes-node-name": node.name },
      ...slots,
    });
    unattached.add(created.id);
    return created;
  }

  #assign(eni: EniFacts, { prefixes, secondaryAddresses }: SlotCount): Process<readonly Slot[]> {
    const what = prefixes > 0 ? { prefixes } : { secondaryAddresses };
    return this.#in.input.ec2.assignPrivateIpAddresses(eni.id, what);
  }

  #add(eni: EniFacts, slots: readonly Slot[]): void {
    for (const slot of slots) this.#in.pool.store.addCidr(eni.id, slot);
  }

  /** What the call returns, or EC2's refusal. */
  *#try<T>(fn: string, call: Process<T>): Process<T | Ec2Error> {
    try {
      return yield* call;
    } catch (error) {
      if (!(error instanceof Ec2Error)) throw error;
      const { counters, input } = this.#in;
      increment(counters.errors, fn);
      input.observe({ kind: "log", level: "error", message: `${fn}: ${error.code}: ${error.message}` });
      return error;
    }
  }

  #changed(): void {
    this.#in.pool.update();
    this.#in.input.observe({ kind: "changed" });
  }
}
