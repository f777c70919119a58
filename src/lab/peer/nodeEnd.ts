import { createHash } from "node:crypto";
import type { ClusterState, NodeState, PodState } from "../../control/clusterState.ts";
import { isStrict } from "../../control/compileCni.ts";
import { nodeName } from "../../control/entityNames.ts";
import type { NodeRules } from "../../control/kube/rules/clusterRules.ts";
import type { LabEni } from "../../control/labEni.ts";
import { addressAt, type Cidr, cidrText } from "../../control/vpc/cidr.ts";
import { formatAddress } from "../../plane/wire/address.ts";
import { sysctl, type TwinEnd, trySysctl, VPC, type Wire, withInput } from "./twin.ts";

/** The link-local gateway that the VPC CNI gives every pod (driver.go, SetupPodNetwork). */
const POD_GATEWAY = "169.254.1.1";
/** Priorities of the CNI's ip rules (pkg/networkutils/network.go). */
const VLAN = 10;
const LOCAL_AFTER_VLAN = 20;
const TO_POD = 512;
const MARKED = 1024;
const EXTERNAL_SERVICE = 1535;
const FROM_POD = 1536;
const FROM_ENI = 32_765;
const VETH_PREFIX = "eni";
/** Of pods with branch ENIs in strict mode (pkg/sgpp/utils.go): what leaves the CNI's SNAT and its egress mark out. */
const STRICT_PREFIX = "vlan";
/** Route table of a branch ENI: its VLAN and this. */
const VLAN_TABLES = 100;
const VETH_HASH = 11;
/** kube-proxy's (--conntrack-tcp-timeout-established and -close-wait), which a lab's own timeouts come after. */
const KUBE_PROXY_TIMEOUTS = {
  nf_conntrack_tcp_timeout_established: 86_400,
  nf_conntrack_tcp_timeout_close_wait: 3600,
};

export const interfaceOf = (eni: LabEni): string => eni.name.slice(eni.name.indexOf("/") + 1);
/** Route table of an ENI: the primary one's is main. */
const tableOf = (eni: LabEni): number => (eni.vlan === 0 ? eni.deviceNumber + 1 : VLAN_TABLES + eni.vlan);

/** The VPC's end of an ENI's wire. */
export const fabricDevice = (node: number, eni: LabEni): string =>
  eni.vlan === 0 ? `n${node}e${eni.deviceNumber}` : `n${node}b${eni.vlan}`;

/** Address of a subnet's router. */
export const routerOf = (subnet: Cidr): string => formatAddress(addressAt(subnet, 1));

export function subnetOf(state: ClusterState, name: string): Cidr {
  const subnet = state.model.subnets.get(name);
  if (subnet === undefined) throw new Error(`no subnet ${name}`);
  return subnet.cidr;
}

/** Name of a pod's veth on its node (pkg/networkutils/names.go, GeneratePodHostVethName). */
function vethOf({ desired }: PodState, strict: boolean): string {
  const hash = createHash("sha1").update(`${desired.namespace}.${desired.name}`).digest("hex");
  return (strict ? STRICT_PREFIX : VETH_PREFIX) + hash.slice(0, VETH_HASH);
}

function eniOf(state: ClusterState, { place, desired }: PodState): LabEni {
  const node = state.nodes.find((n) => n.spec.name === place.node);
  const eni = node?.enis.find(({ name }) => name === place.eni);
  if (eni === undefined) throw new Error(`${desired.key} has no ENI`);
  return eni;
}

const hasStrictEni = (state: ClusterState, pod: PodState): boolean => isStrict(state) && eniOf(state, pod).vlan !== 0;

/** As the VPC CNI sets up a pod. */
export function podEnd({ desired, place }: PodState): TwinEnd {
  return {
    name: desired.key,
    script: [
      `ip address add ${formatAddress(place.address)}/32 dev eth0`,
      `ip route add ${POD_GATEWAY} dev eth0 scope link`,
      `ip route add default via ${POD_GATEWAY} dev eth0`,
    ],
  };
}

export function podWire(state: ClusterState, pod: PodState): Wire {
  return {
    from: pod.desired.key,
    device: "eth0",
    to: nodeName(pod.place.node),
    far: vethOf(pod, hasStrictEni(state, pod)),
    mtu: state.cni.podMtu,
  };
}

/** Addresses and routes of an ENI, as the CNI gives them to it (setupENINetwork). */
function eniLines(state: ClusterState, eni: LabEni): string[] {
  const subnet = subnetOf(state, eni.subnet);
  const device = interfaceOf(eni);
  const router = routerOf(subnet);
  const address = formatAddress(eni.address);
  if (eni.kind === "primary")
    return [
      `ip address add ${address}/${subnet.length} dev ${device}`,
      `ip route add default via ${router} dev ${device}`,
    ];
  const routes = [
    `ip route add ${router} dev ${device} scope link table ${tableOf(eni)}`,
    `ip route add default via ${router} dev ${device} table ${tableOf(eni)} onlink`,
  ];
  // A branch ENI's address is its pod's alone.
  if (eni.kind === "branch") return routes;
  return [
    `ip address add ${address}/${subnet.length} dev ${device} noprefixroute`,
    ...routes,
    `ip rule add pref ${FROM_ENI} from ${address} lookup ${tableOf(eni)}`,
  ];
}

