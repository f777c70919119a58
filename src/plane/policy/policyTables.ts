import { Lpm } from "../lpm/lpm.ts";
import {
  POLICY_ACTION_PASS,
  POLICY_ANY_PROTOCOL,
  POLICY_BASELINE_ORDER,
  POLICY_DENY_PROTOCOL,
  POLICY_ORDER_ACTIONS,
  type PodPolicyRow,
  type PolicyPrefixRow,
} from "../rows.ts";

const NONE = -1;
/** A table has tens of prefixes, the pods that a rule names. */
const DIRECT_BITS = 8;

// An entry of a prefix.
const PROTOCOL = 0;
const FROM = 1;
const TO = 2;
const RULE = 3;
const ORDER = 4;
const ENTRY_WORDS = 5;

// A pod's words.
const ENGINE = 0;
const INGRESS = 1;
const EGRESS = 2;
const CLUSTER_INGRESS = 3;
const CLUSTER_EGRESS = 4;
const STATE = 5;
const CLUSTER_STATE = 6;
const LOG = 7;
const POD_SHIFT = 3;
const POD_WORDS = 1 << POD_SHIFT;
const ANY_PORT = 0;

// What a namespaced policy's table says.
export const TABLE_ALLOW = 1;
export const TABLE_DENY = 2;

/** The tables that policies come to, and which of them hold for which device. */
export class PolicyTables {
  readonly #tables: (Lpm | undefined)[] = [];
  /** Entries of a prefix; a table's value for the prefix is its place here. */
  readonly #entries: (Int32Array | null)[] = [];
  readonly #free: number[] = [];
  #pods = new Int32Array(0);
  /** Devices that have policies: without any, a packet pays one comparison. */
  count = 0;

  // What the last lookup found.
  /** Rule that decided, or -1. */
  rule = NONE;
  /** Order of the entry that decided in a cluster table, or -1. */
  order = NONE;

