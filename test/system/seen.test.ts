import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { podCommand } from "../../src/lab/podEntry.ts";
import type { SeenCell, SeenReport } from "../../src/lab/seenReport.ts";
import { Podplane, Program, QUICKSTART } from "./podplane.ts";
import { until } from "./support/wait.ts";

// Every cell of the matrix of labs/seen is true three times: `seen` says it, `why` says it, and tcpdump in the receiving
// namespace sees it (or sees nothing, while the drop's counter rises and a later packet arrives).

const CONNECT = fileURLToPath(new URL("support/connect.py", import.meta.url));
/** Seconds that a connection may take to be answered. */
const PATIENCE = 10;
/** MSS of the first cell's SYN, and of the first marker's. */
const FIRST_CELL = 1000;
const FIRST_MARKER = 500;

let podplane: Podplane;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

/** One cell of the matrix, with the MSS that its packets are known by. */
interface Case {
  readonly source: string;
  readonly cell: SeenCell;
  readonly mss: number;
}

/** A SYN that tcpdump saw come in. */
interface Sighting {
  readonly by: string;
  readonly address: string;
  readonly mss: number;
}

/** A copy of the lab with other variables of the CNI. */
function labWith(env: Record<string, string>): string {
  const directory = join(podplane.directory, "seen");
  cpSync(join(QUICKSTART, "../seen"), directory, { recursive: true });
  const file = join(directory, "lab.yaml");
  const lines = Object.entries(env).map(([name, value]) => `        ${name}: "${value}"`);
  const text = readFileSync(file, "utf8").replace(/^ +POD_SECURITY_GROUP_ENFORCING_MODE: .*$/m, lines.join("\n"));
  writeFileSync(file, text);
  return directory;
}

const isAnswered = ({ cell }: Case): boolean => cell.answer?.comesBack === true;

/** Runs a command in a namespace, as `podplane exec` does but without a Node of its own: there are many. */
async function enter(name: string, ...command: string[]): Promise<Program> {
  const { hostPid, entry } = await podplane.ask("exec", { name });
  const diesWithParent = ["setpriv", "--pdeathsig", "KILL", "--"];
  const into = ["nsenter", "--target", String(hostPid), "--mount", "--pid", "--", ...diesWithParent];
  return new Program([...into, ...podCommand(entry, command)], podplane.env);
}

/** Listens in a namespace for SYNs that come in. */
async function listen(name: string): Promise<Program> {
  // As root: a process that changes its user outlives the one that started it (prctl(2), PR_SET_PDEATHSIG).
  const options = ["-i", "eth0", "-Q", "in", "-n", "-l", "--immediate-mode", "-Z", "root"];
  const dump = await enter(name, "tcpdump", ...options, "tcp[tcpflags] == tcp-syn");
  await dump.says(/listening on/);
  return dump;
}

