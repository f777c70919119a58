import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Cluster } from "../../../src/control/cluster.ts";
import { assignClusterIPs } from "../../../src/control/kube/clusterIPs.ts";
import { barePod } from "../../../src/control/kube/deployments.ts";
import type { AddressedPod } from "../../../src/control/kube/endpoints.ts";
import { assignNodePorts } from "../../../src/control/kube/nodePorts.ts";
import type { ProxyPort } from "../../../src/control/kube/proxyPort.ts";
import { allocateZones, zoneShares } from "../../../src/control/kube/topologyHints.ts";
import { labState } from "../../../src/control/labState.ts";
import { objectKey } from "../../../src/control/objects/kinds.ts";
import { ServiceStates } from "../../../src/control/serviceStates.ts";
import { type State, servicesOf } from "../../../src/control/state.ts";
import { toCidr } from "../../../src/control/vpc/cidr.ts";
import { formatAddress } from "../../../src/plane/wire/address.ts";
import {
  cluster,
  deploymentDocument,
  type Fields,
  podDocument,
  read,
  readLab,
  serviceDocument,
  sliceDocument,
} from "./objects.ts";

const portsOf = (c: Cluster): (ProxyPort | null)[] => c.state().services.flatMap((s) => s.ports.map((p) => p.proxy));
function portOf(...documents: unknown[]): ProxyPort {
  const port = portsOf(cluster({}, ...documents))[0];
  if (port === null) throw new Error("not programmed");
  return port;
}
const shown = (addresses: readonly number[]) => addresses.map(formatAddress);

describe("a proxy port", () => {
  it("has the defaults of a ClusterIP service", () => {
    expect(portOf(serviceDocument("api"))).toMatchObject({
      key: "svc/default/api:80/TCP",
      service: "svc/default/api",
      portName: "",
      nodePort: 0,
      externalIPs: [],
      loadBalancerIPs: [],
      sourceRanges: [],
      internalTrafficPolicy: "Cluster",
      externalTrafficPolicy: "Cluster",
      affinitySeconds: 0,
      healthCheckNodePort: 0,
      topology: "none",
      endpoints: [],
    });
  });

  it("has a load balancer's VIPs of mode VIP, IPv4 ranges and a health check", () => {
    const spec = {
      type: "LoadBalancer",
      externalTrafficPolicy: "Local",
      loadBalancerIP: "203.0.113.9",
      externalIPs: ["198.51.100.7", "2001:db8::1", "198.51.100.7"],
      loadBalancerSourceRanges: [" 203.0.113.0/25", "2001:db8::/64"],
      sessionAffinity: "ClientIP",
    };
    const ingress = [{ ip: "203.0.113.1" }, { ip: "203.0.113.2", ipMode: "Proxy" }, { hostname: "lb.example.com" }];
    const port = portOf({ ...serviceDocument("api", spec), status: { loadBalancer: { ingress } } });
    expect(shown(port.loadBalancerIPs)).toEqual(["203.0.113.1"]);
    expect(shown(port.externalIPs)).toEqual(["198.51.100.7"]);
    expect(port.sourceRanges).toEqual([{ prefix: (203 << 24) | (113 << 8), length: 25 }]);
    expect(port).toMatchObject({ affinitySeconds: 10_800, nodePort: 30086, healthCheckNodePort: 30087 });
    expect(shown(portOf(serviceDocument("api", spec)).loadBalancerIPs)).toEqual(["203.0.113.9"]);
    expect(portOf(serviceDocument("api", { ...spec, type: "NodePort", loadBalancerSourceRanges: [] }))).toMatchObject({
      loadBalancerIPs: [],
      healthCheckNodePort: 0,
    });
  });

  it("has its own affinity timeout, and no node port that nobody allocates", () => {
    const sessionAffinityConfig = { clientIP: { timeoutSeconds: 7 } };
    const affinity = { sessionAffinity: "ClientIP", sessionAffinityConfig };
    expect(portOf(serviceDocument("api", affinity)).affinitySeconds).toBe(7);
    const without = { type: "LoadBalancer", allocateLoadBalancerNodePorts: false };
    expect(portOf(serviceDocument("api", without)).nodePort).toBe(0);
    const ports = [{ port: 80, nodePort: 30100 }];
    expect(portOf(serviceDocument("api", { ...without, ports })).nodePort).toBe(30100);
  });

  it.each([
    ["service.kubernetes.io/service-proxy-name", "cilium"],
    ["service.kubernetes.io/headless", ""],
  ])("is none of a service with the label %s, which has its ClusterIP all the same", (label, value) => {
    const c = cluster({}, serviceDocument("api", {}, { labels: { [label]: value } }));
    expect(portsOf(c)).toEqual([null]);
    expect(c.state().services[0].clusterIP).not.toBeNull();
    expect(c.snapshot().services).toEqual([]);
    // It is left out of slices too.
    const slice = sliceDocument("db", ["192.168.0.1"], 80);
    slice.metadata = { name: "x", labels: { "kubernetes.io/service-name": "db", [label]: value } };
    expect(portOf(serviceDocument("db", { selector: undefined }), slice).endpoints).toEqual([]);
  });

  it("gives back and keeps the health check's port", () => {
    const lb = (name: string, spec: Fields = {}) =>
      serviceDocument(name, { type: "LoadBalancer", externalTrafficPolicy: "Local", ...spec });
    const c = cluster({}, lb("a"), lb("b", { healthCheckNodePort: 30200 }));
    const numbers = () => c.state().services.map((s) => [s.ports[0].nodePort, s.healthCheckNodePort]);
    expect(numbers()).toEqual([
      [30086, 30087],
      [30088, 30200],
    ]);
    c.apply(read(lb("0")));
    c.apply(read(lb("a", { externalTrafficPolicy: "Cluster" })));
    expect(numbers()).toEqual([
      [30086, 0],
      [30088, 30200],
      [30089, 30090],
    ]);
  });
});

