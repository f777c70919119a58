import { describe, expect, it } from "vitest";
import { BlockTree } from "../../../src/plane/lpm/blocks.ts";
import { LPM_MISS, MISS_ENTRY, spanOf } from "../../../src/plane/lpm/entry.ts";
import { PrefixTrie } from "../../../src/plane/lpm/trie.ts";
import { parseAddress } from "../../../src/plane/wire/address.ts";

const DIRECT_BITS = 18;
const VPC = parseAddress("172.31.64.0") ?? 0;
const SLOT = VPC >>> (32 - DIRECT_BITS);

function table() {
  const trie = new PrefixTrie();
  const blocks = new BlockTree(DIRECT_BITS, trie);
  return {
    blocks,
    put(prefix: number, length: number, value: number) {
      trie.set(prefix, length, value);
      blocks.changed(prefix, length);
    },
    take(prefix: number, length: number) {
      trie.delete(prefix, length);
      blocks.changed(prefix, length);
    },
    span: () => spanOf(blocks.direct[SLOT]),
  };
}

describe("BlockTree", () => {
  it("makes a block as wide as its longest prefix, up to 7 bits", () => {
    const t = table();
    for (const length of [19, 21, 24, 25]) {
      t.put(VPC, length, 1);
      expect(t.span()).toBe(length - DIRECT_BITS);
    }
    t.put(VPC, 32, 1);
    expect(t.span()).toBe(7);
    for (const [gone, left] of [
      [32, 7],
      [25, 6],
      [24, 3],
      [21, 1],
    ] as const) {
      t.take(VPC, gone);
      expect(t.span()).toBe(left);
    }
    t.take(VPC, 19);
    expect(t.blocks.direct[SLOT]).toBe(MISS_ENTRY);
  });

  it("resolves a /18 full of /28 prefixes in one block, one by one or at once", () => {
    const t = table();
    for (let i = 0; i < 1024; i++) t.put(VPC + i * 16, 28, i);
    expect(t.span()).toBe(10);
    t.blocks.rebuild();
    expect(t.span()).toBe(10);
    for (let i = 0; i < 1000; i++) t.take(VPC + i * 16, 28);
    expect(t.span()).toBe(7);
  });

  it("does not widen a block for a few long prefixes", () => {
    const t = table();
    for (let i = 0; i < 15; i++) t.put(VPC + i * 1024, 32, i);
    expect(t.span()).toBe(7);
    t.put(VPC + 15 * 1024, 32, 15);
    expect(t.span()).toBe(8);
  });

  it("shares one block among all slots of a value and frees it with the last", () => {
    const t = table();
    t.put(VPC & (-1 << 20), 12, 1);
    const size = t.blocks.cells.length;
    for (let value = 2; value < 10_000; value++) t.put(VPC & (-1 << 20), 12, value);
    expect(t.blocks.cells.length).toBe(size);
    expect(t.blocks.direct[SLOT]).toBe(t.blocks.direct[SLOT + 1]);
    t.take(VPC & (-1 << 20), 12);
    expect(t.blocks.direct[SLOT]).toBe(MISS_ENTRY);
    expect(t.blocks.cells[0]).toBe(LPM_MISS);
  });
});
