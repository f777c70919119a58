import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ReplayEvent, ReplaySummary } from "../../src/lab/replay/replayEvent.ts";
import { CLI, Podplane, Program, SERVER } from "./podplane.ts";
import { labDocument, podDocument, serviceDocument } from "./support/labObjects.ts";

const podplane = new Podplane();
/** Somewhere else: no lab, no state, no file but the report. */
const elsewhere = mkdtempSync("/tmp/podplane-elsewhere-");
const REPORT = join(elsewhere, "bug.tar");

beforeAll(async () => {
  const lab = podplane.write("lab.yaml", [
    labDocument({ name: "reported" }),
    podDocument("client", { spec: { nodeName: "node-1" } }),
    podDocument("web", { command: ["node", SERVER, "8080"], spec: { nodeName: "node-2" } }),
    serviceDocument("web", [{ port: 80, targetPort: 8080 }]),
    serviceDocument("empty", [{ port: 80 }], { selector: { app: "nobody" } }),
  ]);
  await podplane.up(lab);
  await podplane.serving("pod/web");
  await podplane.endpoints("web", 1);
});

afterAll(async () => {
  await podplane.dispose();
  rmSync(elsewhere, { recursive: true, force: true });
});

it("packs a running lab into one file, which replays elsewhere as it was captured", async () => {
  const [web, empty] = await Promise.all(["web", "empty"].map((name) => podplane.clusterIP(name)));
  const report = podplane.spawn("report", "--duration", "1m", "-w", REPORT);
  await report.says(/capturing packets/);
  const address = (await podplane.get("pods")).find(({ name }) => name.endsWith("web"))?.address ?? "";
  const page = `curl -s -m 5 -o /dev/null -w '%{http_code}' http://${web}/`;
  expect(await podplane.sh("client", `${page}; ping -q -c 3 -i 0.05 ${address} >/dev/null`)).toBe("200");
  const body = `head -c 100000 /dev/zero | curl -s -m 5 --data-binary @- http://${web}/`;
  expect(await podplane.sh("client", body)).toContain('"length":100000');
  await podplane.sh("client", `curl -s -m 1 http://${empty}/ || true`);
  const { status, stdout, stderr } = await report.stop("SIGINT");
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/the lab reported: 1 Lab, 2 Service, 2 Pod/);
  await podplane.finish();

  const env = { PATH: process.env.PATH ?? "", HOME: elsewhere, PODPLANE_STATE: elsewhere };
  const replay = async (...args: string[]): Promise<string> => {
    const command = [
      "sh",
      "-c",
      `cd "$0" && exec "$@"`,
      elsewhere,
      process.execPath,
      CLI,
      "replay",
      "bug.tar",
      ...args,
    ];
    const result = await new Program(command, env).ended;
    expect(result.status, result.stderr).toBe(0);
    return result.stdout;
  };
  const text = await replay("-o", "json");
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
  const { summary } = lines.pop() as { summary: ReplaySummary };
  const events = lines as ReplayEvent[];

  // Every packet that somebody got came out there once more, as it was.
  expect(events.length).toBe(summary.total);
  expect(summary.actions["left out"]).toBe(0);
  expect(summary.compared.equal).toBeGreaterThan(20);
  expect(summary.actions.compared).toBe(summary.compared.equal);
  const others = events.flatMap((e) => e.replay.comparisons).filter((c) => !c.equal);
  expect(others).toEqual([]);
  expect([summary.missing, summary.held, summary.extra.count, summary.compared.different]).toEqual([0, 0, 0, 0]);
  // What became of each when it was captured is in the report, and became of it again.
  const archive = readFileSync(REPORT, "utf8");
  for (const { reason } of events) if (reason !== null) expect(archive).toContain(`"reason":"${reason}"`);
  expect(summary.drops).toEqual([{ reason: "SERVICE_NO_ENDPOINTS", count: 1 }]);
  expect(await replay("-o", "json")).toBe(text);
});
