import { LRUCache } from "lru-cache";
import { ownCopy } from "./ownCopy.mjs";
import { Conntrack, Packet, PROTO_UDP, Random } from "./plane.mjs";

/** Connections: a busy node's and a large lab's. */
const SIZES = [10_000, 100_000];
/** Packets a sample. */
const PACKETS = 4096;
const ZONE = 0;
const KEY = Int32Array.of(1, 2, 3, 4);
const UDP_TIMEOUT = 30_000;

/**
 * Connections of one client range to one server range, each with its own pair of ports.
 * @param {number} n
 * @param {number} seed
 */
function flows(n, seed) {
  const random = new Random(seed);
  const address = (/** @type {number} */ base) => (base + random.below(4096)) | 0;
  return {
    src: Int32Array.from({ length: n }, () => address(0x0a000000)),
    dst: Int32Array.from({ length: n }, () => address(0xac140000)),
    // A pair of ports is never used twice, also by flows of another seed.
    sport: Int32Array.from({ length: n }, (_, i) => 1024 + (i % 60_000)),
    dport: Int32Array.from({ length: n }, (_, i) => 1 + seed * 16 + Math.floor(i / 60_000)),
  };
}
/** @typedef {ReturnType<typeof flows>} Flows */

/** What people write first: a string of the five fields as the key, an object as the entry, one key a direction. */
const keyOf = (
  /** @type {number} */ src,
  /** @type {number} */ dst,
  /** @type {number} */ sport,
  /** @type {number} */ dport,
) => `${ZONE}/${PROTO_UDP}/${src}:${sport}-${dst}:${dport}`;

/** @typedef {{ id: number, deadline: number, forward: string, back: string }} Entry */

/** Conntrack by a Map, or by anything that has its methods (lru-cache). */
class KeyedTable {
  /** @param {{ get(key: string): Entry | undefined, set(key: string, entry: Entry): unknown, has(key: string): boolean, delete(key: string): boolean }} store */
  constructor(store) {
    this.store = store;
  }

  /** @param {Flows} f @param {number} i @param {number} now */
  insert(f, i, now) {
    const forward = keyOf(f.src[i], f.dst[i], f.sport[i], f.dport[i]);
    const back = keyOf(f.dst[i], f.src[i], f.dport[i], f.sport[i]);
    const entry = { id: i, deadline: now + UDP_TIMEOUT, forward, back };
    this.store.set(forward, entry);
    this.store.set(back, entry);
    return entry;
  }

  /** @param {Flows} f @param {number} i @param {number} now */
  hit(f, i, now) {
    const entry = this.store.get(keyOf(f.src[i], f.dst[i], f.sport[i], f.dport[i]));
    if (entry === undefined || entry.deadline <= now) return -1;
    entry.deadline = now + UDP_TIMEOUT;
    return entry.id;
  }

  /** @param {Flows} f @param {number} i */
  has(f, i) {
    return this.store.has(keyOf(f.src[i], f.dst[i], f.sport[i], f.dport[i]));
  }

  /** @param {Entry} entry */
  remove(entry) {
    this.store.delete(entry.forward);
    this.store.delete(entry.back);
  }
}

/** podplane's, with the same surface. */
class PlaneTable {
  /** @param {number} capacity */
  constructor(capacity) {
    this.ct = new Conntrack({ capacity, zones: 1, hashKey: KEY });
    this.p = new Packet(new Uint8Array(64));
    this.p.protocol = PROTO_UDP;
  }

