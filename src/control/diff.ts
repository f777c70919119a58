import type { Patch, Row } from "../plane/rows.ts";
import type { Snapshot } from "./compile.ts";
import { comparePolicies, NO_POLICIES } from "./policy/policyRows.ts";
import { compareRouted } from "./serviceRows.ts";

/** Rows hold nothing but numbers, booleans, texts and lists of them, with their fields always in the same order. */
function same(a: Row, b: Row): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/**
 * What turns one snapshot into the next: rows to put, in the snapshot's order, and rows to remove, in the opposite one.
 * The removals are to be made first. Without a previous snapshot every row is put. Rows of services cost what changed,
 * however many there are.
 */
export function diff(previous: Snapshot | null, next: Snapshot): Patch {
  const put: Row[] = [];
  const gone: Row[] = [];
  for (const [key, row] of next.machines) {
    const old = previous?.machines.get(key);
    if (old === undefined || !same(old, row)) put.push(row);
  }
  for (const [key, row] of previous?.machines ?? []) if (!next.machines.has(key)) gone.push(row);
  const differs = (was: Row | null, is: Row | null) => {
    if (is !== null) put.push(is);
    else if (was !== null) gone.push(was);
  };
  compareRouted(previous?.services ?? [], next.services, differs);
  comparePolicies(previous?.policies ?? NO_POLICIES, next.policies, differs);
  return { put, gone: gone.reverse() };
}

/** Rows of a piece of the first patch: what crosses threads is there twice while it does. */
const PIECE = 1000;

/**
 * {@link diff}, as patches to be applied one after the other: one where something is forwarded already, so that no packet
 * meets half of a change; of the first snapshot, before anything runs, small ones.
 */
export function* patches(previous: Snapshot | null, next: Snapshot): Generator<Patch, void> {
  const patch = diff(previous, next);
  if (previous !== null) yield patch;
  else
    for (let from = 0; from < patch.put.length; from += PIECE)
      yield { put: patch.put.slice(from, from + PIECE), gone: [] };
}