function sightings(by: string, { stdout }: Program): Sighting[] {
  const found = stdout.matchAll(/ IP ([\d.]+)\.\d+ > [\d.]+: Flags \[S\],.*\[mss (\d+)/g);
  return [...found].map(([, address, mss]) => ({ by, address, mss: Number(mss) }));
}

/** Opens connections from a namespace, all at once. @returns what became of each, by its MSS */
async function connect(source: string, cases: readonly Case[]): Promise<Map<number, string>> {
  const targets = cases.map((c) => {
    const { address, port } = c.cell.asked;
    return `${address}:${port}:${c.mss}:${isAnswered(c) ? 1 : 0}`;
  });
  const program = await enter(source, "python3", CONNECT, String(PATIENCE), ...targets);
  const { status, stdout, stderr } = await program.ended;
  expect(status, stderr).toBe(0);
  return new Map(Object.entries(JSON.parse(stdout) as Record<string, string>).map(([mss, how]) => [Number(mss), how]));
}

/** By source, in parallel. */
async function connectAll(cases: readonly Case[]): Promise<Map<number, string>> {
  const sources = [...new Set(cases.map((c) => c.source))];
  const results = await Promise.all(
    sources.map((source) =>
      connect(
        source,
        cases.filter((c) => c.source === source),
      ),
    ),
  );
  return new Map(results.flatMap((r) => [...r]));
}

/** What `why` says of a cell, as the cell has it. */
async function why({ source, cell }: Case) {
  const question = { protocol: "tcp", source, destination: cell.destination.asked, fromPort: null };
  const { verdict, reason, seen } = await podplane.ask("why", question);
  return { verdict, reason, by: seen?.by, address: seen?.source.address };
}

/** For each receiver a cell that reaches it, again: what comes behind everything else. */
function markers(cases: readonly Case[]): Case[] {
  const byReceiver = new Map<string, Case>();
  for (const c of cases) {
    const by = c.cell.seen?.by;
    if (by !== undefined && isAnswered(c)) byReceiver.set(by, c);
  }
  return [...byReceiver.values()].map((c, i) => ({ ...c, mss: FIRST_MARKER + i }));
}

/** How many packets each reason has ended. */
function drops(cases: readonly Case[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { cell } of cases)
    for (const reason of [cell.reason, cell.answer?.reason ?? null])
      if (reason !== null) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return counts;
}

const CUSTOM = { AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true", POD_SECURITY_GROUP_ENFORCING_MODE: "standard" };

it.each([
  {
    name: "as it is",
    env: { POD_SECURITY_GROUP_ENFORCING_MODE: "strict" },
    kinds: ["primary", "secondary", "branchStrict"],
  },
  { name: "with custom networking, branch ENIs in standard mode", env: CUSTOM, kinds: ["custom", "branchStandard"] },
  {
    name: "with custom networking and external SNAT",
    env: { ...CUSTOM, AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" },
    kinds: ["custom", "branchStandard"],
  },
])("the lab $name: seen, why and tcpdump agree on every cell", async ({ env, kinds }) => {
  const lab = labWith(env);
  await podplane.up(lab);
  const question = ["--vs", "AWS_VPC_K8S_CNI_RANDOMIZESNAT=none", "-o", "json"];
  const report = JSON.parse(await podplane.must("seen", ...question)) as SeenReport;
  // A running lab and its files give the same.
  expect(JSON.parse(await podplane.must("seen", "--lab", lab, ...question))).toEqual(report);
  const [{ rows }] = report.sides;
  expect(rows.map((r) => r.source.kind)).toEqual([...kinds, "hostNetwork"]);
  const cases = rows.flatMap(({ source, cells }) => cells.map((cell) => ({ source: source.name, cell })));
  const numbered = cases.map((c, i): Case => ({ ...c, mss: FIRST_CELL + i }));

  for (const c of numbered) {
    const { verdict, reason, seen } = c.cell;
    expect(await why(c), `${c.source} ${c.cell.destination.asked}`).toEqual({
      verdict,
      reason,
      by: seen?.by,
      address: seen?.address,
    });
  }

  const machines = [
    ...(await podplane.get("pods")).filter((p) => !p.hostNetwork).map((p) => `pod/${p.namespace}/${p.name}`),
    ...(await podplane.get("nodes")).map((n) => `node/${n.name}`),
    ...["db", "cache", "registry", "erp", "web"].map((host) => `host/${host}`),
  ];
  await podplane.serving(...machines.filter((name) => /^host|default/.test(name)));
  const dumps = new Map(await Promise.all(machines.map(async (name) => [name, await listen(name)] as const)));
  const results = await connectAll(numbered);
  expect(numbered.map((c) => [c.source, c.cell.destination.asked, results.get(c.mss)])).toEqual(
    numbered.map((c) => [c.source, c.cell.destination.asked, isAnswered(c) ? "accepted" : "silent"]),
  );
  const marks = markers(numbered);
  await connectAll(marks);
  for (const { cell, mss } of marks)
    await until(
      `${cell.seen?.by} to see marker ${mss}`,
      () => dumps.get(cell.seen?.by ?? "")?.stdout.includes(`mss ${mss},`) ?? false,
    );

  const seen = [...dumps].flatMap(([name, dump]) => sightings(name, dump)).filter((s) => s.mss >= FIRST_CELL);
  const where = (mss: number) => seen.filter((s) => s.mss === mss).map(({ by, address }) => `${by} sees ${address}`);
  for (const { source, cell, mss } of numbered) {
    const expected = cell.seen === null ? [] : [`${cell.seen.by} sees ${cell.seen.address}`];
    // A SYN may have been sent again.
    expect([...new Set(where(mss))], `${source} ${cell.destination.asked}`).toEqual(expected);
  }
  await Promise.all([...dumps.values()].map((dump) => dump.stop()));
  const { drops: counted } = await podplane.finish();
  const expected = drops(numbered);
  expect(Object.keys(counted).sort()).toEqual([...expected.keys()].sort());
  for (const [reason, count] of expected) expect(counted[reason], reason).toBeGreaterThanOrEqual(count);
});
