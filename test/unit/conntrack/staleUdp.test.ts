import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { StaleUdp, type UdpCleanup } from "../../../src/plane/conntrack/staleUdp.ts";
import type { Conntrack } from "../../../src/plane/conntrack/table.ts";
import { PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../../../src/plane/packet.ts";
import * as R from "../../../src/plane/rows.ts";
import { CLIENT, ip, packet, SYN, sctp, table, tcp, udp } from "./packets.ts";

const VIP = ip("172.20.0.10");
const EXTERNAL = ip("203.0.113.9");
const NODE = ip("10.0.1.10");
const A = ip("10.0.2.33");
const B = ip("10.0.2.34");
const NODE_PORT = 30_053;

const frontends: R.Frontend[] = [
  { kind: R.FRONTEND_CLUSTER_IP, address: VIP, port: 53 },
  { kind: R.FRONTEND_EXTERNAL_IP, address: EXTERNAL, port: 53 },
  { kind: R.FRONTEND_NODE_PORT, address: 0, port: NODE_PORT },
];

function row(endpoints: number[], o: Partial<R.ServiceRow> = {}): R.ServiceRow {
  return {
    t: "service",
    id: 0,
    protocol: PROTO_UDP,
    frontends,
    endpoints: endpoints.map((address) => ({ address, port: 5353, weight: 1 })),
    cluster: endpoints.map((_, i) => i),
    nodes: [],
    hasEndpoints: endpoints.length > 0,
    internalLocal: false,
    externalLocal: false,
    affinity: 0,
    scheduler: R.SCHEDULER_RANDOM,
    sourceRanges: [],
    ...o,
  };
}

let nextPort = 1000;

/** A flow to an address that was translated to an endpoint. Its name is its source port. */
function flow(
  ct: Conntrack,
  dst: number,
  dport: number,
  to: number,
  o: { zone?: number; toPort?: number } = {},
): number {
  const sport = nextPort++;
  ct.track(udp({ sport, dst, dport }), o.zone ?? 0, 0);
  ct.setReply(packet.ct, to, CLIENT, o.toPort ?? 5353, sport);
  ct.confirm(packet.ct, 0);
  return sport;
}

function flows(ct: Conntrack): number[] {
  const left: number[] = [];
  ct.forEach((e) => {
    left.push(ct.sport(e, 0));
  });
  return left.sort((a, b) => a - b);
}

/** A lab whose service had these endpoints before the flows began. */
function start(mode: UdpCleanup, endpoints: number[]): { ct: Conntrack; stale: StaleUdp } {
  const ct = table();
  const stale = new StaleUdp(ct, mode);
  stale.apply({ put: [row(endpoints)], gone: [] });
  return { ct, stale };
}

describe("an endpoint that leaves", () => {
  test.each(["reconciler", "reconcilerSkipsEmpty", "event"] as const)("takes its UDP flows with it (%s)", (mode) => {
    const { ct, stale } = start(mode, [A, B]);
    const kept = [flow(ct, VIP, 53, A), flow(ct, EXTERNAL, 53, A), flow(ct, NODE, NODE_PORT, A, { zone: 2 })];
    for (const zone of [0, 1, 3]) flow(ct, VIP, 53, B, { zone });
    flow(ct, EXTERNAL, 53, B);
    flow(ct, NODE, NODE_PORT, B);
    // Straight to the pod: no service's business.
    kept.push(flow(ct, B, 5353, B));
    stale.apply({ put: [row([A])], gone: [] });
    expect(flows(ct)).toEqual(kept);
  });

  test.each(["reconciler", "reconcilerSkipsEmpty"] as const)("keeps them while it still serves (%s)", (mode) => {
    const { ct, stale } = start(mode, [A, B]);
    const kept = [flow(ct, VIP, 53, A)];
    const leaving = [flow(ct, VIP, 53, B), flow(ct, EXTERNAL, 53, B), flow(ct, NODE, NODE_PORT, B)];
    const alsoServing = [{ address: B, port: 5353, weight: 1 }];
    stale.apply({ put: [row([A], { alsoServing })], gone: [] });
    expect(flows(ct)).toEqual([...kept, ...leaving]);
    stale.apply({ put: [row([A])], gone: [] });
    expect(flows(ct)).toEqual(kept);
  });

  test("takes nothing with it without a clean-up", () => {
    const { ct, stale } = start("none", [A, B]);
    const kept = [flow(ct, VIP, 53, A), flow(ct, VIP, 53, B)];
    stale.apply({ put: [row([])], gone: [] });
    stale.apply({ put: [], gone: [row([])] });
    expect(flows(ct)).toEqual(kept);
  });

  test("takes no TCP and no SCTP flow with it: kube-proxy leaves those to their ends", () => {
    for (const [protocol, first] of [
      [PROTO_TCP, () => tcp({ flags: SYN, dst: VIP, dport: 53 })],
      [PROTO_SCTP, () => sctp(0, [{ type: 1, tag: 5 }], { dst: VIP, dport: 53 })],
    ] as const) {
      for (const mode of ["reconciler", "event"] as const) {
        const ct = table();
        const stale = new StaleUdp(ct, mode);
        stale.apply({ put: [row([A], { protocol }), row([A], { id: 1 })], gone: [] });
        ct.track(first(), 0, 0);
        ct.setReply(packet.ct, A, CLIENT, 5353, 40_000);
        ct.confirm(packet.ct, 0);
        stale.apply({ put: [row([], { protocol }), row([B], { id: 1 })], gone: [] });
        stale.apply({ put: [], gone: [row([], { protocol }), row([B], { id: 1 })] });
        expect(ct.total).toBe(1);
      }
    }
  });

  test("that only moved to another port takes its flows with it, too", () => {
    for (const mode of ["reconciler", "event"] as const) {
      const { ct, stale } = start(mode, [A]);
      flow(ct, VIP, 53, A);
      stale.apply({ put: [row([], { endpoints: [{ address: A, port: 9953, weight: 1 }] })], gone: [] });
      expect(flows(ct)).toEqual([]);
    }
  });
});

describe("the last endpoint", () => {
  test.each([
    ["reconciler", 0],
    ["event", 0],
    ["reconcilerSkipsEmpty", 1],
  ] as const)("%s: %i flows go on to where it was (kubernetes 139628)", (mode, left) => {
    const { ct, stale } = start(mode, [A]);
    flow(ct, VIP, 53, A);
    stale.apply({ put: [row([])], gone: [] });
    expect(flows(ct)).toHaveLength(left);
    // The next endpoint puts an end to it.
    stale.apply({ put: [row([B])], gone: [] });
    expect(flows(ct)).toHaveLength(0);
  });

  test.each([
    ["reconciler", [0, 0, 0]],
    // To the ClusterIP alone (UpdateServiceMapResult.DeletedUDPClusterIPs).
    ["event", [0, 1, 1]],
    ["reconcilerSkipsEmpty", [1, 1, 1]],
  ] as const)("a deleted service with %s (kubernetes 141371)", (mode, left) => {
    const { ct, stale } = start(mode, [A]);
    const sent = [flow(ct, VIP, 53, A), flow(ct, EXTERNAL, 53, A), flow(ct, NODE, NODE_PORT, A)];
    stale.apply({ put: [], gone: [row([A])] });
    const alive = flows(ct);
    expect(sent.map((f) => (alive.includes(f) ? 1 : 0))).toEqual(left);
  });

  test("a service whose address another one took over in the same patch keeps the other one's flows", () => {
    const { ct, stale } = start("reconciler", [A]);
    const kept = [flow(ct, VIP, 53, B)];
    flow(ct, VIP, 53, A);
    stale.apply({ put: [row([B], { id: 5 })], gone: [row([A])] });
    expect(flows(ct)).toEqual(kept);
  });
});

describe("flows from before there was an endpoint", () => {
  test("go when one comes: they were not translated", () => {
    for (const mode of ["reconciler", "event"] as const) {
      const { ct, stale } = start(mode, []);
      flow(ct, VIP, 53, VIP, { toPort: 53 });
      stale.apply({ put: [row([A])], gone: [] });
      expect(flows(ct)).toEqual([]);
    }
  });

  test("with events, all flows to the service's addresses go, whatever their port", () => {
    const { ct, stale } = start("event", []);
    flow(ct, VIP, 99, A);
    stale.apply({ put: [row([A])], gone: [] });
    expect(flows(ct)).toEqual([]);
  });
});

test("a NodePort is looked for at any destination, as kube-proxy does: a flow to the internet goes too", () => {
  const { ct, stale } = start("reconciler", [A]);
  flow(ct, ip("198.51.100.1"), NODE_PORT, ip("198.51.100.1"), { toPort: NODE_PORT });
  stale.apply({ put: [row([A])], gone: [] });
  expect(flows(ct)).toEqual([]);
});

test("other services' changes delete nothing", () => {
  const { ct, stale } = start("reconciler", [A]);
  const kept = [flow(ct, VIP, 53, B), flow(ct, VIP, 54, B)];
  stale.apply({ put: [row([A], { id: 1, frontends: [{ ...frontends[0], port: 55 }] })], gone: [] });
  expect(flows(ct)).toEqual(kept);
});

test("a number that a TCP service takes over is a deleted UDP service", () => {
  const { ct, stale } = start("reconciler", [A]);
  flow(ct, VIP, 53, A);
  stale.apply({ put: [row([A], { protocol: PROTO_TCP })], gone: [] });
  expect(flows(ct)).toEqual([]);
});

/** The obvious twin: every flow against every service that changed. */
function survives(f: { dst: number; dport: number; to: number }, services: R.ServiceRow[]): boolean {
  return services.every((service) =>
    service.frontends.every(({ kind, address, port }) => {
      const isTo = port === f.dport && (kind === R.FRONTEND_NODE_PORT || address === f.dst);
      return !isTo || service.endpoints.some((e) => e.address === f.to);
    }),
  );
}

test("after any changes exactly those flows are left that a look at each finds good", () => {
  const service = fc.record({
    id: fc.nat(3),
    gone: fc.boolean(),
    endpoints: fc.subarray([A, B, NODE]),
    nodePort: fc.boolean(),
  });
  const target = fc.record({
    dst: fc.constantFrom(VIP, VIP + 1, VIP + 2, NODE),
    dport: fc.constantFrom(53, NODE_PORT, NODE_PORT + 1),
    to: fc.constantFrom(A, B, NODE),
    zone: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(target, { maxLength: 30 }), fc.array(service, { maxLength: 8 }), (targets, changes) => {
      const ct = table();
      const stale = new StaleUdp(ct, "reconciler");
      const made = targets.map((t) => ({ ...t, sport: flow(ct, t.dst, t.dport, t.to, t) }));
      let left = made;
      for (const { id, gone, endpoints, nodePort } of changes) {
        const own: R.Frontend[] = [
          { kind: R.FRONTEND_CLUSTER_IP, address: VIP + id, port: 53 },
          ...(nodePort ? [{ ...frontends[2], port: NODE_PORT + id }] : []),
        ];
        const changed = row(gone ? [] : endpoints, { id, frontends: own });
        // What goes was there before, with endpoints for everyone.
        if (gone) stale.apply({ put: [row([A, B, NODE], { id, frontends: own })], gone: [] });
        stale.apply(gone ? { put: [], gone: [changed] } : { put: [changed], gone: [] });
        left = left.filter((f) => survives(f, [changed]));
        expect(flows(ct)).toEqual(left.map((f) => f.sport));
      }
    }),
    { seed: 126_130, numRuns: 300 },
  );
});
