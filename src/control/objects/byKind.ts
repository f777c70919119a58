import { withValues } from "../overlay.ts";
import type { EndpointSlice } from "./endpointSlice.ts";
import type { LabObject, ObjectKind, Objects } from "./kinds.ts";

type ByKind = ReadonlyMap<ObjectKind, readonly LabObject[]>;

/** Objects never change once they are a cluster's: sorting them by kind is done once, however many ask. */
const SORTED = new WeakMap<Objects, ByKind>();

function byKind(objects: Objects): ByKind {
  const known = SORTED.get(objects);
  if (known !== undefined) return known;
  const sorted = new Map<ObjectKind, LabObject[]>();
  for (const object of objects.values()) {
    const list = sorted.get(object.kind);
    if (list === undefined) sorted.set(object.kind, [object]);
    else list.push(object);
  }
  SORTED.set(objects, sorted);
  return sorted;
}

/** The others, once for all who ask. */
const WITHOUT = new WeakMap<Objects, Objects>();

/**
 * All objects but Services and EndpointSlices, in the order they were applied: tens of thousands may be left out, with which
 * pods have nothing to do.
 */
export function withoutServices(objects: Objects): Objects {
  const known = WITHOUT.get(objects);
  if (known !== undefined) return known;
  const others = new Map<string, LabObject>();
  for (const [key, object] of objects)
    if (object.kind !== "Service" && object.kind !== "EndpointSlice") others.set(key, object);
  WITHOUT.set(objects, others);
  return others;
}

/** All objects of a kind, in the order they were applied. */
export function objectsOfKind<K extends ObjectKind>(
  objects: Objects,
  kind: K,
): readonly Extract<LabObject, { kind: K }>[] {
  return (byKind(objects).get(kind) ?? []) as readonly Extract<LabObject, { kind: K }>[];
}

/**
 * The objects with other slices in the place of some of them: what was sorted out of the others stays.
 *
 * @param changes slices by their keys, all of which there are
 */
export function withSlices(objects: Objects, changes: ReadonlyMap<string, EndpointSlice>): Objects {
  const next = withValues<string, LabObject>(objects, changes);
  const slices = objectsOfKind(objects, "EndpointSlice").slice();
  for (const [key, slice] of changes) {
    const old = objects.get(key);
    if (old?.kind === "EndpointSlice") slices[slices.indexOf(old)] = slice;
  }
  SORTED.set(next, new Map<ObjectKind, readonly LabObject[]>([...byKind(objects), ["EndpointSlice", slices]]));
  WITHOUT.set(next, withoutServices(objects));
  return next;
}
