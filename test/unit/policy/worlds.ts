import fc from "fast-check";
import {
  HOSTS,
  type Labels,
  type Peer,
  type Policy,
  type Port,
  pod,
  type Selector,
  type World,
  worldOf,
} from "./world.ts";

/** Random labels and policies over seven pods in two namespaces, whose ports' names do not mean the same everywhere. */

const APPS = ["a", "b", "c"] as const;
const labels: fc.Arbitrary<Labels> = fc.record(
  { app: fc.constantFrom(...APPS), tier: fc.constantFrom("1", "2") },
  { requiredKeys: ["app"] },
);

const http = (number: number) => [
  { name: "http", number, protocol: "TCP" as const },
  { name: "dns", number: 53, protocol: "UDP" as const },
];

/** Pods of one name but for its end on one node; one with hostNetwork; addresses are where the lab puts them. */
export const BASE: World = {
  ...worldOf([
    pod("x/web-1", { node: "node-1", ports: http(80) }),
    pod("x/web-2", { node: "node-1", ports: http(81) }),
    pod("x/db", { node: "node-2", ports: http(81) }),
    pod("y/a", { node: "node-1", ports: http(80) }),
    pod("y/b", { node: "node-2", ports: http(80) }),
    pod("y/c", { node: "node-2", ports: [] }),
    pod("y/agent", { node: "node-2", hostNetwork: true, ports: [] }),
  ]),
  services: [],
};

const expression: fc.Arbitrary<NonNullable<Selector["matchExpressions"]>[number]> = fc.oneof(
  fc.record({
    key: fc.constantFrom("app", "tier"),
    operator: fc.constantFrom("In" as const, "NotIn" as const),
    values: fc.subarray(["a", "b", "1"], { minLength: 1 }),
  }),
  fc.record({
    key: fc.constantFrom("app", "tier"),
    operator: fc.constantFrom("Exists" as const, "DoesNotExist" as const),
  }),
);

const selector: fc.Arbitrary<Selector> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  { weight: 4, arbitrary: labels.map((matchLabels) => ({ matchLabels })) },
  {
    weight: 2,
    arbitrary: fc.array(expression, { minLength: 1, maxLength: 2 }).map((matchExpressions) => ({ matchExpressions })),
  },
);

const namespaceSelector: fc.Arbitrary<Selector> = fc.constantFrom<Selector>(
  {},
  { matchLabels: { "kubernetes.io/metadata.name": "x" } },
  { matchLabels: { team: "y" } },
  { matchExpressions: [{ key: "team", operator: "DoesNotExist" }] },
);

/** A block and everything in this list that is inside it. */
const BLOCKS: readonly (readonly [string, readonly string[]])[] = [
  ["0.0.0.0/0", ["10.0.0.0/16", "10.0.2.0/24", "172.16.0.0/12"]],
  ["10.0.0.0/8", ["10.0.1.0/24", "10.0.2.0/24", "10.0.2.0/28", `${HOSTS.db}/32`]],
  ["10.0.0.0/16", ["10.0.1.0/24", "10.0.2.0/27", "10.0.2.16/28", `${HOSTS.cache}/32`]],
  ["10.0.1.0/24", ["10.0.1.0/28", "10.0.1.16/28", "10.0.1.4/30"]],
  ["10.0.2.0/24", ["10.0.2.0/28", "10.0.2.128/25"]],
  ["10.0.2.77/27", ["10.0.2.64/28"]],
  [`${HOSTS.db}/32`, []],
  ["172.20.0.0/16", ["172.20.1.0/30"]],
];

const ipBlock: fc.Arbitrary<Peer> = fc
  .constantFrom(...BLOCKS)
  .chain(([cidr, inside]) =>
    fc
      .subarray([...inside], { maxLength: Math.min(2, inside.length) })
      .map((except) => ({ ipBlock: { cidr, except } })),
  );

const peer: fc.Arbitrary<Peer> = fc.oneof(
  selector.map((podSelector) => ({ podSelector })),
  namespaceSelector.map((s) => ({ namespaceSelector: s })),
  fc.tuple(selector, namespaceSelector).map(([podSelector, s]) => ({ podSelector, namespaceSelector: s })),
  { weight: 2, arbitrary: ipBlock },
);

const port: fc.Arbitrary<Port> = fc.constantFrom<Port>(
  { port: 80 },
  { port: 81 },
  { port: "http" },
  { port: "dns", protocol: "UDP" },
  { port: "http", protocol: "UDP" },
  { protocol: "UDP" },
  { protocol: "TCP" },
  { port: 60, endPort: 80 },
  { port: 81, endPort: 81, protocol: "TCP" },
  { port: 80, protocol: "SCTP" },
);

const some = <T>(item: fc.Arbitrary<T>, maxLength: number) => fc.array(item, { maxLength });
const ports = fc.oneof(fc.constant([]), some(port, 3));
const peers = some(peer, 3);

const policy: fc.Arbitrary<Policy> = fc.record({
  namespace: fc.constantFrom("x", "x", "y"),
  name: fc.constantFrom("p", "q", "r", "s"),
  spec: fc.record(
    {
      podSelector: selector,
      policyTypes: fc.subarray(["Ingress" as const, "Egress" as const]),
      ingress: some(fc.record({ from: peers, ports }), 2),
      egress: some(fc.record({ to: peers, ports }), 2),
    },
    { requiredKeys: ["podSelector"] },
  ),
});

/** Services of one endpoint each: by the pod's own labels no two of them would be told apart. */
const SERVICES: World["services"] = BASE.pods
  .filter((p) => p.ports.length > 0)
  .map((p, i) => ({
    id: `${p.namespace}/to-${p.name}`,
    namespace: p.namespace,
    name: `to-${p.name}`,
    selector: { own: p.name },
    port: i % 2 === 0 ? 80 : 8080,
    targetPort: i % 3 === 0 ? "http" : 80,
    protocol: "TCP" as const,
  }));

/** Worlds of these pods. */
export const worlds: fc.Arbitrary<World> = fc
  .record({
    labels: fc.array(labels, { minLength: BASE.pods.length, maxLength: BASE.pods.length }),
    team: fc.constantFrom<Labels>({}, { team: "y" }),
    services: fc.array(labels, { minLength: SERVICES.length, maxLength: SERVICES.length }),
    policies: fc.uniqueArray(policy, { maxLength: 5, selector: (p) => `${p.namespace}/${p.name}` }),
  })
  .map((r) => ({
    ...BASE,
    namespaces: { x: {}, y: r.team },
    // A service's selector is its pod's name and some of its labels, as users have them.
    pods: BASE.pods.map((p, i) => ({ ...p, labels: { ...r.labels[i], own: p.name } })),
    services: SERVICES.map((s) => {
      const own = BASE.pods.findIndex((p) => p.name === s.selector.own);
      return { ...s, selector: { ...s.selector, ...(own % 2 === 0 ? r.labels[own] : {}) } };
    }),
    policies: r.policies,
  }));
