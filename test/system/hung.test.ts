import { connect } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Podplane, type Program } from "./podplane.ts";
import { processTree } from "./support/lab.ts";
import { labDocument, podDocument } from "./support/labObjects.ts";
import { processesOf } from "./support/traces.ts";
import { until } from "./support/wait.ts";

/** Far from the 30 s after which a lab that waits for something ends itself, and far from what a slow machine needs. */
const END_MS = 15_000;
/** After the first signal a further one is the same request for so long (src/lab/supervisor.ts). */
const IMPATIENT_MS = 1000;

let podplane: Podplane;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

function writeLab(name = "test", end = podplane): string {
  return end.write(`${name}.yaml`, [
    labDocument({ name }),
    podDocument("web", { command: ["sleep", "3600"], spec: { nodeName: "node-1" } }),
  ]);
}

/** The process of a lab that answers at its control socket. */
function innerOf(up: Program): number {
  const [outer, ...others] = processTree(up.pid);
  const inner = others.find(({ command }) => command.startsWith(`${outer.command.split(" ")[0]} `));
  return inner?.pid ?? 0;
}

/** A lab in the foreground whose inner process does not move any more. */
async function stopped(name = "test", end = podplane): Promise<{ up: Program; pid: number }> {
  const up = await end.foreground(writeLab(name, end));
  const pid = innerOf(up);
  process.kill(pid, "SIGSTOP");
  return { up, pid };
}

/** Sends one signal to a lab that does not answer. @returns its exit status, when it has ended */
async function endOf(end: Podplane): Promise<number | null> {
  const { up } = await stopped("test", end);
  up.child.kill("SIGTERM");
  return (await up.ended).status;
}

describe("a lab that does not answer", () => {
  it("is said to be, with its process and what to do, by whoever asks", async () => {
    const { up, pid } = await stopped();
    // Both take half a minute: what one signal does is seen meanwhile.
    const other = new Podplane();
    const ended = endOf(other);
    const sentence = (seconds: number) =>
      `lab test (process ${pid}) has not answered for ${seconds} s: ask again, or end it with ` +
      `\`podplane down --force --name test\`, or with \`kill -9 ${pid}\`\n`;
    const [down, get, logs] = await Promise.all([
      podplane.run("down"),
      podplane.run("get", "pods"),
      podplane.run("logs", "pod/web"),
    ]);
    expect(down).toEqual({ status: 1, stdout: "", stderr: sentence(5) });
    expect(logs).toEqual({ status: 1, stdout: "", stderr: sentence(5) });
    expect(get).toEqual({ status: 1, stdout: "", stderr: sentence(30) });

    process.kill(pid, "SIGCONT");
    await podplane.must("get", "pods");
    await podplane.must("down");
    expect((await up.ended).status).toBe(0);
    await podplane.expectNothingLeft();

    expect(await ended, "one signal alone ends it after a while").not.toBe(0);
    await other.expectNothingLeft();
    await other.dispose();
  });

  it("does not keep other labs from being asked", async () => {
    const { pid } = await stopped();
    await podplane.foreground(writeLab("other"));
    expect(JSON.parse(await podplane.must("get", "pods", "-o", "json", "--name", "other"))).toHaveLength(1);
    const several = await podplane.run("get", "pods");
    expect(several.stderr).toBe("several labs are running (other, test): choose one with --name\n");
    await podplane.must("down", "--name", "other");
    process.kill(pid, "SIGCONT");
    await podplane.must("down");
    await podplane.expectNothingLeft();
  });

  it("ends by `podplane down --force`, with nothing left", async () => {
    const { up } = await stopped();
    expect(await podplane.must("down", "--force")).toBe("lab test was ended\n");
    await up.ended;
    await podplane.expectNothingLeft();
  });

  it("ends by a second signal, with nothing left, and the next lab works", async () => {
    const { up } = await stopped();
    up.child.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, IMPATIENT_MS * 1.1));
    const began = performance.now();
    up.child.kill("SIGINT");
    expect((await up.ended).status).not.toBe(0);
    expect(performance.now() - began).toBeLessThan(END_MS);
    await podplane.expectNothingLeft();

    await podplane.up(writeLab());
    await podplane.finish();
  });

  it("ends by `kill -9` of its outer process, and the next lab starts in its place", async () => {
    const { up } = await stopped();
    process.kill(up.pid, "SIGKILL");
    await up.ended;
    await until("its processes to end", () => processesOf(podplane.directory).length === 0);
    // Nobody was left to remove its socket.
    await podplane.expectNothingLeft(["test.sock"]);
    await podplane.up(writeLab());
    await podplane.finish();
  });
});

describe("a client that stays connected", () => {
  it("does not keep the lab from going down", async () => {
    const up = await podplane.foreground(writeLab());
    const idle = connect(join(podplane.state, "test.sock"));
    idle.on("error", () => {});
    await until("the connection", () => !idle.connecting);
    const began = performance.now();
    up.child.kill("SIGTERM");
    expect((await up.ended).status).toBe(0);
    expect(performance.now() - began).toBeLessThan(END_MS);
    idle.destroy();
    await podplane.expectNothingLeft();
  });
});