describe("endpoints", () => {
  const conditions = (port: ProxyPort) =>
    port.endpoints.map((e) => [e.node, e.ready, e.serving, e.terminating].join(" "));

  it("of pods have their node and conditions, those that are not ready too", () => {
    const c = cluster({}, deploymentDocument("api", 2), serviceDocument("api"));
    c.setReady("pod/default/api-2", false);
    const [port] = portsOf(c);
    expect(port?.endpoints.map((e) => e.pod)).toEqual(["pod/default/api-1", "pod/default/api-2"]);
    expect(port === null ? [] : conditions(port)).toEqual(["node-1 true true false", "node-2 false false false"]);
    c.apply(read(serviceDocument("api", { publishNotReadyAddresses: true })));
    expect(portsOf(c).flatMap((p) => (p === null ? [] : conditions(p)))).toEqual([
      "node-1 true true false",
      "node-2 true true false",
    ]);
  });

  it("of slices take absent conditions as kube-proxy does", () => {
    const endpoints = [
      { addresses: ["192.168.0.1"] },
      { addresses: ["192.168.0.2"], conditions: { ready: false }, nodeName: "node-1" },
      { addresses: ["192.168.0.3"], conditions: { ready: false, serving: false, terminating: true } },
      { addresses: ["192.168.0.1"], nodeName: "node-2" },
    ];
    const slice = { ...sliceDocument("db", []), endpoints };
    const port = portOf(serviceDocument("db", { selector: undefined, ports: [{ port: 5432 }] }), slice);
    expect(conditions(port)).toEqual([" true true false", "node-1 false true false", " false false true"]);
  });

  it("of the selector controller's slices are there once the selector is not", () => {
    const slice = sliceDocument("api", ["192.168.0.1"], 80);
    const labels = { "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io" };
    slice.metadata = { name: "x", labels: { "kubernetes.io/service-name": "api", ...labels } };
    const c = cluster({}, serviceDocument("api"), slice);
    expect(portsOf(c)[0]?.endpoints).toEqual([]);
    c.apply(read(serviceDocument("api", { selector: undefined })));
    expect(portsOf(c)[0]?.endpoints).toHaveLength(1);
  });

  it("have the hints of trafficDistribution, and the annotation instead where both are there", () => {
    const hints = (spec: Fields, annotations: Fields = {}) => {
      const c = cluster({}, deploymentDocument("api", 2), serviceDocument("api", spec, { annotations }));
      const [port] = portsOf(c);
      return [port?.topology, ...(port?.endpoints ?? []).map((e) => [...e.zoneHints, ...e.nodeHints].join(" "))];
    };
    const mode = "service.kubernetes.io/topology-mode";
    expect(hints({ trafficDistribution: "PreferClose" })).toEqual(["near", "us-east-1a", "us-east-1b"]);
    expect(hints({ trafficDistribution: "PreferSameNode" })).toEqual([
      "near",
      "us-east-1a node-1",
      "us-east-1b node-2",
    ]);
    expect(hints({}, { [mode]: "Auto" })).toEqual(["zone", "us-east-1a", "us-east-1b"]);
    expect(hints({ trafficDistribution: "PreferSameNode" }, { [mode]: "auto" })).toEqual([
      "zone",
      "us-east-1a",
      "us-east-1b",
    ]);
    expect(hints({ trafficDistribution: "PreferSameZone" }, { [mode]: "Disabled" })[0]).toBe("near");
    expect(hints({}, { "service.kubernetes.io/topology-aware-hints": "auto" })[0]).toBe("zone");
    expect(hints({}, { [mode]: "other" })).toEqual(["zone", "", ""]);
  });
});

