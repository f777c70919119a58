import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DeleteQueue } from "../../../../src/control/ipam/podEni/deleteQueue.ts";
import { sleep, spawn } from "../../../../src/control/time/process.ts";
import { Timeline } from "../../../../src/control/time/timeline.ts";
import { Ec2 } from "../../../../src/control/vpc/ec2/ec2.ts";
import { DEFAULT_EC2_SETTINGS } from "../../../../src/control/vpc/ec2/types.ts";
import { Random } from "../../../../src/plane/random.ts";
import { DeleteQueueTwin } from "./deleteQueueTwin.ts";
import { agentNode, block, World } from "./world.ts";

const HOUR = 3_600_000;

describe("the delete queue", () => {
  /** When each ENI is deleted, given when it is put into which of the two queues. */
  function deletions(
    puts: readonly { after: number; atOnce: boolean }[],
    queueOf: (timeline: Timeline, ec2: Ec2) => Pick<DeleteQueueTwin, "add" | "addAtOnce" | "run">,
  ): string[] {
    const timeline = new Timeline();
    const subnet = {
      name: "s",
      cidr: block("10.0.0.0", 24),
      availabilityZone: "a",
      tags: {},
      reservations: [],
    };
    const deleted: string[] = [];
    class Watched extends Ec2 {
      protected override delete(id: string): void {
        super.delete(id);
        deleted.push(`${timeline.now} ${id}`);
      }
    }
    const settings = { ...DEFAULT_EC2_SETTINGS, throttle: null };
    const ec2 = new Watched({ timeline, random: new Random(1), settings, subnets: [subnet] });
    const queue = queueOf(timeline, ec2);
    spawn(timeline, queue.run());
    const request = {
      subnet: "s",
      securityGroups: [],
      description: "",
      tags: {},
      secondaryAddresses: 0,
      prefixes: 0,
    };
    spawn(
      timeline,
      (function* () {
        for (const { after, atOnce } of puts) {
          yield* sleep(after);
          const { id } = yield* ec2.createNetworkInterface(request);
          if (atOnce) queue.addAtOnce(id);
          else queue.add(id);
        }
      })(),
    );
    timeline.advance(HOUR);
    return deleted;
  }

  it("deletes when one that looks every 30 s does", () => {
    const put = fc.record({ after: fc.integer({ min: 0, max: 100_000 }), atOnce: fc.boolean() });
    fc.assert(
      fc.property(fc.array(put, { maxLength: 20 }), fc.integer({ min: 30_000, max: 90_000 }), (puts, cooldown) => {
        const onDeleted = () => {};
        const fail = (text: string) => expect.fail(text);
        const fast = deletions(puts, (timeline, ec2) => {
          const queue = new DeleteQueue({ timeline, ec2, cooldown, onDeleted, onError: fail, leak: fail });
          return { add: (e) => queue.add(e, 1), addAtOnce: (e) => queue.addAtOnce(e, 1), run: () => queue.run() };
        });
        expect(fast).toEqual(deletions(puts, (timeline, ec2) => new DeleteQueueTwin(timeline, ec2, cooldown)));
        expect(fast).toHaveLength(puts.length);
      }),
      { seed: 11, numRuns: 200 },
    );
  });
});

describe("pods and nodes that come and go", () => {
  const POD = fc.integer({ min: 0, max: 11 }).map((i) => `p${i}`);
  const NODE = fc.constantFrom("n1", "n2");
  const action = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("request" as const), pod: POD, node: NODE }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("release" as const), pod: POD, node: NODE }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("node" as const), pod: POD, node: NODE }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constantFrom("associate" as const, "delete" as const), pod: POD, node: NODE }),
    },
  );
  const step = fc.tuple(fc.integer({ min: 0, max: 40_000 }), action);

  it("keep VLANs apart and limits, and leave nothing behind", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = new World({ jitter: 0.5 });
        const nodes = new Set<string>();
        const bound = new Map<string, string>();
        const toggle = (name: string) => {
          if (nodes.delete(name)) {
            world.controller.removeNode(name);
            world.ec2.terminateInstance(name);
            for (const [pod, node] of bound) if (node === name) bound.delete(pod);
          } else {
            nodes.add(name);
            world.addNode(agentNode(name, 4));
          }
        };
        toggle("n1");
        for (const [after, { kind, pod, node }] of steps) {
          world.timeline.advance(world.timeline.now + after);
          if (kind === "node") toggle(node);
          else if (kind === "associate" || kind === "delete") world.ec2.failing[kind] = 1;
          else if (kind === "release") {
            bound.delete(pod);
            world.controller.release(pod);
          } else if (nodes.has(node)) {
            bound.set(pod, node);
            world.request(pod, node);
          }
          expect(world.ec2.violations()).toEqual([]);
          for (const name of nodes) {
            const branches = world.ec2.interfaces(name).filter((eni) => eni.interfaceType === "branch");
            expect(world.controller.used(name) + world.controller.cooling(name)).toBeLessThanOrEqual(4);
            for (const [p, of] of bound) {
              const address = world.controller.forNode(name).address(p);
              if (of !== name) expect(address).toBeNull();
              if (address === null) continue;
              const eni = branches.find((b) => b.id === address.eni);
              expect(eni?.address).toBe(address.address);
              expect(world.ec2.vlanOf(address.eni)).toBe(address.vlan);
            }
          }
        }
        for (const pod of bound.keys()) world.controller.release(pod);
        world.ec2.failing.associate = 0;
        world.ec2.failing.delete = 0;
        world.timeline.advance(world.timeline.now + 3 * HOUR);
        expect(world.branches()).toEqual([]);
        expect(world.timeline.next()).toBeNull();
        for (const name of nodes) {
          expect(world.controller.settled(name)).toBe(true);
          expect(world.controller.capacity(name)).toBe(4);
          expect(world.ec2.interfaces(name)).toHaveLength(2);
        }
        expect([...world.ec2.allInterfaces()]).toHaveLength(2 * nodes.size);
      }),
      { seed: 12, numRuns: 150 },
    );
  });

  it("go the same way every time", () => {
    const history = () => {
      const world = new World({ jitter: 0.3 });
      world.addNode(agentNode("n1", 4));
      for (let i = 0; i < 40; i++) {
        world.timeline.advance(i * 7001);
        world.request(`p${i % 6}`);
        world.controller.release(`p${(i * 5) % 6}`);
      }
      return JSON.stringify([world.logs, [...world.ec2.allInterfaces()], world.changes]);
    };
    expect(history()).toBe(history());
  });
});
