import { BlockPool } from "../lpm/pool.ts";
import { FRONTEND_LOAD_BALANCER_IP, type Frontend, type ServiceRow } from "../rows.ts";
import { maskOf } from "../wire/address.ts";

/*
 * One block of int32 cells a service:
 *
 *   0        flags        4  endpoints: count, offset     address, port, weight each
 *   1        affinity ms  6  frontends: count, offset     kind, address, port each
 *   2        scheduler    8  source ranges: count, offset prefix, mask each
 *   3        protocol    10  nodes: count, offset         node, offset of its cluster set, of its local set; by node
 *                        12  offset of the cluster set of all other nodes
 *
 * A set is its size and as many numbers of endpoints. Offsets count from the block's start, those of sets included.
 */
const FLAGS = 0;
const AFFINITY = 1;
const SCHEDULER = 2;
const PROTOCOL = 3;
const ENDPOINTS = 4;
const FRONTENDS = 6;
const RANGES = 8;
const NODES = 10;
const CLUSTER = 12;
const NO_SET = 13;
const HEADER = 14;
const ENDPOINT_WORDS = 3;
const FRONTEND_WORDS = 3;
const RANGE_WORDS = 2;
const NODE_WORDS = 3;

const HAS_ENDPOINTS = 1;
const INTERNAL_LOCAL = 2;
const EXTERNAL_LOCAL = 4;

const NONE = -1;
const MS = 1000;

/**
 * What services are, flattened: endpoints, policies, and what each node may choose from. All services lie in one array,
 * each in a block of a power of two cells, so that a change costs the block it changes and a lookup allocates nothing.
 */
export class EndpointSets {
  readonly #pool = new BlockPool();
  #base = new Int32Array(0);
  #order = new Uint8Array(0);

  has(service: number): boolean {
    return service >= 0 && service < this.#base.length && this.#base[service] !== NONE;
  }

  protocol(service: number): number {
    return this.#pool.cells[this.#base[service] + PROTOCOL];
  }

