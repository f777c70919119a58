import type { Recipe } from "../recipe.ts";

const QUERIES = "replay labs/dns-5-seconds/two-queries.pcap --lab labs/dns-5-seconds --at pod/client";

/** Of names that are asked for, by captures that go through a lab once more. */
export const DNS_REPLAYS: readonly Recipe[] = [
  {
    title: "Why does a DNS lookup take 5 seconds now and then?",
    issues: ["kubernetes/kubernetes#56903", "aws/amazon-vpc-cni-k8s#595", "aws/amazon-vpc-cni-k8s#1402"],
    text:
      "A resolver asks for A and AAAA from one socket at once. Both packets are the first of one connection: on a node with " +
      "several CPUs each gets a translation, and the entry of the one that is later clashes with the other's. It is " +
      "dropped, and the resolver asks again after its timeout of 5 s. QUEUED packets wait for their entry to be confirmed; " +
      "the lab makes that gap by `unconfirmedWindow`.",
    steps: [
      {
        text: "What tcpdump saw at the client, through the lab once more: the second question, AAAA, is lost, and five seconds pass:",
        command: QUERIES,
        says: [
          "#2, which was held, was DROPPED CONNTRACK_INSERT_FAILED",
          "12:00:05.002",
          "1 CONNTRACK_INSERT_FAILED",
          "1 packet came out after",
        ],
      },
      {
        text: "Linux 5.0 and later settle the clash: both packets go on, and nothing is dropped:",
        command: `${QUERIES} --set spec.cluster.conntrack.resolveClashes=true -c 3`,
        says: ["QUEUED", "5 DELIVERED", "2 packets came out after the plane had held them"],
        saysNot: ["CONNTRACK_INSERT_FAILED", "DROPPED"],
      },
      {
        text: "A DNS cache on each node is asked without DNAT and conntrack: nothing waits, nothing can clash:",
        command: `${QUERIES} --set spec.cluster.dns.mode=node-local -c 3`,
        says: ["7 DELIVERED"],
        saysNot: ["QUEUED", "DROPPED"],
      },
    ],
  },
  {
    title: "Why do names outside the cluster fail under load, though CoreDNS has CPU to spare?",
    issues: ["aws/containers-roadmap#2530"],
    text:
      "The VPC's resolver takes 1024 packets a second from one ENI. All pods' questions come by the ENI of the CoreDNS pod " +
      "that forwards them.",
    steps: [
      {
        text: "1,100 questions within 0.6 s, of which the first 1024 arrive:",
        command: "replay labs/resolver-limit/burst.pcap --lab labs/resolver-limit --verdict DROPPED -c 2",
        says: ["1024 DELIVERED", "76 VPC_RESOLVER_LIMIT", "pod/kube-system/coredns-1:41024"],
      },
      {
        text: "Without the limit all of them do:",
        command:
          "replay labs/resolver-limit/burst.pcap --lab labs/resolver-limit --set spec.cluster.dns.queryLimit=0 -c 0",
        says: ["1100 DELIVERED"],
        saysNot: ["DROPPED"],
      },
    ],
  },
];
