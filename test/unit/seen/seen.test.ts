import { describe, expect, it } from "vitest";
import { seenText } from "../../../src/cli/seenText.ts";
import { loadLab } from "../../../src/lab/files/load.ts";
import { askSeen } from "../../../src/lab/seen.ts";
import type { SeenCell, SeenQuestion, SeenReport } from "../../../src/lab/seenReport.ts";

const lab = loadLab(new URL("../../../labs/seen", import.meta.url).pathname);
const quickstart = loadLab(new URL("../../../labs/quickstart", import.meta.url).pathname);

const answers = new Map<string, SeenReport>();
/** The same question has the same answer. */
function ask(question: Partial<SeenQuestion> = {}): SeenReport {
  const key = JSON.stringify(question);
  const answer = answers.get(key) ?? askSeen(lab.cluster, { set: [], vs: null, from: [], to: [], ...question });
  answers.set(key, answer);
  return answer;
}
const text = (width: number, question: Partial<SeenQuestion> = {}) => seenText(ask(question), width);
const widest = (lines: string) => Math.max(...lines.split("\n").map((line) => line.length));

/** One cell in a line: `eth1 10.0.1.17 SNAT`, and what ends it or its answer. */
function brief(cell: SeenCell | undefined): string {
  if (cell === undefined) return "none";
  const { eni, seen, translations, reason, answer } = cell;
  const by = translations.map((t) => t.by);
  const back = answer === null || answer.comesBack ? [] : [`answer ${answer.reason}`];
  return [eni ?? "-", seen?.address ?? reason, ...by, ...back].join(" ");
}

/** The cell of a source and a kind of destination. */
function cell(source: string, kind: string, ...set: string[]): string {
  const [{ rows }] = ask({ set }).sides;
  const row = rows.find((r) => r.source.name === `pod/default/${source}`);
  return brief(row?.cells.find((c) => c.destination.kind === kind));
}

