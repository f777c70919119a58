import { describe, expect, it } from "vitest";
import { Cluster } from "../../../src/control/cluster.ts";
import { diff } from "../../../src/control/diff.ts";
import { podIdentifier } from "../../../src/control/policy/podGroups.ts";
import { policyViews } from "../../../src/control/policy/views.ts";
import { askOffline } from "../../../src/lab/question.ts";
import * as R from "../../../src/plane/rows.ts";
import { formatAddress } from "../../../src/plane/wire/address.ts";
import { type Fields, labDocument, podDocument, read, serviceDocument } from "../control/documents.ts";
import { nodeClass, VPC } from "../ipam/auto/nodeClasses.ts";

const pod = (name: string, labels: Fields, node = "node-1", ports: Fields[] = []): Fields =>
  podDocument(name, { nodeName: node, containers: [{ name: "main", ports }] }, { labels });

const policy = (name: string, spec: Fields): Fields => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name },
  spec,
});

const clusterPolicy = (name: string, spec: Fields): Fields => ({
  apiVersion: "networking.k8s.aws/v1alpha1",
  kind: "ClusterNetworkPolicy",
  metadata: { name },
  spec,
});

function cluster(networkPolicy: Fields, ...documents: Fields[]): Cluster {
  return new Cluster(read(labDocument({ cluster: { networkPolicy } }), ...documents));
}

function podRows(c: Cluster): Map<string, R.PodPolicyRow> {
  return new Map(c.snapshot().policies.pods);
}

const rowOf = (c: Cluster, name: string) => {
  const row = podRows(c).get(`pod/default/${name}`);
  if (row === undefined) throw new Error(`no row of ${name}`);
  return row;
};

const address = (c: Cluster, name: string) => formatAddress(c.snapshot().names.resolve(`pod/${name}`).address);

/** A table as text: `10.0.1.5/32: 6 80-0`. */
function table(c: Cluster, id: number): string[] {
  const found = [...c.snapshot().policies.tables.values()].find((t) => t.id === id);
  return [...(found?.prefixes.values() ?? [])].map(
    (p) =>
      `${formatAddress(p.prefix)}/${p.length}: ${p.entries.map((e) => `${e.protocol} ${e.fromPort}-${e.toPort}`).join(", ")}`,
  );
}

const FROM_WEB = {
  podSelector: { matchLabels: { app: "api" } },
  ingress: [{ from: [{ podSelector: { matchLabels: { app: "web" } } }], ports: [{ port: 80 }] }],
};

describe("what is enforced", () => {
  it("is nothing without policies, unless it is switched on", () => {
    expect(podRows(cluster({}, pod("a", {}))).size).toBe(0);
    expect(podRows(cluster({ enabled: true }, pod("a", {}))).size).toBe(1);
    const off = cluster({ enabled: false }, pod("a", {}), policy("p", { podSelector: {} }));
    expect(off.snapshot().policies.tables.size).toBe(0);
  });

  it("follows the enforcing mode: the lab's, aws-node's, the NodeClass's", () => {
    const state = (c: Cluster) => rowOf(c, "a").state;
    expect(state(cluster({ enabled: true }, pod("a", {})))).toBe(R.POLICY_DEFAULT_ALLOW);
    expect(state(cluster({ enabled: true, enforcingMode: "strict" }, pod("a", {})))).toBe(R.POLICY_DEFAULT_DENY);
    const env = { cni: { env: { NETWORK_POLICY_ENFORCING_MODE: "strict" } }, networkPolicy: { enabled: true } };
    expect(state(new Cluster(read(labDocument({ cluster: env }), pod("a", {}))))).toBe(R.POLICY_DEFAULT_DENY);
    const auto = labDocument({
      vpc: VPC,
      nodes: [{ name: "node-1", instanceType: "m5.large", subnet: "nodes-a" }],
      cluster: { mode: "auto", networkPolicy: { enabled: true } },
    });
    const settings = nodeClass({ networkPolicy: "DefaultDeny", networkPolicyEventLogs: "Enabled" });
    const found = new Cluster([...read(auto, pod("a", {})), settings]);
    expect(rowOf(found, "a").state).toBe(R.POLICY_DEFAULT_DENY);
    expect(rowOf(found, "a").log).toBe(R.POLICY_LOG_DENIED);
  });

  it("comes to a new pod after the delay; until then it has its default", () => {
    const c = cluster({ reconcileSeconds: 2 }, pod("web", { app: "web" }), policy("p", FROM_WEB));
    c.apply(read(pod("api", { app: "api" })));
    c.advance(60_000);
    const begun = c.now;
    c.apply(read(pod("api2", { app: "api" })));
    c.advance(begun + 30_000);
    expect(rowOf(c, "api2").state).toBe(R.POLICIES_APPLIED);
    const d = cluster({ reconcileSeconds: 3600 }, pod("web", { app: "web" }), policy("p", FROM_WEB));
    d.apply(read(pod("api", { app: "api" })));
    d.advance(60_000);
    expect(rowOf(d, "api")).toMatchObject({ state: R.POLICY_DEFAULT_ALLOW, ingress: -1, egress: -1 });
    const due = d.next();
    expect(due).not.toBeNull();
    expect(d.advance(4_000_000)).toBe(true);
    expect(rowOf(d, "api").state).toBe(R.POLICIES_APPLIED);
  });
});

