import { describe, expect, it } from "vitest";
import { checkNodeClasses } from "../../../../src/control/ipam/auto/checkNodeClass.ts";
import { pathText } from "../../../../src/control/objects/finding.ts";
import { objectKey } from "../../../../src/control/objects/kinds.ts";
import type { NodeClass } from "../../../../src/control/objects/nodeClass.ts";
import { autoLab, nodeClass } from "./nodeClasses.ts";

const NODES = [
  { name: "node-1", instanceType: "m5.large", subnet: "nodes-a" },
  { name: "node-2", instanceType: "m5.large", subnet: "nodes-b" },
];

function problems(classes: NodeClass[], nodes: object[] = NODES): string[] {
  return checkNodeClasses(autoLab(nodes), classes).map(
    (p) => `${objectKey(p.object)} ${pathText(p.path)}: ${p.message}`,
  );
}

const AT = "nodeclass/default spec";

function termProblems(field: string, term: object, rest: object = {}): string[] {
  return problems([nodeClass({ [field]: [term], ...rest })], []);
}

const pods = (...terms: object[]) => ({
  podSubnetSelectorTerms: terms,
  podSecurityGroupSelectorTerms: [{ name: "pods" }],
});

describe("checkNodeClasses", () => {
  it("has nothing to say of classes that find all they select", () => {
    expect(problems([nodeClass(pods({ tags: { tier: "pods" } }))])).toEqual([]);
    expect(problems([])).toEqual([]);
  });

  it("names near misses of ids and names", () => {
    expect(termProblems("subnetSelectorTerms", { id: "node-a" })).toEqual([
      `${AT}.subnetSelectorTerms[0]: expected a subnet of the VPC by name or id, got "node-a"; did you mean nodes-a or nodes-b or pods-a?`,
    ]);
    expect(termProblems("securityGroupSelectorTerms", { name: "clutser" })).toEqual([
      `${AT}.securityGroupSelectorTerms[0]: expected a security group of the VPC by name or id, got "clutser"; did you mean cluster?`,
    ]);
  });

  it("names near misses of tags and of their values", () => {
    expect(termProblems("subnetSelectorTerms", { tags: { teir: "nodes" } })).toEqual([
      `${AT}.subnetSelectorTerms[0]: expected tags of a subnet of the lab, got teir=nodes; no subnet has tag teir, did you mean tier?`,
    ]);
    expect(termProblems("subnetSelectorTerms", { tags: { tier: "node" } })).toEqual([
      `${AT}.subnetSelectorTerms[0]: expected tags of a subnet of the lab, got tier=node; no subnet has tier=node, did you mean nodes?`,
    ]);
    expect(termProblems("subnetSelectorTerms", { tags: { tier: "nodes", big: "*" } })).toEqual([
      `${AT}.subnetSelectorTerms[0]: expected tags of a subnet of the lab, got tier=nodes, big=*; no subnet has all of them, make them terms of their own where one is enough`,
    ]);
  });

  it("finds pod subnets and pod security groups that are not there", () => {
    expect(
      problems([nodeClass({ ...pods({ id: "pod-a" }), podSecurityGroupSelectorTerms: [{ id: "podz" }] })]),
    ).toEqual([
      `${AT}.podSubnetSelectorTerms[0]: expected a subnet of the VPC by name or id, got "pod-a"; did you mean pods-a?`,
      `${AT}.podSecurityGroupSelectorTerms[0]: expected a security group of the VPC by name or id, got "podz"; did you mean pods?`,
    ]);
  });

  it("wants the subnets of the class's nodes selected", () => {
    expect(problems([nodeClass({ subnetSelectorTerms: [{ id: "nodes-a" }] })])).toEqual([
      `${AT}.subnetSelectorTerms: expected to select nodes-b, the subnet of node node-2, got nodes-a; add a term, or change the node's subnet`,
    ]);
  });

  it("wants the class of every node", () => {
    expect(problems([nodeClass({}, "custom")], [{ ...NODES[0], nodeClass: "costum" }])).toEqual([
      `lab/test spec.nodes[0].nodeClass: expected a NodeClass, got "costum"; did you mean custom?`,
    ]);
    expect(problems([], [{ ...NODES[0], nodeClass: "default" }])).toEqual([]);
  });

  it("wants interfaces that the instance type has", () => {
    const eni = { networkCardIndex: 0, deviceIndex: 0, interfaceType: "interface" };
    const networkInterfaces = [
      { ...eni, secondaryIPv4PrefixCount: 10 },
      { ...eni, deviceIndex: 2, secondaryIPv4Count: 10 },
      { ...eni, deviceIndex: 3, secondaryIPv4Count: 9 },
    ];
    const at = `${AT}.advancedNetworking.networkInterfaces`;
    expect(problems([nodeClass({ advancedNetworking: { networkInterfaces } })])).toEqual([
      `${at}[0].secondaryIPv4PrefixCount: expected at most the 9 prefixes that an ENI of m5.large takes, got 10; write fewer`,
      `${at}[1].secondaryIPv4Count: expected at most the 9 addresses that an ENI of m5.large takes, got 10; write fewer`,
      `${at}[2].deviceIndex: expected a device of m5.large, which has 3 ENIs, got 3; write at most 2`,
    ]);
  });
});
