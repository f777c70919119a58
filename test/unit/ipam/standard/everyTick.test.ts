import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { IpamdSettings } from "../../../../src/control/ipam/standard/settings.ts";
import type { Ec2Settings } from "../../../../src/control/vpc/ec2/types.ts";
import { type Node, SECOND, subnet, type TypeName, World } from "./world.ts";

/** How long kubelet waits before it tries a pod again. */
const RETRY = 10 * SECOND;

type Step =
  | { readonly kind: "add"; readonly pod: number; readonly eni: number | null }
  | { readonly kind: "del"; readonly pod: number }
  | { readonly kind: "burst"; readonly pods: number }
  | { readonly kind: "clear" }
  | { readonly kind: "wait"; readonly seconds: number }
  | { readonly kind: "restart"; readonly keep: boolean; readonly toggle: boolean }
  | { readonly kind: "detach"; readonly pick: number }
  | { readonly kind: "unassign"; readonly pick: number }
  | { readonly kind: "assign"; readonly pick: number }
  | { readonly kind: "fill"; readonly addresses: number }
  | { readonly kind: "drain" };

interface Script {
  readonly type: TypeName;
  readonly settings: Partial<IpamdSettings>;
  readonly ec2: Partial<Ec2Settings>;
  readonly cidr: string;
  readonly seed: number;
  readonly steps: readonly { readonly gap: number; readonly step: Step }[];
}

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("add" as const), pod: fc.nat(30), eni: fc.constant(null) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("add" as const), pod: fc.nat(30), eni: fc.nat(3) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("del" as const), pod: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("burst" as const), pods: fc.integer({ min: 1, max: 30 }) }) },
  { weight: 2, arbitrary: fc.constant({ kind: "clear" as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("wait" as const), seconds: fc.nat(900) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("restart" as const), keep: fc.boolean(), toggle: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("detach" as const), pick: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("unassign" as const), pick: fc.nat(50) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("assign" as const), pick: fc.nat(5) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("fill" as const), addresses: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "drain" as const }) },
);

const scriptArbitrary: fc.Arbitrary<Script> = fc.record({
  type: fc.constantFrom<TypeName>("t3.small", "m5.large"),
  cidr: fc.constantFrom("10.0.0.0/26", "10.0.0.0/25", "10.0.0.0/20"),
  seed: fc.integer(),
  settings: fc.record({
    warmEniTarget: fc.nat(2),
    warmIpTarget: fc.constantFrom(0, 0, 1, 5),
    minimumIpTarget: fc.constantFrom(0, 0, 4, 20),
    warmPrefixTarget: fc.nat(2),
    maxEni: fc.constantFrom(null, null, 1, 2),
    prefixDelegation: fc.boolean(),
    cooldown: fc.constantFrom(0, 30 * SECOND, 30 * SECOND, 200 * SECOND),
    subnetDiscovery: fc.boolean(),
    podEni: fc.boolean(),
    assignOrder: fc.constantFrom<"lowest" | "random">("lowest", "random"),
  }),
  ec2: fc.record({
    jitter: fc.constantFrom(0, 0.3),
    metadataDelay: fc.constantFrom(0, 0, 3 * SECOND, 20 * SECOND, 60 * SECOND),
    throttle: fc.constantFrom(null, { bucket: 2, refillPerSecond: 0.05 }),
    addressSelection: fc.constantFrom<"lowest" | "random">("lowest", "random"),
  }),
  steps: fc.array(
    fc.record({
      gap: fc.oneof(
        fc.nat(20_000),
        fc.nat(8).map((n) => n * 2500),
      ),
      step: stepArbitrary,
    }),
    {
      minLength: 1,
      maxLength: 25,
    },
  ),
});

/** Plays a script to a node; kubelet tries pods without address again. */
class Player {
  readonly world: World;
  readonly #node: Node;
  readonly #script: Script;
  #prefixDelegation: boolean;
  #retried = 0;
  readonly #waiting = new Map<string, number | null>();

