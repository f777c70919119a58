import { describe, expect, it } from "vitest";
import { podViews } from "../../../src/control/views.ts";
import { cluster, deploymentDocument, podDocument, problemsOf } from "./objects.ts";

const nodes = (...fields: Record<string, unknown>[]) => ({
  nodes: fields.map((f, i) => ({ name: `node-${i + 1}`, instanceType: "m5.large", subnet: "nodes-a", ...f })),
});
const placed = (c: ReturnType<typeof cluster>) => podViews(c.state()).map((p) => `${p.name} ${p.node}`);
const taint = { key: "dedicated", value: "db", effect: "NoSchedule" };

describe("scheduling", () => {
  it("spreads a Deployment over the nodes, beside what they have already", () => {
    const c = cluster(nodes({}, {}), podDocument("x", { nodeName: "node-1" }), deploymentDocument("api", 3));
    expect(placed(c)).toEqual(["x node-1", "api-1 node-2", "api-2 node-1", "api-3 node-2"]);
  });

  it("spreads before it evens out", () => {
    const busy = ["x", "y", "z"].map((name) => podDocument(name, { nodeName: "node-1" }));
    const c = cluster(nodes({}, {}), ...busy, deploymentDocument("api", 2));
    expect(placed(c).slice(3)).toEqual(["api-1 node-2", "api-2 node-1"]);
  });

  it("counts nodes as a person does", () => {
    const c = cluster(nodes(...Array.from({ length: 11 }, () => ({}))), deploymentDocument("api", 11));
    expect(placed(c).slice(1, 3)).toEqual(["api-2 node-2", "api-3 node-3"]);
    expect(placed(c)[9]).toBe("api-10 node-10");
  });

  it("places pods that name their node first", () => {
    const spec = nodes({ instanceType: "t3.nano" }, {});
    // t3.nano: 2 ENIs with one slot each.
    const documents = [
      deploymentDocument("api", 2),
      podDocument("a", { nodeName: "node-1" }),
      podDocument("b", { nodeName: "node-1" }),
    ];
    expect(placed(cluster(spec, ...documents))).toEqual(["api-1 node-2", "api-2 node-2", "a node-1", "b node-1"]);
  });

  it("follows nodeSelector, with the labels that every node has", () => {
    const c = cluster(
      nodes({ labels: { role: "web" } }, { subnet: "nodes-b", instanceType: "m6g.large" }),
      podDocument("a", { nodeSelector: { role: "web" } }),
      podDocument("b", {
        nodeSelector: { "topology.kubernetes.io/zone": "us-east-1b", "kubernetes.io/arch": "arm64" },
      }),
    );
    expect(placed(c)).toEqual(["a node-1", "b node-2"]);
  });

  it.each([
    ["none", [], false],
    ["Equal with the value", [{ key: "dedicated", value: "db", effect: "NoSchedule" }], true],
    ["Equal with another value", [{ key: "dedicated", value: "web" }], false],
    ["Exists", [{ key: "dedicated", operator: "Exists" }], true],
    ["Exists with another effect", [{ key: "dedicated", operator: "Exists", effect: "NoExecute" }], false],
    ["Exists for everything", [{ operator: "Exists" }], true],
    ["Equal without a key", [{ value: "db" }], false],
  ])("taint NoSchedule, toleration %s", (_, tolerations, fits) => {
    const problems = problemsOf(() => cluster(nodes({ taints: [taint] }), podDocument("web", { tolerations })));
    expect(problems).toEqual(
      fits ? [] : ["spec: pod/default/web fits no node: node-1: taint dedicated=db:NoSchedule is not tolerated"],
    );
  });

  it("gives a reason for every node", () => {
    const spec = nodes({ taints: [taint], labels: { disk: "ssd" } }, { labels: { disk: "hdd" } }, {});
    expect(problemsOf(() => cluster(spec, podDocument("web", { nodeSelector: { disk: "ssd" } })))).toEqual([
      "spec: pod/default/web fits no node: node-1: taint dedicated=db:NoSchedule is not tolerated; " +
        "node-2: nodeSelector disk=ssd does not match (disk=hdd); node-3: nodeSelector disk=ssd does not match (no such label)",
    ]);
  });

  it("lets nodeName pass taints by, and refuses a node that is not there", () => {
    expect(problemsOf(() => cluster(nodes({ taints: [taint] }), podDocument("web", { nodeName: "node-1" })))).toEqual(
      [],
    );
    expect(problemsOf(() => cluster(nodes({}), podDocument("web", { nodeName: "node-l" })))).toEqual([
      'spec.nodeName: expected a node of the lab, got "node-l"; did you mean node-1?',
    ]);
  });

  it("gives hostNetwork pods the node's address and no device", () => {
    const c = cluster(nodes({}), podDocument("agent", { hostNetwork: true }), podDocument("web"));
    expect(podViews(c.state())[0]).toMatchObject({ address: "10.0.1.4", hostNetwork: true, eni: "node-1/eth0" });
    expect(c.namespaces().map((n) => n.name)).toEqual(["node/node-1", "pod/default/web"]);
    expect(c.workloads()[0].namespace).toBe("node/node-1");
  });
});
