import { describe, expect, it } from "vitest";
import { Cluster } from "../../../src/control/cluster.ts";
import { pathText } from "../../../src/control/objects/finding.ts";
import { ObjectError } from "../../../src/control/objects/objectError.ts";
import { nodeViews, podViews } from "../../../src/control/views.ts";
import { checkLab } from "../../../src/control/vpc/checkLab.ts";
import { type Fields, labDocument, podDocument, read, readLab, vpc } from "./documents.ts";

const ETH0 = { deviceNumber: 0, subnet: "nodes-a", address: "10.0.1.77", prefixes: ["10.0.1.96/28", "10.0.1.160/28"] };
const ETH1 = { id: "eni-0b", deviceNumber: 1, subnet: "nodes-a", address: "10.0.1.8", prefixes: ["10.0.1.192/28"] };

const node = (...enis: Fields[]) => ({
  nodes: [
    { name: "node-1", instanceType: "m5.large", subnet: "nodes-a", enis },
    { name: "node-2", instanceType: "m5.large", subnet: "nodes-a" },
  ],
});
const PREFIXES = { cluster: { cni: { env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" } } } };
const SECONDARY = { cluster: { cni: { env: { WARM_IP_TARGET: "1" } } } };

const pinned = (name: string, address: string, annotations: Fields = {}) =>
  podDocument(name, { nodeName: "node-1" }, { annotations: { "podplane.dev/address": address, ...annotations } });

const cluster = (spec: Fields, ...documents: unknown[]) => new Cluster(read(labDocument(spec), ...documents));
const places = (c: Cluster) =>
  podViews(c.current()).map((p) =>
    [p.name, p.address, p.eni?.slice("node-1/".length), p.reason].filter(Boolean).join(" "),
  );

describe("a node's ENIs that the lab writes", () => {
  it("are those that its daemon finds, with pods on the addresses that they must have", () => {
    const c = cluster(
      { ...PREFIXES, ...node(ETH0, ETH1) },
      pinned("a", "10.0.1.165"),
      pinned("b", "10.0.1.207"),
      podDocument("c", { nodeName: "node-1" }),
    );
    expect(places(c)).toEqual(["a 10.0.1.165 eth0", "b 10.0.1.207 eth1", "c 10.0.1.96 eth0"]);
    const [{ address }] = nodeViews(c.current());
    expect(address).toBe("10.0.1.77");
    expect(c.ipam.enis("node-1").map((eni) => eni.id)).toEqual(["eni-00000001", "eni-0b"]);
    expect(c.ipam.violations()).toEqual([]);
    // The other node has the lowest address that is left.
    expect(nodeViews(c.current())[1].address).toBe("10.0.1.4");
  });

  it("keep their prefixes until the targets say otherwise: one with a pod stays, a second free one goes", () => {
    const slots = (c: Cluster) => c.ipam.enis("node-1").map((eni) => eni.slots.length);
    const busy = [pinned("a", "10.0.1.96"), pinned("b", "10.0.1.160"), pinned("c", "10.0.1.192")];
    expect(slots(cluster({ ...PREFIXES, ...node(ETH0, ETH1) }, ...busy))).toEqual([2, 1]);
    expect(slots(cluster({ ...PREFIXES, ...node(ETH0, ETH1) }))).toEqual([0, 1]);
  });

  it("have secondary addresses too", () => {
    const eni = { deviceNumber: 0, subnet: "nodes-a", address: "10.0.1.4", addresses: ["10.0.1.200", "10.0.1.50"] };
    const c = cluster({ ...SECONDARY, ...node(eni) }, pinned("a", "10.0.1.50"), pinned("b", "10.0.1.200"));
    expect(places(c)).toEqual(["a 10.0.1.50 eth0", "b 10.0.1.200 eth0"]);
  });

  it("let a pod wait whose address none of them has, or that another pod has", () => {
    const c = cluster(
      { ...PREFIXES, ...node(ETH0, ETH1) },
      pinned("a", "10.0.1.96"),
      pinned("b", "10.0.1.96"),
      pinned("c", "10.0.2.9"),
    );
    const failed = "add cmd: failed to assign an IP address to container";
    expect(places(c)).toEqual([
      "a 10.0.1.96 eth0",
      `b ${failed}: 10.0.1.96 is pod/default/a's`,
      `c ${failed}: no ENI of the node has 10.0.2.9 for pods`,
    ]);
  });

  it("give a pod that comes later the address that it asks for", () => {
    const c = cluster({ ...PREFIXES, ...node(ETH0, ETH1) }, pinned("a", "10.0.1.165"));
    c.apply(read(pinned("late", "10.0.1.170")));
    expect(places(c)).toContain("late 10.0.1.170 eth0");
    c.remove(["pod/late"]);
    c.apply(read(pinned("later", "10.0.1.170")));
    expect(places(c)[1]).toMatch(/10\.0\.1\.170 cools down$/);
    c.advance(c.now + 60_000);
    expect(places(c)).toContain("later 10.0.1.170 eth0");
  });

  it("are Auto Mode's too", () => {
    const c = cluster(
      { cluster: { mode: "auto", dns: { mode: "none" } }, ...node(ETH0, ETH1) },
      pinned("a", "10.0.1.165"),
      pinned("b", "10.0.1.207"),
    );
    expect(places(c)).toEqual(["a 10.0.1.165 eth0", "b 10.0.1.207 eth1"]);
    expect(c.ipam.violations()).toEqual([]);
  });

  it("may be a trunk, of which a pod has the branch ENI that it must have", () => {
    const policy = {
      apiVersion: "vpcresources.k8s.aws/v1beta1",
      kind: "SecurityGroupPolicy",
      metadata: { name: "all" },
      spec: { podSelector: {}, securityGroups: { groupIds: ["db"] } },
    };
    const trunk = { id: "eni-0t", deviceNumber: 2, subnet: "nodes-a", address: "10.0.1.9", trunk: true };
    const c = cluster(
      {
        vpc: vpc({ securityGroups: [{ name: "db" }] }),
        cluster: { cni: { env: { ENABLE_POD_ENI: "true", WARM_IP_TARGET: "1" } } },
        ...node(ETH0, trunk),
      },
      policy,
      pinned("a", "10.0.1.240"),
    );
    expect(places(c)).toEqual(["a 10.0.1.240 vlan.eth.1"]);
    expect(c.ipam.enis("node-1").map((eni) => `${eni.kind} ${eni.id}`)).toContain("trunk eni-0t");
  });

  it("are refused with the place of what is wrong", () => {
    const problems = (...enis: Fields[]) =>
      checkLab(readLab(node(...enis))).problems.map((p) => `${pathText(p.path)}: ${p.message}`);
    expect(problems(ETH0, ETH1)).toEqual([]);
    expect(
      problems({ ...ETH1, address: "10.0.1.100" }, { ...ETH0, prefixes: ["10.0.1.96/28", "10.0.2.0/28"] }),
    ).toEqual([
      "spec.nodes[0].enis[1].prefixes[0]: expected each address once, got 10.0.1.96/28, which spec.nodes[0].enis[0].address has; change one of them",
      "spec.nodes[0].enis[1].prefixes[1]: expected a /28 of subnet nodes-a 10.0.1.0/24, got 10.0.2.0/28; change it",
    ]);
    expect(problems(ETH1)[0]).toBe(
      "spec.nodes[0].enis: expected the primary ENI (deviceNumber: 0) among them, got none; add it",
    );
    expect(problems({ ...ETH0, address: "10.0.1.3" }, { ...ETH1, deviceNumber: 0, subnet: "nodes-b" })).toEqual([
      "spec.nodes[0].enis[0].address: expected an address that EC2 does not reserve in subnet nodes-a 10.0.1.0/24, got 10.0.1.3; change it",
      "spec.nodes[0].enis[1].deviceNumber: expected a device number of its own, got 0 twice; change one of them",
      "spec.nodes[0].enis[1].subnet: expected nodes-a, the node's subnet, for the primary ENI, got nodes-b; change one of them",
      "spec.nodes[0].enis[1].subnet: expected a subnet in us-east-1a, where the node is, got nodes-b in us-east-1b; an ENI is attached within its zone alone",
      "spec.nodes[0].enis[1].address: expected an address of subnet nodes-b 10.0.2.0/24, got 10.0.1.8; change it",
      "spec.nodes[0].enis[1].prefixes[0]: expected a /28 of subnet nodes-b 10.0.2.0/24, got 10.0.1.192/28; change it",
    ]);
  });

  it("want an address in the pod's annotation", () => {
    expect(() => cluster(node(ETH0), pinned("a", "10.0.1"))).toThrow(ObjectError);
  });
});
