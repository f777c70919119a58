import type { Advice } from "./advice.ts";

const SENDER = "{sender}";

/** What a sender's own network stack has to do otherwise. */
const malformed = (field: string, change: string, example: string): Advice => ({
  object: SENDER,
  field,
  change,
  example,
});

/** Reasons of a packet itself, of its sender and of devices. */
export const PACKET_ADVICE = {
  PACKET_TOO_SHORT: malformed(
    "what it sends",
    "Send whole packets: the IPv4 header states more bytes than there are.",
    "podplane capture --drops -w short.pcapng",
  ),
  IPV6_NOT_SUPPORTED: malformed(
    "what it sends",
    "Use the IPv4 address: name A records, or bind to 0.0.0.0. The lab forwards IPv4 alone.",
    "curl -4 http://api/",
  ),
  IP_VERSION_BAD: malformed("what it sends", "Send IPv4 packets: the first four bits have to be 4.", "IP(version=4)"),
  IP_HEADER_LENGTH_BAD: malformed(
    "what it sends",
    "Give the IPv4 header 20 to 60 bytes that are all there.",
    "IP(ihl=5)",
  ),
  IP_TOTAL_LENGTH_BAD: malformed(
    "what it sends",
    "State a total length that has the header in it.",
    "IP(len=20+len(payload))",
  ),
  IP_CHECKSUM_BAD: malformed(
    "what it sends",
    "Compute the IPv4 header checksum, or leave the header to the kernel.",
    "del packet[IP].chksum",
  ),
  IP_OPTIONS_BAD: malformed("what it sends", "Send well-formed IPv4 options, or none.", "IP(options=[])"),
  VNET_HEADER_BAD: malformed(
    "what it writes to its TUN device",
    "Write a virtio_net_hdr whose lengths fit the packet; all zeros says nothing about it.",
    "10 zero bytes in front of the packet",
  ),
  L4_HEADER_SHORT: malformed(
    "what it sends",
    "Send the whole header of TCP, UDP, SCTP or ICMP: it begins in the first fragment and has to end there.",
    "podplane capture --drops -w short.pcapng",
  ),
  ADDRESS_BAD: malformed(
    "what it sends",
    "Use addresses of hosts: neither 0.0.0.0/8, nor broadcast or multicast for a source.",
    "podplane exec {sender} -- ip -4 address",
  ),
  NOT_UNICAST: malformed(
    "the address it sends to",
    "Send to each receiver by its own address: a VPC carries neither broadcast nor multicast.",
    "podplane why udp {sender} svc/NAME:PORT",
  ),
  SOURCE_NOT_OWN: malformed(
    "the source address it uses",
    "Send from its own address. An ENI that forwards for others needs sourceDestCheck: false and a host or NAT instance.",
    "hosts: [{ name: nat-box, subnet: public-a, sourceDestCheck: false }]",
  ),
  FRAGMENT_BAD: malformed(
    "the fragments it sends",
    "Cut datagrams at multiples of 8 bytes, and into at most 65,535 in all; better, send what fits the MTU.",
    "podplane why udp {sender} DESTINATION:PORT --size 1500",
  ),
  FRAGMENT_OVERLAP: malformed(
    "the fragments it sends",
    "Send each byte of a datagram once. Overlaps are dropped with the whole datagram (RFC 5722).",
    "fragment(packet, fragsize=1480)",
  ),
  REASSEMBLY_TIMEOUT: malformed(
    "the fragments it sends",
    "Find the fragment that is missing: later ones have no ports, so that a network ACL with port ranges may drop them. Better, send what fits the MTU.",
    "podplane why udp {sender} DESTINATION:PORT --size 1500",
  ),
  REASSEMBLY_MEMORY: {
    object: "{sender}",
    field: "the fragments it sends",
    change: "Send fewer datagrams that have to be cut: {node} holds 64 of them at once.",
    example: "podplane get reasons",
  },
  NAT_INNER_UNTRANSLATABLE: malformed(
    "the ICMP errors it sends",
    "Quote the packet that the error is about, with its header and the first 8 bytes behind it (RFC 792).",
    "podplane capture --drops -w errors.pcapng",
  ),
  NAT_REDIRECT: malformed(
    "the ICMP redirects it sends",
    "Send no redirects for translated connections: Linux drops them (net.ipv4.conf.all.send_redirects).",
    "sysctl -w net.ipv4.conf.all.send_redirects=0",
  ),
  TTL_EXCEEDED: malformed(
    "the TTL it sends with",
    "Send with a higher TTL: a node and a gateway take one off each. traceroute wants it so.",
    "podplane why udp {sender} DESTINATION:PORT --ttl 64",
  ),
  MARTIAN_LOOPBACK: malformed(
    "the address it sends to",
    "Use an address of the node: 127.0.0.0/8 does not leave a host. A NodePort at 127.0.0.1 works on the node itself, in iptables mode.",
    "podplane why tcp node/NODE 127.0.0.1:30080",
  ),
  DEVICE_GONE: {
    object: "{destination}",
    field: "",
    change: "The receiver is being deleted, or has just been. Use one that runs.",
    example: "podplane get pods",
  },
  DEVICE_WRITE_FAILED: {
    object: "{destination}",
    field: "its TUN device",
    change: "The kernel refused the packet: the device is down, or its queue full. Look at the namespace.",
    example: "podplane exec POD -- ip -s link",
  },
  WORK_QUEUE_FULL: {
    object: "{sender}",
    field: "the size it sends",
    change:
      "Send smaller packets, or raise the MTU of the way: one packet was cut into more pieces than the plane holds.",
    example: "podplane why udp {sender} DESTINATION:PORT --size 9001",
  },
  CHECKSUM_INVALID: malformed(
    "the checksums it sends",
    "Compute the TCP, UDP or SCTP checksum, or turn cluster.conntrack.checksum off so that conntrack does not look.",
    "spec: { cluster: { conntrack: { checksum: false } } }",
  ),
  SOURCE_ROUTE: malformed(
    "the IPv4 options it sends",
    "Send without a source route option: Linux does not take it (net.ipv4.conf.all.accept_source_route).",
    "ping without -T tsprespec or loose source routing",
  ),
  IMPAIRED_LOSS: {
    object: "{impairment}",
    field: "loss",
    change: "Nothing is wrong: the lab was told to lose packets there. Take the impairment away.",
    example: "podplane impair pod/web-1 loss=0",
  },
  IMPAIRED_QUEUE_FULL: {
    object: "{impairment}",
    field: "limit",
    change: "Raise the limit, or the rate, or lower the delay of the impairment.",
    example: "podplane impair pod/web-1 limit=10000",
  },
} as const satisfies Record<string, Advice>;
