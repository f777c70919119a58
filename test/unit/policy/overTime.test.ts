import { describe, expect, it } from "vitest";
import { Network } from "../conformance/network.ts";
import type { Fields } from "../control/documents.ts";
import { ALL, create, ingress, labelled } from "./cases.ts";
import { documentsOf, type Engine, specOf } from "./policyLab.ts";
import { labelNamespace, labelPod, type Protocol, pod, removePolicies, type World, worldOf } from "./world.ts";

/** Established connections while policies, labels and namespaces change: what each engine lets go on. */

const CLIENT = "pod/x/a";
const SERVER = "pod/y/b";
const DENIED = "DROPPED POLICY_DENY_INGRESS";
/** Nobody's answer: it was dropped on its way. */
const START = {
  ...worldOf([pod("x/a", { labels: { app: "client" } }), pod("y/b", { labels: { app: "server" } })]),
  services: [],
};
/** Longer than the agent takes to notice that a connection is gone. */
const AFTER_SWEEPS = 900;

const ENGINES = ["aws", "upstream"] as const satisfies readonly Engine[];
const ALLOW = ingress(ALL, {});
const FROM_CLIENTS = ingress(ALL, { from: [{ podSelector: labelled({ app: "client" }), namespaceSelector: {} }] });
const FROM_TEAM = ingress(ALL, { from: [{ namespaceSelector: labelled({ team: "a" }) }] });

class Story {
  readonly #network: Network;
  #world: World;

  constructor(engine: Engine, world: World, networkPolicy: Fields = { enabled: true }) {
    this.#network = new Network(specOf(engine, networkPolicy), ...documentsOf(world).values());
    this.#world = world;
  }

  change(change: (world: World) => World): void {
    const before = [...documentsOf(this.#world).keys()];
    this.#world = change(this.#world);
    const after = documentsOf(this.#world);
    const gone = before.filter((key) => !after.has(key));
    if (gone.length > 0) this.#network.remove(...gone);
    this.#network.apply(...after.values());
  }

  wait(seconds: number): void {
    this.#network.wait(seconds);
  }

  /** An open connection of the client's: what becomes of its next packet, and of the server's answer. */
  open(protocol: Protocol = "TCP"): () => string {
    const { flow, at } = this.#network.open(CLIENT, `${SERVER}:80`, { protocol });
    expect(at.to).toBe(SERVER);
    return () => {
      const next = flow.send();
      if (next.to !== SERVER) return next.to;
      expect(flow.answer(next)).toBe(flow.target);
      return next.to;
    };
  }

  /** What becomes of a new connection. */
  dial(): string {
    return this.#network.dial(CLIENT, `${SERVER}:80`).to;
  }
}

const deny = create("y", "p", ingress(ALL));

describe.each(ENGINES)("established connections, engine %s", (engine) => {
  it.each<[string, (w: World) => World, (w: World) => World]>([
    ["a rule is taken away", create("y", "p", ALLOW), deny],
    ["the client's label changes", create("y", "p", FROM_CLIENTS), (w) => labelPod(w, "x/a", { app: "other" })],
    [
      "the label of the client's namespace changes",
      (w) => create("y", "p", FROM_TEAM)(labelNamespace(w, "x", { team: "a" })),
      (w) => labelNamespace(w, "x", { team: "b" }),
    ],
    [
      "one of two policies is deleted",
      (w) => create("y", "q", ingress(ALL))(create("y", "p", ALLOW)(w)),
      (w) => removePolicies(w, "p"),
    ],
  ])("go on after %s, new ones do not", (_name, first, second) => {
    const story = new Story(engine, first(START));
    const talk = story.open();
    expect(talk()).toBe(SERVER);
    story.change(second);
    expect(story.dial()).toBe(DENIED);
    for (let i = 0; i < 5; i++) {
      story.wait(60);
      expect(talk()).toBe(SERVER);
    }
    story.change(() => first(START));
    expect(story.dial()).toBe(SERVER);
  });

  it("go on after the last policy has gone, and new ones come", () => {
    const story = new Story(engine, create("y", "p", FROM_CLIENTS)(START));
    const talk = story.open();
    story.change((w) => labelPod(w, "x/a", { app: "other" }));
    expect(story.dial()).toBe(DENIED);
    story.change((w) => removePolicies(w));
    expect(story.dial()).toBe(SERVER);
    expect(talk()).toBe(SERVER);
  });
});

describe("established connections when a pod's first policy comes", () => {
  it.each([
    ["aws", DENIED],
    ["upstream", SERVER],
  ] as const)("engine %s: %s", (engine, fate) => {
    const story = new Story(engine, START);
    const talk = story.open();
    story.change(deny);
    expect(story.dial()).toBe(DENIED);
    expect(talk()).toBe(fate);
  });

  it("engine aws: also where nobody enforced policies before", () => {
    const story = new Story("aws", START, {});
    const talk = story.open();
    story.change(deny);
    expect(talk()).toBe(DENIED);
  });

  it("engine aws: they go on where the policy allows them", () => {
    const story = new Story("aws", START);
    const talk = story.open();
    story.change(create("y", "p", FROM_CLIENTS));
    expect(talk()).toBe(SERVER);
  });
});

describe("the agent's memory of a connection", () => {
  it("ends after the kernel's: the same ports are judged anew", () => {
    const story = new Story("aws", create("y", "p", ALLOW)(START));
    const talk = story.open("UDP");
    story.change(deny);
    expect(talk()).toBe(SERVER);
    story.wait(AFTER_SWEEPS);
    expect(talk()).toBe(DENIED);
  });

  it("lasts as long as somebody talks", () => {
    const story = new Story("aws", create("y", "p", ALLOW)(START));
    const talk = story.open("UDP");
    story.change(deny);
    // More often than a UDP connection of the kernel's ends.
    for (let i = 0; i < AFTER_SWEEPS; i += 20) {
      story.wait(20);
      expect(talk()).toBe(SERVER);
    }
  });
});

describe("pods before their policies", () => {
  it.each([
    ["standard", SERVER],
    ["strict", "DROPPED POLICY_DEFAULT_DENY"],
  ])("enforcing mode %s: a pod that no policy selects, %s", (enforcingMode, fate) => {
    const story = new Story("aws", START, { enabled: true, enforcingMode });
    expect(story.dial()).toBe(fate);
  });

  it("strict: policies of both ends let a connection through", () => {
    const allow = (w: World) =>
      create("x", "p", { podSelector: {}, policyTypes: ["Egress"], egress: [{}] })(create("y", "p", ALLOW)(w));
    const story = new Story("aws", START, { enabled: true, enforcingMode: "strict" });
    story.change(allow);
    expect(story.dial()).toBe(SERVER);
  });
});
