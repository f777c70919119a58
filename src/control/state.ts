import { checkIpamObjects } from "./ipam/checkObjects.ts";
import { checkServices } from "./kube/checkServices.ts";
import { assignClusterIPs, type ClusterIPs } from "./kube/clusterIPs.ts";
import { barePod, type DesiredPod, deploymentPods } from "./kube/deployments.ts";
import { matchesSelector } from "./kube/labels.ts";
import { assignNodePorts, type NodePorts } from "./kube/nodePorts.ts";
import { type Placements, placePods } from "./kube/placement.ts";
import type { SchedulerNode } from "./kube/scheduler.ts";
import { branchGroupsOf, schedulerNodes } from "./nodeAgents.ts";
import type { EndpointSlice } from "./objects/endpointSlice.ts";
import type { Objects } from "./objects/kinds.ts";
import type { Lab } from "./objects/lab.ts";
import { ObjectError, type ObjectProblem } from "./objects/objectError.ts";
import type { Service } from "./objects/service.ts";
import { toCidr } from "./vpc/cidr.ts";
import type { VpcModel } from "./vpc/model.ts";

/**
 * Everything that a cluster has decided. A change makes a new one from the old, so that an object that cannot run leaves
 * nothing half done.
 */
export interface State {
  readonly lab: Lab;
  readonly model: VpcModel;
  readonly nodes: readonly SchedulerNode[];
  /** Primary addresses of the nodes, int32. */
  readonly primaries: ReadonlyMap<string, number>;
  /** Public addresses of nodes and hosts, int32. */
  readonly publicAddresses: ReadonlyMap<string, number>;
  readonly objects: Objects;
  readonly pods: readonly DesiredPod[];
  readonly placements: Placements;
  /** Security groups of the branch ENI that a pod gets, by the pod's key; no entry: none. */
  readonly branchGroups: ReadonlyMap<string, readonly string[]>;
  readonly clusterIPs: ClusterIPs;
  readonly nodePorts: NodePorts;
}

export function servicesOf(objects: Objects): Service[] {
  return [...objects.values()].filter((o) => o.kind === "Service");
}

export function slicesIn(objects: Objects): EndpointSlice[] {
  return [...objects.values()].filter((o) => o.kind === "EndpointSlice");
}

function desiredPods(objects: Objects, problems: ObjectProblem[]): DesiredPod[] {
  const pods = new Map<string, DesiredPod>();
  for (const object of objects.values()) {
    if (object.kind !== "Pod" && object.kind !== "Deployment") continue;
    if (object.kind === "Deployment") {
      const { selector, template } = object.spec;
      const empty = Object.keys(selector.matchLabels).length === 0 && selector.matchExpressions.length === 0;
      if (empty || !matchesSelector(selector, template.metadata.labels))
        problems.push({
          object,
          path: ["spec", "selector"],
          message: `expected a selector that matches the template's labels, got ${JSON.stringify(selector.matchLabels)} for ${JSON.stringify(template.metadata.labels)}; make them the same`,
        });
    }
    for (const pod of object.kind === "Pod" ? [barePod(object)] : deploymentPods(object)) {
      const other = pods.get(pod.key);
      if (other !== undefined)
        problems.push({
          object,
          path: ["metadata", "name"],
          message: `expected pod names of their own, got ${pod.key} from ${other.owner.kind} ${other.owner.metadata.name} and ${object.kind} ${object.metadata.name}; rename one of them`,
        });
      else pods.set(pod.key, pod);
    }
  }
  return [...pods.values()];
}

function checkObjects(state: State, objects: Objects, problems: ObjectProblem[]): void {
  problems.push(...checkServices(servicesOf(objects), slicesIn(objects)));
  problems.push(...checkIpamObjects(state.lab, [...objects.values()]));
}

/**
 * The state with other objects; what runs and may stay keeps its node, ClusterIP and node ports.
 *
 * @throws ObjectError with everything that is wrong; the old state is as it was.
 */
export function withObjects(state: State, objects: Objects): State {
  const problems: ObjectProblem[] = [];
  const pods = desiredPods(objects, problems);
  checkObjects(state, objects, problems);
  const nodes = schedulerNodes(state.lab, objects);
  const branchGroups = branchGroupsOf(state.lab, pods, objects);
  const takesBranchEni = (pod: DesiredPod) => branchGroups.has(pod.key);
  const placements = placePods(pods, { nodes, before: state.placements, takesBranchEni }, problems);
  const services = servicesOf(objects);
  const serviceCidr = toCidr(state.lab.spec.cluster.serviceCidr);
  const clusterIPs = assignClusterIPs(services, serviceCidr, state.clusterIPs, problems);
  const nodePorts = assignNodePorts(services, state.nodePorts, problems);
  if (problems.length > 0) throw new ObjectError(problems);
  return { ...state, objects, pods, nodes, branchGroups, placements, clusterIPs, nodePorts };
}
