import type { Refusal } from "../control/nearMiss/refusal.ts";
import * as I from "../plane/impair/impairmentRow.ts";
import { formatAddress } from "../plane/wire/address.ts";
import { namedAddress, portText } from "./explainText.ts";
import type { Change, NameSource } from "./explanation.ts";
import { type DropCode, REASON_ADVICE } from "./reasonAdvice.ts";

const PLACEHOLDER = /\{(\w+)\}/g;

/** What to change for a packet that was refused. */
export function adviceFor(refusal: Refusal, names: NameSource): Change {
  const { object, field, change } = REASON_ADVICE[adviceCode(refusal, names)];
  const values = placeholders(refusal, names);
  const fill = (text: string): string => text.replace(PLACEHOLDER, (whole, name: string) => values[name] ?? whole);
  return { object: fill(object), field: field === "" ? null : fill(field), text: fill(change) };
}

/**
 * The reason whose advice helps. A service's address that no rule of the node knew leaves the VPC like any other, and is
 * unknown there; what is missing is the service's port.
 */
function adviceCode(refusal: Refusal, names: NameSource): DropCode {
  const code = refusal.code as DropCode;
  const beyond = code === "OUTSIDE_UNREACHABLE" || code === "IGW_NO_PUBLIC_ADDRESS" || code === "VPC_NO_ROUTE";
  return beyond && names.byAddress(refusal.dst)?.startsWith("svc/") === true ? "SERVICE_PORT_UNKNOWN" : code;
}

/** A text with its placeholders in capitals, for the documentation. */
export function generalText(text: string): string {
  return text.replace(PLACEHOLDER, (_, name: string) => name.toUpperCase());
}

/** Values of all placeholders of reasonAdvice.ts; what is unknown is named by its kind. */
function placeholders(r: Refusal, names: NameSource): Record<string, string> {
  const node = r.node < 0 ? "the node" : `node/${names.node(r.node)}`;
  const groups = r.eni < 0 ? [] : names.eniGroups(r.eni);
  const isolating = r.device < 0 ? [] : names.isolatingPolicies(r.device, r.egress);
  const receiver = r.device < 0 ? (names.byAddress(r.dst) ?? "the pod") : names.device(r.device);
  return {
    source: namedAddress(r.src, names.byAddress(r.src)),
    destination: namedAddress(r.dst, names.byAddress(r.dst)),
    flow: portText(r.protocol, r.dport),
    port: portText(r.protocol, r.dport),
    node,
    sender: r.sender < 0 ? "the sender" : names.device(r.sender),
    receiverPod: receiver,
    eni: r.eni < 0 ? "the ENI" : `eni/${names.eni(r.eni)}`,
    service: serviceName(r, names),
    table: r.routeTable < 0 ? "of the subnet" : names.routeTable(r.routeTable),
    group: groups[0] ?? "of the ENI",
    groups: groups.length === 0 ? "none" : groups.join(", "),
    policies: isolating.length === 0 ? `the policies of ${receiver}` : isolating.join(", "),
    policy: r.policyRule < 0 ? "the cluster network policy" : names.policyRule(r.policyRule),
    acl: r.acl < 0 ? "of the subnet" : names.networkAcl(r.acl),
    nat: r.natGateway < 0 ? "the NAT gateway" : `natgateway/${names.natGateway(r.natGateway)}`,
    peering: r.peering < 0 ? "the peering" : `peering/${names.peering(r.peering)}`,
    attachment: r.transitAttachment < 0 ? "the transit gateway" : names.transitAttachment(r.transitAttachment),
    impairment: r.impairment < 0 ? "the impairment" : impaired(r.impairment, names),
    size: String(r.size),
    mtu: String(r.mtu),
  };
}

function serviceName(r: Refusal, names: NameSource): string {
  if (r.service >= 0) return names.service(r.service);
  return names.byAddress(r.dst) ?? `the service at ${formatAddress(r.dst)}`;
}

function impaired(point: number, names: NameSource): string {
  const { at, index } = I.pointOf(point);
  return at === I.AT_DEVICE ? names.device(index) : `eni/${names.eni(index)}`;
}