  put(row: PolicyPrefixRow): void {
    this.#tables[row.table] ??= new Lpm({ directBits: DIRECT_BITS });
    const lpm = this.#tables[row.table] as Lpm;
    const known = lpm.get(row.prefix, row.length);
    const place = known >= 0 ? known : (this.#free.pop() ?? this.#entries.length);
    const words = new Int32Array(row.entries.length * ENTRY_WORDS);
    row.entries.forEach((entry, i) => {
      const o = i * ENTRY_WORDS;
      words[o + PROTOCOL] = entry.protocol;
      words[o + FROM] = entry.fromPort;
      words[o + TO] = entry.toPort;
      words[o + RULE] = entry.rule;
      words[o + ORDER] = entry.order;
    });
    this.#entries[place] = words;
    if (known < 0) lpm.insert(row.prefix, row.length, place);
  }

  remove(row: PolicyPrefixRow): void {
    const lpm = this.#tables[row.table];
    if (lpm === undefined) return;
    const place = lpm.get(row.prefix, row.length);
    if (place < 0) return;
    lpm.delete(row.prefix, row.length);
    this.#entries[place] = null;
    this.#free.push(place);
    if (lpm.size === 0) this.#tables[row.table] = undefined;
  }

  putPod(row: PodPolicyRow): void {
    const end = (row.device + 1) << POD_SHIFT;
    if (this.#pods.length < end) {
      const pods = new Int32Array(Math.max(end, this.#pods.length * 2)).fill(NONE);
      pods.set(this.#pods);
      this.#pods = pods;
    }
    const o = row.device << POD_SHIFT;
    if (this.#pods[o + ENGINE] === NONE) this.count++;
    this.#pods[o + ENGINE] = row.engine;
    this.#pods[o + INGRESS] = row.ingress;
    this.#pods[o + EGRESS] = row.egress;
    this.#pods[o + CLUSTER_INGRESS] = row.clusterIngress;
    this.#pods[o + CLUSTER_EGRESS] = row.clusterEgress;
    this.#pods[o + STATE] = row.state;
    this.#pods[o + CLUSTER_STATE] = row.clusterState;
    this.#pods[o + LOG] = row.log;
  }

  removePod(device: number): void {
    const o = device << POD_SHIFT;
    if (this.engine(device) !== NONE) {
      this.#pods.fill(NONE, o, o + POD_WORDS);
      this.count--;
    }
  }

  /** POLICY_ENGINE_* of a device, or -1: no policies are enforced for it. */
  engine(device: number): number {
    const o = device << POD_SHIFT;
    return o < this.#pods.length ? this.#pods[o + ENGINE] : NONE;
  }

  state(device: number): number {
    return this.#pods[(device << POD_SHIFT) + STATE];
  }

  clusterState(device: number): number {
    return this.#pods[(device << POD_SHIFT) + CLUSTER_STATE];
  }

  log(device: number): number {
    return this.#pods[(device << POD_SHIFT) + LOG];
  }

  /** @param egress 1: the table of what the pod sends. @returns index of the table of namespaced policies, or -1 */
  table(device: number, egress: number): number {
    return this.#pods[(device << POD_SHIFT) + (egress === 1 ? EGRESS : INGRESS)];
  }

  clusterTable(device: number, egress: number): number {
    return this.#pods[(device << POD_SHIFT) + (egress === 1 ? CLUSTER_EGRESS : CLUSTER_INGRESS)];
  }

  /**
   * What a table of namespaced policies says: its entries are asked in their order, the first that matches or denies
   * decides, and an address of none of its prefixes is denied (evaluateNamespacePolicyByLookUp of tc.v4egress.bpf.c).
   */
  namespaced(table: number, address: number, protocol: number, port: number): number {
    this.rule = NONE;
    const words = this.#find(table, address);
    if (words === null) return TABLE_DENY;
    for (let o = 0; o < words.length; o += ENTRY_WORDS) {
      if (words[o + PROTOCOL] === POLICY_DENY_PROTOCOL) {
        this.rule = words[o + RULE];
        return TABLE_DENY;
      }
      if (!matches(words, o, protocol, port)) continue;
      this.rule = words[o + RULE];
      return TABLE_ALLOW;
    }
    return TABLE_DENY;
  }

  /**
   * The entry of lowest order that matches in a cluster table, of one tier or of both.
   *
   * @param from lowest order that counts: 0, or POLICY_BASELINE_ORDER for the baseline tier alone
   * @returns POLICY_ACTION_* with {@link order} and {@link rule}; PASS, and an order of -1, where none matches
   */
  cluster(table: number, address: number, protocol: number, port: number, from: number): number {
    this.rule = NONE;
    this.order = NONE;
    const words = table < 0 ? null : this.#find(table, address);
    if (words === null) return POLICY_ACTION_PASS;
    for (let o = 0; o < words.length; o += ENTRY_WORDS) {
      const order = words[o + ORDER];
      if (order < from || (this.order !== NONE && order >= this.order)) continue;
      if (!matches(words, o, protocol, port)) continue;
      this.order = order;
      this.rule = words[o + RULE];
    }
    return this.order === NONE ? POLICY_ACTION_PASS : this.order % POLICY_ORDER_ACTIONS;
  }

  /** Entries that a pod's tables of a direction have for an address: what a verdict about it looks at, at most. */
  entriesFor(device: number, egress: number, address: number): number {
    let n = 0;
    const own = this.table(device, egress);
    const cluster = this.clusterTable(device, egress);
    if (own >= 0) n += (this.#find(own, address)?.length ?? 0) / ENTRY_WORDS;
    if (cluster >= 0) n += (this.#find(cluster, address)?.length ?? 0) / ENTRY_WORDS;
    return n;
  }

  #find(table: number, address: number): Int32Array | null {
    const lpm = this.#tables[table];
    if (lpm === undefined) return null;
    const place = lpm.lookup(address);
    return place < 0 ? null : this.#entries[place];
  }
}

/** Whether an order is the baseline tier's. */
export function isBaseline(order: number): boolean {
  return order >= POLICY_BASELINE_ORDER;
}

function matches(words: Int32Array, o: number, protocol: number, port: number): boolean {
  const wanted = words[o + PROTOCOL];
  if (wanted !== POLICY_ANY_PROTOCOL && wanted !== protocol) return false;
  const from = words[o + FROM];
  return from === ANY_PORT || port === from || (port > from && port <= words[o + TO]);
}
