import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cidrSize, offsetOf } from "../../../src/control/vpc/cidr.ts";
import { SubnetAddresses } from "../../../src/control/vpc/subnet.ts";
import { subnetBlocks } from "../../../src/observe/subnetBlocks.ts";
import { subnet, view } from "./subnets.ts";

describe("the blocks of a subnet", () => {
  it("are 14 free ones in a clean /24: EC2's own addresses are in the first and the last", () => {
    const v = view("10.0.1.0/24", []);
    expect([v.totalBlocks, v.freeBlocks, v.freeAddresses, v.brokenBlocks, v.lostAddresses]).toEqual([
      16, 14, 251, 0, 0,
    ]);
    expect(v.freeReservedBlocks).toBeNull();
    expect(v.blocks.map((b) => b.state)).toEqual(["reserved", ...Array(14).fill("free"), "reserved"]);
    expect(v.blocks[0]).toEqual({
      address: "10.0.1.0",
      state: "reserved",
      forPrefixes: false,
      cells: "RRRR............",
      owners: [],
    });
  });

  it("break at a single address, whoever has it, and not at a prefix", () => {
    const v = view("10.0.1.0/24", [
      "10.0.1.4 primary node-1/eth0",
      "10.0.1.16/28 prefix node-1/eth0",
      "10.0.1.47 host rds/eth0",
      "10.0.1.66 secondary node-2/eth1",
      "10.0.1.64 secondary node-1/eth1",
      "10.0.1.65 secondary node-1/eth1",
      ...Array.from({ length: 16 }, (_, i) => `10.0.1.${80 + i} secondary node-3/eth0`),
      "10.0.1.96 other eni-00000007",
    ]);
    expect(v.blocks.slice(0, 7).map((b) => `${b.cells} ${b.state} ${b.owners}`)).toEqual([
      "RRRRE........... reserved node-1/eth0",
      "pppppppppppppppp prefix node-1/eth0",
      "...............h partial rds/eth0",
      "................ free ",
      "sss............. partial node-1/eth1,node-2/eth1",
      "ssssssssssssssss full node-3/eth0",
      "o............... partial eni-00000007",
    ]);
    expect([v.freeBlocks, v.brokenBlocks, v.lostAddresses]).toEqual([9, 4, 64]);
    expect(v.freeAddresses).toBe(251 - 1 - 16 - 1 - 3 - 16 - 1);
  });

  it("are set aside by reservations", () => {
    const v = view(
      "10.0.1.0/24",
      ["10.0.1.32/28 prefix node-1/eth0", "10.0.1.65 host rds/eth0"],
      ["10.0.1.32/27 prefix", "10.0.1.64/26 explicit", "10.0.1.128/30 explicit"],
    );
    expect(v.blocks.slice(2, 9).map((b) => `${b.cells} ${b.state} ${b.forPrefixes}`)).toEqual([
      "pppppppppppppppp prefix false",
      ":::::::::::::::: free true",
      "xhxxxxxxxxxxxxxx partial false",
      "xxxxxxxxxxxxxxxx kept false",
      "xxxxxxxxxxxxxxxx kept false",
      "xxxxxxxxxxxxxxxx kept false",
      "xxxx............ kept false",
    ]);
    // 16 blocks without the first and the last, the /28 in use, the broken one and the four that are kept out.
    expect([v.freeBlocks, v.freeReservedBlocks, v.keptBlocks, v.brokenBlocks]).toEqual([8, 1, 4, 1]);
    expect(v.freeAddresses).toBe(251 - 32 - 64 - 4);
  });

  it("is one in a /28, which never is a prefix", () => {
    const v = view("10.0.1.0/28", []);
    expect([v.totalBlocks, v.freeBlocks, v.freeAddresses]).toEqual([1, 0, 11]);
    expect(v.blocks[0].cells).toBe("RRRR...........R");
  });

  it("divide a subnet in the upper half of the address space", () => {
    const v = view("203.0.113.128/25", ["203.0.113.255 other eni-1", "203.0.113.144/28 prefix node-1/eth0"]);
    expect(v.blocks.map((b) => b.address)).toEqual(
      ["128", "144", "160", "176", "192", "208", "224", "240"].map((a) => `203.0.113.${a}`),
    );
    expect(v.blocks[1].state).toBe("prefix");
  });

  it("count what the subnet itself counts, whatever is taken", () => {
    const step = fc.record({ prefix: fc.boolean(), named: fc.integer({ min: 0, max: 511 }), lowest: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { cidr } = subnet("10.0.2.0/23", []);
        const addresses = new SubnetAddresses(cidr);
        for (const { prefix, named, lowest } of steps)
          if (prefix) addresses.takePrefix("node-1/eth0");
          else if (lowest) addresses.takeLowest("node-2/eth0");
          else addresses.take(cidr.prefix + named, "node-3/eth0");
        const owned = [...addresses.owners()];
        const input = subnet("10.0.2.0/23", []);
        const ranges = owned.map((r) => ({
          ...r,
          kind: r.length === 28 ? ("prefix" as const) : ("secondary" as const),
        }));
        const v = subnetBlocks({ ...input, ranges: [...input.ranges, ...ranges] });
        expect([v.freeBlocks, v.freeAddresses]).toEqual([addresses.freePrefixes, addresses.freeAddresses]);
        expect(v.blocks.map((b) => b.cells).join("")).toHaveLength(cidrSize(cidr));
        for (const { prefix, owner } of owned)
          expect(v.blocks[Math.floor(offsetOf(cidr, prefix) / 16)].owners).toContain(owner);
        const states = v.blocks.map((b) => b.state);
        const of = (...wanted: string[]) => states.filter((s) => wanted.includes(s)).length;
        expect(of("free") + of("prefix") + of("partial", "full") + of("reserved")).toBe(v.totalBlocks);
        expect(v.brokenBlocks).toBe(of("partial", "full"));
      }),
      { seed: 28, numRuns: 200 },
    );
  });
});