function podLines(state: ClusterState, pod: PodState): string[] {
  const eni = eniOf(state, pod);
  const strict = hasStrictEni(state, pod);
  const table = tableOf(eni);
  const address = formatAddress(pod.place.address);
  const veth = vethOf(pod, strict);
  const mapped = pod.desired.spec.containers.some(({ ports }) => ports.some((port) => port.hostPort !== undefined));
  return [
    // The portmap plugin, for its host ports at 127.0.0.1 (portmap_iptables.go, forwardPorts).
    ...(mapped ? [sysctl(`net.ipv4.conf.${veth}.route_localnet`, 1)] : []),
    ...(strict
      ? [
          `ip route add ${address} dev ${veth} scope link table ${table}`,
          ...[interfaceOf(eni), veth].map((device) => `ip rule add pref ${VLAN} iif ${device} lookup ${table}`),
        ]
      : [
          `ip route add ${address} dev ${veth} scope link`,
          `ip rule add pref ${TO_POD} to ${address} lookup main`,
          ...(eni.kind === "primary" ? [] : [`ip rule add pref ${FROM_POD} from ${address} lookup ${table}`]),
        ]),
  ];
}

/** Settings of conntrack: those of kube-proxy, then the lab's. The limit of entries is the machine's, not a namespace's. */
function conntrackLines({ lab }: ClusterState): string[] {
  const { checksum, tcpBeLiberal, tcpLoose, timeouts } = lab.spec.cluster.conntrack;
  const settings = {
    nf_conntrack_checksum: checksum ? 1 : 0,
    nf_conntrack_tcp_be_liberal: tcpBeLiberal ? 1 : 0,
    nf_conntrack_tcp_loose: tcpLoose ? 1 : 0,
    ...KUBE_PROXY_TIMEOUTS,
    ...timeouts,
  };
  return Object.entries(settings).flatMap(([name, value]) =>
    value === undefined ? [] : [sysctl(`net.netfilter.${name}`, value)],
  );
}

/** What the CNI's settings make of the rule list. */
function ruleLines(state: ClusterState, node: NodeState): string[] {
  const { connmark, externalServiceCidrs, nodePortSupport, tcpEarlyDemux } = state.cni;
  const mark = `0x${connmark.toString(16)}`;
  return [
    sysctl("net.ipv4.tcp_early_demux", tcpEarlyDemux ? 1 : 0),
    ...(nodePortSupport || !node.externalSnat ? [`ip rule add pref ${MARKED} fwmark ${mark}/${mark} lookup main`] : []),
    ...externalServiceCidrs.map((cidr) => `ip rule add pref ${EXTERNAL_SERVICE} to ${cidrText(cidr)} lookup main`),
    ...(isStrict(state) ? [`ip rule add pref ${LOCAL_AFTER_VLAN} lookup local`, "ip rule del pref 0"] : []),
  ];
}

/** A node's own namespace: the CNI's policy routing, kube-proxy's and the CNI's rules. */
export function nodeEnd(state: ClusterState, node: NodeState, rules: NodeRules): TwinEnd {
  const pods = state.pods.filter(({ place }) => place.node === node.spec.name && !place.hostNetwork);
  return {
    name: nodeName(node.spec.name),
    script: [
      sysctl("net.ipv4.ip_forward", 1),
      // The CNI's init container: what comes by the primary ENI may have its way back by another.
      sysctl("net.ipv4.conf.all.rp_filter", 0),
      sysctl("net.ipv4.conf.eth0.rp_filter", 2),
      // kube-proxy, for NodePorts at 127.0.0.1; nftables mode has none.
      sysctl("net.ipv4.conf.all.route_localnet", rules.mode === "iptables" ? 1 : 0),
      ...node.enis.flatMap((eni) => eniLines(state, eni)),
      ...ruleLines(state, node),
      ...pods.flatMap((pod) => podLines(state, pod)),
      ...(rules.nftables === "" ? [] : [withInput("nft -f -", rules.nftables)]),
      ...(rules.iptables === "" ? [] : [withInput("iptables-restore -w 60 --noflush", rules.iptables)]),
      // Exist once conntrack is in use, which the rules see to.
      ...conntrackLines(state),
    ],
  };
}

export function eniWires(state: ClusterState, node: NodeState, index: number): Wire[] {
  return node.enis.map((eni) => ({
    from: nodeName(node.spec.name),
    device: interfaceOf(eni),
    to: VPC,
    far: fabricDevice(index, eni),
    mtu: state.cni.eniMtu,
  }));
}

/** What every namespace has, as containerd sets it for pods. Without root there is one group id, so the range is that one. */
export const BASE_SETTINGS: readonly string[] = [
  trySysctl("net.ipv6.conf.all.disable_ipv6", 1),
  `${trySysctl("net.ipv4.ping_group_range", "0 0")}; ${trySysctl("net.ipv4.ping_group_range", "0 2147483647")}`,
  trySysctl("net.ipv4.ip_unprivileged_port_start", 0),
];
