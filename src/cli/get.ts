import type { Command } from "commander";
import { toCidr } from "../control/vpc/cidr.ts";
import type { GatewayType } from "../control/vpcViews.ts";
import { ask, findLab } from "../lab/controlClient.ts";
import type { ViewName, Views } from "../lab/controlProtocol.ts";
import { SHARED_PORTS } from "../observe/natView.ts";
import { type SubnetMapView, subnetBlocks } from "../observe/subnetBlocks.ts";
import { subnetMap } from "../observe/subnetMap.ts";
import type { ConntrackRow } from "../observe/tables.ts";
import { fittingTable, print, printJson, terminalWidth, useColour } from "./output.ts";
import { outputOption } from "./parse.ts";
import { modeOption, type RulesOptions, showRules } from "./rules.ts";
import { SLICE_COLUMNS, serviceTable } from "./serviceTables.ts";

interface GetOptions extends RulesOptions {
  all?: boolean;
  map?: boolean;
}

type Cell = string | number | null;
/** What stands in place of an empty table. */
interface Empty {
  empty: string;
}
interface Columns<T> extends Empty {
  header: string[];
  row: (item: T) => Cell[];
}
/** A table that is no row for each item. @param width of the terminal, characters */
interface OwnTable<T> extends Empty {
  table: (items: readonly T[], width: number) => string;
}

const qualified = (o: { namespace: string; name: string }): string => `${o.namespace}/${o.name}`;
const yesNo = (b: boolean): string => (b ? "yes" : "no");

