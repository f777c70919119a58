import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compilePort } from "../../../src/control/compileServices.ts";
import { diff } from "../../../src/control/diff.ts";
import { healthCheckAnswer } from "../../../src/control/kube/healthCheck.ts";
import type { ProxyEndpoint, ProxyPort } from "../../../src/control/kube/proxyPort.ts";
import { selectEndpoints } from "../../../src/control/kube/selectEndpoints.ts";
import {
  type HostPortRow,
  SCHEDULER_MAGLEV,
  SCHEDULER_RANDOM,
  SCHEDULER_RR,
  type ServiceRow,
} from "../../../src/plane/rows.ts";
import { cluster, deploymentDocument, podDocument, read, serviceDocument, sliceDocument } from "./objects.ts";
import { proxyEndpoint, proxyPort } from "./proxyObjects.ts";

const NODES = [
  { name: "here", zone: "a" },
  { name: "there", zone: "a" },
  { name: "far", zone: "b" },
];
const row = (...args: Parameters<typeof proxyPort>) => compilePort(proxyPort(...args), 7, NODES, SCHEDULER_RANDOM).row;
const services = (c: ReturnType<typeof cluster>) =>
  [...c.snapshot().rows.values()].filter((r): r is ServiceRow => r.t === "service");

describe("the row of a service port", () => {
  it("has all frontends and policies", () => {
    const made = row([proxyEndpoint(1)], {
      externalIPs: [5],
      loadBalancerIPs: [6],
      nodePort: 30080,
      affinitySeconds: 9,
      internalTrafficPolicy: "Local",
      sourceRanges: [{ prefix: 0, length: 1 }],
    });
    expect(made).toMatchObject({ id: 7, protocol: 6, affinity: 9, internalLocal: true, externalLocal: false });
    expect(made.frontends.map((f) => [f.kind, f.port])).toEqual([
      [0, 80],
      [1, 80],
      [2, 80],
      [3, 30080],
    ]);
    expect(made.sourceRanges).toEqual([{ prefix: 0, length: 1 }]);
  });

  it("has sets of nodes only where they differ", () => {
    const endpoints = [proxyEndpoint(1), proxyEndpoint(2, { node: "far" })];
    expect(row(endpoints, { nodePort: 30080 })).toMatchObject({ cluster: [0, 1], nodes: [] });
    expect(row(endpoints, { nodePort: 30080, externalTrafficPolicy: "Local" })).toMatchObject({
      cluster: [0, 1],
      nodes: [
        { node: 0, cluster: [0, 1], local: [0] },
        { node: 2, cluster: [0, 1], local: [1] },
      ],
    });
    const hinted = [proxyEndpoint(1, { zoneHints: ["a"] }), proxyEndpoint(2, { zoneHints: ["b"] })];
    expect(row(hinted, { topology: "zone" }).nodes).toEqual([
      { node: 0, cluster: [0], local: [] },
      { node: 1, cluster: [0], local: [] },
      { node: 2, cluster: [1], local: [] },
    ]);
  });

  it("tells no endpoints at all from none of this node", () => {
    expect(row([], { internalTrafficPolicy: "Local" })).toMatchObject({ hasEndpoints: false, endpoints: [] });
    const away = row([proxyEndpoint(1, { node: "elsewhere" })], { internalTrafficPolicy: "Local" });
    expect(away).toMatchObject({ hasEndpoints: true, endpoints: [], cluster: [], nodes: [] });
  });

  it("gives every node what kube-proxy would program there", () => {
    const endpoint = fc.record({
      node: fc.constantFrom("here", "there", "far", "elsewhere", null),
      ready: fc.boolean(),
      serving: fc.boolean(),
      terminating: fc.boolean(),
      zoneHints: fc.constantFrom([], ["a"], ["b"], ["a", "b"]),
      nodeHints: fc.constantFrom([], ["here"], ["far"]),
    });
    const fields = fc.record({
      nodePort: fc.constantFrom(0, 30080),
      internalTrafficPolicy: fc.constantFrom("Cluster" as const, "Local" as const),
      externalTrafficPolicy: fc.constantFrom("Cluster" as const, "Local" as const),
      topology: fc.constantFrom("none" as const, "zone" as const, "near" as const),
    });
    fc.assert(
      fc.property(fields, fc.array(endpoint, { maxLength: 6 }), (f, list) => {
        const port = proxyPort(
          list.map((e, i) => proxyEndpoint(i, e)),
          f,
        );
        const made = compilePort(port, 0, NODES, SCHEDULER_RANDOM);
        NODES.forEach((node, i) => {
          const own = made.row.nodes.find((n) => n.node === i) ?? { cluster: made.row.cluster, local: [] };
          const wanted = selectEndpoints(port, node);
          expect(own.cluster.map((k) => made.endpoints[k])).toEqual(wanted.cluster);
          expect(own.local.map((k) => made.endpoints[k])).toEqual(wanted.local);
          expect(made.row.hasEndpoints).toBe(wanted.any);
        });
        expect(made.row.endpoints.map((e) => e.address)).toEqual(made.endpoints.map((e) => e.address));
      }),
      { seed: 3, numRuns: 1000 },
    );
  });
});

it.each([
  [{}, SCHEDULER_RANDOM, 0],
  [{ mode: "nftables" }, SCHEDULER_RANDOM, 1],
  [{ mode: "ipvs" }, SCHEDULER_RR, 2],
  [{ mode: "cilium" }, SCHEDULER_RANDOM, 3],
  [{ mode: "cilium", scheduler: "maglev" }, SCHEDULER_MAGLEV, 3],
])("kubeProxy %j chooses by its scheduler, in rows of a running lab too", (kubeProxy, scheduler, mode) => {
  const c = cluster({}, serviceDocument("api"));
  c.apply([cluster({ cluster: { kubeProxy } }).lab]);
  expect(services(c)[0].scheduler).toBe(scheduler);
  expect(c.snapshot().rows.get("node/0")).toMatchObject({ serviceMode: mode });
});

