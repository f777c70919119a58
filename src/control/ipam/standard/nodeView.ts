import { containsAddress } from "../../vpc/cidr.ts";
import type { NetworkInterface } from "../../vpc/ec2/types.ts";
import type { AgentEni, AgentInput, PodAddress } from "../types.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { StoredEni } from "./dataStoreEni.ts";
import type { NodeState } from "./nodeState.ts";

/** A pod with a branch ENI of its own. */
export interface BranchPod {
  readonly address: PodAddress;
  readonly securityGroups: readonly string[];
}

/** The node's ENIs as the daemon knows them; those that it does not manage, then the branch ENIs of its pods, at the end. */
export function knownEnis(state: NodeState, branches: ReadonlyMap<string, BranchPod>): AgentEni[] {
  const node = state.instance;
  const own = state.store.enis.map((eni) => storedEni(state, eni));
  const others = [...state.unmanaged.values()].map((eni) => shownEni(node, eni, []));
  const trunk = state.store.trunk;
  const ofPods = [...branches].map(([pod, branch]) =>
    branchEni(node, pod, branch, trunk?.subnet ?? state.input.node.subnet),
  );
  return [...[...own, ...others].sort((a, b) => a.deviceNumber - b.deviceNumber), ...ofPods];
}

/** The node's ENIs while there is no daemon: what the metadata shows, with the pods of the checkpoint. */
export function shownEnis(
  input: AgentInput,
  checkpoint: Checkpoint,
  branches: ReadonlyMap<string, BranchPod>,
): AgentEni[] {
  const { name, subnet } = input.node;
  const entries = checkpoint.entries();
  const shown = input.ec2.metadata(name).filter(({ interfaceType }) => interfaceType !== "branch");
  const enis = shown.map((eni) =>
    shownEni(
      name,
      eni,
      entries.filter(({ address }) => eni.slots.some((slot) => containsAddress(slot, address))),
    ),
  );
  const trunk = shown.find(({ interfaceType }) => interfaceType === "trunk");
  const ofPods = [...branches].map(([pod, branch]) => branchEni(name, pod, branch, trunk?.subnet ?? subnet));
  return [...enis.sort((a, b) => a.deviceNumber - b.deviceNumber), ...ofPods];
}

function kindOf(deviceNumber: number, trunk: boolean): AgentEni["kind"] {
  if (deviceNumber === 0) return "primary";
  return trunk ? "trunk" : "secondary";
}

function storedEni(state: NodeState, eni: StoredEni): AgentEni {
  const { now, cooldown } = state.store;
  const cidrs = [...eni.cidrs.values()];
  const assigned = cidrs.flatMap((cidr) =>
    [...cidr.addresses.values()].flatMap(({ address, pod }) => (pod === null ? [] : [{ address, pod }])),
  );
  return {
    node: state.instance,
    id: eni.id,
    kind: kindOf(eni.deviceNumber, eni.trunk),
    vlan: 0,
    deviceNumber: eni.deviceNumber,
    subnet: eni.subnet,
    address: eni.address,
    slots: cidrs.map(({ slot }) => slot),
    forPods: state.givesAddresses(eni),
    assigned,
    cooling: cidrs.flatMap((cidr) => cidr.cooling(now, cooldown)),
    securityGroups: eni.securityGroups,
  };
}

function shownEni(node: string, eni: NetworkInterface, assigned: AgentEni["assigned"]): AgentEni {
  const deviceNumber = eni.deviceNumber ?? 0;
  return {
    node,
    id: eni.id,
    kind: kindOf(deviceNumber, eni.interfaceType === "trunk"),
    vlan: 0,
    deviceNumber,
    subnet: eni.subnet,
    address: eni.address,
    slots: eni.slots,
    forPods: false,
    assigned: assigned.map(({ address, pod }) => ({ address, pod })),
    cooling: [],
    securityGroups: eni.securityGroups,
  };
}

function branchEni(node: string, pod: string, { address, securityGroups }: BranchPod, subnet: string): AgentEni {
  return {
    node,
    id: address.eni,
    kind: "branch",
    vlan: address.vlan,
    deviceNumber: address.deviceNumber,
    subnet,
    address: address.address,
    slots: [],
    forPods: true,
    assigned: [{ address: address.address, pod }],
    cooling: [],
    securityGroups,
  };
}
