import type { AgentEni } from "./ipam/types.ts";

/** A node's ENI with the name that a lab shows it by. */
export interface LabEni extends AgentEni {
  /** `node-1/eth1`, `node-1/vlan.eth.1` */
  readonly name: string;
}
