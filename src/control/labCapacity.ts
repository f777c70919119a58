import { parseAddress } from "../plane/wire/address.ts";
import { type CapacityAnswer, type CapacityQuestion, capacity } from "./ipam/capacity.ts";
import { CAPACITY_MODES, type CapacityMode } from "./ipam/capacityModes.ts";
import type { AgentSettings } from "./ipam/ipam.ts";
import { podSubnetGap } from "./ipam/podSubnets.ts";
import { SubnetSupply } from "./ipam/subnetSupply.ts";
import { suggestion } from "./near.ts";
import { ipamNode } from "./nodeAgents.ts";
import { cniSettings } from "./objects/cniEnv.ts";
import { type LabObject, objectKey } from "./objects/kinds.ts";
import type { Lab } from "./objects/lab.ts";
import { toCidr } from "./vpc/cidr.ts";
import { knownInstanceType } from "./vpc/instanceTypes.ts";

/** Mode of a node and the subnet of its pods where that is not the node's own. */
interface NodeMode {
  readonly mode: CapacityMode;
  readonly podSubnet: string | null;
}

function nodeMode(lab: Lab, agent: AgentSettings): NodeMode {
  const cni = cniSettings(lab.spec.cluster.cni.env);
  let podSubnet: string | null = null;
  let own = false;
  if (agent.mode === "auto") {
    own = agent.settings.podSubnets !== null;
    podSubnet = largest(lab, agent.settings.podSubnets ?? []);
  } else if (agent.settings.customNetworking !== "off") {
    own = true;
    podSubnet = agent.settings.customNetworking === "missing" ? null : agent.settings.customNetworking.subnet;
  }
  const prefixes = agent.mode === "auto" ? agent.settings.prefixSize === "auto" : cni.prefixDelegation;
  const podEni = agent.mode === "standard" && agent.settings.podEni;
  const mode = CAPACITY_MODES.find(
    (m) => m.cluster === agent.mode && m.prefixes === prefixes && m.podSubnet === own && m.podEni === podEni,
  );
  if (mode === undefined) throw new RangeError("no capacity mode has these settings");
  return { mode, podSubnet };
}

/** Of several subnets the one with the largest block, where the daemon attaches ENIs first; null: there is none. */
function largest(lab: Lab, names: readonly string[]): string | null {
  const subnets = lab.spec.vpc.subnets.filter((s) => names.includes(s.name));
  const length = (name: { readonly cidrBlock: string }) => toCidr(name.cidrBlock).length;
  return subnets.sort((a, b) => length(a) - length(b)).at(0)?.name ?? null;
}

/** Where a node and its pods are, and how many pods it can have. */
export interface NodeCapacity {
  readonly node: string;
  readonly zone: string;
  readonly subnet: string;
  /** Null: its pods are in the node's subnet, or get no address. */
  readonly podSubnet: string | null;
  readonly answer: CapacityAnswer;
}

/** All nodes of a lab, each with its zone and the subnet of its pods. */
export function labCapacities(
  lab: Lab,
  objects: readonly LabObject[],
  overrides: Partial<CapacityQuestion> = {},
): NodeCapacity[] {
  const all = new Map(objects.map((o) => [objectKey(o), o]));
  return lab.spec.nodes.map((node) => {
    const question = { ...labCapacity(lab, objects, node.name), ...overrides };
    const { podSubnet } = nodeMode(lab, ipamNode(lab, node, null, all).agent);
    const zone = lab.spec.vpc.subnets.find((s) => s.name === node.subnet)?.availabilityZone ?? "";
    const [answer] = capacity(question);
    return {
      node: node.name,
      zone,
      subnet: node.subnet,
      podSubnet: question.podSubnetGap === null ? podSubnet : null,
      answer,
    };
  });
}

/** A subnet without its hosts and without so many nodes of other kinds, each of which has one address at least. */
function supply(lab: Lab, name: string, otherNodes: number): SubnetSupply {
  const subnet = lab.spec.vpc.subnets.find((s) => s.name === name);
  if (subnet === undefined) throw new RangeError(`no subnet ${name}`);
  const hosts = lab.spec.hosts.filter((h) => h.subnet === name).map((h) => parseAddress(h.address));
  const taken = hosts.filter((a) => a !== null);
  return new SubnetSupply(toCidr(subnet.cidrBlock), taken, { count: otherNodes, scattered: false });
}

/**
 * The question for a node of a lab: its type, its CNI settings and its subnets, which it shares with the lab's nodes of the
 * same type in the same subnet, its hosts and its other nodes.
 *
 * @throws Error for a name that no node has.
 */
export function labCapacity(lab: Lab, objects: readonly LabObject[], name: string): CapacityQuestion {
  const { nodes } = lab.spec;
  const node = nodes.find((n) => n.name === name);
  const names = nodes.map((n) => n.name);
  if (node === undefined) throw new Error(`the lab has no node "${name}"; ${suggestion(name, names)}`);
  const all = new Map(objects.map((o) => [objectKey(o), o]));
  const { agent } = ipamNode(lab, node, null, all);
  const { mode, podSubnet } = nodeMode(lab, agent);
  const neighbours = nodes.filter((n) => n.subnet === node.subnet);
  const alike = neighbours.filter((n) => n.instanceType === node.instanceType).length;
  return {
    type: knownInstanceType(node.instanceType),
    modes: [mode],
    maxEni: agent.mode === "standard" ? agent.settings.maxEni : null,
    maxPods: node.maxPods ?? null,
    nodes: alike,
    subnet: supply(lab, node.subnet, neighbours.length - alike),
    podSubnet: podSubnet === null || podSubnet === node.subnet ? null : supply(lab, podSubnet, 0),
    podSubnetGap: podSubnetGap(lab, node, all),
    ...(agent.mode === "standard" ? { warm: agent.settings } : {}),
  };
}
