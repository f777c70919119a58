import type { NameSource } from "../../observe/explain.ts";
import { type NatView, natViews } from "../../observe/natView.ts";
import { type ConntrackRow, conntrackRows } from "../../observe/tables.ts";
import type { Plane } from "../../plane/plane.ts";
import { DEVICE_NODE, type Row } from "../../plane/rows.ts";
import { packEntries, unpackEntries } from "../conntrackData.ts";

/** What a replay leaves behind in its plane. The drops are in its summary. */
export interface FinalTables {
  readonly conntrack: readonly ConntrackRow[];
  readonly nat: readonly NatView[];
}

/** Conntrack, and source NAT by node, as they are by now. @param rows of the lab's snapshot */
export function finalTables(plane: Plane, rows: Iterable<Row>, names: NameSource): FinalTables {
  const { ct, now, counters } = plane.context;
  const entries = unpackEntries(packEntries(ct, now, null));
  const nodes = [...rows].flatMap((row) =>
    row.t === "device" && row.kind === DEVICE_NODE ? [{ name: names.node(row.node), device: row.id }] : [],
  );
  return { conntrack: conntrackRows(entries, names), nat: natViews(counters, nodes, entries, names) };
}