describe("rows", () => {
  const base = [pod("web", { app: "web" }), pod("api", { app: "api" }, "node-2"), policy("p", FROM_WEB)];

  it("are the pods that the rule names, and everything where a direction is free", () => {
    const c = cluster({}, ...base);
    const row = rowOf(c, "api");
    expect(table(c, row.ingress)).toEqual([`${address(c, "web")}/32: 6 80-0`]);
    expect(table(c, row.egress)).toEqual(["0.0.0.0/0: 254 0-0"]);
    expect(rowOf(c, "web")).toMatchObject({ state: R.POLICY_DEFAULT_ALLOW, ingress: -1, egress: -1 });
  });

  it("change where a pod touches them, and nowhere else", () => {
    const c = cluster({ reconcileSeconds: 0 }, ...base, pod("api2", { app: "api" }));
    const before = c.snapshot();
    c.apply(read(pod("web2", { app: "web" })));
    c.advance(60_000);
    const patch = diff(before, c.snapshot());
    const rows = patch.put.filter((r) => r.t === "policyPrefix" || r.t === "podPolicy");
    expect(rows.map((r) => r.t)).toEqual(["policyPrefix", "podPolicy"]);
    expect(patch.gone).toEqual([]);
    const between = c.snapshot();
    c.setReady("pod/default/web2", false);
    expect(c.snapshot().policies).toBe(between.policies);
    c.remove(["pod/web2"]);
    const back = diff(between, c.snapshot());
    const gone = back.gone.filter((r) => r.t === "policyPrefix" || r.t === "podPolicy");
    expect(gone.map((r) => r.t).sort()).toEqual(["podPolicy", "policyPrefix"]);
    expect(back.put.filter((r) => r.t === "policyPrefix")).toEqual([]);
  });

  it("go with the last policy", () => {
    const c = cluster({}, ...base);
    const before = c.snapshot();
    c.remove(["networkpolicy/p"]);
    const { put, gone } = diff(before, c.snapshot());
    expect(put.filter((r) => r.t === "policyPrefix" || r.t === "podPolicy")).toEqual([]);
    expect(gone.filter((r) => r.t === "podPolicy")).toHaveLength(2);
    expect(c.snapshot().policies.tables.size).toBe(0);
  });

  it("have 24 entries for a prefix at most with AWS's agent, and all of them upstream", () => {
    const ports = Array.from({ length: 30 }, (_, i) => ({ port: 1000 + i }));
    const spec = { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/16" } }], ports }] };
    for (const [engine, count] of [
      ["aws", 24],
      ["upstream", 30],
    ] as const) {
      const c = cluster({ engine }, pod("a", {}), policy("p", spec));
      expect(table(c, rowOf(c, "a").ingress)[0].split(",")).toHaveLength(count);
    }
  });

  it("take an exception for a denial of everything with AWS's agent, and of the one rule upstream", () => {
    const spec = {
      podSelector: {},
      ingress: [
        { from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }], ports: [{ port: 80 }] },
        { from: [{ ipBlock: { cidr: "10.0.0.0/8" } }], ports: [{ port: 443 }] },
      ],
    };
    const aws = cluster({}, pod("a", {}), policy("p", spec));
    expect(table(aws, rowOf(aws, "a").ingress)).toEqual(["10.0.0.0/8: 6 80-0, 6 443-0", "10.1.0.0/16: 255 0-0"]);
    const upstream = cluster({ engine: "upstream" }, pod("a", {}), policy("p", spec));
    expect(table(upstream, rowOf(upstream, "a").ingress)).toEqual([
      "10.0.0.0/8: 6 80-0, 6 443-0",
      "10.1.0.0/16: 6 443-0",
    ]);
  });

  it("take over the ports of blocks around them with AWS's agent, except where those except them", () => {
    const from = (cidr: string, port: number, except: string[] = []) => ({
      from: [{ ipBlock: { cidr, except } }],
      ports: [{ port }],
    });
    const ingress = [from("10.0.0.0/8", 80, ["10.1.0.0/16"]), from("10.1.2.0/24", 443), from("10.2.0.0/16", 53)];
    const c = cluster({}, pod("a", {}), policy("p", { podSelector: {}, ingress }));
    expect(table(c, rowOf(c, "a").ingress)).toEqual([
      "10.0.0.0/8: 6 80-0",
      "10.2.0.0/16: 6 53-0, 6 80-0",
      "10.1.2.0/24: 6 443-0",
      "10.1.0.0/16: 255 0-0",
    ]);
  });

  it("have the ClusterIPs of services whose selector meets the rule's, by the port that leads to the rule's", () => {
    const egress = [{ to: [{ podSelector: { matchLabels: { app: "api" } } }], ports: [{ port: 8080 }] }];
    const c = cluster(
      {},
      pod("web", { app: "web" }),
      pod("api", { app: "api" }),
      serviceDocument("api", { clusterIP: "172.20.0.50" }),
      serviceDocument("headless", { clusterIP: "None", selector: { app: "api" } }),
      serviceDocument("other", { clusterIP: "172.20.0.51", selector: { tier: "x" } }),
      policy("p", { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Egress"], egress }),
    );
    expect(table(c, rowOf(c, "web").egress)).toEqual([`${address(c, "api")}/32: 6 8080-0`, "172.20.0.50/32: 6 80-0"]);
  });

  it("share an agent's maps by the pod's name up to its last dash, on one node", () => {
    expect(podIdentifier("web-7d9c-x1", "prod")).toBe("web-7d9c@prod");
    expect(podIdentifier("my.pod-1", "a")).toBe("my_pod@a");
    expect(podIdentifier("solo", "a")).toBe("solo@a");
    const deny = policy("deny", { podSelector: { matchLabels: { app: "api" } } });
    const c = cluster({}, pod("x-1", { app: "api" }), pod("x-2", {}), pod("x-3", {}, "node-2"), deny);
    expect(rowOf(c, "x-2").ingress).toBe(rowOf(c, "x-1").ingress);
    expect(rowOf(c, "x-3").state).toBe(R.POLICY_DEFAULT_ALLOW);
    const d = cluster({ engine: "upstream" }, pod("x-1", { app: "api" }), pod("x-2", {}), deny);
    expect(podRows(d).has("pod/default/x-2")).toBe(false);
  });

  it("have the tiers' orders", () => {
    const subject = { namespaces: {} };
    const to = [{ networks: ["10.0.0.0/8"] }];
    const c = cluster(
      {},
      pod("a", {}),
      clusterPolicy("admin", { tier: "Admin", priority: 7, subject, egress: [{ action: "Pass", to }] }),
      clusterPolicy("base", { tier: "Baseline", priority: 9, subject, egress: [{ action: "Deny", to }] }),
    );
    const { clusterEgress } = rowOf(c, "a");
    const [prefix] = [...c.snapshot().policies.tables.values()].filter((t) => t.id === clusterEgress);
    const orders = [...prefix.prefixes.values()].flatMap((p) => p.entries.map((e) => e.order));
    expect(orders).toEqual([72, R.POLICY_BASELINE_ORDER + 90]);
  });
});

describe("names", () => {
  it("tell the rule that allowed, and the policies that isolate", () => {
    const c = cluster({}, pod("web", { app: "web" }), pod("api", { app: "api" }), pod("c", {}), policy("p", FROM_WEB));
    const ask = (source: string) =>
      askOffline(c, { protocol: "tcp", source, destination: "pod/api:80", fromPort: null });
    const allowed = ask("pod/web").steps.filter((s) => s.stage === "policy");
    expect(allowed.at(-1)?.rule).toBe("networkpolicy/default/p ingress[0]");
    const denied = ask("pod/c");
    expect(denied).toMatchObject({ verdict: "DROPPED", reason: "POLICY_DENY_INGRESS" });
    expect(denied.steps.at(-1)?.detail).toBe(
      `ingress of pod/default/api: isolated by networkpolicy/default/p; no ingress rule allows pod/default/c (${address(c, "c")}) tcp 80 (NETWORK_POLICY), no entry names that end`,
    );
  });

  it("show policies by their rules", () => {
    const c = cluster(
      {},
      pod("web", { app: "web" }),
      pod("api", { app: "api" }),
      policy("p", FROM_WEB),
      policy("d", { podSelector: {}, policyTypes: ["Egress"] }),
    );
    const views = policyViews(c.state().policy, c.snapshot().policies);
    expect(views).toMatchObject([
      {
        policy: "networkpolicy/default/p",
        pods: ["pod/default/api"],
        rule: "ingress[0]",
        action: "Accept",
        peers: "pods app=web",
        ports: "TCP 80",
        blocks: [`${address(c, "web")}/32`],
      },
      { policy: "networkpolicy/default/d", rule: "egress", action: "Deny", peers: "all", ports: "all" },
    ]);
    expect(views[1].pods).toEqual(["pod/default/web", "pod/default/api"]);
  });
});
