import { describe, expect, it } from "vitest";
import { nodesText, typeText } from "../../../src/cli/capacityText.ts";
import { Cluster } from "../../../src/control/cluster.ts";
import { capacity } from "../../../src/control/ipam/capacity.ts";
import { podSubnetNotes } from "../../../src/control/ipam/podSubnets.ts";
import { labCapacities, labCapacity } from "../../../src/control/labCapacity.ts";
import { pathText } from "../../../src/control/objects/finding.ts";
import { type LabObject, objectKey } from "../../../src/control/objects/kinds.ts";
import { podViews } from "../../../src/control/views.ts";
import { type Fields, labDocument, podDocument, read, vpc } from "../control/documents.ts";

const VPC = vpc({
  cidrBlocks: ["10.0.0.0/16", "100.64.0.0/16"],
  subnets: [
    { name: "nodes-a", availabilityZone: "us-east-1a", cidrBlock: "10.0.1.0/24", tags: { tier: "nodes" } },
    { name: "nodes-b", availabilityZone: "us-east-1b", cidrBlock: "10.0.2.0/24", tags: { tier: "nodes" } },
    { name: "pods-a", availabilityZone: "us-east-1a", cidrBlock: "100.64.0.0/19", tags: { tier: "pods" } },
    { name: "small-a", availabilityZone: "us-east-1a", cidrBlock: "100.64.64.0/28", tags: { tier: "pods" } },
    { name: "pods-b", availabilityZone: "us-east-1b", cidrBlock: "100.64.32.0/19", tags: { zone: "b" } },
  ],
  securityGroups: [{ name: "cluster" }, { name: "pods" }],
});

const eniConfig = (name: string, subnet: string) => ({
  apiVersion: "crd.k8s.amazonaws.com/v1alpha1",
  kind: "ENIConfig",
  metadata: { name },
  spec: { subnet, securityGroups: ["pods"] },
});
const nodeClass = (tags: Fields) => ({
  apiVersion: "eks.amazonaws.com/v1",
  kind: "NodeClass",
  metadata: { name: "default" },
  spec: {
    role: "r",
    subnetSelectorTerms: [{ tags: { tier: "nodes" } }],
    securityGroupSelectorTerms: [{ name: "cluster" }],
    podSubnetSelectorTerms: [{ tags }],
    podSecurityGroupSelectorTerms: [{ name: "pods" }],
  },
});

const CUSTOM = {
  AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true",
  ENI_CONFIG_LABEL_DEF: "topology.kubernetes.io/zone",
  WARM_IP_TARGET: "1",
};
const custom = (...documents: unknown[]) =>
  read(labDocument({ vpc: VPC, cluster: { cni: { env: CUSTOM } } }), ...documents, ...PODS);
const auto = (...documents: unknown[]) =>
  read(labDocument({ vpc: VPC, cluster: { mode: "auto" } }), ...documents, ...PODS);

const PODS = [
  podDocument("a", { nodeName: "node-1" }),
  podDocument("b", { nodeName: "node-2" }),
  podDocument("host", { nodeName: "node-2", hostNetwork: true }),
];

const labOf = (objects: LabObject[]) => new Cluster(objects).lab;
const pods = (objects: LabObject[]) =>
  podViews(new Cluster(objects).current())
    .map((p) => `${p.name} ${p.status} ${p.address ?? p.reason}`)
    .sort();
const notes = (objects: LabObject[]) =>
  podSubnetNotes(labOf(objects), objects).map((n) => `${objectKey(n.object)} ${pathText(n.path)}: ${n.message}`);
const answer = (objects: LabObject[], node: string) => capacity(labCapacity(labOf(objects), objects, node))[0];

const ADD = "add cmd: failed to assign an IP address to container";
const DOWN = "add cmd: Error received from AddNetwork gRPC call: connection error: ipamd does not answer yet";