describe("a load balancer's health check", () => {
  const endpoints = [
    proxyEndpoint(1),
    proxyEndpoint(1, { port: 81 }),
    proxyEndpoint(2, { ready: false, terminating: true }),
    proxyEndpoint(3, { node: "there" }),
  ];
  const port = proxyPort(endpoints, { namespace: "shop" });

  it("counts the addresses that are ready on the node", () => {
    expect(healthCheckAnswer([port], "here")).toEqual({
      status: 200,
      headers: {
        "Content-Type": "application/json",
        "X-Content-Type-Options": "nosniff",
        "X-Load-Balancing-Endpoint-Weight": "1",
      },
      body: '{\n\t"service": {\n\t\t"namespace": "shop",\n\t\t"name": "api"\n\t},\n\t"localEndpoints": 1,\n\t"serviceProxyHealthy": true\n}',
    });
  });

  it("fails without one, or where kube-proxy does", () => {
    const none = healthCheckAnswer([port], "far");
    expect(none.status).toBe(503);
    expect(JSON.parse(none.body)).toMatchObject({ localEndpoints: 0, serviceProxyHealthy: true });
    const ill = healthCheckAnswer([port], "here", false);
    expect(ill.status).toBe(503);
    expect(JSON.parse(ill.body)).toMatchObject({ localEndpoints: 1, serviceProxyHealthy: false });
  });
});

describe("a UDP port's row", () => {
  const also = (endpoints: ProxyEndpoint[], fields: Partial<ProxyPort> = {}) =>
    row(endpoints, { protocol: "UDP", ...fields }).alsoServing;
  const ready = proxyEndpoint(1);
  const leaving = proxyEndpoint(2, { ready: false, terminating: true });
  const ill = proxyEndpoint(3, { ready: false, serving: false });
  const far = proxyEndpoint(4, { node: "nowhere" });
  const named = ({ address, port }: ProxyEndpoint) => ({ address, port, weight: 1 });

  it("names what serves and is not chosen, whose flows are to live on", () => {
    expect(also([ready, leaving, ill])).toEqual([named(leaving)]);
    expect(also([ready, leaving, ill], { protocol: "TCP" })).toBeUndefined();
    // What is fallen back to is chosen.
    expect(also([leaving, ill])).toBeUndefined();
    // A policy hides it; the flows that it has go on.
    expect(also([ready, far], { internalTrafficPolicy: "Local" })).toEqual([named(far)]);
    expect(also([ready, far])).toBeUndefined();
  });
});

it("host ports are rows of the pod's node; a hostNetwork pod has none", () => {
  const ports = [
    { containerPort: 80, hostPort: 8080 },
    { containerPort: 53, hostPort: 53, protocol: "UDP", hostIP: "127.0.0.1" },
    { containerPort: 81 },
  ];
  const c = cluster(
    {},
    podDocument("a", { nodeName: "node-2", containers: [{ name: "c", ports }] }),
    podDocument("b", { hostNetwork: true, containers: [{ name: "c", ports: [{ containerPort: 9, hostPort: 9 }] }] }),
  );
  const rows = [...c.snapshot().rows.values()].filter((r): r is HostPortRow => r.t === "hostPort");
  expect(rows.map((r) => [r.node, r.protocol, r.address, r.port, r.targetPort])).toEqual([
    [1, 6, 0, 8080, 80],
    [1, 17, 0x7f000001, 53, 53],
  ]);
  const before = c.snapshot();
  c.remove(["pod/a"]);
  expect(diff(before, c.snapshot()).gone.map((r) => r.t)).toEqual(["hostPort", "hostPort", "device"]);
});

describe("a change", () => {
  const many = Array.from({ length: 600 }, (_, i) => serviceDocument(`s-${i}`, { selector: undefined }));
  const slices = many.map((_, i) => sliceDocument(`s-${i}`, [`192.168.${i >> 8}.${i & 255}`], 80));

  it("leaves rows and chunks of rows that it does not concern as they are", () => {
    const c = cluster({}, ...many, ...slices, deploymentDocument("api", 3), serviceDocument("api"));
    const first = c.snapshot();
    c.apply(read(sliceDocument("s-300", ["192.168.9.9"], 80)));
    const second = c.snapshot();
    const patch = diff(first, second);
    expect(patch.put.map((r) => r.t)).toEqual(["service"]);
    expect(second.services.filter((chunk, i) => chunk !== first.services[i])).toHaveLength(1);
    for (const [key, r] of second.rows)
      if (r.t === "service" && r !== patch.put[0]) expect(r).toBe(first.rows.get(key));

    c.setReady("pod/default/api-2", false);
    const third = c.snapshot();
    expect(diff(second, third).put).toMatchObject([{ t: "service", endpoints: [{}, {}] }]);
    expect(third.services.filter((chunk, i) => chunk !== second.services[i])).toHaveLength(1);
    // Nor does a change that no packet sees make a row.
    c.apply(read(serviceDocument("api", {}, { labels: { team: "x" } })));
    expect(c.snapshot().services).not.toBe(third.services);
    expect(diff(third, c.snapshot()).put).toEqual([]);
    // What is applied again as it is changes nothing at all.
    c.apply(read(...slices.slice(0, 3), ...many.slice(0, 3)));
    const fourth = c.snapshot();
    c.apply(read(...slices.slice(3, 6), ...many.slice(3, 6)));
    expect(c.snapshot().services).toBe(fourth.services);
  });
});
