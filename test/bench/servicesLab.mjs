// One lab of many services, up from its files to the first answer, with changes of one endpoint.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SECOND = 1000;
const MEGA = 1e6;
const KIBI = 1024;
/** USER_HZ (man 5 proc_pid_stat). */
const TICKS_PER_SECOND = 100;
const CHANGES = 50;
const ECHOES = 5000;
const POLL_MS = 5;
const ADDRESS = "172.20.0.99";
const WEB = "172.20.0.98";
const SERVER = fileURLToPath(new URL("../../labs/quickstart/server.mjs", import.meta.url));
const UDP = fileURLToPath(new URL("../system/support/udp.mjs", import.meta.url));

const pod = (name, node, command) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", labels: { app: name } },
  spec: { nodeName: node, containers: [{ name: "main", command }] },
});
const service = (name, clusterIP, port) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "default" },
  spec: { clusterIP, selector: { app: name }, ports: [{ targetPort: 8080, ...port }] },
});

/** Servers, and a client that asks until it is answered. */
const WORKLOADS = [
  pod("web", "node-2", ["node", SERVER, "8080"]),
  service("web", WEB, { port: 80 }),
  pod("echo", "node-2", ["node", UDP, "echo", "8080"]),
  service("echo", ADDRESS, { port: 7, protocol: "UDP" }),
  pod("client", "node-1", [
    "sh",
    "-c",
    `until curl -s -o /dev/null http://${WEB}/; do :; done; echo answered; sleep infinity`,
  ]),
];

/** @param {string} path @param {string} verb @param {unknown} argument */
function ask(path, verb, argument) {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(path);
    socket.setEncoding("utf8").on("data", (piece) => {
      text += piece;
    });
    socket.on("error", reject);
    socket.on("end", () => {
      const { result, error } = JSON.parse(text);
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    });
    socket.write(`${JSON.stringify({ verb, argument })}\n`);
  });
}

/** All processes of a lab: those whose environment names its state directory. Peak memory, bytes, and CPU time, seconds. */
function usage(state) {
  let memory = 0;
  let ticks = 0;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "utf8").includes(state)) continue;
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      memory += Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * KIBI;
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has ended meanwhile.
    }
  }
  return { memory: memory / MEGA, cpu: ticks / TICKS_PER_SECOND };
}

/**
 * @param {string} directory of the lab's files
 * @param {string} dist
 * @param {(i: number) => object} change an object to apply
 */
export async function measureLab(directory, dist, change) {
  const scratch = mkdtempSync(join(tmpdir(), "podplane-services-state-"));
  const state = join(scratch, "state");
  mkdirSync(state);
  const env = { ...process.env, PODPLANE_STATE: state, HOME: state };
  const socket = join(state, "services.sock");
  writeFileSync(
    join(directory, "workloads.json"),
    JSON.stringify({ apiVersion: "v1", kind: "List", items: WORKLOADS }),
  );
  const main = join(dist, "cli/main.js");
  const began = performance.now();
  const up = spawn(process.execPath, [main, "up", directory, "--metrics-port", "0"], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => up.on("exit", resolve));
  try {
    await new Promise((resolve, reject) => {
      up.stdout.on("data", (text) => {
        if (/ is up in /.test(String(text))) resolve(undefined);
      });
      ended.then((code) => reject(new Error(`podplane up ended with ${code}`)));
    });
    const isUp = performance.now();
    const isAnswered = async () =>
      (await ask(socket, "logs", { name: "pod/client" })).some((l) => /answered/.test(l.text));
    while (!(await isAnswered())) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const answered = performance.now();
    const { memory, cpu } = usage(state);

    const argv = [main, "exec", "pod/client", "--", "node", UDP, "ask", ADDRESS, "7", String(ECHOES), "64"];
    const flow = spawn(process.execPath, argv, { env, stdio: ["ignore", "pipe", "inherit"] });
    let printed = "";
    flow.stdout.on("data", (text) => {
      printed += text;
    });
    const flowed = new Promise((resolve) => flow.on("close", resolve));
    const times = [];
    const file = join(scratch, "change.json");
    for (let i = 0; i < CHANGES; i++) {
      writeFileSync(file, JSON.stringify(change(i)));
      const before = performance.now();
      await ask(socket, "apply", { path: file });
      times.push(performance.now() - before);
    }
    await flowed;
    const echoed = printed === "" ? 0 : JSON.parse(printed).answered;
    return {
      up: (isUp - began) / SECOND,
      answered: (answered - began) / SECOND,
      cpu,
      memory,
      change: times.toSorted((a, b) => a - b)[CHANGES >> 1],
      lost: ECHOES - echoed,
    };
  } finally {
    up.kill("SIGTERM");
    await ended;
    rmSync(scratch, { recursive: true, force: true });
  }
}
