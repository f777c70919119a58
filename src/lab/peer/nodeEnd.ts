import { createHash } from "node:crypto";
import type { ClusterState, NodeState, PodState } from "../../control/clusterState.ts";
import { nodeName } from "../../control/entityNames.ts";
import type { NodeRules } from "../../control/kube/rules/clusterRules.ts";
import type { LabEni } from "../../control/labEni.ts";
import { addressAt, type Cidr } from "../../control/vpc/cidr.ts";
import { formatAddress } from "../../plane/wire/address.ts";
import { sysctl, type TwinEnd, trySysctl, VPC, type Wire, withInput } from "./twin.ts";

/** The link-local gateway that the VPC CNI gives every pod (driver.go, SetupPodNetwork). */
const POD_GATEWAY = "169.254.1.1";
/** Priorities of the CNI's ip rules (pkg/networkutils/network.go). */
const TO_POD = 512;
const MARKED = 1024;
const FROM_POD = 1536;
const FROM_ENI = 32_765;
const CONNMARK = "0x80/0x80";
const VETH_PREFIX = "eni";
const VETH_HASH = 11;
/** kube-proxy's (--conntrack-tcp-timeout-established and -close-wait), which a lab's own timeouts come after. */
const KUBE_PROXY_TIMEOUTS = {
  nf_conntrack_tcp_timeout_established: 86_400,
  nf_conntrack_tcp_timeout_close_wait: 3600,
};

/** ENIs whose interface the node itself has: a branch ENI's is a VLAN that a pod has alone. */
export function ownEnis(node: NodeState): LabEni[] {
  return node.enis.filter((eni) => eni.kind !== "branch");
}

export const interfaceOf = (eni: LabEni): string => eni.name.slice(eni.name.indexOf("/") + 1);
/** Route table of an ENI: the primary one's is main. */
const tableOf = (eni: LabEni): number => eni.deviceNumber + 1;

/** The VPC's end of an ENI's wire. */
export const fabricDevice = (node: number, eni: LabEni): string => `n${node}e${eni.deviceNumber}`;

/** Address of a subnet's router. */
export const routerOf = (subnet: Cidr): string => formatAddress(addressAt(subnet, 1));

export function subnetOf(state: ClusterState, name: string): Cidr {
  const subnet = state.model.subnets.get(name);
  if (subnet === undefined) throw new Error(`no subnet ${name}`);
  return subnet.cidr;
}

/** Name of a pod's veth on its node (pkg/networkutils/names.go, GeneratePodHostVethName). */
function vethOf({ desired }: PodState): string {
  const hash = createHash("sha1").update(`${desired.namespace}.${desired.name}`).digest("hex");
  return VETH_PREFIX + hash.slice(0, VETH_HASH);
}

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
    far: vethOf(pod),
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
  return [
    `ip address add ${address}/${subnet.length} dev ${device} noprefixroute`,
    `ip route add ${router} dev ${device} scope link table ${tableOf(eni)}`,
    `ip route add default via ${router} dev ${device} table ${tableOf(eni)}`,
    `ip rule add pref ${FROM_ENI} from ${address} lookup ${tableOf(eni)}`,
  ];
}

function podLines(pod: PodState, eni: LabEni): string[] {
  const address = formatAddress(pod.place.address);
  const mapped = pod.desired.spec.containers.some(({ ports }) => ports.some((port) => port.hostPort !== undefined));
  return [
    // The portmap plugin, for its host ports at 127.0.0.1 (portmap_iptables.go, forwardPorts).
    ...(mapped ? [sysctl(`net.ipv4.conf.${vethOf(pod)}.route_localnet`, 1)] : []),
    `ip route add ${address} dev ${vethOf(pod)} scope link`,
    `ip rule add pref ${TO_POD} to ${address} lookup main`,
    ...(eni.kind === "primary" ? [] : [`ip rule add pref ${FROM_POD} from ${address} lookup ${tableOf(eni)}`]),
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

/** A node's own namespace: the CNI's policy routing, kube-proxy's and the CNI's rules. */
export function nodeEnd(state: ClusterState, node: NodeState, rules: NodeRules): TwinEnd {
  const enis = ownEnis(node);
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
      ...enis.flatMap((eni) => eniLines(state, eni)),
      `ip rule add pref ${MARKED} fwmark ${CONNMARK} lookup main`,
      ...pods.flatMap((pod) => {
        const eni = enis.find(({ name }) => name === pod.place.eni);
        if (eni === undefined)
          throw new Error(`${pod.desired.key} has a branch ENI: the kernel twin knows pods of ordinary ENIs alone`);
        return podLines(pod, eni);
      }),
      ...(rules.nftables === "" ? [] : [withInput("nft -f -", rules.nftables)]),
      ...(rules.iptables === "" ? [] : [withInput("iptables-restore -w 60 --noflush", rules.iptables)]),
      // Exist once conntrack is in use, which the rules see to.
      ...conntrackLines(state),
    ],
  };
}

export function eniWires(state: ClusterState, node: NodeState, index: number): Wire[] {
  return ownEnis(node).map((eni) => ({
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
