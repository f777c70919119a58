import { describe, expect, it } from "vitest";
import { explain, type NameSource } from "../../../src/observe/explain.ts";
import { FROM_ENI, FROM_HOST, FROM_POD } from "../../../src/plane/from.ts";
import * as R from "../../../src/plane/rows.ts";
import { Bench, type BenchOptions, DEV, DEVICE_NAMES, ENI } from "./bench.ts";
import { GATEWAY_NAMES } from "./gatewayNames.ts";
import { walk } from "./nodeWalk.ts";
import { echo, ip, tcp } from "./packets.ts";
import { POLICY_NAMES } from "./policyNames.ts";
import { SECURITY_NAMES } from "./securityNames.ts";
import { clusterIP, nodePort, serviceRow } from "./serviceRow.ts";

/** What IPVS mode and Cilium do otherwise than kube-proxy's chains (docs/service-modes.md), and hostPorts. */

const CLUSTER_IP = "172.20.0.41";
const BALANCER = "192.0.2.4";
const FRONTENDS: R.Frontend[] = [
  clusterIP(CLUSTER_IP, 80),
  { kind: R.FRONTEND_LOAD_BALANCER_IP, address: ip(BALANCER), port: 80 },
  nodePort(30_001),
];
const SENDERS = {
  pod: [FROM_POD, DEV.client, "10.0.1.32"],
  node: [FROM_HOST, DEV.host0, "10.0.1.10"],
  localhost: [FROM_HOST, DEV.host0, "127.0.0.1"],
  outside: [FROM_ENI, ENI.n0e0, "203.0.113.2"],
} as const;
const TARGETS = {
  clusterIP: [CLUSTER_IP, 80],
  unknownPort: [CLUSTER_IP, 81],
  balancer: [BALANCER, 80],
  nodePort: ["10.0.1.10", 30_001],
  secondENI: ["10.0.1.20", 30_001],
  localhost: ["127.0.0.1", 30_001],
} as const;

/** Endpoint 0 is on node 0, endpoint 1 on node 1. */
function row(o: Partial<R.ServiceRow> = {}): R.ServiceRow {
  const nodes = [{ node: 0, cluster: [0, 1], local: [0] }];
  return serviceRow({
    id: 9,
    frontends: FRONTENDS,
    nodes,
    ...o,
    endpoints: o.endpoints ?? ["10.0.1.48:80", "10.0.2.32:80"],
  });
}

function fates(o: BenchOptions, service: R.ServiceRow, from: keyof typeof SENDERS, to: keyof typeof TARGETS): string[] {
  const b = new Bench({ capacity: 8192, limit: 8192, ...o });
  b.plane.apply({ put: [service], gone: [] });
  const [way, via, source] = SENDERS[from];
  const [address, dport] = TARGETS[to];
  const all = new Set<string>();
  for (let i = 0; i < 30; i++) {
    const w = walk(b, way, via, { src: ip(source), dst: ip(address), sport: 2000 + i, dport });
    if (w.verdict !== "ACCEPT") all.add(w.reason);
    else if (w.to === null) all.add("routed");
    else
      all.add(`${w.endpoint} ${w.source === ip(source) ? "kept" : w.source === ip("10.0.1.10") ? "node" : "loopback"}`);
  }
  return [...all].sort();
}

const nobody = row({ endpoints: [], cluster: [], nodes: [], hasEndpoints: false });
const ranges = [{ prefix: ip("198.51.100.0"), length: 24 }];

