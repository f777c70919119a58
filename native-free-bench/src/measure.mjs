import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Bench } from "tinybench";

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {() => unknown} run one sample: `operations` operations
 * @property {() => void} [before] runs before each sample, untimed
 *
 * @typedef {object} Group
 * @property {string} name
 * @property {string} unit what one operation is
 * @property {number} operations of a sample
 * @property {string} base the case that others are compared with
 * @property {Case[]} cases
 * @property {Case[]} [allocation] cases whose garbage is measured as well
 *
 * @typedef {object} Result
 * @property {string} name
 * @property {number[]} ns nanoseconds an operation, one value a round
 * @property {number} [bytes] allocated an operation
 */

const NS_PER_MS = 1e6;
const ALLOCATION_SAMPLES = 5;

/**
 * Runs a group in interleaved rounds, so that what else the machine does meets every case alike. A round's value is the
 * median of its samples.
 * @param {Group} group
 * @param {{ rounds: number, time: number }} options time in milliseconds a case and round
 * @returns {Promise<Result[]>}
 */
export async function measure(group, { rounds, time }) {
  const all = group.cases;
  /** @type {Map<string, number[]>} */
  const ns = new Map(all.map((c) => [c.name, []]));
  for (let round = 0; round < rounds; round++) {
    const bench = new Bench({ time, iterations: 3, warmup: round === 0, warmupTime: time, throws: true });
    for (let i = 0; i < all.length; i++) {
      const c = all[(i + round) % all.length];
      bench.add(c.name, c.run, c.before === undefined ? {} : { beforeEach: c.before });
    }
    await bench.run();
    for (const task of bench.tasks) {
      if (task.result.state !== "completed") throw new Error(`${group.name}, ${task.name}: ${task.result.state}`);
      ns.get(task.name)?.push((task.result.latency.p50 * NS_PER_MS) / group.operations);
    }
  }
  const measured = group.allocation ?? [];
  return group.cases.map((c) => ({
    name: c.name,
    ns: ns.get(c.name) ?? [],
    ...(measured.includes(c) ? { bytes: allocated(c, group.operations) } : {}),
  }));
}

/** @returns {() => void} */
function collector() {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}

/**
 * Bytes that an operation leaves on the heap: how much a sample makes the heap grow, less what an empty one does. The
 * smallest of several, because the optimizer allocates too.
 * @param {Case} c
 * @param {number} operations
 */
function allocated(c, operations) {
  const collect = collector();
  const grown = (/** @type {() => unknown} */ run) => {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < ALLOCATION_SAMPLES; i++) {
      c.before?.();
      collect();
      const start = process.memoryUsage().heapUsed;
      run();
      // A collection in between would make it negative; the next sample will do.
      const bytes = process.memoryUsage().heapUsed - start;
      if (bytes >= 0) least = Math.min(least, bytes);
    }
    return least;
  };
  return Math.max(0, grown(c.run) - grown(() => undefined)) / operations;
}

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * @param {Group} group
 * @param {Result[]} results
 */
export function report(group, results) {
  const base = results.find((r) => r.name === group.base);
  if (base === undefined) throw new Error(`${group.name} has no case ${group.base}`);
  const header = ["case", `ns/${group.unit}`, "spread", `M ${group.unit}s/s`, `time / ${group.base}`, "bytes"];
  const lines = results.map((r) => {
    const ratio = median(r.ns.map((value, round) => value / base.ns[round]));
    return [
      r.name,
      median(r.ns).toFixed(1),
      `${Math.min(...r.ns).toFixed(1)}..${Math.max(...r.ns).toFixed(1)}`,
      (1000 / median(r.ns)).toFixed(2),
      ratio.toFixed(2),
      r.bytes === undefined ? "" : r.bytes.toFixed(1),
    ];
  });
  const rows = [header, ...lines];
  const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const text = rows.map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))));
  console.log(`\n${group.name}\n${text.map((row) => `  ${row.join("  ")}`.trimEnd()).join("\n")}`);
}
