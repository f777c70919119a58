import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../control/objects/duration.ts";
import type { PacketQuestion } from "../lab/controlStreams.ts";
import { asPod } from "./exec.ts";
import { parsePositive, parseRepeated } from "./parse.ts";

/** Which live packets a command is about, as its command line says. */
export interface PacketOptions {
  pod?: string[];
  service?: string[];
  node?: string[];
  verdict?: string[];
  reason?: string[];
  flow?: string;
  sample: number;
}

/** The argument and the options that say which packets. */
export function packetOptions(command: Command): Command {
  return command
    .argument("[expression...]", "a pcap-filter expression as of tcpdump: tcp port 80 and host 10.0.1.16")
    .option(
      "--pod <pod>",
      "packets that a pod sent, got or was meant to get: web-1, shop/web-1, host/rds",
      parseRepeated,
    )
    .option("--service <service>", "packets that a service translated or refused: api, shop/api", parseRepeated)
    .option("--node <node>", "packets that crossed a node", parseRepeated)
    .option("--verdict <verdict>", "DELIVERED, DROPPED, REJECTED or QUEUED", parseRepeated)
    .option("--reason <reason>", "packets that ended for a reason: POLICY_DENY_INGRESS", parseRepeated)
    .option("--flow <id>", "packets of one flow, in both directions and across NAT: its eight digits")
    .addOption(
      new Option("--sample <n>", "one of so many packets that match").argParser(parsePositive).default(1, "all"),
    )
    .addHelpText(
      "after",
      "\nA packet matches when everything that is given holds; of an option that is repeated, one has to.",
    );
}

export function packetQuestion(expression: readonly string[], o: PacketOptions): PacketQuestion {
  const text = expression.join(" ").trim();
  const withKind = (kind: string, names: readonly string[] = []): string[] =>
    names.map((name) => (name.startsWith(`${kind}/`) ? name : `${kind}/${name}`));
  const upperCase = (words: readonly string[] = []): string[] => words.map((word) => word.toUpperCase());
  return {
    expression: text === "" ? null : text,
    pods: (o.pod ?? []).map(asPodOrHost),
    services: withKind("svc", o.service),
    nodes: withKind("node", o.node),
    verdicts: upperCase(o.verdict),
    reasons: upperCase(o.reason),
    flow: o.flow?.toLowerCase() ?? null,
    sample: o.sample,
  };
}

/** `web-1` and `shop/web-1` mean pods; `pod/web-1`, `host/rds` and `node/node-1` what they say. */
function asPodOrHost(name: string): string {
  return /^(pod|host|node)\//.test(name) ? name : asPod(name.includes("/") ? `pod/${name}` : name);
}

/** A duration in milliseconds, for commander. */
export function parseTime(text: string): number {
  const time = parseDuration(text);
  if (time === null || time === 0) throw new InvalidArgumentError(`expected a time such as 10s or 5m, got "${text}".`);
  return time;
}