describe("IPVS mode", () => {
  const o: BenchOptions = { serviceMode: R.SERVICE_MODE_IPVS };
  const external = row({ externalLocal: true });

  it.each<[string, R.ServiceRow, keyof typeof SENDERS, keyof typeof TARGETS, string[]]>([
    ["keeps a pod's address at a ClusterIP", row(), "pod", "clusterIP", ["0 kept", "1 kept"]],
    ["masquerades at NodePorts", row(), "outside", "nodePort", ["0 node", "1 node"]],
    ["has NodePorts at all addresses of the node", row(), "outside", "secondENI", ["0 node", "1 node"]],
    ["has none at 127.0.0.1", row(), "localhost", "localhost", ["routed"]],
    ["knows no short circuit: pods get local endpoints too", external, "pod", "balancer", ["0 kept"]],
    ["nor does the node", external, "node", "nodePort", ["0 kept"]],
    [
      "gives all endpoints where there is no local one",
      { ...external, nodes: [] },
      "outside",
      "nodePort",
      ["0 kept", "1 kept"],
    ],
    [
      "rejects under internalTrafficPolicy Local without one",
      row({ internalLocal: true, nodes: [] }),
      "pod",
      "clusterIP",
      ["SERVICE_NO_ENDPOINTS"],
    ],
    ["rejects without endpoints", nobody, "outside", "nodePort", ["SERVICE_NO_ENDPOINTS"]],
    ["rejects unknown ports of a service address", row(), "pod", "unknownPort", ["SERVICE_PORT_UNKNOWN"]],
    [
      "drops who is not in the source ranges, pods too",
      row({ sourceRanges: ranges }),
      "pod",
      "balancer",
      ["SERVICE_SOURCE_RANGE"],
    ],
    ["does not ask them at NodePorts", row({ sourceRanges: ranges }), "outside", "nodePort", ["0 node", "1 node"]],
  ])("%s", (_what, service, from, to, expected) => {
    expect(fates(o, service, from, to)).toEqual(expected);
  });

  it("rejects an echo request to a service address, from that address, at any TTL", () => {
    const b = new Bench(o);
    b.plane.apply({ put: [row()], gone: [] });
    for (const to of [CLUSTER_IP, BALANCER]) {
      const [error] = b.send(DEV.client, echo("10.0.1.32", to, 5));
      expect(error.line).toMatch(new RegExp(`^${to} > 10.0.1.32: .*port.*unreachable`, "i"));
    }
    const [error] = b.send(DEV.client, tcp("10.0.1.32:1", `${CLUSTER_IP}:81`, "S", { ttl: 1 }));
    expect(error.line).toMatch(/port.*unreachable/i);
    expect(b.plane.context.ct.total).toBe(0);
    expect(b.imbalance()).toBe(0);
  });
});

