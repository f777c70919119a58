import type { Row } from "../plane/rows.ts";
import { cidrText } from "./vpc/cidr.ts";

/** A row's identity: what stays the same while its value changes, and what the plane removes it by. */
export function rowKey(row: Row): string {
  switch (row.t) {
    case "device":
    case "node":
    case "eni":
    case "subnet":
    case "service":
      return `${row.t}/${row.id}`;
    case "eniAddress":
    case "snatExempt":
      return `${row.t}/${row.vpc}/${cidrText(row)}`;
    case "vpcRoute":
      return `${row.t}/${row.routeTable}/${cidrText(row)}`;
    case "hostPort":
      return `${row.t}/${row.node}/${row.protocol}/${row.address >>> 0}/${row.port}`;
    case "localAddress":
      return `${row.t}/${row.node}/${row.address >>> 0}`;
    case "outside":
      return `${row.t}/${row.network}/${row.address >>> 0}`;
  }
}
