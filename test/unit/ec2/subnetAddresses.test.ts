import { describe, expect, it } from "vitest";
import { cidrText, toCidr } from "../../../src/control/vpc/cidr.ts";
import type { SubnetReservation } from "../../../src/control/vpc/ec2/types.ts";
import { addressRefusal, SubnetAddresses, type SubnetSettings } from "../../../src/control/vpc/subnet.ts";
import { Random } from "../../../src/plane/random.ts";
import { formatAddress } from "../../../src/plane/wire/address.ts";
import { ip } from "./world.ts";

const reserve = (cidr: string, type: SubnetReservation["type"]): SubnetReservation => ({ cidr: toCidr(cidr), type });
const text = (address: number | null) => (address === null ? null : formatAddress(address));

function subnet(cidr: string, reservations: SubnetReservation[] = [], settings: Partial<SubnetSettings> = {}) {
  return new SubnetAddresses(toCidr(cidr), { reservations, ...settings });
}

const drain = (take: () => number | null) => {
  const taken: number[] = [];
  for (let address = take(); address !== null; address = take()) taken.push(address);
  return taken;
};

describe("a reservation of type prefix", () => {
  it("is where prefixes come from, all of them, and single addresses do not", () => {
    const s = subnet("10.0.1.0/24", [reserve("10.0.1.128/26", "prefix")]);
    expect(s.freePrefixes).toBe(4);
    expect(s.freeAddresses).toBe(251);
    expect(s.automaticAddresses).toBe(251 - 64);
    expect(drain(() => s.takePrefix("eni")).map(text)).toEqual([
      "10.0.1.128",
      "10.0.1.144",
      "10.0.1.160",
      "10.0.1.176",
    ]);
    expect(drain(() => s.takeAddress("eni"))).toHaveLength(251 - 64);
    expect(s.freeAddresses).toBe(0);
  });

  it("keeps single addresses out while it is free; who names one gets it, and the block is lost to prefixes", () => {
    const s = subnet("10.0.1.0/27", [reserve("10.0.1.16/28", "prefix")]);
    expect(drain(() => s.takeAddress("eni"))).toHaveLength(12);
    expect(s.freeAddresses).toBe(15);
    // The subnet's last address is in the block.
    expect(s.freePrefixes).toBe(0);
    expect(s.take(ip("10.0.1.20"), "rds")).toBe(true);
    expect(s.ownerOf(ip("10.0.1.20"))).toBe("rds");
  });

  it("of less than a /28 gives none, and none come from elsewhere", () => {
    for (const range of ["10.0.1.128/29", "10.0.1.136/29"]) {
      const s = subnet("10.0.1.0/24", [reserve(range, "prefix")]);
      expect(s.freePrefixes).toBe(0);
      expect(s.takePrefix("eni")).toBeNull();
    }
  });

  it("among several is chosen at random, the first in each", () => {
    const chosen = new Map<string | null, number>();
    for (let seed = 0; seed < 400; seed++) {
      const s = subnet("10.0.0.0/22", [reserve("10.0.1.0/24", "prefix"), reserve("10.0.3.128/26", "prefix")], {
        random: new Random(seed),
      });
      const prefix = text(s.takePrefix("eni"));
      chosen.set(prefix, (chosen.get(prefix) ?? 0) + 1);
    }
    expect([...chosen.keys()].sort()).toEqual(["10.0.1.0", "10.0.3.128"]);
    for (const count of chosen.values()) expect(count).toBeGreaterThan(150);
  });

  it("that is full is not chosen while another has room", () => {
    const s = subnet("10.0.0.0/22", [reserve("10.0.1.0/28", "prefix"), reserve("10.0.2.0/27", "prefix")], {
      random: new Random(1),
    });
    expect(
      drain(() => s.takePrefix("eni"))
        .map(text)
        .sort(),
    ).toEqual(["10.0.1.0", "10.0.2.0", "10.0.2.16"]);
  });
});

