import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { subnetMap } from "../../../src/observe/subnetMap.ts";
import { view } from "./subnets.ts";

const plain = (width: number) => ({ width, colour: false });

const FRAGMENTED = view("10.0.1.0/24", [
  "10.0.1.4 primary node-1/eth0",
  "10.0.1.5 primary node-2/eth0",
  "10.0.1.16/28 prefix node-1/eth0",
  "10.0.1.32/28 prefix node-2/eth0",
  "10.0.1.50 secondary node-3/eth0",
  "10.0.1.51 secondary node-3/eth1",
  "10.0.1.52 secondary node-with-a-long-name-4/eth1",
  "10.0.1.128 other eni-00000012",
  "10.0.1.177 host rds/eth0",
]);

const LARGE = view("10.0.0.0/16", [
  "10.0.0.9 primary node-1/eth0",
  ...Array.from({ length: 200 }, (_, i) => `10.0.${4 + (i >> 4)}.${(i % 16) * 16}/28 prefix node-${i % 40}/eth0`),
  ...Array.from({ length: 16 }, (_, i) => `10.0.100.${i} secondary node-4/eth0`),
  "10.0.101.77 host rds/eth0",
]);

describe("the map of a subnet", () => {
  it("shows a /24 address by address in 80 columns", () => {
    expect(`\n${subnetMap(FRAGMENTED, plain(80))}\n`).toMatchInlineSnapshot(`
      "
      nodes-a 10.0.1.0/24

      10.0.1.0    RRRREE..........  node-1/eth0, node-2/eth0
      10.0.1.16   pppppppppppppppp  node-1/eth0
      10.0.1.32   pppppppppppppppp  node-2/eth0
      10.0.1.48   ..sss...........  node-3/eth0, node-3/eth1 +1
      10.0.1.64   ................
      10.0.1.80   ................
      10.0.1.96   ................
      10.0.1.112  ................
      10.0.1.128  o...............  eni-00000012
      10.0.1.144  ................
      10.0.1.160  ................
      10.0.1.176  .h..............  rds/eth0
      10.0.1.192  ................
      10.0.1.208  ................
      10.0.1.224  ................
      10.0.1.240  ...............R

      . free  R reserved by EC2  E ENI primary  s secondary  p prefix  h host  o other
      9 of 16 aligned /28 blocks free, 212 single addresses free; 3 blocks are broken
      by single addresses (48 addresses lost to prefix delegation)
      "
    `);
  });

  it("shows two blocks on a line in 140 columns", () => {
    expect(`\n${subnetMap(FRAGMENTED, plain(140))}\n`).toMatchInlineSnapshot(`
      "
      nodes-a 10.0.1.0/24

      10.0.1.0    RRRREE.......... pppppppppppppppp  node-1/eth0, node-2/eth0 | node-1/eth0
      10.0.1.32   pppppppppppppppp ..sss...........  node-2/eth0              | node-3/eth0, node-3/eth1 +1
      10.0.1.64   ................ ................
      10.0.1.96   ................ ................
      10.0.1.128  o............... ................  eni-00000012             | -
      10.0.1.160  ................ .h..............  -                        | rds/eth0
      10.0.1.192  ................ ................
      10.0.1.224  ................ ...............R

      . free  R reserved by EC2  E ENI primary  s secondary  p prefix  h host  o other
      9 of 16 aligned /28 blocks free, 212 single addresses free; 3 blocks are broken by single addresses (48 addresses lost to prefix delegation)
      "
    `);
  });

  it("shows a /16 block by block, equal lines as one", () => {
    expect(`\n${subnetMap(LARGE, plain(80))}\n`).toMatchInlineSnapshot(`
      "
      nodes-a 10.0.0.0/16

      10.0.0.0    R............... ................ ................ ................
      10.0.4.0    ... 3 lines of prefixes
      10.0.16.0   pppppppp........ ................ ................ ................
      10.0.20.0   ... 20 lines of free blocks
      10.0.100.0  #............... ....+........... ................ ................
      10.0.104.0  ... 37 lines of free blocks
      10.0.252.0  ................ ................ ................ ...............R

      each character is a /28:  . free  p prefix  + partly used  # full
      R has addresses reserved by EC2
      3892 of 4096 aligned /28 blocks free, 62313 single addresses free; 2 blocks are
      broken by single addresses (32 addresses lost to prefix delegation)
      "
    `);
  });

  it("names owners of a /16 where there is room", () => {
    expect(`\n${subnetMap(LARGE, plain(140))}\n`).toMatchInlineSnapshot(`
      "
      nodes-a 10.0.0.0/16

      10.0.0.0    R............... ................ ................ ................  node-1/eth0
      10.0.4.0    pppppppppppppppp pppppppppppppppp pppppppppppppppp pppppppppppppppp  node-0/eth0, node-1/eth0, node-2/eth0, node-3/eth0 +36
      10.0.8.0    pppppppppppppppp pppppppppppppppp pppppppppppppppp pppppppppppppppp  node-24/eth0, node-25/eth0, node-26/eth0, node-27/eth0 +36
      10.0.12.0   pppppppppppppppp pppppppppppppppp pppppppppppppppp pppppppppppppppp  node-8/eth0, node-9/eth0, node-10/eth0, node-11/eth0 +36
      10.0.16.0   pppppppp........ ................ ................ ................  node-32/eth0, node-33/eth0, node-34/eth0, node-35/eth0 +4
      10.0.20.0   ... 20 lines of free blocks
      10.0.100.0  #............... ....+........... ................ ................  node-4/eth0, rds/eth0
      10.0.104.0  ... 37 lines of free blocks
      10.0.252.0  ................ ................ ................ ...............R

      each character is a /28:  . free  p prefix  + partly used  # full  R has addresses reserved by EC2
      3892 of 4096 aligned /28 blocks free, 62313 single addresses free; 2 blocks are broken by single addresses (32 addresses lost to prefix
      delegation)
      "
    `);
  });

  it("says so of equal lines that somebody has", () => {
    const one = Array.from({ length: 256 }, (_, i) => `10.0.${i >> 4}.${(i % 16) * 16}/28 prefix node-1/eth0`);
    const lines = subnetMap(view("10.0.0.0/16", one.slice(16)), plain(140)).split("\n");
    expect(lines[3]).toMatch(/^10\.0\.4\.0 {4}p{16} p{16} p{16} p{16} {2}node-1\/eth0$/);
    expect(lines[4]).toBe("            ... 2 more lines like it");
    expect(lines[5]).toMatch(/^10\.0\.16\.0 {3}\.\.\. 59 lines of free blocks$/);
  });

  it("shows reservations", () => {
    const reserved = view(
      "100.64.0.0/22",
      ["100.64.0.4 primary node-1/eth0", "100.64.2.16/28 prefix node-1/eth1"],
      ["100.64.2.0/24 prefix", "100.64.3.0/27 explicit"],
    );
    expect(`\n${subnetMap(reserved, plain(80))}\n`).toMatchInlineSnapshot(`
      "
      nodes-a 100.64.0.0/22

      100.64.0.0    RRRRE...........  node-1/eth0
      100.64.0.16   ... 31 lines of free blocks
      100.64.2.0    ::::::::::::::::
      100.64.2.16   pppppppppppppppp  node-1/eth1
      100.64.2.32   ... 14 lines of free blocks reserved for prefixes
      100.64.3.0    xxxxxxxxxxxxxxxx
      100.64.3.16   xxxxxxxxxxxxxxxx
      100.64.3.32   ... 13 lines of free blocks
      100.64.3.240  ...............R

      . free  : free, reserved for prefixes  x free, kept out by a reservation
      R reserved by EC2  E ENI primary  p prefix
      59 of 64 aligned /28 blocks free, 730 single addresses free; 15 free blocks are
      reserved for prefixes, which come from nowhere else; 2 unused blocks are kept
      out by a reservation
      "
    `);
  });

  it("is one line for a /28, in any width", () => {
    for (const width of [80, 140, 300])
      expect(subnetMap(view("10.0.1.0/28", ["10.0.1.4 primary node-1/eth0"]), plain(width)).split("\n")).toEqual([
        "nodes-a 10.0.1.0/28",
        "",
        "10.0.1.0  RRRRE..........R  node-1/eth0",
        "",
        ". free  R reserved by EC2  E ENI primary",
        "0 of 1 aligned /28 blocks free, 10 single addresses free",
      ]);
  });

  it("says one block and one address as one", () => {
    const almostFull = Array.from({ length: 10 }, (_, i) => `10.0.1.${4 + i} secondary node-1/eth0`);
    const broken = view("10.0.1.0/26", [...almostFull, "10.0.1.20 host rds/eth0"], ["10.0.1.32/28 explicit"]);
    expect(subnetMap(broken, plain(300)).split("\n").at(-1)).toBe(
      "0 of 4 aligned /28 blocks free, 32 single addresses free; 1 block is broken by single addresses (16 addresses lost to prefix delegation); 1 unused block is kept out by a reservation",
    );
    expect(subnetMap(view("10.0.1.0/28", almostFull), plain(80))).toContain("1 single address free");
  });

  it("is the same with colours, once they are taken away", () => {
    for (const map of [FRAGMENTED, LARGE])
      for (const width of [80, 140]) {
        const coloured = subnetMap(map, { width, colour: true });
        expect(stripVTControlCharacters(coloured)).toBe(subnetMap(map, plain(width)));
        expect(coloured).not.toBe(subnetMap(map, plain(width)));
      }
  });

  it("colours free addresses of free blocks alone", () => {
    const lines = subnetMap(FRAGMENTED, { width: 80, colour: true }).split("\n");
    const line = (address: string) => JSON.stringify(lines.find((l) => l.startsWith(`${address} `)));
    expect(line("10.0.1.64")).toBe('"10.0.1.64   \\u001b[32m................\\u001b[0m"');
    expect(line("10.0.1.176")).toBe('"10.0.1.176  .\\u001b[33mh\\u001b[0m..............  rds/eth0"');
  });

  it("keeps to the width and shows every address in its place, whatever the subnet holds", () => {
    const kinds = ["primary", "secondary", "host", "other"];
    const single = fc
      .tuple(fc.integer({ min: 4, max: 1000 }), fc.constantFrom(...kinds), fc.string({ minLength: 1, maxLength: 40 }))
      .map(([at, kind, owner]) => `10.0.${at >> 8}.${at & 255} ${kind} ${owner.replaceAll(/[\s/]/g, "_")}/eth0`);
    const arbitrary = fc.tuple(fc.array(single, { maxLength: 80 }), fc.integer({ min: 60, max: 220 }));
    fc.assert(
      fc.property(arbitrary, ([ranges, width]) => {
        for (const cidr of ["10.0.0.0/22", "10.0.0.0/18"]) {
          const map = view(cidr, ranges);
          const lines = subnetMap(map, plain(width)).split("\n");
          expect(Math.max(...lines.map((l) => l.length))).toBeLessThanOrEqual(width);
          const wanted = map.blocks.map((b) => b.cells).join("");
          if (cidr === "10.0.0.0/22") expect(unfolded(lines)).toBe(wanted);
        }
      }),
      { seed: 22, numRuns: 200 },
    );
  });
});

/** Every address's character of a detailed map, each line tested to begin at its address. */
function unfolded(lines: string[]): string {
  let cells = "";
  let line = "";
  const perLine = /^\S+ +((\S{16} ?)+)/.exec(lines[2])?.[1].trim().replaceAll(" ", "").length ?? 0;
  for (const text of lines.slice(2, lines.indexOf("", 2))) {
    const [, address, rest] = /^(\S*) +(.*)$/.exec(text) ?? [];
    if (address !== "") expect(address).toBe(`10.0.${cells.length >> 8}.${cells.length & 255}`);
    const free = /^\.\.\. (\d+) lines of free blocks$/.exec(rest);
    const more = /^\.\.\. (\d+) more lines like it$/.exec(rest);
    if (free !== null) cells += ".".repeat(perLine * Number(free[1]));
    else if (more !== null) cells += line.repeat(Number(more[1]));
    else {
      line = rest.replaceAll(" ", "").slice(0, perLine);
      cells += line;
    }
  }
  return cells;
}
