import { describe, expect, it } from "vitest";
import { type Fields, serviceDocument, sliceDocument, vpc } from "../control/documents.ts";
import { api, OUTSIDE, PODS, podOn, VIP } from "./labs.ts";
import { Network, type Protocol } from "./network.ts";

/** Endpoints behind services: several services, hostNetwork, EndpointSlices, zones (networking.go and others). */

const NODE_PORT = 30_500;
const NODE_1 = "10.0.1.4";
const NODE_2 = "10.0.2.4";
const NO_ENDPOINTS = "REJECTED SERVICE_NO_ENDPOINTS";

const port = (protocol: Protocol, nodePort?: number) => ({ port: 80, targetPort: 8080, protocol, nodePort });

describe.each(["TCP", "UDP", "SCTP"] as const)("granular checks, %s", (protocol) => {
  it.each(["iptables", "nftables", "ipvs", "cilium"])("pod, node and endpoint to a service, %s mode", (mode) => {
    const service = api({ type: "NodePort", ports: [port(protocol, NODE_PORT)] });
    const n = new Network({ ...OUTSIDE, cluster: { kubeProxy: { mode } } }, ...PODS, service);
    for (const from of ["pod/client", "pod/near", "node/node-1"])
      expect(n.reach(from, VIP, protocol), from).toBe("far near");
    for (const from of ["pod/client", "host/outside", "node/node-2"])
      expect(n.reach(from, `${NODE_1}:${NODE_PORT}`, protocol), from).toBe("far near");
    n.remove("pod/near", "pod/far");
    expect(n.reach("pod/client", VIP, protocol)).toBe(NO_ENDPOINTS);
  });

  it("endpoints that are updated: a new one serves, one that is gone does not", () => {
    const n = new Network({}, ...PODS, api({ ports: [port(protocol)] }));
    expect(n.reach("pod/client", VIP, protocol)).toBe("far near");
    n.remove("pod/near");
    expect(n.reach("pod/client", VIP, protocol)).toBe("far");
    n.apply(podOn("node-2", "third", "api"));
    expect(n.reach("pod/client", VIP, protocol)).toBe("far third");
    n.ready("pod/default/far", false);
    expect(n.reach("pod/client", VIP, protocol)).toBe("third");
    n.ready("pod/default/far", true);
    expect(n.reach("pod/client", VIP, protocol)).toBe("far third");
  });

  it("a node port that is updated: the new number serves, the old one is nothing any more", () => {
    const web = (nodePort: number) => api({ type: "NodePort", ports: [port(protocol, nodePort)] });
    const n = new Network(OUTSIDE, ...PODS, web(NODE_PORT));
    n.apply(web(NODE_PORT + 1));
    expect(n.reach("host/outside", `${NODE_1}:${NODE_PORT}`, protocol)).toBe("node/node-1");
    expect(n.reach("host/outside", `${NODE_1}:${NODE_PORT + 1}`, protocol)).toBe("far near");
    n.apply(api({ ports: [port(protocol)] }));
    expect(n.reach("host/outside", `${NODE_1}:${NODE_PORT + 1}`, protocol)).toBe("node/node-1");
  });

  it("hostNetwork endpoints: the nodes' addresses, from pods and from the nodes themselves", () => {
    const hosts = ["node-1", "node-2"].map((node) => podOn(node, `host-${node}`, "api", { hostNetwork: true }));
    const service = api({ type: "NodePort", ports: [port(protocol, NODE_PORT)] });
    const n = new Network(OUTSIDE, ...PODS.slice(0, 2), ...hosts, service);
    for (const [from, to] of [
      ["pod/client", VIP],
      ["node/node-1", VIP],
      ["host/outside", `${NODE_2}:${NODE_PORT}`],
    ]) {
      expect(n.reach(from, to, protocol), `${from} to ${to}`).toBe("node/node-1 node/node-2");
    }
    n.remove("pod/host-node-1");
    expect(n.dial("pod/client", VIP, { protocol }).target).toBe(`${NODE_2}:8080`);
  });
});

