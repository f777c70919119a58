import { PROTO_TCP } from "../packet.ts";
import type { Random } from "../random.ts";
import { TCP_FIN, TCP_RST } from "../wire/tcp.ts";
import { FlowTable, type FlowTableOptions } from "./flowTable.ts";

const SECOND = 1000;
/** "If a connection that's using a NAT gateway is idle for 350 seconds or more, the connection times out" (VPC User Guide). */
export const IDLE_MS = 350 * SECOND;
/**
 * A TCP connection that was closed or reset keeps its port this long. AWS names no number; it says that 55,000 connections
 * are what some 900 new ones a second to one destination, 55,000 a minute, come to (VPC User Guide, "NAT gateways").
 */
export const CLOSED_MS = 60 * SECOND;
/** Connections of a gateway's address to one destination: address, port and protocol (VPC User Guide, "NAT gateway basics"). */
export const CONNECTIONS_PER_DESTINATION = 55_000;
/** "NAT gateways use ports 1024-65535" (VPC User Guide, "NAT gateway basics"). */
export const PORT_MIN = 1024;
const PORT_MAX = 65_535;
const PORTS = PORT_MAX - PORT_MIN + 1;

/** Ports that are drawn before they are tried one after the other: of 64,512 a destination leaves 9,512 free at least. */
const DRAWS = 32;
/** Connections whose time is up that a destination's last one looks at. */
const EXPIRE_WHEN_FULL = 4096;

// A gateway has three kinds of entries, each an owner of its own in the table.
/** (inside, its port, destination, its port): value = entry of the destination, value2 = entry of the way back. */
const OUT = 0;
/** (destination, its port, the gateway's address, the chosen port): value = entry of the way out, value2 = state. */
const BACK = 1;
/** (destination, its port, 0, 0): what connections to it are counted by; it lives as long as the longest of them. */
const DESTINATION = 2;
const KINDS = 3;
/** Account of entries that nobody counts; a destination's is its entry plus one. */
const UNCOUNTED = 0;

const FIN_OUT = 1;
const FIN_BACK = 2;
const RESET = 4;

// What {@link NatConnections.destinations} says of each.
export const NATD_GATEWAY = 0;
export const NATD_PROTOCOL = 1;
export const NATD_DST = 2;
/** For ICMP type << 8 | code. */
export const NATD_PORT = 3;
export const NATD_CONNECTIONS = 4;
export const NATD_WORDS = 5;

const NONE = -1;

/**
 * Connections of all NAT gateways. One is named by the entry of its way out; ports are TCP's and UDP's, and for ICMP the
 * query's identifier inside, and its type and code as the destination's.
 */
export class NatConnections {
  readonly #options: FlowTableOptions;
  /** Made for the first connection: most labs have no NAT gateway. */
  #table: FlowTable | null = null;
  #trial = false;

  constructor(options: FlowTableOptions) {
    this.#options = options;
  }

