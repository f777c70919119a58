import { describe, expect, it } from "vitest";
import { Kubelets } from "../../../src/control/ipam/kubelets.ts";
import { AddError, type NodeAgent, type PodAddress, type PodRequest } from "../../../src/control/ipam/types.ts";
import { Timeline } from "../../../src/control/time/timeline.ts";
import { Random } from "../../../src/plane/random.ts";

const pod = (name: string): PodRequest => ({ key: `pod/default/${name}`, deviceNumber: null, securityGroups: null });

/** A node with so many addresses, whose daemon may be down. */
class FakeNode {
  free: number;
  up = true;
  readonly calls: string[] = [];
  readonly timeline = new Timeline();
  readonly started: string[] = [];
  readonly kubelets: Kubelets;

  constructor(free: number) {
    this.free = free;
    const answers: Pick<NodeAgent, "add" | "del"> = {
      add: ({ key }): PodAddress => {
        this.calls.push(`${this.timeline.now} add ${key}`);
        if (this.free === 0) throw new AddError("no address");
        this.free--;
        return { address: this.free, eni: "eni-1", deviceNumber: 0, vlan: 0 };
      },
      del: (key) => {
        this.calls.push(`${this.timeline.now} del ${key}`);
        this.free++;
      },
    };
    this.kubelets = new Kubelets({
      timeline: this.timeline,
      random: new Random(1),
      settings: { backOff: 10_000, jitter: 0.5 },
      agentOf: () => (this.up ? (answers as NodeAgent) : null),
      onStarted: (key, _, milliseconds) => this.started.push(`${key} after ${milliseconds}`),
    });
  }

  attempts(): number[] {
    return this.calls.filter((c) => c.includes(" add ")).map((c) => Number(c.split(" ")[0]));
  }
}

describe("kubelets", () => {
  it("ask at once, and again after 10 to 15 s until there is an address", () => {
    const node = new FakeNode(0);
    node.kubelets.add(pod("a"), "node-1");
    node.timeline.advance(100_000);
    const times = node.attempts();
    const gaps = times.slice(1).map((t, i) => t - times[i]);
    expect(times[0]).toBe(0);
    expect(gaps.length).toBeGreaterThan(5);
    for (const gap of gaps) {
      expect(gap).toBeGreaterThanOrEqual(10_000);
      expect(gap).toBeLessThanOrEqual(15_000);
    }
    expect(new Set(gaps).size).toBeGreaterThan(1);
    expect(node.kubelets.waitingPods).toBe(1);
    expect(node.kubelets.waiting("pod/default/a")).toEqual({
      node: "node-1",
      since: 0,
      attempts: times.length,
      message: "no address",
    });
    node.free = 1;
    node.timeline.advance(200_000);
    expect(node.kubelets.waitingPods).toBe(0);
    expect(node.kubelets.waiting("pod/default/a")).toBeNull();
    expect(node.kubelets.address("pod/default/a")).toMatchObject({ address: 0 });
    expect(node.started).toEqual([`pod/default/a after ${node.attempts().at(-1)}`]);
    expect(node.timeline.next()).toBeNull();
  });

  it("do not ask for a pod that has gone", () => {
    const node = new FakeNode(0);
    node.kubelets.add(pod("a"), "node-1");
    node.kubelets.remove("pod/default/a");
    node.timeline.advance(60_000);
    expect(node.attempts()).toEqual([0]);
    expect(node.kubelets.waitingPods).toBe(0);
    node.kubelets.remove("pod/default/a");
    expect(node.calls).toEqual(["0 add pod/default/a", "0 del pod/default/a"]);
  });

  it("repeat a DEL that found no daemon, before any ADD", () => {
    const node = new FakeNode(1);
    node.kubelets.add(pod("a"), "node-1");
    node.up = false;
    node.kubelets.remove("pod/default/a");
    node.kubelets.add(pod("b"), "node-1");
    expect(node.kubelets.waiting("pod/default/b")?.message).toMatch(/^add cmd: .*ipamd does not answer/);
    node.timeline.advance(5000);
    node.up = true;
    node.kubelets.agentReady("node-1");
    node.timeline.advance(20_000);
    expect(node.calls.map((c) => c.split(" ").slice(1).join(" "))).toEqual([
      "add pod/default/a",
      "del pod/default/a",
      "add pod/default/b",
    ]);
    expect(node.kubelets.address("pod/default/b")).not.toBeNull();
  });

  it("repeat a DEL before the ADD of a new pod of the same name", () => {
    const node = new FakeNode(1);
    node.kubelets.add(pod("a"), "node-1");
    node.up = false;
    node.kubelets.remove("pod/default/a");
    node.kubelets.add(pod("a"), "node-1");
    node.up = true;
    // Nobody has said yet that the daemon is up: kubelet's own retry finds it so.
    node.timeline.advance(20_000);
    expect(node.calls.map((c) => c.split(" ").slice(1).join(" "))).toEqual([
      "add pod/default/a",
      "del pod/default/a",
      "add pod/default/a",
    ]);
  });

  it("forget the pods of a node that is gone", () => {
    const node = new FakeNode(1);
    node.kubelets.add(pod("a"), "node-1");
    node.kubelets.add(pod("b"), "node-1");
    node.kubelets.removeNode("node-1");
    node.timeline.advance(60_000);
    expect(node.attempts()).toEqual([0, 0]);
    expect(node.kubelets.waitingPods).toBe(0);
    expect([...node.kubelets.addresses()]).toEqual([]);
  });
});
