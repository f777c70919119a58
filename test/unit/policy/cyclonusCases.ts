import {
  ALL,
  create,
  denyAll,
  egress,
  ingress,
  labelled,
  nameIn,
  nameIs,
  type PolicyCase,
  podIs,
  rule,
} from "./cases.ts";
import {
  addPod,
  addressOf,
  apply,
  type Direction,
  labelNamespace,
  labelPod,
  NINE,
  type Peer,
  type PolicySpec,
  type Port,
  PROTOCOLS,
  pod,
  policy,
  removePod,
  removePolicies,
  type Selector,
  type World,
  worldOf,
} from "./world.ts";

/**
 * Families of policies as Cyclonus makes them (github.com/mattfenwick/cyclonus, pkg/generator): its tags with every value,
 * alone and in pairs. Nobody has written down what works afterwards: the twin of the API says it.
 */

const DIRECTIONS = ["Ingress", "Egress"] as const satisfies readonly Direction[];
const BASE = worldOf(NINE);

type Change = (world: World) => World;

function one(name: string, ...changes: Change[]): PolicyCase {
  return { name, world: BASE, steps: changes.map((change, i) => ({ title: `step ${i + 1}`, change })) };
}

const inX = (name: string, spec: PolicySpec): PolicyCase => one(name, create("x", "policy", spec));

const SELECTORS: readonly (readonly [string, Selector])[] = [
  ["all", {}],
  ["by label", podIs("a")],
  ["by In", { matchExpressions: [{ key: "pod", operator: "In", values: ["a", "b"] }] }],
  ["by NotIn", { matchExpressions: [{ key: "pod", operator: "NotIn", values: ["a"] }] }],
  ["by Exists", { matchExpressions: [{ key: "pod", operator: "Exists" }] }],
  ["by DoesNotExist", { matchExpressions: [{ key: "pod", operator: "DoesNotExist" }] }],
  [
    "by label and expression",
    { matchLabels: { pod: "b" }, matchExpressions: [{ key: "other", operator: "DoesNotExist" }] },
  ],
  ["nobody", labelled({ pod: "none" })],
];

function targets(): PolicyCase[] {
  return SELECTORS.flatMap(([name, selector]) =>
    ["x", "y"].map((namespace) =>
      one(`target: ${name} in ${namespace}`, create(namespace, "policy", denyAll(selector))),
    ),
  );
}

function namespaces(): PolicyCase[] {
  const selectors: readonly (readonly [string, Selector])[] = [
    ["is y", nameIs("y")],
    ["in y and z", nameIn("In", "y", "z")],
    ["not in x", nameIn("NotIn", "x")],
    ["exists", { matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "Exists" }] }],
    ["does not exist", { matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "DoesNotExist" }] }],
  ];
  return DIRECTIONS.flatMap((direction) =>
    selectors.map(([name, namespaceSelector]) =>
      inX(`namespaces: ${direction}, name ${name}`, rule(direction, [{ namespaceSelector }])),
    ),
  );
}

function rules(): PolicyCase[] {
  const specs: readonly (readonly [string, PolicySpec])[] = [
    ["nothing but a podSelector", { podSelector: ALL }],
    ["ingress: [] without types", { podSelector: ALL, ingress: [] }],
    ["egress: [] without types", { podSelector: ALL, egress: [] }],
    ["ingress: [{}] without types", { podSelector: ALL, ingress: [{}] }],
    ["egress: [{}] without types", { podSelector: ALL, egress: [{}] }],
    ["both rules without types", { podSelector: ALL, ingress: [{}], egress: [{}] }],
    ["type Ingress", { podSelector: ALL, policyTypes: ["Ingress"] }],
    ["type Egress", { podSelector: ALL, policyTypes: ["Egress"] }],
    ["both types", { podSelector: ALL, policyTypes: ["Ingress", "Egress"] }],
    ["both types, ingress: [{}]", { podSelector: ALL, policyTypes: ["Ingress", "Egress"], ingress: [{}] }],
    ["both types, egress: [{}]", { podSelector: ALL, policyTypes: ["Ingress", "Egress"], egress: [{}] }],
    ["empty lists in a rule", { podSelector: ALL, ingress: [{ from: [], ports: [] }] }],
  ];
  return specs.map(([name, spec]) => inX(`rules: ${name}`, spec));
}

const PEERS: readonly (readonly [string, Peer])[] = [
  ["podSelector {}", { podSelector: {} }],
  ["podSelector", { podSelector: podIs("b") }],
  [
    "podSelector by expression",
    { podSelector: { matchExpressions: [{ key: "pod", operator: "NotIn", values: ["b"] }] } },
  ],
  ["namespaceSelector {}", { namespaceSelector: {} }],
  ["namespaceSelector", { namespaceSelector: nameIs("y") }],
  ["both {}", { podSelector: {}, namespaceSelector: {} }],
  ["podSelector, namespaceSelector {}", { podSelector: podIs("b"), namespaceSelector: {} }],
  ["podSelector {}, namespaceSelector", { podSelector: {}, namespaceSelector: nameIs("y") }],
  ["both", { podSelector: podIs("b"), namespaceSelector: nameIs("y") }],
  ["both by expression", { podSelector: podIs("b"), namespaceSelector: nameIn("NotIn", "x") }],
];

