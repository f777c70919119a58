import { describe, expect, it } from "vitest";
import type { Cluster } from "../../../src/control/cluster.ts";
import { pathText } from "../../../src/control/objects/finding.ts";
import { networkAclViews, securityGroupViews } from "../../../src/control/securityViews.ts";
import { checkLab } from "../../../src/control/vpc/checkLab.ts";
import { askOffline } from "../../../src/lab/question.ts";
import type { Row } from "../../../src/plane/rows.ts";
import { cluster, cni, type Fields, podDocument, problemsOf, readLab, vpc } from "./objects.ts";

const nodesGroup = { name: "nodes", id: "sg-0n", ingress: [{ protocol: "all", sources: ["nodes"] }] };
const machines = (nodes: Fields, hosts: Fields[] = []) => ({
  nodes: [
    { name: "node-1", instanceType: "m5.large", subnet: "nodes-a", ...nodes },
    { name: "node-2", instanceType: "m5.large", subnet: "nodes-b", ...nodes },
  ],
  hosts,
});
const rds = (fields: Fields = {}) => ({ name: "rds", address: "10.0.1.200", subnet: "nodes-a", ...fields });

function rowsOf<T extends Row["t"]>(c: Cluster, t: T): Extract<Row, { t: T }>[] {
  return [...c.snapshot().rows.values()].filter((row): row is Extract<Row, { t: T }> => row.t === t);
}

/** Groups by ENI, in names. */
function membership(c: Cluster): Record<string, string[]> {
  const { names } = c.snapshot();
  return Object.fromEntries(
    rowsOf(c, "eniGroups").map((row) => [names.eni(row.eni), row.groups.map((g) => names.securityGroup(g))]),
  );
}

function why(c: Cluster, protocol: string, source: string, destination: string) {
  return askOffline(c, { protocol, source, destination, fromPort: null });
}

