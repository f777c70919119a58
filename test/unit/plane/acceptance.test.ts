import { describe, expect, it } from "vitest";
import { FROM_ENI, FROM_HOST, FROM_POD } from "../../../src/plane/from.ts";
import type { Frontend, NodeRow, ServiceRow } from "../../../src/plane/rows.ts";
import { SERVICE_MODE_IPTABLES, SERVICE_MODE_NFTABLES } from "../../../src/plane/rows.ts";
import { Bench, type BenchOptions, DEV, ENI } from "./bench.ts";
import { walk } from "./nodeWalk.ts";
import { ip } from "./packets.ts";
import { clusterIP, nodePort, serviceRow } from "./serviceRow.ts";

/**
 * The tables of kube-proxy's own tests (pkg/proxy/iptables/proxier_test.go, and the same in pkg/proxy/nftables), with this
 * bench's addresses: the node is 10.0.1.10, the client pod 10.0.1.32, an external client 203.0.113.2.
 */

const CLUSTER_IP = "172.20.0.41";
const BALANCER = "192.0.2.4";
const EXTERNAL = "192.0.2.5";
const NODE = "10.0.1.10";
const PORT = 80;
const NODE_PORT = 30_001;
const [LOCAL, REMOTE] = ["10.0.1.48:80", "10.0.2.32:80"];
const FRONTENDS: Frontend[] = [
  clusterIP(CLUSTER_IP, PORT),
  { kind: 1, address: ip(EXTERNAL), port: PORT },
  { kind: 2, address: ip(BALANCER), port: PORT },
  nodePort(NODE_PORT),
];

const SENDERS = {
  pod: [FROM_POD, DEV.client, "10.0.1.32"],
  node: [FROM_HOST, DEV.host0, NODE],
  localhost: [FROM_HOST, DEV.host0, "127.0.0.1"],
  external: [FROM_ENI, ENI.n0e0, "203.0.113.2"],
  blocked: [FROM_ENI, ENI.n0e0, "203.0.113.130"],
  balancer: [FROM_ENI, ENI.n0e0, BALANCER],
} as const;
type Sender = keyof typeof SENDERS;
const TARGETS = {
  clusterIP: [CLUSTER_IP, PORT],
  nodePort: [NODE, NODE_PORT],
  balancer: [BALANCER, PORT],
  external: [EXTERNAL, PORT],
  localhost: ["127.0.0.1", NODE_PORT],
} as const;

/** One service with an endpoint on node 0 (number 0) and one elsewhere. */
function both(spec: Partial<ServiceRow> = {}): ServiceRow {
  const nodes = [{ node: 0, cluster: [0, 1], local: [0] }];
  return serviceRow({ id: 9, frontends: FRONTENDS, nodes, ...spec, endpoints: [LOCAL, REMOTE] });
}

function lab(row: ServiceRow, o: BenchOptions = {}): Bench {
  const b = new Bench({ clusterCidr: "10.0.1.32/27", capacity: 8192, limit: 8192, ...o });
  b.plane.apply({ put: [row], gone: [] });
  return b;
}

/** What becomes of many connections: "0,1 masq" = both endpoints, masqueraded; or the verdict. */
function fate(b: Bench, from: Sender, to: keyof typeof TARGETS): string {
  const [way, via, source] = SENDERS[from];
  const [address, dport] = TARGETS[to];
  const all = new Set<string>();
  const endpoints = new Set<number>();
  for (let i = 0; i < 40; i++) {
    const w = walk(b, way, via, { src: ip(source), dst: ip(address), sport: 2000 + i, dport });
    all.add(w.verdict === "ACCEPT" ? (w.to === null ? "routed" : w.masquerade ? "masq" : "kept") : w.verdict);
    if (w.endpoint >= 0) endpoints.add(w.endpoint);
  }
  return `${[...endpoints].sort().join(",")} ${[...all].join(" and ")}`.trim();
}

const MODES = [
  ["iptables", SERVICE_MODE_IPTABLES],
  ["nftables", SERVICE_MODE_NFTABLES],
] as const satisfies readonly (readonly [string, NodeRow["serviceMode"]])[];