  /** Whether the service has an endpoint on any node. */
  hasEndpoints(service: number): boolean {
    return (this.#pool.cells[this.#base[service] + FLAGS] & HAS_ENDPOINTS) !== 0;
  }

  internalLocal(service: number): boolean {
    return (this.#pool.cells[this.#base[service] + FLAGS] & INTERNAL_LOCAL) !== 0;
  }

  externalLocal(service: number): boolean {
    return (this.#pool.cells[this.#base[service] + FLAGS] & EXTERNAL_LOCAL) !== 0;
  }

  /** Session affinity's timeout in ms, 0 without. */
  affinity(service: number): number {
    return this.#pool.cells[this.#base[service] + AFFINITY];
  }

  scheduler(service: number): number {
    return this.#pool.cells[this.#base[service] + SCHEDULER];
  }

  endpointCount(service: number): number {
    return this.#pool.cells[this.#base[service] + ENDPOINTS];
  }

  endpointAddress(service: number, endpoint: number): number {
    return this.#pool.cells[this.#endpoint(service, endpoint)];
  }

  endpointPort(service: number, endpoint: number): number {
    return this.#pool.cells[this.#endpoint(service, endpoint) + 1];
  }

  endpointWeight(service: number, endpoint: number): number {
    return this.#pool.cells[this.#endpoint(service, endpoint) + 2];
  }

  frontendCount(service: number): number {
    return this.#pool.cells[this.#base[service] + FRONTENDS];
  }

  /** A frontend as an object: for changes of tables, not for packets. */
  frontend(service: number, index: number): Frontend {
    const cells = this.#pool.cells;
    const at = this.#part(service, FRONTENDS) + index * FRONTEND_WORDS;
    return { kind: cells[at] as Frontend["kind"], address: cells[at + 1], port: cells[at + 2] };
  }

  /**
   * Handle of the set that a node chooses from under "Cluster" policies. Handles hold until the next {@link put}.
   */
  clusterSet(service: number, node: number): number {
    const base = this.#base[service];
    const at = this.#node(service, node);
    return base + (at < 0 ? this.#pool.cells[base + CLUSTER] : this.#pool.cells[at + 1]);
  }

  /** Handle of the set that a node chooses from under "Local" policies. */
  localSet(service: number, node: number): number {
    const base = this.#base[service];
    const at = this.#node(service, node);
    return base + (at < 0 ? NO_SET : this.#pool.cells[at + 2]);
  }

  setSize(set: number): number {
    return this.#pool.cells[set];
  }

  /** Number of the endpoint at a position of a set. */
  setMember(set: number, position: number): number {
    return this.#pool.cells[set + 1 + position];
  }

  /** A set's place within its service: the same for two handles of one set, and not moved by other services. */
  setPlace(service: number, set: number): number {
    return set - this.#base[service];
  }

  /** Position of an endpoint in a set, or -1. Costs the set: for affinity, at connection set-up. */
  position(service: number, set: number, address: number, port: number): number {
    const size = this.setSize(set);
    for (let i = 0; i < size; i++) if (this.isMember(service, set, i, address, port)) return i;
    return NONE;
  }

  /** Whether the endpoint at a position of a set has this address and port. */
  isMember(service: number, set: number, position: number, address: number, port: number): boolean {
    const cells = this.#pool.cells;
    const at = this.#endpoint(service, cells[set + 1 + position]);
    return cells[at] === address && cells[at + 1] === port;
  }

  hasRanges(service: number): boolean {
    return this.#pool.cells[this.#base[service] + RANGES] > 0;
  }

  /** Whether an address is in one of loadBalancerSourceRanges. */
  inRanges(service: number, address: number): boolean {
    const cells = this.#pool.cells;
    const from = this.#part(service, RANGES);
    const to = from + cells[this.#base[service] + RANGES] * RANGE_WORDS;
    for (let at = from; at < to; at += RANGE_WORDS) if ((address & cells[at + 1]) === cells[at]) return true;
    return false;
  }

  /** Whether an address is one of the service's load balancer addresses. */
  isLoadBalancer(service: number, address: number): boolean {
    const cells = this.#pool.cells;
    const from = this.#part(service, FRONTENDS);
    const to = from + cells[this.#base[service] + FRONTENDS] * FRONTEND_WORDS;
    for (let at = from; at < to; at += FRONTEND_WORDS)
      if (cells[at] === FRONTEND_LOAD_BALANCER_IP && cells[at + 1] === address) return true;
    return false;
  }

  /** The sets of a service, each once: for tables that are made of a set. */
  sets(service: number): number[] {
    const base = this.#base[service];
    const cells = this.#pool.cells;
    const places = new Set([cells[base + CLUSTER]]);
    const from = this.#part(service, NODES);
    for (let i = 0; i < cells[base + NODES]; i++) {
      places.add(cells[from + i * NODE_WORDS + 1]);
      places.add(cells[from + i * NODE_WORDS + 2]);
    }
    return Array.from(places, (place) => base + place);
  }

  put(row: ServiceRow): void {
    this.remove(row.id);
    this.#reserve(row.id);
    const nodes = row.nodes.toSorted((a, b) => a.node - b.node);
    const own = (set: number[]): number => (set === row.cluster ? 0 : set.length + 1);
    const size =
      HEADER +
      row.endpoints.length * ENDPOINT_WORDS +
      row.frontends.length * FRONTEND_WORDS +
      row.sourceRanges.length * RANGE_WORDS +
      (row.cluster.length + 1) +
      nodes.reduce((sum, n) => sum + NODE_WORDS + own(n.cluster) + own(n.local), 0);
    const order = 32 - Math.clz32(size - 1);
    const base = this.#pool.allocate(order);
    this.#base[row.id] = base;
    this.#order[row.id] = order;
    const cells = this.#pool.cells;
    let at = base + HEADER;
    const part = (field: number, count: number): void => {
      cells[base + field] = count;
      cells[base + field + 1] = at - base;
    };
    const set = (members: number[]): number => {
      const place = at - base;
      cells[at++] = members.length;
      for (const member of members) cells[at++] = member;
      return place;
    };
    cells[base + FLAGS] =
      (row.hasEndpoints ? HAS_ENDPOINTS : 0) |
      (row.internalLocal ? INTERNAL_LOCAL : 0) |
      (row.externalLocal ? EXTERNAL_LOCAL : 0);
    cells[base + AFFINITY] = row.affinity * MS;
    cells[base + SCHEDULER] = row.scheduler;
    cells[base + PROTOCOL] = row.protocol;
    cells[base + NO_SET] = 0;
    part(ENDPOINTS, row.endpoints.length);
    for (const e of row.endpoints) {
      cells[at++] = e.address;
      cells[at++] = e.port;
      cells[at++] = Math.max(e.weight, 1);
    }
    part(FRONTENDS, row.frontends.length);
    for (const f of row.frontends) {
      cells[at++] = f.kind;
      cells[at++] = f.address;
      cells[at++] = f.port;
    }
    part(RANGES, row.sourceRanges.length);
    for (const r of row.sourceRanges) {
      cells[at++] = r.prefix;
      cells[at++] = maskOf(r.length);
    }
    const cluster = set(row.cluster);
    cells[base + CLUSTER] = cluster;
    part(NODES, nodes.length);
    let entry = at;
    at += nodes.length * NODE_WORDS;
    for (const n of nodes) {
      cells[entry++] = n.node;
      cells[entry++] = n.cluster === row.cluster ? cluster : set(n.cluster);
      cells[entry++] = n.local === row.cluster ? cluster : set(n.local);
    }
  }

  remove(service: number): void {
    if (!this.has(service)) return;
    this.#pool.release(this.#base[service], this.#order[service]);
    this.#base[service] = NONE;
  }

  /** Cell of the first word of a part of a service's block. */
  #part(service: number, field: number): number {
    const base = this.#base[service];
    return base + this.#pool.cells[base + field + 1];
  }

  #endpoint(service: number, endpoint: number): number {
    const base = this.#base[service];
    return base + this.#pool.cells[base + ENDPOINTS + 1] + endpoint * ENDPOINT_WORDS;
  }

  /** Cell of a node's entry, by binary search, or -1: the node chooses from what all do. */
  #node(service: number, node: number): number {
    const cells = this.#pool.cells;
    const from = this.#part(service, NODES);
    let low = 0;
    let high = cells[this.#base[service] + NODES];
    while (low < high) {
      const middle = (low + high) >> 1;
      const at = from + middle * NODE_WORDS;
      if (cells[at] === node) return at;
      if (cells[at] < node) low = middle + 1;
      else high = middle;
    }
    return NONE;
  }

  #reserve(service: number): void {
    if (service < this.#base.length) return;
    const size = Math.max(service + 1, this.#base.length * 2, 16);
    const base = new Int32Array(size).fill(NONE);
    base.set(this.#base);
    this.#base = base;
    const order = new Uint8Array(size);
    order.set(this.#order);
    this.#order = order;
  }
}
