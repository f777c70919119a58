import { type BlockState, type BlockView, CELLS, type SubnetMapView } from "./subnetBlocks.ts";

export interface MapStyle {
  /** Columns of the terminal. */
  readonly width: number;
  readonly colour: boolean;
}

/** A line of the map before folding and colours. */
interface Line {
  readonly address: string;
  readonly blocks: readonly BlockView[];
  /** Who has what, at the right. */
  readonly owners: string;
}

interface Layout {
  /** A character for an address; else for a block. */
  readonly detailed: boolean;
  readonly perLine: number;
  /** Whether a summary's line has its groups apart. */
  readonly gap: boolean;
  /** Columns of the first address and the gap after it. */
  readonly labels: number;
  /** Columns of a full line's characters. */
  readonly columns: number;
}

/** Larger subnets (than a /22) have a character for a block, smaller ones for an address. */
const DETAILED_BLOCKS = 64;
/** Columns that owners of a block need to be worth showing. */
const OWNER_COLUMNS = 24;
/** With fewer columns owners are left out. */
const LEAST_COLUMNS = 12;
/** Blocks on a line, the most that fit: of a character for an address, of a character for a block. */
const DETAILED_LINE = [4, 2, 1];
const SUMMARY_LINE = [64, 32, 16];
/** In a summary blocks stand in groups of 16, a /24. */
const GROUP = 16;
const GAP = "  ";
/** Maps of more lines have runs of equal lines folded, where that saves lines. */
const UNFOLDED_LINES = 16;
const FOLDED_RUN = 3;

/** Every state of a block with the character that stands for it in a summary. */
const BLOCKS: readonly { readonly state: BlockState; readonly glyph: string; readonly text: string }[] = [
  { state: "free", glyph: ".", text: "free" },
  { state: "kept", glyph: "x", text: "kept out by a reservation" },
  { state: "prefix", glyph: "p", text: "prefix" },
  { state: "partial", glyph: "+", text: "partly used" },
  { state: "full", glyph: "#", text: "full" },
  { state: "reserved", glyph: "R", text: "has addresses reserved by EC2" },
];
const FOR_PREFIXES = { glyph: ":", text: "free, reserved for prefixes" };
const BLOCK_GLYPHS = new Map(BLOCKS.map(({ state, glyph }) => [state, glyph]));

/** How a run of lines is called whose every block is such. */
const RUNS: Readonly<Partial<Record<string, string>>> = {
  ".": "free blocks",
  ":": "free blocks reserved for prefixes",
  x: "blocks kept out by a reservation",
  p: "prefixes",
  "#": "full blocks",
};

const SGR = { bold: "1", dim: "2", red: "31", green: "32", yellow: "33", blue: "34", magenta: "35", cyan: "36" };
const GLYPH_COLOURS: Readonly<Partial<Record<string, string>>> = {
  ".": SGR.green,
  ":": SGR.green,
  x: SGR.dim,
  R: SGR.dim,
  E: SGR.magenta,
  s: SGR.blue,
  p: SGR.cyan,
  h: SGR.yellow,
  o: SGR.red,
  "+": SGR.yellow,
  "#": SGR.blue,
};

const paint = (text: string, code: string | undefined, { colour }: MapStyle): string =>
  colour && code !== undefined && text !== "" ? `\u001b[${code}m${text}\u001b[0m` : text;

/**
 * The fragmentation map of a subnet: which addresses and /28 blocks are used, by whom, and how many aligned /28 blocks
 * prefix delegation can still take. docs/ipam.md has the legend.
 *
 * A /22 and smaller shows every address, 16 to a block; a larger subnet shows every block, and a run of equal lines as one.
 */
