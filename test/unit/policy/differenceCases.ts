import type { Difference } from "./awsResolve.ts";
import { ALL, create, denyAll, egress, ingress, labelled, nameIs, type PolicyCase, podIs } from "./cases.ts";
import {
  addressOf,
  apply,
  type Flow,
  type Port,
  pod,
  policy,
  type Service,
  servedPorts,
  service,
  worldOf,
} from "./world.ts";

/**
 * A smallest example of each difference between AWS's engine and the API, and what of it differs: connections that one
 * allows and the other does not. docs/policy.md has the same list with reasons.
 */
export interface DifferenceCase extends PolicyCase {
  readonly difference: Difference;
  /** Where the two differ: the flow, and what the API says. */
  readonly differs: readonly (readonly [flow: Flow, specified: boolean])[];
}

const tcp = (from: string, to: string, port = 80): Flow => ({ from, to, port, protocol: "TCP" });

const V1_V2 = [pod("x/client", { labels: { app: "client" } }), pod("x/web", { labels: { app: "web", version: "v2" } })];
const webService = (fields: Partial<Service> = {}): Service => service("x/web", { app: "web" }, fields);

function example(
  difference: Difference,
  name: string,
  world: PolicyCase["world"],
  change: PolicyCase["steps"][number]["change"],
  differs: DifferenceCase["differs"],
): DifferenceCase {
  return { difference, name, world, steps: [{ change, flows: differs.map(([flow]) => flow) }], differs };
}

const SERVICES: DifferenceCase[] = [
  example(
    "cluster-ip-before-dnat",
    "the peer's podSelector asks for a label more than the service's",
    { ...worldOf(V1_V2), services: [webService()] },
    create(
      "x",
      "p",
      egress(labelled({ app: "client" }), { to: [{ podSelector: labelled({ app: "web", version: "v2" }) }] }),
    ),
    [[tcp("x/client", "svc/x/web"), true]],
  ),
  example(
    "cluster-ip-before-dnat",
    "a service in front of a pod that the peer's podSelector leaves out",
    { ...worldOf(V1_V2), services: [webService()] },
    create(
      "x",
      "p",
      egress(labelled({ app: "client" }), {
        to: [
          {
            podSelector: {
              matchLabels: { app: "web" },
              matchExpressions: [{ key: "version", operator: "NotIn", values: ["v2"] }],
            },
          },
        ],
      }),
    ),
    [[tcp("x/client", "svc/x/web"), false]],
  ),
  example(
    "cluster-ip-before-dnat",
    "blocks of pods, and of services",
    { ...worldOf(V1_V2), services: [webService()] },
    (w) =>
      apply(
        w,
        policy(
          "x",
          "p",
          egress(labelled({ app: "client" }), { to: [{ ipBlock: { cidr: `${addressOf(w, "x/web")}/32` } }] }),
        ),
      ),
    [[tcp("x/client", "svc/x/web"), true]],
  ),
  example(
    "cluster-ip-before-dnat",
    "a rule for everybody on the container's port, and a service that listens on another",
    { ...worldOf(V1_V2), services: [webService({ port: 8080 })] },
    create("x", "p", egress(labelled({ app: "client" }), { ports: [{ port: 80 }] })),
    [[tcp("x/client", "svc/x/web", 8080), true]],
  ),
];

/** Pods whose port `http` is 80 in one and 81 in the other. */
const TWO_MEANINGS = [
  pod("x/a", { ports: [{ name: "http", number: 80, protocol: "TCP" }] }),
  pod("x/b", { ports: [{ name: "http", number: 81, protocol: "TCP" }] }),
  pod("y/a", { ports: [{ name: "http", number: 80, protocol: "TCP" }] }),
];

const many = (count: number): Port[] => Array.from({ length: count }, (_, i) => ({ port: 1001 + 2 * i }));

export const DIFFERENCE_CASES: DifferenceCase[] = [
  ...SERVICES,
  example(
    "named-ports-of-all-targets",
    "a name that means 80 in one selected pod and 81 in another",
    worldOf(TWO_MEANINGS),
    create("x", "p", ingress(ALL, { ports: [{ port: "http" }] })),
    [
      [tcp("y/a", "x/a", 81), false],
      [tcp("y/a", "x/b", 80), false],
    ],
  ),
  example(
    "named-ports-without-pods",
    "a name in a rule to everybody, and to a block",
    worldOf(TWO_MEANINGS),
    (w) =>
      apply(
        w,
        policy("x", "p", egress(podIs("a"), { ports: [{ port: "http" }] })),
        policy("x", "q", egress(podIs("b"), { to: [{ ipBlock: { cidr: "10.0.0.0/16" } }], ports: [{ port: "http" }] })),
      ),
    [
      [tcp("x/a", "y/a"), true],
      [tcp("x/b", "y/a"), true],
    ],
  ),
  example(
    "except-of-another-rule",
    "a block that one rule leaves out and another allows within a wider one",
    worldOf(["x/a", "y/b"]),
    create(
      "x",
      "p",
      egress(
        podIs("a"),
        { to: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.0.2.0/24"] } }] },
        { to: [{ ipBlock: { cidr: "10.0.0.0/16" } }], ports: [{ port: 80 }] },
      ),
    ),
    [[tcp("x/a", "y/b"), true]],
  ),
  example(
    "except-of-another-rule",
    "a block whose first address a wider one leaves out",
    worldOf(["x/a", "y/b"]),
    create(
      "x",
      "p",
      egress(
        podIs("a"),
        { to: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.0.2.0/28"] } }] },
        { to: [{ ipBlock: { cidr: "10.0.2.0/24" } }], ports: [{ port: 443 }] },
      ),
    ),
    [[tcp("x/a", "y/b"), true]],
  ),
  example(
    "replicas-share-maps",
    "two pods of one name but for its end, one of them selected",
    worldOf([
      pod("x/web-1", { labels: { role: "front" }, node: "node-1" }),
      pod("x/web-2", { labels: { role: "back" }, node: "node-1" }),
      pod("y/b"),
    ]),
    create("x", "p", denyAll(labelled({ role: "front" }))),
    [
      [tcp("y/b", "x/web-2"), true],
      [tcp("x/web-2", "y/b"), true],
    ],
  ),
  example(
    "rules-of-a-type-not-listed",
    "egress rules in a policy of type Ingress",
    worldOf(["x/a", "y/a", "z/a"]),
    create("x", "p", {
      podSelector: ALL,
      policyTypes: ["Ingress"],
      ingress: [{}],
      egress: [{ to: [{ namespaceSelector: nameIs("y") }] }],
    }),
    [[tcp("x/a", "z/a"), true]],
  ),
  example(
    "port-limit",
    "thirty ports of one peer",
    worldOf(["x/a", "y/a"]),
    create("x", "p", ingress(podIs("a"), { from: [{ namespaceSelector: nameIs("y") }], ports: many(30) })),
    many(30)
      .slice(24)
      .map(({ port }): [Flow, boolean] => [tcp("y/a", "x/a", Number(port)), true]),
  ),
  example(
    "host-network-peers",
    "a pod with hostNetwork that a peer's podSelector names, on another node",
    worldOf(["x/a", pod("y/agent", { node: "node-2", hostNetwork: true, ports: servedPorts([9100]) })]),
    create("x", "p", ingress(podIs("a"), { from: [{ namespaceSelector: nameIs("y") }] })),
    [[tcp("y/agent", "x/a"), false]],
  ),
];
