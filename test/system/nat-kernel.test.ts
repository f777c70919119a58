import { describe, expect, it } from "vitest";
import { type Flow, type Ports, type SnatMode, throughKernel, throughPlane } from "../kernel/natFlows.ts";

/**
 * AWS_VPC_K8S_CNI_RANDOMIZESNAT in the kernel and in podplane: the same flows, compared by what a peer can tell (RFC 4787):
 * which mapping an internal endpoint gets, whether its port is preserved, from which range, and that no two are alike.
 */

const MODES: readonly SnatMode[] = ["none", "hashrandom", "prng"];
const SEED = 7;
/** Of 10,000: what chance alone makes of two runs of one kernel. */
const TOLERANCE = 60;

/** 20 hosts with the same 50 ports, of every class of port, to 10 destinations; host by host, or all to one after the other. */
function mix(order: "sources" | "destinations"): Flow[] {
  const sports = Array.from({ length: 50 }, (_, i) => (i < 2 ? 300 + i : i < 4 ? 700 + i : 40_000 + i));
  const flows: Flow[] = [];
  for (let host = 0; host < 20; host++)
    for (const sport of sports)
      for (let to = 0; to < 10; to++) flows.push({ host, sport, server: to >> 1, dport: to % 2 === 0 ? 53 : 443 });
  const destination = (flow: Flow) => flow.server * 2 + (flow.dport === 53 ? 0 : 1);
  return order === "sources" ? flows : flows.sort((a, b) => destination(a) - destination(b));
}

/** 60,000 flows to one destination: of one host's ports, or of two hosts' same ports. */
function pressure(hosts: number): Flow[] {
  const each = 60_000 / hosts;
  return Array.from({ length: 60_000 }, (_, i) => ({
    host: Math.floor(i / each),
    sport: 5000 + (i % each),
    server: 0,
    dport: 53,
  }));
}

const RANGES: [low: number, high: number, min: number, max: number][] = [
  [0, 511, 1, 511],
  [512, 1023, 600, 1023],
  [1024, 65_535, 1024, 65_535],
];

/** What holds for every NAT of Linux: no tuple twice, and the port's class kept (RFC 4787, REQ-3). */
function expectSound(flows: readonly Flow[], ports: Ports, keeps: boolean): void {
  const seen = new Set<string>();
  flows.forEach(({ dport, server, sport }, i) => {
    const port = ports[i];
    if (port === 0) return;
    const tuple = `${port} ${server}:${dport}`;
    if (seen.has(tuple)) throw new Error(`${tuple} twice`);
    seen.add(tuple);
    if (keeps && port === sport) return;
    const [, , min, max] = RANGES.find(([low, high]) => sport >= low && sport <= high) ?? RANGES[2];
    if (port < min || port > max) throw new Error(`port ${sport} became ${port}`);
  });
}

/** What became of the flows, as counts. */
function behaviour(flows: readonly Flow[], ports: Ports) {
  const mappings = new Map<string, Set<number>>();
  const counts = { preserved: 0, repeated: 0, fresh: 0, dropped: 0, independent: 0, endpoints: 0 };
  flows.forEach(({ host, sport }, i) => {
    const endpoint = `${host}:${sport}`;
    const own = mappings.get(endpoint) ?? new Set();
    mappings.set(endpoint, own);
    const port = ports[i];
    if (port === 0) counts.dropped++;
    else if (port === sport) counts.preserved++;
    else if (own.has(port)) counts.repeated++;
    else counts.fresh++;
    if (port !== 0) own.add(port);
  });
  counts.endpoints = mappings.size;
  // Endpoint-independent mapping: one port whatever the destination is (RFC 4787, 4.1).
  counts.independent = [...mappings.values()].filter((own) => own.size === 1).length;
  return counts;
}

function expectAlike(a: ReturnType<typeof behaviour>, b: ReturnType<typeof behaviour>, tolerance: number): void {
  for (const [what, count] of Object.entries(a)) {
    const other = b[what as keyof typeof b];
    expect(Math.abs(count - other), `${what}: ${count} in the kernel, ${other} in podplane`).toBeLessThanOrEqual(
      tolerance,
    );
  }
}

describe.each(MODES)("source NAT with RANDOMIZESNAT=%s", (mode) => {
  it.each(["sources", "destinations"] as const)("maps 10,000 flows as the kernel does, by %s", async (order) => {
    const flows = mix(order);
    expect(flows).toHaveLength(10_000);
    const kernel = await throughKernel(mode, flows);
    const plane = throughPlane(mode, flows, SEED);
    for (const ports of [kernel, plane]) expectSound(flows, ports, mode === "none");
    const [expected, seen] = [behaviour(flows, kernel), behaviour(flows, plane)];
    expectAlike(expected, seen, TOLERANCE);
    expect(expected.dropped + seen.dropped).toBe(0);
    if (mode === "none") {
      // Ports are kept where they are free, and a mapping that a source has is used again.
      expect(seen.preserved).toBeGreaterThanOrEqual(500);
      expect(seen.repeated).toBeGreaterThan(0);
    } else {
      // Address and port dependent mapping, no port preservation: by chance alone.
      expect(seen.independent).toBe(0);
      expect(seen.preserved + seen.repeated).toBeLessThan(TOLERANCE);
    }
  });

  it.each([1, 2])("keeps 60,000 flows to one destination apart, from %i hosts", async (hosts) => {
    const flows = pressure(hosts);
    const kernel = await throughKernel(mode, flows);
    const plane = throughPlane(mode, flows, SEED);
    for (const ports of [kernel, plane]) expectSound(flows, ports, mode === "none");
    const [expected, seen] = [behaviour(flows, kernel), behaviour(flows, plane)];
    // The search gives up after 248 ports: how many flows that costs is chance, and the same chance in both.
    expectAlike(expected, seen, 10 * TOLERANCE);
    expect(seen.preserved).toBeGreaterThanOrEqual(mode === "none" ? 60_000 / hosts : 0);
    expect(seen.dropped).toBeLessThan(3000);
  });
});
