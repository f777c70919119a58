import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ProxyEndpoint, ProxyPort } from "../../../src/control/kube/proxyPort.ts";
import { selectEndpoints } from "../../../src/control/kube/selectEndpoints.ts";
import { categorize } from "./categorizeTwin.ts";
import { proxyEndpoint, proxyPort } from "./proxyObjects.ts";

const HERE = { name: "here", zone: "a" };
const LEAVING = { ready: false, serving: true, terminating: true };
const GONE = { ready: false, serving: false, terminating: true };
const AWAY = { node: "there" };
/** The load balancer's service of the upstream tests: iTP Cluster, eTP Local. */
const EXTERNAL_LOCAL = { nodePort: 3001, externalTrafficPolicy: "Local" } as const;
const INTERNAL_LOCAL = { internalTrafficPolicy: "Local" } as const;

/** Last numbers of the addresses. */
function chosen(endpoints: readonly ProxyEndpoint[], fields: Partial<ProxyPort>) {
  const { cluster, local, any } = selectEndpoints(proxyPort(endpoints, fields), HERE);
  const numbers = (list: readonly ProxyEndpoint[]) => list.map((e) => e.address & 255);
  return { cluster: numbers(cluster), local: numbers(local), any };
}

// TestTerminatingEndpointsTrafficPolicyLocal and ...Cluster, pkg/proxy/iptables/proxier_test.go.
describe("terminating endpoints", () => {
  const one = (n: number, fields: Partial<ProxyEndpoint> = {}) => proxyEndpoint(n, fields);
  it.each([
    [
      "ready ones there are",
      [one(1), one(2), one(3, LEAVING), one(4, GONE), one(5, AWAY)],
      { cluster: [1, 2, 5], local: [1, 2], any: true },
    ],
    [
      "locally only serving ones",
      [one(2, LEAVING), one(3, LEAVING), one(4, GONE), one(5, AWAY)],
      { cluster: [5], local: [2, 3], any: true },
    ],
    [
      "remote ones alone can be used",
      [one(1, GONE), one(2, { ready: false, serving: false }), one(5, AWAY)],
      { cluster: [5], local: [], any: true },
    ],
    [
      "none can be used",
      [one(1, GONE), one(2, GONE), one(5, { ...AWAY, ...GONE })],
      { cluster: [], local: [], any: false },
    ],
  ])("eTP Local: %s", (_, endpoints, expected) => {
    expect(chosen(endpoints, EXTERNAL_LOCAL)).toEqual(expected);
  });

  it("Cluster policies: without a ready one all that serve while they terminate", () => {
    const endpoints = [one(2, LEAVING), one(3, LEAVING), one(4, GONE), one(5, { ...AWAY, ...LEAVING })];
    expect(chosen(endpoints, { nodePort: 3001 })).toEqual({ cluster: [2, 3, 5], local: [], any: true });
  });
});

describe("internalTrafficPolicy Local", () => {
  it("drops where no endpoint is local, rejects where there is none at all", () => {
    expect(chosen([proxyEndpoint(1), proxyEndpoint(2, AWAY)], INTERNAL_LOCAL)).toEqual({
      cluster: [],
      local: [1],
      any: true,
    });
    expect(chosen([proxyEndpoint(2, AWAY)], INTERNAL_LOCAL)).toEqual({ cluster: [], local: [], any: true });
    expect(chosen([], INTERNAL_LOCAL)).toEqual({ cluster: [], local: [], any: false });
  });

  it("has a cluster set for what comes from outside", () => {
    const ports = { ...INTERNAL_LOCAL, loadBalancerIPs: [1] };
    expect(chosen([proxyEndpoint(1), proxyEndpoint(2, AWAY)], ports)).toEqual({
      cluster: [1, 2],
      local: [1],
      any: true,
    });
  });
});

describe("hints", () => {
  const a = (n: number, nodes: string[] = []) => proxyEndpoint(n, { zoneHints: ["a"], nodeHints: nodes });
  const b = (n: number, nodes: string[] = []) => proxyEndpoint(n, { zoneHints: ["b"], nodeHints: nodes });
  it.each([
    ["this zone's", "zone", [a(1), b(2), a(3)], [1, 3]],
    ["all: one has no hint", "zone", [a(1), b(2), proxyEndpoint(3)], [1, 2, 3]],
    ["all: none is for this zone", "zone", [b(1), b(2)], [1, 2]],
    ["all: nobody asked for topology", "none", [a(1), b(2)], [1, 2]],
    ["this node's", "near", [a(1, ["there"]), b(2, ["here"])], [2]],
    ["this zone's: none is for this node", "near", [a(1, ["there"]), b(2, ["there"])], [1]],
    ["this zone's: one has no hint of a node", "near", [a(1), b(2, ["here"])], [1]],
    ["this zone's: node hints are trafficDistribution's", "zone", [a(1, ["there"]), b(2, ["here"])], [1]],
    ["those of what is ready", "zone", [a(1), proxyEndpoint(2, { ready: false, serving: false })], [1]],
  ] as const)("%s", (_, topology, endpoints, expected) => {
    expect(chosen(endpoints, { topology }).cluster).toEqual(expected);
  });
});

const names = fc.subarray(["here", "there"]);
const zones = fc.subarray(["a", "b"]);
const endpoint = fc.record({
  node: fc.constantFrom("here", "there", null),
  ready: fc.boolean(),
  serving: fc.boolean(),
  terminating: fc.boolean(),
  zoneHints: fc.oneof({ weight: 3, arbitrary: zones }, { weight: 1, arbitrary: fc.constant([]) }),
  nodeHints: fc.oneof({ weight: 1, arbitrary: names }, { weight: 1, arbitrary: fc.constant([]) }),
});
const port = fc.record({
  nodePort: fc.constantFrom(0, 30000),
  loadBalancerIPs: fc.constantFrom([], [1]),
  externalIPs: fc.constantFrom([], [1]),
  internalTrafficPolicy: fc.constantFrom("Cluster" as const, "Local" as const),
  externalTrafficPolicy: fc.constantFrom("Cluster" as const, "Local" as const),
  topology: fc.constantFrom("none" as const, "zone" as const, "near" as const),
});

it("is what CategorizeEndpoints says, whatever the endpoints", () => {
  fc.assert(
    fc.property(port, fc.array(endpoint, { maxLength: 6 }), (fields, endpoints) => {
      const p = proxyPort(
        endpoints.map((e, i) => proxyEndpoint(i, e)),
        fields,
      );
      expect(selectEndpoints(p, HERE)).toEqual(categorize(p, HERE));
    }),
    { seed: 7, numRuns: 3000 },
  );
});
