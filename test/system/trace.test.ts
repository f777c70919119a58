import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PacketEvent } from "../../src/observe/trace/packetEvent.ts";
import { Podplane, type Program, SERVER } from "./podplane.ts";
import { type LabDocument, labDocument, podDocument, serviceDocument } from "./support/labObjects.ts";

// podplane trace against a lab in which a client asks a service all the time, and is denied another pod.

const podplane = new Podplane();
const PORT = 8080;
const on = (node: number): LabDocument => ({ nodeName: `node-${node}` });
const closed: LabDocument = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "closed" },
  spec: { podSelector: { matchLabels: { app: "db" } }, policyTypes: ["Ingress"] },
};
let traffic: Program;

beforeAll(async () => {
  const lab = podplane.write("lab.yaml", [
    labDocument({ cluster: { networkPolicy: { reconcileSeconds: 0 } } }),
    podDocument("api", { command: [process.execPath, SERVER, String(PORT)], spec: on(2) }),
    podDocument("db", { spec: on(2) }),
    podDocument("client", { spec: on(1) }),
    serviceDocument("api", [{ port: 80, targetPort: PORT }]),
    closed,
  ]);
  await podplane.up(lab);
  await podplane.serving("pod/api");
  const vip = await podplane.clusterIP("api");
  const db = (await podplane.get("pods")).find((p) => p.name === "db")?.address ?? "";
  const script = `while :; do curl -s -o /dev/null http://${vip}/; curl -s -m 0.1 http://${db}:5432/; sleep 0.05; done`;
  traffic = podplane.background("pod/client", "sh", "-c", script);
});
afterAll(async () => {
  await traffic.stop();
  await podplane.dispose();
});

const events = (text: string): PacketEvent[] =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as PacketEvent);

describe("podplane trace", () => {
  it("shows both directions of a connection to a service, with names and both tuples", async () => {
    const text = await podplane.must("trace", "tcp[tcpflags] & tcp-syn != 0", "--service", "api", "-c", "4");
    // It may have begun between a SYN and its answer.
    const lines = text.trimEnd().split("\n");
    const [syn, answer] = lines.slice(lines.findIndex((line) => line.includes(" tcp S ")));
    expect(syn).toMatch(/^\d\d:\d\d:\d\d\.\d{3} pod\/client:\d+ -> svc\/api:80 => pod\/api:8080 tcp S DELIVERED$/);
    expect(answer).toMatch(/^\S+ pod\/api:8080 \(as svc\/api:80\) -> pod\/client:\d+ tcp S\. DELIVERED$/);
  });

  it("follows a flow across the translation, and tells it as JSON", async () => {
    const [one] = events(await podplane.must("trace", "--service", "api", "-c", "1", "-o", "json"));
    expect(one.flowId).toMatch(/^[0-9a-f]{8}$/);
    const port = one.flow.source.port === 8080 ? one.flow.destination.port : one.flow.source.port;
    const both = events(await podplane.must("trace", `port ${port}`, "or", "port", "80", "-c", "12", "-o", "json"));
    const flows = new Map<string, Set<number>>();
    for (const e of both) {
      const client = e.flow.source.port === 8080 ? e.flow.destination.port : e.flow.source.port;
      flows.set(e.flowId, (flows.get(e.flowId) ?? new Set()).add(client));
    }
    for (const clients of flows.values()) expect(clients.size).toBe(1);
    expect(new Set(both.map((e) => e.flow.source.name))).toEqual(new Set(["pod/default/client", "pod/default/api"]));
    expect(both.every((e, i) => i === 0 || e.id > both[i - 1].id)).toBe(true);
  });

  it("shows a drop with its reason, and with -v who decided", async () => {
    const text = await podplane.must("trace", "--reason", "policy_deny_ingress", "-v", "-c", "1");
    const [line] = text.split("\n");
    expect(line).toMatch(/ pod\/client:\d+ -> pod\/db:5432 tcp S DROPPED POLICY_DENY_INGRESS$/);
    expect(text).toMatch(/\n {2}node-1 {2}device/);
    expect(text).toContain("networkpolicy/closed");
    for (const l of text.split("\n").slice(1)) expect(l.length).toBeLessThanOrEqual(80);
  });

  it("says what there was instead where nothing matched, and ends after a time", async () => {
    const { status, stdout, stderr } = await podplane.run("trace", "port", "81", "--duration", "1s");
    expect([status, stdout]).toEqual([0, ""]);
    expect(stderr).toMatch(
      /^no packet matched `port 81`; meanwhile [\d,]+ packets were read:\n {2}read {7}[\d,]+ from pod\//,
    );
    expect(stderr).toMatch(/\n {2}dropped {4}\d+: \d+ POLICY_DENY_INGRESS\n/);
  });

  it("ends with a summary at Ctrl-C, and quietly when its reader goes away", async () => {
    const program = podplane.spawn("trace", "--sample", "2");
    await program.says(/DELIVERED/);
    const { status, stderr } = await program.stop("SIGINT");
    expect(status).toBe(0);
    expect(stderr).toMatch(/^[\d,]+ shown of [\d,]+ packets; not shown: [\d,]+ by sampling \(one of 2\)/);
    const piped = podplane.spawn("trace");
    await piped.says(/DELIVERED/);
    piped.child.stdout?.destroy();
    expect(await piped.ended).toMatchObject({ status: 0, stderr: "" });
  });

  it("refuses what means nothing, in one message", async () => {
    for (const [args, message] of [
      [["--pod", "nobody"], /nobody/],
      [["port", "nowhere"], /nowhere/],
      [["--reason", "BECAUSE"], /BECAUSE/],
      [["--verdict", "LOST"], /LOST/],
    ] as const) {
      const { status, stdout, stderr } = await podplane.run("trace", ...args);
      expect([status, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(message);
      expect(stderr.trim().split("\n")).toHaveLength(1);
    }
  });
});
