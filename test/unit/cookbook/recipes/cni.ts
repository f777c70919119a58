import type { Recipe } from "../recipe.ts";

const QUESTIONS = "--lab labs/service-questions";

/** Of the VPC CNI's rules on a node, and of the VPC around it. */
export const CNI_RECIPES: readonly Recipe[] = [
  {
    title: "Why does a NodePort answer for some pods and time out for others?",
    issues: [
      "aws/amazon-vpc-cni-k8s#75",
      "aws/amazon-vpc-cni-k8s#130",
      "aws/amazon-vpc-cni-k8s#231",
      "aws/amazon-vpc-cni-k8s#107",
    ],
    text:
      "The request comes by the primary ENI. The pod's answer is routed by the pod's own address: by its ENI, where the node's " +
      "address, which the answer has by then, does not belong. The CNI's mark of connections that came by the primary ENI " +
      "prevents that; here it is off.",
    steps: [
      {
        text: "The request arrives; its answer leaves by eth1 and dies at the source/destination check:",
        command: "why tcp host/office node/node-1:30081 --both --lab labs/nodeport-secondary-eni",
        says: ["DELIVERED", "SOURCE_DEST_CHECK", "1536 from pod", "node-1/eth1"],
      },
      {
        text: "With the CNI's default both ways are the primary ENI's, by the mark 0x80:",
        command:
          "why tcp host/office node/node-1:30081 --both --lab labs/nodeport-secondary-eni --set AWS_VPC_CNI_NODE_PORT_SUPPORT=true",
        says: ["1024 fwmark 0x80/0x80", "0x80"],
        saysNot: ["SOURCE_DEST_CHECK"],
      },
    ],
  },
  {
    title: "Why do pods on a secondary ENI reach everything but services?",
    issues: ["aws/amazon-vpc-cni-k8s#3563", "aws/amazon-vpc-cni-k8s#3800"],
    text:
      "The CNI marks connections that leave the VPC, so that they go by the primary ENI. In front of kube-proxy's DNAT a " +
      "ClusterIP looks as if it left the VPC: the packet is marked, translated to a pod, and sent by eth0 with the address " +
      "of a pod on eth1.",
    steps: [
      {
        text: "The mark, rule 1024, and the ENI that does not have the source:",
        command: "why tcp pod/second svc/api:80 --lab labs/clusterip-marked-before-dnat",
        says: ["DROPPED SOURCE_DEST_CHECK", "0x0 -> 0x80", "1024 fwmark 0x80/0x80"],
      },
      {
        text: "Since 1.23 the CNI marks behind kube-proxy, and what kube-proxy translated is not marked:",
        command:
          "why tcp pod/second svc/api:80 --lab labs/clusterip-marked-before-dnat --set spec.cluster.cni.markBeforeDnat=false",
        says: ["DELIVERED", "1536 from pod", "node-1/eth1"],
      },
    ],
  },
  {
    title: "Why do some pods reach a Service that stands for a machine on-premises, and others not?",
    issues: ["aws/amazon-vpc-cni-k8s#1910", "aws/amazon-vpc-cni-k8s#1392"],
    text:
      "The kernel ends its search at the first NAT chain that translates a destination. That is kube-proxy's, so that the " +
      "CNI never marks the connection for the primary ENI; its source NAT takes it all the same.",
    steps: [
      {
        text: "No mark, rule 1536 by eth1, and then the address of eth0:",
        command: "why tcp pod/second svc/ldap:80 --lab labs/external-endpoint-secondary-eni",
        says: ["DROPPED SOURCE_DEST_CHECK", "1536 from pod", "AWS-SNAT-CHAIN-0"],
      },
      {
        text: "AWS_EXTERNAL_SERVICE_CIDRS puts a rule in front of 1536:",
        command:
          "why tcp pod/second svc/ldap:80 --both --lab labs/external-endpoint-secondary-eni --set AWS_EXTERNAL_SERVICE_CIDRS=192.168.0.0/16",
        says: ["1535 to AWS_EXTERNAL_SERVICE_CIDRS", "DELIVERED"],
        saysNot: ["DROPPED"],
      },
    ],
  },
  {
    title: "By which ENI does the answer go when a machine outside the VPC asks a pod on a secondary ENI?",
    issues: ["aws/amazon-vpc-cni-k8s#1392", "aws/amazon-vpc-cni-k8s#69"],
    text: "In and out by the same ENI is what firewalls and people expect. `--both` shows the two ways one below the other.",
    steps: [
      {
        text: "In by eth1, which has the pod's address, and out by eth1 by rule 1536, with no translation:",
        command: "why tcp host/office pod/side:8080 --both --lab labs/nodeport-secondary-eni",
        says: ["1536 from pod", "node-1/eth1", "DELIVERED"],
        saysNot: ["AWS-SNAT-CHAIN-0:", "DROPPED"],
      },
    ],
  },
  {
    title: "Why does a machine on-premises see the node and not the pod?",
    issues: [
      "aws/amazon-vpc-cni-k8s#390",
      "aws/amazon-vpc-cni-k8s#777",
      "aws/amazon-vpc-cni-k8s#495",
      "aws/amazon-vpc-cni-k8s#469",
    ],
    text: "A pod's address is kept for the CIDR blocks of its own VPC alone. Everything else is the outside, unless AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS names it.",
    steps: [
      {
        text: "The mark, rule 1024 and the CNI's source NAT:",
        command: "why tcp pod/web host/erp:80 --lab labs/on-premises-sees-node",
        says: ["AWS-SNAT-CHAIN-0", "host/erp sees 10.0.1.4"],
      },
    ],
  },
  {
    title: "What changes, and what breaks, when I set EXTERNALSNAT or exclude a CIDR?",
    issues: ["aws/amazon-vpc-cni-k8s#1623", "aws/amazon-vpc-cni-k8s#1462"],
    text:
      "`seen` asks every kind of source about every kind of destination under both settings, and shows where they differ, " +
      "before anything is rolled out.",
    steps: [
      {
        text: "On-premises sees pods, and the internet is lost:",
        command:
          "seen --lab labs/seen --vs AWS_VPC_K8S_CNI_EXTERNALSNAT=true --from pod/secondary --to host/db --to host/erp --to host/web",
        says: ["IGW_NO_PUBLIC_ADDRESS", "2 differences", "10.0.1.17"],
      },
      {
        text: "Excluding the office's CIDR alone changes just that:",
        command:
          "seen --lab labs/seen --vs AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS=192.168.0.0/16 --from pod/secondary --to host/db --to host/erp --to host/web",
        says: ["1 difference"],
        saysNot: ["IGW_NO_PUBLIC_ADDRESS"],
      },
    ],
  },
  {
    title: "Why have pods no internet with EXTERNALSNAT, though the node has?",
    issues: ["aws/amazon-vpc-cni-k8s#44", "aws/amazon-vpc-cni-k8s#474"],
    text:
      "An internet gateway translates a private address to the public one that belongs to it. A node's primary address has " +
      "one; a pod's has none, and with EXTERNALSNAT the pod's is the source.",
    steps: [
      {
        text: "Nobody translates:",
        command: "why tcp pod/client host/web:80 --lab labs/externalsnat-public-subnet",
        says: ["DROPPED IGW_NO_PUBLIC_ADDRESS", "EXTERNALSNAT"],
      },
      {
        text: "As the node it works:",
        command: "why tcp node/node-1 host/web:80 --lab labs/externalsnat-public-subnet",
        says: ["DELIVERED", "198.51.100."],
      },
    ],
  },
  {
    title: "Why do connections to the internet fail now and then since there is a network ACL?",
    issues: ["aws/amazon-vpc-cni-k8s#503", "aws/amazon-vpc-cni-k8s#1048"],
    text:
      "`--random-fully` draws source ports from 1024 to 65535. A network ACL is stateless: the answer comes to that port, and " +
      "an ACL that lets in Linux's ephemeral ports alone, 32768 to 61000, drops about every second connection.",
    steps: [
      {
        text: "This connection draws a port that the ACL does not let in; the request is delivered and its answer is not:",
        command: "why tcp pod/client host/web:80 --both --lab labs/random-ports-nacl",
        says: ["DELIVERED", "DROPPED NETWORK_ACL_INGRESS", "7025"],
      },
      {
        text: "Without the random draw the client keeps its port:",
        command:
          "why tcp pod/client host/web:80 --both --lab labs/random-ports-nacl --set AWS_VPC_K8S_CNI_RANDOMIZESNAT=none",
        says: ["DELIVERED", "40000"],
        saysNot: ["DROPPED"],
      },
    ],
  },
  {
    title: "Why do new pods wait for an address while the node has four to spare?",
    issues: ["aws/amazon-vpc-cni-k8s#2896"],
    text:
      "An address that a pod gives back is nobody's for 30 s, and ipamd counts it as available meanwhile, so that it sees no " +
      "reason to get more.",
    steps: [
      {
        text: "Under three settings, over ten minutes of virtual time:",
        command: "ipam simulate labs/cooling-counted-as-available/scenario.yaml",
        says: ["44.1s", /most pods waiting +8 +0 +0/],
      },
    ],
  },
  {
    title: "What does a restart of aws-node without its checkpoint do?",
    issues: ["aws/amazon-vpc-cni-k8s#1127", "aws/amazon-vpc-cni-k8s#123", "aws/amazon-vpc-cni-k8s#1204"],
    text:
      "The checkpoint file holds which pod has which address. A daemon that starts without it (" +
      "another file system, an old version) counts the addresses of running pods as free.",
    steps: [
      {
        text: "The same churn of pods, and a restart in the middle of it:",
        command: "ipam simulate labs/restart-without-checkpoint/scenario.yaml",
        says: [/addresses given twice +2/, /given to pod\S+ at 4m40s, which pod\S+ had/],
      },
    ],
  },
  {
    title: "How many pods can a node have, and what binds first?",
    issues: [
      "aws/amazon-vpc-cni-k8s#201",
      "aws/amazon-vpc-cni-k8s#547",
      "aws/amazon-vpc-cni-k8s#890",
      "aws/amazon-vpc-cni-k8s#1791",
    ],
    text: '"failed to assign an IP address to container" has a dozen causes; each mode has its limits, and one of them binds.',
    steps: [
      {
        text: "One instance type in all modes:",
        command: "capacity m5.large",
        says: ["bound by ENI slots", "bound by kubelet cap"],
      },
      {
        text: "In a small subnet that ten nodes share it is the subnet:",
        command: "capacity m5.large --mode secondary,prefix --subnet 10.0.1.0/26 --nodes 10",
        says: ["bound by addresses in subnet", "bound by prefixes in subnet"],
      },
    ],
  },
  {
    title: "Why does EC2 say InsufficientCidrBlocks while the subnet has free addresses?",
    issues: [
      "aws/amazon-vpc-cni-k8s#2749",
      "aws/amazon-vpc-cni-k8s#1634",
      "aws/amazon-vpc-cni-k8s#2045",
      "aws/amazon-vpc-cni-k8s#3105",
    ],
    text: "A prefix needs an aligned /28 without a single address in use. A few scattered addresses leave none whole.",
    steps: [
      {
        text: "Standard mode waits; Auto Mode falls back to single addresses:",
        command: "ipam simulate labs/subnet-fragmentation/scenario.yaml",
        says: [/start delay max +8m49s +28\.3s/],
      },
    ],
  },
  {
    title: "Do addresses of nodes and hosts land inside the range that I reserved for prefixes?",
    issues: ["aws/amazon-vpc-cni-k8s#3087", "aws/amazon-vpc-cni-k8s#2313"],
    text:
      "Without a reservation EC2 takes any free address for an ENI's own, and each breaks a /28. Out of a reservation of type " +
      "prefix it takes prefixes alone.",
    steps: [
      {
        text: "ENIs' own addresses stay outside of 10.0.1.64/26, prefixes come from it, and its last /28 is whole no more because the subnet's last address is EC2's own:",
        command: "get subnets nodes-a --lab labs/reserved-prefixes",
        says: [/10\.0\.1\.64 +p{16} +node-1\/eth0/, /10\.0\.1\.0 +R{4}EE/, "56 single addresses free"],
      },
      {
        text: "Which ENI has which prefix:",
        command: "get enis --lab labs/reserved-prefixes",
        says: [/node-1\/eth0 .*10\.0\.1\.64\/28/, /node-2\/eth0 .*10\.0\.1\.80\/28/],
      },
    ],
  },
  {
    title: "Can two pods have one address?",
    issues: ["aws/amazon-vpc-cni-k8s#711"],
    text:
      "The simulation keeps the books of who has which address after every event, and says when two pods have one. With its " +
      "checkpoint a daemon that restarts gives none away twice; [the recipe above](#what-does-a-restart-of-aws-node-without-its-checkpoint-do) has the other case.",
    steps: [
      {
        text: "Seventy pods come and go, checked after every event:",
        command: "ipam simulate labs/cooling-counted-as-available/scenario.yaml --check",
        says: [/pods started +71/],
        saysNot: ["given twice", "violation"],
      },
    ],
  },
  {
    title: "Why does a service of type LoadBalancer not answer from inside the cluster?",
    issues: [
      "aws/amazon-vpc-cni-k8s#840",
      "kubernetes-sigs/aws-load-balancer-controller#1864",
      "kubernetes/kubernetes#66796",
      "kubernetes/cloud-provider-aws#1160",
    ],
    text:
      "Where kube-proxy knows the load balancer's address it translates connections to it on the client's own node. With " +
      "externalTrafficPolicy Local that node may have no endpoint.",
    steps: [
      {
        text: "The packet never leaves the node:",
        command: `why tcp pod/client 198.51.100.200:80 ${QUESTIONS}`,
        says: ["DROPPED SERVICE_NO_LOCAL_ENDPOINT", "externalTrafficPolicy Local"],
      },
      {
        text: "A kube-proxy that knows the pods' CIDR takes its own pods as inside, and uses all endpoints:",
        command: `why tcp pod/client 198.51.100.200:80 ${QUESTIONS} --set spec.cluster.kubeProxy.clusterCIDR=10.0.0.0/16`,
        says: ["DELIVERED", "pod/default/web"],
      },
    ],
  },
  {
    title: "Why do the health checks pass and clients time out, since the load balancer preserves their addresses?",
    issues: ["kubernetes-sigs/aws-load-balancer-controller#3521"],
    text:
      "With client IP preservation a target sees the client as the source, and so do the security groups of the node: they " +
      "have to allow the clients, not the load balancer.",
    steps: [
      {
        text: "What comes to a pod directly; the rule that lets in NodePorts almost matches:",
        command: `why tcp host/nlb pod/web:8080 ${QUESTIONS}`,
        says: ["DROPPED SECURITY_GROUP_INGRESS", "nodes"],
      },
      {
        text: "By the NodePort the same source is let in:",
        command: `why tcp host/nlb node/node-2:30080 ${QUESTIONS}`,
        says: ["DELIVERED", "pod/default/web sees 10.0.1.200"],
      },
    ],
  },
  {
    title: "Why does a database refuse pods since they have a subnet of their own?",
    issues: ["aws/amazon-vpc-cni-k8s#1392"],
    text:
      "With custom networking pods' ENIs have the security groups of the ENIConfig. A rule that names the nodes' group does " +
      "not mean them.",
    steps: [
      {
        text: "The group that was asked, and the rule that almost matched:",
        command: "why tcp pod/client host/rds:5432 --lab labs/pod-subnet-security-group",
        says: ["DROPPED SECURITY_GROUP_INGRESS", "db"],
      },
    ],
  },
  {
    title: "Why does no name resolve in Auto Mode with DefaultDeny?",
    issues: ["aws/containers-roadmap#2546", "aws/containers-roadmap#2552"],
    text:
      "In Auto Mode each node answers at the cluster's DNS address itself. No pod and no Service is there for a policy's " +
      "podSelector to find.",
    steps: [
      {
        text: "The policies that isolate the pod, and none that lets the packet out:",
        command: "why udp pod/client 172.20.0.10:53 --lab labs/default-deny-dns",
        says: ["DROPPED POLICY_DENY_EGRESS", "networkpolicy/default/"],
      },
    ],
  },
  {
    title: "Which policy denies this, and would the answer come back?",
    issues: ["aws/aws-network-policy-agent#73", "aws/aws-network-policy-agent#189", "aws/aws-network-policy-agent#345"],
    text:
      "Policies are asked about the first packet of a connection; its answers are let through because the agent remembers " +
      "the connection.",
    steps: [
      {
        text: "Both ways through the policies, with the rule of each:",
        command: "why tcp pod/client pod/api:8080 --both --lab labs/default-deny-dns",
        says: ["networkpolicy/default/", "DELIVERED"],
        saysNot: ["DROPPED"],
      },
    ],
  },
  {
    title: "Which pods does kube-proxy masquerade when clusterCIDR is set?",
    issues: ["aws/amazon-vpc-cni-k8s#790", "kubernetes/kops#4674"],
    text:
      "kube-proxy with a clusterCIDR that the pods' addresses are not in (the service CIDR, an overlay's) takes every client " +
      "of a ClusterIP for one outside the cluster, and masquerades it.",
    steps: [
      {
        text: "The endpoint sees the node:",
        command: `why tcp pod/client svc/web:80 ${QUESTIONS} --set spec.cluster.kubeProxy.clusterCIDR=100.64.0.0/10`,
        says: ["KUBE-MARK-MASQ", "KUBE-POSTROUTING MASQUERADE", "sees 10.0.1.4"],
      },
      {
        text: "Without it the endpoint sees the pod:",
        command: `why tcp pod/client svc/web:80 ${QUESTIONS}`,
        says: ["sees 10.0.1."],
        saysNot: ["MASQUERADE"],
      },
    ],
  },
  {
    title: "Why does a pod behind a peering connection get no answer?",
    issues: ["aws/amazon-vpc-cni-k8s#495"],
    text: "A peering connection carries every block of both VPCs, and an answer needs a route on the other side.",
    steps: [
      {
        text: "With EXTERNALSNAT the request arrives from a secondary CIDR that the other VPC has no route to:",
        command:
          "why tcp pod/client host/orders:80 --both --lab labs/100-64-behind-peering --set AWS_VPC_K8S_CNI_EXTERNALSNAT=true",
        says: ["DELIVERED", "DROPPED VPC_NO_ROUTE"],
      },
    ],
  },
];