describe("security groups of a lab", () => {
  it("filter nothing in a VPC that writes none", () => {
    const c = cluster(machines({}, [rds()]));
    expect([...rowsOf(c, "eniGroups"), ...rowsOf(c, "securityGroup")]).toEqual([]);
  });

  it("have every ENI that names none in the group default, which is there unwritten", () => {
    const c = cluster({
      vpc: vpc({ securityGroups: [nodesGroup] }),
      ...machines({}, [rds({ securityGroups: ["sg-0n"] })]),
    });
    expect(membership(c)).toEqual({ "node-1/eth0": ["default"], "node-2/eth0": ["default"], "rds/eth0": ["nodes"] });
    const [nodes, implicit] = rowsOf(c, "securityGroup");
    expect(nodes.egress).toEqual([{ protocol: -1, fromPort: 0, toPort: 65_535, prefix: 0, length: 0, group: -1 }]);
    expect(implicit).toMatchObject({ ingress: [{ protocol: -1, group: 1 }], egress: [{ protocol: -1, group: -1 }] });
  });

  it("are those of the primary for the ENIs that the CNI adds, and ENIConfig's where it names some", () => {
    const groups = [nodesGroup, { name: "pods" }];
    const pods = Array.from({ length: 12 }, (_, i) => podDocument(`p${i}`, { nodeName: "node-1" }));
    const plain = cluster(
      { vpc: vpc({ securityGroups: groups }), ...machines({ securityGroups: ["nodes"] }) },
      ...pods,
    );
    expect(membership(plain)).toMatchObject({ "node-1/eth0": ["nodes"], "node-1/eth1": ["nodes"] });
    const config = {
      apiVersion: "crd.k8s.amazonaws.com/v1alpha1",
      kind: "ENIConfig",
      metadata: { name: "us-east-1a" },
      spec: { subnet: "nodes-a", securityGroups: ["pods"] },
    };
    const custom = cluster(
      {
        vpc: vpc({ securityGroups: groups }),
        ...machines({ securityGroups: ["nodes"] }),
        ...cni({
          AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true",
          ENI_CONFIG_LABEL_DEF: "topology.kubernetes.io/zone",
        }),
        nodes: [{ name: "node-1", instanceType: "m5.large", subnet: "nodes-a", securityGroups: ["nodes"] }],
      },
      config,
      podDocument("p", { nodeName: "node-1" }),
    );
    expect(membership(custom)).toMatchObject({ "node-1/eth0": ["nodes"], "node-1/eth1": ["pods"] });
  });

  it("are a SecurityGroupPolicy's for a branch ENI", () => {
    const policy = {
      apiVersion: "vpcresources.k8s.aws/v1beta1",
      kind: "SecurityGroupPolicy",
      metadata: { name: "db", namespace: "default" },
      spec: { podSelector: { matchLabels: { app: "db" } }, securityGroups: { groupIds: ["db", "sg-0n"] } },
    };
    const c = cluster(
      {
        vpc: vpc({ securityGroups: [nodesGroup, { name: "db" }] }),
        ...machines({ securityGroups: ["nodes"] }),
        ...cni({ ENABLE_POD_ENI: "true" }),
      },
      policy,
      podDocument("db", { nodeName: "node-1" }, { labels: { app: "db" } }),
    );
    expect(membership(c)["node-1/vlan.eth.1"]).toEqual(["db", "nodes"]);
  });

  it("are the NodeClass's in Auto Mode, and its pod groups for pods", () => {
    const nodeClass = {
      apiVersion: "eks.amazonaws.com/v1",
      kind: "NodeClass",
      metadata: { name: "default" },
      spec: {
        role: "r",
        subnetSelectorTerms: [{ tags: { Name: "nodes-a" } }, { tags: { Name: "nodes-b" } }],
        securityGroupSelectorTerms: [{ tags: { team: "a" } }],
      },
    };
    const c = cluster(
      {
        vpc: vpc({ securityGroups: [{ ...nodesGroup, tags: { team: "a" } }, { name: "pods" }] }),
        ...machines({}),
        cluster: { mode: "auto" },
      },
      nodeClass,
    );
    expect(membership(c)["node-1/eth0"]).toEqual(["nodes"]);
  });

  it("name groups of peered VPCs, and have a member's timeouts", () => {
    const c = cluster({
      vpc: vpc({
        name: "cluster",
        securityGroups: [
          { name: "nodes", ingress: [{ protocol: "tcp", fromPort: 443, toPort: 443, sources: ["shared/api"] }] },
        ],
      }),
      vpcs: [
        {
          name: "shared",
          cidrBlocks: ["10.1.0.0/16"],
          subnets: [{ name: "shared-a", availabilityZone: "us-east-1a", cidrBlock: "10.1.0.0/24" }],
          securityGroups: [{ name: "api" }],
        },
      ],
      peerings: [{ name: "p", vpcs: ["cluster", "shared"] }],
      ...machines({ connectionTracking: { tcpEstablishedTimeout: 350 } }, [
        { name: "api", address: "10.1.0.9", subnet: "shared-a", securityGroups: ["api"] },
      ]),
    });
    const { names } = c.snapshot();
    const groups = rowsOf(c, "securityGroup");
    expect(groups.map((g) => [names.securityGroup(g.id), g.vpc])).toEqual([
      ["nodes", 0],
      ["default", 0],
      ["shared/api", 1],
      ["shared/default", 1],
    ]);
    expect(names.securityGroup(groups[0].ingress[0].group)).toBe("shared/api");
    expect(rowsOf(c, "eniGroups")[0].tracking).toEqual({
      limit: 0x7fff_ffff,
      tcpEstablished: 350_000,
      udpStream: 180_000,
      udp: 30_000,
    });
    expect(membership(c)["api/eth0"]).toEqual(["shared/api"]);
  });
});

