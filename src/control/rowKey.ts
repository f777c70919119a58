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
    case "securityGroup":
    case "networkAcl":
    case "natGateway":
    case "peering":
    case "transitAttachment":
    case "network":
      return `${row.t}/${row.id}`;
    case "nodeCni":
      return `${row.t}/${row.node}`;
    case "eniGroups":
      return `${row.t}/${row.eni}`;
    case "subnetAcl":
      return `${row.t}/${row.subnet}`;
    case "eniAddress":
    case "snatExempt":
      return `${row.t}/${row.vpc}/${cidrText(row)}`;
    case "vpcRoute":
    case "transitRoute":
      return `${row.t}/${row.routeTable}/${cidrText(row)}`;
    case "hostPort":
      return `${row.t}/${row.node}/${row.protocol}/${row.address >>> 0}/${row.port}`;
    case "localAddress":
      return `${row.t}/${row.node}/${row.address >>> 0}`;
    case "policyPrefix":
      return `${row.t}/${row.table}/${cidrText(row)}`;
    case "podPolicy":
      return `${row.t}/${row.device}`;
    case "impairment":
      return `${row.t}/${row.at}/${row.index}/${row.direction}`;
    case "outside":
      return `${row.t}/${row.network}/${row.address >>> 0}`;
  }
}
