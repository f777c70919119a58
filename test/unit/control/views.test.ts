import { describe, expect, it } from "vitest";
import { eniViews, nodeViews, podViews, serviceViews, subnetViews } from "../../../src/control/views.ts";
import { cluster, deploymentDocument, PREFIXES, read, serviceDocument, vpc } from "./objects.ts";

const subnets = (cidrBlock: string) => [{ name: "nodes-a", availabilityZone: "us-east-1a", cidrBlock }];
const ONE_NODE = { nodes: [{ name: "node-1", instanceType: "m5.large", subnet: "nodes-a" }] };
const HOST = { hosts: [{ name: "rds", address: "10.0.1.77", subnet: "nodes-a" }] };

describe("views of a cluster with prefixes", () => {
  const state = cluster({ ...ONE_NODE, ...HOST, ...PREFIXES }, deploymentDocument("api", 17)).state();

  it("tell a node's pods, and its warm addresses", () => {
    // 17 pods leave 15 of two prefixes, under a whole one: WARM_PREFIX_TARGET is 1, so there is a third.
    expect(nodeViews(state)).toMatchObject([
      { name: "node-1", enis: 1, maxEnis: 3, pods: 17, systemPods: 2, maxPods: 110, warm: 31, cooling: 0 },
    ]);
  });

  it("tell an ENI's kind and what it has left", () => {
    expect(eniViews(state)).toMatchObject([
      { name: "node-1/eth0", kind: "primary", slots: 9, pods: 17, cooling: 0, free: 31 },
      { name: "rds/eth0", kind: "primary", slots: null, pods: 0, cooling: 0, free: 0 },
    ]);
    expect(eniViews(state)[0].assigned).toHaveLength(3);
  });

  it("tell who has a subnet's addresses", () => {
    const [subnet] = subnetViews(state);
    expect(subnet.ranges.slice(5).map((r) => `${r.cidrBlock} ${r.kind} ${r.owner}`)).toEqual([
      "10.0.1.4/32 primary node-1/eth0",
      "10.0.1.16/28 prefix node-1/eth0",
      "10.0.1.32/28 prefix node-1/eth0",
      "10.0.1.48/28 prefix node-1/eth0",
      "10.0.1.77/32 host rds/eth0",
    ]);
    expect([subnet.freeAddresses, subnet.freePrefixes]).toEqual([251 - 50, 10]);
  });

  it("count an address that was given back as cooling, then as free again", () => {
    const c = cluster({ ...ONE_NODE, ...PREFIXES }, deploymentDocument("api", 17));
    c.apply(read(deploymentDocument("api", 14)));
    expect(nodeViews(c.state())[0]).toMatchObject({ pods: 14, warm: 31, cooling: 3 });
    expect(eniViews(c.state())[0]).toMatchObject({ pods: 14, cooling: 3, free: 31 });
    c.advance(31_000);
    expect(eniViews(c.state())[0]).toMatchObject({ pods: 14, cooling: 0 });
  });
});

describe("views of pods", () => {
  it("say what those without address wait for", () => {
    const small = { vpc: vpc({ subnets: subnets("10.0.1.0/28") }), ...ONE_NODE };
    const pods = podViews(cluster(small, deploymentDocument("api", 30)).state());
    const of = (status: string) => pods.filter((p) => p.status === status);
    // The subnet has 11 addresses; the scheduler does not know, and gives the node 27 pods.
    expect(of("Running").every((p) => p.ready && p.reason === null && p.address !== null && p.eni !== null)).toBe(true);
    expect(of("ContainerCreating").length).toBeGreaterThan(0);
    expect(of("ContainerCreating")[0]).toMatchObject({
      node: "node-1",
      address: null,
      eni: null,
      ready: false,
      reason: "add cmd: failed to assign an IP address to container",
    });
    // kubelet's max-pods is 29, two of them aws-node and kube-proxy.
    expect(of("Pending")).toHaveLength(3);
    expect(of("Pending")[0]).toMatchObject({ node: null, address: null, ready: false });
    expect(of("Pending")[0].reason).toMatch(/^0\/1 nodes are available: .*Too many pods/);
    expect(nodeViews(cluster(small, deploymentDocument("api", 30)).state())[0].pods).toBe(27);
  });
});

describe("views of services", () => {
  it("tell what leads to them from outside", () => {
    const ingress = [{ ip: "203.0.113.10" }, { hostname: "edge.example.com" }];
    const views = serviceViews(
      cluster(
        {},
        {
          ...serviceDocument("edge", {
            type: "LoadBalancer",
            externalIPs: ["198.51.100.80"],
            externalTrafficPolicy: "Local",
          }),
          status: { loadBalancer: { ingress } },
        },
        serviceDocument("old", { type: "LoadBalancer", loadBalancerIP: "203.0.113.20" }),
        serviceDocument("docs", { type: "ExternalName", externalName: "docs.example.com", ports: [] }),
        serviceDocument("plain"),
      ).state(),
    );
    expect(views.map((s) => [s.name, s.external])).toEqual([
      ["edge", ["203.0.113.10", "edge.example.com", "198.51.100.80"]],
      ["old", ["203.0.113.20"]],
      ["docs", ["docs.example.com"]],
      ["plain", []],
    ]);
    expect(views.map((s) => typeof s.healthCheckNodePort)).toEqual(["number", "object", "object", "object"]);
  });
});
