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

const SCHEDULERS: Record<number, string> = {
  [SCHEDULER_RR]: "rr",
  [SCHEDULER_WRR]: "wrr",
  [SCHEDULER_LC]: "lc",
  [SCHEDULER_SH]: "sh",
  [SCHEDULER_MH]: "mh",
  [SCHEDULER_MAGLEV]: "Maglev",
};

/**
 * How a service's endpoint was chosen: "endpoint 1 of 3", and before it what made it so, as
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
  const position = `endpoint ${d.g[i] + 1} of ${count}`;
  const scheduler = SCHEDULERS[how >> D.CHOICE_SCHEDULER_SHIFT];
  if ((how & D.CHOICE_AFFINITY) !== 0) parts.push(`affinity: client ${formatAddress(d.source[i])} keeps ${position}`);
  else parts.push(scheduler === undefined ? position : `${scheduler}: ${position}`);
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
