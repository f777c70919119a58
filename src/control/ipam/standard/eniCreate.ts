import type { Process } from "../../time/process.ts";
import type { SubnetDescription } from "../../vpc/ec2/api.ts";
import { Ec2Error } from "../../vpc/ec2/ec2Error.ts";
import type { NetworkInterface } from "../../vpc/ec2/types.ts";
import { PREFIX_LENGTH } from "../../vpc/instanceTypes.ts";
import { deleteEni } from "./eniFree.ts";
import { addSlots } from "./eniSlots.ts";
import type { NodeState } from "./nodeState.ts";
import { withBackoff } from "./retry.ts";
import { eniSubnets, subnetExcluded } from "./subnetDiscovery.ts";

/** Tags and description by which ipamd knows its ENIs (pkg/awsutils/awsutils.go). */
const INSTANCE_TAG = "node.k8s.amazonaws.com/instance_id";
const CLUSTER_TAG = "cluster.k8s.amazonaws.com/name";
const OWNER_TAG = "eks:eni:owner";
const OWNER = "amazon-vpc-cni";
const DESCRIPTION_PREFIX = "aws-K8S-";

/** First wait for a new ENI to be in the metadata, milliseconds (WaitForENIAndIPsAttached). */
const ATTACH_POLL = 100;

/** Why ipamd made no ENI without EC2 having refused it one; its own words. */
class EniError extends Error {}

const NO_SUBNETS =
  "no valid subnets available for ENI creation - all subnets are either not tagged or tagged with kubernetes.io/role/cni=0";
const PRIMARY_EXCLUDED =
  "primary subnet is tagged with kubernetes.io/role/cni=0 and subnet discovery is disabled - no valid subnets available for ENI creation";

/**
 * Makes an ENI, attaches it under the lowest free device number and takes it into the store (tryAllocateENI). One that was
 * made and cannot be attached is deleted again.
 *
 * @param slots that it begins with.
 * @returns whether that was done; what went wrong is counted and logged.
 */
export function* allocateEni(state: NodeState, slots: number): Process<boolean> {
  let eni: NetworkInterface;
  try {
    eni = yield* createEni(state, slots);
    yield* attachEni(state, eni);
  } catch (error) {
    creationFailed(state, error);
    return false;
  }
  const seen = yield* awaitMetadata(state, eni.id, slots);
  if (seen === null) {
    state.error("increaseIPPoolwaitENIAttachedFailed");
    state.log("error", `Failed to increase pool size: Unable to discover attached ENI ${eni.id} from metadata service`);
    return false;
  }
  try {
    yield* setUpEni(state, seen);
  } catch (error) {
    if (!(error instanceof Ec2Error)) throw error;
    state.error("increaseIPPoolsetupENIFailed");
    state.log("error", `Failed to increase pool size: ${error.message}`);
    return false;
  }
  return true;
}

/** Whether an error says that a subnet is out of addresses or blocks (containsInsufficientCIDRsOrSubnetIPs). */
export function isInsufficient(error: unknown): boolean {
  return (
    error instanceof Ec2Error &&
    (error.code === "InsufficientCidrBlocks" || error.code === "InsufficientFreeAddressesInSubnet")
  );
}

/** The pool is left alone for two minutes. */
export function backOff(state: NodeState): void {
  state.lastInsufficient = state.now;
  state.log(
    "error",
    "Unable to attach IPs/Prefixes for the ENI, subnet doesn't seem to have enough IPs/Prefixes. Consider using new subnet or carve a reserved range using create-subnet-cidr-reservation",
  );
}

function creationFailed(state: NodeState, error: unknown): void {
  if (!(error instanceof Ec2Error || error instanceof EniError)) throw error;
  state.error("increaseIPPoolAllocENI");
  const code = error instanceof Ec2Error ? `${error.code}: ` : "";
  state.log("error", `Failed to increase pool size due to not able to allocate ENI: ${code}${error.message}`);
  if (!isInsufficient(error)) return;
  state.error("increaseIPPoolAllocIPAddressesFailed");
  backOff(state);
}

/** @throws Ec2Error of the last subnet tried, EniError where there is none to try. */
function* createEni(state: NodeState, slots: number): Process<NetworkInterface> {
  const { settings, input } = state;
  const { customNetworking } = settings;
  const { node } = input;
  if (customNetworking === "missing") throw new EniError("Failed to get pod ENI config");
  if (customNetworking !== "off") {
    const { subnet, securityGroups } = customNetworking;
    return yield* create(state, subnet, securityGroups.length > 0 ? securityGroups : node.securityGroups, slots);
  }
  if (settings.subnetDiscovery) {
    const candidates = eniSubnets(yield* input.ec2.describeSubnets(), node);
    let refused: Ec2Error | null = null;
    for (const { name } of candidates)
      try {
        return yield* create(state, name, node.securityGroups, slots);
      } catch (error) {
        if (!(error instanceof Ec2Error)) throw error;
        refused = error;
      }
    throw refused ?? new EniError(NO_SUBNETS);
  }
  // Where the tags cannot be read it goes on as if there were none.
  const subnets = yield* subnetsOrNone(state);
  if (subnetExcluded(subnets, node.subnet, node.clusterName)) throw new EniError(PRIMARY_EXCLUDED);
  return yield* create(state, node.subnet, node.securityGroups, slots);
}

