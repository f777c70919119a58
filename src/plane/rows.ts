/**
 * The rows of a snapshot: everything the plane forwards by. control/compile makes them from objects, the plane's
 * tables (tables.ts) take them in. Indices (`id`) are small integers that control hands out and keeps stable while the
 * object lives. Addresses are IPv4 as int32, prefixes have no host bits set.
 *
 * A row stands for its whole value: sending it again replaces it; sending its `gone` form removes it.
 */

export const DEVICE_POD = 1;
/** A node's host namespace. */
export const DEVICE_NODE = 2;
/** An end of a wire that is no pod: RDS, an on-premises machine, an internet client. */
export const DEVICE_HOST = 3;

export interface DeviceRow {
  t: "device";
  id: number;
  kind: typeof DEVICE_POD | typeof DEVICE_NODE | typeof DEVICE_HOST;
  /** Node of a pod or host namespace; -1 for a host. */
  node: number;
  /** ENI that a pod's address belongs to, a node's primary ENI, a VPC host's own ENI; -1 for a host outside the VPC. */
  eni: number;
  address: number;
  mtu: number;
}

/** kube-proxy's modes, and Cilium's replacement of it as far as its per-packet path goes. */
export const SERVICE_MODE_IPTABLES = 0;
export const SERVICE_MODE_NFTABLES = 1;
export const SERVICE_MODE_IPVS = 2;
export const SERVICE_MODE_CILIUM = 3;
export type ServiceMode =
  | typeof SERVICE_MODE_IPTABLES
  | typeof SERVICE_MODE_NFTABLES
  | typeof SERVICE_MODE_IPVS
  | typeof SERVICE_MODE_CILIUM;

/** AWS_VPC_K8S_CNI_RANDOMIZESNAT, and `external` for AWS_VPC_K8S_CNI_EXTERNALSNAT=true or snatPolicy Disabled. */
export const SNAT_NONE = 0;
export const SNAT_HASHRANDOM = 1;
export const SNAT_PRNG = 2;
export const SNAT_EXTERNAL = 3;

export interface NodeRow {
  t: "node";
  id: number;
  vpc: number;
  /** Device of the node's host namespace. */
  hostDevice: number;
  primaryEni: number;
  primaryAddress: number;
  serviceMode: ServiceMode;
  snatMode: number;
  masqueradeAll: boolean;
  /** kube-proxy's --cluster-cidr; null where it has no local detector, which is EKS's default. */
  clusterCidr: { prefix: number; length: number } | null;
  /** kube-proxy's --nodeport-addresses: which of the node's own addresses have NodePorts; null: the mode's default. */
  nodePortAddresses: { prefix: number; length: number }[] | null;
  /** Service CIDR, for nftables mode's drop of unallocated addresses. */
  serviceCidr: { prefix: number; length: number };
  /** Most conntrack entries of this node's zone. */
  conntrackLimit: number;
}

export interface EniRow {
  t: "eni";
  id: number;
  /** -1: the ENI of a VPC host, which has no node around it. */
  node: number;
  /** EC2's device number: 0 is the primary ENI, whose routes are table main. */
  deviceNumber: number;
  subnet: number;
  vpc: number;
  /** Primary address; further addresses and prefixes are {@link EniAddressRow}s. */
  address: number;
  mtu: number;
  /** Public address that the internet gateway maps 1:1, or 0. */
  publicAddress: number;
  sourceDestCheck: boolean;
  /** Device that a VPC host's ENI delivers to; -1 for a node's ENI. */
  hostDevice: number;
}

/** A secondary address (/32) or a /28 prefix of an ENI, as the VPC's mapping service knows it. */
export interface EniAddressRow {
  t: "eniAddress";
  vpc: number;
  prefix: number;
  length: number;
  eni: number;
}

export const TARGET_LOCAL = 1;
export const TARGET_INTERNET_GATEWAY = 2;
export const TARGET_BLACKHOLE = 3;
/** Straight to the hosts of a network beyond the VPC (on-premises over a gateway), without translation. */
export const TARGET_NETWORK = 4;

/** A route of a VPC route table. `local` routes of the VPC's CIDR blocks are rows like any other. */
export interface VpcRouteRow {
  t: "vpcRoute";
  routeTable: number;
  prefix: number;
  length: number;
  target: number;
  /** Network index for TARGET_NETWORK, else 0. */
  arg: number;
}

export interface SubnetRow {
  t: "subnet";
  id: number;
  vpc: number;
  /** The subnet's CIDR block; its router is the first address after the network's. */
  prefix: number;
  length: number;
  routeTable: number;
}

