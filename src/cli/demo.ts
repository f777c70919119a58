import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { ask } from "../lab/controlClient.ts";
import { loadLab } from "../lab/files/load.ts";
import { STATE_VARIABLE, stateDirectory } from "../lab/stateDirectory.ts";
import { superviseInner } from "../lab/supervisor.ts";
import { bold, dim, print, table } from "./output.ts";

const SCRIPT = fileURLToPath(new URL("./main.js", import.meta.url));
const LAB = fileURLToPath(new URL("../../labs/quickstart", import.meta.url));
const REQUESTS = 60;
const BAR = 40;
/** Metrics that the demo shows, of the many that there are. */
const SHOWN_METRICS =
  /^podplane_(packets_read_total|packets_written_total|nat_dnat_total|nat_snat_total|conntrack_entries|lpm_routes) /;

export function demoCommand(program: Command): void {
  program
    .command("demo")
    .description("bring the quickstart lab up, send real requests through it, explain one, take it down")
    .action(async () => {
      process.exitCode = await demo();
    });
}

async function demo(): Promise<number> {
  const name = loadLab(LAB).cluster.lab.metadata.name;
  process.env[STATE_VARIABLE] = stateDirectory();
  title("A cluster of two nodes in two zones", "podplane up labs/quickstart");
  let ready = (): void => {};
  const up = new Promise<void>((resolve) => {
    ready = resolve;
  });
  // This process is the lab's outer one: if it ends in whatever way, the lab ends with it.
  const ended = superviseInner(["up", LAB, "--metrics-port", "0"], { script: SCRIPT, onReady: () => ready() });
  const first = await Promise.race([up, ended]);
  if (first !== undefined) return first;
  try {
    await tour(name);
  } catch (error) {
    await ask(name, "down", null).catch(() => {});
    await ended;
    throw error;
  }
  title("Everything down again", "podplane down");
  await ask(name, "down", null);
  const code = await ended;
  print(`lab ${name} is down: no namespace, device, process or file is left`);
  return code;
}

async function tour(name: string): Promise<void> {
  await show("nodes", ["get", "nodes"]);
  await show(null, ["get", "pods"]);
  await show(null, ["get", "services"]);

  const each = `until curl -fs -m 1 http://api/ >/dev/null; do sleep 0.1; done; for i in $(seq ${REQUESTS}); do curl -s http://api/; done`;
  title(
    `${REQUESTS} HTTP requests from a pod on node-1, through the ClusterIP, to pods on node-2`,
    "podplane exec pod/client -- curl http://api/",
  );
  const answers = lines(await run(["exec", "pod/client", "--", "sh", "-c", each])).map((l) => JSON.parse(l) as Answer);
  const hits = new Map<string, number>();
  for (const a of answers) hits.set(a.name, (hits.get(a.name) ?? 0) + 1);
  const most = Math.max(...hits.values());
  const rows = [...hits].sort(([a], [b]) => (a < b ? -1 : 1));
  print(
    table(
      ["ENDPOINT", "REQUESTS", ""],
      rows.map(([who, n]) => [who, n, "#".repeat(Math.round((n / most) * BAR))]),
    ),
  );
  if (answers.length !== REQUESTS) throw new Error(`expected ${REQUESTS} answers, got ${answers.length}`);

  title("Who sees which source address", "podplane exec pod/client -- curl http://rds:5432/  (and http://web/)");
  const client = await address("pod/client");
  const rds = await seenBy("http://rds:5432/");
  const web = await seenBy("http://web/");
  print(
    table(
      ["SERVER", "SAW", "BECAUSE"],
      [
        ["rds, in the VPC", rds, "inside the VPC nothing is translated"],
        ["web, on the internet", web, "SNAT by the node, then the internet gateway's 1:1"],
      ],
    ),
  );
  print(dim(`(the client pod's own address is ${client})`));

  await show("Why? The same code that forwards says so; nothing is sent", ["why", "tcp", "pod/client", "svc/api:80"]);
  await show("Connections, on both nodes", ["get", "conntrack"], 10);
  const { metrics } = await ask(name, "status", null);
  title("Prometheus metrics", `curl ${metrics}`);
  const text = await (await fetch(metrics)).text();
  for (const line of lines(text)) if (SHOWN_METRICS.test(line)) print(line);
  print("");
}

interface Answer {
  name: string;
  client: string;
}

async function address(object: string): Promise<string> {
  const pods = JSON.parse(await run(["get", "pods", object, "-o", "json"])) as { address: string }[];
  return pods[0]?.address ?? "";
}

async function seenBy(url: string): Promise<string> {
  const text = await run(["exec", "pod/client", "--", "curl", "-sS", "-m", "5", url]);
  return (JSON.parse(text) as Answer).client;
}

function title(text: string, command: string): void {
  print(`\n${bold(`== ${text}`)}\n${dim(`$ ${command}`)}`);
}

async function show(heading: string | null, args: string[], limit = Number.POSITIVE_INFINITY): Promise<void> {
  if (heading === null) print(dim(`\n$ podplane ${args.join(" ")}`));
  else title(heading[0].toUpperCase() + heading.slice(1), `podplane ${args.join(" ")}`);
  const all = lines(await run(args));
  for (const line of all.slice(0, limit)) print(line);
  if (all.length > limit) print(dim(`... ${all.length - limit} more`));
}

function lines(text: string): string[] {
  return text.trimEnd().split("\n");
}

/** Runs the command line as a person would, and gives what it printed. */
function run(args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(text);
      else reject(new Error(`podplane ${args.join(" ")} failed with ${code}`));
    });
  });
}
