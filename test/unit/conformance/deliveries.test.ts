import fc from "fast-check";
import { expect, it } from "vitest";
import {
  allowed,
  type Condition,
  clusterIP,
  documents,
  fate,
  type Mode,
  NODES,
  nodePort,
  reconcile,
  SERVERS,
  type ServiceModel,
  type TrackedFlow,
  type Way,
} from "./deliveryModel.ts";
import { OUTSIDE, podOn } from "./labs.ts";
import { Flow, Network, type Outcome } from "./network.ts";

/**
 * Random changes of services and endpoints with packets in flight: none is ever delivered to an address that is no endpoint
 * of the service it was sent to, and an established flow changes its endpoint only where kube-proxy makes it.
 */

const SERVICES = 2;
const ADDRESSES = { "node-1": "10.0.1.4", "node-2": "10.0.2.4" } as const;
const CONDITIONS: Condition[] = ["ready", "ready", "leaving", "stopped", "absent"];
const CLIENTS = ["pod/client", "pod/other", "pod/s1", "node/node-1", "host/outside"];

type Step =
  | { readonly do: "change"; readonly service: number; readonly to: ServiceModel }
  | { readonly do: "begin"; readonly open: boolean; readonly way: Way }
  | { readonly do: "send" | "answer"; readonly flow: number }
  | { readonly do: "wait"; readonly seconds: number };

const service: fc.Arbitrary<ServiceModel> = fc.record({
  exists: fc.constantFrom(true, true, true, true, false),
  affinity: fc.boolean(),
  internalLocal: fc.constantFrom(false, false, true),
  externalLocal: fc.boolean(),
  target: fc.constantFrom(8080, 8080, 9090),
  conditions: fc.array(fc.constantFrom(...CONDITIONS), { minLength: SERVERS.length, maxLength: SERVERS.length }),
});

const way: fc.Arbitrary<Way> = fc
  .record({
    client: fc.constantFrom(...CLIENTS),
    service: fc.nat(SERVICES - 1),
    node: fc.constantFrom(null, ...NODES),
    protocol: fc.constantFrom("TCP" as const, "UDP" as const),
  })
  // Who is outside the cluster has no way to a ClusterIP.
  .map((w) => (w.client === "host/outside" && w.node === null ? { ...w, node: NODES[0] } : w));

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("change" as const), service: fc.nat(SERVICES - 1), to: service }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("begin" as const), open: fc.boolean(), way }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("send" as const, "answer" as const), flow: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("wait" as const), seconds: fc.constantFrom(1, 10, 40, 130) }) },
);

/** A network with services, and what has to become of the packets that are sent in it. */
class Run {
  readonly #network: Network;
  readonly #mode: Mode;
  readonly #models: ServiceModel[];
  readonly #flows: TrackedFlow[] = [];
  #now = 0;

  constructor(mode: Mode, models: readonly ServiceModel[]) {
    const servers = SERVERS.map((name, i) => podOn(NODES[i >> 1], name, "server"));
    const clients = [podOn("node-1", "client", "client"), podOn("node-2", "other", "client")];
    this.#mode = mode;
    this.#models = [...models];
    this.#network = new Network({ ...OUTSIDE, cluster: { kubeProxy: { mode } } }, ...servers, ...clients);
    models.forEach((model, id) => {
      if (model.exists) this.#network.apply(...documents(this.#network, id, model));
    });
  }

  do(step: Step): void {
    if (step.do === "change") this.#change(step.service, step.to);
    else if (step.do === "begin") this.#begin(step.way, step.open);
    else if (step.do === "wait") {
      this.#network.wait(step.seconds);
      this.#now += step.seconds;
    } else {
      const tracked = this.#flows[step.flow % Math.max(1, this.#flows.length)];
      if (tracked === undefined) return;
      if (step.do === "send") this.#send(tracked);
      else this.#answer(tracked);
    }
  }