describe("a reservation of type explicit", () => {
  it("gives nothing to who names nothing, and all to who names it", () => {
    const s = subnet("10.0.1.0/26", [reserve("10.0.1.16/28", "explicit")]);
    expect(s.freePrefixes).toBe(1);
    expect(drain(() => s.takePrefix("eni")).map(text)).toEqual(["10.0.1.32"]);
    expect(drain(() => s.takeAddress("eni"))).toHaveLength(12 + 15);
    expect(s.freeAddresses).toBe(16);
    expect(s.takeNamedPrefix(ip("10.0.1.16"), "eni")).toBe(true);
    expect(s.freeAddresses).toBe(0);
  });

  it("spoils the block that it is part of for prefixes, and nothing else of it", () => {
    const s = subnet("10.0.1.0/26", [reserve("10.0.1.20/30", "explicit")]);
    expect(s.freePrefixes).toBe(1);
    expect(s.automaticAddresses).toBe(59 - 4);
    expect(s.take(ip("10.0.1.20"), "rds")).toBe(true);
    expect(s.freeAddresses).toBe(58);
    expect(s.automaticAddresses).toBe(55);
  });
});

describe("reservations", () => {
  it("stay inside the subnet and apart from each other", () => {
    const s = subnet("10.0.1.0/24");
    expect(s.addReservation(reserve("10.0.1.0/25", "prefix"))).toBe(true);
    expect(s.reservationRefusal(toCidr("10.0.1.64/26"))).toBe("overlap");
    expect(s.reservationRefusal(toCidr("10.0.2.0/26"))).toBe("outside");
    expect(s.reservationRefusal(toCidr("10.0.0.0/16"))).toBe("outside");
    expect(s.addReservation(reserve("10.0.1.64/26", "prefix"))).toBe(false);
    expect(s.reservations.map((r) => cidrText(r.cidr))).toEqual(["10.0.1.0/25"]);
    expect(() => subnet("10.0.1.0/24", [reserve("10.0.2.0/28", "explicit")])).toThrow(RangeError);
  });

  it("made later leave what is in use where it is", () => {
    const s = subnet("10.0.1.0/24");
    s.take(ip("10.0.1.130"), "rds");
    s.takePrefix("eni");
    expect(s.addReservation(reserve("10.0.1.128/26", "prefix"))).toBe(true);
    // The first block of the reservation has the address.
    expect(s.freePrefixes).toBe(3);
    expect(text(s.takePrefix("eni"))).toBe("10.0.1.144");
    expect(s.ownerOf(ip("10.0.1.16"))).toBe("eni");
    expect(s.release(ip("10.0.1.130"))).toBe(true);
    expect(text(s.takePrefix("eni"))).toBe("10.0.1.128");
    expect(s.automaticAddresses).toBe(251 - 16 - 64);
  });
});

