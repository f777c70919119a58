import {
  ALL,
  create,
  denyAll,
  type Expectation,
  egress,
  ingress,
  nameIn,
  nameIs,
  POD_A,
  type PolicyCase,
  podIs,
  table,
} from "./cases.ts";
import { apply, type Protocol, policy, worldOf } from "./world.ts";

/** Cases of upstream's suite about who may connect to a pod (test/e2e/network/netpol/network_policy.go), tables included. */

const TO_X: Expectation = ["*", "x/*", false];
const TO_A: Expectation = ["*", "x/a", false];
const Y_TO_A_ALONE: Expectation[] = [
  ["x/*", "x/a", false],
  ["z/*", "x/a", false],
];

/** Cases that the suites of TCP, UDP and SCTP have alike. */
export function ofEveryProtocol(protocol: Protocol): PolicyCase[] {
  const [suffix, pods] = protocol === "TCP" ? ["", ["x/a", "x/b", "y/a", "y/b", "z/a"]] : [` (${protocol})`, []];
  const ports = pods.length > 0 ? pods : ["x/a", "x/b", "y/a", "z/a"];
  const podsOfPeer = pods.length > 0 ? pods : ["x/a", "x/b", "y/a"];
  return [
    {
      name: `should support a 'default-deny-ingress' policy${suffix}`,
      world: worldOf(["x/a", "x/b", "y/a", "y/b"]),
      steps: [{ change: create("x", "deny-ingress", ingress(ALL)), tables: [table(80, [TO_X], protocol)] }],
    },
    {
      name: `should enforce policy to allow traffic only from a pod in a different namespace based on PodSelector and NamespaceSelector${suffix}`,
      world: worldOf(podsOfPeer),
      steps: [
        {
          change: create(
            "x",
            "allow-ns-y-pod-a-via-namespace-pod-selector",
            ingress(POD_A, { from: [{ namespaceSelector: nameIs("y"), podSelector: podIs("a") }] }),
          ),
          tables: [table(80, [TO_A, ["y/a", "x/a", true]], protocol)],
        },
      ],
    },
    {
      name: `should enforce policy based on Ports${suffix}`,
      world: worldOf(ports),
      steps: [
        {
          change: create(
            "x",
            "allow-client-a-via-ns-selector",
            ingress(POD_A, { from: [{ namespaceSelector: nameIs("y") }], ports: [{ port: 81, protocol }] }),
          ),
          tables: [table(81, Y_TO_A_ALONE, protocol)],
        },
      ],
    },
  ];
}

/** One policy in x about pod a and one table of port 80. */
function fromPeers(
  name: string,
  pods: string[],
  from: NonNullable<Parameters<typeof ingress>[1]["from"]>,
  expects: Expectation[],
): PolicyCase {
  return {
    name,
    world: worldOf(pods),
    steps: [{ change: create("x", "allow", ingress(POD_A, { from })), tables: [table(80, expects)] }],
  };
}

