import * as D from "../plane/decision.ts";
import {
  FRONTEND_CLUSTER_IP,
  FRONTEND_EXTERNAL_IP,
  FRONTEND_LOAD_BALANCER_IP,
  FRONTEND_NODE_PORT,
  SCHEDULER_LC,
  SCHEDULER_MAGLEV,
  SCHEDULER_MH,
  SCHEDULER_RR,
  SCHEDULER_SH,
  SCHEDULER_WRR,
} from "../plane/rows.ts";
import { formatAddress } from "../plane/wire/address.ts";

/** How a packet reached its service, where that is not the ClusterIP. */
const KINDS: Record<number, string> = {
  [FRONTEND_EXTERNAL_IP]: "external IP",
  [FRONTEND_LOAD_BALANCER_IP]: "load balancer IP",
  [FRONTEND_NODE_PORT]: "NodePort",
};

/** Why a scheduler chose what it chose. */
const SCHEDULERS: Record<number, string> = {
  [SCHEDULER_RR]: "rr: the next in turn",
  [SCHEDULER_WRR]: "wrr: the next in turn by weight",
  [SCHEDULER_LC]: "lc: the fewest connections",
  [SCHEDULER_SH]: "sh: by a hash of the source address",
  [SCHEDULER_MH]: "mh: by a Maglev hash of the source address",
  [SCHEDULER_MAGLEV]: "Maglev: by a hash of the connection",
};

/**
 * How a service's endpoint was chosen: "endpoint 2 of 3, random draw 1", and before it what it was chosen from, as
 * "NodePort, externalTrafficPolicy Local: 1 local endpoint, endpoint 1 of 1".
 *
 * @param i a step with ACT_DNAT and RULE_SERVICE
 */
export function serviceChoice(d: D.Decision, i: number): string {
  const how = d.h[i];
  const count = d.f[i];
  const parts: string[] = [];
  const kind = KINDS[how & D.CHOICE_KIND];
  if (kind !== undefined) parts.push(kind);
  if ((how & D.CHOICE_LOCAL) !== 0)
    parts.push(`${policy(how)} Local: ${count} local ${count === 1 ? "endpoint" : "endpoints"}`);
  parts.push(`endpoint ${d.g[i] + 1} of ${count}`);
  if ((how & D.CHOICE_AFFINITY) !== 0) parts.push(`affinity: client ${formatAddress(d.source[i])} keeps it`);
  else if (count > 1) parts.push(SCHEDULERS[how >> D.CHOICE_SCHEDULER_SHIFT] ?? `random draw ${d.g[i]}`);
  return parts.join(", ");
}

/** Why a service translated nothing. @param how CHOICE_* bits */
export function serviceRefusal(how: number): string {
  if ((how & D.CHOICE_SOURCE_RANGE) !== 0) return "the source is not in loadBalancerSourceRanges";
  if ((how & D.CHOICE_NO_LOCAL) !== 0) return `${policy(how)} Local: no endpoint on this node`;
  return "no usable endpoint";
}

function policy(how: number): string {
  const internal = (how & D.CHOICE_KIND) === FRONTEND_CLUSTER_IP || (how & D.CHOICE_INTERNAL) !== 0;
  return internal ? "internalTrafficPolicy" : "externalTrafficPolicy";
}