export function subnetMap(view: SubnetMapView, style: MapStyle): string {
  const layout = chooseLayout(view.blocks, style.width);
  const { labels, columns } = layout;
  const text = fold(toLines(view.blocks, layout, style.width - labels - columns - GAP.length), layout).map((item) => {
    if (typeof item === "string") return " ".repeat(labels) + paint(item, SGR.dim, style);
    const { line, instead } = item;
    const label = line.address.padEnd(labels);
    if (instead !== null) return label + paint(instead, SGR.dim, style);
    const cells = paintCells(line, layout, style);
    if (line.owners === "") return label + cells;
    const missing = columns - cellText(line, layout).length;
    return label + cells + " ".repeat(missing) + GAP + line.owners;
  });
  return [
    paint(`${view.name} ${view.cidrBlock}`, SGR.bold, style),
    "",
    ...text,
    "",
    ...fill(legend(view, layout), style.width, GAP),
    ...fill(summaryText(view).split(" "), style.width, " "),
  ].join("\n");
}

/** The layout with the most blocks on a line that fits. */
function chooseLayout(blocks: readonly BlockView[], width: number): Layout {
  const detailed = blocks.length <= DETAILED_BLOCKS;
  const layout = (perLine: number, gap: boolean): Layout => {
    const first = blocks.filter((_, i) => i % perLine === 0);
    const labels = Math.max(...first.map((b) => b.address.length)) + GAP.length;
    const columns = detailed ? perLine * (GROUP + 1) - 1 : perLine + (gap ? perLine / GROUP - 1 : 0);
    return { detailed, perLine, gap, labels, columns };
  };
  const counts = (detailed ? DETAILED_LINE : SUMMARY_LINE).filter((n) => n <= blocks.length);
  const layouts = detailed
    ? counts.map((n) => layout(n, false))
    : counts.flatMap((n) => [layout(n, true), layout(n, false)]);
  const needed = (l: Layout): number => l.labels + l.columns + (detailed ? GAP.length + l.perLine * OWNER_COLUMNS : 0);
  return layouts.find((l) => needed(l) <= width) ?? layouts[layouts.length - 1];
}

/** "14 of 16 aligned /28 blocks free, 224 single addresses free; ..." */
function summaryText(view: SubnetMapView): string {
  const parts = [
    `${view.freeBlocks} of ${view.totalBlocks} aligned /28 blocks free, ${counted(view.freeAddresses, "single address", "es")} free`,
  ];
  const be = (n: number): string => (n === 1 ? "is" : "are");
  const { brokenBlocks: broken, lostAddresses, freeReservedBlocks: reserved, keptBlocks: kept } = view;
  if (broken > 0)
    parts.push(
      `${counted(broken, "block")} ${be(broken)} broken by single addresses (${lostAddresses} addresses lost to prefix delegation)`,
    );
  if (reserved !== null)
    parts.push(
      `${counted(reserved, "free block")} ${be(reserved)} reserved for prefixes, which come from nowhere else`,
    );
  if (kept > 0) parts.push(`${counted(kept, "unused block")} ${be(kept)} kept out by a reservation`);
  return parts.join("; ");
}

const counted = (n: number, noun: string, plural = "s"): string => `${n} ${noun}${n === 1 ? "" : plural}`;

/** The characters of a line in the pieces between which a space stands. */
function pieces(line: Line, { detailed, gap }: Layout): string[] {
  if (detailed) return line.blocks.map((b) => b.cells);
  const glyphs = line.blocks.map(blockGlyph).join("");
  return gap ? (glyphs.match(/.{1,16}/g) ?? []) : [glyphs];
}

function cellText(line: Line, layout: Layout): string {
  return pieces(line, layout).join(" ");
}

/** Runs of a character together. In a block that is not free, free addresses are no prefix's and have no colour. */
function paintCells(line: Line, layout: Layout, style: MapStyle): string {
  return pieces(line, layout)
    .map((piece, i) =>
      piece.replaceAll(/(.)\1*/g, (run: string) => {
        const lost = layout.detailed && run.startsWith(".") && line.blocks[i].state !== "free";
        return paint(run, lost ? undefined : GLYPH_COLOURS[run[0]], style);
      }),
    )
    .join(" ");
}

function blockGlyph(block: BlockView): string {
  return block.forPrefixes ? FOR_PREFIXES.glyph : (BLOCK_GLYPHS.get(block.state) ?? "?");
}

