import { nodeLabels } from "../kube/nodeLabels.ts";
import { objectsOfKind } from "../objects/byKind.ts";
import { cniSettings } from "../objects/cniEnv.ts";
import { type LabObject, type Objects, objectKey } from "../objects/kinds.ts";
import type { Lab, LabNode } from "../objects/lab.ts";
import type { ObjectProblem } from "../objects/objectError.ts";
import { findSubnet } from "../vpc/references.ts";
import { DEFAULT_NODE_CLASS } from "./auto/checkNodeClass.ts";
import { select } from "./auto/selectors.ts";
import { resolveEniConfigName } from "./standard/eniConfig.ts";

/** Why a node's pods get no address, and the object that is to blame; its path leads to the field. */
interface Gap {
  readonly text: string;
  readonly object: LabObject;
  readonly path: readonly (string | number)[];
}

function eniConfigGap(lab: Lab, node: LabNode, objects: Objects, zone: string): Gap | null {
  const { env } = lab.spec.cluster.cni;
  if (!cniSettings(env).customNetworking) return null;
  const name = resolveEniConfigName({ labels: nodeLabels(lab, node), annotations: node.annotations }, env);
  const config = objectsOfKind(objects, "ENIConfig").find((c) => c.metadata.name === name);
  if (config === undefined) {
    const index = lab.spec.nodes.indexOf(node);
    const text = `there is no ENIConfig ${JSON.stringify(name)}, which is the one of ${node.name} in ${zone}`;
    return { text, object: lab, path: ["spec", "nodes", index, "name"] };
  }
  const subnet = findSubnet(lab.spec.vpc, config.spec.subnet);
  if (subnet === null || subnet.availabilityZone === zone) return null;
  const text = `subnet ${subnet.name} of ENIConfig ${name} is in ${subnet.availabilityZone}, and ${node.name} in ${zone}`;
  return { text, object: config, path: ["spec", "subnet"] };
}

function nodeClassGap(lab: Lab, node: LabNode, objects: Objects, zone: string): Gap | null {
  const name = node.nodeClass ?? DEFAULT_NODE_CLASS;
  const nodeClass = objectsOfKind(objects, "NodeClass").find((c) => c.metadata.name === name);
  const terms = nodeClass?.spec.podSubnetSelectorTerms;
  if (nodeClass === undefined || terms === undefined) return null;
  const subnets = select(terms, lab.spec.vpc.subnets);
  if (subnets.some((s) => s.availabilityZone === zone)) return null;
  const there = subnets.map((s) => `${s.name} in ${s.availabilityZone}`).join(", ");
  const text = `NodeClass ${name} has no pod subnet in ${zone}, where ${node.name} is${there === "" ? "" : ` (${there})`}`;
  return { text, object: nodeClass, path: ["spec", "podSubnetSelectorTerms"] };
}

function gapOf(lab: Lab, node: LabNode, objects: Objects): Gap | null {
  const zone = findSubnet(lab.spec.vpc, node.subnet)?.availabilityZone;
  if (zone === undefined) return null;
  return lab.spec.cluster.mode === "auto"
    ? nodeClassGap(lab, node, objects, zone)
    : eniConfigGap(lab, node, objects, zone);
}

/**
 * Why a node whose pods have subnets of their own (custom networking, or Auto Mode's pod subnets) can give them no address: an
 * ENI is attached to instances of its subnet's availability zone alone. Null: it can, as far as zones go.
 */
export function podSubnetGap(lab: Lab, node: LabNode, objects: Objects): string | null {
  return gapOf(lab, node, objects)?.text ?? null;
}

/** A note for every such node. Neither AWS nor Kubernetes refuses the objects: the node's pods wait. */
export function podSubnetNotes(lab: Lab, objects: readonly LabObject[]): ObjectProblem[] {
  const all = new Map(objects.map((o) => [objectKey(o), o]));
  return lab.spec.nodes.flatMap((node) => {
    const gap = gapOf(lab, node, all);
    if (gap === null) return [];
    return [{ object: gap.object, path: gap.path, message: `pods of ${node.name} get no address: ${gap.text}` }];
  });
}
