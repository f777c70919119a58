import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FROM_ENI, FROM_HOST, FROM_POD } from "../../../src/plane/from.ts";
import type { Frontend, NodeRow, ServiceRow } from "../../../src/plane/rows.ts";
import { SERVICE_MODE_IPTABLES, SERVICE_MODE_NFTABLES } from "../../../src/plane/rows.ts";
import { parseCidr } from "../../../src/plane/wire/address.ts";
import { Bench, DEV, ENI, rows } from "./bench.ts";
import { Dice } from "./dice.ts";
import { KubeProxyTwin, type Recent } from "./kubeProxyTwin.ts";
import { walk } from "./nodeWalk.ts";
import { ip } from "./packets.ts";
import { nodePort, serviceRow } from "./serviceRow.ts";

const cidr = (text: string): { prefix: number; length: number } => {
  const c = parseCidr(text);
  if (c === null) throw new Error(text);
  return { prefix: c.prefix, length: c.length };
};

const NODE_ADDRESSES = ["10.0.1.10", "10.0.1.20"].map(ip);
const SOURCES: readonly [from: number, via: number, address: string][] = [
  [FROM_POD, DEV.client, "10.0.1.32"],
  [FROM_POD, DEV.second, "10.0.1.48"],
  [FROM_HOST, DEV.host0, "10.0.1.10"],
  [FROM_HOST, DEV.host0, "10.0.1.20"],
  [FROM_HOST, DEV.host0, "127.0.0.1"],
  [FROM_ENI, ENI.n0e0, "203.0.113.2"],
  [FROM_ENI, ENI.n0e0, "203.0.113.130"],
  [FROM_ENI, ENI.n0e0, "10.0.2.32"],
  [FROM_ENI, ENI.n0e0, "172.20.0.9"],
];
const ADDRESSES = ["172.20.0.1", "172.20.0.2", "192.0.2.1", "192.0.2.2", "172.20.0.9"].map(ip);
const ENDPOINTS = ["10.0.1.32:80", "10.0.1.48:80", "10.0.2.32:80", "10.0.2.33:8080", "10.0.2.32:81", "10.0.1.10:9000"];
const RANGES = ["203.0.113.0/25", "10.0.1.0/24", "10.0.2.32/32", "172.20.0.9/32"].map(cidr);
const PORTS = [80, 81, 443];

function rollServices(dice: Dice): ServiceRow[] {
  const taken = new Set<string>();
  return Array.from({ length: 1 + dice.int(4) }, (_, id) => {
    const protocol = dice.pick([6, 17]);
    const port = dice.pick(PORTS);
    const wanted: Frontend[] = [{ kind: 0, address: dice.pick(ADDRESSES), port }];
    if (dice.chance(0.4)) wanted.push({ kind: 1, address: dice.pick(ADDRESSES), port });
    while (dice.chance(0.5)) wanted.push({ kind: 2, address: dice.pick(ADDRESSES), port });
    if (dice.chance(0.6)) wanted.push(nodePort(30_000 + dice.int(3)));
    const frontends = wanted.filter((f) => {
      const key = `${protocol} ${f.address} ${f.port}`;
      if (taken.has(key)) return false;
      taken.add(key);
      return true;
    });
    const endpoints = dice.shuffle(ENDPOINTS).slice(0, dice.int(5));
    const all = endpoints.map((_, i) => i);
    const some = all.filter(() => dice.chance(0.7));
    return serviceRow({
      id,
      protocol,
      frontends,
      endpoints,
      cluster: all,
      // Whoever has an endpoint anywhere has one under the policy Cluster.
      nodes: dice.chance(0.7)
        ? [{ node: 0, cluster: some.length > 0 ? some : all, local: all.filter(() => dice.chance(0.3)) }]
        : [],
      internalLocal: dice.chance(0.3),
      externalLocal: dice.chance(0.5),
      affinity: dice.chance(0.4) ? dice.pick([1, 10]) : 0,
      sourceRanges: dice.chance(0.4) ? dice.shuffle(RANGES).slice(0, 1 + dice.int(2)) : [],
    });
  });
}