function* subnetsOrNone(state: NodeState): Process<readonly SubnetDescription[]> {
  try {
    return yield* state.input.ec2.describeSubnets();
  } catch (error) {
    if (!(error instanceof Ec2Error)) throw error;
    state.log("warn", `Failed to check if primary subnet is excluded: ${error.message}`);
    return [];
  }
}

function* create(
  state: NodeState,
  subnet: string,
  securityGroups: readonly string[],
  slots: number,
): Process<NetworkInterface> {
  const { prefixDelegation } = state.store;
  const { clusterName } = state.input.node;
  const eni = yield* state.input.ec2.createNetworkInterface({
    subnet,
    securityGroups,
    description: DESCRIPTION_PREFIX + state.instance,
    tags: { [INSTANCE_TAG]: state.instance, [CLUSTER_TAG]: clusterName, [OWNER_TAG]: OWNER },
    secondaryAddresses: prefixDelegation ? 0 : slots,
    prefixes: prefixDelegation ? slots : 0,
  });
  state.lasting.made.add(eni.id);
  state.lasting.unattached.set(eni.id, eni.createdAt);
  return eni;
}

/** @throws Ec2Error, after it has deleted the ENI, or tried to. */
function* attachEni(state: NodeState, eni: NetworkInterface): Process<void> {
  const { ec2 } = state.input;
  try {
    const attached = yield* ec2.describeNetworkInterfaces(state.instance);
    const used = new Set(attached.map(({ deviceNumber }) => deviceNumber));
    let deviceNumber = 0;
    while (used.has(deviceNumber)) deviceNumber++;
    yield* ec2.attachNetworkInterface(eni.id, state.instance, deviceNumber);
  } catch (error) {
    if (!(error instanceof Ec2Error)) throw error;
    state.log("error", `Failed to attach ENI ${eni.id}: ${error.code}: ${error.message}`);
    if (!(yield* deleteEni(state, eni.id))) state.log("error", `Failed to delete newly created ENI ${eni.id}`);
    throw error;
  }
  state.lasting.unattached.delete(eni.id);
  state.watch();
  state.log("info", `Successfully created and attached a new ENI ${eni.id} to instance`);
}

/** The new ENI as the metadata shows it with all, or at last some, of its slots; null: it does not. */
function* awaitMetadata(state: NodeState, id: string, slots: number): Process<NetworkInterface | null> {
  const seen: { eni: NetworkInterface | null; slots: number } = { eni: null, slots: 0 };
  const { ec2, random } = state.input;
  const { prefixDelegation } = state.store;
  yield* withBackoff(ATTACH_POLL, random, () => {
    seen.eni = ec2.metadata(state.instance).find((eni) => eni.id === id) ?? null;
    const ofKind = seen.eni?.slots.filter((slot) => (slot.length === PREFIX_LENGTH) === prefixDelegation) ?? [];
    seen.slots = ofKind.length;
    return seen.slots >= slots;
  });
  // As in ipamd a single prefix is not enough of several.
  return seen.slots >= slots || seen.slots > (prefixDelegation ? 1 : 0) ? seen.eni : null;
}

/**
 * Takes an attached ENI into the store, with its slots (setupENI). Where its subnet cannot be looked up it is in the store
 * without slots; the next reconciliation adds them.
 *
 * @throws Ec2Error
 */
export function* setUpEni(state: NodeState, eni: NetworkInterface): Process<void> {
  const { store, input, settings } = state;
  state.lasting.unattached.delete(eni.id);
  if (store.eni(eni.id) === null) {
    store.addEni({ ...eni, deviceNumber: eni.deviceNumber ?? 0 });
    state.changed();
  }
  if (settings.subnetDiscovery) {
    const subnets = yield* input.ec2.describeSubnets();
    if (subnetExcluded(subnets, eni.subnet, input.node.clusterName)) {
      store.setExcluded(eni.id, true);
      state.log("info", `Marking ENI ${eni.id} as excluded from pod IP allocation (in excluded subnet ${eni.subnet})`);
    }
  }
  addSlots(state, eni.id, eni.slots);
}
