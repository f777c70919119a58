import { Lpm } from "./lpm/lpm.ts";
import type { NodeCniRow } from "./rows.ts";

/** AWS_VPC_K8S_CNI_CONNMARK unless set (pkg/networkutils/network.go, defaultConnmark). */
export const DEFAULT_CONNMARK = 0x80;
const EXTERNAL_DIRECT_BITS = 8;

/** What the VPC CNI's settings make of a node's rules, as the forwarding code reads them ({@link NodeCniRow}). */
export interface NodeCni {
  readonly nodePortSupport: boolean;
  readonly connmark: number;
  readonly markBeforeDnat: boolean;
  /** Destinations of rule 1535; null: there is no such rule. */
  readonly externalServices: Lpm | null;
  readonly tcpEarlyDemux: boolean;
}

export const DEFAULT_NODE_CNI: NodeCni = {
  nodePortSupport: true,
  connmark: DEFAULT_CONNMARK,
  markBeforeDnat: false,
  externalServices: null,
  tcpEarlyDemux: true,
};

export function nodeCniOf(row: NodeCniRow): NodeCni {
  const { connmark, markBeforeDnat, nodePortSupport, tcpEarlyDemux } = row;
  let externalServices: Lpm | null = null;
  for (const { prefix, length } of row.externalServices) {
    externalServices ??= new Lpm({ directBits: EXTERNAL_DIRECT_BITS });
    externalServices.insert(prefix, length, 0);
  }
  return { nodePortSupport, connmark, markBeforeDnat, externalServices, tcpEarlyDemux };
}