/** Random clusters and packets: what the node did is what the rules may do. Returns how often each outcome came. */
function compare(seed: number, mode: NodeRow["serviceMode"], seen: Map<string, number>): void {
  const dice = new Dice(seed);
  const clusterCidr = dice.pick([undefined, "10.0.1.32/27", "10.0.0.0/16"]);
  const o = { serviceMode: mode, masqueradeAll: dice.chance(0.2), capacity: 4096, limit: 4096, seed };
  const options = clusterCidr === undefined ? o : { ...o, clusterCidr };
  const b = new Bench(options);
  const old = rows(options).filter((row) => row.t === "service");
  const node = rows(options).find((row): row is NodeRow => row.t === "node" && row.id === 0);
  if (node === undefined) throw new Error("no node");
  let services = rollServices(dice);
  b.plane.apply({ put: services, gone: old });
  const recent: Recent = new Map();
  let now = 0;
  for (let i = 0; i < 120; i++) {
    if (dice.chance(0.05)) {
      const before = services;
      services = rollServices(dice);
      b.plane.apply({ put: services, gone: before.filter((row) => !services.some((s) => s.id === row.id)) });
      forgetChains(recent, services, node.id);
    }
    now += dice.pick([0, 10, 999, 1000, 1001, 5000]);
    b.plane.tick(now);
    const [from, via, source] = dice.pick(SOURCES);
    const fromHost = from === FROM_HOST;
    const destinations = [...ADDRESSES, ...NODE_ADDRESSES, ip("172.20.77.77"), ...(fromHost ? [ip("127.0.0.1")] : [])];
    const packet = {
      src: ip(source),
      dst: dice.pick(destinations),
      protocol: dice.pick([6, 17]),
      dport: dice.pick([...PORTS, 30_000, 30_001, 30_002]),
    };
    // A host with a loopback source reaches loopback addresses.
    if (source === "127.0.0.1") packet.dst = ip("127.0.0.1");
    const twin = new KubeProxyTwin(node, NODE_ADDRESSES, services, recent, now, mode === SERVICE_MODE_NFTABLES);
    const possible = twin.outcomes({ ...packet, fromHost });
    const did = walk(b, from, via, { ...packet, sport: 1024 + i });
    const same = possible.find(
      (way) =>
        way.verdict === did.verdict &&
        way.masquerade === did.masquerade &&
        way.to?.address === did.to?.address &&
        way.to?.port === did.to?.port,
    );
    if (same === undefined) expect({ seed, i, packet, source, did, services }).toEqual(possible);
    if (same?.set != null) put(recent, same.set, packet.src, now, mode);
    const key = `${did.to === null ? did.reason : did.masquerade ? "masquerade" : "kept"}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
}

/** xt_recent keeps 100 clients in the order of their last packet; nftables keeps all. */
function put(recent: Recent, chain: string, client: number, now: number, mode: number): void {
  const list = recent.get(chain) ?? new Map<number, number>();
  recent.set(chain, list);
  list.delete(client);
  list.set(client, now);
  if (mode === SERVICE_MODE_IPTABLES && list.size > 100) list.delete([...list.keys()][0]);
}

/** The clients of a chain go with it. */
function forgetChains(recent: Recent, services: ServiceRow[], node: number): void {
  const chains = new Set(
    services.flatMap((s) => {
      if (s.affinity === 0) return [];
      const mine = s.nodes.find((n) => n.node === node);
      const used = [...(mine?.cluster ?? s.cluster), ...(mine?.local ?? [])];
      return used.map((i) => `sep-${s.id}-${s.endpoints[i].address}:${s.endpoints[i].port}`);
    }),
  );
  for (const chain of recent.keys()) if (!chains.has(chain)) recent.delete(chain);
}

describe("a node of kube-proxy's", () => {
  for (const [name, mode] of [
    ["iptables", SERVICE_MODE_IPTABLES],
    ["nftables", SERVICE_MODE_NFTABLES],
  ] as const)
    it(`${name} mode does with every new packet what its rules do, one by one`, () => {
      const seen = new Map<string, number>();
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 1_000_000 }), (seed) => {
          compare(seed, mode, seen);
        }),
        { seed: 17, numRuns: 60 },
      );
      // The sample met what there is to meet.
      const outcomes = [
        "masquerade",
        "kept",
        "SERVICE_NO_ENDPOINTS",
        "SERVICE_NO_LOCAL_ENDPOINT",
        "SERVICE_SOURCE_RANGE",
      ];
      for (const outcome of outcomes) expect(seen.get(outcome), outcome).toBeGreaterThan(15);
    });
});
