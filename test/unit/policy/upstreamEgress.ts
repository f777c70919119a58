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
import { ofEveryProtocol, UPSTREAM_INGRESS } from "./upstreamIngress.ts";
import { addressOf, apply, labelNamespace, labelPod, policy, removePolicies, worldOf } from "./world.ts";

/** Cases of upstream's suite about where a pod may connect to, and about changes (network_policy.go), tables included. */

const FROM_X: Expectation = ["x/*", "*", false];
const FROM_A: Expectation = ["x/a", "*", false];
const TO_X: Expectation = ["*", "x/*", false];
const TO_A: Expectation = ["*", "x/a", false];

/** Upstream's makeLargeCIDRForIP: the /4 that an address is in. */
function largeBlock(address: string): string {
  return `${Number(address.split(".")[0]) & 0xf0}.0.0.0/4`;
}

const EGRESS: PolicyCase[] = [
  {
    name: "should allow egress access on one named port",
    world: worldOf(["x/a", "y/a"]),
    steps: [
      {
        change: create("x", "allow-egress", egress(ALL, { ports: [{ port: "serve-80-tcp" }] })),
        tables: [table(80), table(81, [FROM_X])],
      },
    ],
  },
  {
    name: "should deny egress from pods based on PodSelector",
    world: worldOf(["x/a", "x/b", "y/a"]),
    steps: [{ change: create("x", "deny-egress-pod-a", egress(POD_A)), tables: [table(80, [FROM_A])] }],
  },
  {
    name: "should deny egress from all pods in a namespace",
    world: worldOf(["x/a", "x/b", "y/a"]),
    steps: [{ change: create("x", "deny-egress-ns-x", egress(ALL)), tables: [table(80, [FROM_X])] }],
  },
  {
    name: "should work with Ingress, Egress specified together",
    world: worldOf(["x/a", "x/b", "x/c", "y/a"]),
    steps: [
      {
        change: create("x", "allow-client-a-via-pod-selector", {
          podSelector: POD_A,
          policyTypes: ["Egress", "Ingress"],
          ingress: [{ from: [{ podSelector: podIs("b") }] }],
          egress: [{ ports: [{ port: 80 }] }],
        }),
        tables: [table(80, [TO_A, ["x/b", "x/a", true]]), table(81, [TO_A, FROM_A, ["x/b", "x/a", true]])],
      },
    ],
  },
  {
    name: "should support denying of egress traffic on the client side (even if the server explicitly allows this traffic)",
    world: worldOf(["x/a", "y/a", "y/b"]),
    steps: [
      {
        change: (w) => {
          const fromA = ingress(ALL, { from: [{ namespaceSelector: nameIs("x"), podSelector: podIs("a") }] });
          return apply(
            w,
            policy("x", "allow-to-ns-y-pod-a", {
              ...egress(POD_A, { to: [{ namespaceSelector: nameIs("y"), podSelector: podIs("a") }] }),
            }),
            policy("y", "allow-from-xa-on-ya", { ...fromA, podSelector: podIs("a") }),
            policy("y", "allow-from-xa-on-yb", { ...fromA, podSelector: podIs("b") }),
          );
        },
        tables: [table(80, [FROM_A, ["*", "y/a", false], ["x/a", "y/a", true], ["*", "y/b", false]])],
      },
    ],
  },
  {
    name: "should enforce egress policy allowing traffic to a server in a different namespace based on PodSelector and NamespaceSelector",
    world: worldOf(["x/a", "y/a", "y/b"]),
    steps: [
      {
        change: create(
          "x",
          "allow-to-ns-y-pod-a",
          egress(POD_A, { to: [{ namespaceSelector: nameIs("y"), podSelector: podIs("a") }] }),
        ),
        tables: [table(80, [FROM_A, ["x/a", "y/a", true]])],
      },
    ],
  },
  {
    name: "should enforce multiple egress policies with egress allow-all policy taking precedence",
    world: worldOf(["x/a", "y/a"]),
    steps: [
      {
        change: create("x", "allow-egress-port-80", egress(ALL, { ports: [{ port: 80 }] })),
        tables: [table(81, [FROM_X])],
      },
      { title: "allowing all ports", change: create("x", "allow-egress", egress(ALL, {})), tables: [table(81)] },
    ],
  },
  {
    name: "should allow egress access to server in CIDR block",
    world: worldOf(["x/a", "y/a", "y/b"]),
    steps: [
      {
        change: (w) =>
          create("x", "allow-client-a-via-cidr-egress-rule", {
            ...egress(POD_A, { to: [{ ipBlock: { cidr: `${addressOf(w, "y/b")}/32` } }] }),
          })(w),
        tables: [table(80, [FROM_A, ["x/a", "y/b", true]])],
      },
    ],
  },
  {
    name: "should enforce except clause while egress access to server in CIDR block",
    world: worldOf(["x/a", "x/b", "x/c"]),
    steps: [
      {
        change: (w) => {
          const address = addressOf(w, "x/b");
          const ipBlock = { cidr: largeBlock(address), except: [`${address}/32`] };
          return apply(w, policy("x", "allow-cidr", egress(POD_A, { to: [{ ipBlock }] })));
        },
        tables: [table(80, [["x/a", "x/b", false]])],
      },
    ],
  },
  {
    name: "should ensure an IP overlapping both IPBlock.CIDR and IPBlock.Except is allowed",
    world: worldOf(["x/a", "x/b", "x/c"]),
    steps: [
      {
        change: (w) => {
          const address = addressOf(w, "x/b");
          const ipBlock = { cidr: largeBlock(address), except: [`${address}/32`] };
          return apply(w, policy("x", "allow-cidr", egress(POD_A, { to: [{ ipBlock }] })));
        },
        tables: [table(80, [["x/a", "x/b", false]])],
      },
      {
        title: "the policy becomes one that allows the address",
        change: (w) =>
          apply(
            w,
            policy("x", "allow-cidr", egress(POD_A, { to: [{ ipBlock: { cidr: `${addressOf(w, "x/b")}/32` } }] })),
          ),
        tables: [table(80, [FROM_A, ["x/a", "x/b", true]])],
      },
      {
        title: "both blocks in rules of two policies",
        change: (w) => {
          const address = addressOf(w, "x/b");
          const ipBlock = { cidr: largeBlock(address), except: [`${address}/32`] };
          return apply(w, policy("x", "allow-large", egress(POD_A, { to: [{ ipBlock }] })));
        },
        tables: [table(80)],
      },
    ],
  },
  {
    name: "should enforce policy based on NamespaceSelector with MatchExpressions using default ns label",
    world: worldOf(["x/a", "x/b", "y/a", "z/a"]),
    steps: [
      {
        change: create("x", "allow-ns-not-y", egress(POD_A, { to: [{ namespaceSelector: nameIn("NotIn", "y") }] })),
        tables: [table(80, [["x/a", "y/*", false]])],
      },
    ],
  },
];

