import { spawnSync } from "node:child_process";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { packEntries, unpackEntries } from "../../src/lab/conntrackData.ts";
import { conntrackEvents } from "../../src/lab/conntrackWatch.ts";
import { conntrackEventLine, conntrackLine } from "../../src/observe/conntrackText.ts";
import { conntrackRows } from "../../src/observe/tables.ts";
import { Accounting } from "../../src/plane/conntrack/accounting.ts";
import { ConntrackEvents } from "../../src/plane/conntrack/events.ts";
import { SNAT_NONE } from "../../src/plane/rows.ts";
import {
  type ConntrackLine,
  type KernelLines,
  parseConntrackLine,
  type SidedPacket,
  throughConntrack,
} from "../kernel/conntrackLines.ts";
import { Bench, DEV, service } from "../unit/plane/bench.ts";
import { echo, ip, tcp, udp, VNET } from "../unit/plane/packets.ts";
import { build } from "../unit/plane/slowPacket.ts";
import { NAMES } from "../unit/views/names.ts";
import { CLI, Podplane, QUICKSTART } from "./podplane.ts";
import { until } from "./support/wait.ts";

/** Where a packet comes from: the kernel's device, and podplane's. */
type From = readonly ["inside" | "outside", number];
const CLIENT: From = ["inside", DEV.client];
const API: From = ["outside", DEV.api0];
const OTHER_API: From = ["inside", DEV.api1];
const OFFICE: From = ["outside", DEV.office];

/** Connections of every protocol and state that a few packets make. */
function conversation(): [From, Uint8Array][] {
  const there = (port: number, flags: string, seq: number, ack = 0, payload = "") =>
    tcp(`10.0.1.32:${port}`, "172.20.0.17:80", flags, { seq, ack, payload });
  const back = (port: number, flags: string, seq: number, ack: number, payload = "") =>
    tcp("10.0.2.32:8080", `10.0.1.32:${port}`, flags, { seq, ack, payload });
  return [
    // Established, with data.
    [CLIENT, there(40_000, "S", 100)],
    [API, back(40_000, "S.", 900, 101)],
    [CLIENT, there(40_000, ".", 101, 901)],
    [CLIENT, there(40_000, "P.", 101, 901, "GET /")],
    [API, back(40_000, "P.", 901, 106, "200 OK")],
    [CLIENT, there(40_000, ".", 106, 907)],
    // Closed by both ends.
    [CLIENT, there(40_001, "S", 100)],
    [API, back(40_001, "S.", 900, 101)],
    [CLIENT, there(40_001, ".", 101, 901)],
    [CLIENT, there(40_001, "F.", 101, 901)],
    [API, back(40_001, "F.", 901, 102)],
    [CLIENT, there(40_001, ".", 102, 902)],
    // Refused: the entry goes with the answer.
    [CLIENT, there(40_002, "S", 100)],
    [API, back(40_002, "R.", 0, 101)],
    // Not answered.
    [CLIENT, there(40_003, "S", 100)],
    [CLIENT, udp("10.0.1.32:5000", "172.20.0.17:53", "question")],
    // Answered, and answered again.
    [CLIENT, udp("10.0.1.32:5001", "172.20.0.17:53", "question")],
    [API, udp("10.0.2.32:5353", "10.0.1.32:5001", "an answer")],
    [CLIENT, udp("10.0.1.32:5001", "172.20.0.17:53", "another")],
    // Translated sources and marks; another zone.
    [OTHER_API, udp("10.0.2.33:6000", "192.168.7.7:53", "question")],
    [OFFICE, udp("192.168.7.7:53", "10.0.2.10:6000", "an answer")],
    [CLIENT, echo("10.0.1.32", "192.168.7.7", 77)],
    [OFFICE, echo("192.168.7.7", "10.0.1.10", 77, { reply: true })],
    [CLIENT, build({ protocol: 99, src: ip("10.0.1.32"), dst: ip("192.168.7.7"), sport: 0, dport: 0 })],
  ];
}

/** The same packets through podplane: what it prints. */
function throughPodplane(packets: readonly [From, Uint8Array][]) {
  const b = new Bench({ snatMode: SNAT_NONE, settings: { icmpTimeout: 1 } });
  b.plane.apply({ put: [service(0, 80, ["10.0.2.32:8080"], 0)], gone: [] });
  const { ct } = b.plane.context;
  ct.events = new ConntrackEvents();
  ct.accounting = new Accounting(ct.capacity, 0);
  for (const [[, device], bytes] of packets) b.send(device, bytes);
  const rows = conntrackRows(unpackEntries(packEntries(ct, 1, null)), NAMES);
  b.plane.tick(2000);
  const events = conntrackEvents(ct.events.drain(), NAMES);
  const options = { extended: false, zone: true };
  return {
    list: rows.map((row) => conntrackLine(row, options)),
    extended: rows.map((row) => conntrackLine(row, { ...options, extended: true })),
    events: events.map(({ entry, event }) => conntrackEventLine(event, entry, options)),
  };
}

const key = (line: ConntrackLine) => `${line.number} ${line.original} ${line.event}`;
/** Lines as fields, those of one connection together; timeouts as they are rounded. */
const parsed = (lines: readonly string[]) =>
  lines.map(parseConntrackLine).sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));

