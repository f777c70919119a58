import {
  DEVICE_NODE,
  DEVICE_POD,
  type NodeRow,
  type Row,
  SERVICE_MODE_CILIUM,
  SERVICE_MODE_IPTABLES,
  SERVICE_MODE_IPVS,
  SERVICE_MODE_NFTABLES,
} from "../plane/rows.ts";
import { parseAddress } from "../plane/wire/address.ts";
import { buildNames } from "./buildNames.ts";
import type { ClusterState, NodeState } from "./clusterState.ts";
import { isStrict, nodeCniRows, snatMode } from "./compileCni.ts";
import { gatewayRows } from "./compileGateways.ts";
import { securityRows } from "./compileSecurity.ts";
import { hostPortRows } from "./compileServices.ts";
import { hostRows, VPC_ID, vpcRows } from "./compileVpc.ts";
import { dnsAddresses } from "./dns/listeners.ts";
import { clusterDnsAddress, dnsMode } from "./dns/settings.ts";
import { eniName, nodeName } from "./entityNames.ts";
import type { Ids } from "./ids.ts";
import { impairmentRows } from "./impair/impairmentRows.ts";
import { nodePortCidrs } from "./kube/nodePortAddresses.ts";
import { lazily } from "./lazily.ts";
import type { Names } from "./names.ts";
import { allPolicyRows, type PolicyRows, type PolicySnapshot } from "./policy/policyRows.ts";
import { rowKey } from "./rowKey.ts";
import { allRouted, type RoutedPorts, type ServiceRows } from "./serviceRows.ts";
import { toCidr } from "./vpc/cidr.ts";

/** What the plane forwards by, and the names of its indices. */
export interface Snapshot {
  /** Rows by their identity (rowKey.ts): the VPC, nodes with their ENIs, hosts, pods with their host ports. */
  readonly machines: ReadonlyMap<string, Row>;
  readonly services: RoutedPorts;
  readonly policies: PolicySnapshot;
  /** All of them, services and policies last; made when it is first asked for. */
  readonly rows: ReadonlyMap<string, Row>;
  readonly names: Names;
}

/** A branch ENI's route table is VLAN + 100, where an ENI's is its device number + 1 (vpc-cni, driver.go and network.go). */
const BRANCH_DEVICE_NUMBER = 99;

const SERVICE_MODES = {
  iptables: SERVICE_MODE_IPTABLES,
  nftables: SERVICE_MODE_NFTABLES,
  ipvs: SERVICE_MODE_IPVS,
  cilium: SERVICE_MODE_CILIUM,
} as const;

function nodeRow(state: ClusterState, node: NodeState, id: number, ids: Ids): NodeRow {
  const { cluster } = state.lab.spec;
  const { clusterCIDR, mode, masqueradeAll, nodePortAddresses } = cluster.kubeProxy;
  return {
    t: "node",
    id,
    vpc: VPC_ID,
    hostDevice: ids.of("device", nodeName(node.spec.name)),
    primaryEni: ids.of("eni", eniName(node.spec.name, 0)),
    primaryAddress: node.address,
    serviceMode: SERVICE_MODES[mode],
    snatMode: snatMode(state, node),
    masqueradeAll,
    clusterCidr: clusterCIDR === undefined ? null : toCidr(clusterCIDR),
    nodePortAddresses: nodePortCidrs(nodePortAddresses, node.address),
    serviceCidr: toCidr(cluster.serviceCidr),
    conntrackLimit: cluster.conntrack.max,
  };
}

