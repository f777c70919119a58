import { LinearList, MapPerLength } from "./lpmTwin.mjs";
import { ownCopy } from "./ownCopy.mjs";
import { Lpm, maskOf, Random } from "./plane.mjs";

/** Lookups a sample: as many as addresses, a power of two. */
const LOOKUPS = 1 << 14;
/** 1,000 nodes with 16 prefixes each; and the IPv4 table of a router without a default route has near a million. */
const EKS_PREFIXES = 16_000;
const INTERNET_PREFIXES = 500_000;
/** Addresses that a hot pattern repeats: the peers of one busy node. */
const HOT = 64;
/** Addresses that the linear list is asked for: it reads the whole table each time. */
const CHECKED = { eks: 1000, internet: 40 };

/**
 * @param {number} n
 * @param {(i: number) => [prefix: number, length: number]} row
 * @returns {import("./lpmTwin.mjs").Table}
 */
function tableOf(n, row) {
  const table = { prefixes: new Int32Array(n), lengths: new Uint8Array(n), values: new Int32Array(n) };
  for (let i = 0; i < n; i++) {
    const [prefix, length] = row(i);
    table.prefixes[i] = prefix & maskOf(length);
    table.lengths[i] = length;
    table.values[i] = i;
  }
  return table;
}

/** A VPC's mapping: its CIDR block, the subnets, and the /28 prefixes of its ENIs, one after the other. */
function eksTable() {
  const subnets = 16;
  return tableOf(EKS_PREFIXES, (i) => {
    if (i === 0) return [10 << 24, 8];
    if (i <= subnets) return [(10 << 24) + ((i - 1) << 14), 18];
    return [(10 << 24) + (i - subnets) * 16, 28];
  });
}

/** As a router's full view: three in five prefixes are /24, the rest mostly /16 to /23, and neighbours follow each other. */
function internetTable() {
  const random = new Random(1);
  let at = 0;
  let run = 0;
  return tableOf(INTERNET_PREFIXES, () => {
    if (run === 0) {
      at = (1 + random.below(223)) * 2 ** 24 + random.below(2 ** 16) * 2 ** 8;
      run = 1 + random.below(24);
    }
    run--;
    at += 256;
    const dice = random.below(1000);
    if (dice < 590) return [at | 0, 24];
    if (dice < 970) return [at | 0, 16 + random.below(8)];
    if (dice < 985) return [at | 0, 8 + random.below(8)];
    return [(at + random.below(256)) | 0, 25 + random.below(8)];
  });
}

/** Addresses below prefixes of the table. @param {import("./lpmTwin.mjs").Table} table @param {number} different */
function addressesOf(table, different) {
  const random = new Random(2);
  const pool = Int32Array.from({ length: different }, () => {
    const i = random.below(table.prefixes.length);
    return table.prefixes[i] | (random.nextInt() & ~maskOf(table.lengths[i]));
  });
  return Int32Array.from({ length: LOOKUPS }, (_, i) => pool[different === LOOKUPS ? i : random.below(different)]);
}

/**
 * Each lookup waits for the one before: its answer is part of the next address's place.
 * @param {Table} table
 * @param {Int32Array} addresses
 */
function chain(table, addresses) {
  const mask = addresses.length - 1;
  let at = 0;
  for (let i = 0; i <= mask; i++) at = (at + 1 + (table.lookup(addresses[at]) & 1)) & mask;
  return at;
}

/** @param {Table} table @param {Int32Array} addresses */
function sum(table, addresses) {
  let total = 0;
  for (let i = 0; i < addresses.length; i++) total = (total + table.lookup(addresses[i])) | 0;
  return total;
}

/** What a lookup costs that is none. */
const NO_TABLE = { lookup: (/** @type {number} */ address) => address };
/** @typedef {{ lookup(address: number): number }} Table */

/**
 * @param {string} name
 * @param {typeof sum} walk
 * @param {Table} table
 * @param {Int32Array} addresses
 */
function walking(name, walk, table, addresses) {
  const own = ownCopy(walk);
  return { name, run: () => own(table, addresses) };
}

/** @returns {import("./measure.mjs").Group[]} */
export function lpmGroups() {
  /** @type {[string, import("./lpmTwin.mjs").Table, number][]} */
  const tables = [
    [`EKS, ${EKS_PREFIXES} prefixes`, eksTable(), CHECKED.eks],
    [`Internet-like, ${INTERNET_PREFIXES} prefixes`, internetTable(), CHECKED.internet],
  ];
  return tables.flatMap(([title, table, checked]) => {
    const lpm = new Lpm();
    lpm.load(table.prefixes, table.lengths, table.values);
    const maps = new MapPerLength(table);
    const list = new LinearList(table);
    return [
      { pattern: "uniform", addresses: addressesOf(table, LOOKUPS), walk: sum },
      { pattern: "hot", addresses: addressesOf(table, HOT), walk: sum },
      { pattern: "chain", addresses: addressesOf(table, LOOKUPS), walk: chain },
    ].map(({ pattern, addresses, walk }) => {
      const out = new Int32Array(LOOKUPS);
      check(`${title}, ${pattern}`, addresses, checked, lpm, maps, list, out);
      const lookup = walking("lookup", walk, lpm, addresses);
      const cases = [
        lookup,
        walking("Map per length", walk, maps, addresses),
        walking("empty loop", walk, NO_TABLE, addresses),
      ];
      if (walk === sum) cases.push({ name: "lookupBatch", run: () => lpm.lookupBatch(addresses, out, LOOKUPS) });
      return {
        name: `lpm: ${title}, ${pattern}`,
        unit: "lookup",
        operations: LOOKUPS,
        base: lookup.name,
        cases,
        allocation: [lookup],
      };
    });
  });
}

/**
 * @param {string} title
 * @param {Int32Array} addresses
 * @param {number} checked
 * @param {Lpm} lpm
 * @param {MapPerLength} maps
 * @param {LinearList} list
 * @param {Int32Array} out
 */
function check(title, addresses, checked, lpm, maps, list, out) {
  lpm.lookupBatch(addresses, out, LOOKUPS);
  for (let i = 0; i < LOOKUPS; i++) {
    const a = addresses[i];
    const found = lpm.lookup(a);
    const wanted = i < checked ? list.lookup(a) : maps.lookup(a);
    if (found !== wanted || out[i] !== wanted || maps.lookup(a) !== wanted)
      throw new Error(`${title}: ${a >>> 0} gives ${found}, in a batch ${out[i]}, and not ${wanted}`);
  }
}
