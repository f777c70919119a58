import type { Recipe } from "../recipe.ts";

const LAB = "--lab labs/service-questions";
const SAME_PORT = `replay labs/service-questions/same-port.pcap ${LAB} --tables`;
const FIVE = `replay labs/service-questions/five-connections.pcap ${LAB} --at pod/client`;
const VISITS = "replay labs/session-affinity/visits.pcap --lab labs/session-affinity";

/** Of what a node remembers of earlier packets, by captures that go through a lab once more. */
export const CONNTRACK_REPLAYS: readonly Recipe[] = [
  {
    title: "What does a node do with two pods that have the same source port?",
    issues: [
      "kubernetes/kubernetes#76699",
      "kubernetes/kubernetes#78547",
      "aws/amazon-vpc-cni-k8s#516",
      "aws/amazon-vpc-cni-k8s#1040",
    ],
    text:
      "Behind the node's address both connections would be one. Without random ports the first pod keeps its port and the " +
      "second gets another; when both come at once on two CPUs, the same port is chosen for both and one packet is lost. " +
      "Random ports make that rare.",
    steps: [
      {
        text: "RANDOMIZESNAT none: the port was taken by the first pod (a collision), and the second gets another:",
        command: `${SAME_PORT} --set AWS_VPC_K8S_CNI_RANDOMIZESNAT=none`,
        says: [
          "pod/client:40000 (as node-1:40000)",
          /pod\/lone:40000 \(as node-1:(?!40000)\d+\)/,
          /node-1 +2 +1 +1 +0/,
        ],
      },
      {
        text: "With the CNI's default, prng, both ports are drawn, and none was taken:",
        command: SAME_PORT,
        says: [/pod\/client:40000 \(as node-1:(?!40000)\d+\)/, /node-1 +2 +0 +0 +0/],
      },
    ],
  },
  {
    title: "What happens when the conntrack table is full?",
    issues: ["kubernetes/kubernetes#18604"],
    text:
      "A packet that begins a connection is dropped. The kernel makes room by early drop alone, which spares established " +
      "connections (ASSURED).",
    steps: [
      {
        text: "Four connections of a pod are open, and the table has room for four: the fifth SYN ends at the pod's node.",
        command: `${FIVE} --set spec.cluster.conntrack.max=4 --verdict DROPPED --verdict MISSING`,
        says: ["pod/client:40004 -> svc/web:80 tcp S DROPPED CONNTRACK_FULL", "MISSING", "2 CONNTRACK_FULL"],
      },
      {
        text: "With room for five:",
        command: `${FIVE} --set spec.cluster.conntrack.max=5 -c 0`,
        says: ["15 DELIVERED", "5 came out as captured"],
        saysNot: ["DROPPED"],
      },
    ],
  },
  {
    title: "Why does a connection that is closed stay in conntrack for an hour?",
    issues: ["kubernetes/kubernetes#32551"],
    text:
      "One side has closed, and the other has not: the connection is in CLOSE_WAIT. kube-proxy keeps such entries for an hour, " +
      "where the kernel's default is a minute, so that who is half closed may still be sent to. A server that forgets to close its " +
      "sockets fills the table, and the node's ports, with them.",
    steps: [
      {
        text: "The client's FIN is acknowledged, and the server sends none. One second later 3599 are left:",
        command: `replay labs/service-questions/half-closed.pcap ${LAB} --at pod/client --tables`,
        says: [/tcp +CLOSE_WAIT +3599/, "tcp F. DELIVERED"],
      },
      {
        text: "The kernel's own default:",
        command: `replay labs/service-questions/half-closed.pcap ${LAB} --at pod/client --tables -c 0 --set spec.cluster.conntrack.timeouts.nf_conntrack_tcp_timeout_close_wait=60`,
        says: [/tcp +CLOSE_WAIT +59/],
      },
    ],
  },
  {
    title: "How long does a service with ClientIP affinity send a client to the same pod?",
    issues: ["kubernetes/kubernetes#89358", "kubernetes/kubernetes#103000"],
    text:
      "Until no connection has come from the client for timeoutSeconds: each one starts the time anew. It is remembered by node " +
      "and by port of the service. (IPVS also keeps a client for as long as a connection of it is in its table; podplane " +
      "does not, see [service-modes.md](service-modes.md).)",
    steps: [
      {
        text: "A timeout of 60 s, and a client that comes after 20, 55 and 55 s, then after 61, 61 and 61:",
        command: VISITS,
        says: [
          /12:00:00\S+ \S+ -> \S+ => pod\/cart-1.* 12:00:20\S+ \S+ -> \S+ => pod\/cart-1/,
          /12:02:10\S+ \S+ -> \S+ => pod\/cart-1/,
          /12:03:11\S+ \S+ -> \S+ => pod\/cart-[234]/,
        ],
      },
      {
        text: "Without affinity a pod is drawn each time:",
        command: `${VISITS} --set svc/cart:spec.sessionAffinity=None --set svc/cart:spec.sessionAffinityConfig=null`,
        says: [/12:00:(20|00)\S+ \S+ -> \S+ => pod\/cart-[234]/],
      },
    ],
  },
];