/** @param width columns for who has what: block by block in columns of its own, or of the whole line in a summary. */
function toLines(blocks: readonly BlockView[], { detailed, perLine }: Layout, width: number): Line[] {
  const groups = Array.from({ length: Math.ceil(blocks.length / perLine) }, (_, i) =>
    blocks.slice(i * perLine, (i + 1) * perLine),
  );
  const columns = detailed ? perLine : 1;
  const each = Math.floor((width - (columns - 1) * BAR.length) / columns);
  const texts = groups.map((group) => {
    if (!detailed) return [ownersText([...new Set(group.flatMap((b) => b.owners))], each)];
    const all = group.map((b) => ownersText(b.owners, each));
    return all.every((text) => text === "") ? [] : all.map((text) => (text === "" ? NOBODY : text));
  });
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...texts.map((t) => t[i]?.length ?? 0)));
  return groups.map((group, i) => {
    const padded = texts[i].map((t, at) => t.padEnd(widths[at]));
    return { address: group[0].address, blocks: group, owners: padded.join(BAR).trimEnd() };
  });
}

const BAR = " | ";
const NOBODY = "-";
const CUT = "...";

/** As many owners as fit, then how many more. Empty where no owner fits in a way that says anything. */
function ownersText(owners: readonly string[], width: number): string {
  if (owners.length === 0 || width < LEAST_COLUMNS) return "";
  for (let shown = owners.length; shown > 0; shown--) {
    const more = owners.length - shown;
    const text = owners.slice(0, shown).join(", ") + (more === 0 ? "" : ` +${more}`);
    if (text.length <= width) return text;
  }
  const more = owners.length === 1 ? "" : ` +${owners.length - 1}`;
  return owners[0].slice(0, width - CUT.length - more.length) + CUT + more;
}

/** Lines to print: as they are, with a text in place of a run, or a text that follows the run's first line. */
type Folded = { readonly line: Line; readonly instead: string | null } | string;

function fold(lines: readonly Line[], layout: Layout): Folded[] {
  const whole = (line: Line): Folded => ({ line, instead: null });
  if (lines.length <= UNFOLDED_LINES) return lines.map(whole);
  const key = (line: Line): string => `${cellText(line, layout)}|${line.owners}`;
  const folded: Folded[] = [];
  for (let i = 0; i < lines.length; ) {
    let end = i + 1;
    while (end < lines.length && key(lines[end]) === key(lines[i])) end++;
    const count = end - i;
    const glyphs = new Set(cellText(lines[i], layout).replaceAll(" ", ""));
    const run = glyphs.size === 1 ? RUNS[[...glyphs][0]] : undefined;
    if (count < FOLDED_RUN) folded.push(...lines.slice(i, end).map(whole));
    else if (run !== undefined && lines[i].owners === "")
      folded.push({ line: lines[i], instead: `... ${count} lines of ${run}` });
    else folded.push(whole(lines[i]), `... ${count - 1} more lines like it`);
    i = end;
  }
  return folded;
}

/** What the characters mean that the map has. */
function legend(view: SubnetMapView, { detailed }: Layout): string[] {
  if (detailed) {
    const used = new Set(view.blocks.flatMap((b) => [...b.cells]));
    return CELLS.filter(({ glyph }) => used.has(glyph)).map(({ glyph, text }) => `${glyph} ${text}`);
  }
  const used = new Set(view.blocks.map(blockGlyph));
  const all = [BLOCKS[0], FOR_PREFIXES, ...BLOCKS.slice(1)];
  const items = all.filter(({ glyph }) => used.has(glyph)).map(({ glyph, text }) => `${glyph} ${text}`);
  return ["each character is a /28:", ...items];
}

/** Items on as few lines as hold them. */
function fill(items: readonly string[], width: number, between: string): string[] {
  const lines: string[] = [];
  for (const item of items) {
    const longer = lines.length === 0 ? item : lines[lines.length - 1] + between + item;
    if (lines.length > 0 && longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(item);
  }
  return lines;
}