describe("the lab with every kind of source and destination", () => {
  it("loads without a note", () => {
    expect(lab.notes).toEqual([]);
  });

  it("is a matrix where there is room", () => {
    expect(text(140)).toMatchInlineSnapshot(`
      "lab seen as it is

                      same node    other node   VPC          secondary    peered VPC   on-premises  internet     ClusterIP    ClusterIP,
                                                             CIDR                                                             outside

      primary:        10.0.1.5     10.0.1.5     10.0.1.5     10.0.1.5     10.0.1.4     10.0.1.4     198.51.100.1 10.0.1.5     10.0.1.4
      pod on the      own          own, eth0    own, eth0    own, eth0    SNAT, eth0   SNAT, eth0   SNAT, IGW,   own, eth0    SNAT, eth0
      primary ENI                                                                                   eth0

      secondary:      10.0.1.17    10.0.1.17    10.0.1.17    10.0.1.17    10.0.1.4     10.0.1.4     198.51.100.1 10.0.1.17    dies, eth1
      pod on a        own          own, eth1    own, eth1    own, eth1    SNAT, eth0   SNAT, eth0   SNAT, IGW,   own, eth1    SOURCE_DEST_
      secondary ENI                                                                                 eth0                      CHECK

      branch:         10.0.1.15    10.0.1.15    10.0.1.15    10.0.1.15    10.0.1.15    10.0.1.15    dies,        10.0.1.15    10.0.1.15
      pod with a      own,         own,         own,         own,         own,         own,         vlan.eth.1   own,         own,
      branch ENI,     vlan.eth.1   vlan.eth.1   vlan.eth.1   vlan.eth.1   vlan.eth.1   vlan.eth.1   IGW_NO_      vlan.eth.1   vlan.eth.1
      strict                                                                                        PUBLIC_
                                                                                                    ADDRESS

      host-network:   10.0.1.4     10.0.1.4     10.0.1.4     10.0.1.4     10.0.1.4     10.0.1.4     198.51.100.1 10.0.1.4     10.0.1.4
      hostNetwork pod own          own, eth0    own, eth0    own, eth0    SNAT, eth0   SNAT, eth0   SNAT, IGW,   own, eth0    SNAT, eth0
                                                                                                    eth0

      own: the source's own address; SNAT: AWS-SNAT-CHAIN-0; IGW: internet gateway"
    `);
  });

  it("is a list for each source where there is none", () => {
    expect(text(80)).toMatchInlineSnapshot(`
      "lab seen as it is

      pod/primary
      10.0.1.5 on node-1/eth0, pod on the primary ENI
        same node           pod/secondary  -           10.0.1.5 (its own)
        other node          pod/server     eth0        10.0.1.5 (its own)
        VPC                 host/db        eth0        10.0.1.5 (its own)
        secondary CIDR      host/cache     eth0        10.0.1.5 (its own)
        peered VPC          host/registry  eth0        10.0.1.4 (AWS-SNAT-CHAIN-0)
        on-premises         host/erp       eth0        10.0.1.4 (AWS-SNAT-CHAIN-0)
        internet            host/web       eth0        198.51.100.1 (AWS-SNAT-CHAIN-0,
                                                       internet gateway)
        ClusterIP           svc/server:80  eth0        10.0.1.5 (its own)
        ClusterIP, outside  svc/erp:80     eth0        10.0.1.4 (AWS-SNAT-CHAIN-0)

      pod/secondary
      10.0.1.17 on node-1/eth1, pod on a secondary ENI
        same node           pod/primary    -           10.0.1.17 (its own)
        other node          pod/server     eth1        10.0.1.17 (its own)
        VPC                 host/db        eth1        10.0.1.17 (its own)
        secondary CIDR      host/cache     eth1        10.0.1.17 (its own)
        peered VPC          host/registry  eth0        10.0.1.4 (AWS-SNAT-CHAIN-0)
        on-premises         host/erp       eth0        10.0.1.4 (AWS-SNAT-CHAIN-0)
        internet            host/web       eth0        198.51.100.1 (AWS-SNAT-CHAIN-0,
                                                       internet gateway)
        ClusterIP           svc/server:80  eth1        10.0.1.17 (its own)
        ClusterIP, outside  svc/erp:80     eth1        dies: SOURCE_DEST_CHECK

      pod/branch
      10.0.1.15 on node-1/vlan.eth.1, pod with a branch ENI, strict
        same node           pod/primary    vlan.eth.1  10.0.1.15 (its own)
        other node          pod/server     vlan.eth.1  10.0.1.15 (its own)
        VPC                 host/db        vlan.eth.1  10.0.1.15 (its own)
        secondary CIDR      host/cache     vlan.eth.1  10.0.1.15 (its own)
        peered VPC          host/registry  vlan.eth.1  10.0.1.15 (its own)
        on-premises         host/erp       vlan.eth.1  10.0.1.15 (its own)
        internet            host/web       vlan.eth.1  dies: IGW_NO_PUBLIC_ADDRESS
        ClusterIP           svc/server:80  vlan.eth.1  10.0.1.15 (its own)
        ClusterIP, outside  svc/erp:80     vlan.eth.1  10.0.1.15 (its own)

      pod/host-network
      10.0.1.4 on node-1/eth0, hostNetwork pod
        same node           pod/primary    -           10.0.1.4 (its own)
        other node          pod/server     eth0        10.0.1.4 (its own)
        VPC                 host/db        eth0        10.0.1.4 (its own)
        secondary CIDR      host/cache     eth0        10.0.1.4 (its own)
        peered VPC          host/registry  eth0        10.0.1.4 (AWS-SNAT-CHAIN-0)
        on-premises         host/erp       eth0        10.0.1.4 (AWS-SNAT-CHAIN-0)
        internet            host/web       eth0        198.51.100.1 (AWS-SNAT-CHAIN-0,
                                                       internet gateway)
        ClusterIP           svc/server:80  eth0        10.0.1.4 (its own)
        ClusterIP, outside  svc/erp:80     eth0        10.0.1.4 (AWS-SNAT-CHAIN-0)"
    `);
  });

  it("fits every width, as matrix, list and comparison", () => {
    for (const question of [{}, { vs: ["AWS_VPC_K8S_CNI_EXTERNALSNAT=true"] }, { to: ["host/web"] }])
      for (const width of [80, 100, 110, 120, 140, 200])
        expect(widest(text(width, question)), `${JSON.stringify(question)} ${width}`).toBeLessThanOrEqual(width);
  });

  // Rows of the packet-walk table: who leaves by which ENI, with which source.
  it.each([
    ["primary", "otherNode", "node-1/eth0 10.0.1.5"],
    ["secondary", "otherNode", "node-1/eth1 10.0.1.17"],
    ["secondary", "sameNode", "- 10.0.1.17"],
    ["secondary", "clusterIp", "node-1/eth1 10.0.1.17"],
    ["primary", "internet", "node-1/eth0 198.51.100.1 AWS-SNAT-CHAIN-0 internet gateway"],
    ["secondary", "internet", "node-1/eth0 198.51.100.1 AWS-SNAT-CHAIN-0 internet gateway"],
    ["secondary", "peeredVpc", "node-1/eth0 10.0.1.4 AWS-SNAT-CHAIN-0"],
    ["secondary", "clusterIpOutside", "node-1/eth1 SOURCE_DEST_CHECK AWS-SNAT-CHAIN-0"],
    ["branch", "sameNode", "node-1/vlan.eth.1 10.0.1.15"],
    ["branch", "peeredVpc", "node-1/vlan.eth.1 10.0.1.15"],
    ["branch", "internet", "node-1/vlan.eth.1 IGW_NO_PUBLIC_ADDRESS"],
    ["host-network", "vpcHost", "node-1/eth0 10.0.1.4"],
    ["host-network", "onPremises", "node-1/eth0 10.0.1.4 AWS-SNAT-CHAIN-0"],
  ])("%s -> %s: %s", (source, kind, expected) => {
    expect(cell(source, kind)).toBe(expected);
  });

  it.each([
    ["secondary", "internet", "AWS_VPC_K8S_CNI_EXTERNALSNAT=true", "node-1/eth1 IGW_NO_PUBLIC_ADDRESS"],
    ["secondary", "peeredVpc", "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS=10.1.0.0/16", "node-1/eth1 10.0.1.17"],
    ["secondary", "clusterIp", "spec.cluster.cni.markBeforeDnat=true", "node-1/eth0 SOURCE_DEST_CHECK"],
    ["secondary", "clusterIpOutside", "spec.cluster.cni.markBeforeDnat=true", "node-1/eth0 10.0.1.4 AWS-SNAT-CHAIN-0"],
    ["branch", "sameNode", "POD_SECURITY_GROUP_ENFORCING_MODE=standard", "- 10.0.1.15"],
    ["branch", "onPremises", "POD_SECURITY_GROUP_ENFORCING_MODE=standard", "node-1/eth0 10.0.1.4 AWS-SNAT-CHAIN-0"],
    ["primary", "peeredVpc", "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG=true", "node-1/eth0 10.0.1.4 AWS-SNAT-CHAIN-0"],
    ["primary", "secondaryCidr", "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG=true", "node-1/eth1 100.64.0.6"],
    [
      "branch",
      "internet",
      "spec.vpc.subnets.nodes-a.routeTable=private",
      "node-1/vlan.eth.1 198.51.100.7 nat-a internet gateway",
    ],
  ])("%s -> %s with %s: %s", (source, kind, setting, expected) => {
    expect(cell(source, kind, setting)).toBe(expected);
  });

  it("tells of an answer that does not come back", () => {
    // The peer's routes lead back to 10.0.0.0/16 alone.
    const settings = ["AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG=true", "AWS_VPC_K8S_CNI_EXTERNALSNAT=true"];
    expect(cell("primary", "peeredVpc", ...settings)).toBe("node-1/eth1 100.64.0.6 answer VPC_NO_ROUTE");
    const [{ rows }] = ask({ set: settings, from: ["pod/primary"], to: ["host/registry"] }).sides;
    expect(rows[0].cells[0]).toMatchObject({
      verdict: "DELIVERED",
      diedAt: null,
      seen: { by: "host/registry", address: "100.64.0.6", name: "pod/default/primary" },
      answer: {
        verdict: "DROPPED",
        reason: "VPC_NO_ROUTE",
        diedAt: { at: "vpc", stage: "vpc-route" },
        comesBack: false,
      },
    });
  });
});

