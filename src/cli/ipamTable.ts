import type { SimulationResult, Stall } from "../control/ipam/simulate/result.ts";
import { durationText } from "../control/objects/duration.ts";
import { delayText, stalledTime, sum } from "../observe/simulationText.ts";
import { groupDigits } from "../observe/svg.ts";
import { bold, wrap } from "./output.ts";

/** A line of the table: what it says, and of which results that is worth saying. */
interface Row {
  readonly label: string;
  readonly cell: (result: SimulationResult) => string;
  /** Left out where no result has it; without it the row is always there. */
  readonly shown?: (result: SimulationResult) => boolean;
}

const number = (n: number): string => groupDigits(n);
const most = (list: readonly number[]): string => number(Math.max(0, ...list));

const delay =
  (key: "p50" | "p90" | "p99" | "max") =>
  ({ startDelay }: SimulationResult): string =>
    startDelay === null ? "-" : delayText(startDelay[key]);

const ROWS: readonly Row[] = [
  { label: "mode", cell: (r) => r.mode },
  { label: "pods started", cell: (r) => number(r.startDelay?.count ?? 0) },
  { label: "start delay p50", cell: delay("p50") },
  { label: "start delay p90", cell: delay("p90") },
  { label: "start delay p99", cell: delay("p99") },
  { label: "start delay max", cell: delay("max") },
  { label: "most pods waiting", cell: (r) => most(r.series.waitingMost) },
  { label: "waiting at the end", cell: (r) => number(r.waiting), shown: (r) => r.waiting > 0 },
  { label: "no node at the end", cell: (r) => number(r.unscheduled), shown: (r) => r.unscheduled > 0 },
  { label: "ADDs failed", cell: (r) => number(r.failedAdds) },
  { label: "not assignable: times", cell: (r) => number(r.stalls.length) },
  {
    label: "not assignable: node time",
    cell: (r) => delayText(stalledTime(r.stalls)),
    shown: (r) => r.stalls.length > 0,
  },
  { label: "not assignable: pods", cell: (r) => number(r.stalledPods), shown: (r) => r.stalls.length > 0 },
  { label: "most assigned", cell: (r) => most(r.series.assigned) },
  { label: "most reserved by nodes", cell: (r) => most(r.series.reserved) },
  { label: "least free in subnets", cell: (r) => number(Math.min(...r.series.subnetFree)) },
  { label: "most ENIs", cell: (r) => most(r.series.enis) },
  { label: "most prefixes", cell: (r) => most(r.series.prefixes), shown: (r) => Math.max(...r.series.prefixes) > 0 },
  { label: "EC2 calls", cell: (r) => number(sum(r.calls)) },
  { label: "EC2 calls throttled", cell: (r) => number(r.throttled), shown: (r) => r.throttled > 0 },
  { label: "EC2 calls refused", cell: (r) => number(sum(r.refusals)), shown: (r) => sum(r.refusals) > 0 },
  { label: "addresses given twice", cell: (r) => number(r.duplicates.length), shown: (r) => r.duplicates.length > 0 },
  { label: "violations", cell: (r) => number(r.violations.length), shown: (r) => r.violations.length > 0 },
  { label: "history", cell: (r) => r.history },
];

const GAP = "  ";
const INDENT = "  ";

/** The results side by side, to the right; in several tables where they are too many for the width. */
function tables(results: readonly SimulationResult[], width: number): string[] {
  const rows = ROWS.filter(({ shown }) => shown === undefined || results.some(shown));
  const labels = Math.max(...rows.map((r) => r.label.length));
  const columns = results.map((result) => {
    const cells = [result.variant, ...rows.map((row) => row.cell(result))];
    const wide = Math.max(...cells.map((c) => c.length));
    return cells.map((c) => c.padStart(wide));
  });
  const groups: string[][][] = [];
  let room = 0;
  for (const column of columns) {
    const needed = GAP.length + column[0].length;
    if (groups.length === 0 || needed > room) {
      groups.push([]);
      room = width - labels;
    }
    groups[groups.length - 1].push(column);
    room -= needed;
  }
  return groups.map((group) =>
    ["", ...rows.map((r) => r.label)]
      .map((label, i) => [label.padEnd(labels), ...group.map((column) => column[i])].join(GAP))
      .map((line, i) => (i === 0 ? bold(line) : line))
      .join("\n"),
  );
}

/** As many of a kind are told one by one. */
const TOLD = 3;

function stallLines(stalls: readonly Stall[]): string[] {
  const longest = [...stalls].sort((a, b) => b.to - b.from - (a.to - a.from) || a.from - b.from).slice(0, TOLD);
  return longest.map(
    ({ node, from, to, pods, available }) =>
      `not assignable on ${node} from ${delayText(from)} to ${delayText(to)}: ${available} counted as available, ${pods} ${pods === 1 ? "pod" : "pods"} held up`,
  );
}

/** What went wrong, in sentences. */
function troubles(result: SimulationResult): string[] {
  const { failures, stalls, duplicates, violations, refusals } = result;
  const more = (count: number, what: string): string[] =>
    count > TOLD ? [`and ${number(count - TOLD)} more ${what}`] : [];
  return [
    ...failures
      .slice(0, TOLD)
      .map((f) => `${number(f.count)} ADDs failed, first ${f.pod} on ${f.node} at ${delayText(f.time)}: ${f.message}`),
    ...more(failures.length, "messages of failed ADDs"),
    ...stallLines(stalls),
    ...more(stalls.length, "such times"),
    ...Object.entries(refusals).map(([code, count]) => `EC2 said ${code} ${number(count)} times`),
    ...duplicates
      .slice(0, TOLD)
      .map((d) => `${d.address} given to ${d.pods[1]} at ${delayText(d.time)}, which ${d.pods[0]} had, on ${d.node}`),
    ...more(duplicates.length, "addresses given twice"),
    ...violations.map((v) => `violation at ${delayText(v.time)}: ${v.text}`),
  ];
}

function indented(line: string, width: number): string {
  return wrap(line, width - INDENT.length, INDENT).replace(/^/gm, INDENT);
}

/** The results of a scenario for people, no line longer than the width as far as names allow. */
export function simulationTable(name: string, results: readonly SimulationResult[], width: number): string {
  const [first] = results;
  const parts = [`${name}: ${durationText(first.duration)}, seed ${first.seed}`, ...tables(results, width)];
  for (const result of results) {
    const lines = troubles(result);
    if (lines.length === 0) continue;
    parts.push([bold(result.variant), ...lines.map((line) => indented(line, width))].join("\n"));
  }
  return parts.join("\n\n");
}
