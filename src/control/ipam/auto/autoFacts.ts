import { formatAddress } from "../../../plane/wire/address.ts";
import { overlaps } from "../../vpc/cidr.ts";
import { interfaceName, type Slot, slotText } from "../../vpc/eni.ts";
import type { Checkpoint } from "../standard/checkpoint.ts";
import type { DataStore } from "../standard/dataStore.ts";
import type { StoredEni } from "../standard/dataStoreEni.ts";
import type { AgentEni, AgentNode } from "../types.ts";
import { canAttach, type PlanInput, slotsPerEni } from "./autoPlan.ts";
import type { AutoPool } from "./autoPool.ts";

/** An ENI of the store as others see it. */
export function agentEni(node: string, eni: StoredEni, { now, cooldown }: DataStore): AgentEni {
  const cidrs = [...eni.cidrs.values()];
  const { id, deviceNumber, subnet, address, securityGroups, primary, excluded } = eni;
  return {
    id,
    node,
    deviceNumber,
    subnet,
    address,
    securityGroups,
    slots: cidrs.map((cidr) => cidr.slot),
    kind: primary ? "primary" : "secondary",
    vlan: 0,
    forPods: !excluded,
    assigned: cidrs.flatMap((cidr) =>
      [...cidr.addresses.values()].flatMap((a) => (a.pod === null ? [] : [{ address: a.address, pod: a.pod }])),
    ),
    cooling: cidrs.flatMap((cidr) => cidr.cooling(now, cooldown)),
  };
}

/** Why a pod cannot have an address of the ENI that a lab wants it on. */
export function pinnedRefusal(input: PlanInput, deviceNumber: number): string {
  const { node, pool, settings } = input;
  const name = interfaceName(deviceNumber);
  if (deviceNumber >= node.limits.enis) return `${name} is over the ${node.limits.enis} ENIs of ${node.instanceType}`;
  const eni = pool.store.enis.find((e) => e.deviceNumber === deviceNumber);
  if (eni === undefined) {
    if (settings.staticInterfaces !== null) return `${name} is none of the NodeClass's networkInterfaces`;
    return canAttach(input, deviceNumber) ? `${name} is not attached yet` : `no ENI can be attached as ${name}`;
  }
  if (eni.excluded) return `${name} has no pods, the NodeClass gives them subnets of their own`;
  if (settings.staticInterfaces === null && eni.cidrs.size < slotsPerEni(node))
    return `${name} has no free address yet`;
  const free = [...eni.cidrs.values()].some((cidr) => cidr.assigned < cidr.size);
  return free ? `all free addresses of ${name} cool down` : `all addresses of ${name} are in use`;
}

/**
 * What must always hold of a node's addresses; each violation as a sentence.
 *
 * @param checkpoint null: the daemon is down, what it had in memory is a picture of before.
 */
export function findViolations(node: AgentNode, pool: AutoPool, checkpoint: Checkpoint | null): string[] {
  const { enis } = pool.store;
  const found: string[] = [];
  const devices = new Set(enis.map((eni) => eni.deviceNumber));
  if (devices.size < enis.length) found.push("two ENIs have the same device number");
  if (enis.length > node.limits.enis) found.push(`${enis.length} ENIs are over the limit of ${node.limits.enis}`);
  for (const eni of enis) found.push(...eniViolations(node, pool, eni));
  const slots = enis.flatMap((eni) => [...eni.cidrs.values()].map((cidr) => cidr.slot));
  found.push(...overlapping(slots));
  const owners = new Map<number, string>();
  for (const [pod, { address, cidr }] of pool.store.assignments()) {
    const other = owners.get(address);
    if (other !== undefined) found.push(`${pod} and ${other} have ${formatAddress(address)}`);
    owners.set(address, pod);
    if (!cidr.contains(address)) found.push(`${pod} has ${formatAddress(address)}, not of ${slotText(cidr.slot)}`);
    if (cidr.addresses.get(address)?.pod !== pod) found.push(`${slotText(cidr.slot)} does not know of ${pod}`);
    if (pool.isWaiting(pod)) found.push(`${pod} waits for the address that it has`);
  }
  if (checkpoint === null) return found;
  const written = checkpoint.entries().map((entry) => `${entry.pod} ${entry.address}`);
  const assigned = [...owners].map(([address, pod]) => `${pod} ${address}`);
  if (written.sort().join() !== assigned.sort().join()) found.push("the checkpoint is not as the store");
  return found;
}

function eniViolations(node: AgentNode, pool: AutoPool, eni: StoredEni): string[] {
  const found: string[] = [];
  if (eni.cidrs.size > slotsPerEni(node)) found.push(`${eni.id} has more slots than an ENI takes`);
  for (const cidr of eni.cidrs.values()) {
    const pods = [...cidr.addresses.values()].filter((a) => a.pod !== null).length;
    if (pods !== cidr.assigned) found.push(`${slotText(cidr.slot)} counts ${cidr.assigned} pods and has ${pods}`);
    if (cidr.contains(eni.address)) found.push(`${slotText(cidr.slot)} has the primary address of its ENI`);
    if (pool.isUnneeded(cidr) && cidr.assigned > 0) found.push(`${slotText(cidr.slot)} cools down with pods`);
  }
  return found;
}

function overlapping(slots: readonly Slot[]): string[] {
  const sorted = slots.toSorted((a, b) => (a.prefix >>> 0) - (b.prefix >>> 0));
  return sorted.flatMap((slot, i) =>
    i > 0 && overlaps(sorted[i - 1], slot) ? [`${slotText(slot)} is in two slots`] : [],
  );
}