it("several services with one selector have the same endpoints, and each its own address", () => {
  const second = serviceDocument("second", { clusterIP: "172.20.0.11", selector: { app: "api" } });
  const n = new Network({}, ...PODS, api(), second);
  const both = () => [n.reach("pod/client", VIP), n.reach("pod/client", "172.20.0.11:80")];
  expect(both()).toEqual(["far near", "far near"]);
  n.remove("pod/far");
  expect(both()).toEqual(["near", "near"]);
  n.remove("svc/api");
  expect(both()).toEqual(["DROPPED VPC_NO_ROUTE", "near"]);
});

describe("an UDP endpoint that terminates while another one is ready", () => {
  const service = api({ selector: undefined, ports: [port("UDP")] });
  const slice = (...endpoints: [host: string, terminating: boolean, serving?: boolean][]) => ({
    ...sliceDocument("api", [], 8080),
    ports: [{ port: 8080, protocol: "UDP" }],
    endpoints: endpoints.map(([address, terminating, serving = true]) => ({
      addresses: [address],
      conditions: { ready: !terminating, serving, terminating },
    })),
  });
  const hosts = [
    { name: "old", address: "10.0.1.201", subnet: "nodes-a" },
    { name: "new", address: "10.0.1.202", subnet: "nodes-a" },
  ];
  const [OLD, NEW] = ["10.0.1.201", "10.0.1.202"];

  it.each([
    ["reconciler", "host/old"],
    ["event", "host/new"],
  ])("keeps its flows for as long as it serves (%s: %s)", (udpConntrackCleanup, then) => {
    const spec = { hosts, cluster: { kubeProxy: { udpConntrackCleanup } } };
    const n = new Network(spec, ...PODS, service, slice([OLD, false]));
    const { flow, at } = n.open("pod/client", VIP, { protocol: "UDP" });
    expect(at.to).toBe("host/old");
    n.apply(slice([OLD, true], [NEW, false]));
    expect(flow.send().to).toBe(then);
    expect(n.reach("pod/client", VIP, "UDP")).toBe("host/new");
    n.apply(slice([OLD, true, false], [NEW, false]));
    expect(flow.send().to).toBe("host/new");
  });
});

describe("EndpointSlices", () => {
  const hosts = ["201", "202", "203"].map((n) => ({ name: `db-${n}`, address: `10.0.1.${n}`, subnet: "nodes-a" }));
  const ports = [
    { name: "sql", port: 5432 },
    { name: "admin", port: 8000 },
  ];
  const db = api({ selector: undefined, ports });
  const slice = (name: string, addresses: string[], own: Fields[]) => ({
    ...sliceDocument("api", addresses),
    metadata: { name, labels: { "kubernetes.io/service-name": "api" } },
    ports: own,
  });
  const sql = (target: number) => ({ name: "sql", port: target });
  const admin = (target: number) => ({ name: "admin", port: target });

  it("several ports in several slices: each port has the endpoints of the slices that name it", () => {
    const n = new Network(
      { hosts },
      ...PODS,
      db,
      slice("a", ["10.0.1.201"], [sql(1000), admin(1001)]),
      slice("b", ["10.0.1.202"], [sql(2000)]),
      slice("c", ["10.0.1.203"], [admin(3001)]),
    );
    expect(n.reach("pod/client", "172.20.0.10:5432")).toBe("host/db-201 host/db-202");
    expect(n.reach("pod/client", "172.20.0.10:8000")).toBe("host/db-201 host/db-203");
    n.apply(slice("a", ["10.0.1.203"], [sql(3000)]));
    expect(n.reach("pod/client", "172.20.0.10:5432")).toBe("host/db-202 host/db-203");
    expect(n.reach("pod/client", "172.20.0.10:8000")).toBe("host/db-203");
    n.remove("endpointslice/c");
    expect(n.reach("pod/client", "172.20.0.10:8000")).toBe(NO_ENDPOINTS);
  });

  it("that somebody adds beside a selector's: pods and addresses both serve", () => {
    const n = new Network({ hosts }, ...PODS, api(), slice("more", ["10.0.1.201"], [{ port: 8080 }]));
    expect(n.reach("pod/client", VIP)).toBe("far host/db-201 near");
  });

  it("of other families or for another proxy are nothing to the plane", () => {
    const labelled = slice("a", ["10.0.1.201"], [sql(1000)]);
    labelled.metadata.labels = {
      ...labelled.metadata.labels,
      ...{ "service.kubernetes.io/headless": "" },
    };
    const ipv6 = { ...slice("b", ["2001:db8::1"], [sql(1000)]), addressType: "IPv6" };
    const n = new Network({ hosts }, ...PODS, db, labelled, ipv6);
    expect(n.reach("pod/client", "172.20.0.10:5432")).toBe(NO_ENDPOINTS);
  });
});

