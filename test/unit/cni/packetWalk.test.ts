import { describe, expect, it } from "vitest";
import { cluster, type Fields, podDocument, serviceDocument, sliceDocument, vpc } from "../control/objects.ts";
import { LabBench, type Walked } from "./labBench.ts";

/**
 * How the VPC CNI's rules send a pod's packets, as its source and its users' reports have it: p0 is on the primary ENI,
 * p1 and p2 on the secondary one. Each row names where it is known from.
 */

const OFFICE = "192.168.7.7";
const WEB = "203.0.113.10";
const PEER = "10.9.1.9";
const NODE_PORT = 30080;

interface Settings {
  env?: Fields;
  cni?: Fields;
  mode?: string;
  /** Whether subnets give their machines public addresses. */
  open?: boolean;
}

function lab({ env = {}, cni = {}, mode = "iptables", open = true }: Settings = {}): LabBench {
  const subnets = [
    { name: "nodes-a", availabilityZone: "us-east-1a", cidrBlock: "10.0.1.0/24", mapPublicIpOnLaunch: open },
    { name: "nodes-b", availabilityZone: "us-east-1b", cidrBlock: "10.0.2.0/24", mapPublicIpOnLaunch: open },
  ];
  const routes = [
    { destinationCidrBlock: "0.0.0.0/0", target: "igw" },
    { destinationCidrBlock: "192.168.0.0/16", target: "vgw" },
    { destinationCidrBlock: "10.9.0.0/16", target: "peering" },
  ];
  const peer = {
    name: "peer",
    cidrBlocks: ["10.9.0.0/16"],
    subnets: [{ name: "peer-a", availabilityZone: "us-east-1a", cidrBlock: "10.9.1.0/24" }],
    routeTables: [
      { name: "peer-main", main: true, routes: [{ destinationCidrBlock: "10.0.0.0/16", target: "peering" }] },
    ],
  };
  const on = (name: string, node: string, eni: string) =>
    podDocument(name, { nodeName: node }, { annotations: { "podplane.dev/eni": eni }, labels: { app: name } });
  return new LabBench(
    cluster(
      {
        vpc: vpc({ name: "cluster", subnets, routeTables: [{ name: "main", main: true, routes }] }),
        vpcs: [peer],
        peerings: [{ name: "peering", vpcs: ["cluster", "peer"] }],
        networks: [
          { name: "internet", kind: "internet", cidrBlocks: ["0.0.0.0/0"], target: "igw" },
          { name: "office", kind: "onPremises", cidrBlocks: ["192.168.0.0/16"], target: "vgw" },
        ],
        hosts: [
          { name: "web", address: WEB, network: "internet" },
          { name: "office", address: OFFICE, network: "office" },
          { name: "peer", address: PEER, subnet: "peer-a" },
        ],
        cluster: {
          dns: { mode: "none" },
          cni: { env: { ENABLE_PREFIX_DELEGATION: "true", ...env }, ...cni },
          kubeProxy: { mode },
        },
      },
      on("p0", "node-1", "eth0"),
      on("p1", "node-1", "eth1"),
      on("p2", "node-1", "eth1"),
      on("remote", "node-2", "eth0"),
      serviceDocument("remote"),
      serviceDocument("p1", {
        type: "NodePort",
        externalTrafficPolicy: "Local",
        ports: [{ port: 80, targetPort: 8080, nodePort: NODE_PORT }],
      }),
      serviceDocument("office", { selector: undefined, ports: [{ port: 80, targetPort: 80 }] }),
      sliceDocument("office", [OFFICE], 80),
    ),
  );
}

/** The ENI of node-1 by which a packet left or came. */
const eni = ({ path }: Walked): string => path.find((name) => name.startsWith("node-1/")) ?? "none";

