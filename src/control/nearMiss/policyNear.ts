import { POLICY_ANY_PROTOCOL, POLICY_DENY_PROTOCOL } from "../../plane/rows.ts";
import type { Snapshot } from "../compile.ts";
import type { PolicyTable } from "../policy/compilePolicies.ts";
import type { TableEntry, TablePrefix } from "../policy/table.ts";
import { containsAddress } from "../vpc/cidr.ts";
import { Nearest } from "./nearest.ts";
import { portName, protocolName, remoteName, remoteOf } from "./packetText.ts";
import type { NearMiss, Refusal } from "./refusal.ts";

const ICMP = 1;

/** The policy rule of the pod that almost allows a packet. */
export function nearPolicy(r: Refusal, { policies, names }: Snapshot): NearMiss | null {
  const pod = policies.compiled.get(names.device(r.device));
  const table = r.egress ? pod?.egress : pod?.ingress;
  if (table === null || table === undefined) return null;
  const nearest = new Nearest();
  const remote = remoteOf(r);
  for (const [rule, prefixes] of byRule(table)) {
    const named = prefixes.filter(({ prefix }) => containsAddress(prefix, remote));
    const list = named.length > 0 ? named : prefixes;
    const ports = list.map(({ entry }) => portDiffers(entry, r)).sort((a, b) => a.length - b.length);
    const differs = [...(ports[0] ?? [])];
    if (named.length === 0) differs.push(`${remoteName(r, names)} is none of its peers`);
    nearest.offer(rule, differs);
  }
  return nearest.best;
}

/** What a table has of each rule; rules in the order of the table. */
function byRule(table: PolicyTable): Map<string, { prefix: TablePrefix; entry: TableEntry }[]> {
  const rules = new Map<string, { prefix: TablePrefix; entry: TableEntry }[]>();
  for (const prefix of table.prefixes)
    for (const entry of prefix.entries) {
      if (entry.rule === "" || entry.protocol === POLICY_DENY_PROTOCOL) continue;
      const known = rules.get(entry.rule) ?? [];
      known.push({ prefix, entry });
      rules.set(entry.rule, known);
    }
  return new Map([...rules].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function portDiffers(entry: TableEntry, r: Refusal): string[] {
  if (entry.protocol === POLICY_ANY_PROTOCOL) return [];
  const differs: string[] = [];
  if (entry.protocol !== r.protocol)
    differs.push(`protocol ${protocolName(r.protocol)} is not ${protocolName(entry.protocol)}`);
  const last = entry.to === 0 ? entry.from : entry.to;
  const isPort = r.protocol !== ICMP && entry.from !== 0;
  if (isPort && (r.dport < entry.from || r.dport > last))
    differs.push(`${portName(r)} is not ${entry.from === last ? entry.from : `${entry.from}-${last}`}`);
  return differs;
}
