import type { IpamScenario, ScenarioSettings } from "../../objects/ipamScenario.ts";
import type { ActionName } from "../../objects/ipamTimeline.ts";
import { cidrSize, toCidr } from "../../vpc/cidr.ts";
import type { Ec2Action } from "../../vpc/ec2/types.ts";
import { Actions, actionOf } from "./actions.ts";
import { SimulatedCluster } from "./cluster.ts";
import { type Occurrence, occurrences } from "./occurrences.ts";
import type { Marker, SimulationResult, Violation } from "./result.ts";
import type { Sample } from "./series.ts";

/** Samples of a series where a scenario does not say. */
const DEFAULT_SAMPLES = 200;
/** Addresses of a subnet that EC2 keeps for itself. */
const EC2_ADDRESSES = 5;
/** Most violations that are listed: the first one is what matters. */
const VIOLATIONS_MAX = 20;
const THROTTLED = "RequestLimitExceeded";

export interface SimulateOptions {
  /** In place of the scenario's. */
  readonly seed?: number;
  /** Look for violations after every event, which is slow, and not at the end alone. */
  readonly check?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

class Simulation {
  readonly #scenario: IpamScenario;
  readonly #settings: ScenarioSettings;
  readonly #options: SimulateOptions;
  readonly #cluster: SimulatedCluster;
  readonly #actions: Actions;
  readonly #markers: Marker[] = [];
  readonly #violations: Violation[] = [];
  readonly #seed: number;
  /** Addresses of all subnets that can be given. */
  readonly #addresses: number;

  constructor(scenario: IpamScenario, settings: ScenarioSettings, options: SimulateOptions) {
    this.#scenario = scenario;
    this.#settings = settings;
    this.#options = options;
    this.#seed = options.seed ?? scenario.spec.seed;
    this.#cluster = new SimulatedCluster(scenario, settings, this.#seed);
    this.#actions = new Actions(this.#cluster);
    this.#addresses = scenario.spec.vpc.subnets.reduce(
      (sum, s) => sum + cidrSize(toCidr(s.cidrBlock)) - EC2_ADDRESSES,
      0,
    );
  }

  run(): SimulationResult {
    const { duration, nodes, timeline } = this.#scenario.spec;
    for (const entry of nodes) {
      const label = this.#actions.addNodes(entry);
      if (label.includes("refused")) this.#mark("addNodes", label);
    }
    const events = occurrences(timeline, duration);
    const step = this.#scenario.spec.sample ?? Math.max(1, duration / DEFAULT_SAMPLES);
    const samples = Math.ceil(duration / step);
    let next = 0;
    for (let i = 0; i <= samples; i++) {
      const time = Math.min(Math.round(i * step), duration);
      next = this.#eventsUntil(events, next, time);
      this.#advance(time);
      this.#sample(time);
      this.#options.onProgress?.(i, samples);
    }
    // What is written for the last moment.
    this.#eventsUntil(events, next, duration + 1);
    this.#advance(duration);
    this.#cluster.stalls.end();
    if (this.#options.check !== true) this.#check();
    return this.#result();
  }

  /** Everything before that time, it left out. */
  #eventsUntil(events: readonly Occurrence[], from: number, time: number): number {
    let next = from;
    for (; next < events.length && events[next].time < time; next++) {
      this.#advance(events[next].time);
      const event = this.#scenario.spec.timeline[events[next].index];
      this.#mark(actionOf(event), this.#actions.run(event));
    }
    return next;
  }

  #mark(action: ActionName, label: string): void {
    this.#markers.push({ time: this.#cluster.ipam.timeline.now, action, label });
    this.#cluster.note(label);
  }

  #advance(time: number): void {
    const { ipam } = this.#cluster;
    if (this.#options.check === true)
      for (let at = ipam.timeline.next(); at !== null && at <= time; at = ipam.timeline.next()) {
        ipam.timeline.step();
        this.#check();
      }
    ipam.advance(time);
  }

  #check(): void {
    if (this.#violations.length >= VIOLATIONS_MAX) return;
    const { now } = this.#cluster.ipam.timeline;
    const known = new Set(this.#violations.map((v) => v.text));
    for (const text of this.#cluster.ipam.violations({ duplicates: false })) {
      if (known.has(text) || this.#violations.length >= VIOLATIONS_MAX) continue;
      known.add(text);
      this.#violations.push({ time: now, text });
    }
  }

  #sample(time: number): void {
    const { ipam, recorder, workload, failures, foreign, history } = this.#cluster;
    const sum = { assigned: 0, cooling: 0, warm: 0, enis: 0, prefixes: 0 };
    for (const node of ipam.nodes()) {
      const { assigned, cooling, total, enis, prefixes } = ipam.agent(node).stats();
      sum.assigned += assigned;
      sum.cooling += cooling;
      sum.warm += Math.max(0, total - assigned - cooling);
      sum.enis += enis;
      sum.prefixes += prefixes;
    }
    let subnetFree = 0;
    let foreignCount = 0;
    for (const { name } of this.#scenario.spec.vpc.subnets) {
      subnetFree += ipam.ec2.subnet(name).freeAddresses;
      foreignCount += foreign.get(name) ?? 0;
    }
    const sample: Sample = {
      time,
      ...sum,
      subnetFree,
      reserved: this.#addresses - subnetFree - foreignCount,
      waiting: ipam.waitingPods,
      unscheduled: workload.unscheduled,
      calls: new Map([...ipam.ec2.calls].map(([action, { calls }]) => [action, calls])),
      throttled: this.#errors(true),
      failedAdds: failures.count,
    };
    recorder.add(sample);
    history.add(time, `sample ${sum.assigned} ${sum.cooling} ${sum.warm} ${subnetFree}`);
  }

  #errors(throttled: boolean): number {
    let sum = 0;
    for (const { errors } of this.#cluster.ipam.ec2.calls.values())
      for (const [code, count] of errors) if ((code === THROTTLED) === throttled) sum += count;
    return sum;
  }

  #result(): SimulationResult {
    const { ipam, recorder, workload, failures, stalls, owners, history } = this.#cluster;
    const calls: Partial<Record<Ec2Action, number>> = {};
    const refusals: Record<string, number> = {};
    for (const [action, count] of ipam.ec2.calls) {
      if (count.calls > 0) calls[action] = count.calls;
      for (const [code, n] of count.errors) if (code !== THROTTLED) refusals[code] = (refusals[code] ?? 0) + n;
    }
    return {
      variant: this.#settings.name,
      mode: this.#settings.mode,
      seed: this.#seed,
      duration: this.#scenario.spec.duration,
      history: history.digest(),
      events: history.count,
      series: recorder.series,
      startDelay: recorder.startDelay(),
      waiting: ipam.waitingPods,
      unscheduled: workload.unscheduled,
      calls,
      throttled: this.#errors(true),
      refusals,
      failedAdds: failures.count,
      failures: failures.list(),
      stalls: stalls.stalls,
      stalledPods: stalls.pods,
      duplicates: owners.duplicates,
      violations: this.#violations,
      markers: this.#markers,
    };
  }
}

/** Runs a scenario under one of its settings. The same scenario, settings and seed give the same result. */
export function simulate(
  scenario: IpamScenario,
  settings: ScenarioSettings,
  options: SimulateOptions = {},
): SimulationResult {
  return new Simulation(scenario, settings, options).run();
}
