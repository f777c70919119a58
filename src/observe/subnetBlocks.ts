import type { SubnetRangeKind } from "../control/subnetRanges.ts";
import { type Cidr, cidrSize, offsetOf } from "../control/vpc/cidr.ts";
import { PREFIX_SIZE } from "../control/vpc/instanceTypes.ts";
import { formatAddress } from "../plane/wire/address.ts";

/** A range of a subnet that somebody has. */
export interface SubnetRange extends Cidr {
  readonly kind: SubnetRangeKind;
  /** `node-1/eth0` */
  readonly owner: string;
}

/** A subnet CIDR reservation (Amazon VPC User Guide, "Subnet CIDR reservations"). */
export interface ReservedRange extends Cidr {
  readonly type: "prefix" | "explicit";
}

export interface SubnetMapInput {
  readonly name: string;
  /** As text: `10.0.1.0/24`. */
  readonly cidrBlock: string;
  readonly cidr: Cidr;
  /** Of two that overlap the later one is shown. */
  readonly ranges: readonly SubnetRange[];
  readonly reservations: readonly ReservedRange[];
}

/** What an address is: somebody's, or free, or free and in a reservation. */
export type CellKind = SubnetRangeKind | "free" | "freeForPrefixes" | "freeExplicit";

/** Every kind of address with the character that stands for it. */
export const CELLS: readonly { readonly kind: CellKind; readonly glyph: string; readonly text: string }[] = [
  { kind: "free", glyph: ".", text: "free" },
  { kind: "freeForPrefixes", glyph: ":", text: "free, reserved for prefixes" },
  { kind: "freeExplicit", glyph: "x", text: "free, kept out by a reservation" },
  { kind: "reserved", glyph: "R", text: "reserved by EC2" },
  { kind: "primary", glyph: "E", text: "ENI primary" },
  { kind: "secondary", glyph: "s", text: "secondary" },
  { kind: "prefix", glyph: "p", text: "prefix" },
  { kind: "host", glyph: "h", text: "host" },
  { kind: "other", glyph: "o", text: "other" },
];

/**
 * What a /28 block is to prefix delegation: `free` is unused, `kept` is too and an explicit reservation keeps it out,
 * `prefix` is delegated, `reserved` has addresses that EC2 keeps (a subnet's first and last block), `full` and
 * `partial` are broken by single addresses.
 */
export type BlockState = "free" | "kept" | "prefix" | "partial" | "full" | "reserved";

export interface BlockView {
  /** First address of the block. */
  readonly address: string;
  readonly state: BlockState;
  /** Free and in a reservation of type prefix. */
  readonly forPrefixes: boolean;
  /** A character for each of its 16 addresses: {@link CELLS}. */
  readonly cells: string;
  /** Who has addresses of it, in the order of the addresses; EC2 left out. */
  readonly owners: readonly string[];
}

/** A subnet as prefix delegation sees it: the map's JSON form. */
export interface SubnetMapView {
  readonly name: string;
  readonly cidrBlock: string;
  /** Aligned /28 blocks of the subnet. */
  readonly totalBlocks: number;
  /** Unused ones, those that an explicit reservation keeps out left out. */
  readonly freeBlocks: number;
  /** Those of them in reservations of type prefix; null: there is no such reservation, all free blocks can be delegated. */
  readonly freeReservedBlocks: number | null;
  /** Unused blocks that a reservation of type explicit keeps from being given. */
  readonly keptBlocks: number;
  /** Addresses that can be given singly: free and in no reservation. */
  readonly freeAddresses: number;
  /** Blocks that cannot be delegated because single addresses of them are in use. */
  readonly brokenBlocks: number;
  /** Addresses of those blocks, used or free. */
  readonly lostAddresses: number;
  readonly blocks: readonly BlockView[];
}

const KIND_INDEX = new Map(CELLS.map(({ kind }, i) => [kind, i]));
const indexOf = (kind: CellKind): number => KIND_INDEX.get(kind) ?? 0;
const FREE = indexOf("free");
const FREE_FOR_PREFIXES = indexOf("freeForPrefixes");
const FREE_EXPLICIT = indexOf("freeExplicit");
const RESERVED = indexOf("reserved");
const PREFIX = indexOf("prefix");

/** Divides a subnet (/28 or larger) into its aligned /28 blocks and counts what prefix delegation can still take. */
export function subnetBlocks(input: SubnetMapInput): SubnetMapView {
  const { name, cidrBlock, cidr } = input;
  const cells = new Uint8Array(cidrSize(cidr));
  const fill = (range: Cidr, index: number): void => {
    const start = offsetOf(cidr, range.prefix);
    cells.fill(index, start, start + cidrSize(range));
  };
  for (const r of input.reservations) fill(r, r.type === "prefix" ? FREE_FOR_PREFIXES : FREE_EXPLICIT);
  const owners: string[][] = Array.from({ length: cells.length / PREFIX_SIZE }, () => []);
  for (const range of [...input.ranges].sort((a, b) => offsetOf(cidr, a.prefix) - offsetOf(cidr, b.prefix))) {
    if (range.kind === "reserved") continue;
    const first = offsetOf(cidr, range.prefix);
    const last = first + cidrSize(range) - 1;
    for (let block = Math.floor(first / PREFIX_SIZE); block <= Math.floor(last / PREFIX_SIZE); block++)
      if (!owners[block].includes(range.owner)) owners[block].push(range.owner);
  }
  for (const range of input.ranges) fill(range, indexOf(range.kind));

  const blocks = owners.map((names, i): BlockView => {
    const own = cells.subarray(i * PREFIX_SIZE, (i + 1) * PREFIX_SIZE);
    return {
      address: formatAddress((cidr.prefix + i * PREFIX_SIZE) | 0),
      state: stateOf(own),
      forPrefixes: own.every((cell) => cell === FREE_FOR_PREFIXES),
      cells: Array.from(own, (cell) => CELLS[cell].glyph).join(""),
      owners: names,
    };
  });
  const count = (is: (block: BlockView) => boolean): number => blocks.filter(is).length;
  const brokenBlocks = count((b) => b.state === "partial" || b.state === "full");
  return {
    name,
    cidrBlock,
    totalBlocks: blocks.length,
    freeBlocks: count((b) => b.state === "free"),
    freeReservedBlocks: input.reservations.some((r) => r.type === "prefix") ? count((b) => b.forPrefixes) : null,
    keptBlocks: count((b) => b.state === "kept"),
    freeAddresses: cells.reduce((sum, cell) => sum + (cell === FREE ? 1 : 0), 0),
    brokenBlocks,
    lostAddresses: brokenBlocks * PREFIX_SIZE,
    blocks,
  };
}

function stateOf(cells: Uint8Array): BlockState {
  if (cells.includes(RESERVED)) return "reserved";
  if (cells.every((cell) => cell === PREFIX)) return "prefix";
  const unused = cells.filter((cell) => cell === FREE || cell === FREE_FOR_PREFIXES || cell === FREE_EXPLICIT).length;
  if (unused === 0) return "full";
  if (unused < cells.length) return "partial";
  return cells.includes(FREE_EXPLICIT) ? "kept" : "free";
}