const CHANGES: PolicyCase[] = [
  {
    name: "should enforce updated policy",
    world: worldOf(["x/a", "y/a"]),
    steps: [
      { change: create("x", "mutate", ingress(ALL, {})), tables: [table(81)] },
      { title: "updated to deny all", change: create("x", "mutate", ingress(ALL)), tables: [table(81, [TO_X])] },
    ],
  },
  {
    name: "should allow ingress access from updated namespace",
    world: worldOf(["x/a", "y/a"]),
    steps: [
      {
        change: create(
          "x",
          "allow",
          ingress(POD_A, { from: [{ namespaceSelector: { matchLabels: { ns2: "updated" } } }] }),
        ),
        tables: [table(80, [TO_A])],
      },
      {
        title: "y has the label",
        change: (w) => labelNamespace(w, "y", { ns2: "updated" }),
        tables: [table(80, [TO_A, ["y/*", "*", true]])],
      },
    ],
  },
  {
    name: "should allow ingress access from updated pod",
    world: worldOf(["x/a", "x/b"]),
    steps: [
      {
        change: create(
          "x",
          "allow",
          ingress(POD_A, { from: [{ podSelector: { matchLabels: { pod: "b", pod2: "updated" } } }] }),
        ),
        tables: [table(80, [TO_A])],
      },
      {
        title: "b has the label",
        change: (w) => labelPod(w, "x/b", { pod: "b", pod2: "updated" }),
        tables: [table(80, [TO_A, ["x/b", "x/a", true]])],
      },
    ],
  },
  {
    name: "should deny ingress access to updated pod",
    world: worldOf(["x/a", "y/a"]),
    steps: [
      { change: create("x", "deny", ingress({ matchLabels: { target: "isolated" } })), tables: [table(80)] },
      {
        title: "a has the label",
        change: (w) => labelPod(w, "x/a", { pod: "a", target: "isolated" }),
        tables: [table(80, [TO_A])],
      },
    ],
  },
  {
    name: "should stop enforcing policies after they are deleted",
    world: worldOf(["x/a", "y/a"]),
    steps: [
      { change: create("x", "deny-all", denyAll()), tables: [table(80, [FROM_X, TO_X])] },
      { title: "without policies", change: (w) => removePolicies(w), tables: [table(80)] },
    ],
  },
];

/** The whole suite: 42 cases of TCP, three of UDP and three of SCTP. */
export const UPSTREAM_CASES: PolicyCase[] = [
  ...UPSTREAM_INGRESS,
  ...EGRESS,
  ...CHANGES,
  ...ofEveryProtocol("UDP"),
  ...ofEveryProtocol("SCTP"),
];