  /** @param {Flows} f @param {number} i @param {number} now */
  #track(f, i, now) {
    const p = this.p;
    p.src = f.src[i];
    p.dst = f.dst[i];
    p.sport = f.sport[i];
    p.dport = f.dport[i];
    this.ct.track(p, ZONE, now);
    return p.ct;
  }

  /** @param {Flows} f @param {number} i @param {number} now */
  insert(f, i, now) {
    const entry = this.#track(f, i, now);
    this.ct.setEndpoint(entry, i);
    this.ct.confirm(entry, now);
    return entry;
  }

  /** @param {Flows} f @param {number} i @param {number} now */
  hit(f, i, now) {
    return this.ct.endpoint(this.#track(f, i, now));
  }

  /** @param {Flows} f @param {number} i */
  has(f, i) {
    return this.ct.isTaken(ZONE, PROTO_UDP, f.src[i], f.dst[i], f.sport[i], f.dport[i], -1);
  }

  /** @param {number} entry */
  remove(entry) {
    this.ct.remove(entry);
  }
}

/** @returns {import("./measure.mjs").Group[]} */
export function conntrackGroups() {
  return SIZES.flatMap((size) => {
    const known = flows(size, 1);
    const unknown = flows(PACKETS, 2);
    const room = size + PACKETS;
    const tables = [
      { name: "Conntrack", table: new PlaneTable(room) },
      { name: "Map", table: new KeyedTable(new Map()) },
      { name: "lru-cache", table: new KeyedTable(new LRUCache({ max: 2 * room })) },
    ];
    for (const { table } of tables) for (let i = 0; i < size; i++) table.insert(known, i, 1);
    check(tables, known, unknown, size);
    const random = new Random(3);
    const order = Int32Array.from({ length: PACKETS }, () => random.below(size));
    const hits = tables.map(({ name, table }) => looping(name, hit, table, known, order));
    const misses = tables.map(({ name, table }) => looping(name, miss, table, unknown));
    const inserts = tables.map(({ name, table }) => looping(name, insert, table, unknown, new Array(PACKETS).fill(0)));
    const group = (
      /** @type {string} */ what,
      /** @type {string} */ unit,
      /** @type {import("./measure.mjs").Case[]} */ cases,
    ) => ({
      name: `conntrack: ${what}, ${size} connections`,
      unit,
      operations: PACKETS,
      base: "Conntrack",
      cases,
      allocation: cases,
    });
    return [
      group("packet of a known connection", "packet", hits),
      group("lookup of an unknown tuple", "lookup", misses),
      group("new connection, and its removal", "connection", inserts),
    ];
  });
}

/** @param {PlaneTable | KeyedTable} table @param {Flows} known @param {Int32Array} order */
function hit(table, known, order) {
  let sum = 0;
  for (let i = 0; i < order.length; i++) sum = (sum + table.hit(known, order[i], 1)) | 0;
  return sum;
}

/** @param {PlaneTable | KeyedTable} table @param {Flows} unknown */
function miss(table, unknown) {
  let found = 0;
  for (let i = 0; i < unknown.src.length; i++) if (table.has(unknown, i)) found++;
  return found;
}

/** @param {{ insert(f: Flows, i: number, now: number): unknown, remove(entry: unknown): void }} table @param {Flows} unknown @param {unknown[]} made */
function insert(table, unknown, made) {
  for (let i = 0; i < made.length; i++) made[i] = table.insert(unknown, i, 1);
  for (let i = 0; i < made.length; i++) table.remove(made[i]);
}

/**
 * A case whose loop is its own.
 * @template {unknown[]} A
 * @param {string} name
 * @param {(...args: A) => unknown} loop
 * @param {A} args
 */
function looping(name, loop, ...args) {
  const own = ownCopy(loop);
  return { name, run: () => own(...args) };
}

/**
 * All tables know what they should, and nothing else.
 * @param {{ name: string, table: PlaneTable | KeyedTable }[]} tables
 * @param {Flows} known
 * @param {Flows} unknown
 * @param {number} size
 */
function check(tables, known, unknown, size) {
  for (const { name, table } of tables) {
    for (let i = 0; i < size; i++)
      if (table.hit(known, i, 1) !== i)
        throw new Error(`conntrack: ${name} finds ${table.hit(known, i, 1)} for flow ${i}`);
    for (let i = 0; i < PACKETS; i++)
      if (table.has(unknown, i)) throw new Error(`conntrack: ${name} knows flow ${i}, which it was never told of`);
  }
}
