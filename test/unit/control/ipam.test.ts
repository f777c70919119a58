import { describe, expect, it } from "vitest";
import { eniViews, nodeViews, podViews, subnetViews } from "../../../src/control/views.ts";
import {
  cluster,
  cni,
  deploymentDocument,
  labDocument,
  PREFIXES,
  podDocument,
  problemsOf,
  read,
  vpc,
} from "./objects.ts";

const oneNode = (fields: Record<string, unknown> = {}) => ({
  nodes: [{ name: "node-1", instanceType: "m5.large", subnet: "nodes-a", ...fields }],
});
const wide = {
  vpc: vpc({ subnets: [{ name: "nodes-a", availabilityZone: "us-east-1a", cidrBlock: "10.0.0.0/20" }] }),
};
type Cluster = ReturnType<typeof cluster>;
const pods = (c: Cluster) => podViews(c.current());
const addresses = (c: Cluster) => pods(c).map((p) => `${p.address} ${p.eni}`);
const waiting = (c: Cluster) => pods(c).filter((p) => p.address === null);
const enis = (c: Cluster) => eniViews(c.current()).map((e) => [e.name, e.address, e.assigned.length, e.pods]);

/** Lets a cluster come to rest after a change: longer than all of ipamd's intervals. */
function rest(c: Cluster): void {
  c.advance(c.now + 180_000);
}

describe("secondary IPs", () => {
  it("a node without pods has one ENI full of warm addresses (WARM_ENI_TARGET=1)", () => {
    expect(enis(cluster(oneNode()))).toEqual([["node-1/eth0", "10.0.1.4", 9, 0]]);
  });

  it("fill one ENI after the other: 27 pods on an m5.large", () => {
    const c = cluster(oneNode(), deploymentDocument("api", 27));
    const all = addresses(c);
    expect(all.slice(0, 9)).toEqual(Array.from({ length: 9 }, (_, i) => `10.0.1.${5 + i} node-1/eth0`));
    expect(new Set(all).size).toBe(27);
    expect(enis(c)).toEqual([
      ["node-1/eth0", "10.0.1.4", 9, 9],
      ["node-1/eth1", "10.0.1.14", 9, 9],
      ["node-1/eth2", "10.0.1.24", 9, 9],
    ]);
    expect(nodeViews(c.current())[0]).toMatchObject({ warm: 0, pods: 27, maxPods: 29 });
  });

  it("leave the 28th pod pending, as the scheduler does", () => {
    const c = cluster(oneNode(), deploymentDocument("api", 28));
    expect(waiting(c)).toMatchObject([
      {
        name: "api-28",
        node: null,
        status: "Pending",
        reason: "0/1 nodes are available: node-1: Too many pods (29 of 29, 2 of them aws-node and kube-proxy)",
      },
    ]);
    // Room that another pod leaves is its own.
    c.apply(read(deploymentDocument("api", 27), podDocument("late")));
    expect(waiting(c).map((p) => p.name)).toEqual(["late"]);
    c.apply(read(deploymentDocument("api", 26)));
    rest(c);
    expect(waiting(c)).toEqual([]);
  });

  it("refuse ADD where max-pods is more than the slots give, with the CNI's words", () => {
    const spec = { ...oneNode({ maxPods: 40 }), ...cni({ MAX_ENI: "1" }) };
    const c = cluster(spec, deploymentDocument("api", 10));
    expect(waiting(c)).toMatchObject([
      { node: "node-1", status: "ContainerCreating", reason: "add cmd: failed to assign an IP address to container" },
    ]);
  });

  it("stop where the subnet is full", () => {
    const small = vpc({ subnets: [{ name: "nodes-a", availabilityZone: "us-east-1a", cidrBlock: "10.0.1.0/28" }] });
    const c = cluster({ ...oneNode(), vpc: small }, deploymentDocument("api", 11));
    // 11 usable addresses: the node's, 9 of its ENI. The second ENI would take 10 at once, and there is one.
    expect(waiting(c)).toHaveLength(2);
    expect(subnetViews(c.current())[0].freeAddresses).toBe(1);
    expect(enis(c)).toEqual([["node-1/eth0", "10.0.1.4", 9, 9]]);
  });
});

describe("prefixes", () => {
  it("give all 16 addresses of a /28, the lowest first, and keep one prefix warm", () => {
    const c = cluster({ ...oneNode(), ...PREFIXES }, deploymentDocument("api", 17));
    const all = addresses(c);
    expect(all[0]).toBe("10.0.1.16 node-1/eth0");
    expect(all[15]).toBe("10.0.1.31 node-1/eth0");
    expect(all[16]).toBe("10.0.1.32 node-1/eth0");
    expect(eniViews(c.current())[0].assigned).toEqual(["10.0.1.16/28", "10.0.1.32/28", "10.0.1.48/28"]);
    expect(subnetViews(c.current())[0].freePrefixes).toBe(11);
  });

  it("432 pods on an m5.large, not one more, where max-pods lets them", () => {
    const spec = { ...oneNode({ maxPods: 500 }), ...wide, ...PREFIXES };
    const c = cluster(spec, deploymentDocument("api", 433));
    expect(waiting(c)).toHaveLength(1);
    expect(eniViews(c.current()).map((e) => e.assigned.length)).toEqual([9, 9, 9]);
  });

  it("110 pods on an m5.large by EKS's own max-pods", () => {
    const c = cluster({ ...oneNode(), ...wide, ...PREFIXES }, deploymentDocument("api", 109));
    expect(waiting(c).map((p) => p.reason)).toEqual([
      "0/1 nodes are available: node-1: Too many pods (110 of 110, 2 of them aws-node and kube-proxy)",
    ]);
  });

  it("are refused where every /28 of the subnet is touched, and single addresses in Auto Mode", () => {
    const hosts = Array.from({ length: 14 }, (_, i) => ({
      name: `h${i}`,
      address: `10.0.1.${16 + i * 16}`,
      subnet: "nodes-a",
    }));
    const standard = cluster({ ...oneNode(), hosts, ...PREFIXES }, podDocument("web"));
    expect(waiting(standard)).toMatchObject([
      { node: "node-1", reason: "add cmd: failed to assign an IP address to container" },
    ]);
    const auto = cluster({ ...oneNode(), hosts, cluster: { mode: "auto" } }, podDocument("web"));
    expect(waiting(auto)).toEqual([]);
    expect(eniViews(auto.current())[0].assigned[0]).toBe("10.0.1.5");
  });

  it("are not for Xen types", () => {
    const c = cluster({ ...oneNode({ instanceType: "m4.large" }), ...PREFIXES }, podDocument("web"));
    expect(addresses(c)).toEqual(["10.0.1.5 node-1/eth0"]);
  });
});