function peers(): PolicyCase[] {
  const selected = DIRECTIONS.flatMap((direction) => [
    ...PEERS.map(([name, peer]) => inX(`peers: ${direction}, ${name}`, rule(direction, [peer]))),
    inX(`peers: ${direction}, two of them`, rule(direction, [PEERS[1][1], PEERS[4][1]])),
    inX(`peers: ${direction}, none`, rule(direction, [])),
  ]);
  const block = (direction: Direction, name: string, of: (w: World) => readonly Peer[]): PolicyCase =>
    one(`peers: ${direction}, ipBlock ${name}`, (w) => create("x", "policy", rule(direction, of(w)))(w));
  const blocks = DIRECTIONS.flatMap((direction) => [
    block(direction, "of a subnet", () => [{ ipBlock: { cidr: "10.0.2.0/24" } }]),
    block(direction, "of everything", () => [{ ipBlock: { cidr: "0.0.0.0/0" } }]),
    block(direction, "with host bits", () => [{ ipBlock: { cidr: "10.0.2.77/24" } }]),
    block(direction, "of one pod", (w) => [{ ipBlock: { cidr: `${addressOf(w, "y/b")}/32` } }]),
    block(direction, "except a pod", (w) => [
      { ipBlock: { cidr: "10.0.0.0/16", except: [`${addressOf(w, "y/b")}/32`] } },
    ]),
    block(direction, "except a subnet", () => [{ ipBlock: { cidr: "10.0.0.0/16", except: ["10.0.2.0/24"] } }]),
    block(direction, "except a subnet, or its pods b", () => [
      { ipBlock: { cidr: "10.0.0.0/16", except: ["10.0.2.0/24"] } },
      { podSelector: podIs("b"), namespaceSelector: {} },
    ]),
    block(direction, "of a subnet, or everything except it", () => [
      { ipBlock: { cidr: "10.0.0.0/16", except: ["10.0.2.0/24"] } },
      { ipBlock: { cidr: "10.0.2.0/24" } },
    ]),
    block(direction, "of a service's addresses", () => [{ ipBlock: { cidr: "172.20.0.0/16" } }]),
    block(direction, "of nobody", () => [{ ipBlock: { cidr: "192.0.2.0/24" } }]),
  ]);
  return [...selected, ...blocks];
}

function ports(): PolicyCase[] {
  const lists: [string, Port[]][] = [
    ...PROTOCOLS.flatMap((protocol): [string, Port[]][] => [
      [`${protocol} 80`, [{ protocol, port: 80 }]],
      [`${protocol} named`, [{ protocol, port: `serve-81-${protocol.toLowerCase()}` }]],
      [`${protocol}, any port`, [{ protocol }]],
      [`${protocol} 79 to 81`, [{ protocol, port: 79, endPort: 81 }]],
      [`${protocol} 81 to 90`, [{ protocol, port: 81, endPort: 90 }]],
    ]),
    ["80 without a protocol", [{ port: 80 }]],
    ["a name without a protocol", [{ port: "serve-80-tcp" }]],
    ["a name of another protocol's port", [{ protocol: "UDP", port: "serve-80-tcp" }]],
    ["a name that no pod has", [{ port: "none" }]],
    ["a name that no pod has, or 81", [{ port: "none" }, { port: 81 }]],
    ["80 to 80", [{ port: 80, endPort: 80 }]],
    ["two numbers", [{ port: 80 }, { port: 81, protocol: "UDP" }]],
    ["a number and a name", [{ port: 80 }, { port: "serve-81-udp", protocol: "UDP" }]],
  ];
  return DIRECTIONS.flatMap((direction) =>
    lists.flatMap(([name, list]) => [
      inX(`ports: ${direction}, ${name}, anybody`, rule(direction, [], list)),
      inX(`ports: ${direction}, ${name}, y`, rule(direction, [{ namespaceSelector: nameIs("y") }], list)),
    ]),
  );
}

