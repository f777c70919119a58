import {
  POLICIES_APPLIED,
  POLICY_DEFAULT_ALLOW,
  POLICY_DEFAULT_DENY,
  POLICY_ENGINE_AWS,
  POLICY_ENGINE_UPSTREAM,
  POLICY_LOG_NOTHING,
  type PodPolicyRow,
  type PolicyPrefixRow,
  type Row,
} from "../../plane/rows.ts";
import type { ClusterState } from "../clusterState.ts";
import { type Ids, StableIds } from "../ids.ts";
import { type CompiledPod, compilePolicies, type PolicyTable } from "./compilePolicies.ts";
import { agentGroup } from "./podGroups.ts";
import type { PolicyNode } from "./settings.ts";
import { policyWorld } from "./stateWorld.ts";
import type { TablePrefix } from "./table.ts";
import type { PolicyPod, PolicyWorld } from "./world.ts";

/** A table's rows by their prefixes; the same object for as long as none of them changes. */
export interface TableRows {
  readonly id: number;
  readonly prefixes: ReadonlyMap<string, PolicyPrefixRow>;
}

/** What the plane is told of policies, and what its numbers mean. */
export interface PolicySnapshot {
  /** By their keys. */
  readonly tables: ReadonlyMap<string, TableRows>;
  /** By the pods' keys. */
  readonly pods: ReadonlyMap<string, PodPolicyRow>;
  readonly compiled: ReadonlyMap<string, CompiledPod>;
  /** `networkpolicy/default/web ingress[0]` by a rule's number. */
  readonly rules: ReadonlyMap<number, string>;
  /** When a pod's state changes by time alone; null: none does. */
  readonly next: number | null;
}

export const NO_POLICIES: PolicySnapshot = {
  tables: new Map(),
  pods: new Map(),
  compiled: new Map(),
  rules: new Map(),
  next: null,
};

const NONE = -1;

/** Calls back for every row that differs: as it was and as it is. Costs the tables that differ. */
export function comparePolicies(
  before: PolicySnapshot,
  after: PolicySnapshot,
  onDifference: (was: Row | null, is: Row | null) => void,
): void {
  if (before === after) return;
  for (const [key, is] of after.tables) {
    const was = before.tables.get(key);
    if (was !== is) compareMaps(was?.prefixes ?? new Map(), is.prefixes, onDifference);
  }
  for (const [key, was] of before.tables)
    if (!after.tables.has(key)) for (const row of was.prefixes.values()) onDifference(row, null);
  compareMaps(before.pods, after.pods, onDifference);
}

function compareMaps(
  before: ReadonlyMap<string, Row>,
  after: ReadonlyMap<string, Row>,
  onDifference: (was: Row | null, is: Row | null) => void,
): void {
  for (const [key, is] of after) {
    const was = before.get(key) ?? null;
    if (was !== is) onDifference(was, is);
  }
  for (const [key, was] of before) if (!after.has(key)) onDifference(was, null);
}

/** All rows of a snapshot. */
export function* allPolicyRows(snapshot: PolicySnapshot): Generator<Row, void> {
  for (const { prefixes } of snapshot.tables.values()) yield* prefixes.values();
  yield* snapshot.pods.values();
}

/** A row that stays the same stays the same object. */
function kept<R extends Row>(old: R | undefined, made: R): R {
  return old !== undefined && JSON.stringify(old) === JSON.stringify(made) ? old : made;
}

/** The rows of policies, kept from change to change: what did not change stays the same object. */
export class PolicyRows {
  readonly #tableIds = new StableIds();
  readonly #ruleIds = new StableIds();
  #snapshot = NO_POLICIES;
  #world: PolicyWorld | null = null;
  /** When the agents know the policies of their pods, by group of pods that share maps. */
  #reconciled = new Map<string, number>();
  #begun = false;

