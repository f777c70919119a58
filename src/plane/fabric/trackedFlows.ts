import {
  C_DEVICES,
  D_TRACKED,
  D_TRACKED_AVAILABLE,
  D_TRACKED_EXCEEDED,
  DEVICE_COUNTERS,
  TRACKED_UNLIMITED,
} from "../counters.ts";
import { PROTO_TCP, PROTO_UDP } from "../packet.ts";
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from "../wire/tcp.ts";
import { FlowTable, type FlowTableOptions } from "./flowTable.ts";

/** How an ENI's tracked connections time out, and how many its instance tracks (EniGroupsRow.tracking). */
export interface Tracking {
  /** Connections of all ENIs of the instance; new ones beyond it are dropped. */
  readonly limit: number;
  /** Idle milliseconds. */
  readonly tcpEstablished: number;
  readonly udpStream: number;
  readonly udp: number;
}

const SECOND = 1000;
const UNLIMITED = 0x7fff_ffff;
/** EC2's defaults (EC2 User Guide, "Connection tracking timeouts"); AWS publishes no number of connections. */
export const DEFAULT_TRACKING: Tracking = {
  limit: UNLIMITED,
  tcpEstablished: 432_000 * SECOND,
  udpStream: 180 * SECOND,
  udp: 30 * SECOND,
};
/** Everything else: ICMP, other protocols, TCP that is not established. */
const OTHER_MS = 600 * SECOND;
/** A TCP connection that has ended. AWS documents nothing; Linux keeps TIME_WAIT and CLOSE so long. */
const TIME_WAIT_MS = 120 * SECOND;
const CLOSE_MS = 10 * SECOND;
/** A datagram's fragments are waited for no longer (RFC 791's reassembly timer as Linux has it). */
const FRAGMENTS_MS = 30 * SECOND;

// A flow's value: who began, and how far it has come.
/** The flow began with a packet that left the ENI. */
export const FLOW_EGRESS = 1;
const ANSWERED = 2;
/** UDP: asked again after an answer. */
const ASKED_AGAIN = 4;
/** UDP: more than one request and response. */
const STREAM = 8;
const FIN_OUT = 16;
const FIN_IN = 32;
const RESET = 64;

/** Protocol that a datagram's fragments are remembered by: 0 is none of IPv4's (hop-by-hop options of IPv6). */
const PROTO_FRAGMENTS = 0;
/** Account of fragments, which are no connections. */
const FRAGMENTS = 0;

const NONE = -1;

/** What the security groups of all ENIs track; the local end of a flow is the ENI's, whichever way a packet goes. */
export class TrackedFlows {
  readonly table: FlowTable;
  readonly #counters: Float64Array;
  readonly #tracking: (Tracking | undefined)[] = [];
  /** Accounts that connections were counted for, where their counters are and what they may have. */
  readonly #accounts: number[] = [];
  readonly #at: number[] = [];
  readonly #limit: number[] = [];

  /** @param counters where to count at the devices of instances (D_TRACKED and on) */
  constructor(options: FlowTableOptions, counters: Float64Array) {
    this.table = new FlowTable(options);
    this.#counters = counters;
  }

  /** @param tracking undefined: EC2's defaults */
  configure(eni: number, tracking: Tracking | undefined): void {
    this.#tracking[eni] = tracking;
  }

  trackingOf(eni: number): Tracking {
    return this.#tracking[eni] ?? DEFAULT_TRACKING;
  }

