/** What has indices of its own. */
export type IdKind = "device" | "eni" | "service";

interface Space {
  readonly ids: Map<string, number>;
  readonly taken: Set<number>;
  readonly seen: Set<string>;
  /** No index under this one is free. */
  low: number;
}

const space = (): Space => ({ ids: new Map(), taken: new Set(), seen: new Set(), low: 0 });

/**
 * Small indices for names: the same for as long as the name is asked for in every round, the lowest free one for a new
 * name. An index is free again only in the round after the one in which its name was missing, so that within one patch
 * it never changes its owner.
 */
export class Ids {
  readonly #spaces: Readonly<Record<IdKind, Space>> = { device: space(), eni: space(), service: space() };

  /** The index of a name. */
  of(kind: IdKind, key: string): number {
    const own = this.#spaces[kind];
    own.seen.add(key);
    const known = own.ids.get(key);
    if (known !== undefined) return known;
    while (own.taken.has(own.low)) own.low++;
    own.ids.set(key, own.low);
    own.taken.add(own.low);
    return own.low;
  }

  /** Ends a round: names that were not asked for in it lose their index. */
  endRound(): void {
    for (const own of Object.values(this.#spaces)) {
      for (const [key, id] of own.ids) {
        if (own.seen.has(key)) continue;
        own.ids.delete(key);
        own.taken.delete(id);
        own.low = Math.min(own.low, id);
      }
      own.seen.clear();
    }
  }
}
