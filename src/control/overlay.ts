/** Most values that lie over a map before they are put into a copy of it. */
const MOST = 256;

/** A map with other values for some of its keys, in the same order. What it lies over stays as it is. */
class Overlay<K, V extends object> implements ReadonlyMap<K, V> {
  readonly under: ReadonlyMap<K, V>;
  readonly over: ReadonlyMap<K, V>;

  constructor(under: ReadonlyMap<K, V>, over: ReadonlyMap<K, V>) {
    this.under = under;
    this.over = over;
  }

  get size(): number {
    return this.under.size;
  }

  has(key: K): boolean {
    return this.under.has(key);
  }

  get(key: K): V | undefined {
    return this.over.get(key) ?? this.under.get(key);
  }

  keys(): MapIterator<K> {
    return this.under.keys();
  }

  *entries(): MapIterator<[K, V]> {
    for (const [key, value] of this.under) yield [key, this.over.get(key) ?? value];
  }

  *values(): MapIterator<V> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  forEach(callback: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this) callback(value, key, this);
  }
}

/**
 * The map with other values for some of its keys. It costs what changes, not what there is: a map of tens of thousands is
 * copied only once in hundreds of changes.
 *
 * @param changes of keys that the map has
 */
export function withValues<K, V extends object>(map: ReadonlyMap<K, V>, changes: ReadonlyMap<K, V>): ReadonlyMap<K, V> {
  const before = map instanceof Overlay ? { under: map.under, over: map.over } : { under: map, over: new Map<K, V>() };
  const over = new Map<K, V>([...before.over, ...changes]);
  if (over.size <= MOST) return new Overlay(before.under, over);
  const all = new Map(before.under);
  for (const [key, value] of over) all.set(key, value);
  return all;
}
