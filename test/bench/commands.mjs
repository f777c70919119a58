// Processes of the benchmark: all end when it ends, because they live in its PID namespace.
import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** USER_HZ, which the kernel fixes at 100 for every program (man 5 proc, /proc/pid/stat). */
const TICKS_PER_SECOND = 100;

/**
 * Runs a command to its end; what it wrote.
 * @param {string[]} argv
 * @param {{ input?: string, env?: NodeJS.ProcessEnv }} [options]
 */
export function run(argv, options = {}) {
  return execFileSync(argv[0], argv.slice(1), { encoding: "utf8", stdio: ["pipe", "pipe", "inherit"], ...options });
}

/**
 * Starts a command that stays, and waits for the line that says it is ready.
 * @param {string[]} argv
 * @param {RegExp} ready
 * @param {NodeJS.ProcessEnv} [env]
 */
export async function start(argv, ready, env = process.env) {
  const child = spawn(argv[0], argv.slice(1), { env, stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  /** @type {string[]} */
  const printed = [];
  const ended = new Promise((resolve) => child.on("close", resolve));
  await new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      printed.push(line);
      if (ready.test(line)) resolve(undefined);
    });
    child.on("error", reject);
    ended.then((code) => reject(new Error(`${argv.join(" ")} ended with ${code}: ${printed.join("\n")}`)));
  });
  return { child, printed, ended };
}

/**
 * A command's end as a promise of what it printed, without holding up this process.
 * @param {string[]} argv
 * @param {NodeJS.ProcessEnv} [env]
 */
export async function finish(argv, env = process.env) {
  const child = spawn(argv[0], argv.slice(1), { env, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (piece) => {
    text += piece;
  });
  const code = await new Promise((resolve, reject) => {
    child.on("close", resolve);
    child.on("error", reject);
  });
  if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${code}: ${text}`);
  return text;
}

/**
 * CPU seconds of a process and its descendants whose command line matches, all threads, user and system.
 * @param {number} root
 * @param {RegExp} command
 */
export function cpuSeconds(root, command) {
  const parents = new Map();
  const ticks = new Map();
  for (const pid of readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      parents.set(pid, Number(fields[1]));
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      if (command.test(line)) ticks.set(pid, Number(fields[11]) + Number(fields[12]));
    } catch {
      // The process has ended meanwhile.
    }
  }
  let sum = 0;
  for (const [pid, used] of ticks) {
    let at = pid;
    while (at !== root && parents.has(at)) at = parents.get(at);
    if (at === root) sum += used;
  }
  return sum / TICKS_PER_SECOND;
}
