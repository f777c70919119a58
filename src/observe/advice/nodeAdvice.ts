import type { Advice } from "./advice.ts";

/** Reasons of nodes: conntrack, NAT, services, network policies. */
export const NODE_ADVICE = {
  CONNTRACK_FULL: {
    object: "{node}",
    field: "cluster.conntrack.max",
    change:
      "Raise the limit (net.netfilter.nf_conntrack_max), shorten timeouts, or end connections: only unanswered ones are evicted.",
    example: "podplane get conntrack",
  },
  CONNTRACK_INSERT_FAILED: {
    object: "{node}",
    field: "what sends from one socket at once",
    change:
      "Another packet of the same socket was first (UDP: two queries at once). Send them one after the other, or use single-request-reopen or a node-local DNS cache.",
    example: 'dnsConfig: { options: [{ name: "single-request-reopen" }] }',
  },
  CONNTRACK_CHAIN_TOO_LONG: {
    object: "{node}",
    field: "connections to {destination}",
    change: "Spread the connections over more source ports or destinations: too many tuples fall into one hash chain.",
    example: "podplane get conntrack",
  },
  NAT_PORTS_EXHAUSTED: {
    object: "{node}",
    field: "connections to {destination}",
    change:
      "Reuse connections, spread them over more destinations, or let more addresses translate: an address has 64,512 ports for each destination.",
    example: "podplane get nat",
  },
  INVALID_STATE: {
    object: "{node}",
    field: "cluster.conntrack.tcpBeLiberal",
    change:
      "The packet is outside its connection's window, or of none. Find out who else ends or answers the connection; tcpBeLiberal lets such packets pass.",
    example: "spec: { cluster: { conntrack: { tcpBeLiberal: true } } }",
  },
  FRAGMENTATION_NEEDED: {
    object: "{sender}",
    field: "the size it sends",
    change:
      "Send at most {mtu} bytes, not {size}, or allow fragments (no DF). Let ICMP fragmentation needed reach the sender, or lower its MTU (AWS_VPC_ENI_MTU, POD_MTU).",
    example: "spec: { cluster: { cni: { env: { POD_MTU: 1500 } } } }",
  },
  NO_ROUTE: {
    object: "{node}",
    field: "its route table",
    change: "Give the node a route to {destination}: its primary ENI has the default route.",
    example: "podplane get enis",
  },
  SERVICE_NO_ENDPOINTS: {
    object: "{service}",
    field: "spec.selector",
    change:
      "Give the service ready endpoints: its selector has to match pods whose readiness probes succeed, and its targetPort a port of them.",
    example: "podplane get endpoints",
  },
  SERVICE_PORT_UNKNOWN: {
    object: "{service}",
    field: "spec.ports",
    change: "Add the port {port} to the service, or use one that it has.",
    example: "ports: [{ name: http, port: 80, targetPort: 8080 }]",
  },
  SERVICE_ADDRESS_UNKNOWN: {
    object: "{destination}",
    field: "",
    change:
      "No service has this ClusterIP now. Look its name up again: a service that is made anew gets another address.",
    example: "podplane get services",
  },
  SERVICE_NO_LOCAL_ENDPOINT: {
    object: "{service}",
    field: "spec.externalTrafficPolicy / spec.internalTrafficPolicy",
    change:
      "Run an endpoint on {node}, send to a node that has one (the health check node port says which), or set the policy to Cluster.",
    example: "externalTrafficPolicy: Cluster",
  },
  SERVICE_SOURCE_RANGE: {
    object: "{service}",
    field: "spec.loadBalancerSourceRanges",
    change: "Add the block of {source} to the ranges.",
    example: "loadBalancerSourceRanges: [10.0.0.0/16]",
  },
  SERVICE_CLUSTER_IP_EXTERNAL: {
    object: "{service}",
    field: "spec.type",
    change:
      "Use a NodePort or a load balancer from outside the cluster: Cilium answers ClusterIPs for its own pods alone.",
    example: "type: NodePort",
  },
  POLICY_DENY_EGRESS: {
    object: "{policies}",
    field: "spec.egress",
    change:
      "Let a rule allow {flow} to {destination}; {receiverPod} is isolated. Names need egress to DNS (port 53), too.",
    example: "egress: [{ to: [{ podSelector: { matchLabels: { app: api } } }], ports: [{ port: 8080 }] }]",
  },
  POLICY_DENY_INGRESS: {
    object: "{policies}",
    field: "spec.ingress",
    change:
      "Let a rule allow {flow} from {source}; {receiverPod} is isolated. Ports are the pod's own, not the service's.",
    example: "ingress: [{ from: [{ podSelector: { matchLabels: { app: web } } }], ports: [{ port: 8080 }] }]",
  },
  POLICY_ADMIN_DENY: {
    object: "{policy}",
    field: "action",
    change: "Put a rule with action Allow or Pass in front of the one that denies, or take the pod out of its subject.",
    example: "ingress: [{ name: allow-web, action: Allow, from: [{ pods: {} }] }]",
  },
  POLICY_DEFAULT_DENY: {
    object: "{receiverPod}",
    field: "NETWORK_POLICY_ENFORCING_MODE",
    change:
      "Wait until the agent has the pod's policies, or use the mode standard: strict denies everything until then, and what no policy allows.",
    example: "podplane get policies",
  },
  TCP_EARLY_DEMUX: {
    object: "{node}",
    field: "env DISABLE_TCP_EARLY_DEMUX",
    change:
      "Set DISABLE_TCP_EARLY_DEMUX to \"true\" on aws-node's init container: kubelet's probes of pods with branch ENIs in strict mode need it.",
    example: 'spec: { cluster: { cni: { env: { DISABLE_TCP_EARLY_DEMUX: "true" } } } }',
  },
} as const satisfies Record<string, Advice>;
