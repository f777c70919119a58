import { Controllers } from "./kube/controllers/controllers.ts";
import { NO_PLACEMENTS } from "./kube/placement.ts";
import { schedulerNodes } from "./nodeAgents.ts";
import { cniSettings } from "./objects/cniEnv.ts";
import type { Finding } from "./objects/finding.ts";
import type { Lab } from "./objects/lab.ts";
import { ObjectError } from "./objects/objectError.ts";
import type { State } from "./state.ts";
import { checkLab } from "./vpc/checkLab.ts";
import { placeMachines } from "./vpc/machines.ts";
import { vpcModel } from "./vpc/model.ts";
import { publicAddresses } from "./vpc/publicAddresses.ts";

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
  const { primaries, problems } = placeMachines(lab, model);
  refuse(lab, problems);
  return {
    lab,
    model,
    nodes: schedulerNodes(lab, new Map()),
    primaries,
    publicAddresses: publicAddresses(lab),
    objects: new Map(),
    controllers: Controllers.NONE,
    pods: [],
    branchGroups: new Map(),
    placements: NO_PLACEMENTS,
    clusterIPs: new Map(),
    nodePorts: new Map(),
  };
}

/** The part of a lab that machines and addresses depend on, as text: everything but routes, rules and what SNAT does. */
function fixedPart(lab: Lab): string {
  const { vpc, cluster, ...spec } = lab.spec;
  const { eniMtu, podMtu } = cniSettings(cluster.cni.env);
  const { udpConntrackCleanup } = cluster.kubeProxy;
  return JSON.stringify({
    name: lab.metadata.name,
    spec,
    cidrBlocks: vpc.cidrBlocks,
    subnets: vpc.subnets.map(({ routeTable: _, ...subnet }) => subnet),
    cluster: { ...cluster, kubeProxy: { udpConntrackCleanup }, cni: { eniMtu, podMtu } },
  });
}

/**
 * The state with a changed Lab document: route tables, security groups, network ACLs, kube-proxy and the CNI's variables
 * (the MTUs apart) may change while the lab runs.
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
          "expected a change of route tables, security groups, network ACLs, kubeProxy (udpConntrackCleanup apart) or the CNI's variables (MTUs apart) alone, got another one; " +
          "take the lab down and up again for it",
      },
    ]);
  return { ...state, lab, model: vpcModel(lab) };
}