describe("zones of topology mode Auto", () => {
  const nodes = (...zones: [string, number][]) => zones.map(([zone, cpus]) => ({ zone, cpus, labels: {} }));
  it.each([
    ["each zone its own", nodes(["a", 2], ["b", 2]), "aabb", "aabb"],
    ["those over the share move", nodes(["a", 2], ["b", 2]), "aaab", "baab"],
    ["by the zones' CPUs", nodes(["a", 6], ["b", 2]), "aaaabbbb", "aaaaaabb"],
    ["a small zone its least", nodes(["a", 9], ["b", 1]), "aaaaaaaa", "aaaaaaab"],
    ["none: fewer endpoints than zones", nodes(["a", 2], ["b", 2], ["c", 2]), "ab", null],
    ["none: a zone would be overloaded", nodes(["a", 2], ["b", 2]), "aab", null],
    ["none: one zone", nodes(["a", 2], ["a", 2]), "aa", null],
    ["none: a node has no zone", nodes(["a", 2], ["", 2]), "aa", null],
  ])("%s", (_, n, zones, expected) => {
    const moved = allocateZones(zones.split(""), zoneShares(n));
    expect(moved === null ? null : [...moved].sort().join("")).toBe(
      expected === null ? null : expected.split("").sort().join(""),
    );
  });

  it("leave control planes out, and are not known without the endpoints'", () => {
    const labels = { "node-role.kubernetes.io/control-plane": "" };
    expect(zoneShares([...nodes(["a", 2], ["b", 2]), { zone: "c", cpus: 2, labels }])).toEqual(
      new Map([
        ["a", 0.5],
        ["b", 0.5],
      ]),
    );
    expect(allocateZones(["a", ""], zoneShares(nodes(["a", 2], ["b", 2])))).toBeNull();
  });
});

const names = fc.constantFrom("a", "b", "c");
const step = fc.oneof(
  fc.record({ kind: fc.constant("service" as const), name: names, selector: names, nodePort: fc.boolean() }),
  fc.record({ kind: fc.constant("slice" as const), name: names, service: names, last: fc.nat(3) }),
  fc.record({
    kind: fc.constant("remove" as const),
    key: fc.constantFrom("svc/default/a", "endpointslice/default/b"),
  }),
  fc.record({ kind: fc.constant("pod" as const), name: names, app: names, ready: fc.boolean(), address: fc.nat(2) }),
  fc.record({ kind: fc.constant("gone" as const), name: names }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Objects and pods as steps leave them, and the State around them. */
class World {
  readonly pods = new Map<string, AddressedPod>();
  #state = labState(readLab());

  get state(): State {
    return this.#state;
  }

  do(s: Step): void {
    if (s.kind === "pod") {
      const [pod] = read(podDocument(s.name, {}, { labels: { app: s.app, x: "y" } }));
      if (pod.kind !== "Pod") return;
      const { address, ready } = s;
      this.pods.set(s.name, { desired: barePod(pod), address, node: "node-1", ready, terminating: false });
    } else if (s.kind === "gone") this.pods.delete(s.name);
    else {
      const objects = new Map(this.#state.objects);
      if (s.kind === "remove") objects.delete(s.key);
      else for (const object of read(this.#document(s))) objects.set(objectKey(object), object);
      const services = servicesOf(objects);
      const clusterIPs = assignClusterIPs(services, toCidr("172.20.0.0/16"), this.#state.clusterIPs, []);
      const nodePorts = assignNodePorts(services, this.#state.nodePorts, []);
      this.#state = { ...this.#state, objects, clusterIPs, nodePorts };
    }
  }

  #document(s: Extract<Step, { kind: "service" | "slice" }>): Fields {
    if (s.kind === "slice") {
      const metadata = { name: s.name, labels: { "kubernetes.io/service-name": s.service } };
      return { ...sliceDocument(s.service, [`192.168.0.${s.last}`], 80), metadata };
    }
    const type = s.nodePort ? "NodePort" : "ClusterIP";
    return serviceDocument(s.name, { type, selector: { app: s.selector, x: "y" } });
  }
}

it("states that are kept are those that would be made anew, and the same objects where nothing changed", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const world = new World();
      const kept = new ServiceStates();
      let before = kept.update(world.state, []);
      for (const s of steps) {
        const app = s.kind === "pod" ? world.pods.get(s.name)?.desired.labels.app : undefined;
        world.do(s);
        const pods = [...world.pods.values()];
        const states = kept.update(world.state, pods);
        expect(states).toEqual(new ServiceStates().update(world.state, pods));
        if (s.kind === "pod")
          states.forEach((state, i) => {
            const selected = state.object.spec.selector?.app;
            if (selected !== s.app && selected !== app) expect(state).toBe(before[i]);
          });
        if (s.kind === "slice")
          for (const [i, state] of states.entries())
            if (JSON.stringify(state.ports[0].all) !== JSON.stringify(before[i].ports[0].all))
              expect(state).not.toBe(before[i]);
        expect(kept.update(world.state, pods)).toBe(states);
        before = states;
      }
    }),
    { seed: 5, numRuns: 300 },
  );
});