const VIEWS: { [V in ViewName]: Columns<Views[V][number]> | OwnTable<Views[V][number]> } = {
  pods: {
    header: ["NAME", "READY", "STATUS", "ADDRESS", "ENI", "DEPLOYMENT", "REASON"],
    row: (p) => [
      qualified(p),
      yesNo(p.ready),
      p.status,
      p.address,
      p.hostNetwork && p.node !== null ? `${p.node} (host)` : (p.eni ?? p.node),
      p.deployment,
      p.reason,
    ],
    empty: "no pods",
  },
  services: {
    table: serviceTable,
    empty: "no services",
  },
  endpoints: {
    header: ["SERVICE", "PROTOCOL", "ENDPOINT", "POD"],
    row: (e) => [e.service, e.protocol, `${e.address}:${e.port}`, e.pod],
    empty: "no endpoints",
  },
  endpointslices: SLICE_COLUMNS,
  nodes: {
    header: ["NAME", "TYPE", "ZONE", "ADDRESS", "PUBLIC", "ENIS", "BRANCHES", "PODS", "MAX-PODS", "WARM", "COOLING"],
    row: (n) => [
      n.name,
      n.instanceType,
      n.availabilityZone,
      n.address,
      n.publicAddress,
      `${n.enis}/${n.maxEnis}`,
      n.maxBranchEnis === 0 ? null : `${n.branchEnis}/${n.maxBranchEnis}`,
      n.systemPods === 0 ? n.pods : `${n.pods}+${n.systemPods}`,
      n.maxPods,
      n.warm,
      n.cooling,
    ],
    empty: "no nodes",
  },
  enis: {
    header: ["NAME", "KIND", "SUBNET", "ADDRESS", "PUBLIC", "SLOTS", "USED", "COOLING", "FREE", "ASSIGNED"],
    row: (e) => [
      e.name,
      e.kind,
      e.subnet,
      e.address,
      e.publicAddress,
      e.slots === null ? null : `${e.assigned.length}/${e.slots}`,
      e.pods,
      e.cooling,
      e.free,
      shorten(e.assigned),
    ],
    empty: "no ENIs",
  },
  subnets: {
    header: ["NAME", "ZONE", "CIDR", "ROUTE-TABLE", "PUBLIC", "FREE", "FREE-/28"],
    row: (s) => [
      s.name,
      s.availabilityZone,
      s.cidrBlock,
      s.routeTable,
      yesNo(s.mapPublicIpOnLaunch),
      s.freeAddresses,
      s.freePrefixes,
    ],
    empty: "no subnets",
  },
  routes: {
    header: ["TABLE", "DESTINATION", "TARGET", "STATE", "SUBNETS"],
    row: (r) => [
      r.main ? `${r.routeTable} (main)` : r.routeTable,
      r.destination,
      r.target,
      r.state === "blackhole" ? r.state : r.origin === "propagated" ? r.origin : null,
      firstOf(r.subnets),
    ],
    empty: "no routes",
  },
  gateways: {
    header: ["NAME", "TYPE", "VPC", "SUBNETS", "ADDRESS", "PUBLIC", "LEADS-TO"],
    row: (g) => [g.name, GATEWAY_TYPES[g.type], g.vpc, firstOf(g.subnets), g.address, g.publicAddress, g.leadsTo],
    empty: "no gateways but the internet gateway",
  },
  vpcs: {
    header: ["NAME", "CIDRS", "SUBNETS", "TABLES", "NATS", "PEERS", "TRANSIT"],
    row: (v) => [
      v.name,
      shorten(v.cidrBlocks),
      v.subnets,
      v.routeTables,
      v.natGateways.length,
      shorten(v.peers),
      shorten(v.transitGateways),
    ],
    empty: "no VPCs",
  },
  securitygroups: {
    header: ["GROUP", "DIRECTION", "RULE", "PROTO", "PORTS", "SOURCE/DESTINATION", "ENIS"],
    row: (g) => [g.group, g.direction, g.rule, g.protocol, g.ports, g.peer, shorten(g.enis)],
    empty: "no security groups: every ENI sends and receives what it likes",
  },
  networkacls: {
    header: ["ACL", "DIRECTION", "RULE", "PROTO", "PORTS", "CIDR", "ACTION", "SUBNETS"],
    row: (a) => [
      a.acl,
      a.direction,
      a.ruleNumber ?? "*",
      a.protocol,
      a.ports,
      a.cidrBlock,
      a.action,
      a.subnets.join(","),
    ],
    empty: "no network ACLs: every subnet has the default one, which allows all",
  },
  policies: {
    header: ["POLICY", "TIER", "PODS", "RULE", "ACTION", "PEERS", "PORTS"],
    row: (p) => [p.policy, p.tier, shorten(p.pods), p.rule, p.action, p.peers, p.ports],
    empty: "no network policies",
  },
  conntrack: {
    header: ["NODE", "PROTO", "STATE", "TTL", "FROM", "TO", "ANSWERED-BY", "SEEN-AS"],
    row: (c) => [
      c.node,
      c.protocol,
      c.state ?? flags(c),
      c.timeout,
      end(c.from, c.original.sourcePort, c),
      end(c.service ?? c.toOriginal, c.original.destinationPort, c),
      end(c.to, c.reply.sourcePort, c),
      seenAs(c),
    ],
    empty: "no connections",
  },
  nat: {
    header: ["NODE", "TRANSLATED", "COLLISIONS", "PORTS-TAKEN", "FAILURES", "BUSIEST", "ITS-PORTS"],
    row: (n) => [
      n.node,
      n.translated,
      n.collisions,
      n.portsTaken,
      n.failures,
      n.busiest,
      n.busiest === null ? null : `${n.ports}/${SHARED_PORTS}`,
    ],
    empty: "no nodes",
  },
  reasons: {
    header: ["CODE", "COUNT", "MEANING"],
    row: (r) => [r.code, r.count, r.text],
    empty: "no reasons",
  },
};

/** Words for a narrow column. */
const GATEWAY_TYPES: Readonly<Record<GatewayType, string>> = {
  nat: "nat",
  "private nat": "private",
  peering: "peering",
  transit: "transit",
  "gateway endpoint": "endpoint",
  "interface endpoint": "interface",
  vgw: "vgw",
};

/** What is text and no table. */
const RULES = "rules";
const WHAT = [...Object.keys(VIEWS), RULES].join(", ");
const SHOWN = 3;

function shorten(list: readonly string[]): string {
  return list.length <= SHOWN ? list.join(",") : `${list.slice(0, SHOWN).join(",")} +${list.length - SHOWN}`;
}

/** A list in a narrow column. */
function firstOf(list: readonly string[]): string | null {
  if (list.length === 0) return null;
  return list.length === 1 ? list[0] : `${list[0]} +${list.length - 1}`;
}

