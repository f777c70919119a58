import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ContainerProbes, ProbeSpec } from "../../../src/control/probes.ts";
import { ProbeCounter } from "../../../src/lab/probes/probeCounter.ts";
import { Prober } from "../../../src/lab/probes/prober.ts";

const probe = (name: string, more: Partial<ProbeSpec> = {}): ProbeSpec => ({
  action: { kind: "exec", command: [name] },
  initialDelay: 0,
  period: 1000,
  timeout: 1000,
  successThreshold: 1,
  failureThreshold: 3,
  grace: 30_000,
  ...more,
});

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A container whose probes answer as a test says, and what its prober says of it, with the seconds since it started. */
function container(probes: Partial<ContainerProbes>) {
  const answers: Record<string, boolean> = {};
  const said: string[] = [];
  const began = performance.now();
  const say = (what: string) => said.push(`${Math.round((performance.now() - began) / 1000)} ${what}`);
  const prober = new Prober({
    probes: { readiness: null, liveness: null, startup: null, ...probes },
    send: ({ action }) => {
      const name = action.kind === "exec" ? action.command[0] : "";
      return Promise.resolve(answers[name] ?? false);
    },
    onReady: (ready) => say(ready ? "ready" : "unready"),
    onUnhealthy: (_, kind) => say(kind),
  });
  return { prober, answers, said, seconds: (n: number) => vi.advanceTimersByTimeAsync(n * 1000) };
}

describe("a prober", () => {
  it("says that a container without probes is ready when it runs", () => {
    const c = container({});
    c.prober.start();
    expect(c.said).toEqual(["0 ready"]);
  });

  it("waits for the delay and the thresholds, and stops with the container", async () => {
    const c = container({ readiness: probe("r", { initialDelay: 5000, successThreshold: 2, failureThreshold: 3 }) });
    c.answers.r = true;
    c.prober.start();
    await c.seconds(5.5);
    expect(c.said).toEqual([]);
    await c.seconds(1);
    expect(c.said).toEqual(["6 ready"]);
    c.answers.r = false;
    await c.seconds(2);
    c.answers.r = true;
    await c.seconds(2);
    c.answers.r = false;
    c.said.length = 0;
    await c.seconds(2);
    expect(c.said).toEqual([]);
    await c.seconds(1);
    expect(c.said).toEqual(["13 unready"]);
    c.prober.stop();
    c.answers.r = true;
    await c.seconds(10);
    expect(c.said).toHaveLength(1);
  });

  it("asks for nothing else until the startup probe has succeeded", async () => {
    const c = container({
      startup: probe("s", { failureThreshold: 10 }),
      liveness: probe("l", { failureThreshold: 1 }),
      readiness: probe("r"),
    });
    c.answers.r = true;
    c.prober.start();
    await c.seconds(4.5);
    expect(c.said).toEqual([]);
    c.answers.s = true;
    await c.seconds(1);
    expect(c.said).toEqual(["5 ready", "5 liveness"]);
    await c.seconds(5);
    expect(c.said.filter((s) => s.endsWith("liveness"))).toHaveLength(1);
  });

  it("gives up on a container that does not start, or that no longer lives", async () => {
    const slow = container({ startup: probe("s", { failureThreshold: 3 }) });
    slow.prober.start();
    await slow.seconds(10);
    expect(slow.said).toEqual(["2 startup"]);
    const dead = container({ liveness: probe("l", { failureThreshold: 3 }) });
    dead.prober.start();
    await dead.seconds(10);
    expect(dead.said).toEqual(["0 ready", "2 liveness"]);
    // It runs again: everything from the beginning.
    dead.prober.stop();
    dead.prober.start();
    await dead.seconds(10);
    expect(dead.said).toHaveLength(4);
  });

  it("does not end a container whose pod terminates, and still watches its readiness", async () => {
    const c = container({
      liveness: probe("l", { failureThreshold: 1 }),
      readiness: probe("r", { failureThreshold: 1 }),
    });
    c.answers.l = true;
    c.answers.r = true;
    c.prober.start();
    await c.seconds(1);
    c.prober.stopLiveness();
    c.answers.l = false;
    c.answers.r = false;
    await c.seconds(3);
    expect(c.said.map((s) => s.split(" ")[1])).not.toContain("liveness");
    expect(c.said.at(-1)).toMatch(/unready/);
  });
});

it("a probe's answer counts once it came often enough in a row", () => {
  const counter = new ProbeCounter({ successThreshold: 2, failureThreshold: 3 });
  const answers = [true, true, false, false, true, false, false, false, false, true, true];
  expect(answers.map((a) => counter.add(a))).toEqual([
    ...[null, true, null, null, null, null, null, false, false, null, true],
  ]);
});
