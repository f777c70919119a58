import type { ImpairmentRow } from "./impair/impairmentRow.ts";

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
  /** A pod with a branch ENI and POD_SECURITY_GROUP_ENFORCING_MODE=strict: all its packets go by that ENI, both ways. */
  strict?: true;
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
  /** A branch ENI (`vlan.eth.N`): its address is its pod's, and the node itself has none there. */
  branch?: true;
}

/** What aws-node's settings make of a node's rules; a node without this row has the defaults. */
export interface NodeCniRow {
  t: "nodeCni";
  node: number;
  /** AWS_VPC_CNI_NODE_PORT_SUPPORT */
  nodePortSupport: boolean;
  /** AWS_VPC_K8S_CNI_CONNMARK */
  connmark: number;
  /** The egress mark is set before kube-proxy's DNAT, as by the CNI before 1.23 with iptables in nft mode. */
  markBeforeDnat: boolean;
  /** AWS_EXTERNAL_SERVICE_CIDRS: rule 1535 sends these by table main. */
  externalServices: { prefix: number; length: number }[];
  /** net.ipv4.tcp_early_demux, which DISABLE_TCP_EARLY_DEMUX turns off. */
  tcpEarlyDemux: boolean;
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
/** Straight to the hosts of a network beyond the VPC (a virtual private gateway, a gateway endpoint), without translation. */
export const TARGET_NETWORK = 4;
export const TARGET_NAT_GATEWAY = 5;
export const TARGET_PEERING = 6;
export const TARGET_TRANSIT_GATEWAY = 7;
/** An ENI that forwards: a NAT instance, an appliance. */
export const TARGET_ENI = 8;

/** A route of a VPC route table. `local` routes of the VPC's CIDR blocks are rows like any other. */
export interface VpcRouteRow {
  t: "vpcRoute";
  routeTable: number;
  prefix: number;
  length: number;
  target: number;
  /**
   * TARGET_NETWORK: the network. TARGET_NAT_GATEWAY, TARGET_PEERING: its index. TARGET_TRANSIT_GATEWAY: the VPC's
   * attachment. TARGET_ENI: the ENI. Else 0.
   */
  arg: number;
}

/** A NAT gateway. Its ENI (a row of its own: no node, no host device, unchecked) has its addresses and its subnet. */
export interface NatGatewayRow {
  t: "natGateway";
  id: number;
  eni: number;
  /** connectivityType private: what it translates keeps to private networks, and no public address stands behind it. */
  isPrivate: boolean;
}

export interface PeeringRow {
  t: "peering";
  id: number;
  /** The two VPCs. */
  a: number;
  b: number;
  /** Largest packet: 9001, or 1500 between regions. */
  mtu: number;
}

/** Where a VPC or a network beyond is attached to a transit gateway. */
export interface TransitAttachmentRow {
  t: "transitAttachment";
  id: number;
  /** -1: a network's attachment. */
  vpc: number;
  /** -1: a VPC's attachment. */
  network: number;
  /** VPC: the attachment's subnet, whose ACL and route table hold for what the gateway sends in; else -1. */
  subnet: number;
  /** The transit gateway route table that packets from this attachment are looked up in; -1: not associated. */
  routeTable: number;
}

/** A static or propagated route of a transit gateway's route table. */
export interface TransitRouteRow {
  t: "transitRoute";
  routeTable: number;
  prefix: number;
  length: number;
  /** -1: blackhole. */
  attachment: number;
}

/** A network beyond the VPCs, and the way into one of them: by a transit gateway's attachment, or by the VPC's own gateway. */
export interface NetworkRow {
  t: "network";
  id: number;
  /** -1: no transit gateway attachment; hosts reach the VPC of their {@link OutsideRow}. */
  attachment: number;
  /** Largest packet of its link to the gateway. */
  mtu: number;
}

/** Any protocol, in rules of security groups and network ACLs. */
export const PROTOCOL_ALL = -1;
/** No group: a rule of a security group that names a CIDR block. */
export const NO_GROUP = -1;

export interface SecurityGroupRule {
  /** IANA number or PROTOCOL_ALL. */
  protocol: number;
  /** TCP and UDP: first and last port. ICMP: type and code, -1 is any. Other protocols: ignored. */
  fromPort: number;
  toPort: number;
  /** The other end: a block, or (group not NO_GROUP) the private addresses of the ENIs that are in a group. */
  prefix: number;
  length: number;
  group: number;
}

export interface SecurityGroupRow {
  t: "securityGroup";
  id: number;
  vpc: number;
  ingress: SecurityGroupRule[];
  egress: SecurityGroupRule[];
}

/** The groups that an ENI is in. An ENI without this row is not filtered: its VPC has no groups. */
export interface EniGroupsRow {
  t: "eniGroups";
  eni: number;
  groups: number[];
  /** Idle timeouts in milliseconds, and how many connections the ENI's instance tracks; EC2's defaults without it. */
  tracking?: { limit: number; tcpEstablished: number; udpStream: number; udp: number };
}

export interface AclRule {
  number: number;
  protocol: number;
  fromPort: number;
  toPort: number;
  prefix: number;
  length: number;
  allow: boolean;
}

/** Rules in ascending order of their numbers; what none matches is denied. */
export interface NetworkAclRow {
  t: "networkAcl";
  id: number;
  ingress: AclRule[];
  egress: AclRule[];
}

/** The ACL of a subnet; a subnet without this row has the default one, which allows everything. */
export interface SubnetAclRow {
  t: "subnetAcl";
  subnet: number;
  acl: number;
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

/** Any protocol and port in a policy's entry (the agent's ANY_IP_PROTOCOL), and an entry that denies (RESERVED_IP_PROTOCOL). */
export const POLICY_ANY_PROTOCOL = 254;
export const POLICY_DENY_PROTOCOL = 255;

/** Who enforces policies: AWS's agent at the pod's device, or conntrack on the node's way, as the API documents it. */
export const POLICY_ENGINE_AWS = 0;
export const POLICY_ENGINE_UPSTREAM = 1;

/** A pod's state, and its cluster policies' (the agent's pod_state). */
export const POLICIES_APPLIED = 0;
export const POLICY_DEFAULT_ALLOW = 1;
export const POLICY_DEFAULT_DENY = 2;

// What a cluster policy's entry does: the last digit of its order.
export const POLICY_ACTION_DENY = 0;
export const POLICY_ACTION_ALLOW = 1;
export const POLICY_ACTION_PASS = 2;
/** An order's digits: priority * 10 + action. From this order on it is the baseline tier's. */
export const POLICY_ORDER_ACTIONS = 10;
export const POLICY_BASELINE_ORDER = 2_000_000;

/** What a pod's agent logs: nothing, what it drops, everything. */
export const POLICY_LOG_NOTHING = 0;
export const POLICY_LOG_DENIED = 1;
export const POLICY_LOG_ALL = 2;

export interface PolicyEntry {
  /** IANA number, POLICY_ANY_PROTOCOL or POLICY_DENY_PROTOCOL. */
  protocol: number;
  /** 0: any port. */
  fromPort: number;
  /** 0: fromPort alone. */
  toPort: number;
  /** The rule of a policy that it comes from: what the number means, control's names say. */
  rule: number;
  /** Cluster policies: priority * 10 + action; the lowest that matches counts. Else 0. */
  order: number;
}

/** What a table of policies says of a prefix. Only the longest prefix that holds an address is asked. */
export interface PolicyPrefixRow {
  t: "policyPrefix";
  /** Index of the table: one direction of all pods that are selected alike. */
  table: number;
  prefix: number;
  length: number;
  entries: PolicyEntry[];
}

/** A pod that policies are enforced for; -1: it has no such table, nothing is said of any address. */
export interface PodPolicyRow {
  t: "podPolicy";
  device: number;
  engine: typeof POLICY_ENGINE_AWS | typeof POLICY_ENGINE_UPSTREAM;
  ingress: number;
  egress: number;
  clusterIngress: number;
  clusterEgress: number;
  state: number;
  clusterState: number;
  /** POLICY_LOG_*. */
  log: number;
}

export type Row =
  | DeviceRow
  | NodeRow
  | NodeCniRow
  | EniRow
  | EniAddressRow
  | VpcRouteRow
  | SubnetRow
  | SnatExemptRow
  | OutsideRow
  | ServiceRow
  | HostPortRow
  | LocalAddressRow
  | NatGatewayRow
  | PeeringRow
  | TransitAttachmentRow
  | TransitRouteRow
  | NetworkRow
  | SecurityGroupRow
  | EniGroupsRow
  | NetworkAclRow
  | SubnetAclRow
  | PolicyPrefixRow
  | PodPolicyRow
  | ImpairmentRow;

/** One change of a snapshot: a row to put, or a row to remove (its identity fields are read, the rest ignored). */
export interface Patch {
  put: Row[];
  gone: Row[];
}
