import { BlockPool } from "../lpm/pool.ts";
import { type Reason, reason } from "../reasons.ts";
import type { ServiceRow } from "../rows.ts";
import { frontendKey } from "./affinity.ts";
import type { EndpointSets } from "./endpointSets.ts";

// What is counted of a service port.
export const HIT_CONNECTIONS = 0;
/** Refused: no endpoint anywhere, or none that this node may use. */
export const HIT_NO_ENDPOINTS = 1;
export const HIT_NO_LOCAL = 2;
/** Refused: the source is not in loadBalancerSourceRanges, or may not use the address from outside. */
export const HIT_SOURCE = 3;
export const HIT_WORDS = 4;

// How {@link ServiceHits.report} lays a service out, in numbers: its index, its counts, how many endpoints follow, then
// address, port and connections of each.
export const REPORT_SERVICE = 0;
export const REPORT_COUNTS = 1;
export const REPORT_ENDPOINTS = REPORT_COUNTS + HIT_WORDS;
export const REPORT_HEADER = REPORT_ENDPOINTS + 1;
export const REPORT_ENDPOINT_WORDS = 3;

const NONE = -1;
/** A count of an endpoint: two words, the lower 32 bits first. */
const COUNT_WORDS = 2;
const HIGH_WORD = 4_294_967_296;

const REFUSED_AS = new Map<Reason, number>([
  [reason("SERVICE_NO_ENDPOINTS"), HIT_NO_ENDPOINTS],
  [reason("SERVICE_NO_LOCAL_ENDPOINT"), HIT_NO_LOCAL],
  [reason("SERVICE_SOURCE_RANGE"), HIT_SOURCE],
  [reason("SERVICE_CLUSTER_IP_EXTERNAL"), HIT_SOURCE],
]);

/**
 * New connections of service ports and of their endpoints, and packets that were refused. A service keeps its counts while
 * it exists, an endpoint (by address and port) while its service has it. Memory of a service is taken with its first
 * connection; a connection costs three increments.
 */
export class ServiceHits {
  readonly #sets: EndpointSets;
  #counts = new Float64Array(0);
  /** Services that have counts, in no order; and each one's place among them. */
  readonly #touched: number[] = [];
  #place = new Int32Array(0);
  readonly #pool = new BlockPool();
  /** Cell of a service's endpoint counts, in the order of its row; NONE: it had no connection yet. */
  #base = new Int32Array(0);
  #order = new Uint8Array(0);

  constructor(sets: EndpointSets) {
    this.#sets = sets;
  }

  /** A connection's first packet was bound to an endpoint, by its place in the row. */
  connected(service: number, endpoint: number): void {
    if (service >= this.#place.length || this.#place[service] === NONE) this.#touch(service);
    this.#counts[service * HIT_WORDS + HIT_CONNECTIONS]++;
    if (this.#base[service] === NONE) this.#make(service, this.#sets.endpointCount(service));
    const cells = this.#pool.cells;
    const at = this.#base[service] + endpoint * COUNT_WORDS;
    const low = (cells[at] + 1) | 0;
    cells[at] = low;
    if (low === 0) cells[at + 1]++;
  }

  /** A NEW packet for a service was refused. */
  refused(service: number, why: Reason): void {
    const as = REFUSED_AS.get(why);
    if (as === undefined) return;
    if (service >= this.#place.length || this.#place[service] === NONE) this.#touch(service);
    this.#counts[service * HIT_WORDS + as]++;
  }

  /** To be called before a service's sets become those of a new row: endpoints that stay keep their counts. */
  change(row: ServiceRow): void {
    const service = row.id;
    if (service >= this.#base.length || this.#base[service] === NONE || !this.#sets.has(service)) return;
    const before = new Map<number, number>();
    for (let i = 0; i < this.#sets.endpointCount(service); i++) {
      const key = frontendKey(this.#sets.endpointAddress(service, i), this.#sets.endpointPort(service, i));
      before.set(key, this.#endpointCount(service, i));
    }
    this.#release(service);
    this.#make(service, row.endpoints.length);
    row.endpoints.forEach(({ address, port }, i) => {
      const count = before.get(frontendKey(address, port)) ?? 0;
      const at = this.#base[service] + i * COUNT_WORDS;
      this.#pool.cells[at] = (count % HIGH_WORD) | 0;
      this.#pool.cells[at + 1] = Math.floor(count / HIGH_WORD);
    });
  }

  /** Forgets a service that is gone. */
  remove(service: number): void {
    if (service >= this.#place.length || this.#place[service] === NONE) return;
    this.#release(service);
    this.#counts.fill(0, service * HIT_WORDS, (service + 1) * HIT_WORDS);
    const place = this.#place[service];
    const last = this.#touched.pop() ?? service;
    if (last !== service) {
      this.#touched[place] = last;
      this.#place[last] = place;
    }
    this.#place[service] = NONE;
  }

  /** All services that have counts (REPORT_*). Costs those, not the services that there are. Not on a packet's way. */
  report(): Float64Array<ArrayBuffer> {
    let size = 0;
    for (const service of this.#touched) size += REPORT_HEADER + this.#counted(service) * REPORT_ENDPOINT_WORDS;
    const out = new Float64Array(size);
    let at = 0;
    for (const service of this.#touched) {
      const endpoints = this.#counted(service);
      out[at + REPORT_SERVICE] = service;
      out.set(this.#counts.subarray(service * HIT_WORDS, (service + 1) * HIT_WORDS), at + REPORT_COUNTS);
      out[at + REPORT_ENDPOINTS] = endpoints;
      at += REPORT_HEADER;
      for (let i = 0; i < endpoints; i++, at += REPORT_ENDPOINT_WORDS) {
        out[at] = this.#sets.endpointAddress(service, i);
        out[at + 1] = this.#sets.endpointPort(service, i);
        out[at + 2] = this.#endpointCount(service, i);
      }
    }
    return out;
  }

  /** Endpoints of a service that have counts: all, or none. */
  #counted(service: number): number {
    return this.#base[service] === NONE ? 0 : this.#sets.endpointCount(service);
  }

  #endpointCount(service: number, endpoint: number): number {
    const at = this.#base[service] + endpoint * COUNT_WORDS;
    return (this.#pool.cells[at] >>> 0) + this.#pool.cells[at + 1] * HIGH_WORD;
  }

  #touch(service: number): void {
    if (service >= this.#place.length) this.#grow(service + 1);
    this.#place[service] = this.#touched.length;
    this.#touched.push(service);
  }

  #make(service: number, endpoints: number): void {
    const order = 32 - Math.clz32(Math.max(endpoints * COUNT_WORDS - 1, 0));
    const base = this.#pool.allocate(order);
    this.#pool.cells.fill(0, base, base + (1 << order));
    this.#base[service] = base;
    this.#order[service] = order;
  }

  #release(service: number): void {
    if (this.#base[service] === NONE) return;
    this.#pool.release(this.#base[service], this.#order[service]);
    this.#base[service] = NONE;
  }

  #grow(size: number): void {
    const length = Math.max(size, this.#place.length * 2, 16);
    const place = new Int32Array(length).fill(NONE);
    place.set(this.#place);
    const base = new Int32Array(length).fill(NONE);
    base.set(this.#base);
    const order = new Uint8Array(length);
    order.set(this.#order);
    const counts = new Float64Array(length * HIT_WORDS);
    counts.set(this.#counts);
    [this.#place, this.#base, this.#order, this.#counts] = [place, base, order, counts];
  }
}
