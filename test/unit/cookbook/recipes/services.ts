import type { Recipe } from "../recipe.ts";

const QUESTIONS = "--lab labs/service-questions";
const NFTABLES = "--set spec.cluster.kubeProxy.mode=nftables";

/** Of kube-proxy's rules and the kernel's conntrack. */
export const SERVICE_RECIPES: readonly Recipe[] = [
  {
    title: "Why is a healthy connection through a service reset?",
    issues: ["kubernetes/kubernetes#74839", "kubernetes/kubernetes#117924", "kubernetes/kubernetes#94861"],
    text:
      "A packet that conntrack finds INVALID is not translated back. The client gets it from a pod that it never asked, and " +
      "answers with a reset, which reaches the right pod. A SYN-ACK that nobody asked for is such a packet.",
    steps: [
      {
        text: "nftables mode has no rule for INVALID: the packet passes with the pod's own address:",
        command: `why tcp pod/web pod/client:40000 --from-port 8080 --flags SYN-ACK ${QUESTIONS} ${NFTABLES}`,
        says: ["INVALID", "DELIVERED", /client sees 10\.0\.2\.\d+:8080/],
      },
    ],
  },
  {
    title: "Which modes of kube-proxy drop INVALID packets?",
    issues: ["kubernetes/kubernetes#120412", "kubernetes/kubernetes#122663"],
    text: "iptables mode has a rule for them, unless conntrack.tcpBeLiberal is set. nftables mode has never had it.",
    steps: [
      {
        text: "The same packet in iptables mode:",
        command: `why tcp pod/web pod/client:40000 --from-port 8080 --flags SYN-ACK ${QUESTIONS}`,
        says: ["DROPPED INVALID_STATE"],
      },
      {
        text: "With tcpBeLiberal kube-proxy leaves that rule out, and it passes:",
        command: `why tcp pod/web pod/client:40000 --from-port 8080 --flags SYN-ACK ${QUESTIONS} --set spec.cluster.conntrack.tcpBeLiberal=true`,
        says: ["DELIVERED"],
        saysNot: ["DROPPED"],
      },
    ],
  },
  {
    title: "Can a pod reach itself by its own service?",
    issues: ["kubernetes/kubernetes#20475", "kubernetes/kubernetes#61593", "kubernetes/kubernetes#22717"],
    text: "A packet from an address to the same address would be dropped by the pod's kernel; kube-proxy masquerades it.",
    steps: [
      {
        text: "Both ways: the pod sees its node, and the answer comes from the service:",
        command: `why tcp pod/lone svc/lone:80 --both ${QUESTIONS}`,
        says: ["KUBE-MARK-MASQ", "KUBE-POSTROUTING MASQUERADE", "sees 10.0.1.4", "172.20.0.10:80"],
        saysNot: ["DROPPED"],
      },
    ],
  },
  {
    title: "What does externalTrafficPolicy Local do at a node without endpoints?",
    issues: ["kubernetes/kubernetes#85643", "kubernetes/kubernetes#50977", "kubernetes/kubernetes#131765"],
    text: "It keeps the client's address and drops what comes to a node that has no endpoint.",
    steps: [
      {
        text: "node-1 has none:",
        command: `why tcp host/nlb node/node-1:30080 ${QUESTIONS}`,
        says: ["DROPPED SERVICE_NO_LOCAL_ENDPOINT"],
      },
      {
        text: "With the policy Cluster it goes on to the other node, which sees node-1 as the client:",
        command: `why tcp host/nlb node/node-1:30080 ${QUESTIONS} --set svc/web:spec.externalTrafficPolicy=Cluster`,
        says: ["DELIVERED", "KUBE-POSTROUTING MASQUERADE", "sees 10.0.1.4"],
      },
    ],
  },
  {
    title: "Can somebody outside reach services that listen at 127.0.0.1 of a node?",
    issues: ["kubernetes/kubernetes#90259"],
    text: "route_localnet, which iptables mode sets for NodePorts, once let neighbours in (CVE-2020-8558).",
    steps: [
      {
        text: "Not any more: what comes to a node from elsewhere for 127.0.0.1 is dropped.",
        command: `why tcp pod/client 127.0.0.1:30080 ${QUESTIONS}`,
        says: ["DROPPED MARTIAN_LOOPBACK"],
      },
    ],
  },
  {
    title: "Why does a service without endpoints refuse, and one with an unknown port time out?",
    issues: ["kubernetes/kubernetes#22952", "kubernetes/kubernetes#44516"],
    text: "Each mode has its own answers for what no endpoint takes.",
    steps: [
      {
        text: "No endpoints: kube-proxy rejects, and the client knows at once:",
        command: `why tcp pod/client svc/empty:80 ${QUESTIONS}`,
        says: ["REJECTED SERVICE_NO_ENDPOINTS", "ICMP port unreachable"],
      },
      {
        text: "A port that the service does not have, in iptables mode: the packet leaves the VPC, and is lost:",
        command: `why tcp pod/client 172.20.0.20:81 ${QUESTIONS}`,
        says: ["DROPPED", "OUTSIDE_UNREACHABLE"],
      },
      {
        text: "The same in nftables mode:",
        command: `why tcp pod/client 172.20.0.20:81 ${QUESTIONS} ${NFTABLES}`,
        says: ["REJECTED SERVICE_PORT_UNKNOWN"],
      },
    ],
  },
  {
    title: "Why can nobody ping a ClusterIP?",
    issues: ["kubernetes/kubernetes#22952"],
    text: "A service has ports; an echo request has none.",
    steps: [
      {
        text: "In iptables mode it leaves for the internet:",
        command: `why icmp pod/client 172.20.0.20 ${QUESTIONS}`,
        says: ["DROPPED", "gateway"],
      },
      {
        text: "In IPVS mode the node rejects what is for a service's address and no port of it:",
        command: `why icmp pod/client 172.20.0.20 ${QUESTIONS} --set spec.cluster.kubeProxy.mode=ipvs`,
        says: ["REJECTED SERVICE_PORT_UNKNOWN", "ICMP port unreachable"],
      },
    ],
  },
  {
    title: "Who is let in by loadBalancerSourceRanges?",
    issues: ["kubernetes/kubernetes#99299"],
    text: "Ranges hold for a load balancer's addresses alone, not for NodePorts and ClusterIPs of the same service.",
    steps: [
      {
        text: "By the load balancer's address, from a pod that is not in the range:",
        command: `why tcp pod/client 198.51.100.200:80 ${QUESTIONS} --set svc/web:spec.externalTrafficPolicy=Cluster --set 'svc/web:spec.loadBalancerSourceRanges=["192.0.2.0/24"]'`,
        says: ["DROPPED SERVICE_SOURCE_RANGE"],
      },
      {
        text: "By the NodePort, from somebody who is not in it either:",
        command: `why tcp host/nlb node/node-2:30080 ${QUESTIONS} --set 'svc/web:spec.loadBalancerSourceRanges=["192.0.2.0/24"]'`,
        says: ["DELIVERED"],
        saysNot: ["DROPPED"],
      },
    ],
  },
];
