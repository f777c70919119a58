import { DIR_REPLY, IPS_DST_NAT } from "../conntrack/info.ts";
import type { Context } from "../context.ts";
import { C_NAT_DNAT } from "../counters.ts";
import {
  ACT_DNAT,
  CHOICE_AFFINITY,
  CHOICE_LOCAL,
  CHOICE_SCHEDULER_SHIFT,
  RULE_SERVICE,
  STAGE_SERVICE,
} from "../decision.ts";
import {
  type NodeRow,
  SCHEDULER_LC,
  SCHEDULER_MAGLEV,
  SCHEDULER_MH,
  SCHEDULER_RANDOM,
  SCHEDULER_RR,
  SCHEDULER_SH,
  SCHEDULER_WRR,
  SERVICE_MODE_CILIUM,
  SERVICE_MODE_IPTABLES,
  SERVICE_MODE_IPVS,
  SERVICE_MODE_NFTABLES,
  type ServiceMode,
} from "../rows.ts";
import { type AffinityRules, frontendKey, MOST_CLIENTS, RECENT_CLIENTS } from "../services/affinity.ts";

/** kube-proxy's chains: all addresses of a service port share their clients. */
const ALL_FRONTENDS = 0;

const AFFINITY: Record<ServiceMode, AffinityRules> = {
  [SERVICE_MODE_IPTABLES]: { limit: RECENT_CLIENTS, perEndpoint: true, single: false, inclusive: true },
  [SERVICE_MODE_NFTABLES]: { limit: MOST_CLIENTS, perEndpoint: false, single: false, inclusive: false },
  [SERVICE_MODE_IPVS]: { limit: MOST_CLIENTS, perEndpoint: false, single: true, inclusive: false },
  [SERVICE_MODE_CILIUM]: { limit: MOST_CLIENTS, perEndpoint: false, single: true, inclusive: false },
};

/**
 * Binds a connection's first packet to an endpoint of a service: chooses one of the set (the client's own, if the service
 * keeps clients; else by the scheduler), remembers the client, and translates the packet's destination and the entry's
 * reply tuple.
 *
 * @param kind FRONTEND_* that the packet reached
 * @param set a set of the service that is not empty
 * @param local whether it is the set of a Local policy
 * @param scheduler SCHEDULER_*
 * @returns the endpoint's address: what the masquerade rules want to know
 */
export function bindEndpoint(
  c: Context,
  row: NodeRow,
  service: number,
  kind: number,
  set: number,
  local: boolean,
  scheduler: number,
): number {
  const p = c.p;
  const { sets, affinity } = c.tables.services;
  const timeout = sets.affinity(service);
  const frontend = row.serviceMode >= SERVICE_MODE_IPVS ? frontendKey(p.dst, p.dport) : ALL_FRONTENDS;
  let position = timeout > 0 ? keptPosition(c, row, service, set, frontend, timeout) : -1;
  const kept = position >= 0;
  if (!kept) position = pick(c, row, service, set, scheduler);
  const endpoint = sets.setMember(set, position);
  const address = sets.endpointAddress(service, endpoint);
  const port = sets.endpointPort(service, endpoint);
  if (timeout > 0 && !c.ct.trial) {
    const shared = row.serviceMode === SERVICE_MODE_CILIUM;
    affinity.remember(service, row.id, frontend, p.src, address, port, c.now, AFFINITY[row.serviceMode], shared);
  }
  const d = c.decision;
  if (d !== null) {
    const i = d.addWith(row.id, STAGE_SERVICE, ACT_DNAT, RULE_SERVICE, service, p.dst, p.dport, address, port);
    d.e[i] = endpoint;
    d.f[i] = sets.setSize(set);
    d.g[i] = position;
    d.h[i] = kind | (local ? CHOICE_LOCAL : 0) | (kept ? CHOICE_AFFINITY : 0) | (scheduler << CHOICE_SCHEDULER_SHIFT);
    d.source[i] = p.src;
  }
  if (!c.ct.trial) c.tables.services.hits.connected(service, endpoint);
  translate(c, address, port);
  c.ct.setService(p.ct, service);
  c.ct.setEndpoint(p.ct, endpoint);
  return address;
}

/** Position of the endpoint that the packet's source keeps, or -1. Apart, because it makes a closure. */
function keptPosition(
  c: Context,
  row: NodeRow,
  service: number,
  set: number,
  frontend: number,
  timeout: number,
): number {
  const { sets, affinity } = c.tables.services;
  return affinity.find(service, row.id, frontend, c.p.src, c.now, timeout, AFFINITY[row.serviceMode], (a, port) =>
    sets.position(service, set, a, port),
  );
}

/** Destination NAT of a connection's first packet. */
export function translate(c: Context, address: number, port: number): void {
  const p = c.p;
  const ct = c.ct;
  p.dst = address;
  p.dport = port;
  ct.setReply(p.ct, address, ct.dst(p.ct, DIR_REPLY), port, ct.dport(p.ct, DIR_REPLY));
  ct.setStatus(p.ct, IPS_DST_NAT);
  c.counters[C_NAT_DNAT]++;
}

/** A position of the set, as the scheduler chooses it. */
function pick(c: Context, row: NodeRow, service: number, set: number, scheduler: number): number {
  const p = c.p;
  const { sets, schedulers } = c.tables.services;
  const size = sets.setSize(set);
  if (size === 1) return 0;
  const live = !c.ct.trial;
  switch (scheduler) {
    case SCHEDULER_RR:
      return schedulers.roundRobin(service, row.id, set, frontendKey(p.dst, p.dport), live);
    case SCHEDULER_WRR:
      return schedulers.weighted(service, row.id, set, frontendKey(p.dst, p.dport), live);
    case SCHEDULER_LC:
      return schedulers.leastConnections(service, row.id, set);
    case SCHEDULER_SH:
      return schedulers.sourceHash(service, set, p.src);
    case SCHEDULER_MH:
      return schedulers.maglev(service, set, p.src, 0, 0);
    case SCHEDULER_MAGLEV: {
      // A client that is to stay must find its endpoint with any source port.
      const sport = sets.affinity(service) > 0 ? 0 : p.sport;
      return schedulers.maglev(service, set, p.src, p.dst ^ p.protocol, (sport << 16) | p.dport);
    }
    default:
      return c.random.below(size);
  }
}

/** The scheduler that a node of a mode uses: kube-proxy's iptables and nftables rules know random alone. */
export function schedulerOf(c: Context, row: NodeRow, service: number): number {
  return row.serviceMode >= SERVICE_MODE_IPVS ? c.tables.services.sets.scheduler(service) : SCHEDULER_RANDOM;
}
