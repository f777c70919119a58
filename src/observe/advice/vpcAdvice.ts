import type { Advice } from "./advice.ts";

/** Reasons of the VPC: ENIs, routes, security groups, ACLs, gateways. */
export const VPC_ADVICE = {
  SOURCE_DEST_CHECK: {
    object: "{eni}",
    field: "sourceDestCheck",
    change:
      "Let the packet leave by the ENI that has {source}, or turn the check off for an ENI that forwards for others.",
    example: "nodes: [{ name: node-1, sourceDestCheck: false }]",
  },
  VPC_NO_ROUTE: {
    object: "route table {table}",
    field: "routes",
    change: "Add a route to {destination}: the subnet's route table has none that matches.",
    example: "routes: [{ destinationCidrBlock: 0.0.0.0/0, target: igw }]",
  },
  VPC_BLACKHOLE: {
    object: "route table {table}",
    field: "routes",
    change: "Point the route at a target that there is, or remove it so that the next best one counts.",
    example: "routes: [{ destinationCidrBlock: 10.1.0.0/16, target: to-shared }]",
  },
  VPC_ADDRESS_UNASSIGNED: {
    object: "{destination}",
    field: "",
    change: "Use an address that an ENI has: the pod or host may be gone, and its name have another address by now.",
    example: "podplane get pods",
  },
  IGW_NO_PUBLIC_ADDRESS: {
    object: "{eni}",
    field: "its public address, or the node's SNAT",
    change:
      "Let the source be the node's primary address (AWS_VPC_K8S_CNI_EXTERNALSNAT=false) on a node with a public address, or route the subnet to a NAT gateway.",
    example: "routes: [{ destinationCidrBlock: 0.0.0.0/0, target: nat-a }]",
  },
  OUTSIDE_UNREACHABLE: {
    object: "{destination}",
    field: "",
    change: "Add a host with this address to the lab, or use the address of one: nobody beyond the gateway has it.",
    example: "hosts: [{ name: web, address: 203.0.113.10 }]",
  },
  FABRIC_LOOP: {
    object: "route table {table}",
    field: "routes",
    change:
      "Take the circle out of the routes: two appliances, gateways or route tables send the packet to each other.",
    example: "podplane get routes",
  },
  VPC_RESOLVER_LIMIT: {
    object: "{eni}",
    field: "cluster.dns.queryLimit",
    change: "Ask less: cache on the node (NodeLocal DNSCache), lower ndots, or use fully qualified names.",
    example: 'dnsConfig: { options: [{ name: ndots, value: "2" }] }',
  },
  SECURITY_GROUP_EGRESS: {
    object: "securitygroup/{group}",
    field: "egress",
    change: "Add an egress rule for {flow} to {destination}, to one of the groups of {eni} ({groups}).",
    example: "egress: [{ protocol: tcp, fromPort: 443, toPort: 443, destinations: [0.0.0.0/0] }]",
  },
  SECURITY_GROUP_INGRESS: {
    object: "securitygroup/{group}",
    field: "ingress",
    change: "Add an ingress rule for {flow} from {source}, to one of the groups of {eni} ({groups}).",
    example: "ingress: [{ protocol: tcp, fromPort: 5432, toPort: 5432, sources: [nodes] }]",
  },
  SECURITY_GROUP_TABLE_FULL: {
    object: "{eni}",
    field: "connectionTracking.maxConnections",
    change:
      "Open the flow both ways (0.0.0.0/0, all ports) so that it is not tracked, shorten idle timeouts, or take a larger instance.",
    example: "connectionTracking: { tcpEstablishedTimeout: 350 }",
  },
  NETWORK_ACL_EGRESS: {
    object: "networkacl/{acl}",
    field: "egress",
    change:
      "Add an allow rule for {flow} to {destination}, with a lower number than the one that denies. Answers need one of their own: ACLs keep no state.",
    example:
      "egress: [{ ruleNumber: 90, protocol: tcp, fromPort: 1024, toPort: 65535, cidrBlock: 0.0.0.0/0, ruleAction: allow }]",
  },
  NETWORK_ACL_INGRESS: {
    object: "networkacl/{acl}",
    field: "ingress",
    change:
      "Add an allow rule for {flow} from {source}, with a lower number than the one that denies. Answers need one of their own: ACLs keep no state.",
    example:
      "ingress: [{ ruleNumber: 90, protocol: tcp, fromPort: 1024, toPort: 65535, cidrBlock: 0.0.0.0/0, ruleAction: allow }]",
  },
  NAT_GATEWAY_PORTS_EXHAUSTED: {
    object: "{nat}",
    field: "connections to {destination}",
    change:
      "Reuse connections, spread them over more destinations, or route subnets to further NAT gateways: one has 55,000 connections to a destination.",
    example: "podplane get nat",
  },
  NAT_GATEWAY_NO_CONNECTION: {
    object: "{nat}",
    field: "",
    change:
      "Begin the connection from inside: a NAT gateway takes nothing that belongs to no connection of its own, and forgets one that is idle for 350 s.",
    example: "sysctl -w net.ipv4.tcp_keepalive_time=300",
  },
  PEERING_NOT_TRANSITIVE: {
    object: "{peering}",
    field: "routes",
    change:
      "Peer with the VPC that has {destination}, or use a transit gateway: a peering carries packets to its other VPC's addresses alone.",
    example: "peerings: [{ name: to-shared, vpcs: [cluster, shared] }]",
  },
  TRANSIT_GATEWAY_NO_ROUTE: {
    object: "{attachment}",
    field: "the routes of its route table",
    change: "Add a static route to {destination}, or propagate the attachment that has it.",
    example: "podplane get routes",
  },
  TRANSIT_GATEWAY_BLACKHOLE: {
    object: "{attachment}",
    field: "the routes of its route table",
    change: "Remove the blackhole route, or point it at an attachment.",
    example: "podplane get routes",
  },
  TRANSIT_GATEWAY_MTU: {
    object: "{sender}",
    field: "the size it sends",
    change: "Send at most 8500 bytes by a transit gateway: it tells nobody what it drops. TCP is clamped, UDP is not.",
    example: "podplane why udp {sender} DESTINATION:PORT --size 8500",
  },
  LINK_LOCAL_UNREACHABLE: {
    object: "{destination}",
    field: "",
    change: "Use the VPC's resolver by its name server's address: no other link-local service is in a lab.",
    example: "podplane exec POD -- cat /etc/resolv.conf",
  },
  NAT_GATEWAY_RESET: {
    object: "{nat}",
    field: "",
    change:
      "Keep the connection alive: a NAT gateway forgets one that is idle for 350 s, and answers what comes later with a reset.",
    example: "sysctl -w net.ipv4.tcp_keepalive_time=300",
  },
  NAT_GATEWAY_FRAGMENT: {
    object: "{sender}",
    field: "the size it sends",
    change: "Send what fits the MTU: a NAT gateway drops fragments of TCP and ICMP.",
    example: "podplane why icmp {sender} DESTINATION --size 1500 --no-df",
  },
  NAT_GATEWAY_PROTOCOL: {
    object: "{sender}",
    field: "the protocol it uses",
    change: "Use TCP, UDP or ICMP by a NAT gateway, or leave by a NAT instance or a public address.",
    example: "podplane why sctp {sender} DESTINATION:PORT",
  },
  GATEWAY_NOT_TRANSITIVE: {
    object: "{source}",
    field: "its way to the network",
    change:
      "Give the sender's own VPC a way to the network (a transit gateway): a virtual private gateway or a gateway endpoint takes nothing that only passes through.",
    example: "transitGateways: [{ name: tgw, attachments: [{ name: office, network: office }] }]",
  },
} as const satisfies Record<string, Advice>;
