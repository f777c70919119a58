import { checkIpamObjects } from "./ipam/checkObjects.ts";
import { checkServices, checkSlice } from "./kube/checkServices.ts";
import { assignClusterIPs, type ClusterIPs } from "./kube/clusterIPs.ts";
import { checkPods } from "./kube/controllers/checkPods.ts";
import type { Controllers, ControllersInput } from "./kube/controllers/controllers.ts";
import type { PodReport } from "./kube/controllers/livePod.ts";
import type { DesiredPod } from "./kube/deployments.ts";
import { reindexSlices } from "./kube/endpoints.ts";
import { assignNodePorts, type NodePorts } from "./kube/nodePorts.ts";
import { type Placements, placePods } from "./kube/placement.ts";
import type { SchedulerNode } from "./kube/scheduler.ts";
import { branchGroupsOf, schedulerNodes } from "./nodeAgents.ts";
import { objectsOfKind, withoutServices, withSlices } from "./objects/byKind.ts";
import type { EndpointSlice } from "./objects/endpointSlice.ts";
import type { LabObject, Objects } from "./objects/kinds.ts";
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
  /** Private addresses of the NAT gateways by name, int32. */
  readonly natGateways: ReadonlyMap<string, number>;
  /** Route targets that the lab had once while it ran (goneTarget() of vpc/routes.ts). */
  readonly goneTargets: ReadonlySet<string>;
  /** Public addresses of nodes, hosts and NAT gateways (vpc/publicAddresses.ts), int32. */
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

/** More slices than this are taken like any other objects. */
const MOST_SLICES = 64;

export function servicesOf(objects: Objects): readonly Service[] {
  return objectsOfKind(objects, "Service");
}

export function slicesIn(objects: Objects): readonly EndpointSlice[] {
  return objectsOfKind(objects, "EndpointSlice");
}

function checkObjects(state: State, objects: Objects, problems: ObjectProblem[]): void {
  problems.push(...checkServices(servicesOf(objects), slicesIn(objects)));
  problems.push(...checkIpamObjects(state.lab, [...withoutServices(objects).values()]));
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
  const next = controllers.reconcile({ objects: withoutServices(objects), nodes, ...moment });
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
  checkPods(withoutServices(objects), nodes, state.controllers, problems);
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

/** Whether a slice belongs to the same service, in the same way. */
function isSamePlace(old: LabObject | undefined, now: EndpointSlice): old is EndpointSlice {
  return (
    old?.kind === "EndpointSlice" &&
    old.addressType === now.addressType &&
    JSON.stringify(old.metadata.labels) === JSON.stringify(now.metadata.labels)
  );
}

/**
 * The state with other endpoints in some slices: most changes of a big cluster are such. They concern their services alone,
 * and cost what those cost, however many others there are.
 *
 * @param changes objects by their keys
 * @returns null: the change is more than that.
 * @throws ObjectError with everything that is wrong.
 */
export function withEndpoints(state: State, changes: ReadonlyMap<string, LabObject>): State | null {
  const slices = new Map<string, EndpointSlice>();
  const replaced = new Map<EndpointSlice, EndpointSlice>();
  for (const [key, now] of changes) {
    const old = state.objects.get(key);
    if (now.kind !== "EndpointSlice" || !isSamePlace(old, now)) return null;
    slices.set(key, now);
    replaced.set(old, now);
  }
  if (slices.size > MOST_SLICES) return null;
  const problems = [...slices.values()].flatMap(checkSlice);
  if (problems.length > 0) throw new ObjectError(problems);
  const objects = withSlices(state.objects, slices);
  reindexSlices(slicesIn(state.objects), slicesIn(objects), replaced);
  return { ...state, objects };
}
