import { InvalidArgumentError, Option } from "commander";
import { ask, findLab } from "../lab/controlClient.ts";
import type { ControlStreams } from "../lab/controlStreams.ts";
import { openStream } from "../lab/streamClient.ts";
import { type ConntrackFilter, conntrackTest } from "../observe/conntrackFilter.ts";
import { conntrackEventLine, conntrackLine, type LineOptions } from "../observe/conntrackText.ts";
import type { ConntrackRow } from "../observe/tables.ts";
import { LIVE_VIEWS } from "./liveViews.ts";
import { fittingTable, print, printError, printJson, terminalWidth } from "./output.ts";
import { parsePort } from "./parse.ts";

/** `get conntrack`: a table with names, or the lines and options of conntrack(8). */

export interface ConntrackOptions {
  name?: string;
  node?: string;
  output: "table" | "json" | "wide" | "extended";
  list?: boolean;
  format?: "table" | "conntrack";
  watch?: boolean;
  acct?: boolean;
  proto?: string;
  src?: string;
  dst?: string;
  replySrc?: string;
  replyDst?: string;
  sport?: number;
  dport?: number;
  state?: string;
  status?: string;
  mark?: string;
  zone?: number;
  srcNat?: boolean;
  dstNat?: boolean;
}

const ZONE_MAX = 65_535;

/** The options of `get` that are conntrack's alone. */
export function conntrackOptions(): Option[] {
  const group = (option: Option): Option => option.helpGroup("Options of conntrack, by the names of conntrack(8):");
  return [
    new Option("-L, --list", "as `conntrack -L` prints it; the same as --format conntrack"),
    new Option("--format <format>", "conntrack: as conntrack(8) prints it").choices(["table", "conntrack"]),
    new Option("-E, --watch", "connections as they begin, change and end; with -o json a line of JSON each"),
    new Option("--acct", "with packets and bytes, counted for a second unless the lab counts anyway"),
    new Option("-p, --proto <protocol>", "tcp, udp, icmp, sctp or a number"),
    new Option("-s, --src <source>", "address, CIDR block or name of who began it"),
    new Option("-d, --dst <destination>", "address, CIDR block or name of whom it addressed"),
    new Option("-r, --reply-src <source>", "address, CIDR block or name of who answers"),
    new Option("-q, --reply-dst <destination>", "address or CIDR block that answers go to"),
    new Option("--sport <port>", "source port").argParser(parsePort),
    new Option("--dport <port>", "destination port").argParser(parsePort),
    new Option("--state <state>", "TCP or SCTP state, such as ESTABLISHED"),
    new Option("-u, --status <status>", "ASSURED, SEEN_REPLY or UNREPLIED"),
    new Option("-m, --mark <mark>", "VALUE or VALUE/MASK"),
    new Option("-w, --zone <zone>", "number of the zone: a node's place in the lab, from 0").argParser(parseZone),
    new Option("--src-nat", "whose source is translated"),
    new Option("--dst-nat", "whose destination is translated"),
  ].map(group);
}

function parseZone(text: string): number {
  const zone = Number(text);
  if (!/^\d+$/.test(text) || zone > ZONE_MAX)
    throw new InvalidArgumentError(`expected a whole number from 0 to ${ZONE_MAX}, got "${text}".`);
  return zone;
}

/** One of conntrack's options that is given, as it is written; null: none. */
export function isConntrackAsked(options: ConntrackOptions): string | null {
  if (options.output === "extended") return "-o extended";
  const given = conntrackOptions().find((o) => options[o.attributeName() as keyof ConntrackOptions] !== undefined);
  return given?.long ?? null;
}

export async function showConntrack(name: string | null, options: ConntrackOptions): Promise<void> {
  const filter = filterOf(options);
  // Before anybody is asked.
  conntrackTest(filter);
  const lab = await findLab(options.name);
  const line: LineOptions = { extended: options.output === "extended", zone: options.node === undefined };
  if (options.watch === true) {
    if (name !== null)
      throw new Error("get conntrack --watch takes no name: use --src, --dst and their like, such as --src pod/web-1");
    await watchConntrack(lab, filter, options.output === "json", line);
    return;
  }
  const rows = await ask(lab, "conntrack", { name, filter, accounting: options.acct === true });
  if (options.output === "json") printJson(rows);
  else if (options.list === true || options.format === "conntrack" || options.output === "extended") {
    for (const row of rows) print(conntrackLine(row, line));
    // As conntrack(8): apart from the entries.
    printError(`podplane: ${rows.length} flow entries have been shown.`);
  } else print(conntrackTable(rows));
}

function conntrackTable(rows: readonly ConntrackRow[]): string {
  const { empty, header, row } = LIVE_VIEWS.conntrack;
  if (rows.length === 0) return empty;
  const width = process.stdout.isTTY === true ? terminalWidth() : Number.POSITIVE_INFINITY;
  return fittingTable(header, rows.map(row), width);
}

function filterOf(o: ConntrackOptions): ConntrackFilter {
  const { dport, dst, dstNat, mark, node, proto, replyDst, replySrc, sport, src, srcNat, state, status, zone } = o;
  const all = {
    dport,
    dst,
    dstNat,
    mark,
    node,
    protocol: proto,
    replyDst,
    replySrc,
    sport,
    src,
    srcNat,
    state,
    status,
    zone,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

async function watchConntrack(lab: string, filter: ConntrackFilter, json: boolean, line: LineOptions): Promise<void> {
  const test = conntrackTest(filter);
  let shown = 0;
  let lost = 0;
  const stream = openStream(lab, "conntrackEvents", null, {
    onMessage: (message: ControlStreams["conntrackEvents"]["message"]) => {
      if ("lost" in message) {
        lost += message.lost;
        if (json) print(JSON.stringify(message));
        else printError(`podplane: ${message.lost} events were lost: they came faster than they were taken`);
        return undefined;
      }
      if (!test(message.entry)) return undefined;
      shown++;
      const text = json ? JSON.stringify(message) : conntrackEventLine(message.event, message.entry, line);
      return process.stdout.write(`${text}\n`) ? undefined : new Promise((go) => process.stdout.once("drain", go));
    },
  });
  const end = (): void => stream.end();
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
  // Who reads has gone: so do we.
  process.stdout.on("error", end);
  printError(`podplane: watching the connections of lab ${lab}; Ctrl-C ends it`);
  try {
    await stream.summary;
  } finally {
    process.off("SIGINT", end);
    process.off("SIGTERM", end);
  }
  printError(`podplane: ${shown} flow events have been shown${lost === 0 ? "" : `, ${lost} lost`}.`);
}