describe("why", () => {
  const groups = [
    nodesGroup,
    {
      name: "db",
      ingress: [{ protocol: "tcp", fromPort: 5432, toPort: 5433, sources: ["10.9.0.0/16", "nodes"] }],
      egress: [],
    },
  ];
  const spec = {
    vpc: vpc({ securityGroups: groups }),
    ...machines({ securityGroups: ["nodes"] }, [rds({ securityGroups: ["db"] })]),
  };
  const c = cluster(spec, podDocument("web", { nodeName: "node-2" }));
  const steps = (e: ReturnType<typeof why>, stage: string) =>
    e.steps.filter((s) => s.stage === stage).map((s) => `${s.action} | ${s.rule} | ${s.detail}`);

  it("names the rule that allowed a packet", () => {
    const e = why(c, "tcp", "pod/web", "host/rds:5432");
    expect(e.verdict).toBe("DELIVERED");
    expect(steps(e, "security-group")).toEqual([
      "accept | nodes | egress[0] all to 0.0.0.0/0 allows it (1 rule looked at); tracked from now on",
      "accept | db | ingress[1] tcp 5432-5433 from nodes allows it (2 rules looked at); tracked from now on",
    ]);
  });

  it("names the groups that were asked and allowed nothing", () => {
    const e = why(c, "tcp", "pod/web", "host/rds:80");
    expect([e.verdict, e.reason]).toEqual(["DROPPED", "SECURITY_GROUP_INGRESS"]);
    expect(steps(e, "security-group").at(-1)).toBe(
      "drop | db | no ingress rule of rds/eth0 allows it; asked: db (2 rules)",
    );
    expect(why(c, "tcp", "host/rds", "pod/web:80").reason).toBe("SECURITY_GROUP_EGRESS");
  });

  it("lets pods of one ENI reach each other, whatever its groups say", () => {
    const closed = { ...nodesGroup, ingress: [], egress: [] };
    const same = cluster(
      { vpc: vpc({ securityGroups: [closed] }), ...machines({ securityGroups: ["nodes"] }) },
      podDocument("a", { nodeName: "node-1" }),
      podDocument("b", { nodeName: "node-1" }),
      podDocument("c", { nodeName: "node-2" }),
    );
    expect(why(same, "tcp", "pod/a", "pod/b:80").verdict).toBe("DELIVERED");
    expect(why(same, "tcp", "pod/a", "pod/c:80").reason).toBe("SECURITY_GROUP_EGRESS");
  });

  it("names the rule of a network ACL, at subnet boundaries alone", () => {
    const acl = {
      name: "db-only",
      subnets: ["nodes-a"],
      ingress: [
        {
          ruleNumber: 100,
          protocol: "tcp",
          fromPort: 5432,
          toPort: 5432,
          cidrBlock: "10.0.2.0/24",
          ruleAction: "allow",
        },
      ],
      egress: [],
    };
    const with1 = cluster(
      { vpc: vpc({ networkAcls: [acl] }), ...machines({}, [rds()]) },
      podDocument("web", { nodeName: "node-2" }),
      podDocument("near", { nodeName: "node-1" }),
    );
    const e = why(with1, "tcp", "pod/web", "host/rds:5432");
    expect(e.verdict).toBe("DELIVERED");
    expect(steps(e, "network-acl")).toEqual([
      "accept | db-only | into nodes-a: rule 100: allow tcp 5432 from 10.0.2.0/24 (1 rule looked at)",
    ]);
    const denied = why(with1, "tcp", "pod/web", "host/rds:5433");
    expect(denied.reason).toBe("NETWORK_ACL_INGRESS");
    expect(steps(denied, "network-acl")).toEqual([
      "drop | db-only | into nodes-a: no rule matches (1 rule looked at), and rule * denies",
    ]);
    expect(why(with1, "tcp", "host/rds", "pod/web:1").reason).toBe("NETWORK_ACL_EGRESS");
    expect(why(with1, "tcp", "pod/near", "host/rds:5433").verdict).toBe("DELIVERED");
  });
});

describe("views", () => {
  it("of security groups: each rule, and who is in the group", () => {
    const c = cluster({
      vpc: vpc({
        securityGroups: [
          {
            name: "a",
            id: "sg-a",
            ingress: [{ protocol: "icmp", fromPort: 3, toPort: 4, sources: ["10.0.0.9/16"] }],
            egress: [],
          },
          { name: "empty", egress: [] },
        ],
      }),
      ...machines({ securityGroups: ["a"] }),
    });
    expect(securityGroupViews(c.state()).map((v) => Object.values(v))).toEqual([
      ["a", "sg-a", "vpc", ["node-1/eth0", "node-2/eth0"], "ingress", 1, "icmp", "type 3 code 4", "10.0.0.0/16"],
      ["empty", null, "vpc", [], null, null, null, null, null],
      ["default", null, "vpc", [], "ingress", 1, "all", "all", "default"],
      ["default", null, "vpc", [], "egress", 1, "all", "all", "0.0.0.0/0"],
    ]);
  });

  it("of network ACLs: rules in their order, the last is *", () => {
    const allow = (ruleNumber: number) => ({
      ruleNumber,
      protocol: "all",
      cidrBlock: "0.0.0.0/0",
      ruleAction: "allow",
    });
    const acls = [
      {
        name: "a",
        subnets: ["nodes-a"],
        ingress: [allow(200), { ...allow(100), ruleAction: "deny", protocol: 50 }],
        egress: [],
      },
      { name: "default", ingress: [allow(1)], egress: [allow(1)] },
    ];
    const c = cluster({ vpc: vpc({ networkAcls: acls }) });
    const shown = networkAclViews(c.state()).map(
      (v) => `${v.acl} ${v.direction} ${v.ruleNumber} ${v.protocol} ${v.action} ${v.subnets}`,
    );
    expect(shown).toEqual([
      "a ingress 100 50 deny nodes-a",
      "a ingress 200 all allow nodes-a",
      "a ingress null all deny nodes-a",
      "a egress null all deny nodes-a",
      "default ingress 1 all allow nodes-b",
      "default ingress null all deny nodes-b",
      "default egress 1 all allow nodes-b",
      "default egress null all deny nodes-b",
    ]);
    expect(rowsOf(c, "subnetAcl").map((r) => [r.subnet, r.acl])).toEqual([
      [0, 0],
      [1, 1],
    ]);
  });
});

