import { describe, expect, it } from "vitest";
import { warmTarget } from "../../../../src/control/ipam/auto/autoPool.ts";
import { autoMaxPods, autoSettings, DEFAULT_AUTO_PARAMETERS } from "../../../../src/control/ipam/auto/settings.ts";
import type { SelectorTerm } from "../../../../src/control/objects/selectorTerms.ts";
import { instanceType } from "../../../../src/control/vpc/instanceTypes.ts";
import { autoLab, nodeClass } from "./nodeClasses.ts";

const { vpc } = autoLab().spec;

function limits(name: string) {
  const type = instanceType(name);
  if (type === null) throw new Error(name);
  return { ...type, branchEnis: 0 };
}

function podSubnets(...terms: SelectorTerm[]): readonly string[] | null {
  const spec = { podSubnetSelectorTerms: terms, podSecurityGroupSelectorTerms: [{ name: "pods" }] };
  return autoSettings(vpc, nodeClass(spec), "us-east-1a").podSubnets;
}

describe("autoSettings", () => {
  it("is of the node's own subnet with prefixes for the built-in class", () => {
    expect(autoSettings(vpc, null, "us-east-1a")).toEqual({
      ...DEFAULT_AUTO_PARAMETERS,
      prefixSize: "auto",
      minimalIpTarget: 1,
      podSubnets: null,
      podSecurityGroups: [],
      staticInterfaces: null,
    });
    expect(autoSettings(vpc, nodeClass(), "us-east-1a")).toEqual(autoSettings(vpc, null, "us-east-1a"));
  });

  it("selects pod subnets of the node's zone by tags, any value, id and name", () => {
    expect(podSubnets({ tags: { tier: "pods" } })).toEqual(["pods-a", "pods-a2"]);
    expect(podSubnets({ tags: { big: "*" } })).toEqual(["pods-a"]);
    expect(podSubnets({ tags: { tier: "pods", big: "no" } })).toEqual([]);
    expect(podSubnets({ tags: { Name: "pods-a2" } }, { tags: { big: "yes" } })).toEqual(["pods-a", "pods-a2"]);
    expect(podSubnets({ id: "subnet-0a" })).toEqual(["nodes-a"]);
    expect(podSubnets({ id: "pods-a" })).toEqual(["pods-a"]);
    expect(podSubnets({ tags: { toString: "*" } })).toEqual([]);
  });

  it("has no pod subnet where none is in the node's zone", () => {
    expect(podSubnets({ id: "pods-b" })).toEqual([]);
  });

  it("selects pod security groups by id, name and tags", () => {
    const groups = [{ id: "sg-0c" }, { tags: { for: "pods" } }];
    const spec = { podSubnetSelectorTerms: [{ id: "pods-a" }], podSecurityGroupSelectorTerms: groups };
    expect(autoSettings(vpc, nodeClass(spec), "us-east-1a").podSecurityGroups).toEqual(["cluster", "pods"]);
  });

  it("takes the interfaces of card 0 that have addresses", () => {
    const networkInterfaces = [
      { networkCardIndex: 1, deviceIndex: 0, interfaceType: "efa-only" },
      { networkCardIndex: 0, deviceIndex: 2, interfaceType: "interface", secondaryIPv4Count: 4 },
      { networkCardIndex: 0, deviceIndex: 1, interfaceType: "efa-only" },
      { networkCardIndex: 0, deviceIndex: 0, interfaceType: "interface", secondaryIPv4PrefixCount: 2 },
    ];
    const { staticInterfaces } = autoSettings(vpc, nodeClass({ advancedNetworking: { networkInterfaces } }), "a");
    expect(staticInterfaces).toEqual([
      { index: 3, deviceNumber: 0, secondaryAddresses: 0, prefixes: 2 },
      { index: 1, deviceNumber: 2, secondaryAddresses: 4, prefixes: 0 },
    ]);
  });

  it("lets parameters that AWS does not publish be set", () => {
    const spec = { advancedNetworking: { ipv4PrefixSize: "32" } };
    const settings = autoSettings(vpc, nodeClass(spec), "us-east-1a", { prefixCooldown: 1 });
    expect(settings).toMatchObject({ prefixSize: "32", prefixCooldown: 1, addressCooldown: 30_000 });
  });
});

describe("autoMaxPods", () => {
  it.each([
    ["c6a.large", false, 27],
    ["c6a.large", true, 18],
    ["t3.small", false, 9],
    ["m5.4xlarge", false, 110],
    ["m5.4xlarge", true, 110],
  ])("of %s with pod subnets %s is %i", (type, subnets, pods) => {
    expect(autoMaxPods(limits(type), subnets)).toBe(pods);
  });
});

describe("warmTarget", () => {
  it.each([
    [0, 1],
    [8, 1],
    [9, 2],
    [110, 14],
  ])("of %i scheduled pods is %i", (pods, addresses) => {
    expect(warmTarget(autoSettings(vpc, null, "a"), pods)).toBe(addresses);
  });

  it("is one address in mode 32, however many pods there are", () => {
    const spec = { advancedNetworking: { ipv4PrefixSize: "32" } };
    expect(warmTarget(autoSettings(vpc, nodeClass(spec), "a", { warmAddresses: 5 }), 100)).toBe(1);
  });
});
