/** What has indices of its own, asked for anew in every round. */
export type IdKind =
  | "device"
  | "eni"
  | "routeTable"
  | "natGateway"
  | "peering"
  | "transitAttachment"
  | "transitRouteTable";

/**
 * Small indices for names: the lowest free one for a new name, the same until the name is dropped. An index is free again
 * only in the round after the one in which it was dropped, so that within one patch it never changes its owner.
 */
export class StableIds {
  readonly #ids = new Map<string, number>();
  readonly #taken = new Set<number>();
  #dropped: string[] = [];
  /** No index under this one is free. */
  #low = 0;

  /** The index of a name. */
  of(key: string): number {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    while (this.#taken.has(this.#low)) this.#low++;
    this.#ids.set(key, this.#low);
    this.#taken.add(this.#low);
    return this.#low;
  }

  /** The name needs no index after this round. */
  drop(key: string): void {
    this.#dropped.push(key);
  }

  names(): IterableIterator<string> {
    return this.#ids.keys();
  }

  endRound(): void {
    for (const key of this.#dropped) {
      const id = this.#ids.get(key);
      if (id === undefined) continue;
      this.#ids.delete(key);
      this.#taken.delete(id);
      this.#low = Math.min(this.#low, id);
    }
    this.#dropped = [];
  }
}

interface Space {
  readonly ids: StableIds;
  readonly seen: Set<string>;
}

const space = (): Space => ({ ids: new StableIds(), seen: new Set() });

/** {@link StableIds} for names that are dropped by not being asked for in a round. */
export class Ids {
  readonly #spaces: Readonly<Record<IdKind, Space>> = {
    device: space(),
    eni: space(),
    routeTable: space(),
    natGateway: space(),
    peering: space(),
    transitAttachment: space(),
    transitRouteTable: space(),
  };

  /** The index of a name. */
  of(kind: IdKind, key: string): number {
    const own = this.#spaces[kind];
    own.seen.add(key);
    return own.ids.of(key);
  }

  /** Ends a round: names that were not asked for in it lose their index. */
  endRound(): void {
    for (const { ids, seen } of Object.values(this.#spaces)) {
      for (const key of ids.names()) if (!seen.has(key)) ids.drop(key);
      ids.endRound();
      seen.clear();
    }
  }
}