describe("Cilium", () => {
  const o: BenchOptions = { serviceMode: R.SERVICE_MODE_CILIUM };

  it.each<[string, R.ServiceRow, keyof typeof SENDERS, keyof typeof TARGETS, string[]]>([
    ["keeps a pod's address at a ClusterIP", row(), "pod", "clusterIP", ["0 kept", "1 kept"]],
    ["and at NodePorts", row(), "pod", "nodePort", ["0 kept", "1 kept"]],
    ["keeps an outsider's where the backend is local", row(), "outside", "nodePort", ["0 kept", "1 node"]],
    ["has NodePorts at 127.0.0.1, for the node", row(), "localhost", "localhost", ["0 node", "1 node"]],
    ["drops ClusterIPs from outside", row(), "outside", "clusterIP", ["SERVICE_CLUSTER_IP_EXTERNAL"]],
    ["externalTrafficPolicy is for outsiders", row({ externalLocal: true }), "outside", "balancer", ["0 kept"]],
    ["and not for pods", row({ externalLocal: true }), "pod", "balancer", ["0 kept", "1 kept"]],
    ["internalTrafficPolicy is for pods, at any address", row({ internalLocal: true }), "pod", "balancer", ["0 kept"]],
    ["and not for outsiders", row({ internalLocal: true }), "outside", "nodePort", ["0 kept", "1 node"]],
    ["source ranges are not for pods", row({ sourceRanges: ranges }), "pod", "balancer", ["0 kept", "1 kept"]],
    ["but for outsiders", row({ sourceRanges: ranges }), "outside", "balancer", ["SERVICE_SOURCE_RANGE"]],
    ["not at NodePorts", row({ sourceRanges: ranges }), "outside", "nodePort", ["0 kept", "1 node"]],
    ["rejects without backends", nobody, "pod", "clusterIP", ["SERVICE_NO_ENDPOINTS"]],
    [
      "and without local ones",
      row({ externalLocal: true, nodes: [] }),
      "outside",
      "nodePort",
      ["SERVICE_NO_ENDPOINTS"],
    ],
    ["routes unknown ports on", row(), "pod", "unknownPort", ["routed"]],
    [
      "shows an endpoint that reaches itself another client",
      row({
        endpoints: ["10.0.1.32:80"].map((e) => serviceRow({ id: 0, frontends: [], endpoints: [e] }).endpoints[0]),
        cluster: [0],
        nodes: [],
      }),
      "pod",
      "clusterIP",
      ["0 loopback"],
    ],
  ])("%s", (_what, service, from, to, expected) => {
    expect(fates(o, service, from, to)).toEqual(expected);
  });

  it("lets an endpoint that reaches itself have its answer", () => {
    const b = new Bench(o);
    b.plane.apply({ put: [serviceRow({ id: 9, frontends: FRONTENDS, endpoints: ["10.0.1.32:80"] })], gone: [] });
    const [out] = b.send(DEV.client, tcp("10.0.1.32:5000", `${CLUSTER_IP}:80`, "S", { seq: 1 }));
    expect(out.line).toMatch(/^169\.254\.42\.1\.5000 > 10\.0\.1\.32\.80/);
    const [back] = b.send(DEV.client, tcp("10.0.1.32:80", "169.254.42.1:5000", "S.", { seq: 1, ack: 2 }));
    expect(back.line).toMatch(/^172\.20\.0\.41\.80 > 10\.0\.1\.32\.5000/);
  });
});

describe("a hostPort", () => {
  const port = (o: Partial<R.HostPortRow> = {}): R.HostPortRow => ({
    t: "hostPort",
    node: 0,
    protocol: 6,
    address: 0,
    port: 8080,
    target: ip("10.0.1.32"),
    targetPort: 80,
    ...o,
  });
  const at = (from: keyof typeof SENDERS, dst: string, put: R.Row[], dport = 8080): string => {
    const b = new Bench();
    b.plane.apply({ put, gone: [] });
    const [way, via, source] = SENDERS[from];
    const w = walk(b, way, via, { src: ip(source), dst: ip(dst), sport: 2000, dport });
    return w.to === null ? "routed" : w.source === ip(source) ? "kept" : "masqueraded";
  };

  it("is the pod's at the node's addresses, with the client's address", () => {
    expect(at("outside", "10.0.1.10", [port()])).toBe("kept");
    expect(at("outside", "10.0.1.20", [port()])).toBe("kept");
    expect(at("outside", "10.0.1.10", [port({ node: 1 })])).toBe("routed");
    expect(at("outside", "10.0.1.10", [port({ protocol: 17 })])).toBe("routed");
    expect(at("node", "10.0.1.10", [port()])).toBe("kept");
  });

  it("masquerades the pod itself and 127.0.0.1", () => {
    expect(at("pod", "10.0.1.10", [port()])).toBe("masqueraded");
    expect(at("localhost", "127.0.0.1", [port()])).toBe("masqueraded");
  });

  it("with a hostIP is at that address alone", () => {
    const own = [port({ address: ip("10.0.1.20") })];
    expect(at("outside", "10.0.1.10", own)).toBe("routed");
    expect(at("outside", "10.0.1.20", own)).toBe("kept");
  });

  it("stands behind a NodePort of the same number, and goes when its row goes", () => {
    const both = [port({ port: 30_001 }), row()];
    expect(at("outside", "10.0.1.10", both, 30_001)).toBe("masqueraded");
    const b = new Bench();
    b.plane.apply({ put: [port()], gone: [] });
    const hostPort = (): number => b.plane.context.tables.services.lookupHostPort(0, ip("10.0.1.10"), 6, 8080);
    expect(hostPort()).toBeGreaterThanOrEqual(0);
    // Another pod has taken it over before the first one's row goes.
    b.plane.apply({ put: [port({ target: ip("10.0.1.48") })], gone: [] });
    b.plane.apply({ put: [], gone: [port()] });
    expect(hostPort()).toBeGreaterThanOrEqual(0);
    b.plane.apply({ put: [], gone: [port({ target: ip("10.0.1.48") })] });
    expect(hostPort()).toBe(-1);
  });

  it("answers from the node's address", () => {
    const b = new Bench();
    b.plane.apply({ put: [port()], gone: [] });
    b.send(DEV.rds, tcp("10.0.1.200:7", "10.0.1.10:8080", "S", { seq: 1 }));
    const [back] = b.send(DEV.client, tcp("10.0.1.32:80", "10.0.1.200:7", "S.", { seq: 1, ack: 2 }));
    expect(back.line).toMatch(/^10\.0\.1\.10\.8080 > 10\.0\.1\.200\.7/);
  });
});

