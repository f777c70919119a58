import type { ClusterState, HostState, PodState } from "../clusterState.ts";
import { DNS_NAMESPACE } from "../dns/implicitObjects.ts";
import { hostName } from "../entityNames.ts";
import type { Names } from "../names.ts";
import type { LabVpc } from "../objects/lab.ts";
import { containsAddress, toCidr } from "../vpc/cidr.ts";
import { DESTINATION_KINDS, type DestinationKind, type SeenDestination, type SeenSource } from "./kinds.ts";
import { podsInOrder } from "./sources.ts";

/** Port of hosts, and of pods whose containers name none. */
const DEFAULT_PORT = 80;

/** A machine that can be asked: where it is, and under which name. */
interface Candidate {
  readonly name: string;
  readonly address: number;
  readonly port: number;
}

const podPort = ({ desired }: PodState): number => {
  const ports = desired.spec.containers.flatMap((c) => c.ports);
  return ports.find((p) => p.protocol === "TCP")?.containerPort ?? DEFAULT_PORT;
};

const ofPod = (pod: PodState): Candidate => ({
  name: pod.desired.key,
  address: pod.place.address,
  port: podPort(pod),
});

const ofHost = (host: HostState): Candidate => ({
  name: hostName(host.spec.name),
  address: host.address,
  port: DEFAULT_PORT,
});

const hasSubnet = (vpc: Pick<LabVpc, "subnets">, subnet: string | undefined): boolean =>
  vpc.subnets.some((s) => s.name === subnet);

/** Whether an address is in one of the cluster's VPC's blocks from this one on. */
function inVpc(state: ClusterState, address: number, firstBlock = 0): boolean {
  return state.lab.spec.vpc.cidrBlocks.slice(firstBlock).some((text) => containsAddress(toCidr(text), address));
}

/** Name of the further VPC that a host is in; null: in the cluster's, or beyond all. */
function furtherVpc(state: ClusterState, host: HostState): string | null {
  return state.lab.spec.vpcs.find((vpc) => hasSubnet(vpc, host.spec.subnet))?.name ?? null;
}

const isPeered = (state: ClusterState, vpc: string): boolean =>
  state.lab.spec.peerings.some(({ vpcs }) => vpcs.includes(vpc) && vpcs.includes(state.lab.spec.vpc.name));

/** Hosts of the networks beyond of one kind. */
function beyond(state: ClusterState, kind: "internet" | "onPremises" | "awsService"): Candidate[] {
  const networks = state.lab.spec.networks.filter((n) => n.kind === kind).map((n) => n.name);
  return state.hosts.filter((h) => h.spec.network !== undefined && networks.includes(h.spec.network)).map(ofHost);
}

/** Pods with an address of their own; those with ordinary ENIs, which have no groups of their own, come first. */
function podTargets(state: ClusterState, source: SeenSource): PodState[] {
  const pods = podsInOrder(state).filter((p) => !p.place.hostNetwork && p.desired.key !== source.name);
  const isBranch = ({ place }: PodState) => place.eni.includes("/vlan");
  return [...pods.filter((p) => !isBranch(p)), ...pods.filter(isBranch)];
}

/** Hosts of the cluster's VPC, those in other subnets than the source's first. */
function vpcHosts(state: ClusterState, source: SeenSource): HostState[] {
  const node = state.nodes.find((n) => n.spec.name === source.node);
  const own = node?.enis.find((e) => e.name === source.eni)?.subnet;
  const hosts = state.hosts.filter((h) => hasSubnet(state.lab.spec.vpc, h.spec.subnet));
  const elsewhere = (h: HostState) => h.spec.subnet !== own && h.spec.subnet !== node?.spec.subnet;
  return [...hosts.filter(elsewhere), ...hosts.filter((h) => !elsewhere(h))];
}

/** TCP ports of services that translate, with where their endpoints are; those that somebody wrote come first. */
function servicePorts(state: ClusterState) {
  const own = state.services.filter((s) => s.object.metadata.namespace !== DNS_NAMESPACE);
  const services = [...own, ...state.services.filter((s) => !own.includes(s))];
  const nodes = new Map(state.pods.map((p) => [p.desired.key, p.place.node]));
  return services
    .filter((s) => s.clusterIP !== null)
    .flatMap((s) =>
      s.ports
        .filter((p) => p.port.protocol === "TCP" && p.endpoints.length > 0)
        .map((p) => ({
          name: `${s.key}:${p.port.port}`,
          address: s.clusterIP ?? 0,
          port: p.port.port,
          endpoints: p.endpoints.map((e) => ({
            inVpc: inVpc(state, e.address),
            node: e.pod === null ? null : (nodes.get(e.pod) ?? null),
          })),
        })),
    );
}

const FINDERS: Record<Exclude<DestinationKind, "named">, (state: ClusterState, source: SeenSource) => Candidate[]> = {
  sameNode: (state, source) =>
    podTargets(state, source)
      .filter((p) => p.place.node === source.node)
      .map(ofPod),
  otherNode: (state, source) =>
    podTargets(state, source)
      .filter((p) => p.place.node !== source.node)
      .map(ofPod),
  vpcHost: (state, source) =>
    vpcHosts(state, source)
      .filter((h) => !inVpc(state, h.address, 1))
      .map(ofHost),
  secondaryCidr: (state, source) =>
    [...vpcHosts(state, source).map(ofHost), ...podTargets(state, source).map(ofPod)].filter((c) =>
      inVpc(state, c.address, 1),
    ),
  peeredVpc: (state) => state.hosts.filter((h) => isPeered(state, furtherVpc(state, h) ?? "")).map(ofHost),
  otherVpc: (state) =>
    state.hosts
      .filter((h) => furtherVpc(state, h) !== null && !isPeered(state, furtherVpc(state, h) ?? ""))
      .map(ofHost),
  onPremises: (state) => beyond(state, "onPremises"),
  awsService: (state) => beyond(state, "awsService"),
  internet: (state) => beyond(state, "internet"),
  // The choice is at random: with endpoints on other nodes alone it is always another node.
  clusterIp: (state, source) =>
    servicePorts(state).filter(({ endpoints }) => endpoints.every((e) => e.node !== null && e.node !== source.node)),
  clusterIpOutside: (state) => servicePorts(state).filter(({ endpoints }) => endpoints.every((e) => !e.inVpc)),
};

/** The destination of each kind that the lab has for a source, in the order of {@link DESTINATION_KINDS}. */
export function destinationsFor(state: ClusterState, source: SeenSource): SeenDestination[] {
  return (Object.keys(DESTINATION_KINDS) as DestinationKind[]).flatMap((kind) => {
    const [first] = kind === "named" ? [] : FINDERS[kind](state, source).filter((c) => c.name !== source.name);
    if (first === undefined) return [];
    const { name, port } = first;
    return [{ kind, name, asked: name.startsWith("svc/") ? name : `${name}:${port}` }];
  });
}

/**
 * A destination that somebody names, with or without a port.
 *
 * @throws NameError for a name that nothing has.
 */
export function namedDestination(state: ClusterState, names: Names, text: string): SeenDestination {
  const { name, port, kind } = names.resolve(text);
  if (kind === "service") return { kind: "named", name, asked: name };
  const pod = state.pods.find((p) => p.desired.key === name);
  return { kind: "named", name, asked: `${name}:${port ?? (pod === undefined ? DEFAULT_PORT : podPort(pod))}` };
}