/** A destination that the CNI's SNAT leaves alone: a VPC CIDR block, or one of EXCLUDE_SNAT_CIDRS. */
export interface SnatExemptRow {
  t: "snatExempt";
  vpc: number;
  prefix: number;
  length: number;
  /** true: from AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS; false: a CIDR block of the VPC. */
  excluded: boolean;
}

/** An address of a host outside the VPC (on the internet or on-premises): where packets that left the VPC end. */
export interface OutsideRow {
  t: "outside";
  /** 0 is the internet; others are networks with a TARGET_NETWORK route. */
  network: number;
  address: number;
  device: number;
  /** VPC whose gateway this network's hosts reach. */
  vpc: number;
}

export interface Endpoint {
  address: number;
  port: number;
  /** For weighted schedulers; 1 or more. */
  weight: number;
}

/** By what a packet reaches a service port, and so which of its policies hold for it. */
export const FRONTEND_CLUSTER_IP = 0;
/** One of spec.externalIPs. */
export const FRONTEND_EXTERNAL_IP = 1;
/** One of status.loadBalancer.ingress[].ip: the only kind that loadBalancerSourceRanges hold for. */
export const FRONTEND_LOAD_BALANCER_IP = 2;
/** A port of the node's own addresses; the frontend's address is 0. */
export const FRONTEND_NODE_PORT = 3;

export interface Frontend {
  kind:
    | typeof FRONTEND_CLUSTER_IP
    | typeof FRONTEND_EXTERNAL_IP
    | typeof FRONTEND_LOAD_BALANCER_IP
    | typeof FRONTEND_NODE_PORT;
  address: number;
  port: number;
}

/** How one of a set's endpoints is chosen. kube-proxy's iptables and nftables modes know random alone. */
export const SCHEDULER_RANDOM = 0;
/** IPVS: round robin, weighted, least connections, source hash, Maglev hash. */
export const SCHEDULER_RR = 1;
export const SCHEDULER_WRR = 2;
export const SCHEDULER_LC = 3;
export const SCHEDULER_SH = 4;
export const SCHEDULER_MH = 5;
/** Cilium: Maglev for what comes from outside, random for pods. */
export const SCHEDULER_MAGLEV = 6;

/**
 * What a single node may choose from, where that is not what all may: indices into the row's endpoints. `cluster` is the
 * set of "Cluster" policies (topology hints applied), `local` that of "Local" ones.
 */
export interface NodeEndpoints {
  node: number;
  cluster: number[];
  local: number[];
}

/** One ServicePort: its addresses and ports, its policies, and the endpoints that kube-proxy would program for it. */
export interface ServiceRow {
  t: "service";
  id: number;
  protocol: number;
  frontends: Frontend[];
  /** All that any node may choose, in a stable order. */
  endpoints: Endpoint[];
  /** What nodes without a set of their own choose from; indices into endpoints. They have no local endpoints. */
  cluster: number[];
  nodes: NodeEndpoints[];
  /** Whether there is an endpoint anywhere: without one packets are rejected, without a local one dropped. */
  hasEndpoints: boolean;
  /**
   * Serving ones that no node chooses, because they terminate while others are ready, or by policy or topology: UDP flows
   * that they have live on. Absent: none.
   */
  alsoServing?: Endpoint[];
  /** internalTrafficPolicy and externalTrafficPolicy: Local. */
  internalLocal: boolean;
  externalLocal: boolean;
  /** sessionAffinity ClientIP: its timeout in seconds; 0: none. */
  affinity: number;
  scheduler: number;
  /** loadBalancerSourceRanges; empty: all. */
  sourceRanges: { prefix: number; length: number }[];
}

/** A container's hostPort, as the portmap plugin maps it on the pod's node. */
export interface HostPortRow {
  t: "hostPort";
  node: number;
  protocol: number;
  /** hostIP, or 0: any of the node's addresses. */
  address: number;
  port: number;
  target: number;
  targetPort: number;
}

/** An address that a node itself answers at, besides its ENIs': a name server's, the same on every node. */
export interface LocalAddressRow {
  t: "localAddress";
  node: number;
  address: number;
  /** The node's primary ENI. */
  eni: number;
  /** Whether conntrack is to leave its DNS alone: the raw table's NOTRACK rules of NodeLocal DNSCache. */
  untracked?: boolean;
  /** Packets a second that each ENI may send to it, the VPC's resolver; absent: no limit. */
  limit?: number;
}

export type Row =
  | DeviceRow
  | NodeRow
  | EniRow
  | EniAddressRow
  | VpcRouteRow
  | SubnetRow
  | SnatExemptRow
  | OutsideRow
  | ServiceRow
  | HostPortRow
  | LocalAddressRow;

/** One change of a snapshot: a row to put, or a row to remove (its identity fields are read, the rest ignored). */
export interface Patch {
  put: Row[];
  gone: Row[];
}