/** A node's index is its place in the lab, which does not change while it runs. */
function nodeRows(state: ClusterState, ids: Ids): Row[] {
  const rows: Row[] = [];
  const subnets = [...state.model.subnets.keys()];
  const { eniMtu } = state.cni;
  state.nodes.forEach((node, id) => {
    const { name } = node.spec;
    rows.push(nodeRow(state, node, id, ids));
    for (const eni of node.enis) {
      const eniId = ids.of("eni", eni.name);
      rows.push({
        t: "eni",
        id: eniId,
        node: id,
        deviceNumber: eni.vlan === 0 ? eni.deviceNumber : BRANCH_DEVICE_NUMBER + eni.vlan,
        subnet: subnets.indexOf(eni.subnet),
        vpc: VPC_ID,
        address: eni.address,
        mtu: eniMtu,
        // EC2 maps a public address at launch, to the primary ENI alone.
        publicAddress: eni.kind === "primary" ? node.publicAddress : 0,
        // The CNI's further ENIs have EC2's default.
        sourceDestCheck: eni.kind !== "primary" || node.spec.sourceDestCheck,
        hostDevice: -1,
        ...(eni.vlan === 0 ? {} : { branch: true }),
      });
      for (const slot of eni.slots)
        rows.push({ t: "eniAddress", vpc: VPC_ID, prefix: slot.prefix, length: slot.length, eni: eniId });
    }
    rows.push({
      t: "device",
      id: ids.of("device", nodeName(name)),
      kind: DEVICE_NODE,
      node: id,
      eni: ids.of("eni", eniName(name, 0)),
      address: node.address,
      mtu: eniMtu,
    });
  });
  return rows;
}

/** Addresses of the name servers that a node is itself: its pods' queries do not leave it. */
function localAddressRows(state: ClusterState, ids: Ids): Row[] {
  const addresses = dnsAddresses(state);
  const { lab } = state;
  const { queryLimit } = lab.spec.cluster.dns;
  const cluster = dnsMode(lab) === "node-local" ? clusterDnsAddress(lab) : null;
  const limited = queryLimit === 0 ? {} : { limit: queryLimit };
  return state.nodes.flatMap(({ spec }, node) =>
    (addresses.get(nodeName(spec.name)) ?? []).map((address): Row => {
      const eni = ids.of("eni", eniName(spec.name, 0));
      const special = address === cluster ? { untracked: true } : limited;
      return { t: "localAddress", node, address: parseAddress(address) ?? 0, eni, ...special };
    }),
  );
}

function podRows(state: ClusterState, ids: Ids): Row[] {
  const nodes = state.nodes.map((n) => n.spec.name);
  const strict = isStrict(state);
  const branches = new Set(state.nodes.flatMap((n) => n.enis).flatMap((eni) => (eni.vlan === 0 ? [] : [eni.name])));
  const rows: Row[] = [];
  for (const { desired, place } of state.pods) {
    if (place.hostNetwork) continue;
    rows.push({
      t: "device",
      id: ids.of("device", desired.key),
      kind: DEVICE_POD,
      node: nodes.indexOf(place.node),
      eni: ids.of("eni", place.eni),
      address: place.address,
      mtu: state.cni.podMtu,
      ...(strict && branches.has(place.eni) ? { strict: true } : {}),
    });
  }
  return rows;
}

function allRows(
  machines: ReadonlyMap<string, Row>,
  services: RoutedPorts,
  policies: PolicySnapshot,
): ReadonlyMap<string, Row> {
  const rows = new Map(machines);
  for (const { row } of allRouted(services)) rows.set(rowKey(row), row);
  for (const row of allPolicyRows(policies)) rows.set(rowKey(row), row);
  return rows;
}

/**
 * The rows of a cluster. The same state and indices give the same rows in the same order.
 *
 * @param ids indices of the last snapshot; changed: what is new gets one, what has gone loses its own.
 * @param serviceRows the services' rows of the last snapshot and their indices; changed likewise.
 * @param policyRows likewise.
 * @param now milliseconds since the cluster's clock began.
 */
export function compile(
  state: ClusterState,
  ids: Ids,
  serviceRows: ServiceRows,
  policyRows: PolicyRows,
  now: number,
): Snapshot {
  const machines = new Map<string, Row>();
  for (const row of [
    ...vpcRows(state, ids),
    ...gatewayRows(state, ids),
    ...nodeRows(state, ids),
    ...nodeCniRows(state),
    ...hostRows(state, ids),
    ...podRows(state, ids),
    ...securityRows(state, ids),
    ...hostPortRows(state),
    ...localAddressRows(state, ids),
    ...impairmentRows(state, ids),
  ])
    machines.set(rowKey(row), row);
  const services = serviceRows.update(state.services, state.lab);
  const policies = policyRows.update(state, ids, now);
  const names = buildNames(state, ids, services, policies);
  ids.endRound();
  const rows = lazily(() => allRows(machines, services, policies));
  return {
    machines,
    services,
    policies,
    names,
    get rows() {
      return rows();
    },
  };
}
