import * as R from "../../../src/plane/rows.ts";
import type { Dice } from "../plane/dice.ts";
import { VpcRows } from "./vpcBench.ts";
import type { TwinEni, TwinRoute, TwinTopology } from "./vpcTwin.ts";

/** Rolls VPCs with gateways between them, often wired as nobody would. */
export function randomTopology(d: Dice): TwinTopology {
  const vpcs = 2 + d.int(3);
  const t: TwinTopology = {
    blocks: Array.from({ length: vpcs }, (_, v) => `10.${v}.0.0/16`),
    subnets: [],
    enis: [],
    peerings: [],
    attachments: [],
    transitTables: [[], []],
    networks: [
      { attachment: null, vpc: 0, mtu: 1500 },
      { attachment: null, vpc: d.int(vpcs), mtu: 1500 },
      { attachment: null, vpc: d.int(vpcs), mtu: d.pick([1400, 1500]) },
    ],
    outside: [],
  };
  let nats = 0;
  for (let vpc = 0; vpc < vpcs; vpc++) {
    for (let s = 0; s < 1 + d.int(3); s++) {
      const subnet = t.subnets.push({ vpc, block: `10.${vpc}.${s}.0/24`, routes: [] }) - 1;
      const eni = (host: number, nat: number | null, check: boolean): TwinEni => ({
        name: `v${vpc}s${s}h${host}`,
        subnet,
        address: `10.${vpc}.${s}.${host}`,
        public: d.chance(0.5) ? `198.51.100.${vpc * 48 + s * 16 + (host % 44)}` : null,
        check,
        nat,
      });
      for (let h = 0; h < d.int(3); h++) t.enis.push(eni(10 + h, null, d.chance(0.7)));
      if (d.chance(0.5)) t.enis.push(eni(51, nats++, false));
    }
  }
  for (let a = 0; a < vpcs; a++)
    for (let b = a + 1; b < vpcs; b++) if (d.chance(0.6)) t.peerings.push({ vpcs: [a, b], mtu: d.pick([1500, 9001]) });
  for (let vpc = 0; vpc < vpcs; vpc++) {
    const subnets = t.subnets.flatMap((s, i) => (s.vpc === vpc ? [i] : []));
    if (d.chance(0.7)) t.attachments.push({ subnet: d.pick(subnets), network: null, table: d.pick([0, 0, 1, null]) });
  }
  for (const network of [1, 2])
    if (d.chance(0.5)) {
      t.networks[network].attachment = t.attachments.length;
      t.attachments.push({ subnet: null, network, table: d.pick([0, 1, null]) });
    }
  for (let network = 0; network < 3; network++)
    for (let h = 1; h <= 2; h++) t.outside.push({ name: `n${network}h${h}`, network, address: OUTSIDE[network] + h });
  rollRoutes(d, t);
  return t;
}

const OUTSIDE = ["203.0.113.", "192.168.1.", "192.168.2."];

function rollRoutes(d: Dice, t: TwinTopology): void {
  const blocks = ["0.0.0.0/0", "203.0.113.0/24", "192.168.1.0/24", "192.168.2.0/24", "169.254.0.0/16", ...t.blocks];
  const specific = t.subnets.map((s) => s.block);
  t.subnets.forEach(({ vpc, routes }) => {
    routes.push({ block: t.blocks[vpc], to: "local", arg: 0 });
    const own = t.enis.filter((e) => t.subnets[e.subnet].vpc === vpc);
    const choices: TwinRoute["to"][] = [
      "igw",
      "nat",
      "nat",
      "peering",
      "peering",
      "tgw",
      "tgw",
      "network",
      "eni",
      "blackhole",
    ];
    for (const block of [...blocks, ...specific]) {
      if (block === t.blocks[vpc] || d.chance(specific.includes(block) ? 0.8 : 0.3)) continue;
      const to = d.pick(choices);
      const args: (number | string)[] = {
        local: [],
        igw: [0],
        blackhole: [0],
        network: [1, 2],
        nat: own.flatMap((e) => (e.nat === null ? [] : [e.nat])),
        peering: t.peerings.flatMap((p, i) => (p.vpcs.includes(vpc) ? [i] : [])),
        tgw: t.attachments.flatMap((a, i) => (a.subnet !== null && t.subnets[a.subnet].vpc === vpc ? [i] : [])),
        eni: own.flatMap((e) => (e.nat === null ? [e.name] : [])),
      }[to];
      if (args.length > 0) routes.push({ block, to, arg: d.pick(args) });
    }
  });
  for (const table of t.transitTables)
    for (const block of [...blocks, ...specific])
      if (t.attachments.length > 0 && d.chance(specific.includes(block) ? 0.15 : 0.7))
        table.push({ block, attachment: d.chance(0.1) ? null : d.int(t.attachments.length) });
}

const TARGETS: Record<TwinRoute["to"], number> = {
  local: R.TARGET_LOCAL,
  igw: R.TARGET_INTERNET_GATEWAY,
  blackhole: R.TARGET_BLACKHOLE,
  network: R.TARGET_NETWORK,
  nat: R.TARGET_NAT_GATEWAY,
  peering: R.TARGET_PEERING,
  tgw: R.TARGET_TRANSIT_GATEWAY,
  eni: R.TARGET_ENI,
};

/** The topology as rows. */
export function rowsOf(t: TwinTopology): VpcRows {
  const v = new VpcRows();
  t.subnets.forEach((s, i) => {
    v.subnet(s.vpc, s.block, i);
  });
  const nats: { nat: number; eni: TwinEni }[] = [];
  for (const e of t.enis) {
    if (e.nat !== null) nats.push({ nat: e.nat, eni: e });
    else v.host(e.name, e.subnet, e.address, { check: e.check, ...(e.public === null ? {} : { public: e.public }) });
  }
  for (const { eni } of nats.sort((a, b) => a.nat - b.nat))
    v.natGateway(eni.name, eni.subnet, eni.address, eni.public ?? undefined);
  for (const p of t.peerings) v.peering(p.vpcs[0], p.vpcs[1], p.mtu);
  for (const a of t.attachments) {
    if (a.network !== null) v.attachNetwork(a.network, a.table ?? -1, t.networks[a.network].mtu);
    else v.attachVpc(t.subnets[a.subnet ?? 0].vpc, a.subnet ?? 0, a.table ?? -1);
  }
  t.networks.forEach((n, id) => {
    if (id > 0 && n.attachment === null) v.rows.push({ t: "network", id, attachment: -1, mtu: n.mtu });
  });
  for (const o of t.outside) v.outside(o.name, o.network, o.address, t.networks[o.network].vpc);
  t.transitTables.forEach((table, i) => {
    for (const r of table) v.transitRoute(i, r.block, r.attachment ?? -1);
  });
  t.subnets.forEach((s, i) => {
    for (const r of s.routes)
      v.route(i, r.block, TARGETS[r.to], typeof r.arg === "string" ? v.enis.indexOf(r.arg) : r.arg);
  });
  return v;
}
