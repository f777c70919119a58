import { describe, expect, it } from "vitest";
import { clusterRules } from "../../../src/control/kube/rules/clusterRules.ts";
import { cniSettings, connmarkOf } from "../../../src/control/objects/cniEnv.ts";
import { cniNotes } from "../../../src/control/objects/cniNotes.ts";
import { goIntegerOfAnyBase } from "../../../src/control/objects/goText.ts";
import { type NodeRow, type Row, SNAT_EXTERNAL, SNAT_PRNG } from "../../../src/plane/rows.ts";
import { cluster, cni, type Fields, vpc } from "../control/objects.ts";

const rowsOf = (spec: Fields, ...documents: unknown[]): Row[] => [
  ...cluster(spec, ...documents)
    .snapshot()
    .rows.values(),
];
const nodes = (rows: Row[]) => rows.filter((row): row is NodeRow => row.t === "node");
const notes = (env: Record<string, string>, mode: "standard" | "auto" = "standard") =>
  cniNotes(env, mode).map(({ message }) => message);

describe("AWS_VPC_K8S_CNI_CONNMARK", () => {
  it.each<[string, number | null]>([
    ["0x80", 128],
    ["128", 128],
    ["0200", 128],
    ["0o200", 128],
    ["0b10000000", 128],
    ["0xFFFFFFFF", 0xffff_ffff],
    ["0x100000000", null],
    ["0", null],
    ["-1", null],
    ["080", null],
    ["mark", null],
    ["", null],
    [" 1", null],
  ])("%j is %s (strconv.ParseInt with base 0, 1 to 2^32 - 1)", (text, mark) => {
    expect(connmarkOf(text)).toBe(mark);
    expect(cniSettings({ AWS_VPC_K8S_CNI_CONNMARK: text }).connmark).toBe(mark ?? 0x80);
  });

  it("is read as Go reads it", () => {
    expect(["-0x10", "+7", "0", "0x", "1_000", "9223372036854775808"].map(goIntegerOfAnyBase)).toEqual([
      -16,
      7,
      0,
      null,
      null,
      null,
    ]);
  });

  it("has a note where aws-node takes another, or it means something to others", () => {
    expect(notes({ AWS_VPC_K8S_CNI_CONNMARK: "x" })).toEqual([
      'AWS_VPC_K8S_CNI_CONNMARK is "x": aws-node takes 0x80 for it; write a number from 1 to 0xffffffff',
    ]);
    expect(notes({ AWS_VPC_K8S_CNI_CONNMARK: "0x4000" })[0]).toContain("shares bits with the marks of kube-proxy");
    expect(notes({ AWS_VPC_K8S_CNI_CONNMARK: "0x100" })).toEqual([]);
  });
});

describe("AWS_EXTERNAL_SERVICE_CIDRS", () => {
  it("skips what is no IPv4 CIDR block, and clears host bits", () => {
    const env = { AWS_EXTERNAL_SERVICE_CIDRS: "192.168.1.1/16, fd00::/8 ,x,10.1.0.0/16" };
    expect(cniSettings(env).externalServiceCidrs).toEqual([
      { prefix: (192 << 24) | (168 << 16), length: 16 },
      { prefix: (10 << 24) | (1 << 16), length: 16 },
    ]);
    expect(notes(env)).toEqual([
      "AWS_EXTERNAL_SERVICE_CIDRS has fd00::/8 and x: aws-node skips what is no IPv4 CIDR block",
    ]);
  });
});

describe("rows of the CNI's settings", () => {
  it("follow the environment and the lab's switch, on every node", () => {
    const env = {
      AWS_VPC_CNI_NODE_PORT_SUPPORT: "false",
      AWS_VPC_K8S_CNI_CONNMARK: "0xffffffff",
      AWS_EXTERNAL_SERVICE_CIDRS: "192.168.0.0/16",
      DISABLE_TCP_EARLY_DEMUX: "true",
    };
    const rows = rowsOf({ cluster: { cni: { env, markBeforeDnat: true } } });
    expect(rows.filter((row) => row.t === "nodeCni")).toEqual(
      [0, 1].map((node) => ({
        t: "nodeCni",
        node,
        nodePortSupport: false,
        connmark: -1,
        markBeforeDnat: true,
        externalServices: [{ prefix: (192 << 24) | (168 << 16), length: 16 }],
        tcpEarlyDemux: false,
      })),
    );
  });

  it("have no effect beside EXTERNALSNAT, which a note says", () => {
    const external = { AWS_VPC_K8S_CNI_EXTERNALSNAT: "true", AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: "10.9.0.0/16" };
    expect(rowsOf(cni(external)).some((row) => row.t === "snatExempt" && row.excluded)).toBe(false);
    expect(notes(external)).toEqual([
      "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS has no effect beside AWS_VPC_K8S_CNI_EXTERNALSNAT",
    ]);
  });
});

