import { describe, expect, it } from "vitest";
import { Network } from "../conformance/network.ts";
import type { Fields } from "../control/documents.ts";
import { ALL, create, egress, ingress, labelled } from "./cases.ts";
import { documentsOf, type Engine, nameOf, specOf } from "./policyLab.ts";
import { type Policy, pod, type World, worldOf } from "./world.ts";

/**
 * AWS's ClusterNetworkPolicy: tiers around the namespaces' own policies. The engine upstream follows
 * sigs.k8s.io/network-policy-api, of which it is a copy: rules of a policy in their order. AWS's agent knows a rule's priority
 * and action alone.
 */

const START: World = {
  ...worldOf([
    pod("x/client", { labels: { app: "client" }, node: "node-1" }),
    pod("y/web", { labels: { app: "web" }, node: "node-2" }),
    pod("z/other", { labels: { app: "other" }, node: "node-2" }),
  ]),
  services: [],
};
const IN_Y = { namespaces: { matchLabels: { "kubernetes.io/metadata.name": "y" } } };
const IN_X = { namespaces: { matchLabels: { "kubernetes.io/metadata.name": "x" } } };
const NOWHERE = { namespaces: { matchLabels: { team: "none" } } };
const EVERYONE = { namespaces: {} };
const port = (number: number) => ({ portNumber: { port: number } });

interface Spec {
  tier: "Admin" | "Baseline";
  priority?: number;
  subject?: Fields;
  ingress?: Fields[];
  egress?: Fields[];
}

function clusterPolicy(name: string, { priority = 10, subject = IN_Y, ...spec }: Spec): Fields {
  return {
    apiVersion: "networking.k8s.aws/v1alpha1",
    kind: "ClusterNetworkPolicy",
    metadata: { name },
    spec: { priority, subject, ...spec },
  };
}

const rule = (action: string, from: Fields[], ports?: Fields[]) => ({ action, from, ...(ports && { ports }) });
const to = (action: string, peers: Fields[], ports?: Fields[]) => ({ action, to: peers, ...(ports && { ports }) });

const admin = (...rules: Fields[]) => clusterPolicy("admin", { tier: "Admin", ingress: rules });
const baseline = (...rules: Fields[]) => clusterPolicy("baseline", { tier: "Baseline", ingress: rules });
const denyAll: Policy["spec"] = ingress(ALL);

/** What a client gets at a port of y/web: `ok`, or who denied it. */
type Fate = "ok" | "POLICY_ADMIN_DENY" | "POLICY_DENY_INGRESS" | "POLICY_DENY_EGRESS";

interface Case {
  name: string;
  cluster: Fields[];
  namespaced?: (world: World) => World;
  /** By `port`, or `from:port`. */
  fates: Record<string, Fate>;
  /** What is otherwise with AWS's engine. */
  aws?: Record<string, Fate>;
}

const CASES: Case[] = [
  {
    name: "Admin denies what a namespace allows",
    cluster: [admin(rule("Deny", [IN_X]))],
    namespaced: create("y", "p", ingress(ALL, {})),
    fates: { 80: "POLICY_ADMIN_DENY", "z/other:80": "ok" },
  },
  {
    name: "Admin accepts what a namespace denies",
    cluster: [admin(rule("Accept", [IN_X], [port(80)]))],
    namespaced: create("y", "p", denyAll),
    fates: { 80: "ok", 81: "POLICY_DENY_INGRESS" },
  },
  {
    name: "Pass leaves it to the namespace, whatever comes after it",
    cluster: [
      clusterPolicy("first", { tier: "Admin", priority: 1, ingress: [rule("Pass", [IN_X])] }),
      clusterPolicy("second", { tier: "Admin", priority: 2, ingress: [rule("Deny", [EVERYONE])] }),
    ],
    namespaced: create("y", "p", ingress(ALL, { ports: [{ port: 80 }] })),
    fates: { 80: "ok", 81: "POLICY_DENY_INGRESS", "z/other:80": "POLICY_ADMIN_DENY" },
  },
  {
    name: "the lower priority number is first",
    cluster: [
      clusterPolicy("later", { tier: "Admin", priority: 20, ingress: [rule("Deny", [EVERYONE])] }),
      clusterPolicy("sooner", { tier: "Admin", priority: 5, ingress: [rule("Accept", [IN_X])] }),
    ],
    fates: { 80: "ok", "z/other:80": "POLICY_ADMIN_DENY" },
  },
  {
    name: "Baseline decides where no policy of the namespace does",
    cluster: [baseline(rule("Deny", [IN_X]))],
    fates: { 80: "POLICY_ADMIN_DENY", "z/other:80": "ok" },
  },
  {
    name: "Baseline has no say in pods that a namespace's policy isolates",
    cluster: [baseline(rule("Deny", [EVERYONE]))],
    namespaced: create(
      "y",
      "p",
      ingress(ALL, { from: [{ namespaceSelector: {}, podSelector: labelled({ app: "client" }) }] }),
    ),
    fates: { 80: "ok", "z/other:80": "POLICY_DENY_INGRESS" },
  },
  {
    name: "egress to networks, and a range of ports",
    cluster: [
      clusterPolicy("admin", {
        tier: "Admin",
        subject: { pods: { namespaceSelector: {}, podSelector: { matchLabels: { app: "client" } } } },
        egress: [to("Deny", [{ networks: ["10.0.2.0/24"] }], [{ portRange: { start: 80, end: 90 } }])],
      }),
    ],
    fates: { 80: "POLICY_ADMIN_DENY", 90: "POLICY_ADMIN_DENY", 91: "ok", "z/other:80": "ok" },
  },
  {
    name: "egress that a namespace denies and Admin accepts",
    cluster: [clusterPolicy("admin", { tier: "Admin", subject: IN_X, egress: [to("Accept", [IN_Y], [port(80)])] })],
    namespaced: create("x", "p", egress(ALL)),
    fates: { 80: "ok", 81: "POLICY_DENY_EGRESS" },
  },
  {
    name: "cluster-rule-order: a policy that accepts some and denies the rest",
    cluster: [admin(rule("Accept", [IN_X], [port(80)]), rule("Deny", [EVERYONE]))],
    fates: { 80: "ok", 81: "POLICY_ADMIN_DENY", "z/other:80": "POLICY_ADMIN_DENY" },
    aws: { 80: "POLICY_ADMIN_DENY" },
  },
  {
    name: "cluster-first-peer: a rule whose first peer is nobody",
    cluster: [admin(rule("Deny", [NOWHERE, IN_X]))],
    fates: { 80: "POLICY_ADMIN_DENY" },
    aws: { 80: "ok" },
  },
];

function fateOf(network: Network, at: string): string {
  const [from, number] = at.includes(":") ? at.split(":") : ["x/client", at];
  const { to: receiver } = network.dial(nameOf(from), `pod/y/web:${number}`);
  return receiver === "pod/y/web" ? "ok" : receiver.replace("DROPPED ", "");
}

describe.each(["upstream", "aws"] as const satisfies readonly Engine[])("cluster policies, engine %s", (engine) => {
  it.each(CASES.map((c) => [c.name, c] as const))("%s", (_name, { cluster, namespaced, fates, aws = {} }) => {
    const documents = documentsOf(namespaced === undefined ? START : namespaced(START));
    const network = new Network(specOf(engine), ...documents.values(), ...cluster);
    const seen = Object.fromEntries(Object.keys(fates).map((at) => [at, fateOf(network, at)]));
    expect(seen).toEqual(engine === "aws" ? { ...fates, ...aws } : fates);
  });
});
