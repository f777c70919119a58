import * as D from "../plane/decision.ts";
import {
  TARGET_BLACKHOLE,
  TARGET_ENI,
  TARGET_INTERNET_GATEWAY,
  TARGET_LOCAL,
  TARGET_NAT_GATEWAY,
  TARGET_NETWORK,
  TARGET_PEERING,
  TARGET_TRANSIT_GATEWAY,
} from "../plane/rows.ts";
import { formatAddress } from "../plane/wire/address.ts";
import { socketText, type Tuple, tupleText } from "./explainEnds.ts";
import { cidrText, nextBest } from "./explainText.ts";

/** Names of the VPC's gateways; control's Names is one. */
export interface GatewayNames {
  eni(index: number): string;
  natGateway(index: number): string;
  peering(index: number): string;
  /** A transit gateway's attachment, with its gateway: `tgw/office`. */
  transitAttachment(index: number): string;
}

/** Whether a step is a gateway's, which {@link gatewayName} and {@link gatewayDetail} know. */
export function isGateway(kind: number): boolean {
  return kind === D.RULE_NAT_GATEWAY || kind === D.RULE_PEERING || kind === D.RULE_TRANSIT;
}

/** @param i a step of a gateway */
export function gatewayName(d: D.Decision, i: number, names: GatewayNames): string {
  if (d.ruleKind[i] === D.RULE_NAT_GATEWAY) return names.natGateway(d.rule[i]);
  return d.ruleKind[i] === D.RULE_PEERING ? names.peering(d.rule[i]) : names.transitAttachment(d.rule[i]);
}

/** What a gateway did with a packet. @param i a step of a gateway @param packet before the step */
export function gatewayDetail(d: D.Decision, i: number, packet: Tuple, names: GatewayNames): string {
  const socket = (address: number, port: number): string => socketText(packet.protocol, address, port);
  const ends = `${socket(d.a[i], d.b[i])} -> ${socket(d.c[i], d.d[i])}`;
  if (d.ruleKind[i] === D.RULE_PEERING) return `to the other VPC, at most ${d.c[i]} bytes`;
  if (d.ruleKind[i] === D.RULE_TRANSIT) {
    const to = d.d[i] < 0 ? "blackhole" : names.transitAttachment(d.d[i]);
    return `${cidrText(d.a[i], d.b[i])} -> ${to}${nextBest(d.a[i], d.e[i])}`;
  }
  switch (d.action[i]) {
    case D.ACT_SNAT:
      return `source ${ends}, destination ${socket(packet.dst, packet.dport)} stays${d.e[i] === 1 ? "; new connection, port drawn at random" : ""}`;
    case D.ACT_RESET:
      return `TCP reset ${ends}`;
    default:
      return `stored translation: ${tupleText(packet)} is now ${ends}`;
  }
}

/** Where a route of a VPC's route table leads. @param i a step with ACT_ROUTE of STAGE_VPC_ROUTE */
export function routeTarget(d: D.Decision, i: number, names: GatewayNames): string {
  const arg = d.e[i];
  switch (d.d[i]) {
    case TARGET_LOCAL:
      return "local";
    case TARGET_INTERNET_GATEWAY:
      return "internet gateway";
    case TARGET_BLACKHOLE:
      return "blackhole";
    case TARGET_NETWORK:
      return "network beyond the VPC";
    case TARGET_NAT_GATEWAY:
      return `NAT gateway ${names.natGateway(arg)}`;
    case TARGET_PEERING:
      return `peering ${names.peering(arg)}`;
    case TARGET_TRANSIT_GATEWAY:
      return `transit gateway, attachment ${names.transitAttachment(arg)}`;
    case TARGET_ENI:
      return `ENI ${names.eni(arg)}`;
    default:
      return String(d.d[i]);
  }
}

/** Source/destination check at an ENI. @param i a step with RULE_ENI */
export function eniDetail(d: D.Decision, i: number): string {
  if (d.c[i] === 0) return "its source/destination check is off";
  return d.stage[i] === D.STAGE_ENI_OUT
    ? `source/destination check: ${formatAddress(d.a[i])} belongs to the ENI`
    : `${formatAddress(d.b[i])} is an address of the ENI`;
}
