// Measures what observing costs the data plane: the same lab without an observer, with a capture that keeps the first bytes
// of each packet, with one that keeps all, and with a trace. README.md says how.
//
//   node test/bench/capture.mjs [--rounds 5] [--seconds 3] [--mtu 9001] [--only tcp,udp] [--snaplen 128]
//                               [--ways off,capture,full,trace] [--podplane FILE] [--json FILE]
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { finish, run, start } from "./commands.mjs";
import { podplanePath } from "./paths.mjs";
import { ratios, spread, table } from "./statistics.mjs";

/** Set in the process that has namespaces of its own. */
const INSIDE = "PODPLANE_BENCH_INSIDE";
const UDP_BYTES = 64;
const UDP_PORT = 5202;
/** A sender outlasts the receiver's measurement, so that its own start and end are not in it. */
const UDP_MARGIN = 0.5;
const GIGA = 1e9;
const MEGA = 1e6;
/** In the summary of a capture. */
const LOST = /([\d,]+) lost/;

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    mtu: { type: "string", default: "9001" },
    only: { type: "string", default: "tcp,udp" },
    snaplen: { type: "string", default: "128" },
    ways: { type: "string", default: "off,off again,capture,full,trace" },
    podplane: { type: "string", default: fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url)) },
    json: { type: "string" },
  },
});
const rounds = Number(options.rounds);
const seconds = Number(options.seconds);
const wanted = options.only.split(",");

/** @typedef {import("./paths.mjs").Path} Path */
/** @typedef {{ rate: number, matched: number, lost: number }} Result bytes or packets a second; packets of the observer */

/**
 * Who observes meanwhile: arguments of the command, its output goes where the arguments say.
 * @type {Record<string, (directory: string) => string[] | null>}
 */
const WAYS = {
  off: () => null,
  // The same once more: how far two measurements of one thing lie apart.
  "off again": () => null,
  capture: (directory) => ["capture", "--snaplen", options.snaplen, "-w", join(directory, "capture.pcapng")],
  full: (directory) => ["capture", "-w", join(directory, "full.pcapng"), "--rotate-size", "64M", "--rotate-keep", "2"],
  filter: (directory) => ["capture", "port", "1", "-w", join(directory, "filter.pcapng")],
  trace: () => ["trace", "-o", "json"],
};

/** One TCP flow in Gbit/s, as the receiver counts it. @param {Path} path */
async function tcp(path) {
  const text = await finish([...path.client, "iperf3", "-J", "-c", path.target, "-t", String(seconds)], path.env);
  return JSON.parse(text).end.sum_received.bits_per_second / GIGA;
}

/** Datagrams of 64 bytes as fast as the sender can, in M packets/s that arrive. @param {Path} path @param {string} udprate */
async function udp(path, udprate) {
  const receive = [udprate, "receive", String(UDP_PORT), String(seconds)];
  const receiver = await start([...path.server, ...receive], /^ready$/, path.env);
  const send = [udprate, "send", path.target, String(UDP_PORT), String(UDP_BYTES), String(seconds + UDP_MARGIN)];
  await finish([...path.client, ...send], path.env);
  await receiver.ended;
  const counted = JSON.parse(receiver.printed[receiver.printed.length - 1]);
  return counted.received / counted.seconds / MEGA;
}

/**
 * A measurement while somebody observes.
 * @param {string} way @param {Path} path @param {string} directory @param {() => Promise<number>} measure
 * @returns {Promise<Result>}
 */