describe("two settings", () => {
  it("stand one under the other, differences marked", () => {
    const question = { from: ["pod/secondary"], vs: ["AWS_VPC_K8S_CNI_EXTERNALSNAT=true"] };
    expect(text(80, { ...question, to: ["host/db", "host/erp", "host/web"] })).toMatchInlineSnapshot(`
      "- lab seen as it is
      + lab seen with AWS_VPC_K8S_CNI_EXTERNALSNAT=true

      pod/secondary
      10.0.1.17 on node-1/eth1, pod on a secondary ENI
        host/db   eth1  10.0.1.17 (its own)
      - host/erp  eth0  10.0.1.4 (AWS-SNAT-CHAIN-0)
      +           eth1  10.0.1.17 (its own)
      - host/web  eth0  198.51.100.1 (AWS-SNAT-CHAIN-0, internet gateway)
      +           eth1  dies: IGW_NO_PUBLIC_ADDRESS

      2 differences"
    `);
  });

  it("stand beside each other where there is room", () => {
    const question = { from: ["pod/secondary"], vs: ["spec.cluster.cni.markBeforeDnat=true"] };
    expect(text(140, { ...question, to: ["svc/server:80", "svc/erp:80", "host/erp"] })).toMatchInlineSnapshot(`
      "- lab seen as it is
      + lab seen with spec.cluster.cni.markBeforeDnat=true

      pod/secondary
      10.0.1.17 on node-1/eth1, pod on a secondary ENI
      * svc/server:80  eth1  10.0.1.17 (its own)                                     eth0  dies: SOURCE_DEST_CHECK
      * svc/erp:80     eth1  dies: SOURCE_DEST_CHECK                                 eth0  10.0.1.4 (AWS-SNAT-CHAIN-0)
        host/erp       eth0  10.0.1.4 (AWS-SNAT-CHAIN-0)                             eth0  10.0.1.4 (AWS-SNAT-CHAIN-0)

      2 differences"
    `);
  });

  it("have the same sources: a pod keeps its row when its kind changes", () => {
    const { sides, differences } = ask({ vs: ["AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG=true"] });
    const kinds = sides.map(({ rows }) =>
      rows.map((r) => `${r.source.name.slice("pod/default/".length)}: ${r.source.kind}`),
    );
    expect(kinds).toEqual([
      ["primary: primary", "secondary: secondary", "branch: branchStrict", "host-network: hostNetwork"],
      ["primary: custom", "branch: branchStrict", "host-network: hostNetwork", "secondary: custom"],
    ]);
    expect(differences).toContainEqual({ source: "pod/default/secondary", destination: "otherNode" });
    expect(differences).not.toContainEqual({ source: "pod/default/secondary", destination: "internet" });
  });

  it("say what a pod waits for that gets no address", () => {
    const found = ask({ vs: ["AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG=true", "spec.nodes.node-1.labels={}"] });
    const primary = found.sides[1].waiting.find((w) => w.name === "pod/default/primary");
    expect(primary?.reason).toMatch(/ipamd/);
    expect(seenText(found, 200)).toContain(`+ waits: ${primary?.reason}`);
  });

  it("may be those of two labs: sources of one kind belong together", () => {
    const question: SeenQuestion = { set: [], vs: null, from: [], to: [] };
    const found = askSeen(lab.cluster, question, quickstart.cluster);
    // Each sees the other's own address; that these differ is no difference.
    expect(found.differences).toEqual([]);
    const shown = seenText(found, 140);
    expect(shown).toContain("pod/primary and pod/client");
    expect(shown).toContain("- lab seen as it is\n+ lab quickstart as it is");
  });

  it("without a difference say so", () => {
    expect(text(80, { vs: ["AWS_VPC_K8S_CNI_EXTERNALSNAT=false"] })).toMatch(/\nno difference$/);
  });
});
