/** How a noun of `get` is shown: a row for each item, or a table of its own. */

export type Cell = string | number | null;

/** What stands in place of an empty table. */
interface Empty {
  empty: string;
}

export interface Columns<T> extends Empty {
  header: string[];
  row: (item: T) => Cell[];
}

/** A table that is no row for each item. @param width of the terminal, characters @param wide all columns are asked for */
export interface OwnTable<T> extends Empty {
  table: (items: readonly T[], width: number, wide: boolean) => string;
}

export const qualified = (o: { namespace: string; name: string }): string => `${o.namespace}/${o.name}`;
export const yesNo = (b: boolean): string => (b ? "yes" : "no");

const SHOWN = 3;

export function shorten(list: readonly string[]): string {
  return list.length <= SHOWN ? list.join(",") : `${list.slice(0, SHOWN).join(",")} +${list.length - SHOWN}`;
}

/** A list in a narrow column. */
export function firstOf(list: readonly string[]): string | null {
  if (list.length === 0) return null;
  return list.length === 1 ? list[0] : `${list[0]} +${list.length - 1}`;
}
