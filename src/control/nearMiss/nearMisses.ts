import { formatAddress } from "../../plane/wire/address.ts";
import type { ClusterState } from "../clusterState.ts";
import type { Snapshot } from "../compile.ts";
import { nearPolicy } from "./policyNear.ts";
import type { NearMiss, Refusal } from "./refusal.ts";
import { nearNetworkAcl, nearSecurityGroup } from "./securityNear.ts";
import {
  nearEndpoint,
  nearLocalEndpoint,
  nearServiceAddress,
  nearServicePort,
  nearSourceRange,
} from "./serviceNear.ts";
import {
  nearAssigned,
  nearCheckedEni,
  nearOutside,
  nearOwnAddress,
  nearPeered,
  nearPublicAddress,
  nearTransitRoute,
  nearVpcRoute,
} from "./vpcNear.ts";

/**
 * Finds what almost let a refused packet pass, in the rows and objects of a snapshot; never on the packet's way. The nearest
 * has the fewest conditions that do not hold; of those that have as few the first counts.
 */
export function nearMisses(snapshot: Snapshot, state: ClusterState): { find(refusal: Refusal): NearMiss | null } {
  return { find: (refusal) => find(refusal, snapshot, state) };
}

function find(r: Refusal, snapshot: Snapshot, state: ClusterState): NearMiss | null {
  const { names, machines } = snapshot;
  switch (r.code) {
    case "SECURITY_GROUP_EGRESS":
    case "SECURITY_GROUP_INGRESS":
      return nearSecurityGroup(r, machines, names);
    case "NETWORK_ACL_EGRESS":
    case "NETWORK_ACL_INGRESS":
      return nearNetworkAcl(r, machines, names);
    case "POLICY_DENY_EGRESS":
    case "POLICY_DENY_INGRESS":
      return nearPolicy(r, snapshot);
    case "SERVICE_NO_ENDPOINTS":
      return nearEndpoint(r, snapshot, state);
    case "SERVICE_NO_LOCAL_ENDPOINT":
      return nearLocalEndpoint(r, snapshot);
    case "SERVICE_SOURCE_RANGE":
      return nearSourceRange(r, snapshot);
    case "SERVICE_PORT_UNKNOWN":
      return nearServicePort(r, snapshot);
    case "SERVICE_ADDRESS_UNKNOWN":
      return nearServiceAddress(r, snapshot);
    // A service's address that no rule of the node translated goes out like any other, in the next three.
    case "VPC_NO_ROUTE":
      return nearServicePort(r, snapshot) ?? nearVpcRoute(r, machines, names);
    case "TRANSIT_GATEWAY_NO_ROUTE":
      return nearTransitRoute(r, machines, names);
    case "VPC_ADDRESS_UNASSIGNED":
    case "LINK_LOCAL_UNREACHABLE":
      return nearAssigned(r, machines, names);
    case "OUTSIDE_UNREACHABLE":
      return nearServicePort(r, snapshot) ?? nearOutside(r, machines, names);
    case "IGW_NO_PUBLIC_ADDRESS":
      return nearServicePort(r, snapshot) ?? nearPublicAddress(r, machines, names);
    case "SOURCE_DEST_CHECK":
      return nearCheckedEni(r, machines, names);
    case "SOURCE_NOT_OWN":
      return nearOwnAddress(r, machines, names);
    case "PEERING_NOT_TRANSITIVE":
      return nearPeered(r, machines, names);
    case "FRAGMENTATION_NEEDED":
    case "TRANSIT_GATEWAY_MTU":
      return {
        rule: `MTU ${r.mtu} on the way to ${formatAddress(r.dst)}`,
        differs: [`${r.size} bytes are ${r.size - r.mtu} too many`],
      };
    default:
      return null;
  }
}
