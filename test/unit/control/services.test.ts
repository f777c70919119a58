import { describe, expect, it } from "vitest";
import { endpointViews, serviceViews } from "../../../src/control/views.ts";
import {
  cluster,
  deploymentDocument,
  podDocument,
  problemsOf,
  read,
  serviceDocument,
  sliceDocument,
} from "./objects.ts";

type C = ReturnType<typeof cluster>;
const clusterIPs = (c: C) => serviceViews(c.state()).map((s) => `${s.name} ${s.clusterIP}`);
const nodePorts = (c: C) => serviceViews(c.state()).map((s) => s.ports.map((p) => p.nodePort));
const endpoints = (c: C) => endpointViews(c.state()).map((e) => `${e.pod ?? "-"} ${e.address}:${e.port}`);

describe("ClusterIPs", () => {
  it("come from the dynamic band in the order of the names, explicit ones as they are", () => {
    const c = cluster(
      {},
      serviceDocument("zoo"),
      serviceDocument("api"),
      serviceDocument("dns", { clusterIP: "172.20.0.10" }),
      serviceDocument("fixed", { clusterIP: "172.20.1.1" }),
    );
    // KEP-3070: a /16 keeps its first 256 addresses for those who ask.
    expect(clusterIPs(c)).toEqual(["zoo 172.20.1.3", "api 172.20.1.2", "dns 172.20.0.10", "fixed 172.20.1.1"]);
  });

  it("use the static band of a small CIDR once the rest is full", () => {
    const documents = Array.from({ length: 254 }, (_, i) => serviceDocument(`s${String(i).padStart(3, "0")}`));
    const c = cluster({ cluster: { serviceCidr: "10.100.0.0/24" } }, ...documents);
    const all = clusterIPs(c);
    expect(all[0]).toBe("s000 10.100.0.17");
    expect(all[237]).toBe("s237 10.100.0.254");
    expect(all[238]).toBe("s238 10.100.0.1");
    expect(new Set(all.map((t) => t.split(" ")[1])).size).toBe(254);
    const problems = problemsOf(() => c.apply(read(serviceDocument("t"))));
    expect(problems).toEqual([
      "spec.clusterIP: expected a free address in the service CIDR 10.100.0.0/24, got none; widen spec.cluster.serviceCidr",
    ]);
  });

  it("do not move when services come and go", () => {
    const c = cluster({}, serviceDocument("b"), serviceDocument("c"));
    c.apply(read(serviceDocument("a")));
    expect(clusterIPs(c)).toEqual(["b 172.20.1.1", "c 172.20.1.2", "a 172.20.1.3"]);
    c.remove(["svc/b"]);
    c.apply(read(serviceDocument("d")));
    expect(clusterIPs(c)).toEqual(["c 172.20.1.2", "a 172.20.1.3", "d 172.20.1.1"]);
    expect(problemsOf(() => c.apply(read(serviceDocument("e", { clusterIP: "172.20.1.2" }))))).toEqual([
      "spec.clusterIP: expected an address that no service has, got 172.20.1.2, which svc/default/c has; change one of them",
    ]);
  });

  it.each(["10.0.0.1", "172.20.0.0", "172.20.255.255"])("%s is no address for a service", (clusterIP) => {
    expect(problemsOf(() => cluster({}, serviceDocument("api", { clusterIP })))).toEqual([
      `spec.clusterIP: expected an address of the service CIDR 172.20.0.0/16, got ${clusterIP}; change it, or leave it out`,
    ]);
  });

  it("are none of headless and ExternalName services", () => {
    const external = { type: "ExternalName", externalName: "example.com", selector: undefined, ports: [] };
    const c = cluster({}, serviceDocument("a", { clusterIP: "None" }), serviceDocument("b", external));
    expect(clusterIPs(c)).toEqual(["a null", "b null"]);
    expect([...c.snapshot().rows.keys()].filter((k) => k.startsWith("service/"))).toEqual([]);
  });
});

describe("node ports", () => {
  it("come from 30086 on, stay, and are one service's alone", () => {
    const two = [
      { name: "tcp", port: 53, nodePort: 30100 },
      { name: "udp", port: 53, protocol: "UDP", nodePort: 30100 },
    ];
    const c = cluster(
      {},
      serviceDocument("dns", { type: "NodePort", ports: two }),
      serviceDocument("web", { type: "NodePort" }),
    );
    expect(nodePorts(c)).toEqual([[30100, 30100], [30086]]);
    c.apply(read(serviceDocument("api", { type: "NodePort" })));
    expect(nodePorts(c)).toEqual([[30100, 30100], [30086], [30087]]);
    const taken = serviceDocument("x", { type: "NodePort", ports: [{ port: 1, nodePort: 30087 }] });
    expect(problemsOf(() => c.apply(read(taken)))).toEqual([
      "spec.ports[0].nodePort: expected a node port that no other service has, got 30087, which svc/default/api has; change one of them",
    ]);
  });

  it.each([
    [
      { type: "NodePort", ports: [{ port: 80, nodePort: 8080 }] },
      /^spec.ports\[0\].nodePort: expected a node port from 30000 to 32767, got 8080/,
    ],
    [
      { ports: [{ port: 80, nodePort: 30100 }] },
      /^spec.ports\[0\].nodePort: expected no node port in a ClusterIP service/,
    ],
    [{ ports: [] }, /^spec.ports: expected at least one port, got none/],
    [{ ports: [{ port: 80 }, { port: 81, name: "b" }] }, /^spec.ports\[0\]: expected a name for each of several ports/],
    [
      {
        ports: [
          { port: 80, name: "a" },
          { port: 80, name: "b" },
        ],
      },
      /^spec.ports\[1\].port: expected each port once, got 80\/TCP twice/,
    ],
    [
      {
        ports: [
          { port: 80, name: "a" },
          { port: 81, name: "a" },
        ],
      },
      /^spec.ports\[1\].name: expected a name of its own/,
    ],
    [{ selector: undefined }, /^spec: expected a selector, or an EndpointSlice for this service, got neither/],
  ])("%j is refused", (spec, message) => {
    const problems = problemsOf(() => cluster({}, serviceDocument("api", spec)));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(message);
  });
});