function flags(c: ConntrackRow): string {
  if (c.status.includes("ASSURED")) return "assured";
  return c.status.includes("SEEN_REPLY") ? "replied" : "unreplied";
}

/** An end of a connection by its name (without the namespace "default", for width) and port. */
function end(name: string, port: number, c: ConntrackRow): string {
  const short = name.replace(/^(pod|svc)\/default\//, "$1/");
  // A service's name has its port already; an ICMP query has none.
  return c.protocol === "icmp" || /^svc\/.*:/.test(short) ? short : `${short}:${port}`;
}

/** The source that the answering end sees, where it is not the sender's own. */
function seenAs(c: ConntrackRow): string | null {
  const { reply, original: o } = c;
  if (reply.destination === o.source && (c.protocol === "icmp" || reply.destinationPort === o.sourcePort)) return null;
  return c.protocol === "icmp" ? reply.destination : `${reply.destination}:${reply.destinationPort}`;
}

export function getCommand(program: Command): void {
  program
    .command("get")
    .description(`show what a running lab has: ${WHAT}`)
    .argument("<what>", WHAT)
    .argument("[object]", "only what has this name")
    .option("-n, --name <name>", "which of several running labs")
    .option("-a, --all", "reasons: those that never happened as well")
    .option("--map", "subnets: draw which addresses are used, and by whom; so does naming one subnet")
    .addOption(modeOption("rules: as kube-proxy in this mode writes them; without it, in the lab's"))
    .option("--node <node>", "rules: of this node alone")
    .option("--lab <lab>", "rules: of a lab that does not run, from its files")
    .addOption(outputOption())
    .action(async (what: string, object: string | undefined, options: GetOptions) => {
      if (what === RULES) {
        await showRules({ ...options, ...(object === undefined ? {} : { node: object }) });
        return;
      }
      if (!isView(what)) throw new Error(`there is no view "${what}": choose one of ${WHAT}`);
      if (options.map === true && what !== "subnets")
        throw new Error(`--map is of subnets: podplane get subnets --map`);
      const rows = await ask(await findLab(options.name), "get", { what, name: object ?? null });
      const named = object !== undefined;
      const maps = what === "subnets" ? subnetMaps(rows as Views["subnets"], options.map === true, named) : [];
      if (options.output === "json") {
        printJson(maps.length === 0 ? rows : rows.map((row, i) => ({ ...row, map: maps[i] })));
        return;
      }
      const style = { width: terminalWidth(), colour: useColour };
      // Programs that read a table want a line for each row, however long.
      const width = process.stdout.isTTY === true ? style.width : Number.POSITIVE_INFINITY;
      const text = viewTable(what, rows, options.all === true || named, width);
      print([text, ...maps.map((map) => subnetMap(map, style))].join("\n\n"));
    });
}

/** Maps of the subnets shown: of all where they are asked for, of one that is named by itself. */
export function subnetMaps(subnets: Views["subnets"], asked: boolean, named: boolean): SubnetMapView[] {
  if (!asked && !(named && subnets.length === 1)) return [];
  return subnets.map(({ name, cidrBlock, ranges, reservations }) =>
    subnetBlocks({
      name,
      cidrBlock,
      cidr: toCidr(cidrBlock),
      ranges: ranges.map(({ cidrBlock: range, kind, owner }) => ({ ...toCidr(range), kind, owner })),
      reservations: reservations.map(({ cidrBlock: range, type }) => ({ ...toCidr(range), type })),
    }),
  );
}

function isView(name: string): name is ViewName {
  return Object.hasOwn(VIEWS, name);
}

/** A view as a table for people, within a width where there is one. */
export function viewTable<V extends ViewName>(
  what: V,
  rows: Views[ViewName],
  all: boolean,
  width = Number.POSITIVE_INFINITY,
): string {
  const view = VIEWS[what] as Columns<Views[ViewName][number]> | OwnTable<Views[ViewName][number]>;
  const shown = what === "reasons" && !all ? (rows as Views["reasons"]).filter((r) => r.count > 0) : rows;
  if (shown.length === 0) return what === "reasons" ? "no packet was dropped" : view.empty;
  return "table" in view ? view.table(shown, terminalWidth()) : fittingTable(view.header, shown.map(view.row), width);
}