describe("conntrack entries are printed as conntrack(8) prints the kernel's", () => {
  const packets = conversation();
  const plane = throughPodplane(packets);
  let kernel: KernelLines;
  beforeAll(() => {
    kernel = throughConntrack(packets.map(([[device], bytes]): SidedPacket => [device, bytes.subarray(VNET)]));
  });

  it.each(["list", "extended"] as const)("%s, field by field", (what) => {
    const expected = parsed(kernel[what]);
    const keys = new Set(expected.map(key));
    // The second node's entries of the same connections are no part of the kernel's, which has but one node.
    const got = parsed(plane[what]).filter((line) => keys.has(key(line)));
    expect(expected.length).toBeGreaterThanOrEqual(8);
    expect(got.map((line) => ({ ...line, timeout: null }))).toEqual(
      expected.map((line) => ({ ...line, timeout: null })),
    );
    got.forEach((line, i) => {
      expect(Math.abs((line.timeout ?? -9) - (expected[i].timeout ?? 9)), line.original).toBeLessThanOrEqual(2);
    });
    // And to the letter, but for the timeouts.
    const text = (line: string) => line.replace(/^((?:ipv4 {5}2 )?\S+ +\d+) \d+/, "$1 N");
    const own = new Set(plane[what].map(text));
    for (const line of kernel[what]) expect(own).toContain(text(line));
  });

  it("events, to the letter and in their order", () => {
    const flows = new Set(kernel.events.map((line) => parseConntrackLine(line).original));
    for (const flow of flows) {
      const of = (lines: readonly string[]) => lines.filter((line) => parseConntrackLine(line).original === flow);
      expect(of(plane.events), flow).toEqual(of(kernel.events));
    }
    expect(flows.size).toBeGreaterThanOrEqual(9);
  });
});

describe("views of a running lab", () => {
  let podplane: Podplane;
  beforeEach(() => {
    podplane = new Podplane();
  });
  afterEach(() => podplane.dispose());

  it("shows connections, events, hits, the last drops and rates, and changes nothing by it", async () => {
    await podplane.up(QUICKSTART);
    await podplane.serving("pod/api-1", "pod/api-2", "pod/api-3");
    const vip = await podplane.clusterIP("api");
    const watch = podplane.spawn("get", "conntrack", "-E", "-p", "tcp", "--node", "node-1");
    await watch.says(/watching/);
    await podplane.sh("pod/client", `for i in 1 2 3 4; do curl -sS -o /dev/null http://${vip}/; done`);
    await podplane.sh("pod/client", "ping -c 1 -W 1 10.0.3.3 >/dev/null; true");

    // Events of each of the four connections, the last one included.
    await until("four connections to have closed", () => (watch.stdout.match(/TIME_WAIT/g) ?? []).length === 4);
    const { stdout: seen, stderr, status } = await watch.stop("SIGINT");
    expect(status, stderr).toBe(0);
    const events = seen.trim().split("\n").map(parseConntrackLine);
    expect(events.filter((e) => e.event === "NEW")).toHaveLength(4);
    for (const { zone, original } of events)
      expect([zone, original]).toEqual([null, expect.stringContaining(`dst=${vip}`)]);
    expect(stderr).toMatch(/flow events have been shown\.$/m);

    const listed = await podplane.must("get", "conntrack", "-L", "-p", "tcp", "--dst", "svc/api");
    expect(
      listed
        .trim()
        .split("\n")
        .map(parseConntrackLine)
        .map((l) => l.state),
    ).toEqual(Array(4).fill("TIME_WAIT"));

    const endpoints = (await podplane.get("endpoints")).filter((e) => e.service === "svc/default/api:80");
    expect(endpoints.reduce((sum, e) => sum + (e.connections ?? 0), 0)).toBe(4);
    expect(endpoints.reduce((sum, e) => sum + (e.live ?? 0), 0)).toBe(4);
    const metrics = await podplane.metrics();
    expect(metrics.get('service_connections_total{namespace="default",service="api",port="80",protocol="TCP"}')).toBe(
      4,
    );

    const [drop] = (await podplane.get("reasons")).filter((r) => r.count > 0);
    expect(drop).toMatchObject({
      code: "VPC_ADDRESS_UNASSIGNED",
      last: { flow: expect.stringContaining("pod/client -> 10.0.3.3") },
    });
    expect(drop.last?.ago).toBeLessThan(60_000);

    // Counted while it is asked for.
    const script = `for i in $(seq 40); do curl -sS -o /dev/null http://${vip}/bytes/100000; sleep 0.05; done`;
    const load = podplane.sh("pod/client", script);
    const connected = async (): Promise<number> =>
      (await podplane.get("endpoints")).reduce((sum, e) => sum + (e.connections ?? 0), 0);
    const before = await connected();
    await until("connections to come", async () => (await connected()) > before);
    const [frame, json] = await Promise.all([
      podplane.must("top", "--once", "--interval", "0.5"),
      podplane.must("top", "--once", "--interval", "0.5", "-o", "json"),
    ]);
    expect(frame).toMatch(/podplane top {2}quickstart/);
    expect(frame).toMatch(/tcp +pod\/client:\d+ +svc\/api:80 /);
    expect(JSON.parse(json).rates.packets).toBeGreaterThan(5);

    // On a terminal: a screen of its own, drawn at once, and the terminal as it was afterwards.
    const shown = spawnSync("script", ["-qec", `${process.execPath} ${CLI} top --interval 0.2`, "/dev/null"], {
      env: { ...podplane.env, TERM: "xterm" },
      input: "dq",
      encoding: "utf8",
    });
    expect(shown.status, shown.stdout + shown.stderr).toBe(0);
    const begins = shown.stdout.indexOf("\u001b[?1049h\u001b[?25l\u001b[?2026h");
    expect(begins).toBeGreaterThanOrEqual(0);
    expect(shown.stdout).toContain("DEVICE");
    expect(shown.stdout.trimEnd().endsWith("\u001b[?2026l\u001b[?25h\u001b[?1049l")).toBe(true);
    await load;
    await podplane.finish();
  });
});