describe("snatPolicy of EKS Auto Mode", () => {
  const nodeClass = (name: string, snatPolicy: string) => ({
    apiVersion: "eks.amazonaws.com/v1",
    kind: "NodeClass",
    metadata: { name },
    spec: {
      role: "nodes",
      subnetSelectorTerms: [{ tags: { tier: "nodes" } }],
      securityGroupSelectorTerms: [{ name: "nodes" }],
      snatPolicy,
    },
  });
  const subnets = ["a", "b"].map((zone, i) => ({
    name: `nodes-${zone}`,
    availabilityZone: `us-east-1${zone}`,
    cidrBlock: `10.0.${i + 1}.0/24`,
    tags: { tier: "nodes" },
  }));
  const auto = (env: Fields = {}): Fields => ({
    vpc: vpc({ subnets, securityGroups: [{ name: "nodes" }] }),
    cluster: { mode: "auto", cni: { env } },
    nodes: [
      { name: "node-1", instanceType: "m5.large", subnet: "nodes-a", nodeClass: "keeps" },
      { name: "node-2", instanceType: "m5.large", subnet: "nodes-b", nodeClass: "hides" },
    ],
  });

  it("is each node's own: Disabled keeps pods' addresses, Random hides them behind a random port", () => {
    const rows = rowsOf(auto(), nodeClass("keeps", "Disabled"), nodeClass("hides", "Random"));
    expect(nodes(rows).map(({ snatMode }) => snatMode)).toEqual([SNAT_EXTERNAL, SNAT_PRNG]);
  });

  it("is what holds there, whatever aws-node's variables are", () => {
    const env = {
      AWS_VPC_K8S_CNI_EXTERNALSNAT: "true",
      AWS_VPC_K8S_CNI_RANDOMIZESNAT: "none",
      AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: "10.9.0.0/16",
    };
    const rows = rowsOf(auto(env), nodeClass("keeps", "Random"), nodeClass("hides", "Random"));
    expect(nodes(rows).map(({ snatMode }) => snatMode)).toEqual([SNAT_PRNG, SNAT_PRNG]);
    expect(rows.some((row) => row.t === "snatExempt" && row.excluded)).toBe(false);
    expect(notes(env, "auto")).toHaveLength(3);
  });
});

describe("rules for a kernel", () => {
  const rules = (env: Fields, more: Fields = {}, mode = "nftables") => {
    const c = cluster({ cluster: { cni: { env, ...more }, kubeProxy: { mode } } });
    return clusterRules(c.state(), c.snapshot(), null, "node-1")[0];
  };

  it("have the mark in a table of its own since 1.23, and in iptables' nat before, in front of kube-proxy's", () => {
    const now = rules({});
    expect(now.nftables).toContain("type nat hook prerouting priority -90");
    expect(now.iptables).not.toContain("AWS-CONNMARK-CHAIN-0");
    const before = rules({}, { markBeforeDnat: true }, "iptables");
    expect(before.nftables).toBe("");
    const nat = before.iptables
      .split("\n")
      .filter((line) => line.startsWith("-A PREROUTING") && !line.includes("primary ENI"));
    expect(nat.map((line) => / -j (\S+)/.exec(line)?.[1])).toEqual([
      "AWS-CONNMARK-CHAIN-0",
      "CONNMARK",
      "KUBE-SERVICES",
    ]);
  });

  it("restore the mark of vlan+ and set it at eth0 with NodePort support alone; nothing is left of it with EXTERNALSNAT", () => {
    const of = (env: Fields) => (rules(env).iptables.match(/-i (\S+)/g) ?? []).map((text) => text.slice(3));
    expect(of({})).toEqual(["eth0", "eni+", "vlan+"]);
    expect(of({ AWS_VPC_CNI_NODE_PORT_SUPPORT: "false" })).toEqual(["eni+"]);
    expect(of({ AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" })).toEqual(["eth0", "eni+", "vlan+"]);
    expect(of({ AWS_VPC_CNI_NODE_PORT_SUPPORT: "false", AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" })).toEqual([]);
  });

  it("have no destination for 0.0.0.0/0, as the kernel shows it", () => {
    const { iptables, nftables } = rules({ AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: "0.0.0.0/0" });
    expect(iptables).toContain('-A AWS-SNAT-CHAIN-0 -m comment --comment "AWS SNAT CHAIN EXCLUSION" -j RETURN');
    expect(nftables).toContain("    return\n");
  });
});