async function observed(way, path, directory, measure) {
  const argv = WAYS[way](directory);
  if (argv === null) return { rate: await measure(), matched: 0, lost: 0 };
  const child = spawn(process.execPath, [options.podplane, ...argv], {
    env: path.env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    said += text;
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  // A capture says when it has begun; a trace has by then.
  const began = performance.now();
  while (!/capturing/.test(said) && performance.now() - began < 1000) await new Promise((r) => setTimeout(r, 20));
  const rate = await measure();
  child.kill("SIGINT");
  await ended;
  const matched = Number(
    /([\d,]+) packets?(?: that were read| that matched|$)/m.exec(said)?.[1].replaceAll(",", "") ?? 0,
  );
  return { rate, matched, lost: Number(LOST.exec(said)?.[1].replaceAll(",", "") ?? 0) };
}

/** @param {string} title @param {string} unit @param {Map<string, Result[]>} results */
function report(title, unit, results) {
  const base = (results.get("off") ?? []).map((r) => r.rate);
  const rows = [["observer", unit, "/ off", "packets lost"]];
  for (const [way, list] of results) {
    const rates = list.map((r) => r.rate);
    const matched = list.reduce((sum, r) => sum + r.matched, 0);
    const lost = list.reduce((sum, r) => sum + r.lost, 0);
    const share = matched === 0 ? "" : `${((100 * lost) / matched).toFixed(1)} %`;
    rows.push([way, spread(rates, 3), base.length === 0 ? "" : spread(ratios(rates, base), 3), share]);
  }
  console.log(`\n${title}\n${table(rows)}`);
}

/** @param {string} scratch */
async function measure(scratch) {
  const udprate = join(scratch, "udprate");
  run(["cc", "-O2", "-o", udprate, fileURLToPath(new URL("udprate.c", import.meta.url))]);
  // Captures go to memory: a disk is not what is measured.
  const files = join(scratch, "files");
  mkdirSync(files);
  run(["mount", "-t", "tmpfs", "-o", "size=8g", "tmpfs", files]);
  const ways = options.ways.split(",");
  for (const way of ways)
    if (WAYS[way] === undefined) throw new Error(`--ways: there is ${Object.keys(WAYS).join(", ")}; got "${way}"`);
  console.log(`${cpus().length} cores (${cpus()[0]?.model ?? ""}), Linux ${release()}, Node ${process.version}`);
  console.log(`${rounds} interleaved rounds of ${seconds} s; median [least..most]; ratios are taken within a round`);
  /** @type {Record<string, Record<string, Result[]>>} */
  const all = {};
  const path = await podplanePath("podplane", options.podplane, Number(options.mtu), scratch);
  /** @type {[string, string, () => Promise<number>][]} */
  const measurements = [];
  if (wanted.includes("tcp")) measurements.push([`TCP, one flow, MTU ${options.mtu}`, "Gbit/s", () => tcp(path)]);
  if (wanted.includes("udp")) measurements.push([`UDP, ${UDP_BYTES} bytes`, "M packets/s", () => udp(path, udprate)]);
  for (const [title, unit, one] of measurements) {
    /** @type {Map<string, Result[]>} */
    const results = new Map(ways.map((way) => [way, []]));
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < ways.length; i++) {
        const way = ways[(i + round) % ways.length];
        results.get(way)?.push(await observed(way, path, files, one));
      }
    }
    report(title, unit, results);
    all[title] = Object.fromEntries(results);
  }
  await path.stop();
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ rounds, seconds, results: all }, null, 2)}\n`);
}

if (process.env[INSIDE] === undefined) {
  // Everything the benchmark starts lives in these namespaces and ends with them, however it ends.
  const namespaces = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const self = [process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const scratch = mkdtempSync(join(tmpdir(), "podplane-bench-"));
  try {
    const done = spawnSync("setpriv", ["--pdeathsig", "KILL", "unshare", ...namespaces, ...self], {
      stdio: "inherit",
      env: { ...process.env, [INSIDE]: scratch },
    });
    if (done.error !== undefined) throw done.error;
    process.exitCode = done.status ?? 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
} else {
  // `ip netns` writes to /run/netns: ours hides the machine's.
  run(["mount", "-t", "tmpfs", "tmpfs", "/run"]);
  mkdirSync("/run/netns");
  run(["ip", "link", "set", "lo", "up"]);
  await measure(process.env[INSIDE]);
  // Ends what is left, as this is PID 1.
  process.exit();
}
