import type { Entries } from "../conntrack/entries.ts";
import { hashWords } from "../conntrack/hash.ts";
import { DIR_REPLY } from "../conntrack/info.ts";
import {
  FRONTEND_CLUSTER_IP,
  SCHEDULER_LC,
  SCHEDULER_MAGLEV,
  SCHEDULER_MH,
  SCHEDULER_RR,
  type ServiceRow,
} from "../rows.ts";
import { frontendKey } from "./affinity.ts";
import type { EndpointSets } from "./endpointSets.ts";
import { CILIUM_SLOTS, gcd, MH_SLOTS, maglevSlot, maglevTable } from "./maglev.ts";

/** Where round robin stands for one virtual server: one address and port of a service on one node. */
interface Cursor {
  /** Position of the last choice in its set, and which endpoint it was: the set may have changed since. */
  position: number;
  address: number;
  port: number;
  /** wrr: the weight that an endpoint must have at present. */
  weight: number;
  /** Version of the service that the cursor was set in. */
  version: number;
}

interface State {
  version: number;
  /** By node, then by virtual server. */
  readonly cursors: Map<number, Map<number, Cursor>>;
  /** Maglev tables by the place of their set. */
  tables: Map<number, Uint8Array | Int32Array>;
  /** Live connections by node, then by endpoint. */
  readonly loads: Map<number, Map<number, number>>;
}

// ip_vs_sh: a table of 2^8 buckets, and hash_32() into it (include/linux/hash.h).
const SH_BITS = 8;
const GOLDEN_RATIO_32 = 0x61c88647;
const START = -1;
/** A virtual server's key has more bits than a word. */
const WORD = 2 ** 32;

/**
 * The choices of IPVS and Cilium. What they need beyond a set is made when a service is put (Maglev tables) or kept here
 * by service: services whose scheduler is random have nothing here.
 */
export class Schedulers {
  readonly #sets: EndpointSets;
  readonly #states = new Map<number, State>();

  constructor(sets: EndpointSets) {
    this.#sets = sets;
  }

  /** To be called when the service's sets are new. */
  put(row: ServiceRow): void {
    if (row.scheduler < SCHEDULER_RR) {
      this.#states.delete(row.id);
      return;
    }
    const old = this.#states.get(row.id);
    const state = old ?? { version: 0, cursors: new Map(), tables: new Map(), loads: new Map() };
    state.version++;
    state.tables = this.#tables(row);
    this.#states.set(row.id, state);
  }

  remove(service: number): void {
    this.#states.delete(service);
  }

  removeNode(node: number): void {
    for (const state of this.#states.values()) {
      state.cursors.delete(node);
      state.loads.delete(node);
    }
  }

