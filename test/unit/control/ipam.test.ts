import { describe, expect, it } from "vitest";
import { eniViews, nodeViews, podViews, subnetViews } from "../../../src/control/views.ts";
import { cluster, cni, deploymentDocument, PREFIXES, podDocument, problemsOf, read, vpc } from "./objects.ts";

const oneNode = { nodes: [{ name: "node-1", instanceType: "m5.large", subnet: "nodes-a" }] };
const wide = {
  vpc: vpc({ subnets: [{ name: "nodes-a", availabilityZone: "us-east-1a", cidrBlock: "10.0.0.0/20" }] }),
};
const addresses = (c: ReturnType<typeof cluster>) => podViews(c.state()).map((p) => `${p.address} ${p.eni}`);

describe("secondary IPs", () => {
  it("fill one ENI, then attach the next: 27 pods on an m5.large", () => {
    const c = cluster(oneNode, deploymentDocument("api", 27));
    const all = addresses(c);
    // 10.0.1.4 is the node; the second ENI takes its own address when it is attached.
    expect(all.slice(0, 10)).toEqual([
      ...Array.from({ length: 9 }, (_, i) => `10.0.1.${5 + i} node-1/eth0`),
      "10.0.1.15 node-1/eth1",
    ]);
    expect(eniViews(c.state()).map((e) => [e.name, e.address, e.assigned.length, e.pods])).toEqual([
      ["node-1/eth0", "10.0.1.4", 9, 9],
      ["node-1/eth1", "10.0.1.14", 9, 9],
      ["node-1/eth2", "10.0.1.24", 9, 9],
    ]);
    expect(nodeViews(c.state())[0].freePodAddresses).toBe(0);
  });

  it("refuse the 28th pod and say why", () => {
    expect(problemsOf(() => cluster(oneNode, deploymentDocument("api", 28)))).toEqual([
      "spec.template.spec: pod/default/api-28 fits no node: node-1: no free pod address: all 9 slots of all 3 ENIs (m5.large) are in use",
    ]);
  });

  it("keep to MAX_ENI", () => {
    const spec = { ...oneNode, ...cni({ MAX_ENI: "1" }) };
    expect(problemsOf(() => cluster(spec, deploymentDocument("api", 9)))).toEqual([]);
    expect(problemsOf(() => cluster(spec, deploymentDocument("api", 10)))).toHaveLength(1);
  });

  it("stop where the subnet is full", () => {
    const small = vpc({ subnets: [{ name: "nodes-a", availabilityZone: "us-east-1a", cidrBlock: "10.0.1.0/28" }] });
    const [problem] = problemsOf(() => cluster({ ...oneNode, vpc: small }, deploymentDocument("api", 11)));
    expect(problem).toMatch(/subnet nodes-a (is full|has no address for another ENI) \(InsufficientFreeAddresses/);
  });
});

describe("prefixes", () => {
  it("give all 16 addresses of a /28, the lowest first", () => {
    const c = cluster({ ...oneNode, ...PREFIXES }, deploymentDocument("api", 17));
    const all = addresses(c);
    expect(all[0]).toBe("10.0.1.16 node-1/eth0");
    expect(all[15]).toBe("10.0.1.31 node-1/eth0");
    expect(all[16]).toBe("10.0.1.32 node-1/eth0");
    expect(eniViews(c.state())[0].assigned).toEqual(["10.0.1.16/28", "10.0.1.32/28"]);
    expect(subnetViews(c.state())[0].freePrefixes).toBe(12);
  });

  it("432 pods on an m5.large, not one more", () => {
    const spec = { ...oneNode, ...wide, ...PREFIXES };
    const c = cluster(spec, deploymentDocument("api", 432));
    expect(eniViews(c.state()).map((e) => e.assigned.length)).toEqual([9, 9, 9]);
    expect(problemsOf(() => cluster(spec, deploymentDocument("api", 433)))).toHaveLength(1);
  });

  it("are an error where every /28 of the subnet is touched, and single addresses in Auto Mode", () => {
    const hosts = Array.from({ length: 14 }, (_, i) => ({
      name: `h${i}`,
      address: `10.0.1.${16 + i * 16}`,
      subnet: "nodes-a",
    }));
    expect(problemsOf(() => cluster({ ...oneNode, hosts, ...PREFIXES }, podDocument("web")))).toEqual([
      "spec: pod/default/web fits no node: node-1: no free pod address: subnet nodes-a has no free /28 (InsufficientCidrBlocks; 236 single addresses are free)",
    ]);
    const auto = cluster({ ...oneNode, hosts, cluster: { mode: "auto" } }, podDocument("web"));
    expect(eniViews(auto.state())[0].assigned).toEqual(["10.0.1.5"]);
  });

  it("are not for Xen types", () => {
    const spec = { nodes: [{ name: "node-1", instanceType: "m4.large", subnet: "nodes-a" }], ...PREFIXES };
    expect(addresses(cluster(spec, podDocument("web")))).toEqual(["10.0.1.5 node-1/eth0"]);
  });
});

describe("the ENI annotation", () => {
  const pin = (eni: string) => ({ annotations: { "podplane.dev/eni": eni } });

  it("attaches ENIs up to the one it names", () => {
    const c = cluster({ ...oneNode, ...PREFIXES }, podDocument("web", {}, pin("eth2")), podDocument("free"));
    expect(addresses(c)).toEqual(["10.0.1.16 node-1/eth2", "10.0.1.32 node-1/eth0"]);
    expect(eniViews(c.state()).map((e) => [e.address, e.assigned])).toEqual([
      ["10.0.1.4", ["10.0.1.32/28"]],
      ["10.0.1.5", []],
      ["10.0.1.6", ["10.0.1.16/28"]],
    ]);
  });

  it.each([
    ["eth3", "spec: pod/default/web fits no node: node-1: no free pod address: eth3 is over the 3 ENIs of m5.large"],
    [
      "ens5",
      'metadata.annotations["podplane.dev/eni"]: expected an interface such as eth1, got "ens5"; write eth0, eth1, ...',
    ],
  ])("%s is refused", (eni, message) => {
    expect(problemsOf(() => cluster(oneNode, podDocument("web", {}, pin(eni))))).toEqual([message]);
  });
});

describe("release", () => {
  it("gives an address to the next pod; ENIs and slots stay", () => {
    const c = cluster({ ...oneNode, ...PREFIXES }, podDocument("a"), podDocument("b"), podDocument("c"));
    c.remove(["pod/a"]);
    expect(addresses(c)).toEqual(["10.0.1.17 node-1/eth0", "10.0.1.18 node-1/eth0"]);
    expect(eniViews(c.state())[0].assigned).toEqual(["10.0.1.16/28"]);
    c.apply(read(podDocument("d")));
    expect(addresses(c)[2]).toBe("10.0.1.16 node-1/eth0");
    c.remove(["pod/b", "pod/c", "pod/d"]);
    expect(eniViews(c.state())[0].assigned).toEqual(["10.0.1.16/28"]);
  });
});