describe("owners and release", () => {
  it("owners() has every range in use, in order", () => {
    const s = subnet("10.0.1.0/24");
    s.takePrefix("eni-1");
    s.take(ip("10.0.1.200"), "host/db");
    s.takeAddress("eni-2");
    expect([...s.owners()].map((r) => `${cidrText(r)} ${r.owner}`)).toEqual([
      "10.0.1.4/32 eni-2",
      "10.0.1.16/28 eni-1",
      "10.0.1.200/32 host/db",
    ]);
    expect([ip("10.0.1.4"), ip("10.0.1.31"), ip("10.0.1.32"), ip("10.0.2.4")].map((a) => s.ownerOf(a))).toEqual([
      "eni-2",
      "eni-1",
      null,
      null,
    ]);
  });

  it("gives back single addresses as such and prefixes as such", () => {
    const s = subnet("10.0.1.0/26");
    const prefix = s.takePrefix("eni") ?? 0;
    const address = s.takeAddress("eni") ?? 0;
    expect(s.release(prefix)).toBe(false);
    expect(s.releasePrefix(prefix + 1)).toBe(false);
    expect(s.releasePrefix(ip("10.0.1.32"))).toBe(false);
    expect(s.release(ip("10.0.1.1"))).toBe(false);
    expect(s.release(ip("10.0.2.5"))).toBe(false);
    expect([s.freeAddresses, s.freePrefixes]).toEqual([59 - 17, 1]);
    expect(s.release(address)).toBe(true);
    expect(s.release(address)).toBe(false);
    expect(s.releasePrefix(prefix)).toBe(true);
    expect([s.freeAddresses, s.freePrefixes]).toEqual([59, 2]);
    expect([...s.owners()]).toEqual([]);
  });

  it("takes a named prefix if it is aligned, the subnet's and free", () => {
    const s = subnet("10.0.1.0/24");
    expect(["10.0.1.24", "10.0.2.16", "10.0.1.0", "10.0.1.240"].map((p) => s.takeNamedPrefix(ip(p), "eni"))).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect(s.takeNamedPrefix(ip("10.0.1.64"), "eni")).toBe(true);
    expect(s.takeNamedPrefix(ip("10.0.1.64"), "eni")).toBe(false);
    expect(s.freePrefixes).toBe(13);
  });
});

describe("random selection", () => {
  it("draws from all that is free, addresses and blocks, until nothing is", () => {
    const s = subnet("10.0.1.0/24", [], { selection: "random", random: new Random(3) });
    const prefixes = drain(() => s.takePrefix("eni"));
    expect(new Set(prefixes).size).toBe(14);
    expect(prefixes).not.toEqual([...prefixes].sort((a, b) => a - b));
    const addresses = drain(() => s.takeAddress("eni"));
    expect(new Set(addresses).size).toBe(27);
    expect(addresses).not.toEqual([...addresses].sort((a, b) => a - b));
    expect(s.freeAddresses).toBe(0);
  });

  it("gives each free address the same chance", () => {
    const counts = new Map<number, number>();
    const random = new Random(9);
    for (let i = 0; i < 5500; i++) {
      const s = subnet("10.0.1.0/28", [], { selection: "random", random });
      const address = s.takeAddress("eni") ?? 0;
      counts.set(address, (counts.get(address) ?? 0) + 1);
    }
    expect(counts.size).toBe(11);
    for (const count of counts.values()) expect(Math.abs(count - 500)).toBeLessThan(100);
  });

  it("chooses among prefix reservations before it chooses a block, whatever their sizes", () => {
    const random = new Random(6);
    let small = 0;
    for (let i = 0; i < 400; i++) {
      const s = subnet("10.0.0.0/22", [reserve("10.0.1.0/24", "prefix"), reserve("10.0.3.128/28", "prefix")], {
        selection: "random",
        random,
      });
      if (text(s.takePrefix("eni")) === "10.0.3.128") small++;
    }
    expect(Math.abs(small - 200)).toBeLessThan(50);
  });

  it("stays inside reservations", () => {
    const s = subnet("10.0.0.0/22", [reserve("10.0.2.0/26", "prefix"), reserve("10.0.1.0/24", "explicit")], {
      selection: "random",
      random: new Random(4),
    });
    expect(
      drain(() => s.takePrefix("eni"))
        .map(text)
        .sort(),
    ).toEqual(["10.0.2.0", "10.0.2.16", "10.0.2.32", "10.0.2.48"]);
    for (const address of drain(() => s.takeAddress("eni"))) expect(formatAddress(address)).not.toMatch(/^10\.0\.1\./);
  });
});

describe("an address that can be nobody's", () => {
  it.each([
    ["10.0.1.0", "reserved"],
    ["10.0.1.3", "reserved"],
    ["10.0.1.4", null],
    ["10.0.1.254", null],
    ["10.0.1.255", "reserved"],
    ["10.0.2.4", "outside"],
  ])("%s: %s", (address, refusal) => {
    expect(addressRefusal(toCidr("10.0.1.0/24"), ip(address))).toBe(refusal);
  });
});
