/** What has indices of its own. */
export type IdKind = "device" | "eni" | "service";

interface Space {
  readonly ids: Map<string, number>;
  readonly taken: Set<number>;
  readonly seen: Set<string>;
}

const space = (): Space => ({ ids: new Map(), taken: new Set(), seen: new Set() });

/**
 * Small indices for names: the same for as long as the name is asked for in every round, the lowest free one for a new
 * name. An index is free again only in the round after the one in which its name was missing, so that within one patch
 * it never changes its owner.
 */
export class Ids {
  readonly #spaces: Readonly<Record<IdKind, Space>> = { device: space(), eni: space(), service: space() };

  /** The index of a name. */
  of(kind: IdKind, key: string): number {
    const { ids, taken, seen } = this.#spaces[kind];
    seen.add(key);
    const known = ids.get(key);
    if (known !== undefined) return known;
    let id = 0;
    while (taken.has(id)) id++;
    ids.set(key, id);
    taken.add(id);
    return id;
  }

  /** Ends a round: names that were not asked for in it lose their index. */
  endRound(): void {
    for (const { ids, taken, seen } of Object.values(this.#spaces)) {
      for (const [key, id] of ids) {
        if (seen.has(key)) continue;
        ids.delete(key);
        taken.delete(id);
      }
      seen.clear();
    }
  }
}
