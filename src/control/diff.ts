import type { Patch, Row } from "../plane/rows.ts";
import type { Snapshot } from "./compile.ts";

/** Rows hold nothing but numbers, booleans, texts and lists of them, with their fields always in the same order. */
function same(a: Row, b: Row): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * What turns one snapshot into the next: rows to put, in the snapshot's order, and rows to remove, in the opposite one.
 * The removals are to be made first. Without a previous snapshot every row is put.
 */
export function diff(previous: Snapshot | null, next: Snapshot): Patch {
  const put: Row[] = [];
  const gone: Row[] = [];
  for (const [key, row] of next.rows) {
    const old = previous?.rows.get(key);
    if (old === undefined || !same(old, row)) put.push(row);
  }
  for (const [key, row] of previous?.rows ?? []) if (!next.rows.has(key)) gone.push(row);
  return { put, gone: gone.reverse() };
}