export const UPSTREAM_INGRESS: PolicyCase[] = [
  ...ofEveryProtocol("TCP"),
  fromPeers(
    "should enforce policy to allow traffic from pods within server namespace based on PodSelector",
    ["x/a", "x/b", "x/c", "y/a"],
    [{ podSelector: podIs("b") }],
    [TO_A, ["x/b", "x/a", true]],
  ),
  {
    name: "should enforce policy to allow ingress traffic for a target",
    world: worldOf(["x/a", "x/b", "y/a"]),
    steps: [
      {
        change: (w) =>
          apply(
            w,
            policy("x", "deny-all", ingress(ALL)),
            policy("x", "allow-all-to-a", ingress(POD_A, { from: [{ podSelector: {}, namespaceSelector: {} }] })),
          ),
        tables: [table(80, [["*", "x/b", false]])],
      },
    ],
  },
  fromPeers(
    "should enforce policy to allow ingress traffic from pods in all namespaces",
    ["x/a", "x/b", "y/a", "z/a"],
    [{ namespaceSelector: { matchLabels: {} } }],
    [],
  ),
  fromPeers(
    "should enforce policy to allow traffic only from a different namespace, based on NamespaceSelector",
    ["x/a", "x/b", "y/a", "z/a"],
    [{ namespaceSelector: nameIs("y") }],
    Y_TO_A_ALONE,
  ),
  fromPeers(
    "should enforce policy based on PodSelector with MatchExpressions",
    ["x/a", "x/b", "y/a"],
    [{ podSelector: { matchExpressions: [{ key: "pod", operator: "In", values: ["b"] }] } }],
    [TO_A, ["x/b", "x/a", true]],
  ),
  fromPeers(
    "should enforce policy based on NamespaceSelector with MatchExpressions",
    ["x/a", "x/b", "y/a", "z/a"],
    [{ namespaceSelector: nameIn("In", "y") }],
    Y_TO_A_ALONE,
  ),
  fromPeers(
    "should enforce policy based on PodSelector or NamespaceSelector",
    ["x/a", "x/b", "x/c", "y/a"],
    [{ namespaceSelector: nameIn("NotIn", "x") }, { podSelector: podIs("b") }],
    [["x/c", "x/a", false]],
  ),
  fromPeers(
    "should enforce policy based on PodSelector and NamespaceSelector",
    ["x/a", "x/b", "y/a", "y/b", "z/b"],
    [{ namespaceSelector: nameIn("NotIn", "x"), podSelector: podIs("b") }],
    [TO_A, ["y/b", "x/a", true], ["z/b", "x/a", true]],
  ),
  fromPeers(
    "should enforce policy based on Multiple PodSelectors and NamespaceSelectors",
    ["x/a", "x/b", "y/a", "y/b", "y/c"],
    [
      {
        namespaceSelector: nameIn("NotIn", "x"),
        podSelector: { matchExpressions: [{ key: "pod", operator: "In", values: ["b", "c"] }] },
      },
    ],
    [
      ["x/*", "x/a", false],
      ["y/a", "x/a", false],
    ],
  ),
  fromPeers(
    "should enforce policy based on any PodSelectors",
    ["x/a", "x/b", "x/c"],
    [{ podSelector: podIs("b") }, { podSelector: podIs("c") }],
    [TO_A, ["x/b", "x/a", true], ["x/c", "x/a", true]],
  ),
  {
    name: "should enforce multiple, stacked policies with overlapping podSelectors",
    world: worldOf(["x/a", "x/b", "y/a", "y/b", "z/a"]),
    steps: [
      {
        change: create(
          "x",
          "allow-81",
          ingress(POD_A, { from: [{ namespaceSelector: nameIs("y") }], ports: [{ port: 81, protocol: "TCP" }] }),
        ),
        tables: [table(81, Y_TO_A_ALONE), table(80, [TO_A])],
      },
      {
        title: "a second policy unblocks port 80",
        change: create(
          "x",
          "allow-80",
          ingress(POD_A, { from: [{ namespaceSelector: nameIs("y") }], ports: [{ port: 80, protocol: "TCP" }] }),
        ),
        tables: [table(80, Y_TO_A_ALONE)],
      },
    ],
  },
  {
    name: "should support allow-all policy",
    world: worldOf(["x/a", "x/b", "y/a"]),
    steps: [{ change: create("x", "allow-all", ingress(ALL, {})), tables: [table(80), table(81)] }],
  },
  {
    name: "should allow ingress access on one named port",
    world: worldOf(["x/a", "x/b", "y/a"]),
    steps: [
      {
        change: create("x", "allow-all", ingress(ALL, { ports: [{ port: "serve-81-tcp" }] })),
        tables: [table(81), table(80, [TO_X])],
      },
    ],
  },
  {
    name: "should allow ingress access from namespace on one named port",
    world: worldOf(["x/a", "x/b", "y/a", "z/a"]),
    steps: [
      {
        change: create(
          "x",
          "allow-80",
          ingress(POD_A, {
            from: [{ namespaceSelector: nameIs("y") }],
            ports: [{ port: "serve-80-tcp", protocol: "TCP" }],
          }),
        ),
        tables: [table(80, Y_TO_A_ALONE), table(81, [TO_A])],
      },
    ],
  },
  {
    name: "should deny ingress from pods on other namespaces",
    world: worldOf(["x/a", "x/b", "y/a", "z/a"]),
    steps: [
      {
        change: create("x", "deny-empty-policy", ingress(ALL, { from: [{ podSelector: { matchLabels: {} } }] })),
        tables: [
          table(80, [
            ["y/*", "x/*", false],
            ["z/*", "x/*", false],
          ]),
        ],
      },
    ],
  },
  {
    name: "should enforce ingress policy allowing any port traffic to a server on a specific protocol",
    world: worldOf(["x/a", "y/a"]),
    steps: [
      {
        change: create("x", "allow-ingress-by-proto", ingress(POD_A, { ports: [{ protocol: "TCP" }] })),
        tables: [table(80), table(80, [TO_A], "UDP")],
      },
    ],
  },
  {
    name: "should enforce multiple ingress policies with ingress allow-all policy taking precedence",
    world: worldOf(["x/a", "y/a"]),
    steps: [
      {
        change: create("x", "allow-ingress-port-80", ingress(ALL, { ports: [{ port: 80 }] })),
        tables: [table(81, [TO_X])],
      },
      { title: "allowing all ports", change: create("x", "allow-ingress", ingress(ALL, {})), tables: [table(81)] },
    ],
  },
  {
    name: "should not mistakenly treat 'protocol: SCTP' as 'protocol: TCP', even if the plugin doesn't support SCTP",
    world: worldOf(["x/a", "y/a"]),
    steps: [
      {
        change: (w) =>
          apply(
            w,
            policy("x", "deny-ingress", ingress(ALL)),
            policy("x", "allow-only-sctp", ingress(POD_A, { ports: [{ port: 81, protocol: "SCTP" }] })),
          ),
        tables: [table(81, [TO_X])],
      },
    ],
  },
  {
    name: "should properly isolate pods that are selected by a policy allowing SCTP, even if the plugin doesn't support SCTP",
    world: worldOf(["x/a", "y/a"]),
    steps: [
      {
        change: create("x", "allow-only-sctp", ingress(POD_A, { ports: [{ port: 80, protocol: "SCTP" }] })),
        tables: [table(81, [TO_A])],
      },
    ],
  },
  {
    name: "should not allow access by TCP when a policy specifies only UDP",
    world: worldOf(["x/a", "y/a"]),
    steps: [
      {
        change: create("x", "allow-only-udp", ingress(POD_A, { ports: [{ port: 81, protocol: "UDP" }] })),
        tables: [table(81, [TO_A])],
      },
    ],
  },
  fromPeers(
    "should enforce policy to allow traffic based on NamespaceSelector with MatchLabels using default ns label",
    ["x/a", "x/b", "y/a", "z/a"],
    [{ namespaceSelector: nameIs("y") }],
    Y_TO_A_ALONE,
  ),
  {
    name: "should support a 'default-deny-all' policy",
    world: worldOf(["x/a", "x/b", "y/a"]),
    steps: [{ change: create("x", "deny-all", denyAll()), tables: [table(80, [TO_X, ["x/*", "*", false]])] }],
  },
  {
    name: "should enforce policies to check ingress and egress policies can be controlled independently based on PodSelector",
    world: worldOf(["x/a", "x/b", "y/a"]),
    steps: [
      { change: create("x", "allow-egress-for-target", egress(POD_A, {})), tables: [table(80)] },
      { change: create("x", "deny-ingress", ingress(POD_A)), tables: [table(80, [TO_A])] },
    ],
  },
];