describe("why", () => {
  const names: NameSource = {
    device: (i) => DEVICE_NAMES[i],
    eni: String,
    node: (i) => `node-${i}`,
    service: (i) => `svc/${i}`,
    endpoint: (_service, i) => `#${i}`,
    routeTable: String,
    byAddress: () => null,
    ...SECURITY_NAMES,
    ...GATEWAY_NAMES,
    ...POLICY_NAMES,
  };

  /** The service step's detail. */
  function told(
    o: BenchOptions,
    rows: R.Row[],
    from: keyof typeof SENDERS,
    to: keyof typeof TARGETS,
    times = 1,
  ): string {
    const b = new Bench(o);
    b.plane.apply({ put: rows, gone: [] });
    const [way, via, source] = SENDERS[from];
    const [address, dport] = TARGETS[to];
    for (let i = 0; i < times; i++) walk(b, way, via, { src: ip(source), dst: ip(address), sport: 7 + i, dport });
    const end = (address: string, port: number) => ({ address: ip(address), port, name: null });
    const asked = { protocol: 6, source: end(source, 6 + times), destination: end(address, dport) };
    const { steps } = explain(b.decision, asked, names);
    return steps.find((s) => s.stage === "service")?.detail ?? "";
  }

  it("says by what a service was reached, and why this endpoint", () => {
    const local = row({ externalLocal: true });
    expect(told({}, [local], "outside", "balancer")).toBe(
      "load balancer IP, externalTrafficPolicy Local: 1 local endpoint, endpoint 1 of 1: #0; destination 192.0.2.4:80 -> 10.0.1.48:80, source 203.0.113.2:7 stays",
    );
    expect(told({ serviceMode: R.SERVICE_MODE_CILIUM }, [row({ internalLocal: true })], "pod", "balancer")).toMatch(
      /^load balancer IP, internalTrafficPolicy Local: 1 local endpoint, /,
    );
    expect(told({}, [row({ affinity: 10 })], "pod", "clusterIP", 2)).toMatch(
      /^endpoint [12] of 2, affinity: client 10\.0\.1\.32 keeps it: #[01]; /,
    );
    const ipvs: BenchOptions = { serviceMode: R.SERVICE_MODE_IPVS };
    expect(told(ipvs, [row({ scheduler: R.SCHEDULER_RR })], "pod", "clusterIP", 2)).toMatch(
      /^endpoint 2 of 2, rr: the next in turn: #1; /,
    );
    expect(told({}, [{ ...local, nodes: [] }], "outside", "nodePort")).toBe(
      "externalTrafficPolicy Local: no endpoint on this node",
    );
    expect(told({}, [row({ internalLocal: true, nodes: [] })], "pod", "clusterIP")).toBe(
      "internalTrafficPolicy Local: no endpoint on this node",
    );
    expect(told({}, [row({ sourceRanges: ranges })], "pod", "balancer")).toBe(
      "the source is not in loadBalancerSourceRanges",
    );
  });
});
