import { POLICY_ANY_PROTOCOL, POLICY_DENY_PROTOCOL } from "../../plane/rows.ts";
import { maskOf } from "../../plane/wire/address.ts";
import { type Cidr, containsAddress, containsCidr } from "../vpc/cidr.ts";
import type { ResolvedRule, RulePorts } from "./rule.ts";

/** One entry of a prefix: PolicyEntry of the plane, with its rule by name. */
export interface TableEntry extends RulePorts {
  readonly rule: string;
  readonly order: number;
}

export interface TablePrefix extends Cidr {
  readonly entries: readonly TableEntry[];
}

/** Entries that a prefix has room for in the agent's maps (MAX_PORT_PROTOCOL of tc.v4ingress.bpf.c). */
export const MAX_ENTRIES = 24;

const key = (c: Cidr): string => `${c.prefix}/${c.length}`;
const entryKey = (e: TableEntry): string => `${e.protocol}/${e.from}/${e.to}/${e.order}`;

function entriesOf({ ports, rule, order }: ResolvedRule): TableEntry[] {
  if (ports.length === 0) return [{ protocol: POLICY_ANY_PROTOCOL, from: 0, to: 0, rule, order }];
  return ports.map((p) => ({ ...p, rule, order }));
}

/** Of entries that say the same the first. */
function distinct(entries: readonly TableEntry[]): TableEntry[] {
  const seen = new Map<string, TableEntry>();
  for (const entry of entries) if (!seen.has(entryKey(entry))) seen.set(entryKey(entry), entry);
  return [...seen.values()];
}

/** Blocks by what contains them: at most 33 look-ups, however many there are. */
class Covers<T> {
  readonly #byKey = new Map<string, T>();
  readonly #lengths = new Set<number>();

  get(cidr: Cidr): T | undefined {
    return this.#byKey.get(key(cidr));
  }

  set(cidr: Cidr, value: T): void {
    this.#byKey.set(key(cidr), value);
    this.#lengths.add(cidr.length);
  }

  values(): IterableIterator<T> {
    return this.#byKey.values();
  }

  /** Those that contain a block, itself left out; the widest first. */
  *around(cidr: Cidr): Generator<T, void> {
    for (let length = 0; length < cidr.length; length++) {
      if (!this.#lengths.has(length)) continue;
      const found = this.#byKey.get(key({ prefix: cidr.prefix & maskOf(length), length }));
      if (found !== undefined) yield found;
    }
  }
}

interface AgentBlock {
  readonly cidr: Cidr;
  readonly except: Cidr[];
  readonly entries: TableEntry[];
}

const byLength = (rules: readonly ResolvedRule[]): ResolvedRule[] =>
  [...rules].sort((a, b) => a.cidr.length - b.cidr.length);

/**
 * The agent's map of a pod's direction (aws-network-policy-agent at c8619c05, pkg/fwruleprocessor,
 * ComputeMapEntriesFromEndpointRules): blocks take over the ports of those around them, except where these except them, and
 * an exception that is no block itself denies everything, whatever other rules say of it.
 *
 * The agent writes a block's ports in the random order of a Go map and leaves out what is beyond 24; here it is the order of
 * the policies.
 */
export function agentTable(rules: readonly ResolvedRule[]): TablePrefix[] {
  const blocks = new Covers<AgentBlock>();
  const exceptions: { cidr: Cidr; rule: string }[] = [];
  for (const rule of byLength(rules)) {
    exceptions.push(...rule.except.map((cidr) => ({ cidr, rule: rule.rule })));
    const known = blocks.get(rule.cidr);
    if (known !== undefined) {
      known.entries.push(...entriesOf(rule));
      known.except.push(...rule.except);
      continue;
    }
    const entries = entriesOf(rule);
    for (const around of blocks.around(rule.cidr)) {
      // The agent asks for the block's first address alone.
      const excepted = around.except.some((e) => containsAddress(e, rule.cidr.prefix));
      if (!excepted) entries.push(...around.entries);
    }
    blocks.set(rule.cidr, { cidr: rule.cidr, except: [...rule.except], entries });
  }
  for (const { cidr, rule } of exceptions) {
    if (blocks.get(cidr) !== undefined) continue;
    const deny = { protocol: POLICY_DENY_PROTOCOL, from: 0, to: 0, rule, order: 0 };
    blocks.set(cidr, { cidr, except: [], entries: [deny] });
  }
  return [...blocks.values()].map(({ cidr, entries }) => ({
    ...cidr,
    entries: distinct(entries).slice(0, MAX_ENTRIES),
  }));
}

/** The agent's map of cluster policies (ComputeClusterPolicyMapEntriesFromEndpointRules). */
export function agentClusterTable(rules: readonly ResolvedRule[]): TablePrefix[] {
  return unions(rules, MAX_ENTRIES);
}

/** What the API means: everything that any rule allows an address, its exceptions apart. */
export function exactTable(rules: readonly ResolvedRule[]): TablePrefix[] {
  return unions(rules, Number.POSITIVE_INFINITY);
}

/**
 * A prefix for every block and exception, with the entries of all rules that hold for it: the longest prefix that holds an
 * address is then inside whatever block or exception holds it too.
 */
function unions(rules: readonly ResolvedRule[], most: number): TablePrefix[] {
  const blocks = new Covers<{ cidr: Cidr; rules: ResolvedRule[] }>();
  for (const rule of byLength(rules)) {
    for (const cidr of [rule.cidr, ...rule.except])
      if (blocks.get(cidr) === undefined) blocks.set(cidr, { cidr, rules: [] });
    blocks.get(rule.cidr)?.rules.push(rule);
  }
  return [...blocks.values()].map(({ cidr, rules: own }) => {
    const all = [...own, ...[...blocks.around(cidr)].flatMap((b) => b.rules)];
    const held = all.filter((rule) => !rule.except.some((e) => containsCidr(e, cidr)));
    return { ...cidr, entries: distinct(held.flatMap(entriesOf)).slice(0, most) };
  });
}
