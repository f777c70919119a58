import { readdirSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Podplane, type Program, SERVER } from "./podplane.ts";
import { type Process, processTree } from "./support/lab.ts";
import { deploymentDocument, labDocument, podDocument, serviceDocument } from "./support/labObjects.ts";
import { processesOf } from "./support/traces.ts";
import { until } from "./support/wait.ts";

/** A lab may take a second to end; a machine that does other things gets another one. */
const END_MS = 2000;
const SOCKET = "test.sock";

let podplane: Podplane;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

function writeLab(pods = 10): string {
  return podplane.write("lab.yaml", [
    labDocument(),
    podDocument("client", { spec: { nodeName: "node-1" } }),
    podDocument("server", { command: ["node", SERVER, "8080"], spec: { nodeName: "node-2" } }),
    serviceDocument("server", [{ port: 80, targetPort: 8080 }]),
    // Processes that leave orphans, and that ignore SIGTERM.
    deploymentDocument("stubborn", pods, { command: ["sh", "-c", 'trap "" TERM; sleep 3600 & (sleep 3601 &) ; wait'] }),
  ]);
}

type Role = "outer" | "unshare" | "inner";

/** A process of the lab (not of the trial that precedes it); undefined while it does not run. */
function processOf(up: Program, role: Role): number | undefined {
  if (role === "outer") return up.pid;
  const [outer, ...others] = processTree(up.pid);
  const program = role === "inner" ? outer.command.split(" ")[0] : "unshare ";
  // A child of the outer process has its command line until it runs a program of its own, and is not the inner one.
  const isIt = ({ command, parent }: Process) =>
    command.startsWith(program) && command.includes("lab.yaml") && (role === "unshare" || parent !== up.pid);
  return others.find(isIt)?.pid;
}

/** Files of namespaces that the lab has made so far: its directory is mounted over in its own mount namespace. */
function namespacesMade(up: Program): number {
  const inner = processOf(up, "inner");
  if (inner === undefined) return 0;
  try {
    return readdirSync(`/proc/${inner}/root${podplane.state}`).filter((file) => file.startsWith("pod.")).length;
  } catch {
    return 0;
  }
}

/** Moments of a lab's life, each with what can be seen of it. */
const MOMENTS: [string, (up: Program) => boolean][] = [
  ["when it tries whether it may", (up) => processTree(up.pid).length > 1],
  ["when unshare runs", (up) => processOf(up, "unshare") !== undefined],
  ["when the inner process runs", (up) => processOf(up, "inner") !== undefined],
  ["when its control socket is there", () => podplane.left().includes(SOCKET)],
  ["when some of its namespaces are made", (up) => namespacesMade(up) >= 3],
  ["when it is up", isUp],
];

function isUp(up: Program): boolean {
  return / is up in /.test(up.stdout);
}

async function startUntil(seen: (up: Program) => boolean): Promise<Program> {
  const up = podplane.spawn("up", writeLab(), "--metrics-port", "0");
  await until("the lab to come that far", () => seen(up) || up.child.exitCode !== null);
  return up;
}

/** @returns milliseconds from the call until no process of the lab is left. */
async function timeToEnd(): Promise<number> {
  const began = performance.now();
  await until("the lab's processes to end", () => processesOf(podplane.directory).length === 0);
  return Math.round(performance.now() - began);
}

/** What kill -9 leaves: at most the control socket. */
async function expectKilled(): Promise<void> {
  expect(await timeToEnd()).toBeLessThan(END_MS);
  await podplane.expectNothingLeft(podplane.left().filter((file) => file === SOCKET));
}

/** The lab comes up again, works, and goes down. */
async function expectNextWorks(): Promise<void> {
  await podplane.up(writeLab(2));
  await podplane.serving("pod/server");
  const address = await podplane.clusterIP("server");
  expect(await podplane.sh("pod/client", `curl -sS http://${address}/`)).toContain('"name":"server"');
  await podplane.finish();
}

const ROLES: Role[] = ["outer", "unshare", "inner"];

