import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AutoAgent } from "../../../../src/control/ipam/auto/autoAgent.ts";
import type { AutoSettings } from "../../../../src/control/ipam/auto/settings.ts";
import type { AgentInput } from "../../../../src/control/ipam/types.ts";
import { TestNode, type TestNodeInput } from "./autoNode.ts";

/** The slow, obvious twin: it looks at its pool at every interval, whether there is something to do or not. */
class AlwaysTicking extends AutoAgent {
  readonly #input: AgentInput;
  readonly #interval: number;

  constructor(input: AgentInput, settings: AutoSettings) {
    super(input, settings);
    this.#input = input;
    this.#interval = settings.monitorInterval;
  }

  protected override nextLook(anchor: number): number {
    const passed = Math.floor((this.#input.timeline.now - anchor) / this.#interval);
    return anchor + (passed + 1) * this.#interval;
  }
}

type Step =
  | { readonly kind: "add"; readonly pods: number; readonly device: number | null }
  | { readonly kind: "retry" }
  | { readonly kind: "del"; readonly pods: number; readonly from: number }
  | { readonly kind: "take"; readonly subnet: number; readonly count: number; readonly scattered: boolean }
  | { readonly kind: "free" }
  | { readonly kind: "restart"; readonly wiped: boolean; readonly down: number }
  | { readonly kind: "pass"; readonly seconds: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("add" as const),
      pods: fc.integer({ min: 1, max: 20 }),
      device: fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(3) }),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: "retry" as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("del" as const),
      pods: fc.integer({ min: 1, max: 25 }),
      from: fc.nat(60),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("take" as const),
      subnet: fc.nat(2),
      count: fc.nat(120),
      scattered: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "free" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("restart" as const), wiped: fc.boolean(), down: fc.nat(20) }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("pass" as const), seconds: fc.nat(200) }) },
);

const SUBNETS = { nodes: "10.0.1.0/25", "pods-1": "10.0.2.0/25", "pods-2": "10.0.3.0/25" };

const setup: fc.Arbitrary<TestNodeInput> = fc.record({
  subnets: fc.constant(SUBNETS),
  limits: fc.record({
    enis: fc.integer({ min: 1, max: 4 }),
    addressesPerEni: fc.integer({ min: 2, max: 8 }),
    prefixes: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    branchEnis: fc.constant(0),
  }),
  maxPods: fc.constantFrom(20, 110),
  settings: fc.record({
    prefixSize: fc.constantFrom("auto" as const, "auto" as const, "32" as const),
    podSubnets: fc.constantFrom(null, null, ["pods-1"], ["pods-1", "pods-2"]),
    warmAddresses: fc.nat(20),
    warmShare: fc.constantFrom(0, 0.125, 0.5),
    prefixCooldown: fc.constantFrom(0, 60_000, 300_000),
    fragmentationPeriod: fc.constantFrom(30_000, 120_000),
    addressCooldown: fc.constantFrom(0, 30_000),
    assignOrder: fc.constantFrom("lowest" as const, "random" as const),
  }),
});

/** Milliseconds after the start: nobody else's moments, since EC2's are whole tenths of a second. */
const OFFSET = 37;
/** When nothing cools down any more, seconds. */
const REST = 3600;

class History {
  readonly node: TestNode;
  #pods = 0;
  #taken = 0;

  constructor(input: TestNodeInput) {
    this.node = new TestNode(input);
    this.node.timeline.advance(OFFSET);
  }

  play(steps: readonly Step[]): void {
    for (const each of steps) {
      this.#play(each);
      // A pod that waits is no violation; a daemon that is down knows what it knew.
      this.node.sound();
    }
  }

