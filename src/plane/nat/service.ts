import type { Context } from "../context.ts";
import { RULE_SERVICE, STAGE_FILTER } from "../decision.ts";
import { CODE_PORT_UNREACHABLE, ICMP_UNREACHABLE } from "../icmpError.ts";
import { REASONS } from "../reasons.ts";
import {
  type NodeRow,
  SERVICE_MODE_CILIUM,
  SERVICE_MODE_IPTABLES,
  SERVICE_MODE_IPVS,
  SERVICE_MODE_NFTABLES,
} from "../rows.ts";
import { kindOf, serviceOf } from "../services/services.ts";
import { admitCilium, bindCilium } from "./cilium.ts";
import { bindHostPort } from "./hostPort.ts";
import { admitIpvs, bindIpvs } from "./ipvs.ts";
import { bindKubeProxy, filterKubeProxy, firewallCheck, PASS, type Verdict } from "./kubeProxy.ts";
import { frontendOf, hasPorts } from "./local.ts";

/** What {@link bindService} returns for a hostPort, which is no service's. */
const HOST_PORT = 0x7fff_ffff;

/**
 * Destination NAT of a connection's first packet: services as the node's mode does them, then hostPorts. On a match the
 * packet, the entry's reply tuple and the masquerade marks are set.
 *
 * @returns a number that is not negative when the packet was translated, else -1
 */
export function bindService(c: Context, row: NodeRow, from: number): number {
  if (!hasPorts(c.p)) return -1;
  let service: number;
  if (row.serviceMode === SERVICE_MODE_IPVS) service = bindIpvs(c, row, from);
  else if (row.serviceMode === SERVICE_MODE_CILIUM) service = bindCilium(c, row, from);
  else service = bindKubeProxy(c, row, from);
  if (service >= 0) return service;
  return bindHostPort(c, row, from) ? HOST_PORT : -1;
}

/**
 * What stands before destination NAT, for a NEW packet: nftables' firewall-check; in the modes whose service addresses never
 * reach routing (IPVS has them on the node, Cilium looks before the stack does), every refusal.
 *
 * @param first the packet begins its connection; the entry is not confirmed
 * @returns false when the packet was dropped or rejected
 */
export function admitNew(c: Context, row: NodeRow, from: number, first: boolean): boolean {
  let verdict: Verdict = PASS;
  if (row.serviceMode === SERVICE_MODE_IPTABLES) return true;
  if (row.serviceMode === SERVICE_MODE_NFTABLES) verdict = firewallCheck(c, row);
  else if (first) verdict = row.serviceMode === SERVICE_MODE_IPVS ? admitIpvs(c, row, from) : admitCilium(c, row, from);
  if (verdict === PASS) return true;
  if (REASONS[verdict].verdict !== "REJECTED") c.drop(verdict, row.id, STAGE_FILTER);
  // The address that the sender used is the node's here: the error comes from it.
  else c.reject(verdict, row.id, STAGE_FILTER, c.p.dst, ICMP_UNREACHABLE, CODE_PORT_UNREACHABLE, 0);
  noteRefused(c, row, from);
  return false;
}

/** Adds to the decision which service's packet was refused, where it is one's. */
export function noteRefused(c: Context, row: NodeRow, from: number): void {
  if (c.decision === null) return;
  const frontend = frontendOf(c, row, from);
  if (frontend >= 0) c.because(RULE_SERVICE, serviceOf(frontend), c.p.dst, c.p.dport, kindOf(frontend));
}

/**
 * kube-proxy's filter rules in INPUT, FORWARD and OUTPUT, for a NEW packet that was not translated. The other modes have
 * refused what they refuse by then ({@link admitNew}).
 *
 * @param input the packet is for the node itself
 * @returns why it goes no further, or PASS
 */
export function filterNew(c: Context, row: NodeRow, input: boolean, from: number): Verdict {
  return row.serviceMode >= SERVICE_MODE_IPVS ? PASS : filterKubeProxy(c, row, input, from);
}