describe("kill -9", () => {
  it.each(ROLES)("of %s at any moment leaves nothing, and the next lab works", async (role) => {
    for (const [, seen] of MOMENTS) {
      const up = await startUntil(seen);
      process.kill(processOf(up, role) ?? up.pid, "SIGKILL");
      await up.ended;
      await expectKilled();
    }
    await expectNextWorks();
  });

  it("in the middle of a transfer leaves nothing, and the next lab works", async () => {
    for (const role of ROLES) {
      const up = await startUntil(isUp);
      await podplane.serving("pod/server");
      const url = `http://${await podplane.clusterIP("server")}/bytes/100000000000`;
      const curl = podplane.background("pod/client", "curl", "-sS", "-o", "/dev/null", url);
      await until("the transfer to run", async () => (await podplane.metrics()).get("packets_read_total") > 1000);
      process.kill(processOf(up, role) ?? 0, "SIGKILL");
      await Promise.all([up.ended, curl.ended]);
      await expectKilled();
    }
    await expectNextWorks();
  });
});

describe("a signal", () => {
  it.each(["SIGINT", "SIGTERM"] as const)("%s at any moment ends the lab, and nothing is left", async (signal) => {
    const took: string[] = [];
    for (const [moment, seen] of MOMENTS) {
      const up = await startUntil(seen);
      const began = performance.now();
      up.child.kill(signal);
      const { status, stderr } = await up.ended;
      const ms = Math.round(performance.now() - began);
      took.push(`${moment}: ${ms} ms`);
      expect(ms, took.join("; ")).toBeLessThan(END_MS);
      expect(stderr, moment).toBe("");
      // Before the lab begins, it is podplane that the signal ends; then the lab goes down in order.
      if (moment !== MOMENTS[0][0]) expect(status, moment).toBe(0);
      await podplane.expectNothingLeft();
    }
    console.log(`${signal}: ${took.join("; ")}`);
  });

  it("that comes again and again while the lab goes down changes nothing", async () => {
    const up = await startUntil(isUp);
    const began = performance.now();
    for (let i = 0; i < 5; i++) {
      up.child.kill("SIGINT");
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await up.ended).status).toBe(0);
    expect(performance.now() - began).toBeLessThan(END_MS);
    await podplane.expectNothingLeft();
  });

  it("while `podplane down` takes the lab down changes nothing", async () => {
    const up = await startUntil(isUp);
    await podplane.ask("down", null);
    up.child.kill("SIGINT");
    expect((await up.ended).status).toBe(0);
    await podplane.expectNothingLeft();
  });
});

describe("a lab that takes long to go down", () => {
  it("says how long it has been at it", async () => {
    await podplane.up(writeLab(2));
    const { pid } = await podplane.ask("status", null);
    // Its PID 1 cannot end while it is stopped.
    process.kill(pid, "SIGSTOP");
    const down = podplane.spawn("down");
    await down.says(/taking lab test down, 1 s\ntaking lab test down, 2 s/);
    process.kill(pid, "SIGCONT");
    expect(await down.ended).toMatchObject({ status: 0, stdout: "lab test is down\n" });
    await podplane.expectNothingLeft();
  });
});

describe("an error that nobody caught", () => {
  it.each([
    ["in the main thread", "main"],
    ["in the plane", "plane"],
  ] as const)("%s ends the process within a second, with nothing left", async (_, where) => {
    const up = await startUntil(isUp);
    const began = performance.now();
    await podplane.ask("fault", { where }).catch(() => {});
    const { status, stderr } = await up.ended;
    const ms = Math.round(performance.now() - began);
    console.log(`fault in ${where}: ended after ${ms} ms`);
    expect(ms).toBeLessThan(END_MS);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^podplane: Error: fault injected into the (main thread|plane)\n/);
    await podplane.expectNothingLeft();
  });

  it("ends a detached lab as well", async () => {
    await podplane.up(writeLab());
    await podplane.ask("fault", { where: "plane" }).catch(() => {});
    expect(await timeToEnd()).toBeLessThan(END_MS);
    await podplane.expectNothingLeft();
  });
});
