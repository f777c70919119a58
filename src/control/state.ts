import { checkIpamObjects } from "./ipam/checkObjects.ts";
import { checkServices } from "./kube/checkServices.ts";
import { assignClusterIPs, type ClusterIPs } from "./kube/clusterIPs.ts";
import { checkPods } from "./kube/controllers/checkPods.ts";
import type { Controllers, ControllersInput } from "./kube/controllers/controllers.ts";
import type { PodReport } from "./kube/controllers/livePod.ts";
import type { DesiredPod } from "./kube/deployments.ts";
import { assignNodePorts, type NodePorts } from "./kube/nodePorts.ts";
import { type Placements, placePods } from "./kube/placement.ts";
import type { SchedulerNode } from "./kube/scheduler.ts";
import { branchGroupsOf, schedulerNodes } from "./nodeAgents.ts";
import { objectsOfKind } from "./objects/byKind.ts";
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
  /** The pods over time; {@link pods} is what they are. */
  readonly controllers: Controllers;
  readonly pods: readonly DesiredPod[];
  readonly placements: Placements;
  /** Security groups of the branch ENI that a pod gets, by the pod's key; no entry: none. */
  readonly branchGroups: ReadonlyMap<string, readonly string[]>;
  readonly clusterIPs: ClusterIPs;
  readonly nodePorts: NodePorts;
}

export function servicesOf(objects: Objects): readonly Service[] {
  return objectsOfKind(objects, "Service");
}

export function slicesIn(objects: Objects): readonly EndpointSlice[] {
  return objectsOfKind(objects, "EndpointSlice");
}

function checkObjects(state: State, objects: Objects, problems: ObjectProblem[]): void {
  problems.push(...checkServices(servicesOf(objects), slicesIn(objects)));
  // Services and slices, of which there may be tens of thousands, have nothing to do with addresses of pods.
  const others = [...objects.values()].filter((o) => o.kind !== "Service" && o.kind !== "EndpointSlice");
  problems.push(...checkIpamObjects(state.lab, others));
}

/** When something happens, and whether the pods' lives are reported ({@link ControllersInput}). */
export type Moment = Pick<ControllersInput, "now" | "manual">;

/**
 * The state with the pods that its objects have by now. Pods that run and may stay keep their nodes.
 *
 * @param controllers those of the state, with what was reported since.
 * @param problems gets pods that fit no node.
 */
function withPods(state: State, controllers: Controllers, moment: Moment, problems: ObjectProblem[]): State {
  const { lab, objects, nodes } = state;
  const next = controllers.reconcile({ objects, nodes, ...moment });
  const pods = next.pods.map((p) => p.desired);
  const branchGroups = branchGroupsOf(lab, pods, objects);
  const takesBranchEni = (pod: DesiredPod) => branchGroups.has(pod.key);
  // A pod that came again under the same name is scheduled anew.
  const isSame = (key: string) => state.controllers.get(key)?.uid === next.get(key)?.uid;
  const before = { ...state.placements, nodes: new Map([...state.placements.nodes].filter(([key]) => isSame(key))) };
  const placements = placePods(pods, { nodes, before, takesBranchEni }, problems);
  return { ...state, controllers: next, pods, branchGroups, placements };
}

/** The state after reports about its pods, and after the time that has passed; itself where neither changes anything. */
export function withReports(state: State, reports: Iterable<PodReport>, moment: Moment): State {
  const controllers = state.controllers.report(reports, moment.now);
  const isDue = controllers.next !== null && controllers.next <= moment.now;
  if (controllers === state.controllers && !isDue) return state;
  return withPods(state, controllers, moment, []);
}

/**
 * The state with other objects; what runs and may stay keeps its node, ClusterIP and node ports.
 *
 * @throws ObjectError with everything that is wrong; the old state is as it was.
 */
export function withObjects(state: State, objects: Objects, moment: Moment): State {
  const problems: ObjectProblem[] = [];
  const nodes = schedulerNodes(state.lab, objects);
  checkPods(objects, nodes, state.controllers, problems);
  checkObjects(state, objects, problems);
  const services = servicesOf(objects);
  const serviceCidr = toCidr(state.lab.spec.cluster.serviceCidr);
  const clusterIPs = assignClusterIPs(services, serviceCidr, state.clusterIPs, problems);
  const nodePorts = assignNodePorts(services, state.nodePorts, problems);
  const changed: State = { ...state, objects, nodes, clusterIPs, nodePorts };
  // Pods that come later in a rollout have to fit as well: the last of them are looked at now.
  const last = withPods(changed, state.controllers, { ...moment, manual: false }, problems);
  if (problems.length > 0) throw new ObjectError(problems);
  return moment.manual ? withPods(changed, state.controllers, moment, []) : last;
}
