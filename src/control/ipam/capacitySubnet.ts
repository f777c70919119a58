import { cidrText } from "../vpc/cidr.ts";
import type { ModeRoom } from "./capacityModes.ts";
import type { SubnetSupply } from "./subnetSupply.ts";

/** Nodes of one kind and the subnets that they share. */
export interface SubnetDemand {
  readonly nodes: number;
  /** Pods of a node that match a SecurityGroupPolicy; null: those that find no slot. */
  readonly securityGroupPods: number | null;
  /** Of the primary ENI; null: it does not bind. */
  readonly subnet: SubnetSupply | null;
  /** Of the other ENIs with custom networking or pod subnets; null: they are in `subnet` too. */
  readonly podSubnet: SubnetSupply | null;
}

/** What one node takes of its subnets. */
interface Need {
  /** Addresses of its ENIs in the primary ENI's subnet where pods have another one, else 0. */
  readonly apart: number;
  /** Addresses of ENIs in the subnet of pods. */
  readonly enis: number;
  /** Secondary addresses and branch ENIs' addresses of pods. */
  readonly singles: number;
  /** /28 blocks of pods. */
  readonly prefixes: number;
}

interface Shortage {
  readonly of: "addresses" | "prefixes";
  readonly supply: SubnetSupply;
}

/** Pods with a branch ENI among so many: those asked for, or those that find no slot. */
function branchPods(room: ModeRoom, pods: number, asked: number | null): number {
  return asked === null ? Math.max(0, pods - room.podAddresses) : Math.min(asked, room.branchEnis, pods);
}

/** @returns null where so few prefixes leave more single addresses than there are slots. */
function needOf(room: ModeRoom, ordinary: number, branch: number, prefixes: number): Need | null {
  const secondary = Math.max(0, ordinary - prefixes * room.addressesPerSlot);
  const slots = prefixes + secondary;
  if (slots > room.slots) return null;
  const { podSubnet } = room.mode;
  const enis = Math.max(podSubnet ? 0 : 1, Math.ceil(slots / room.slotsPerEni)) + (room.trunk ? 1 : 0);
  return { apart: podSubnet ? 1 : 0, enis, singles: secondary + branch, prefixes };
}

function shortageOf(need: Need, { nodes, subnet, podSubnet }: SubnetDemand): Shortage | null {
  const others = need.apart > 0 && podSubnet !== null;
  const supply = others ? podSubnet : subnet;
  const addresses = need.enis + need.singles + (others ? 0 : need.apart);
  const lack = supply?.shortage(nodes * addresses, nodes * need.prefixes) ?? null;
  if (supply !== null && lack !== null) return { of: lack, supply };
  if (!others || subnet === null || subnet.shortage(nodes * need.apart, 0) === null) return null;
  return { of: "addresses", supply: subnet };
}

/**
 * What the subnets lack for so many pods on each node, or null. ipamd takes prefixes alone; Auto Mode takes secondary
 * addresses where the subnet is fragmented.
 */
function shortage(room: ModeRoom, pods: number, demand: SubnetDemand): { need: Need | null; lack: Shortage | null } {
  const branch = branchPods(room, pods, demand.securityGroupPods);
  const ordinary = pods - branch;
  const most = room.addressesPerSlot > 1 ? Math.ceil(ordinary / room.addressesPerSlot) : 0;
  const least = room.mode.cluster === "auto" ? 0 : most;
  let found: { need: Need | null; lack: Shortage | null } = { need: null, lack: null };
  for (let prefixes = most; prefixes >= least; prefixes--) {
    const need = needOf(room, ordinary, branch, prefixes);
    // With still fewer prefixes still more slots are missing: prefixes are what the subnet lacks.
    if (need === null) break;
    const lack = shortageOf(need, demand);
    if (lack === null) return { need, lack };
    if (found.lack === null || lack.of === "addresses") found = { need, lack };
    if (lack.of === "addresses") break;
  }
  return found;
}

/** The largest whole number from 0 to `most` that fits, or -1; what fits, fits for all smaller ones. */
function largest(most: number, fits: (n: number) => boolean): number {
  let low = -1;
  let high = most;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** What subnets leave for each node's pods. */
export interface SubnetLimit {
  readonly of: "addresses" | "prefixes";
  readonly pods: number;
  readonly text: string;
}

/** How many pods each node can have for its subnets, or null where its own room is less. */
export function subnetLimit(room: ModeRoom, demand: SubnetDemand): SubnetLimit | null {
  const branch = Math.min(demand.securityGroupPods ?? room.branchEnis, room.branchEnis);
  const most = room.podAddresses + branch;
  const pods = largest(most, (n) => shortage(room, n, demand).lack === null);
  const { lack } = shortage(room, pods + 1, demand);
  if (pods === most || lack === null) return null;
  const { need } = shortage(room, Math.max(0, pods), demand);
  if (pods < 0 || need === null) {
    const text = `${describeSupply(lack, 0)}, too few for the ENIs of ${plural(demand.nodes, "node")}`;
    return { of: lack.of, pods: 0, text };
  }
  const own = need.enis + (demand.podSubnet === null ? need.apart : 0);
  const parts = [
    `${plural(own, "address", "addresses")} for its ENI${own === 1 ? "" : "s"}`,
    ...(need.prefixes > 0 ? [plural(need.prefixes, "prefix", "prefixes")] : []),
    ...(need.singles > 0 ? [`${need.singles} for pods`] : []),
  ];
  const who = demand.nodes === 1 ? "the node" : `each of ${demand.nodes} nodes`;
  const taken = demand.nodes * (own + need.singles);
  return { of: lack.of, pods, text: `${describeSupply(lack, taken)}; ${who} gets ${parts.join(" and ")}` };
}

/** @param singles addresses that the nodes take besides prefixes. */
function describeSupply({ of, supply }: Shortage, singles: number): string {
  const where = cidrText(supply.cidr);
  if (of === "addresses") return `${where} has ${plural(supply.freeAddresses, "free address", "free addresses")}`;
  return `${where} has ${plural(supply.prefixesBeside(singles), "free /28 block")} beside single addresses`;
}

/** The most nodes with so many pods each that the subnets hold; null: no subnet is given. */
export function nodesInSubnets(room: ModeRoom, pods: number, demand: SubnetDemand): number | null {
  const supplies = [demand.subnet, demand.podSubnet].filter((s) => s !== null);
  if (supplies.length === 0) return null;
  const most = Math.max(...supplies.map((s) => s.freeAddresses));
  return Math.max(
    0,
    largest(most, (nodes) => shortage(room, pods, { ...demand, nodes }).lack === null),
  );
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
