import { describe, expect, it } from "vitest";
import { type Process, spawn } from "../../../src/control/time/process.ts";
import { DEFAULT_EC2_SETTINGS } from "../../../src/control/vpc/ec2/types.ts";
import { request, slot, World } from "./world.ts";

const counts = (world: World, action: "DescribeSubnets" | "CreateNetworkInterface") => {
  const { calls, milliseconds, errors } = world.ec2.calls.get(action) ?? { calls: -1, milliseconds: -1, errors: [] };
  return { calls, milliseconds, errors: Object.fromEntries(errors) };
};

describe("a call", () => {
  it("changes the VPC when its latency has passed, not before", () => {
    const world = new World();
    const { ec2, timeline } = world;
    spawn(
      timeline,
      (function* (): Process<void> {
        yield* ec2.createNetworkInterface(request());
      })(),
    );
    timeline.advance(999);
    expect([...ec2.allInterfaces()]).toEqual([]);
    timeline.advance(1000);
    expect([...ec2.allInterfaces()]).toEqual([
      {
        id: "eni-00000001",
        interfaceType: "interface",
        subnet: "a",
        address: 0x0a000104,
        slots: [],
        securityGroups: [],
        tags: {},
        description: "",
        instance: null,
        deviceNumber: null,
        createdAt: 1000,
      },
    ]);
  });

  it("is counted with its time, and its failure by code", () => {
    const world = new World();
    world.run(world.ec2.createNetworkInterface(request()));
    world.refusal(world.ec2.createNetworkInterface(request({ subnet: "z" })));
    expect(counts(world, "CreateNetworkInterface")).toEqual({
      calls: 2,
      milliseconds: 2000,
      errors: { "InvalidSubnetID.NotFound": 1 },
    });
    expect(counts(world, "DescribeSubnets")).toEqual({ calls: 0, milliseconds: 0, errors: {} });
  });

  it("takes latency * (1 - jitter) to latency * (1 + jitter)", () => {
    const world = new World({ jitter: 0.25, throttle: null });
    const times: number[] = [];
    for (let i = 0; i < 400; i++) {
      const begin = world.timeline.now;
      world.run(world.ec2.describeSubnets());
      times.push(world.timeline.now - begin);
    }
    expect(Math.min(...times)).toBeGreaterThanOrEqual(150);
    expect(Math.min(...times)).toBeLessThan(153);
    expect(Math.max(...times)).toBeLessThanOrEqual(250);
    expect(Math.max(...times)).toBeGreaterThan(247);
    expect(counts(world, "DescribeSubnets").milliseconds).toBe(world.timeline.now);
  });

  it("of attachment returns when the instance sees the ENI", () => {
    const world = new World();
    world.launch("node-1");
    const { id } = world.run(world.ec2.createNetworkInterface(request()));
    const begin = world.timeline.now;
    world.run(world.ec2.attachNetworkInterface(id, "node-1", 1));
    expect(world.timeline.now - begin).toBe(2000 + 4000);
    expect(world.ec2.metadata("node-1").map((eni) => eni.id)).toEqual(["eni-00000001", id]);
  });

  it("shows subnets with what is left of them", () => {
    const world = new World();
    world.launch("node-1");
    world.run(world.ec2.createNetworkInterface(request({ prefixes: 2 })));
    const [a, b] = world.run(world.ec2.describeSubnets());
    expect(a.availableAddresses).toBe(251 - 2 - 32);
    expect(b).toMatchObject({ name: "b", availabilityZone: "us-east-1a", availableAddresses: 251, reservations: [] });
  });
});

describe("throttling", () => {
  const latency = { ...DEFAULT_EC2_SETTINGS.latency, DescribeSubnets: 0 };

  /** Starts so many calls at once; their times of return in order, null for a failure. */
  const burst = (world: World, calls: number) => {
    const returned: (number | null)[] = [];
    for (let i = 0; i < calls; i++)
      spawn(
        world.timeline,
        (function* (): Process<void> {
          try {
            yield* world.ec2.describeSubnets();
            returned.push(world.timeline.now);
          } catch {
            returned.push(null);
          }
        })(),
      );
    while (world.timeline.step());
    return returned;
  };

  it("lets as many calls through at once as the bucket holds; the others come later", () => {
    const world = new World({ latency, throttle: { bucket: 5, refillPerSecond: 1000 } });
    const returned = burst(world, 8);
    expect(returned.filter((time) => time === 0)).toHaveLength(5);
    const late = returned.filter((time) => time !== 0);
    expect(late).toHaveLength(3);
    for (const time of late) {
      expect(time).toBeGreaterThan(0);
      // The wait before the second attempt is under 2 s.
      expect(time).toBeLessThan(2000);
    }
    expect(counts(world, "DescribeSubnets")).toEqual({
      calls: 8 + 3,
      milliseconds: 0,
      errors: { RequestLimitExceeded: 3 },
    });
  });

  it("refills by the clock and never over the bucket", () => {
    const world = new World({ latency, throttle: { bucket: 2, refillPerSecond: 10 } });
    const atOnce = () => {
      const before = counts(world, "DescribeSubnets").errors.RequestLimitExceeded ?? 0;
      const calls = [0, 1, 2].map(() => world.ec2.describeSubnets());
      for (const call of calls) call.next();
      return 3 - ((counts(world, "DescribeSubnets").errors.RequestLimitExceeded ?? 0) - before);
    };
    expect(atOnce()).toBe(2);
    world.timeline.advance(99);
    expect(atOnce()).toBe(0);
    world.timeline.advance(100);
    expect(atOnce()).toBe(1);
    world.timeline.advance(100_000);
    expect(atOnce()).toBe(2);
  });

  it("gives up after ten attempts with EC2's code", () => {
    // A token in a thousand seconds; the waits of nine retries add up to less than 130 s.
    const world = new World({ latency, throttle: { bucket: 1, refillPerSecond: 0.001 } });
    world.run(world.ec2.describeSubnets());
    expect(world.refusal(world.ec2.describeSubnets())).toBe("RequestLimitExceeded: Request limit exceeded.");
    expect(counts(world, "DescribeSubnets")).toMatchObject({ calls: 11, errors: { RequestLimitExceeded: 10 } });
    // Five waits of 20 s each, and four that are drawn, of up to 2, 4, 8 and 16 s.
    expect(world.timeline.now).toBeGreaterThan(100_000);
    expect(world.timeline.now).toBeLessThan(130_000);
  });

  it("has a bucket for each action", () => {
    const world = new World({ throttle: { bucket: 1, refillPerSecond: 0.001 } });
    const eni = world.launch("node-1");
    world.run(world.ec2.describeSubnets());
    world.run(world.ec2.assignPrivateIpAddresses(eni, { secondaryAddresses: 1 }));
    world.run(world.ec2.unassignPrivateIpAddresses(eni, [slot("10.0.1.5")]));
    expect(world.timeline.now).toBe(200 + 500 + 500);
  });
});