  /** rr (ip_vs_rr.c): the endpoint after the last one. @param live false: the choice is not kept */
  roundRobin(service: number, node: number, set: number, server: number, live: boolean): number {
    const cursor = this.#cursor(service, node, server, live);
    const size = this.#sets.setSize(set);
    const position = (this.#last(service, set, cursor) + 1) % size;
    if (live) this.#keep(service, set, cursor, position);
    return position;
  }

  /** wrr (ip_vs_wrr.c): rounds in which only endpoints of at least the present weight take part. */
  weighted(service: number, node: number, set: number, server: number, live: boolean): number {
    const sets = this.#sets;
    const size = sets.setSize(set);
    let unit = 0;
    let most = 0;
    for (let i = 0; i < size; i++) {
      const weight = sets.endpointWeight(service, sets.setMember(set, i));
      unit = gcd(unit, weight);
      most = Math.max(most, weight);
    }
    most -= unit - 1;
    const cursor = this.#cursor(service, node, server, live);
    const version = this.#states.get(service)?.version ?? 0;
    // Another set of endpoints is begun anew.
    let position = cursor.version === version ? cursor.position : START;
    let weight = cursor.weight > 0 && cursor.weight <= most ? cursor.weight : most;
    for (;;) {
      position++;
      if (position >= size) {
        position = 0;
        weight -= unit;
        if (weight <= 0) weight = most;
      }
      if (sets.endpointWeight(service, sets.setMember(set, position)) >= weight) break;
    }
    if (live) {
      cursor.weight = weight;
      this.#keep(service, set, cursor, position);
    }
    return position;
  }

  /** lc (ip_vs_lc.c): the first endpoint with the fewest live connections of the service port on this node. */
  leastConnections(service: number, node: number, set: number): number {
    const sets = this.#sets;
    const loads = this.#states.get(service)?.loads.get(node);
    let best = 0;
    let least = Infinity;
    for (let i = 0; i < sets.setSize(set); i++) {
      const member = sets.setMember(set, i);
      const key = frontendKey(sets.endpointAddress(service, member), sets.endpointPort(service, member));
      const load = loads?.get(key) ?? 0;
      if (load < least) {
        least = load;
        best = i;
      }
    }
    return best;
  }

  /** sh (ip_vs_sh.c): the source address in a table that endpoints fill in turn, each with its weight. */
  sourceHash(service: number, set: number, client: number): number {
    const sets = this.#sets;
    const size = sets.setSize(set);
    let all = 0;
    for (let i = 0; i < size; i++) all += sets.endpointWeight(service, sets.setMember(set, i));
    let left = (Math.imul(client, GOLDEN_RATIO_32) >>> (32 - SH_BITS)) % all;
    let position = 0;
    for (;;) {
      left -= sets.endpointWeight(service, sets.setMember(set, position));
      if (left < 0) return position;
      position++;
    }
  }

  /** The position that a flow's Maglev slot names, from words of its tuple (mh: its source address alone). */
  maglev(service: number, set: number, a: number, b: number, c: number): number {
    const table = this.#states.get(service)?.tables.get(this.#sets.setPlace(service, set));
    return table === undefined ? 0 : table[maglevSlot(a, b, c, table.length)];
  }

  /** Conntrack took a connection in. */
  opened(ct: Entries, entry: number): void {
    this.#count(ct, entry, 1);
  }

  /** Conntrack deleted a connection. */
  closed(ct: Entries, entry: number): void {
    this.#count(ct, entry, -1);
  }

  /** Continues a state hash with cursors and loads; what the rows give is not among it. */
  fold(seed: number): number {
    let h = seed;
    for (const [service, { version, cursors, loads }] of this.#states) {
      for (const [node, here] of cursors)
        for (const [server, c] of here) {
          const words = Int32Array.of(service, version, node, server, server / WORD, c.position, c.address, c.port);
          h = hashWords(words, 0, words.length, h);
          h = hashWords(Int32Array.of(c.weight, c.version), 0, 2, h);
        }
      for (const [node, here] of loads)
        for (const [endpoint, load] of here)
          h = hashWords(Int32Array.of(service, node, endpoint, endpoint / WORD, load), 0, 5, h);
    }
    return h;
  }

  #count(ct: Entries, entry: number, difference: number): void {
    const service = ct.service(entry);
    const state = service < 0 ? undefined : this.#states.get(service);
    if (state === undefined || this.#sets.scheduler(service) !== SCHEDULER_LC) return;
    const node = ct.zone(entry);
    let loads = state.loads.get(node);
    if (loads === undefined) {
      loads = new Map();
      state.loads.set(node, loads);
    }
    const key = frontendKey(ct.src(entry, DIR_REPLY), ct.sport(entry, DIR_REPLY));
    const load = (loads.get(key) ?? 0) + difference;
    // A connection that was there before the service counted is not counted when it goes either.
    if (load > 0) loads.set(key, load);
    else loads.delete(key);
  }

  /** @param live false: a server that was never asked for gets no cursor of its own */
  #cursor(service: number, node: number, server: number, live: boolean): Cursor {
    const cursors = this.#states.get(service)?.cursors;
    const here = cursors?.get(node);
    const known = here?.get(server);
    if (known !== undefined) return known;
    const cursor = { position: START, address: 0, port: 0, weight: 0, version: 0 };
    if (!live) return cursor;
    if (here !== undefined) here.set(server, cursor);
    else cursors?.set(node, new Map([[server, cursor]]));
    return cursor;
  }

  /** Position of the last choice in the present set; of its successor's predecessor, when it is gone. */
  #last(service: number, set: number, cursor: Cursor): number {
    const sets = this.#sets;
    const { position, address, port } = cursor;
    if (position === START) return START;
    if (position < sets.setSize(set) && sets.isMember(service, set, position, address, port)) return position;
    const moved = sets.position(service, set, address, port);
    return moved >= 0 ? moved : Math.min(position, sets.setSize(set)) - 1;
  }

  #keep(service: number, set: number, cursor: Cursor, position: number): void {
    const sets = this.#sets;
    const member = sets.setMember(set, position);
    cursor.position = position;
    cursor.address = sets.endpointAddress(service, member);
    cursor.port = sets.endpointPort(service, member);
    cursor.version = this.#states.get(service)?.version ?? 0;
  }

  #tables(row: ServiceRow): Map<number, Uint8Array | Int32Array> {
    const tables = new Map<number, Uint8Array | Int32Array>();
    // Cilium asks its tables for what comes from outside, and that may not come to a ClusterIP.
    const cilium = row.scheduler === SCHEDULER_MAGLEV && row.frontends.some((f) => f.kind !== FRONTEND_CLUSTER_IP);
    if (!cilium && row.scheduler !== SCHEDULER_MH) return tables;
    const sets = this.#sets;
    for (const set of sets.sets(row.id)) {
      const members = Array.from({ length: sets.setSize(set) }, (_, i) => row.endpoints[sets.setMember(set, i)]);
      // One endpoint needs no table.
      if (members.length < 2) continue;
      const keys = members.map((e) => [e.address, e.port] as const);
      const weights = members.map((e) => Math.max(e.weight, 1));
      tables.set(sets.setPlace(row.id, set), maglevTable(keys, weights, cilium ? CILIUM_SLOTS : MH_SLOTS));
    }
    return tables;
  }
}
