import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { viewTable } from "../../../src/cli/get.ts";
import { MOST_SERVICE_PORTS, registerLiveMetrics } from "../../../src/observe/liveMetrics.ts";
import { natPools } from "../../../src/observe/natPools.ts";
import type { ServicePortHits } from "../../../src/observe/serviceHits.ts";
import type { ConntrackEntry } from "../../../src/observe/tables.ts";
import { IPS_DST_NAT, IPS_SEEN_REPLY, IPS_SRC_NAT } from "../../../src/plane/conntrack/info.ts";
import { ip } from "../plane/packets.ts";
import { NAMES } from "./names.ts";

const OFFICE = ip("192.168.7.7");
const NODE = ip("10.0.1.10");

/** A connection of the client to the office, which leaves with another port of the node. */
function entry(change: Partial<ConntrackEntry> & { sport?: number; port?: number } = {}): ConntrackEntry {
  const { port = 20_000, sport = 40_000, ...rest } = change;
  return {
    node: 0,
    protocol: 6,
    state: 3,
    status: IPS_SRC_NAT | IPS_SEEN_REPLY,
    mark: 0x80,
    timeout: 1000,
    service: -1,
    endpoint: -1,
    original: [ip("10.0.1.32"), OFFICE, sport, 443],
    reply: [OFFICE, NODE, 443, port],
    ...rest,
  };
}

const GATEWAYS = Int32Array.of(3, 6, OFFICE, 443, 54_999);
const pools = (entries: ConntrackEntry[], gateways = new Int32Array(0), mode: "prng" | "none" | null = "prng") =>
  natPools(
    entries,
    () => mode,
    gateways,
    () => "10.0.0.4",
    NAMES,
  );

it("a pool is a node's address, a protocol, a destination and a class of ports", () => {
  const found = pools([
    entry({ port: 1 + 20_000 }),
    entry({ port: 2 + 20_000, state: 7 }),
    // The node's own connection, which keeps its port, has one of them too.
    entry({ original: [NODE, OFFICE, 30_000, 443], port: 30_000, status: 0 }),
    entry({ sport: 500, port: 77 }),
    entry({ sport: 700, port: 600 }),
    entry({ protocol: 17 }),
    entry({ node: 1, reply: [OFFICE, ip("10.0.2.10"), 443, 20_000] }),
    entry({ protocol: 1, original: [ip("10.0.1.32"), OFFICE, 5, 0x800], reply: [OFFICE, NODE, 9, 0] }),
    // Nobody translates what goes there.
    entry({ original: [NODE, ip("10.0.2.32"), 1025, 80], reply: [ip("10.0.2.32"), NODE, 80, 1025], status: 0 }),
  ]);
  const text = found.map(
    (p) => `${p.at} ${p.source} ${p.protocol} ${p.destination} ${p.range} ${p.used}/${p.size} ${p.closing}`,
  );
  expect(text).toEqual([
    "node-0 10.0.1.10 tcp host/office:443 600-1023 1/424 0",
    "node-0 10.0.1.10 tcp host/office:443 1-511 1/511 0",
    "node-0 10.0.1.10 tcp host/office:443 1024-65535 3/64512 1",
    "node-0 10.0.1.10 udp host/office:443 1024-65535 1/64512 0",
    "node-1 10.0.2.10 tcp host/office:443 1024-65535 1/64512 0",
    "node-0 10.0.1.10 icmp host/office 0-65535 1/65536 0",
  ]);
});

it("says what rule draws the ports, and how likely the next one is taken, or none is found", () => {
  const many = Array.from({ length: 412 }, (_, i) => entry({ sport: 700, port: 600 + i }));
  const [full] = pools(many);
  expect(full).toMatchObject({ by: ["prng"], used: 412, headroom: 12 });
  expect(full.collision).toBeCloseTo(412 / 424);
  // 248 tries, 97.2 % of them in vain.
  expect(full.failure).toBeCloseTo((412 / 424) ** 248);
  const [kept] = pools(many, undefined, "none");
  expect(kept).toMatchObject({ by: ["none"], collision: null });
  const service = entry({ status: IPS_SRC_NAT | IPS_DST_NAT, service: 0 });
  expect(pools([service, entry({ port: 1 })])[0].by).toEqual(["masquerade", "prng"]);
});

it("NAT gateways have 55,000 connections to a destination", () => {
  const [gateway, node] = pools([entry()], GATEWAYS);
  expect(gateway).toMatchObject({
    at: "nat/nat-gateway-3",
    by: ["gateway"],
    source: "10.0.0.4",
    destination: "host/office:443",
    used: 54_999,
    size: 55_000,
    headroom: 1,
    failure: 0,
  });
  expect(node.at).toBe("node-0");
  expect(`\n${viewTable("natpools", [gateway, node], false)}\n`).toMatchInlineSnapshot(`
    "
    AT                 PROTO  DESTINATION       USED     OF   LEFT  FULL    SOURCE     BY       PORTS       CLOSING  COLLIDES  FAILS
    nat/nat-gateway-3  tcp    host/office:443  54999  55000      1  99.9%   10.0.0.4   gateway  1024-65535        0  85.3%     0%
    node-0             tcp    host/office:443      1  64512  64511  <0.01%  10.0.1.10  prng     1024-65535        0  <0.01%    0%
    "
  `);
});

it("metrics have the fullest pool of each node and gateway, and so many service ports", async () => {
  const registry = new Registry();
  const hits = new Map<string, ServicePortHits>();
  for (let i = 0; i < MOST_SERVICE_PORTS + 5; i++)
    hits.set(`svc/shop/s${i}:80/TCP`, {
      connections: 2,
      refused: { noEndpoints: i === 1 ? 3 : 0, noLocalEndpoint: 0, source: 0 },
      endpoints: new Map(),
    });
  registerLiveMetrics(registry, {
    natPools: async () => pools([entry(), entry({ sport: 700, port: 600 }), entry({ node: 1 })], GATEWAYS),
    serviceHits: async () => hits,
  });
  const text = await registry.metrics();
  expect(text).toContain('podplane_nat_headroom_ports{node="node-0"} 423\n');
  expect(text).toContain('podplane_nat_headroom_ports{node="node-1"} 64511\n');
  expect(text).toContain('podplane_nat_gateway_headroom_connections{gateway="nat-gateway-3"} 1\n');
  const series = text.split("\n").filter((line) => line.startsWith("podplane_service_connections_total{"));
  expect(series).toHaveLength(MOST_SERVICE_PORTS + 1);
  expect(series[0]).toBe(
    'podplane_service_connections_total{namespace="shop",service="s0",port="80",protocol="TCP"} 2',
  );
  expect(series.at(-1)).toBe(
    'podplane_service_connections_total{namespace="(others)",service="(others)",port="",protocol=""} 10',
  );
  expect(text).toContain(
    'podplane_service_refused_packets_total{namespace="shop",service="s1",port="80",protocol="TCP",reason="SERVICE_NO_ENDPOINTS"} 3',
  );
});
