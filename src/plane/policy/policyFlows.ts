import { hashWords } from "../conntrack/hash.ts";
import type { Conntrack } from "../conntrack/table.ts";
import { FlowTable, type FlowTableOptions } from "../fabric/flowTable.ts";
import { PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../packet.ts";
import { POLICIES_APPLIED, POLICY_DEFAULT_ALLOW, POLICY_DEFAULT_DENY } from "../rows.ts";

/** The agent's flows have no timers: they live until a sweep finds no connection of the kernel's for them. Ten days. */
const LIFE_MS = 864_000_000;
/** Flows that one {@link PolicyFlows.sweep} looks at. */
const SWEEP_BUDGET = 2048;
/** How soon a sweep goes on that looked at as many. */
const SWEEP_PAUSE_MS = 1;
/** Linux's timeouts of what has no ports (nf_conntrack_icmp_timeout, nf_conntrack_generic_timeout). */
const ICMP_MS = 30_000;
const GENERIC_MS = 600_000;
const NONE = -1;

// GET_CT_VAL of tc.v4ingress.bpf.c: a pair of states in one value; pairs that it forgets are "both applied".
const ALLOW_ALLOW = 2;
const ALLOW_DENY = 3;
const ALLOW_APPLIED = 4;
const APPLIED_ALLOW = 5;
const APPLIED_DENY = 6;
const APPLIED_APPLIED = 7;

export interface PolicyFlowsOptions extends FlowTableOptions {
  /** conntrack-cache-cleanup-period in milliseconds. */
  cleanupPeriod: number;
}

/**
 * The agents' connection maps (aws_conntrack_map): flows by the pod's device and the packet's own 5-tuple, as it was seen
 * at that device; the value is the pair of pod states that it was allowed under.
 */
export class PolicyFlows {
  readonly table: FlowTable;
  /** A sweep notes what there is, the next one deletes of that what the kernel has no connection for. */
  readonly #period: number;
  #begun = false;
  /** When the present round's second phase comes. */
  #due = 0;
  /** Next flow to look at; -1: no sweep goes on. */
  #cursor = NONE;

  constructor(options: PolicyFlowsOptions) {
    this.table = new FlowTable(options);
    this.#period = Math.max(1, Math.floor(options.cleanupPeriod / 2));
  }

  find(device: number, protocol: number, src: number, sport: number, dst: number, dport: number): number {
    return this.table.find(device, protocol, src, sport, dst, dport);
  }

  /** The flow was seen. */
  touch(flow: number, now: number): void {
    this.table.touch(flow, now, LIFE_MS);
  }

  /** Remembers a flow, or under which states one that is known was allowed. A full table remembers nothing new. */
  allow(
    known: number,
    device: number,
    protocol: number,
    src: number,
    sport: number,
    dst: number,
    dport: number,
    pair: number,
    now: number,
  ): void {
    const { table } = this;
    let flow = known;
    if (flow === NONE) {
      flow = table.insert(device, protocol, src, sport, dst, dport, now, LIFE_MS);
      if (flow === NONE) return;
      table.setValue2(flow, now);
    } else table.touch(flow, now, LIFE_MS);
    table.setValue(flow, pair);
  }

  /**
   * The agents' sweeps (pkg/ebpf/conntrack/conntrack_client.go): every half period, by turns, one notes the flows that there
   * are and one deletes those of them that the node's conntrack does not have. Call often; it does little at a time.
   *
   * @param nodeOf node by device
   */
  sweep(ct: Conntrack, nodeOf: Int32Array, now: number): void {
    if (!this.#begun) {
      this.#begun = true;
      this.#due = (now + this.#period) | 0;
    }
    if (this.#cursor === NONE) {
      if (((this.#due - now) | 0) > 0) return;
      this.#cursor = 0;
    }
    const { table } = this;
    const noted = (this.#due - this.#period) | 0;
    for (let i = 0; i < SWEEP_BUDGET; i++) {
      const flow = table.next(this.#cursor);
      if (flow === NONE) {
        this.#cursor = NONE;
        this.#due = (this.#due + 2 * this.#period) | 0;
        return;
      }
      this.#cursor = flow + 1;
      if (((table.value2(flow) - noted) | 0) > 0) continue;
      if (!this.#isAlive(ct, nodeOf[table.owner(flow)] ?? NONE, flow, now)) table.delete(flow);
    }
  }

  /** Milliseconds until {@link sweep} has something to do; `longest` before the first one. */
  nextSweep(now: number, longest: number): number {
    if (this.#cursor !== NONE) return SWEEP_PAUSE_MS;
    if (!this.#begun || this.table.count === 0) return longest;
    return Math.max(0, Math.min(longest, (this.#due - now) | 0));
  }

  /** A hash over all flows and where the sweep stands. */
  stateHash(): number {
    const sweep = Int32Array.of(this.#begun ? 1 : 0, this.#due, this.#cursor);
    return hashWords(sweep, 0, sweep.length, this.table.stateHash());
  }

  #isAlive(ct: Conntrack, node: number, flow: number, now: number): boolean {
    const { table } = this;
    const protocol = table.protocol(flow);
    if (protocol !== PROTO_TCP && protocol !== PROTO_UDP && protocol !== PROTO_SCTP) {
      // Without ports there is no tuple to look up: as long as the kernel would keep it.
      const idle = LIFE_MS - table.left(flow, now);
      return idle < (protocol === PROTO_ICMP ? ICMP_MS : GENERIC_MS);
    }
    if (node < 0) return false;
    return ct.knows(node, protocol, table.a(flow), table.aPort(flow), table.b(flow), table.bPort(flow));
  }
}

/** The pair of a pod's states as the agent's map has it. */
export function statePair(state: number, clusterState: number): number {
  if (state === POLICY_DEFAULT_DENY) return APPLIED_APPLIED;
  if (state === POLICY_DEFAULT_ALLOW) {
    if (clusterState === POLICY_DEFAULT_ALLOW) return ALLOW_ALLOW;
    return clusterState === POLICIES_APPLIED ? ALLOW_APPLIED : ALLOW_DENY;
  }
  if (clusterState === POLICY_DEFAULT_ALLOW) return APPLIED_ALLOW;
  return clusterState === POLICIES_APPLIED ? APPLIED_APPLIED : APPLIED_DENY;
}