describe("endpoints", () => {
  const container = (name: string, containerPort: number) => ({ name: "c", ports: [{ name, containerPort }] });

  it("are the ready pods that the selector names, by name", () => {
    const c = cluster({}, deploymentDocument("api", 11), serviceDocument("api"), podDocument("other"));
    expect(endpoints(c).map((e) => e.split(" ")[0])).toEqual(
      Array.from({ length: 11 }, (_, i) => `pod/default/api-${i + 1}`),
    );
    expect(c.setReady("pod/default/api-2", false)).toBe(true);
    expect(c.setReady("pod/default/api-2", false)).toBe(false);
    expect(endpoints(c)).toHaveLength(10);
    expect(endpoints(c)[1]).toMatch(/^pod\/default\/api-3 /);
    c.setReady("pod/default/api-2", true);
    expect(endpoints(c)).toHaveLength(11);
  });

  it("forget that a pod was not ready once it is gone", () => {
    const pod = podDocument("a", {}, { labels: { app: "api" } });
    const c = cluster({}, pod, serviceDocument("api"));
    c.setReady("pod/default/a", false);
    c.apply(read(podDocument("b")));
    expect(endpoints(c)).toEqual([]);
    c.remove(["pod/a"]);
    expect(c.setReady("pod/default/a", true)).toBe(false);
    c.apply(read(pod));
    expect(endpoints(c)).toHaveLength(1);
  });

  it("take publishNotReadyAddresses at its word", () => {
    const c = cluster({}, deploymentDocument("api", 1), serviceDocument("api", { publishNotReadyAddresses: true }));
    c.setReady("pod/default/api-1", false);
    expect(endpoints(c)).toHaveLength(1);
  });

  it("resolve a named target port pod by pod", () => {
    const pod = (name: string, c: unknown) =>
      podDocument(name, { containers: [c], nodeName: "node-1" }, { labels: { app: "api" } });
    const c = cluster(
      {},
      pod("a", container("http", 8080)),
      pod("b", container("http", 9090)),
      pod("c", container("grpc", 9091)),
      pod("d", { name: "c", ports: [{ name: "http", containerPort: 53, protocol: "UDP" }] }),
      serviceDocument("api", { ports: [{ port: 80, targetPort: "http" }] }),
    );
    expect(endpoints(c)).toEqual(["pod/default/a 10.0.1.5:8080", "pod/default/b 10.0.1.6:9090"]);
  });

  it("keep to the service's namespace", () => {
    const pod = podDocument("a", {}, { namespace: "shop", labels: { app: "api" } });
    expect(endpoints(cluster({}, pod, serviceDocument("api")))).toEqual([]);
    expect(endpoints(cluster({}, pod, serviceDocument("api", {}, { namespace: "shop" })))).toHaveLength(1);
  });

  it("are the node's address for a hostNetwork pod", () => {
    const pod = podDocument("a", { hostNetwork: true, nodeName: "node-2" }, { labels: { app: "api" } });
    expect(endpoints(cluster({}, pod, serviceDocument("api")))).toEqual(["pod/default/a 10.0.2.4:8080"]);
  });

  it("come from EndpointSlices where there is no selector", () => {
    const db = serviceDocument("db", { selector: undefined, ports: [{ port: 5432 }] });
    const hosts = [{ name: "rds", address: "10.0.1.200", subnet: "nodes-a" }];
    const c = cluster({ hosts }, db, sliceDocument("db", ["10.0.1.200", "192.168.0.9"]));
    expect(endpoints(c)).toEqual(["- 10.0.1.200:5432", "- 192.168.0.9:5432"]);
    const { names } = c.snapshot();
    expect([0, 1, 2].map((i) => names.endpoint(0, i))).toEqual(["host/rds", "192.168.0.9", "(gone)"]);
    expect(problemsOf(() => c.remove(["endpointslice/db-1"]))).toHaveLength(1);
    expect(endpoints(c)).toHaveLength(2);
  });

  it("leave out what is not ready or of another port", () => {
    const slice = {
      ...sliceDocument("db", []),
      ports: [
        { name: "other", port: 1 },
        { name: "sql", port: 2 },
      ],
      endpoints: [
        { addresses: ["192.168.0.1"], conditions: { ready: false } },
        { addresses: ["192.168.0.2", "192.168.0.99"] },
        { addresses: ["192.168.0.3"], conditions: { ready: false, serving: true, terminating: true } },
      ],
    };
    const db = serviceDocument("db", { selector: undefined, ports: [{ name: "sql", port: 5432 }] });
    expect(endpoints(cluster({}, db, slice))).toEqual(["- 192.168.0.2:2"]);
    const leaving = { ...slice, endpoints: slice.endpoints.filter((_, i) => i !== 1) };
    expect(endpoints(cluster({}, db, leaving))).toEqual(["- 192.168.0.3:2"]);
  });

  it("do not count a copied slice of the selector controller", () => {
    const copied = sliceDocument("api", ["192.168.0.1"], 80);
    copied.metadata = {
      name: "api-x",
      labels: {
        "kubernetes.io/service-name": "api",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
      },
    };
    expect(endpoints(cluster({}, serviceDocument("api"), copied))).toEqual([]);
  });
});
