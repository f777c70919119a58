// Measures podplane against the device's limit and against the kernel; README.md says what and how.
//
//   node test/bench/run.mjs [--rounds 5] [--seconds 3] [--mtu 9001,1500] [--podplane NAME=FILE]... [--json FILE]
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { finish, run, start } from "./commands.mjs";
import { kernelPath, loopPath, podplanePath } from "./paths.mjs";
import { ratios, spread, table } from "./statistics.mjs";

/** Set in the process that has namespaces of its own. */
const INSIDE = "PODPLANE_BENCH_INSIDE";
const UDP_BYTES = 64;
const UDP_PORT = 5202;
/** A sender outlasts the receiver's measurement, so that its own start and end are not in it. */
const UDP_MARGIN = 0.5;
const GIGA = 1e9;
const MEGA = 1e6;

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    mtu: { type: "string", default: "9001,1500" },
    podplane: { type: "string", multiple: true, default: [] },
    only: { type: "string", default: "tcp,udp" },
    json: { type: "string" },
  },
});
const rounds = Number(options.rounds);
const seconds = Number(options.seconds);
const wanted = options.only.split(",");

/** @typedef {{ rate: number, cpuPerUnit: number | null }} Result bytes or packets a second; CPU seconds a GB or a million packets */

/**
 * One TCP flow, as the receiver counts it.
 * @param {import("./paths.mjs").Path} path
 * @returns {Promise<Result>}
 */
async function tcp(path) {
  const before = path.cpu();
  const text = await finish([...path.client, "iperf3", "-J", "-c", path.target, "-t", String(seconds)], path.env);
  const { bytes, bits_per_second } = JSON.parse(text).end.sum_received;
  const after = path.cpu();
  return {
    rate: bits_per_second / GIGA,
    cpuPerUnit: before === null || after === null ? null : (after - before) / (bytes / GIGA),
  };
}

/**
 * Datagrams of 64 bytes, as fast as the sender can; what arrives counts.
 * @param {import("./paths.mjs").Path} path
 * @param {string} udprate
 * @returns {Promise<Result>}
 */
async function udp(path, udprate) {
  const receiver = await start(
    [...path.server, udprate, "receive", String(UDP_PORT), String(seconds)],
    /^ready$/,
    path.env,
  );
  const before = path.cpu();
  const send = [udprate, "send", path.target, String(UDP_PORT), String(UDP_BYTES), String(seconds + UDP_MARGIN)];
  await finish([...path.client, ...send], path.env);
  await receiver.ended;
  const after = path.cpu();
  const counted = JSON.parse(receiver.printed[receiver.printed.length - 1]);
  return {
    rate: counted.received / counted.seconds / MEGA,
    cpuPerUnit: before === null || after === null ? null : (after - before) / (counted.received / MEGA),
  };
}

/** @param {string} scratch @param {string} name */
function compile(scratch, name) {
  const program = join(scratch, name);
  run(["cc", "-O2", "-o", program, fileURLToPath(new URL(`${name}.c`, import.meta.url))]);
  return program;
}

/**
 * @param {string} title
 * @param {string} unit
 * @param {string} cpuUnit
 * @param {Map<string, Result[]>} results
 */
function report(title, unit, cpuUnit, results) {
  const base = (/** @type {string} */ name) => (results.get(name) ?? []).map((r) => r.rate);
  const rows = [["path", unit, "/ C loop", "/ kernel", cpuUnit]];
  for (const [name, list] of results) {
    const rates = list.map((r) => r.rate);
    const cpu = list.flatMap((r) => (r.cpuPerUnit === null ? [] : [r.cpuPerUnit]));
    rows.push([
      name,
      spread(rates, 2),
      spread(ratios(rates, base("loop")), 3),
      spread(ratios(rates, base("kernel")), 3),
      cpu.length === 0 ? "" : spread(cpu, 2),
    ]);
  }
  console.log(`\n${title}\n${table(rows)}`);
}

/** @param {string} scratch */
async function measure(scratch) {
  const builds = options.podplane.length > 0 ? options.podplane : [`podplane=${defaultScript()}`];
  const tunloop = compile(scratch, "tunloop");
  const udprate = compile(scratch, "udprate");
  /** @type {Record<string, Record<string, Result[]>>} */
  const all = {};
  console.log(`${cpus().length} cores (${cpus()[0]?.model ?? ""}), Linux ${release()}, Node ${process.version}`);
  console.log(`${rounds} interleaved rounds of ${seconds} s; median [least..most]; ratios are taken within a round`);
  for (const [index, mtu] of options.mtu.split(",").map(Number).entries()) {
    const paths = [await loopPath("loop", tunloop, mtu), await kernelPath("kernel", mtu)];
    for (const build of builds) {
      const [name, script] = build.split("=");
      paths.push(await podplanePath(name, script, mtu, scratch));
    }
    /** @type {[string, string, string, (path: import("./paths.mjs").Path) => Promise<Result>][]} */
    const measurements = [];
    if (wanted.includes("tcp")) measurements.push([`TCP, one flow, MTU ${mtu}`, "Gbit/s", "CPU s/GB", tcp]);
    // A datagram of 64 bytes is the same at every MTU.
    if (wanted.includes("udp") && index === 0)
      measurements.push([`UDP, ${UDP_BYTES} bytes`, "M packets/s", "CPU s/M packets", (path) => udp(path, udprate)]);
    for (const [title, unit, cpuUnit, one] of measurements) {
      /** @type {Map<string, Result[]>} */
      const results = new Map(paths.map((p) => [p.name, []]));
      for (let round = 0; round < rounds; round++) {
        for (let i = 0; i < paths.length; i++) {
          const path = paths[(i + round) % paths.length];
          results.get(path.name)?.push(await one(path));
        }
      }
      report(title, unit, cpuUnit, results);
      all[title] = Object.fromEntries(results);
    }
    for (const path of paths) await path.stop();
  }
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ rounds, seconds, results: all }, null, 2)}\n`);
}

function defaultScript() {
  return fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
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
