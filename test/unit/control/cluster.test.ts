import { describe, expect, it } from "vitest";
import { Cluster } from "../../../src/control/cluster.ts";
import { sliceEndpointViews } from "../../../src/control/sliceViews.ts";
import { endpointViews, podViews } from "../../../src/control/views.ts";
import { routeViews } from "../../../src/control/vpcViews.ts";
import {
  cluster,
  cni,
  deploymentDocument,
  labDocument,
  PREFIXES,
  podDocument,
  problemsOf,
  read,
  serviceDocument,
  vpc,
} from "./objects.ts";

const pods = (c: Cluster) => podViews(c.state()).map((p) => `${p.name} ${p.node} ${p.address}`);
const rows = (c: Cluster) => [...c.snapshot().rows.keys()];

describe("apply", () => {
  it("says what it did", () => {
    const c = cluster({}, podDocument("a"), podDocument("b"));
    const change = c.apply(read(podDocument("a"), podDocument("b", { nodeName: "node-1" }), serviceDocument("s")));
    expect(change).toEqual({
      created: ["svc/default/s"],
      changed: ["pod/default/b"],
      unchanged: ["pod/default/a"],
      removed: [],
    });
  });

  it("leaves pods that run where they are", () => {
    const c = cluster(PREFIXES, deploymentDocument("api", 2), podDocument("x"));
    expect(pods(c)).toEqual(["api-1 node-1 10.0.1.16", "api-2 node-2 10.0.2.16", "x node-1 10.0.1.17"]);
    c.apply(read(deploymentDocument("api", 4)));
    expect(pods(c)).toEqual([
      "api-1 node-1 10.0.1.16",
      "api-2 node-2 10.0.2.16",
      "api-3 node-2 10.0.2.17",
      "api-4 node-1 10.0.1.18",
      "x node-1 10.0.1.17",
    ]);
    c.apply(read(deploymentDocument("api", 1)));
    expect(pods(c)).toEqual(["api-1 node-1 10.0.1.16", "x node-1 10.0.1.17"]);
  });

  it("replaces the pods of a changed template, under the lowest names that are free as it goes", () => {
    const c = cluster(PREFIXES, deploymentDocument("api", 2));
    c.apply(read(deploymentDocument("api", 2, { containers: [{ name: "new" }] })));
    expect(pods(c)).toEqual(["api-2 node-1 10.0.1.17", "api-3 node-2 10.0.2.17"]);
    expect(c.terminating()).toEqual([]);
  });

  it("of a lab that runs waits for what its pods report", () => {
    const documents = [labDocument(PREFIXES), deploymentDocument("api", 2), serviceDocument("api")];
    const c = new Cluster(read(...documents), { manual: true });
    const ready = (...names: string[]) => c.report(names.map((n) => ({ pod: `pod/default/${n}`, state: "ready" })));
    const endpoints = () => endpointViews(c.state()).map((e) => e.pod);
    expect(podViews(c.state()).map((p) => [p.name, p.ready])).toEqual([
      ["api-1", false],
      ["api-2", false],
    ]);
    expect(ready("api-1", "api-2")).toBe(true);
    expect(ready("api-1", "api-2")).toBe(false);
    const before = c.snapshot();
    const spec = { containers: [{ name: "new" }], nodeName: "nowhere" };
    // Before the first pod of the rollout has found no node.
    expect(problemsOf(() => c.apply(read(deploymentDocument("api", 2, spec))))).toHaveLength(2);
    expect(c.snapshot()).toBe(before);
    c.apply(read(deploymentDocument("api", 2, { containers: [{ name: "new" }] })));
    expect(pods(c).map((p) => p.split(" ")[0])).toEqual(["api-1", "api-2", "api-3"]);
    ready("api-3");
    expect(podViews(c.state()).map((p) => [p.name, p.status, p.ready])).toEqual([
      ["api-1", "Running", true],
      ["api-2", "Terminating", true],
      ["api-3", "Running", true],
      ["api-4", "Running", false],
    ]);
    expect(endpoints()).toEqual(["pod/default/api-1", "pod/default/api-3"]);
    const [{ uid, key }] = c.terminating();
    expect(key).toBe("pod/default/api-2");
    const address = pods(c)[1];
    c.report([{ pod: key, uid: uid + 100, state: "stopped" }]);
    expect(pods(c)[1]).toBe(address);
    c.report([{ pod: key, uid, state: "stopped" }]);
    expect(pods(c).map((p) => p.split(" ")[0])).toEqual(["api-1", "api-3", "api-4"]);
  });

  it("counts minReadySeconds on the lab's clock", () => {
    const document = deploymentDocument("api", 1);
    const change = (version: string) => {
      const spec = document.spec as { template: { metadata: object } };
      const template = { ...spec.template, metadata: { labels: { app: "api" }, annotations: { version } } };
      return read({ ...document, spec: { ...spec, minReadySeconds: 10, template } });
    };
    const c = new Cluster([...read(labDocument(PREFIXES)), ...change("1")], { manual: true });
    c.report([{ pod: "pod/default/api-1", state: "ready" }]);
    c.advance(10_000);
    c.apply(change("2"));
    c.advance(12_000);
    c.report([{ pod: "pod/default/api-2", state: "ready" }]);
    c.advance(21_999);
    expect(c.terminating()).toEqual([]);
    expect(c.advance(22_000)).toBe(true);
    expect(c.terminating().map((p) => p.key)).toEqual(["pod/default/api-1"]);
  });

  it("moves a pod that names another node now", () => {
    const c = cluster(PREFIXES, podDocument("x", { nodeName: "node-1" }));
    c.apply(read(podDocument("x", { nodeName: "node-2" })));
    expect(pods(c)).toEqual(["x node-2 10.0.2.16"]);
    c.apply(read(podDocument("x", { nodeName: "node-2", hostNetwork: true })));
    expect(pods(c)).toEqual(["x node-2 10.0.2.4"]);
    c.apply(read(podDocument("x", { nodeName: "node-2" }, { annotations: { "podplane.dev/eni": "eth1" } })));
    c.advance(c.now + 60_000);
    expect(podViews(c.state())[0]).toMatchObject({ eni: "node-2/eth1", hostNetwork: false });
  });

  it("does all or nothing", () => {
    const c = cluster(PREFIXES, podDocument("x"));
    const before = c.snapshot();
    expect(problemsOf(() => c.apply(read(podDocument("y"), podDocument("z", { nodeName: "nowhere" }))))).toHaveLength(
      1,
    );
    expect(c.snapshot()).toBe(before);
    c.apply(read(podDocument("w")));
    expect(pods(c)).toEqual(["x node-1 10.0.1.16", "w node-2 10.0.2.16"]);
  });

  it("changes routes and SNAT of a running lab, and no machines", () => {
    const c = cluster({}, podDocument("x"));
    const routeTables = [{ name: "main", main: true, routes: [{ destinationCidrBlock: "0.0.0.0/0", target: "igw" }] }];
    c.apply(read(labDocument({ vpc: vpc({ routeTables }), ...cni({ AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" }) })));
    expect(routeViews(c.state()).map((r) => `${r.destination} ${r.target}`)).toEqual([
      "10.0.0.0/16 local",
      "0.0.0.0/0 igw",
    ]);
    expect(c.snapshot().rows.get("node/0")).toMatchObject({ snatMode: 3 });
    expect(problemsOf(() => c.apply(read(labDocument({ nodes: [] }))))[0]).toMatch(
      /^spec: expected a change of routes, NAT gateways/,
    );
    expect(problemsOf(() => c.apply(read(labDocument(cni({ AWS_VPC_ENI_MTU: "1500" })))))).toHaveLength(1);
    expect(problemsOf(() => c.apply(read(labDocument({ cluster: { mode: "auto" } }))))).toHaveLength(1);
  });

  it("refuses names twice", () => {
    expect(problemsOf(() => cluster({}, podDocument("x"), podDocument("x")))).toEqual([
      "metadata.name: expected each object once, got pod/default/x as another pod/default/x; rename or remove one of them",
    ]);
    expect(problemsOf(() => cluster({}, podDocument("api-1"), deploymentDocument("api", 1)))[0]).toMatch(
      /^metadata.name: expected pod names of their own, got pod\/default\/api-1 from Pod api-1 and Deployment api/,
    );
    expect(problemsOf(() => cluster({}, labDocument()))).toHaveLength(1);
    expect(() => new Cluster([])).toThrow(/one document of kind Lab/);
  });

  it("refuses a Deployment whose selector is not its template's", () => {
    const document = deploymentDocument("api", 1);
    (document.spec as Record<string, unknown>).selector = { matchLabels: { app: "web" } };
    expect(problemsOf(() => cluster({}, document))[0]).toMatch(/^spec.selector: expected a selector that matches/);
  });
});

describe("remove", () => {
  it("takes objects with what belongs to them", () => {
    const c = cluster({}, deploymentDocument("api", 2), serviceDocument("api"), podDocument("x"));
    expect(c.remove(["deployment/api"]).removed).toEqual(["deployment/default/api"]);
    expect(pods(c).map((p) => p.split(" ")[0])).toEqual(["x"]);
    expect(endpointViews(c.state())).toEqual([]);
    expect(rows(c).filter((k) => k.startsWith("service/"))).toHaveLength(1);
    c.remove(["svc/api", "pods/default/x"]);
    expect(rows(c).filter((k) => k.startsWith("service/"))).toEqual([]);
  });

  it("has a controller replace a pod of its own, here at once", () => {
    const c = cluster({}, deploymentDocument("api", 2), serviceDocument("api"));
    expect(c.remove(["pod/api-1"]).removed).toEqual(["pod/default/api-1"]);
    expect(podViews(c.state()).map((p) => `${p.name} ${p.ready}`)).toEqual(["api-2 true", "api-3 true"]);
    expect(c.remove(["po/default/api-2", "pod/api-2"]).removed).toEqual(["pod/default/api-2"]);
    expect(() => c.remove(["pod/api-2"])).toThrow(/there is no pod\/default\/api-2/);
    expect(c.remove(["deploy/api", "pod/api-3"]).removed).toEqual(["deployment/default/api", "pod/default/api-3"]);
    expect(c.state().pods).toEqual([]);
  });

  it("has a pod that is deleted serve while it terminates", () => {
    const c = new Cluster(read(labDocument(), deploymentDocument("api", 1), serviceDocument("api")), { manual: true });
    c.report([{ pod: "pod/default/api-1", state: "ready" }]);
    c.remove(["pod/api-1"]);
    const conditions = () =>
      sliceEndpointViews(c.state()).map(({ pod, conditions: { ready, serving, terminating } }) => [
        ...[pod, ready, serving, terminating],
      ]);
    expect(conditions()).toEqual([
      ["pod/default/api-1", false, true, true],
      ["pod/default/api-2", false, false, false],
    ]);
    c.report([{ pod: "pod/default/api-2", state: "ready" }]);
    const [{ uid }] = c.terminating();
    c.report([{ pod: "pod/default/api-1", uid, state: "stopped" }]);
    expect(conditions()).toEqual([["pod/default/api-2", true, true, false]]);
  });

  it("takes a namespace with all that is in it", () => {
    const c = cluster(
      {},
      podDocument("a", {}, { namespace: "shop" }),
      serviceDocument("a", {}, { namespace: "shop" }),
      podDocument("a"),
    );
    expect(c.remove(["ns/shop"]).removed).toEqual(["pod/shop/a", "svc/shop/a"]);
    expect(podViews(c.state()).map((p) => p.namespace)).toEqual(["default"]);
  });

  it.each([
    ["pod/apo", /there is no pod\/default\/apo/],
    ["svc/apo", /did you mean svc\/default\/api\?/],
    ["api", /is no object: write KIND/],
    ["lab/test", /there is no lab\/test/],
  ])("%s is refused", (name, message) => {
    const c = cluster({}, deploymentDocument("api", 1), serviceDocument("api"));
    expect(() => c.remove([name])).toThrow(message);
  });
});

describe("what runs", () => {
  it("has its command, environment and namespace", () => {
    const container = {
      name: "web",
      command: ["node", "server.mjs"],
      args: ["8080"],
      workingDir: "/srv",
      env: [
        { name: "MODE", value: "test" },
        { name: "HOST", valueFrom: { fieldRef: { fieldPath: "status.hostIP" } } },
      ],
    };
    const hosts = [{ name: "rds", address: "10.0.1.200", subnet: "nodes-a", command: ["cat"], args: ["-u"] }];
    const c = cluster(
      { hosts, ...cni({ POD_MTU: "1400" }) },
      podDocument("x", { containers: [container, { name: "idle" }] }),
    );
    expect(c.workloads()).toMatchObject([
      {
        name: "pod/default/x",
        kind: "pod",
        namespace: "pod/default/x",
        address: "10.0.1.5",
        processes: [
          {
            name: "web",
            command: ["node", "server.mjs", "8080"],
            env: {
              POD_NAME: "x",
              POD_NAMESPACE: "default",
              POD_IP: "10.0.1.5",
              NODE_NAME: "node-1",
              MODE: "test",
              HOST: "10.0.1.4",
            },
            workingDir: "/srv",
          },
        ],
      },
      {
        name: "host/rds",
        kind: "host",
        namespace: "host/rds",
        address: "10.0.1.200",
        processes: [{ name: "main", command: ["cat", "-u"], env: { HOST_NAME: "rds" }, workingDir: null }],
      },
    ]);
    expect(c.namespaces().map((n) => [n.name, n.device, n.kind, n.node, n.address, n.mtu])).toEqual([
      ["node/node-1", 0, "node", "node-1", "10.0.1.4", 9001],
      ["node/node-2", 1, "node", "node-2", "10.0.2.4", 9001],
      ["host/rds", 2, "host", null, "10.0.1.200", 9001],
      ["pod/default/x", 3, "pod", "node-1", "10.0.1.5", 1400],
    ]);
  });
});