describe("zones", () => {
  /** Three nodes in three zones with as many CPUs, and a fourth that has no endpoint of its own. */
  const zones = ["a", "b", "c"];
  const spec = {
    vpc: vpc({
      subnets: zones.map((zone, i) => ({
        name: `nodes-${zone}`,
        availabilityZone: `us-east-1${zone}`,
        cidrBlock: `10.0.${i + 1}.0/24`,
      })),
    }),
    nodes: [
      ...zones.map((zone) => ({ name: `node-${zone}`, instanceType: "m5.large", subnet: `nodes-${zone}` })),
      { name: "node-a2", instanceType: "m5.large", subnet: "nodes-a" },
    ],
  };
  const clients = [...zones.map((z) => `node-${z}`), "node-a2"].map((node) => podOn(node, `from-${node}`, "client"));
  const servers = zones.map((zone) => podOn(`node-${zone}`, `in-${zone}`, "api"));
  const from = (n: Network, node: string) => n.reach(`pod/from-node-${node}`, VIP);
  const all = (n: Network) => ["a", "b", "c", "a2"].map((node) => from(n, node));
  const EVERYWHERE = "in-a in-b in-c";

  it("trafficDistribution PreferClose: packets stay in the zone while it has an endpoint", () => {
    const n = new Network(spec, ...clients, ...servers, api({ trafficDistribution: "PreferClose" }));
    expect(all(n)).toEqual(["in-a", "in-b", "in-c", "in-a"]);
    const old = n.open("pod/from-node-b", VIP);
    n.ready("pod/default/in-b", false);
    expect(all(n)).toEqual(["in-a", "in-a in-c", "in-c", "in-a"]);
    expect(old.flow.send()).toEqual(old.at);
    n.ready("pod/default/in-b", true);
    expect(all(n)).toEqual(["in-a", "in-b", "in-c", "in-a"]);
    n.apply(api());
    expect(all(n)).toEqual([EVERYWHERE, EVERYWHERE, EVERYWHERE, EVERYWHERE]);
  });

  it("trafficDistribution PreferSameNode: the node's own first, then the zone's", () => {
    const more = podOn("node-a2", "in-a2", "api");
    const n = new Network(spec, ...clients, ...servers, more, api({ trafficDistribution: "PreferSameNode" }));
    expect(all(n)).toEqual(["in-a", "in-b", "in-c", "in-a2"]);
    n.remove("pod/in-a2");
    expect(all(n)).toEqual(["in-a", "in-b", "in-c", "in-a"]);
    n.remove("pod/in-a");
    expect(all(n)).toEqual(["in-b in-c", "in-b", "in-c", "in-b in-c"]);
  });

  it("topology-mode Auto: endpoints are distributed evenly, and each zone has its own", () => {
    const auto = { annotations: { "service.kubernetes.io/topology-mode": "Auto" } };
    const three = { ...spec, nodes: spec.nodes.slice(0, 3) };
    const n = new Network(three, ...clients.slice(0, 3), ...servers, api({}, auto));
    expect(["a", "b", "c"].map((zone) => from(n, zone))).toEqual(["in-a", "in-b", "in-c"]);
    // Two endpoints for three zones would overload one of them: nobody is given hints.
    n.remove("pod/in-c");
    expect(["a", "b", "c"].map((zone) => from(n, zone))).toEqual(["in-a in-b", "in-a in-b", "in-a in-b"]);
  });
});