describe.each(MODES)("%s mode", (_name, serviceMode) => {
  const policies = {
    cluster: both(),
    external: both({ externalLocal: true }),
    internal: both({ internalLocal: true }),
  };

  describe("A: internal and external traffic, masqueraded or not", () => {
    const table: [Sender, keyof typeof TARGETS, string, string, string][] = [
      ["pod", "clusterIP", "0,1 kept", "0,1 kept", "0 kept"],
      ["pod", "nodePort", "0,1 masq", "0,1 kept", "0,1 masq"],
      ["pod", "balancer", "0,1 masq", "0,1 kept", "0,1 masq"],
      ["node", "clusterIP", "0,1 masq", "0,1 masq", "0 masq"],
      ["node", "nodePort", "0,1 masq", "0,1 masq", "0,1 masq"],
      ["node", "balancer", "0,1 masq", "0,1 masq", "0,1 masq"],
      ["external", "clusterIP", "0,1 masq", "0,1 masq", "0 masq"],
      ["external", "nodePort", "0,1 masq", "0 kept", "0,1 masq"],
      ["external", "balancer", "0,1 masq", "0 kept", "0,1 masq"],
    ];
    it.each(table)("%s to %s", (from, to, cluster, external, internal) => {
      expect(fate(lab(policies.cluster, { serviceMode }), from, to)).toBe(cluster);
      expect(fate(lab(policies.external, { serviceMode }), from, to)).toBe(external);
      expect(fate(lab(policies.internal, { serviceMode }), from, to)).toBe(internal);
    });

    it("127.0.0.1 to a NodePort: iptables mode alone", () => {
      const iptables = serviceMode === SERVICE_MODE_IPTABLES;
      for (const row of Object.values(policies))
        expect(fate(lab(row, { serviceMode }), "localhost", "localhost")).toBe(iptables ? "0,1 masq" : "routed");
    });

    it("without a local detector nobody is known to be a pod", () => {
      const o = { serviceMode, clusterCidr: "255.255.255.255/32" };
      const none = (row: ServiceRow): Bench => {
        const b = lab(row, o);
        const node = b.plane.context.tables.nodes[0];
        if (node === null) throw new Error("no node");
        b.plane.apply({ put: [{ ...node, clusterCidr: null }], gone: [] });
        return b;
      };
      expect(fate(none(policies.cluster), "node", "clusterIP")).toBe("0,1 kept");
      expect(fate(none(policies.cluster), "external", "clusterIP")).toBe("0,1 kept");
      expect(fate(none(policies.external), "pod", "nodePort")).toBe("0 kept");
      expect(fate(none(policies.external), "pod", "balancer")).toBe("0 kept");
    });

    it("--masquerade-all masquerades pods at ClusterIPs too", () => {
      const o = { serviceMode, masqueradeAll: true };
      expect(fate(lab(policies.cluster, o), "pod", "clusterIP")).toBe("0,1 masq");
      expect(fate(lab(policies.internal, o), "pod", "clusterIP")).toBe("0 masq");
    });
  });

  describe("B: loadBalancerSourceRanges", () => {
    const ranges = [
      { prefix: ip("10.0.1.0"), length: 28 },
      { prefix: ip("203.0.113.0"), length: 25 },
    ];
    const b = (): Bench => lab(both({ sourceRanges: ranges }), { serviceMode });
    it.each<[Sender, keyof typeof TARGETS, string]>([
      ["pod", "clusterIP", "0,1 kept"],
      ["external", "nodePort", "0,1 masq"],
      ["blocked", "nodePort", "0,1 masq"],
      ["blocked", "external", "0,1 masq"],
      ["external", "balancer", "0,1 masq"],
      ["blocked", "balancer", "DROP"],
      ["pod", "balancer", "DROP"],
      ["node", "balancer", "0,1 masq"],
      ["balancer", "balancer", "0,1 masq"],
    ])("%s to %s: %s", (from, to, expected) => {
      expect(fate(b(), from, to)).toBe(expected);
    });

    it("the balancer's own address is no exception where the node is not in the ranges", () => {
      expect(fate(lab(both({ sourceRanges: [ranges[1]] }), { serviceMode }), "balancer", "balancer")).toBe("DROP");
    });
  });

  it("what a firewall chain leaves alone may still be a NodePort, in iptables mode", () => {
    const frontends: Frontend[] = [{ kind: 2, address: ip(NODE), port: NODE_PORT }];
    const b = lab(both({ id: 8 }), { serviceMode });
    const sourceRanges = [{ prefix: ip("203.0.113.0"), length: 25 }];
    b.plane.apply({ put: [serviceRow({ id: 10, frontends, sourceRanges, endpoints: [REMOTE] })], gone: [] });
    expect(fate(b, "pod", "nodePort")).toBe(serviceMode === SERVICE_MODE_IPTABLES ? "0,1 masq" : "DROP");
  });

  it("C: without endpoints all is rejected", () => {
    const b = lab({ ...both(), endpoints: [], cluster: [], nodes: [], hasEndpoints: false }, { serviceMode });
    for (const to of ["clusterIP", "nodePort", "balancer", "external"] as const)
      expect(fate(b, "external", to), to).toBe("REJECT");
    expect(fate(b, "pod", "clusterIP")).toBe("REJECT");
  });

  it("D: an external IP under the policy Local, and an endpoint that reaches itself", () => {
    expect(fate(lab(policies.external, { serviceMode }), "external", "external")).toBe("0 kept");
    const own = serviceRow({ id: 9, frontends: FRONTENDS, endpoints: ["10.0.1.32:80"] });
    expect(fate(lab(own, { serviceMode }), "pod", "clusterIP")).toBe("0 masq");
  });

  it("E: protocols are apart; unknown ports and addresses of the service CIDR by mode", () => {
    const b = lab(both(), { serviceMode });
    const nft = serviceMode === SERVICE_MODE_NFTABLES;
    let sport = 0;
    const at = (dst: string, dport: number, protocol: number): string => {
      sport++;
      const w = walk(b, FROM_POD, DEV.client, { src: ip("10.0.1.32"), dst: ip(dst), sport, dport, protocol });
      return w.to === null ? w.verdict : "dnat";
    };
    expect(at(CLUSTER_IP, PORT, 6)).toBe("dnat");
    expect(at(CLUSTER_IP, PORT, 17)).toBe(nft ? "REJECT" : "ACCEPT");
    expect(at(CLUSTER_IP, PORT, 132)).toBe(nft ? "REJECT" : "ACCEPT");
    expect(at(CLUSTER_IP, 81, 6)).toBe(nft ? "REJECT" : "ACCEPT");
    expect(at("172.20.99.99", PORT, 6)).toBe(nft ? "DROP" : "ACCEPT");
    b.plane.apply({
      put: [
        { ...both(), id: 10, protocol: 17 },
        { ...both(), id: 11, protocol: 132 },
      ],
      gone: [],
    });
    expect(at(CLUSTER_IP, PORT, 17)).toBe("dnat");
    expect(at(CLUSTER_IP, PORT, 132)).toBe("dnat");
  });

  it("F: policies Local use the sets of this node, and drop outside traffic where it has none", () => {
    const row = both({ externalLocal: true, nodes: [{ node: 0, cluster: [1], local: [0] }] });
    expect(fate(lab(row, { serviceMode }), "pod", "clusterIP")).toBe("1 kept");
    expect(fate(lab(row, { serviceMode }), "external", "balancer")).toBe("0 kept");
    const none = { ...row, nodes: [{ node: 0, cluster: [1], local: [] }] };
    expect(fate(lab(none, { serviceMode }), "pod", "clusterIP")).toBe("1 kept");
    expect(fate(lab(none, { serviceMode }), "external", "balancer")).toBe("DROP");
    expect(fate(lab(none, { serviceMode }), "external", "nodePort")).toBe("DROP");
    expect(fate(lab(none, { serviceMode }), "pod", "balancer")).toBe("1 kept");
    expect(fate(lab(none, { serviceMode }), "node", "nodePort")).toBe("1 masq");
  });

  it("G: internalTrafficPolicy Local without a local endpoint drops, without any rejects", () => {
    const row = both({ internalLocal: true, nodes: [] });
    for (const from of ["pod", "node", "external"] as const)
      expect(fate(lab(row, { serviceMode }), from, "clusterIP")).toBe("DROP");
    const empty = { ...row, endpoints: [], cluster: [], hasEndpoints: false };
    expect(fate(lab(empty, { serviceMode }), "pod", "clusterIP")).toBe("REJECT");
  });
});