  /**
   * Notes a packet of a tracked flow.
   *
   * @param egress 1: it leaves the ENI
   * @param flags TCP's, else 0
   */
  seen(flow: number, eni: number, egress: number, protocol: number, flags: number, now: number): void {
    const { table } = this;
    const before = table.value(flow);
    let value = before;
    const forward = (before & FLOW_EGRESS) === egress;
    if (protocol === PROTO_UDP) value = nextUdp(before, forward);
    else if (!forward) value |= ANSWERED;
    if (protocol === PROTO_TCP) {
      if ((flags & TCP_RST) !== 0) value |= RESET;
      if ((flags & TCP_FIN) !== 0) value |= egress === 1 ? FIN_OUT : FIN_IN;
    }
    if (value !== before) table.setValue(flow, value);
    table.touch(flow, now, this.#timeout(value, eni, protocol));
  }

  /** Whether a packet's flags begin a connection anew where the flow's has ended. */
  isRestart(flow: number, protocol: number, flags: number): boolean {
    return protocol === PROTO_TCP && isStart(protocol, flags) && hasEnded(this.table.value(flow));
  }

  /**
   * Tracks a new flow.
   *
   * @param account instance of the ENI (accountOf)
   * @param device of the instance, its node's or host's, to count at; -1: none
   * @returns the flow, or -1: the instance tracks as many as it can
   */
  begin(
    eni: number,
    egress: number,
    protocol: number,
    local: number,
    localPort: number,
    remote: number,
    remotePort: number,
    now: number,
    account: number,
    device: number,
  ): number {
    const { table } = this;
    const { limit } = this.trackingOf(eni);
    const full = table.countOf(account) >= limit;
    const timeout = this.#timeout(egress, eni, protocol);
    const flow = full ? NONE : table.insert(eni, protocol, local, localPort, remote, remotePort, now, timeout, account);
    if (flow !== NONE) table.setValue(flow, egress);
    if (device < 0) return flow;
    const at = C_DEVICES + device * DEVICE_COUNTERS;
    if (flow === NONE) this.#counters[at + D_TRACKED_EXCEEDED]++;
    if (this.#at[account] === undefined) this.#accounts.push(account);
    this.#at[account] = at;
    this.#limit[account] = limit;
    this.#show(account);
    return flow;
  }

  /** Lets go of flows whose time is up. @param budget timers to look at, at most */
  expire(now: number, budget: number): void {
    if (this.table.expire(now, budget) > 0)
      for (let i = 0; i < this.#accounts.length; i++) this.#show(this.#accounts[i]);
  }

  /** Whether a datagram's first fragment was let through, to or from an ENI. */
  knowsDatagram(eni: number, src: number, dst: number, protocol: number, id: number): boolean {
    return this.table.find(eni, PROTO_FRAGMENTS, src, id, dst, protocol) !== NONE;
  }

  /** Remembers that a datagram's first fragment was let through, for those that follow. */
  rememberDatagram(eni: number, src: number, dst: number, protocol: number, id: number, now: number): void {
    const { table } = this;
    const known = table.find(eni, PROTO_FRAGMENTS, src, id, dst, protocol);
    if (known === NONE) table.insert(eni, PROTO_FRAGMENTS, src, id, dst, protocol, now, FRAGMENTS_MS, FRAGMENTS);
    else table.touch(known, now, FRAGMENTS_MS);
  }

  #show(account: number): void {
    const count = this.table.countOf(account);
    const at = this.#at[account];
    this.#counters[at + D_TRACKED] = count;
    const limit = this.#limit[account];
    this.#counters[at + D_TRACKED_AVAILABLE] = limit === UNLIMITED ? TRACKED_UNLIMITED : Math.max(0, limit - count);
  }

  #timeout(value: number, eni: number, protocol: number): number {
    const tracking = this.trackingOf(eni);
    if (protocol === PROTO_UDP) return (value & STREAM) !== 0 ? tracking.udpStream : tracking.udp;
    if (protocol !== PROTO_TCP) return OTHER_MS;
    if ((value & RESET) !== 0) return CLOSE_MS;
    if (hasEnded(value)) return TIME_WAIT_MS;
    return (value & ANSWERED) !== 0 ? tracking.tcpEstablished : OTHER_MS;
  }
}

/** What an ENI's connections are counted for: its node, or the ENI itself where it is no node's. 0 is nobody's. */
export function accountOf(node: number, eni: number): number {
  return node >= 0 ? node * 2 + 1 : eni * 2 + 2;
}

/** Whether a packet may begin a tracked flow: of TCP a SYN alone. */
export function isStart(protocol: number, flags: number): boolean {
  return protocol !== PROTO_TCP || (flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) === TCP_SYN;
}

function hasEnded(value: number): boolean {
  return (value & RESET) !== 0 || ((value & FIN_OUT) !== 0 && (value & FIN_IN) !== 0);
}

/** Request, response, request, response: from the second response on it is a stream. */
function nextUdp(value: number, forward: boolean): number {
  if (forward) return (value & ANSWERED) !== 0 ? value | ASKED_AGAIN : value;
  return (value & ASKED_AGAIN) !== 0 ? value | STREAM : value | ANSWERED;
}