describe("pod subnets by ENIConfig", () => {
  const aligned = custom(eniConfig("us-east-1a", "pods-a"), eniConfig("us-east-1b", "pods-b"));

  it("have the pods of both zones; hostNetwork pods keep the node's subnet", () => {
    expect(pods(aligned)).toEqual(["a Running 100.64.0.5", "b Running 100.64.32.5", "host Running 10.0.2.4"]);
    expect(notes(aligned)).toEqual([]);
  });

  it("cost an ENI: capacity says how many addresses", () => {
    const { enis, podAddresses, withPrimary, maxPods } = answer(aligned, "node-1");
    expect([enis, podAddresses, withPrimary, maxPods.formula]).toEqual([2, 18, 27, 20]);
    const question = labCapacity(labOf(aligned), aligned, "node-1");
    expect(typeText(question.type, capacity(question), 200)).toContain(
      "density  the primary ENI gives pods no address: 18 addresses for pods, which were 27 in the nodes' own subnet",
    );
  });

  it("give a node no address whose ENIConfig is in another zone, or is not there", () => {
    const wrong = custom(eniConfig("us-east-1a", "pods-a"), eniConfig("us-east-1b", "pods-a"));
    const text = "subnet pods-a of ENIConfig us-east-1b is in us-east-1a, and node-2 in us-east-1b";
    expect(pods(wrong)).toEqual([
      "a Running 100.64.0.5",
      `b ContainerCreating ${DOWN} (${text})`,
      "host Running 10.0.2.4",
    ]);
    expect(notes(wrong)).toEqual([`eniconfig/us-east-1b spec.subnet: pods of node-2 get no address: ${text}`]);
    expect(answer(wrong, "node-2")).toMatchObject({
      pods: 0,
      sentence: `0 pods, bound by zone of pod subnets: ${text}`,
    });
    const none = custom(eniConfig("us-east-1a", "pods-a"));
    expect(pods(none)[1]).toBe(
      `b ContainerCreating ${DOWN} (there is no ENIConfig "us-east-1b", which is the one of node-2 in us-east-1b)`,
    );
    expect(notes(none)[0]).toMatch(/^lab\/test spec\.nodes\[1\]\.name: pods of node-2 get no address: there is no/);
  });

  it("are shown node by node", () => {
    const wrong = custom(eniConfig("us-east-1a", "pods-a"), eniConfig("us-east-1b", "pods-a"));
    expect(nodesText(labCapacities(labOf(wrong), wrong), 80)).toBe(
      [
        "NODE    TYPE      ZONE        SUBNET   POD-SUBNET  ENIS  IPS  PODS",
        "node-1  m5.large  us-east-1a  nodes-a  pods-a         2   18    18",
        "node-2  m5.large  us-east-1b  nodes-b  -              2   18     0",
        "",
        "node-1   18 pods, bound by ENI slots: 2 ENIs beside the primary one x 9 slots =",
        "         18 addresses; 18 addresses for pods, not 27, because the primary ENI",
        "         gives none",
        "node-2   0 pods, bound by zone of pod subnets: subnet pods-a of ENIConfig",
        "         us-east-1b is in us-east-1a, and node-2 in us-east-1b",
      ].join("\n"),
    );
  });
});

describe("pod subnets by NodeClass", () => {
  it("have the pods of the zones where there are some", () => {
    const objects = auto(nodeClass({ tier: "pods" }));
    const text =
      "NodeClass default has no pod subnet in us-east-1b, where node-2 is (pods-a in us-east-1a, small-a in us-east-1a)";
    expect(pods(objects)).toEqual([
      "a Running 100.64.0.16",
      `b ContainerCreating ${ADD} (${text})`,
      "host Running 10.0.2.4",
    ]);
    expect(notes(objects)).toEqual([
      `nodeclass/default spec.podSubnetSelectorTerms: pods of node-2 get no address: ${text}`,
    ]);
    expect(
      labCapacities(labOf(objects), objects).map((n) => [n.podSubnet, n.answer.pods, n.answer.withPrimary]),
    ).toEqual([
      ["pods-a", 18, 432],
      [null, 0, 432],
    ]);
  });

  it("are no matter of nodes in the same zone alone", () => {
    expect(notes(auto(nodeClass({ zone: "b" })))).toHaveLength(1);
    expect(notes(auto())).toEqual([]);
  });
});