  constructor(script: Script, everyTick: boolean) {
    this.#script = script;
    this.#prefixDelegation = script.settings.prefixDelegation ?? false;
    this.world = new World({ subnets: [subnet("nodes", script.cidr)], ec2: script.ec2, seed: script.seed });
    this.#node = this.world.node(script.type, script.settings, { everyTick });
  }

  /** Everything that can be told of it from outside. */
  play() {
    for (const { gap, step } of this.#script.steps) {
      this.#run(gap);
      this.#step(step);
    }
    this.#run(20 * 60 * SECOND);
    const { ipamd, events } = this.#node;
    return {
      events,
      enis: ipamd.enis(),
      stats: ipamd.stats(),
      counters: ipamd.counters,
      calls: [...this.world.ec2.calls],
      violations: [...ipamd.violations(), ...this.world.ec2.violations()],
    };
  }

  #run(milliseconds: number): void {
    const end = this.world.timeline.now + milliseconds;
    for (let next = this.#retried + RETRY; next <= end; next += RETRY) {
      this.world.timeline.advance(next);
      this.#retried = next;
      for (const [pod, eni] of [...this.#waiting]) this.#add(pod, eni);
    }
    this.world.timeline.advance(end);
  }

  #add(pod: string, eni: number | null): void {
    if (/^\d/.test(this.#node.add(pod, eni))) this.#waiting.delete(pod);
    else this.#waiting.set(pod, eni);
  }

  #del(pod: string): void {
    this.#waiting.delete(pod);
    this.#node.del(pod);
  }

  #step(step: Step): void {
    const { ec2 } = this.world;
    if (step.kind === "add") this.#add(`pod-${step.pod}`, step.eni);
    else if (step.kind === "del") this.#del(`pod-${step.pod}`);
    else if (step.kind === "burst") for (let n = 0; n < step.pods; n++) this.#add(`pod-${n}`, null);
    else if (step.kind === "clear") for (const pod of [...this.#node.pods]) this.#del(pod);
    else if (step.kind === "wait") this.#run(step.seconds * SECOND);
    else if (step.kind === "restart") this.#restart(step.keep, step.toggle);
    else if (step.kind === "drain") ec2.freeAddresses("others");
    else if (step.kind === "fill") {
      if (step.addresses < ec2.subnet("nodes").freeAddresses)
        ec2.takeAddresses("nodes", step.addresses, "scattered", "others");
    } else this.#tamper(step.pick, step.kind);
  }

  #restart(keep: boolean, toggle: boolean): void {
    if (toggle) this.#prefixDelegation = !this.#prefixDelegation;
    this.#node.restart({ ...this.#script.settings, prefixDelegation: this.#prefixDelegation }, keep);
  }

  /** Somebody changes the node's ENIs behind the daemon's back. */
  #tamper(pick: number, how: "detach" | "unassign" | "assign"): void {
    const { ec2 } = this.world;
    const enis = ec2.interfaces(this.#node.name);
    const { id, slots, deviceNumber } = enis[pick % enis.length];
    if (how === "detach" && deviceNumber !== 0) ec2.forceDetach(id);
    if (how === "unassign" && slots.length > 0) ec2.forceUnassign(id, slots[pick % slots.length]);
    if (how === "assign" && slots.length < 3 && this.#script.cidr === "10.0.0.0/20")
      ec2.forceAssign(id, this.#prefixDelegation ? { prefixes: 1 } : { secondaryAddresses: 1 });
    this.#node.ipamd.poke();
  }
}

describe("PoolMonitor", () => {
  it("does the same, at the same moments, as one that looks every 5 s", () => {
    fc.assert(
      fc.property(scriptArbitrary, (script) => {
        const lazy = new Player(script, false).play();
        expect(lazy).toEqual(new Player(script, true).play());
        expect(lazy.violations).toEqual([]);
      }),
      { seed: 20_261, numRuns: 150 },
    );
  });

  it("does not wake a node where nothing happens", () => {
    const world = new World();
    world.node("m5.large").ipamd.poke();
    world.run(10 * 60 * SECOND);
    expect(world.timeline.next()).toBeNull();
  });
});