  #play(each: Step): void {
    const { node } = this;
    if (each.kind === "pass") node.pass(each.seconds);
    else if (each.kind === "add") for (let n = 0; n < each.pods; n++) node.add(`p${this.#pods++}`, each.device);
    else if (each.kind === "retry") {
      for (const [pod, address] of node.pods) if (address === null) node.add(pod);
    } else if (each.kind === "del") {
      const pods = [...node.pods.keys()];
      for (const pod of pods.slice(each.from % (pods.length + 1)).slice(0, each.pods)) node.del(pod);
    } else if (each.kind === "take") this.#take(each.subnet, each.count, each.scattered);
    else if (each.kind === "free") for (let n = 0; n < this.#taken; n++) node.ec2.freeAddresses(`other-${n}`);
    else this.#restart(each.wiped, each.down);
  }

  #take(subnet: number, count: number, scattered: boolean): void {
    const { ec2 } = this.node;
    const name = Object.keys(SUBNETS)[subnet];
    const free = Math.min(count, ec2.subnet(name).freeAddresses);
    if (free > 0) ec2.takeAddresses(name, free, scattered ? "scattered" : "contiguous", `other-${this.#taken++}`);
  }

  #restart(wiped: boolean, down: number): void {
    const { node } = this;
    if (wiped) for (const pod of [...node.pods.keys()]) node.del(pod);
    node.agent.stop(!wiped);
    node.pass(down);
    node.agent.start();
  }
}

describe("a random history", () => {
  it("violates nothing and is that of a daemon which always looks", () => {
    fc.assert(
      fc.property(setup, fc.array(step, { maxLength: 40 }), (input, steps) => {
        const history = new History(input);
        history.play(steps);
        const twin = new History({ ...input, agent: AlwaysTicking });
        twin.play(steps);
        expect(history.node.times).toEqual(twin.node.times);
        expect(history.node.events).toEqual(twin.node.events);
        expect(history.node.enis()).toEqual(twin.node.enis());
        expect([...history.node.ec2.allInterfaces()]).toEqual([...twin.node.ec2.allInterfaces()]);
      }),
      { seed: 20_250_101, numRuns: 200 },
    );
  });

  it("ends in rest: EC2 has what the daemon has, no less and no more than the warm pool, and nobody wakes", () => {
    fc.assert(
      fc.property(setup, fc.array(step, { maxLength: 40 }), (input, steps) => {
        const { node } = playedOut(input, steps);
        expect(node.timeline.next()).toBeNull();
        expect(node.ec2Enis()).toEqual(node.enis());
        expect([...node.ec2.allInterfaces()].every((eni) => eni.instance !== null)).toBe(true);
        const sizes = node.agent.enis().flatMap((eni) => eni.slots.map((slot) => 2 ** (32 - slot.length)));
        const total = sizes.reduce((sum, size) => sum + size, 0);
        const { prefixSize = "auto", warmAddresses = 0 } = input.settings ?? {};
        const warm = prefixSize === "32" ? 1 : warmAddresses;
        if (!isFull(node, input)) expect(total).toBeGreaterThanOrEqual(warm);
        for (const size of sizes) expect(total - size).toBeLessThan(warm);
      }),
      { seed: 20_250_102, numRuns: 150 },
    );
  });
});

/** A history after which all pods and all others' addresses are gone, and an hour has passed. */
function playedOut(input: TestNodeInput, steps: readonly Step[]): History {
  const history = new History(input);
  history.play(steps);
  const { node } = history;
  for (const pod of [...node.pods.keys()]) node.del(pod);
  history.play([{ kind: "free" }]);
  node.pass(REST);
  return history;
}

/** Whether no ENI for pods has room for a slot, and none can be added. */
function isFull(node: TestNode, { limits, settings }: TestNodeInput): boolean {
  const enis = node.agent.enis().filter((eni) => eni.forPods);
  const most = (limits?.enis ?? 0) - (settings?.podSubnets === null ? 0 : 1);
  return enis.length === most && enis.every((eni) => eni.slots.length === (limits?.addressesPerEni ?? 0) - 1);
}
