import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { containsAddress, toCidr } from "../../../src/control/vpc/cidr.ts";
import { SubnetAddresses } from "../../../src/control/vpc/subnet.ts";
import { formatAddress, parseAddress } from "../../../src/plane/wire/address.ts";

const text = (address: number | null) => (address === null ? null : formatAddress(address));
const address = (s: string) => parseAddress(s) ?? 0;

describe("addresses of a subnet", () => {
  it("keeps the first four and the last one back", () => {
    const subnet = new SubnetAddresses(toCidr("10.0.1.0/24"));
    expect(subnet.freeAddresses).toBe(251);
    expect(text(subnet.takeLowest())).toBe("10.0.1.4");
    expect(
      ["10.0.1.3", "10.0.1.255", "10.0.1.4", "10.0.2.7", "10.0.1.5"].map((s) => subnet.refusal(address(s))),
    ).toEqual(["reserved", "reserved", "taken", "outside", null]);
    expect(new SubnetAddresses(toCidr("10.0.0.0/28")).freeAddresses).toBe(11);
  });

  it("gives a clean /24 14 prefixes, and a /28 none", () => {
    const subnet = new SubnetAddresses(toCidr("10.0.1.0/24"));
    expect(subnet.freePrefixes).toBe(14);
    expect(text(subnet.takePrefix())).toBe("10.0.1.16");
    for (let i = 0; i < 13; i++) expect(subnet.takePrefix()).not.toBeNull();
    expect(subnet.takePrefix()).toBeNull();
    // The first and the last block still have single addresses.
    expect(subnet.freeAddresses).toBe(12 + 15);
    expect(new SubnetAddresses(toCidr("10.0.0.0/28")).takePrefix()).toBeNull();
  });

  it("loses a prefix to every block that one address is in", () => {
    const subnet = new SubnetAddresses(toCidr("10.0.1.0/24"));
    expect(subnet.take(address("10.0.1.40"))).toBe(true);
    expect(subnet.take(address("10.0.1.40"))).toBe(false);
    expect(subnet.freePrefixes).toBe(13);
    expect(text(subnet.takePrefix())).toBe("10.0.1.16");
    expect(text(subnet.takePrefix())).toBe("10.0.1.48");
  });

  it("never gives an address twice, whatever is asked for in whatever order", () => {
    const step = fc.oneof(
      fc.constant({ kind: "lowest" as const }),
      fc.constant({ kind: "prefix" as const }),
      fc.nat(255).map((offset) => ({ kind: "take" as const, offset })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const cidr = toCidr("192.168.7.0/24");
        const subnet = new SubnetAddresses(cidr);
        const given = new Set<number>();
        const give = (first: number, count: number) => {
          for (let i = 0; i < count; i++) {
            expect(given.has(first + i)).toBe(false);
            expect(containsAddress(cidr, first + i)).toBe(true);
            given.add(first + i);
          }
        };
        for (const s of steps) {
          if (s.kind === "take") {
            if (subnet.take((cidr.prefix + s.offset) | 0)) give((cidr.prefix + s.offset) | 0, 1);
            continue;
          }
          const first = s.kind === "lowest" ? subnet.takeLowest() : subnet.takePrefix();
          if (first !== null) give(first, s.kind === "lowest" ? 1 : 16);
        }
        expect(subnet.freeAddresses).toBe(251 - given.size);
      }),
      { seed: 7, numRuns: 200 },
    );
  });
});
