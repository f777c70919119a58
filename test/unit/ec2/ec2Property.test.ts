import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressAt, cidrSize, toCidr } from "../../../src/control/vpc/cidr.ts";
import type { AddressSelection } from "../../../src/control/vpc/ec2/types.ts";
import { slotText } from "../../../src/control/vpc/eni.ts";
import { Ec2Twin } from "./ec2Twin.ts";
import { LIMITS, request, subnetOf, World } from "./world.ts";

/** Small, so that they run full; with reservations, so that automatic and named assignment differ. */
const SUBNETS = [
  subnetOf("plain", "10.0.1.0/25"),
  subnetOf("prefix", "10.0.2.0/25", { reservations: [{ cidr: toCidr("10.0.2.32/27"), type: "prefix" }] }),
  subnetOf("mixed", "10.0.3.0/26", {
    reservations: [
      { cidr: toCidr("10.0.3.16/28"), type: "prefix" },
      { cidr: toCidr("10.0.3.32/30"), type: "explicit" },
    ],
  }),
  subnetOf("explicit", "10.0.4.0/26", { reservations: [{ cidr: toCidr("10.0.4.20/31"), type: "explicit" }] }),
];
const INSTANCES = [
  { name: "nitro", limits: { ...LIMITS, enis: 2, addressesPerEni: 5 } },
  { name: "xen", limits: { ...LIMITS, prefixes: false } },
];