  get table(): FlowTable {
    if (this.#table !== null) return this.#table;
    const table = new FlowTable(this.#options);
    if (this.#trial) table.beginTrial();
    this.#table = table;
    return table;
  }

  /** @returns the connection that a packet from inside belongs to, or -1 */
  findOut(nat: number, protocol: number, src: number, sport: number, dst: number, dport: number): number {
    return this.table.find(nat * KINDS + OUT, protocol, src, sport, dst, dport);
  }

  /** @returns the connection that a packet to the gateway's address and port belongs to, or -1 */
  findBack(nat: number, protocol: number, src: number, sport: number, address: number, port: number): number {
    const back = this.table.find(nat * KINDS + BACK, protocol, src, sport, address, port);
    return back === NONE ? NONE : this.table.value(back);
  }

  /**
   * Begins a connection, with a port of the gateway's address that no other one to this destination has.
   *
   * @param now ms
   * @returns the connection, or -1: there are 55,000 to the destination, or the table is full
   */
  open(
    nat: number,
    random: Random,
    protocol: number,
    src: number,
    sport: number,
    dst: number,
    dport: number,
    address: number,
    now: number,
  ): number {
    const t = this.table;
    const owner = nat * KINDS;
    let destination = t.find(owner + DESTINATION, protocol, dst, dport, 0, 0);
    if (destination !== NONE && !this.#hasRoom(destination, now)) return NONE;
    if (destination === NONE)
      destination = t.insert(owner + DESTINATION, protocol, dst, dport, 0, 0, now, IDLE_MS, UNCOUNTED);
    if (destination === NONE) return NONE;
    const port = this.#freePort(owner + BACK, random, protocol, dst, dport, address);
    if (port === NONE) return NONE;
    const out = t.insert(owner + OUT, protocol, src, sport, dst, dport, now, IDLE_MS, destination + 1);
    if (out === NONE) return NONE;
    const back = t.insert(owner + BACK, protocol, dst, dport, address, port, now, IDLE_MS, UNCOUNTED);
    if (back === NONE) {
      t.delete(out);
      return NONE;
    }
    t.setValue(out, destination);
    t.setValue2(out, back);
    t.setValue(back, out);
    return out;
  }

  /**
   * Notes a packet of a connection.
   *
   * @param out whether it comes from inside
   * @param flags TCP's, else 0
   */
  seen(connection: number, out: boolean, flags: number, now: number): void {
    const t = this.table;
    const back = t.value2(connection);
    let state = t.value2(back);
    if (t.protocol(connection) === PROTO_TCP) {
      const before = state;
      if ((flags & TCP_RST) !== 0) state |= RESET;
      else if ((flags & TCP_FIN) !== 0) state |= out ? FIN_OUT : FIN_BACK;
      if (state !== before) t.setValue2(back, state);
    }
    const timeout = hasEnded(state) ? CLOSED_MS : IDLE_MS;
    t.touch(connection, now, timeout);
    t.touch(back, now, timeout);
    t.touch(t.value(connection), now, IDLE_MS);
  }

  /** A SYN: the ports' next connection begins where the last one has ended. */
  restart(connection: number): void {
    const back = this.table.value2(connection);
    if (this.table.value2(back) !== 0) this.table.setValue2(back, 0);
  }

  /** Port, or ICMP identifier, that the gateway's address has for a connection. */
  port(connection: number): number {
    return this.table.bPort(this.table.value2(connection));
  }

  /** The sender's own address, and its port or ICMP identifier. */
  inside(connection: number): number {
    return this.table.a(connection);
  }

  insidePort(connection: number): number {
    return this.table.aPort(connection);
  }

  /** Connections of a gateway to a destination. */
  countTo(nat: number, protocol: number, dst: number, dport: number): number {
    const destination = this.table.find(nat * KINDS + DESTINATION, protocol, dst, dport, 0, 0);
    return destination === NONE ? 0 : this.table.countOf(destination + 1);
  }

  /** All destinations that gateways have connections to (NATD_*). Looks at all flows: not on a packet's way. */
  destinations(): Int32Array<ArrayBuffer> {
    const t = this.#table;
    if (t === null) return new Int32Array(0);
    const found: number[] = [];
    for (let e = t.next(0); e !== NONE; e = t.next(e + 1)) {
      const owner = t.owner(e);
      const connections = t.countOf(e + 1);
      if (owner % KINDS !== DESTINATION || connections === 0) continue;
      found.push(Math.floor(owner / KINDS), t.protocol(e), t.a(e), t.aPort(e), connections);
    }
    return Int32Array.from(found);
  }

  /** Forgets the connections of a gateway that is gone. */
  flush(nat: number): void {
    if (this.#table === null) return;
    for (let kind = 0; kind < KINDS; kind++) this.#table.flush(nat * KINDS + kind);
  }

  /** As {@link FlowTable.expire}. */
  expire(now: number, budget: number): void {
    if (this.#table !== null) this.#table.expire(now, budget);
  }

  /** Milliseconds until {@link expire} has something to look at, `atMost` if there is nothing. */
  nextExpiry(now: number, atMost: number): number {
    return this.#table === null ? atMost : this.#table.nextExpiry(now);
  }

  beginTrial(): void {
    this.#trial = true;
    if (this.#table !== null) this.#table.beginTrial();
  }

  rollback(): void {
    if (this.#table !== null) this.#table.rollback();
    this.#trial = false;
  }

  /** A hash over all connections; 0 before the first one. A question may have made the table. */
  stateHash(): number {
    return this.#table === null || this.#table.count === 0 ? 0 : this.#table.stateHash();
  }

  #hasRoom(destination: number, now: number): boolean {
    const account = destination + 1;
    if (this.table.countOf(account) < CONNECTIONS_PER_DESTINATION) return true;
    if (!this.#trial) this.table.expire(now, EXPIRE_WHEN_FULL);
    return this.table.countOf(account) < CONNECTIONS_PER_DESTINATION;
  }

  #freePort(owner: number, random: Random, protocol: number, dst: number, dport: number, address: number): number {
    const t = this.table;
    let port = 0;
    for (let i = 0; i < DRAWS; i++) {
      port = random.below(PORTS);
      if (t.find(owner, protocol, dst, dport, address, PORT_MIN + port) === NONE) return PORT_MIN + port;
    }
    for (let i = 0; i < PORTS; i++) {
      port = port + 1 === PORTS ? 0 : port + 1;
      if (t.find(owner, protocol, dst, dport, address, PORT_MIN + port) === NONE) return PORT_MIN + port;
    }
    return NONE;
  }
}

function hasEnded(state: number): boolean {
  return (state & RESET) !== 0 || ((state & FIN_OUT) !== 0 && (state & FIN_BACK) !== 0);
}
