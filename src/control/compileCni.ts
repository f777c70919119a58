import {
  type NodeCniRow,
  type NodeRow,
  type Row,
  SNAT_EXTERNAL,
  SNAT_HASHRANDOM,
  SNAT_NONE,
  SNAT_PRNG,
} from "../plane/rows.ts";
import type { ClusterState, NodeState } from "./clusterState.ts";

const SNAT_MODES = { none: SNAT_NONE, hashrandom: SNAT_HASHRANDOM, prng: SNAT_PRNG };

/** What a node's SNAT chain does, as {@link NodeRow.snatMode} has it. */
export function snatMode(state: ClusterState, node: NodeState): NodeRow["snatMode"] {
  return node.externalSnat ? SNAT_EXTERNAL : SNAT_MODES[state.cni.randomizeSnat];
}

/** Whether pods with branch ENIs are in strict mode. */
export function isStrict({ cni }: ClusterState): boolean {
  return cni.podEni && cni.podSecurityGroupMode === "strict";
}

/** The rules that aws-node's settings make on every node. */
export function nodeCniRows(state: ClusterState): Row[] {
  const { cni, lab, nodes } = state;
  return nodes.map(
    (_, node): NodeCniRow => ({
      t: "nodeCni",
      node,
      nodePortSupport: cni.nodePortSupport,
      connmark: cni.connmark | 0,
      markBeforeDnat: lab.spec.cluster.cni.markBeforeDnat,
      externalServices: cni.externalServiceCidrs.map(({ prefix, length }) => ({ prefix, length })),
      tcpEarlyDemux: cni.tcpEarlyDemux,
    }),
  );
}