const small = fc.nat(3);
const where = fc.nat(SUBNETS.length - 1);
const step = fc.oneof(
  fc.record({ kind: fc.constant("launch" as const), a: fc.nat(1), b: where }),
  fc.record({ kind: fc.constant("terminate" as const), a: fc.nat(2), b: small }),
  fc.record({ kind: fc.constant("create" as const), a: where, b: small }),
  fc.record({ kind: fc.constant("attach" as const), a: fc.nat(8), b: fc.nat(7) }),
  fc.record({ kind: fc.constant("detach" as const), a: fc.nat(8), b: small }),
  fc.record({ kind: fc.constant("delete" as const), a: fc.nat(8), b: small }),
  fc.record({ kind: fc.constant("assign" as const), a: fc.nat(8), b: fc.nat(7) }),
  fc.record({ kind: fc.constant("unassign" as const), a: fc.nat(8), b: fc.nat(7) }),
  fc.record({ kind: fc.constant("hold" as const), a: where, b: fc.nat(130) }),
  fc.record({ kind: fc.constant("fill" as const), a: where, b: fc.nat(40) }),
  fc.record({ kind: fc.constant("release" as const), a: small, b: small }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Does a step to both; the codes that they answer. */
function act(world: World, twin: Ec2Twin, { kind, a, b }: Step): readonly [string, string] {
  const { ec2 } = world;
  const enis = [...ec2.allInterfaces()];
  // The last of nine is none.
  const id = enis[a < 8 ? a % Math.max(1, enis.length) : enis.length]?.id ?? "eni-none";
  const subnet = SUBNETS[a % SUBNETS.length].name;
  const counts = b % 2 === 0 ? { prefixes: b >> 1 } : { secondaryAddresses: (b >> 1) + 1 };
  const code = (action: Parameters<World["refusal"]>[0]) => world.refusal(action).split(":")[0];
  const twice = (real: string, expected: string | null): readonly [string, string] => [real, expected ?? "none"];
  switch (kind) {
    case "launch": {
      const { name, limits } = INSTANCES[a];
      const real = code(() => world.launch(name, limits, SUBNETS[b].name));
      return twice(real, twin.launch(name, SUBNETS[b].name, limits));
    }
    case "terminate": {
      const name = INSTANCES[a]?.name ?? "nobody";
      return twice(
        code(() => ec2.terminateInstance(name)),
        twin.terminate(name),
      );
    }
    case "create":
      return twice(code(ec2.createNetworkInterface(request({ subnet, ...counts }))), twin.create(subnet, counts));
    case "attach": {
      const { name } = INSTANCES[b % INSTANCES.length];
      return twice(code(ec2.attachNetworkInterface(id, name, b >> 1)), twin.attach(id, name, b >> 1));
    }
    case "detach":
      return twice(code(ec2.detachNetworkInterface(id)), twin.detach(id));
    case "delete":
      return twice(code(ec2.deleteNetworkInterface(id)), twin.remove(id));
    case "assign":
      return twice(code(ec2.assignPrivateIpAddresses(id, counts)), twin.assign(id, counts));
    case "unassign": {
      // Slots of the ENI itself, or of another one, which it has not.
      const of = b < 6 ? enis.find((eni) => eni.id === id) : enis[b % Math.max(1, enis.length)];
      const slots = (of?.slots ?? []).filter((_, i) => i % 2 === b % 2);
      return twice(code(ec2.unassignPrivateIpAddresses(id, slots)), twin.unassign(id, slots));
    }
    case "hold": {
      const { cidr } = SUBNETS[a];
      const address = addressAt(cidr, b % (cidrSize(cidr) + 2));
      return twice(
        code(() => ec2.takeAddress(subnet, address, "host")),
        twin.hold(subnet, address, "host"),
      );
    }
    case "fill": {
      const free = twin.free(subnet, true);
      const real = code(() => ec2.takeAddresses(subnet, b, "contiguous", "filler"));
      if (free.length < b) return twice(real, "InsufficientFreeAddressesInSubnet");
      for (const address of free.slice(0, b)) twin.hold(subnet, address, "filler");
      return twice(real, null);
    }
    case "release":
      ec2.freeAddresses(a % 2 === 0 ? "host" : "filler");
      twin.release(a % 2 === 0 ? "host" : "filler");
      return ["none", "none"];
  }
}

function shapes(world: World): unknown[] {
  return [...world.ec2.allInterfaces()].map(({ id, subnet, address, slots, instance, deviceNumber }) => ({
    id,
    subnet,
    address,
    slots: slots.map(slotText),
    instance,
    deviceNumber,
  }));
}

const newWorld = (addressSelection: AddressSelection) => new World({ throttle: null, addressSelection }, SUBNETS);

describe("EC2 and its slow twin", () => {
  it("answer every call alike and have the same ENIs, owners and totals after it", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 30, maxLength: 70 }), (steps) => {
        const world = newWorld("lowest");
        const twin = new Ec2Twin(SUBNETS);
        for (const s of steps) {
          const [real, expected] = act(world, twin, s);
          expect(real).toBe(expected);
          expect(world.ec2.violations()).toEqual([]);
          expect(shapes(world)).toEqual([...twin.enis.values()].map((e) => ({ ...e, slots: e.slots.map(slotText) })));
          for (const { name } of SUBNETS) {
            const subnet = world.ec2.subnet(name);
            expect(subnet.freeAddresses).toBe(twin.free(name, false).length);
            expect(subnet.automaticAddresses).toBe(twin.free(name, true).length);
            expect(subnet.freePrefixes).toBe(twin.blocks(name).length);
          }
        }
        for (const [address, owner] of twin.owners)
          expect(SUBNETS.map((s) => world.ec2.subnet(s.name).ownerOf(address))).toContain(owner);
      }),
      { seed: 2026, numRuns: 80 },
    );
  });

  it("keep books in order with addresses chosen at random, and change nothing where they refuse", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 30, maxLength: 70 }), (steps) => {
        const world = newWorld("random");
        for (const s of steps) {
          const { version } = world.ec2;
          const before = JSON.stringify(shapes(world));
          const [real] = act(world, new Ec2Twin(SUBNETS), s);
          expect(world.ec2.violations()).toEqual([]);
          if (real === "none") continue;
          expect(JSON.stringify(shapes(world))).toBe(before);
          expect(world.ec2.version).toBe(version);
        }
      }),
      { seed: 2027, numRuns: 50 },
    );
  });
});