describe("what EC2 refuses", () => {
  const findings = (spec: Fields, kind: "problems" | "notes" = "problems") =>
    checkLab(readLab(spec))[kind].map((f) => `${pathText(f.path)}: ${f.message}`);
  const groupWith = (...ingress: Fields[]) => ({ vpc: vpc({ securityGroups: [{ name: "a", ingress }] }) });
  const tcp = (fields: Fields = {}) => ({
    protocol: "tcp",
    fromPort: 80,
    toPort: 80,
    sources: ["0.0.0.0/0"],
    ...fields,
  });
  const aclWith = (...ingress: Fields[]) => ({
    vpc: vpc({ networkAcls: [{ name: "a", subnets: ["nodes-a"], ingress }] }),
  });
  const allow = (fields: Fields = {}) => ({
    ruleNumber: 100,
    protocol: "tcp",
    fromPort: 80,
    toPort: 80,
    cidrBlock: "0.0.0.0/0",
    ruleAction: "allow",
    ...fields,
  });
  const IN = "spec.vpc.securityGroups[0].ingress";
  const ACL = "spec.vpc.networkAcls[0]";

  it.each<[Fields, string[]]>([
    [groupWith(tcp()), []],
    [groupWith(tcp({ fromPort: 90 })), [`${IN}[0].fromPort: expected fromPort up to toPort, got 90 to 80; swap them`]],
    [
      groupWith({ protocol: "tcp", sources: ["0.0.0.0/0"] }),
      [`${IN}[0]: expected fromPort and toPort with tcp, got no fromPort; write 0 and 65535 for all ports`],
    ],
    [
      groupWith(tcp({ fromPort: -1, toPort: -1 })),
      [`${IN}[0].fromPort: expected a port from 0 to 65535 with tcp, got -1; write 0 and 65535 for all ports`],
    ],
    [
      groupWith({ protocol: "icmp", fromPort: 300, toPort: 0, sources: ["0.0.0.0/0"] }),
      [`${IN}[0].fromPort: expected an ICMP type from 0 to 255, or -1 for any, got 300; change it`],
    ],
    [
      groupWith({ protocol: "icmp", toPort: 4, sources: ["0.0.0.0/0"] }),
      [`${IN}[0].toPort: expected no ICMP code without a type, got 4; write fromPort, the type`],
    ],
    [
      groupWith(tcp({ sources: ["web"] })),
      [
        `${IN}[0].sources[0]: expected a CIDR block, or a security group of the VPC or of one peered with it in the region, got "web"; there is a, default`,
      ],
    ],
    [
      groupWith(tcp({ sources: ["10.0.0.1"] })),
      [
        `${IN}[0].sources[0]: expected a CIDR block, or a security group of the VPC or of one peered with it in the region, got "10.0.0.1"; write 10.0.0.1/32`,
      ],
    ],
    [
      groupWith(tcp({ sources: [] })),
      [`${IN}[0].sources: expected at least one CIDR block or security group, got none; write 0.0.0.0/0 for all`],
    ],
    [
      groupWith(tcp(), tcp({ sources: ["0.0.0.0/0"] })),
      [`${IN}[1].sources[0]: expected each rule once, got a second one for 0.0.0.0/0; remove one of them`],
    ],
    [
      groupWith(tcp({ sources: Array.from({ length: 61 }, (_, i) => `10.0.0.${i}/32`) })),
      [
        `${IN}: expected at most 60 rules, one for each of their blocks and groups, got 61; join blocks, or write another group`,
      ],
    ],
    [
      { vpc: vpc({ securityGroups: [{ name: "sg-a" }, { name: "sg-a" }] }) },
      [
        "spec.vpc.securityGroups[0].name: expected a name that does not begin with sg-, as ids do, got sg-a; rename it",
        "spec.vpc.securityGroups[1].name: expected a security group name of its own, got sg-a, which spec.vpc.securityGroups[0].name has; change one of them",
        "spec.vpc.securityGroups[1].name: expected a name that does not begin with sg-, as ids do, got sg-a; rename it",
      ],
    ],
    [
      machines({ securityGroups: ["a"] }, []),
      [0, 1].map(
        (i) =>
          `spec.nodes[${i}].securityGroups[0]: expected a security group of VPC vpc, got "a"; vpc has no securityGroups, and filters nothing`,
      ),
    ],
    [
      {
        vpc: vpc({ securityGroups: ["a", "b", "c", "d", "e", "f"].map((name) => ({ name })) }),
        ...machines({}, [rds({ securityGroups: ["a", "b", "c", "d", "e", "f"] })]),
      },
      ["spec.hosts[0].securityGroups: expected at most 5 security groups of an ENI, got 6; remove some"],
    ],
    [aclWith(allow()), []],
    [
      aclWith(allow(), allow({ ruleAction: "deny" })),
      [
        `${ACL}.ingress[1].ruleNumber: expected a rule number of its own, got 100, which the rule in place 1 has; change one of them`,
      ],
    ],
    [
      {
        vpc: vpc({
          networkAcls: [
            { name: "a", subnets: ["nodes-a", "nodes-x"] },
            { name: "b", subnets: ["nodes-a"] },
          ],
        }),
      },
      [
        `${ACL}.subnets[1]: expected a subnet of the VPC, got "nodes-x"; did you mean nodes-a or nodes-b?`,
        "spec.vpc.networkAcls[1].subnets[0]: expected a subnet with no other network ACL, got nodes-a, which a has; remove one of them",
      ],
    ],
  ])("%j", (spec, problems) => {
    expect(findings(spec)).toEqual(problems);
  });

  it("a group of another VPC is known over a peering in the region alone", () => {
    const shared = {
      name: "shared",
      cidrBlocks: ["10.1.0.0/16"],
      subnets: [],
      securityGroups: [{ name: "api", id: "sg-api" }],
    };
    const naming = (peer: string, peerings: Fields[]) => ({
      vpc: vpc({ name: "cluster", securityGroups: [{ name: "a", ingress: [tcp({ sources: [peer] })] }] }),
      vpcs: [shared],
      peerings,
    });
    const peering = { name: "p", vpcs: ["cluster", "shared"] };
    expect(findings(naming("shared/api", [peering]))).toEqual([]);
    expect(findings(naming("sg-api", [peering]))).toEqual([]);
    for (const peerings of [[], [{ ...peering, interRegion: true }]])
      expect(findings(naming("shared/api", peerings))).toEqual([
        `${IN}[0].sources[0]: expected a CIDR block, or a security group of the VPC or of one peered with it in the region, got "shared/api"; there is a, default`,
      ]);
  });

  it("an ENIConfig may name the group default, which nobody wrote", () => {
    const config = (group: string) => ({
      apiVersion: "crd.k8s.amazonaws.com/v1alpha1",
      kind: "ENIConfig",
      metadata: { name: "a" },
      spec: { subnet: "nodes-a", securityGroups: [group] },
    });
    const spec = { vpc: vpc({ securityGroups: [{ name: "a" }] }) };
    expect(problemsOf(() => cluster(spec, config("default")))).toEqual([]);
    expect(problemsOf(() => cluster(spec, config("b")))).toHaveLength(1);
    expect(problemsOf(() => cluster({}, config("default")))).toHaveLength(1);
  });

  it("and what it changes or puts up with is a note", () => {
    expect(findings(groupWith(tcp({ sources: ["10.0.0.9/16"] })), "notes")).toEqual([
      `${IN}[0].sources[0]: 10.0.0.9/16 has host bits set: EC2 makes it 10.0.0.0/16`,
    ]);
    expect(findings(groupWith({ protocol: "all", fromPort: 80, toPort: 80, sources: ["0.0.0.0/0"] }), "notes")).toEqual(
      [`${IN}[0].fromPort: ignored: a rule for protocol all is for all ports, whichever it names`],
    );
    const many = Array.from({ length: 21 }, (_, i) => allow({ ruleNumber: i + 1 }));
    expect(findings(aclWith(...many), "notes")).toEqual([
      `${ACL}.ingress: 21 rules: EC2 takes more than 20 a direction, up to 40, only where the quota was raised`,
    ]);
    expect(findings({ vpc: vpc({ networkAcls: [{ name: "a" }] }) }, "notes")).toEqual([
      `${ACL}.subnets: no subnet has network ACL a: it decides nothing (one called default is for all subnets without another)`,
    ]);
  });

  it("a rule number that EC2 does not have is a problem of the document", () => {
    for (const ruleNumber of [0, 32_767]) expect(() => readLab(aclWith(allow({ ruleNumber })))).toThrow("ruleNumber");
  });

  it("a lab with a problem does not come up", () => {
    expect(problemsOf(() => cluster(groupWith(tcp({ fromPort: 90 }))))).toHaveLength(1);
  });
});
