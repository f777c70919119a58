/**
 * Why a packet went no further: one closed table. A drop takes a {@link Reason}, so a drop without a reason does not
 * compile; counting and naming read the same row, so that they cannot disagree.
 */
interface ReasonRow {
  /** Stable code: metrics label, JSON value, documentation anchor (docs/reasons.md#code in lower case). */
  readonly code: string;
  /** One sentence for people. */
  readonly text: string;
  /** DROPPED: nothing is sent. REJECTED: an ICMP error goes back to the sender. */
  readonly verdict: "DROPPED" | "REJECTED";
}

const row = <C extends string>(code: C, text: string, verdict: ReasonRow["verdict"] = "DROPPED") =>
  ({ code, text, verdict }) as const;

/** The table. The position of a row is its number: append only. */
export const REASONS = [
  row("NONE", "No reason: the packet was delivered."),
  // What came in was no packet that a Linux host would accept.
  row("PACKET_TOO_SHORT", "The packet is shorter than an IPv4 header or than the length its header states."),
  row("IPV6_NOT_SUPPORTED", "IPv6 is not forwarded yet."),
  row("IP_VERSION_BAD", "The first four bits are neither 4 nor 6."),
  row("IP_HEADER_LENGTH_BAD", "The IPv4 header length is under 20 bytes or over the packet."),
  row("IP_TOTAL_LENGTH_BAD", "The IPv4 total length is under the header length."),
  row("IP_CHECKSUM_BAD", "The IPv4 header checksum is wrong."),
  row("IP_OPTIONS_BAD", "The IPv4 options are malformed."),
  row("VNET_HEADER_BAD", "The virtio_net_hdr in front of the packet does not fit the packet."),
  row("L4_HEADER_SHORT", "The packet ends inside its TCP, UDP, SCTP or ICMP header."),
  row("ADDRESS_BAD", "Source or destination is an address that no packet on a wire may carry."),
  row("NOT_UNICAST", "Broadcast and multicast do not cross a VPC."),
  row("SOURCE_NOT_OWN", "The sender used a source address that is not its own."),
  // Fragments.
  row("FRAGMENT_BAD", "The fragment is empty, too long, or not a multiple of 8 bytes."),
  row("FRAGMENT_OVERLAP", "The fragment overlaps another one: the whole datagram is dropped, as Linux does."),
  row("REASSEMBLY_TIMEOUT", "Fragments of the datagram were missing for 30 s."),
  row("REASSEMBLY_MEMORY", "The reassembly buffers are full."),
  // Conntrack and NAT.
  row("CONNTRACK_FULL", "The node's conntrack table is full and no entry could be evicted."),
  row("CONNTRACK_INSERT_FAILED", "The entry clashed with another connection's tuple when it was confirmed."),
  row("CONNTRACK_CHAIN_TOO_LONG", "The hash chain of the tuple is over the limit."),
  row("NAT_PORTS_EXHAUSTED", "No free source port was found for this destination."),
  row("NAT_INNER_UNTRANSLATABLE", "The packet quoted by the ICMP error could not be translated."),
  row("NAT_REDIRECT", "An ICMP redirect for a translated connection is dropped, as Linux does."),
  row("INVALID_STATE", "Conntrack found the packet INVALID and a rule drops INVALID packets."),
  // Routing on the node.
  row("TTL_EXCEEDED", "The TTL ran out on this node: ICMP time exceeded went back.", "REJECTED"),
  row("FRAGMENTATION_NEEDED", "DF is set and the packet is over the MTU: ICMP went back with the MTU.", "REJECTED"),
  row("MARTIAN_LOOPBACK", "A 127.0.0.0/8 address arrived on an interface that is not the loopback."),
  row("NO_ROUTE", "No route of the node's table matches the destination.", "REJECTED"),
  // Services.
  row("SERVICE_NO_ENDPOINTS", "The service has no usable endpoint: kube-proxy rejects.", "REJECTED"),
  row(
    "SERVICE_PORT_UNKNOWN",
    "The service's address has no such port: kube-proxy's nftables and IPVS rules reject.",
    "REJECTED",
  ),
  row("SERVICE_ADDRESS_UNKNOWN", "No service has this address of the service CIDR: kube-proxy's nftables rules drop."),
  // The VPC.
  row(
    "SOURCE_DEST_CHECK",
    "The ENI's source/destination check: it left by an ENI without its source, or came to one without its destination.",
  ),
  row("VPC_NO_ROUTE", "The subnet's route table has no route to the destination."),
  row("VPC_BLACKHOLE", "The route that matched is a blackhole: its target is gone."),
  row("VPC_ADDRESS_UNASSIGNED", "No ENI of the VPC has the destination address: the VPC drops silently."),
  row("IGW_NO_PUBLIC_ADDRESS", "The internet gateway has no public address for this source."),
  row("OUTSIDE_UNREACHABLE", "No host beyond the gateway has the destination address."),
  row("FABRIC_LOOP", "The packet passed more than 8 hops of the VPC."),
  // Devices.
  row("DEVICE_GONE", "The receiver's device is gone."),
  row("DEVICE_WRITE_FAILED", "The kernel refused the write to the receiver's TUN device."),
  row("WORK_QUEUE_FULL", "More packets arose from one packet than the plane holds."),
  // Policies of services.
  row(
    "SERVICE_NO_LOCAL_ENDPOINT",
    "A traffic policy is Local and the node has no endpoint of the service: kube-proxy drops.",
  ),
  row("SERVICE_SOURCE_RANGE", "The source is not in the service's loadBalancerSourceRanges."),
  row("SERVICE_CLUSTER_IP_EXTERNAL", "Cilium drops what comes to a ClusterIP from outside the cluster."),
  row(
    "VPC_RESOLVER_LIMIT",
    "The ENI sent more packets a second to the VPC's resolver than it may (linklocal_allowance_exceeded).",
  ),
  // Packets that a kernel does not take as they are.
  row(
    "CHECKSUM_INVALID",
    "The layer 4 checksum is wrong: conntrack found it INVALID, and a rule drops INVALID packets.",
  ),
  row("SOURCE_ROUTE", "The packet has a source route option, which Linux does not take (accept_source_route is 0)."),
  // Who is allowed in the VPC.
  row("SECURITY_GROUP_EGRESS", "No egress rule of the sending ENI's security groups allows the packet."),
  row("SECURITY_GROUP_INGRESS", "No ingress rule of the receiving ENI's security groups allows the packet."),
  row("SECURITY_GROUP_TABLE_FULL", "The instance tracks as many connections as it can: a new one is dropped."),
  row("NETWORK_ACL_EGRESS", "The network ACL of the subnet that the packet leaves denies it."),
  row("NETWORK_ACL_INGRESS", "The network ACL of the subnet that the packet enters denies it."),
  // Gateways.
  row("NAT_GATEWAY_PORTS_EXHAUSTED", "The NAT gateway has 55,000 connections to this destination."),
  row("NAT_GATEWAY_NO_CONNECTION", "The NAT gateway knows no connection that the packet belongs to."),
  row("PEERING_NOT_TRANSITIVE", "A peering connection carries packets to its other VPC's addresses alone."),
  row("TRANSIT_GATEWAY_NO_ROUTE", "The transit gateway's route table has no route to the destination."),
  row("TRANSIT_GATEWAY_BLACKHOLE", "The transit gateway's route that matched is a blackhole."),
  row("TRANSIT_GATEWAY_MTU", "A transit gateway drops packets over 8500 bytes and tells nobody."),
  row("LINK_LOCAL_UNREACHABLE", "No link-local service of the VPC has this address and port."),
  // Network policies.
  row("POLICY_DENY_EGRESS", "A network policy isolates the sending pod, and no egress rule allows the packet."),
  row("POLICY_DENY_INGRESS", "A network policy isolates the receiving pod, and no ingress rule allows the packet."),
  row("POLICY_ADMIN_DENY", "A cluster network policy denies the packet."),
  row(
    "POLICY_DEFAULT_DENY",
    "The pod has no policies yet, and is denied everything until it has (DefaultDeny, strict).",
  ),
  // More of gateways.
  row(
    "NAT_GATEWAY_RESET",
    "The NAT gateway knows no such connection (350 s idle end one): it answers with a reset.",
    "REJECTED",
  ),
  row("NAT_GATEWAY_FRAGMENT", "A NAT gateway drops fragments of TCP and ICMP."),
  row("NAT_GATEWAY_PROTOCOL", "A NAT gateway translates TCP, UDP and ICMP alone."),
  row(
    "GATEWAY_NOT_TRANSITIVE",
    "A virtual private gateway or gateway endpoint takes what the VPC's own addresses send, nothing that passes through.",
  ),
  // Branch ENIs.
  row(
    "TCP_EARLY_DEMUX",
    "The node gave a strict branch ENI's packet to a socket of its own (tcp_early_demux), and does not forward such packets.",
  ),
  // What a lab does to packets on purpose.
  row("IMPAIRED_LOSS", "The lab's impairment of a device or an ENI lost the packet, as it was told to."),
  row("IMPAIRED_QUEUE_FULL", "An impairment's queue (delay, rate) holds as many packets as it may."),
] as const satisfies readonly ReasonRow[];

export type ReasonCode = (typeof REASONS)[number]["code"];

declare const reasonBrand: unique symbol;
/** A row of {@link REASONS} by its number. */
export type Reason = number & { readonly [reasonBrand]: true };

/** Looks a reason up by its code, once, at module load: the plane holds the number. */
export function reason(code: ReasonCode): Reason {
  return REASONS.findIndex((r) => r.code === code) as Reason;
}

/** The row of a reason number read from a counter array or a decision. */
export function reasonRow(number: number): ReasonRow {
  return REASONS[number] ?? REASONS[0];
}
