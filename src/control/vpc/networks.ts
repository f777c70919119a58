import type { Lab } from "../objects/lab.ts";
import { type Cidr, toCidr } from "./cidr.ts";
import { vpcIndex } from "./labVpcs.ts";

type NetworkKind = Lab["spec"]["networks"][number]["kind"];

/** What lies beyond the VPCs. Index 0 is the internet, whether the lab names it or not. */
export interface Network {
  readonly index: number;
  readonly name: string;
  readonly kind: NetworkKind;
  readonly cidrs: readonly Cidr[];
  /** Gateway that route tables name. */
  readonly target: string;
  /** Index of the VPC whose own gateway leads to it. */
  readonly vpc: number;
  /** Its transit gateway attachment ({@link attachmentKey}); null: it has none. */
  readonly attachment: string | null;
  /** Largest packet of its link to the gateway, in bytes. */
  readonly mtu: number;
}

export const INTERNET_GATEWAY = "igw";
const DEFAULT_GATEWAY = "tgw";
/** What internet gateways and VPN connections carry (EC2 user guide, "Network MTU for your EC2 instance"). */
const GATEWAY_MTU = 1500;
/** Gateway endpoints are of the VPC: they carry what it carries. */
const VPC_MTU = 9001;
const CLUSTER_VPC = 0;
const EVERYWHERE: Cidr = { prefix: 0, length: 0 };

/** The name of a transit gateway's attachment or route table that no other gateway's has. */
export function attachmentKey(gateway: string, name: string): string {
  return `${gateway}/${name}`;
}

interface NetworkAttachment {
  readonly gateway: string;
  readonly key: string;
}

function attachmentsOfNetworks(lab: Lab): Map<string, NetworkAttachment> {
  const found = new Map<string, NetworkAttachment>();
  for (const gateway of lab.spec.transitGateways)
    for (const { name, network } of gateway.attachments)
      if (network !== undefined && !found.has(network))
        found.set(network, { gateway: gateway.name, key: attachmentKey(gateway.name, name) });
  return found;
}

/** Index of the VPC that an AWS service has a gateway endpoint in; the cluster's where it has none. */
function endpointVpc(lab: Lab, network: string): number {
  const others = lab.spec.vpcs.findIndex((vpc) => vpc.vpcEndpoints.some((e) => e.network === network));
  const own = lab.spec.vpc.vpcEndpoints.some((e) => e.network === network);
  return own || others < 0 ? CLUSTER_VPC : others + 1;
}

function defaultTarget(kind: NetworkKind, attachment: NetworkAttachment | undefined): string {
  if (kind !== "onPremises") return INTERNET_GATEWAY;
  return attachment?.gateway ?? DEFAULT_GATEWAY;
}

/** The lab's networks with their indices: the internet first, the others numbered in the order they stand. */
export function labNetworks(lab: Lab): Network[] {
  const attachments = attachmentsOfNetworks(lab);
  const written = lab.spec.networks.map((n) => {
    const attachment = attachments.get(n.name);
    return {
      name: n.name,
      kind: n.kind,
      cidrs: n.cidrBlocks.map(toCidr),
      target: n.target ?? defaultTarget(n.kind, attachment),
      vpc: n.kind === "awsService" ? endpointVpc(lab, n.name) : Math.max(CLUSTER_VPC, vpcIndex(lab, n.vpc ?? "")),
      attachment: attachment?.key ?? null,
      mtu: n.mtu ?? (n.kind === "awsService" ? VPC_MTU : GATEWAY_MTU),
    };
  });
  const internet = written.find((n) => n.kind === "internet") ?? {
    name: "internet",
    kind: "internet" as const,
    cidrs: [EVERYWHERE],
    target: INTERNET_GATEWAY,
    vpc: CLUSTER_VPC,
    attachment: null,
    mtu: GATEWAY_MTU,
  };
  return [internet, ...written.filter((n) => n.kind !== "internet")].map((n, index) => ({ ...n, index }));
}
