import { formatAddress } from "../../../plane/wire/address.ts";
import { containsCidr } from "../../vpc/cidr.ts";
import { interfaceName, slotText } from "../../vpc/eni.ts";
import { PREFIX_SIZE } from "../../vpc/instanceTypes.ts";
import type { StoredCidr, StoredEni } from "./dataStoreEni.ts";
import type { NodeState } from "./nodeState.ts";
import type { BranchPod } from "./nodeView.ts";

/** What must hold of a node's addresses and does not, each as a sentence. Counted afresh, not by the store's own counts. */
export function nodeViolations(state: NodeState, branches: ReadonlyMap<string, BranchPod>): string[] {
  const found: string[] = [];
  const { store, limits, input } = state;
  if (store.enis.length > input.node.limits.enis)
    found.push(`${store.enis.length} ENIs are over the ${input.node.limits.enis} of ${input.node.instanceType}`);
  const owners = new Map<number, string>();
  for (const eni of store.enis) claim(found, owners, eni.address, `the node (primary address of ${eni.id})`);
  for (const [pod, { address }] of branches) claim(found, owners, address.address, pod);
  const devices = new Set<number>();
  for (const eni of store.enis) {
    if (devices.has(eni.deviceNumber)) found.push(`two ENIs are ${interfaceName(eni.deviceNumber)}`);
    devices.add(eni.deviceNumber);
    if (eni.cidrs.size > limits.slotsPerEni)
      found.push(`${eni.id} has ${eni.cidrs.size} slots, over the ${limits.slotsPerEni} that it can`);
    for (const cidr of eni.cidrs.values()) checkCidr(state, eni, cidr, owners, found);
  }
  checkOverlaps(state, found);
  checkPods(state, found);
  if (state.busy === 0 && state.now > state.watchUntil && !state.differed) checkMetadata(state, found);
  return found;
}

function claim(found: string[], owners: Map<number, string>, address: number, owner: string): void {
  const other = owners.get(address);
  if (other !== undefined) found.push(`${formatAddress(address)} is of ${other} and of ${owner}`);
  owners.set(address, owner);
}

function checkCidr(
  state: NodeState,
  eni: StoredEni,
  cidr: StoredCidr,
  owners: Map<number, string>,
  found: string[],
): void {
  const text = slotText(cidr.slot);
  if (cidr.isPrefix && (cidr.slot.prefix & (PREFIX_SIZE - 1)) !== 0) found.push(`prefix ${text} is not aligned`);
  let assigned = 0;
  for (const { address, pod } of cidr.addresses.values()) {
    if (!cidr.contains(address)) found.push(`${formatAddress(address)} is kept under ${text} of ${eni.id}`);
    if (pod === null) continue;
    assigned++;
    claim(found, owners, address, pod);
    const known = state.store.find(pod);
    if (known?.address !== address || known.eni !== eni)
      found.push(`${formatAddress(address)} of ${eni.id} says that it is ${pod}'s, and that has another`);
  }
  if (assigned !== cidr.assigned) found.push(`${text} of ${eni.id} has ${assigned} pods and counts ${cidr.assigned}`);
}

/** A slot is of one ENI, and no two slots overlap. */
function checkOverlaps({ store }: NodeState, found: string[]): void {
  const all = store.enis.flatMap((eni) => [...eni.cidrs.values()].map(({ slot }) => ({ slot, eni })));
  all.sort((a, b) => (a.slot.prefix >>> 0) - (b.slot.prefix >>> 0) || a.slot.length - b.slot.length);
  for (let i = 1; i < all.length; i++)
    if (containsCidr(all[i - 1].slot, all[i].slot))
      found.push(
        `${slotText(all[i].slot)} of ${all[i].eni.id} is within ${slotText(all[i - 1].slot)} of ${all[i - 1].eni.id}`,
      );
}

/** Every pod of the store has its address there, and is in the checkpoint with it. */
function checkPods(state: NodeState, found: string[]): void {
  const { store, lasting } = state;
  const written = new Map(lasting.checkpoint.entries().map(({ pod, address }) => [pod, address]));
  let pods = 0;
  let assigned = 0;
  for (const eni of store.enis) assigned += eni.pods;
  for (const [pod, { address, cidr }] of store.assignments()) {
    pods++;
    if (cidr.addresses.get(address)?.pod !== pod)
      found.push(`${pod} has ${formatAddress(address)}, which is not its own`);
    if (written.get(pod) !== address) found.push(`the checkpoint does not have ${formatAddress(address)} of ${pod}`);
  }
  if (pods !== assigned) found.push(`${pods} pods have ${assigned} addresses`);
  if (written.size !== pods) found.push(`the checkpoint has ${written.size} pods, the store ${pods}`);
}

/** Once the daemon has come to rest, the store has what the instance has. */
function checkMetadata(state: NodeState, found: string[]): void {
  const shown = new Map(state.input.ec2.metadata(state.instance).map((eni) => [eni.id, eni]));
  for (const eni of state.store.enis) {
    const slots = shown.get(eni.id)?.slots.map(slotText);
    if (slots === undefined) found.push(`${eni.id} is in the store, and not attached`);
    else if (!eni.excluded) {
      const own = [...eni.cidrs.values()].map(({ slot }) => slotText(slot));
      if (own.length !== slots.length || own.some((text) => !slots.includes(text)))
        found.push(`${eni.id} has ${slots.join(", ")}, and in the store ${own.join(", ")}`);
    }
  }
}
