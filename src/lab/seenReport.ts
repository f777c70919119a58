import type { SeenDestination, SeenSource } from "../control/seen/kinds.ts";
import type { SeenAnswer } from "../observe/seenCell.ts";

/** What `seen` asks. */
export interface SeenQuestion {
  /** Settings of the first side, KEY=VALUE. */
  readonly set: readonly string[];
  /** Settings of the side to compare with; null: there is none. */
  readonly vs: readonly string[] | null;
  /** Sources and destinations by name; empty: one of each kind that the lab has. */
  readonly from: readonly string[];
  readonly to: readonly string[];
}

export interface SeenCell extends SeenAnswer {
  destination: SeenDestination;
}

/** A source with what each destination sees of it. */
export interface SeenRow {
  source: Omit<SeenSource, "address"> & { address: string };
  cells: SeenCell[];
}

/** All that one setting of a lab gives. */
export interface SeenSide {
  lab: string;
  /** Empty: the lab as it is. */
  settings: readonly string[];
  rows: SeenRow[];
  /** Sources that have no address with these settings: `pod/default/web-1`, and what it waits for. */
  waiting: { name: string; reason: string }[];
}

/** What `seen -o json` prints: one side, or two to compare. */
export interface SeenReport {
  sides: SeenSide[];
  /** Cells of which both sides have one, with different answers. */
  differences: { source: string; destination: string }[];
}

/** What a cell stands for, on both sides: its kind, or the name that was asked for. */
export function cellKey({ destination }: SeenCell): string {
  return destination.kind === "named" ? destination.name : destination.kind;
}

/**
 * The part of an answer that makes a difference: by which ENI, who is seen or what ends it. Ports are drawn anew. Of two
 * sources that are different pods the addresses differ anyway: there it counts whether it is the source's own.
 */
function essence(cell: SeenCell, { source }: SeenRow, isSameSource: boolean): string {
  const { eni, reason, seen, translations, answer } = cell;
  const rules = translations.map((t) => t.by);
  const who = isSameSource ? [seen?.by, seen?.address] : [seen?.address === source.address];
  const way = isSameSource ? eni : eni?.slice(eni.lastIndexOf("/"));
  return JSON.stringify([way, reason, who, rules, answer?.reason, answer?.comesBack]);
}

/** The rows of both sides that belong together: of the same source, else of the same kind. Either may be missing. */
export interface RowPair {
  readonly first: SeenRow | undefined;
  readonly second: SeenRow | undefined;
}

export function pairRows([first, second]: readonly SeenSide[]): RowPair[] {
  const left = new Set(second.rows);
  const names = new Set(first.rows.map((r) => r.source.name));
  const pairs = first.rows.map((row): RowPair => {
    const { name, kind } = row.source;
    const own = second.rows.find((r) => r.source.name === name);
    const match = own ?? [...left].find((r) => r.source.kind === kind && !names.has(r.source.name));
    if (match !== undefined) left.delete(match);
    return { first: row, second: match };
  });
  return [...pairs, ...[...left].map((row) => ({ first: undefined, second: row }))];
}

/** Cells that both sides have, with different answers. */
export function differences(sides: readonly SeenSide[]): SeenReport["differences"] {
  return pairRows(sides).flatMap(({ first, second }) => {
    if (first === undefined || second === undefined) return [];
    const { name } = first.source;
    const isSame = name === second.source.name;
    return first.cells.flatMap((cell) => {
      const other = second.cells.find((c) => cellKey(c) === cellKey(cell));
      if (other === undefined || essence(other, second, isSame) === essence(cell, first, isSame)) return [];
      return [{ source: name, destination: cellKey(cell) }];
    });
  });
}