describe("the packet walk", () => {
  it("P0 to a pod elsewhere in the VPC: eth0, its own address (network.go: AWS-SNAT-CHAIN-0 returns for VPC CIDRs)", () => {
    const b = lab();
    const walked = b.ask("pod/p0", "pod/remote:80");
    expect([eni(walked), walked.end, walked.from]).toEqual([
      "node-1/eth0",
      "pod/default/remote",
      `${b.address("pod/p0")}:40000`,
    ]);
  });

  it("P1 to a pod elsewhere in the VPC: eth1, its own address (driver.go: rule 1536 from the pod)", () => {
    const b = lab();
    const walked = b.ask("pod/p1", "pod/remote:80");
    expect([eni(walked), walked.end, walked.from]).toEqual([
      "node-1/eth1",
      "pod/default/remote",
      `${b.address("pod/p1")}:40000`,
    ]);
  });

  it("P1 to a pod on its node: no ENI (driver.go: rule 512 to the pod comes before 1536)", () => {
    const b = lab();
    for (const to of ["pod/p0:80", "pod/p2:80"]) {
      const walked = b.ask("pod/p1", to);
      expect(walked.path).toEqual([]);
      expect(walked.from).toBe(`${b.address("pod/p1")}:40000`);
    }
  });

  it.each(["iptables", "nftables", "ipvs"])(
    "P1 to a ClusterIP of a pod elsewhere: eth1, its own address, kube-proxy in %s mode (nftables_connmark.go: priority -90)",
    (mode) => {
      const b = lab({ mode });
      const walked = b.ask("pod/p1", "svc/remote:80");
      expect([eni(walked), walked.end, walked.from]).toEqual([
        "node-1/eth1",
        "pod/default/remote",
        `${b.address("pod/p1")}:40000`,
      ]);
    },
  );

  it.each(["iptables", "nftables"])(
    "and before 1.23 the ClusterIP is marked: eth0 with P1's address, which the VPC drops, in %s mode (issues 3563, 3800)",
    (mode) => {
      const b = lab({ mode, cni: { markBeforeDnat: true } });
      const walked = b.ask("pod/p1", "svc/remote:80");
      expect([walked.end, walked.path]).toEqual(["SOURCE_DEST_CHECK", []]);
      const marks = walked.explanation.steps.filter(({ stage }) => ["mark", "route"].includes(stage));
      expect(marks.map(({ rule, detail }) => `${rule}: ${detail}`)).toEqual([
        "AWS-CONNMARK-CHAIN-0: 0x0 -> 0x80: bit 7 set (mark and connmark 0x80: leaves the VPC, by the primary ENI)",
        "1024 fwmark 0x80/0x80 lookup main: table main: default -> node-1/eth0",
      ]);
      // A pod of the primary ENI is marked as well, and leaves where it would have left.
      expect(b.ask("pod/p0", "svc/remote:80").end).toBe("pod/default/remote");
      // Rule 512 comes before 1024: endpoints on the node are reached.
      expect(b.ask("pod/p2", "svc/p1:80").end).toBe("pod/default/p1");
    },
  );

  it.each(["pod/p0", "pod/p1"])(
    "%s to the internet: eth0, the node's address and a random port (README, EXTERNALSNAT)",
    (pod) => {
      const b = lab();
      const ports = [0, 1, 2].map((i) => {
        const walked = b.ask(pod, "host/web:80", 40_000 + i);
        expect([eni(walked), walked.end]).toEqual(["node-1/eth0", "host/web"]);
        const [address, port] = walked.from.split(":");
        expect(address).toMatch(/^198\.51\.100\./);
        return Number(port);
      });
      expect(ports).not.toEqual([40_000, 40_001, 40_002]);
    },
  );

  it("P1 to the internet with EXTERNALSNAT: eth1, its own address, which the internet gateway has no public one for", () => {
    const b = lab({ env: { AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" } });
    const walked = b.ask("pod/p1", "host/web:80");
    expect([eni(walked), walked.end]).toEqual(["node-1/eth1", "IGW_NO_PUBLIC_ADDRESS"]);
  });

  it.each(["host/peer", "host/office"])(
    "P1 to %s, a peered VPC and a network beside it: eth0, the node's address (network.go: VPC CIDRs are the VPC's own alone)",
    (there) => {
      const b = lab();
      const walked = b.ask("pod/p1", `${there}:80`);
      expect([eni(walked), walked.end, walked.from.split(":")[0]]).toEqual([
        "node-1/eth0",
        there,
        b.address("node/node-1"),
      ]);
    },
  );

  it.each([
    ["host/peer", "10.9.0.0/16"],
    ["host/office", "192.168.0.0/16"],
    ["host/peer", "0.0.0.0/0"],
    ["host/office", "0.0.0.0/0"],
  ])(
    "P1 to %s with EXCLUDE_SNAT_CIDRS=%s: eth1, its own address (README; network.go has no -d for 0.0.0.0/0)",
    (there, cidr) => {
      const b = lab({ env: { AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: cidr } });
      const walked = b.ask("pod/p1", `${there}:80`);
      expect([eni(walked), walked.end, walked.from]).toEqual(["node-1/eth1", there, `${b.address("pod/p1")}:40000`]);
    },
  );

  it("a client to node:NodePort, externalTrafficPolicy Local, P1 behind it: the reply goes by eth0 through 0x80 (network.go, envConnmark)", () => {
    const b = lab();
    const request = b.ask("host/office", `node/node-1:${NODE_PORT}`);
    expect([eni(request), request.end, request.from]).toEqual(["node-1/eth0", "pod/default/p1", `${OFFICE}:40000`]);
    const reply = b.answer(request);
    expect([eni(reply), reply.end, reply.from]).toEqual([
      "node-1/eth0",
      "host/office",
      `${b.address("node/node-1")}:${NODE_PORT}`,
    ]);
  });

  it("and without AWS_VPC_CNI_NODE_PORT_SUPPORT it goes by eth1 with the node's address, which the VPC drops (issue 75)", () => {
    const b = lab({ env: { AWS_VPC_CNI_NODE_PORT_SUPPORT: "false" } });
    const request = b.ask("host/office", `node/node-1:${NODE_PORT}`);
    expect(request.end).toBe("pod/default/p1");
    const reply = b.answer(request);
    expect(reply.end).toBe("SOURCE_DEST_CHECK");
    expect(reply.explanation.steps.find(({ stage }) => stage === "route")?.rule).toMatch(/^1536/);
  });

  it("a load balancer that keeps the client's address to P1: in by eth1, and the answer out by eth1 (issue 1392, pull request 1460)", () => {
    const b = lab();
    const request = b.ask("host/office", "pod/p1:8080");
    expect([eni(request), request.end]).toEqual(["node-1/eth1", "pod/default/p1"]);
    const reply = b.answer(request);
    expect([eni(reply), reply.end, reply.from]).toEqual(["node-1/eth1", "host/office", `${b.address("pod/p1")}:8080`]);
  });
});

describe("a ClusterIP whose endpoint is outside the VPC, called from P1", () => {
  it("is never marked, leaves by eth1 with the primary address, and dies at the source/destination check (issue 1910)", () => {
    for (const mode of ["iptables", "nftables"]) {
      const b = lab({ mode });
      const walked = b.ask("pod/p1", "svc/office:80");
      expect(walked.end).toBe("SOURCE_DEST_CHECK");
      const { steps } = walked.explanation;
      expect(steps.some(({ stage }) => stage === "mark")).toBe(false);
      expect(steps.find(({ stage }) => stage === "route")?.detail).toContain("-> node-1/eth1");
      expect(steps.find(({ stage }) => stage === "snat")?.detail).toContain(`-> ${b.address("node/node-1")}:`);
      expect(b.ask("pod/p0", "svc/office:80").end).toBe("host/office");
    }
  });

  it("goes by rule 1535 with AWS_EXTERNAL_SERVICE_CIDRS, out by eth0 with the node's address (pull request 2243)", () => {
    const b = lab({ env: { AWS_EXTERNAL_SERVICE_CIDRS: "nonsense, 192.168.0.0/16" } });
    const walked = b.ask("pod/p1", "svc/office:80");
    expect([eni(walked), walked.end, walked.from.split(":")[0]]).toEqual([
      "node-1/eth0",
      "host/office",
      b.address("node/node-1"),
    ]);
    expect(b.answer(walked).end).toBe("pod/default/p1");
  });

  it("works before 1.23, where the ClusterIP is marked for the primary ENI", () => {
    const b = lab({ cni: { markBeforeDnat: true } });
    expect(b.ask("pod/p1", "svc/office:80").end).toBe("host/office");
  });
});

describe("AWS_VPC_K8S_CNI_CONNMARK", () => {
  it("is the mark of all rules", () => {
    const b = lab({ env: { AWS_VPC_K8S_CNI_CONNMARK: "0x100" } });
    const walked = b.ask("pod/p1", "host/office:80");
    expect(walked.explanation.steps.find(({ stage }) => stage === "mark")?.detail).toMatch(/^0x0 -> 0x100: bit 8 set /);
    expect(eni(walked)).toBe("node-1/eth0");
    const request = b.ask("host/office", `node/node-1:${NODE_PORT}`, 41_000);
    expect(b.answer(request).end).toBe("host/office");
  });

  it("that is kube-proxy's masquerade bit has everything masqueraded that it marks", () => {
    const b = lab({ env: { AWS_VPC_K8S_CNI_CONNMARK: "0x4000" } });
    const walked = b.ask("pod/p1", "host/office:80");
    expect(walked.explanation.steps.find(({ stage }) => stage === "snat")?.rule).toBe("KUBE-POSTROUTING MASQUERADE");
  });
});

describe("AWS_VPC_K8S_CNI_RANDOMIZESNAT", () => {
  it.each([
    ["none", true],
    ["hashrandom", false],
    ["prng", false],
  ])("%s keeps the source port: %s", (mode, keeps) => {
    const b = lab({ env: { AWS_VPC_K8S_CNI_RANDOMIZESNAT: mode } });
    const kept = [1, 2, 3, 4].filter((i) =>
      b.ask("pod/p0", "host/office:80", 40_000 + i).from.endsWith(`:${40_000 + i}`),
    );
    expect(kept.length === 4).toBe(keeps);
  });
});