describe("the ENI annotation", () => {
  const pin = (eni: string) => ({ annotations: { "podplane.dev/eni": eni } });

  it("attaches ENIs up to the one it names", () => {
    const c = cluster({ ...oneNode(), ...PREFIXES }, podDocument("web", {}, pin("eth2")), podDocument("free"));
    const [web, free] = pods(c);
    expect(web.eni).toBe("node-1/eth2");
    expect(free.eni).toBe("node-1/eth0");
    expect(enis(c).map(([name]) => name)).toEqual(["node-1/eth0", "node-1/eth1", "node-1/eth2"]);
  });

  it.each([
    ["eth3", "spec: pod/default/web fits no node: node-1: eth3 is over the 3 ENIs of m5.large"],
    [
      "ens5",
      'metadata.annotations["podplane.dev/eni"]: expected an interface such as eth1, got "ens5"; write eth0, eth1, ...',
    ],
  ])("%s is refused", (eni, message) => {
    expect(problemsOf(() => cluster(oneNode(), podDocument("web", {}, pin(eni))))).toEqual([message]);
  });
});

describe("time", () => {
  it("an address that was given back is assigned again after 30 s, not before", () => {
    const spec = { ...oneNode(), ...cni({ WARM_IP_TARGET: "1", MINIMUM_IP_TARGET: "3", MAX_ENI: "1" }) };
    const c = cluster(spec, podDocument("a"), podDocument("b"));
    const [a] = pods(c);
    c.remove(["pod/a"]);
    c.apply(read(podDocument("next")));
    const next = () => pods(c).find((p) => p.name === "next");
    expect(next()?.address).not.toBe(a.address);
    c.apply(read(podDocument("last")));
    const [eni] = eniViews(c.current());
    expect(eni.cooling).toBe(1);
    c.advance(c.now + 29_000);
    expect(eniViews(c.current())[0].cooling).toBe(1);
    c.advance(c.now + 2000);
    expect(eniViews(c.current())[0].cooling).toBe(0);
  });

  it("more replicas wait for ENIs that are attached in time", () => {
    const c = cluster(oneNode(), podDocument("first"));
    expect(enis(c)).toHaveLength(2);
    c.apply(read(deploymentDocument("api", 24)));
    // 17 warm addresses on two ENIs at once; the third takes EC2's time, and kubelet's back-off.
    expect(waiting(c)).toHaveLength(7);
    expect(waiting(c)[0]).toMatchObject({ node: "node-1", status: "ContainerCreating" });
    c.advance(c.now + 4000);
    expect(waiting(c)).toHaveLength(7);
    c.advance(c.now + 30_000);
    expect(waiting(c)).toEqual([]);
    expect(enis(c)).toHaveLength(3);
  });

  it("tells what is to happen next, and whether something did", () => {
    const c = cluster(oneNode(), podDocument("a"));
    const seen: string[] = [];
    c.watchStarts((pod, node, milliseconds) => seen.push(`${pod} ${node} ${milliseconds}`));
    expect(c.advance(c.now)).toBe(false);
    c.apply(read(podDocument("b")));
    expect(seen).toEqual(["pod/default/b node-1 0"]);
    const snapshot = c.snapshot();
    expect(c.advance(c.now + 1)).toBe(false);
    expect(c.snapshot()).toBe(snapshot);
  });

  it("changed variables of the DaemonSet restart the daemons, and pods keep their addresses", () => {
    const c = cluster({ ...oneNode(), ...wide }, deploymentDocument("api", 3));
    const before = addresses(c);
    c.apply(read(labDocument({ ...oneNode(), ...wide, ...PREFIXES })));
    rest(c);
    expect(addresses(c)).toEqual(before);
    c.apply(read(deploymentDocument("api", 4)));
    rest(c);
    const fresh = pods(c)[3];
    expect(fresh.address).toBe("10.0.0.16");
    expect(eniViews(c.current())[0].assigned.slice(0, 3)).toEqual(["10.0.0.5", "10.0.0.6", "10.0.0.7"]);
    expect(eniViews(c.current())[0].assigned.slice(3)).toEqual(["10.0.0.16/28", "10.0.0.32/28"]);
    expect(c.ipam.violations()).toEqual([]);
  });
});
