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

/** All objects of a kind, in the order they were applied. */
export function objectsOfKind<K extends ObjectKind>(
  objects: Objects,
  kind: K,
): readonly Extract<LabObject, { kind: K }>[] {
  return (byKind(objects).get(kind) ?? []) as readonly Extract<LabObject, { kind: K }>[];
}