  /** @param now milliseconds since the cluster's clock began @param ids of this round */
  update(state: ClusterState, ids: Ids, now: number): PolicySnapshot {
    const { enabled, delay, nodes } = state.policy;
    const world = enabled ? policyWorld(state) : null;
    const compiled = world === null ? NO_POLICIES.compiled : this.#compile(world);
    const next = this.#reconcile(world?.pods ?? [], now, this.#begun ? delay : 0);
    this.#begun = true;
    const tables = this.#tables(compiled);
    const pods = new Map<string, PodPolicyRow>();
    for (const pod of world?.pods ?? []) {
      const what = compiled.get(pod.key);
      if (world === null || what === undefined) continue;
      if (world.engine === "upstream" && !what.applied && !what.clusterApplied) continue;
      const due = world.engine === "aws" ? (this.#reconciled.get(agentGroup(pod)) ?? now) : now;
      const made = podRow(ids.of("device", pod.key), world, what, tables, nodes.get(pod.node), due <= now);
      pods.set(pod.key, kept(this.#snapshot.pods.get(pod.key), made));
    }
    const rules = new Map([...this.#ruleIds.names()].map((name) => [this.#ruleIds.of(name), name]));
    this.#snapshot = this.#same({ tables, pods, compiled, rules, next });
    return this.#snapshot;
  }

  #same(made: PolicySnapshot): PolicySnapshot {
    const old = this.#snapshot;
    let differs = made.next !== old.next || made.compiled !== old.compiled;
    comparePolicies(old, made, () => {
      differs = true;
    });
    return differs ? made : old;
  }

  /** The last result where nothing changed that policies depend on: whether pods are ready, say. */
  #compile(world: PolicyWorld): ReadonlyMap<string, CompiledPod> {
    if (this.#world !== null && sameWorld(this.#world, world)) return this.#snapshot.compiled;
    this.#world = world;
    return compilePolicies(world);
  }

  /** Notes when the agents will know of groups that are new. @returns the next time that they do */
  #reconcile(pods: readonly PolicyPod[], now: number, delay: number): number | null {
    const groups = new Map<string, number>();
    let next: number | null = null;
    for (const pod of pods) {
      if (pod.hostNetwork) continue;
      const group = agentGroup(pod);
      const due = groups.get(group) ?? this.#reconciled.get(group) ?? now + delay;
      groups.set(group, due);
      if (due > now && (next === null || due < next)) next = due;
    }
    this.#reconciled = groups;
    return next;
  }

  #tables(compiled: ReadonlyMap<string, CompiledPod>): ReadonlyMap<string, TableRows> {
    const before = this.#snapshot.tables;
    if (compiled === this.#snapshot.compiled) return before;
    const tables = new Map<string, TableRows>();
    const rules = new Set<string>();
    for (const pod of new Set(compiled.values()))
      for (const table of [pod.ingress, pod.egress, pod.clusterIngress, pod.clusterEgress]) {
        if (table === null || tables.has(table.key)) continue;
        for (const prefix of table.prefixes) for (const entry of prefix.entries) rules.add(entry.rule);
        tables.set(table.key, this.#table(table, before.get(table.key)));
      }
    for (const key of [...this.#tableIds.names()]) if (!tables.has(key)) this.#tableIds.drop(key);
    for (const key of [...this.#ruleIds.names()]) if (!rules.has(key)) this.#ruleIds.drop(key);
    this.#tableIds.endRound();
    this.#ruleIds.endRound();
    return tables;
  }

  #table(table: PolicyTable, before: TableRows | undefined): TableRows {
    const id = this.#tableIds.of(table.key);
    const prefixes = new Map<string, PolicyPrefixRow>();
    let same = before?.prefixes.size === table.prefixes.length;
    for (const prefix of table.prefixes) {
      const key = `${prefix.prefix}/${prefix.length}`;
      const old = before?.prefixes.get(key);
      const stays = old !== undefined && this.#isSame(old, prefix);
      same &&= stays;
      prefixes.set(key, stays ? old : this.#prefixRow(id, prefix));
    }
    return before !== undefined && same ? before : { id, prefixes };
  }

  #isSame(row: PolicyPrefixRow, { entries }: TablePrefix): boolean {
    if (row.entries.length !== entries.length) return false;
    return row.entries.every((old, i) => {
      const e = entries[i];
      const ports = old.protocol === e.protocol && old.fromPort === e.from && old.toPort === e.to;
      return ports && old.order === e.order && old.rule === this.#ruleId(e.rule);
    });
  }

  #prefixRow(table: number, { prefix, length, entries }: TablePrefix): PolicyPrefixRow {
    return {
      t: "policyPrefix",
      table,
      prefix,
      length,
      entries: entries.map((e) => ({
        protocol: e.protocol,
        fromPort: e.from,
        toPort: e.to,
        rule: this.#ruleId(e.rule),
        order: e.order,
      })),
    };
  }

  #ruleId(rule: string): number {
    return rule === "" ? NONE : this.#ruleIds.of(rule);
  }
}

function podRow(
  device: number,
  { engine }: PolicyWorld,
  pod: CompiledPod,
  tables: ReadonlyMap<string, TableRows>,
  node: PolicyNode | undefined,
  reconciled: boolean,
): PodPolicyRow {
  const id = (table: PolicyTable | null) =>
    table === null || !reconciled ? NONE : (tables.get(table.key)?.id ?? NONE);
  const strict = engine === "aws" && node?.enforcingMode === "strict";
  const otherwise = strict ? POLICY_DEFAULT_DENY : POLICY_DEFAULT_ALLOW;
  return {
    t: "podPolicy",
    device,
    engine: engine === "aws" ? POLICY_ENGINE_AWS : POLICY_ENGINE_UPSTREAM,
    ingress: id(pod.ingress),
    egress: id(pod.egress),
    clusterIngress: id(pod.clusterIngress),
    clusterEgress: id(pod.clusterEgress),
    state: pod.applied && reconciled ? POLICIES_APPLIED : otherwise,
    clusterState: pod.clusterApplied && reconciled ? POLICIES_APPLIED : POLICY_DEFAULT_ALLOW,
    log: engine === "aws" ? (node?.log ?? POLICY_LOG_NOTHING) : POLICY_LOG_NOTHING,
  };
}

const sameList = <T>(a: readonly T[], b: readonly T[], same: (x: T, y: T) => boolean): boolean =>
  a.length === b.length && a.every((x, i) => same(x, b[i]));

/** Whether two worlds give the same tables. Objects never change: identity says what equality would. */
function sameWorld(a: PolicyWorld, b: PolicyWorld): boolean {
  return (
    a.engine === b.engine &&
    sameList(a.policies, b.policies, Object.is) &&
    sameList(a.clusterPolicies, b.clusterPolicies, Object.is) &&
    sameList(a.services, b.services, (x, y) => x.object === y.object && x.clusterIP === y.clusterIP) &&
    JSON.stringify([...a.namespaces]) === JSON.stringify([...b.namespaces]) &&
    sameList(a.pods, b.pods, samePod)
  );
}

function samePod(a: PolicyPod, b: PolicyPod): boolean {
  const stays = a.key === b.key && a.address === b.address && a.node === b.node && a.hostNetwork === b.hostNetwork;
  if (!stays) return false;
  return JSON.stringify(a.labels) === JSON.stringify(b.labels) && JSON.stringify(a.ports) === JSON.stringify(b.ports);
}