  /** Whether no packet was lost or made up. */
  end(): void {
    for (const tracked of this.#flows) this.#send(tracked);
    expect(this.#network.line.imbalance()).toBe(0);
  }

  #change(id: number, to: ServiceModel): void {
    const before = this.#models[id];
    if (!before.exists && !to.exists) return;
    if (to.exists) this.#network.apply(...documents(this.#network, id, to));
    else this.#network.remove(`svc/service-${id}`, `endpointslice/service-${id}-1`);
    this.#models[id] = to;
    reconcile(this.#flows, id, this.#network, to);
  }

  #begin(way: Way, open: boolean): void {
    const target =
      way.node === null
        ? `${clusterIP(way.service)}:80`
        : `${ADDRESSES[way.node === "node-1" ? "node-1" : "node-2"]}:${nodePort(way.service)}`;
    const flow = new Flow(this.#network, way.client, target, { protocol: way.protocol });
    const tracked: TrackedFlow = { way, flow, bound: null, seen: this.#now, established: false, unseen: false };
    this.#flows.push(tracked);
    this.#send(tracked);
    if (!open || !this.#isServed(tracked.bound)) return;
    this.#answer(tracked);
    this.#send(tracked);
    if (way.protocol === "TCP") tracked.established = true;
  }

  #send(tracked: TrackedFlow): void {
    const { bound, flow, way } = tracked;
    if (tracked.unseen) return;
    const got = flow.send();
    const must = fate(tracked, this.#now);
    const may = allowed(this.#network, this.#mode, this.#models[way.service], way);
    const text = `${JSON.stringify(way)} ${must}: ${JSON.stringify(bound)} then ${JSON.stringify(got)}, may ${may.join()}`;
    const stayed = bound !== null && got.to === bound.to && got.target === bound.target;
    if (must === "stays" || (must === "either" && stayed)) {
      // What was not translated at first is not translated later; rules may still refuse it.
      if (!this.#isServed(bound)) expect(this.#isServed(got), text).toBe(false);
      else if (must === "stays") expect(got, text).toEqual(bound);
      if (stayed) tracked.bound = got;
    } else {
      const { target } = this.#models[way.service];
      if (this.#isServed(got)) {
        expect(may, text).toContain(got.to);
        expect(got.target.endsWith(`:${target}`), text).toBe(true);
      } else if (got.to === "DROPPED SOURCE_DEST_CHECK") {
        // A pod's packet that the node of a NodePort sends on with the pod's own address: it went nobody knows where.
        expect([way.node !== null, may.length > 0], text).toEqual([true, true]);
        tracked.unseen = true;
      } else if (!flow.opened) expect(may, text).toEqual([]);
      tracked.bound = this.#isBound(got) ? got : null;
    }
    tracked.seen = this.#now;
  }

  /** The server of its last packet answers: where the entry holds, the client hears the address that it sent to. */
  #answer(tracked: TrackedFlow): void {
    const { bound, flow } = tracked;
    if (bound === null || !this.#isServed(bound) || fate(tracked, this.#now) !== "stays") return;
    expect(flow.answer(bound)).toBe(flow.target);
    tracked.seen = this.#now;
  }

  #isServed(outcome: Outcome | null): boolean {
    return outcome !== null && SERVERS.some((s) => outcome.to === `pod/default/${s}`);
  }

  /** What left its first node has an entry there, translated or not. */
  #isBound({ to }: Outcome): boolean {
    return this.#isServed({ to, source: "", target: "" }) || to.startsWith("node/") || to === "DROPPED VPC_NO_ROUTE";
  }
}

it.each(["iptables", "nftables", "ipvs", "cilium"] as const)(
  "%s mode: packets reach endpoints of their service alone, and flows stay where they are",
  (mode) => {
    fc.assert(
      fc.property(fc.tuple(service, service), fc.array(step, { minLength: 20, maxLength: 80 }), (models, steps) => {
        const run = new Run(mode, models);
        for (const one of steps) run.do(one);
        run.end();
      }),
      { seed: 2_026, numRuns: 60, endOnFailure: true },
    );
  },
  60_000,
);
