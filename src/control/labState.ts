import type { NodeLimits } from "./ipam/allocator.ts";
import { OnDemandAllocator } from "./ipam/onDemand.ts";
import { schedulerNode } from "./kube/nodeLabels.ts";
import { cniSettings } from "./objects/cniEnv.ts";
import type { Finding } from "./objects/finding.ts";
import type { Lab } from "./objects/lab.ts";
import { ObjectError } from "./objects/objectError.ts";
import type { State } from "./state.ts";
import { checkLab } from "./vpc/checkLab.ts";
import { instanceType, usableSlots } from "./vpc/instanceTypes.ts";
import { placeMachines } from "./vpc/machines.ts";
import { vpcModel } from "./vpc/model.ts";
import { publicAddresses } from "./vpc/publicAddresses.ts";

function nodeLimits(lab: Lab, primaries: ReadonlyMap<string, number>): NodeLimits[] {
  const { cluster, nodes } = lab.spec;
  const settings = cniSettings(cluster.cni.env);
  return nodes.map((node) => {
    const type = instanceType(node.instanceType);
    if (type === null) throw new RangeError(`no instance type ${node.instanceType}`);
    return {
      name: node.name,
      subnet: node.subnet,
      primaryAddress: primaries.get(node.name) ?? 0,
      instanceType: type.name,
      maxEnis: Math.min(type.enis, settings.maxEni ?? type.enis),
      slots: usableSlots(type),
      prefixes: type.prefixes && (settings.prefixDelegation || cluster.mode === "auto"),
      fallback: cluster.mode === "auto",
    };
  });
}

function refuse(lab: Lab, findings: readonly Finding[]): void {
  if (findings.length > 0) throw new ObjectError(findings.map((f) => ({ ...f, object: lab })));
}

/**
 * A cluster of a lab's machines and nothing else.
 *
 * @throws ObjectError where the lab breaks a rule of EC2 or EKS.
 */
export function labState(lab: Lab): State {
  refuse(lab, checkLab(lab).problems);
  const model = vpcModel(lab);
  const { subnets, primaries, problems } = placeMachines(lab, model);
  refuse(lab, problems);
  return {
    lab,
    model,
    nodes: lab.spec.nodes.map((node) => schedulerNode(lab, node)),
    primaries,
    publicAddresses: publicAddresses(lab),
    objects: new Map(),
    pods: [],
    subnets,
    allocator: new OnDemandAllocator(subnets, nodeLimits(lab, primaries)),
    placements: new Map(),
    clusterIPs: new Map(),
    nodePorts: new Map(),
  };
}

/** The part of a lab that machines and addresses depend on, as text: everything but routes, rules and what SNAT does. */
function fixedPart(lab: Lab): string {
  const { vpc, cluster, ...spec } = lab.spec;
  const { prefixDelegation, maxEni, eniMtu, podMtu } = cniSettings(cluster.cni.env);
  return JSON.stringify({
    name: lab.metadata.name,
    spec,
    cidrBlocks: vpc.cidrBlocks,
    subnets: vpc.subnets.map(({ routeTable: _, ...subnet }) => subnet),
    cluster: { ...cluster, kubeProxy: null, cni: { prefixDelegation, maxEni, eniMtu, podMtu } },
  });
}

/**
 * The state with a changed Lab document: route tables, security groups, network ACLs, kube-proxy and the CNI's SNAT
 * variables may change while the lab runs.
 *
 * @throws ObjectError where anything else differs or the new lab breaks a rule.
 */
export function withLab(state: State, lab: Lab): State {
  refuse(lab, checkLab(lab).problems);
  if (fixedPart(state.lab) !== fixedPart(lab))
    refuse(lab, [
      {
        path: ["spec"],
        message:
          "expected a change of route tables, security groups, network ACLs, kubeProxy or SNAT variables alone, got another one; " +
          "take the lab down and up again for it",
      },
    ]);
  return { ...state, lab, model: vpcModel(lab) };
}