/** The recipes of github.com/ahmetb/kubernetes-network-policy-recipes that Cyclonus has as examples. */
function examples(): PolicyCase[] {
  return [
    inX("example: deny all traffic to an application", ingress(podIs("a"))),
    inX("example: limit traffic to an application", ingress(podIs("a"), { from: [{ podSelector: podIs("b") }] })),
    one(
      "example: allow all traffic to an application",
      create("x", "deny", ingress(ALL)),
      create("x", "allow", ingress(podIs("a"), {})),
    ),
    inX("example: deny all non-allowlisted traffic to a namespace", ingress(ALL)),
    inX("example: deny all traffic from other namespaces", ingress(ALL, { from: [{ podSelector: {} }] })),
    inX("example: allow traffic from all namespaces", ingress(podIs("a"), { from: [{ namespaceSelector: {} }] })),
    one(
      "example: allow traffic from a namespace",
      create(
        "x",
        "policy",
        ingress(podIs("a"), { from: [{ namespaceSelector: labelled({ purpose: "production" }) }] }),
      ),
      (w) => labelNamespace(w, "z", { purpose: "production" }),
    ),
    one(
      "example: allow traffic from some pods in another namespace",
      (w) => labelNamespace(w, "y", { team: "operations" }),
      create(
        "x",
        "policy",
        ingress(podIs("a"), {
          from: [{ namespaceSelector: labelled({ team: "operations" }), podSelector: podIs("b") }],
        }),
      ),
    ),
    inX("example: allow external clients", ingress(podIs("a"), { ports: [{ port: 80 }] })),
    inX(
      "example: allow traffic only to a port of an application",
      ingress(podIs("a"), { ports: [{ port: 81 }], from: [{ podSelector: podIs("c") }] }),
    ),
    inX(
      "example: allow traffic from apps using multiple selectors",
      ingress(podIs("a"), { from: [{ podSelector: podIs("b") }, { podSelector: podIs("c") }] }),
    ),
    inX("example: deny egress traffic from an application", egress(podIs("a"))),
    inX("example: deny all non-allowlisted traffic from a namespace", egress(ALL)),
    inX(
      "example: deny external egress traffic",
      egress(podIs("a"), { ports: [{ port: 81, protocol: "UDP" }] }, { to: [{ namespaceSelector: {} }] }),
    ),
  ];
}

function actions(): PolicyCase[] {
  const fromB = ingress(podIs("a"), { from: [{ podSelector: labelled({ pod: "b" }), namespaceSelector: {} }] });
  return [
    one("action: create, update, delete a policy", create("x", "p", ingress(ALL)), create("x", "p", fromB), (w) =>
      removePolicies(w, "p"),
    ),
    one("action: delete one of two policies", create("x", "p", ingress(ALL)), create("x", "q", fromB), (w) =>
      removePolicies(w, "p"),
    ),
    one(
      "action: set a namespace's labels",
      create("x", "p", ingress(ALL, { from: [{ namespaceSelector: labelled({ new: "label" }) }] })),
      (w) => labelNamespace(w, "y", { new: "label" }),
      (w) => labelNamespace(w, "y", {}),
    ),
    one(
      "action: set a pod's labels, as a peer",
      create("x", "p", fromB),
      (w) => labelPod(w, "y/a", { pod: "b" }),
      (w) => labelPod(w, "y/b", {}),
    ),
    one(
      "action: set a pod's labels, as a target",
      create("x", "p", ingress(labelled({ new: "label" }))),
      (w) => labelPod(w, "x/a", { pod: "a", new: "label" }),
      (w) => labelPod(w, "x/a", { pod: "a" }),
    ),
    one(
      "action: create and delete a pod",
      create("x", "p", fromB),
      (w) => addPod(w, pod("x/d", { labels: { pod: "b" } })),
      (w) => removePod(w, "x/d"),
    ),
    one(
      "action: create and delete a namespace",
      create("x", "p", ingress(ALL, { from: [{ namespaceSelector: nameIs("w") }] })),
      (w) => addPod(w, pod("w/b")),
      (w) => removePod(w, "w/b"),
    ),
  ];
}

/** Two policies of one direction that say the opposite, as peers of pods and as blocks. */
function conflicts(): PolicyCase[] {
  const everything: Record<string, Peer> = {
    "by IP": { ipBlock: { cidr: "0.0.0.0/0" } },
    "by pod": { namespaceSelector: {}, podSelector: {} },
  };
  const nobody: Record<string, Peer> = {
    "by IP": { ipBlock: { cidr: "192.0.2.1/32" } },
    "by pod": { podSelector: labelled({ pod: "none" }) },
  };
  return DIRECTIONS.flatMap((direction) =>
    Object.entries(everything).flatMap(([allow, allowPeer]) =>
      Object.entries(nobody).flatMap(([deny, denyPeer]) => [
        one(
          `conflict: ${direction}, allow all ${allow}, deny all ${deny}`,
          create("x", "allow", rule(direction, [allowPeer])),
          create("x", "deny", rule(direction, [denyPeer])),
        ),
        one(
          `conflict: ${direction}, deny all ${deny}, allow all ${allow}, the other way round elsewhere`,
          create("x", "deny", rule(direction, [denyPeer])),
          create("y", "allow", rule(direction, [allowPeer])),
          (w) => apply(w, policy("x", "allow", rule(direction, [allowPeer]))),
        ),
      ]),
    ),
  );
}

export const CYCLONUS_CASES: PolicyCase[] = [
  ...targets(),
  ...namespaces(),
  ...rules(),
  ...peers(),
  ...ports(),
  ...examples(),
  ...actions(),
  ...conflicts(),
];
