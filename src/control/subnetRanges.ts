import { hostEniName, hostName, natGatewayEniName } from "./entityNames.ts";
import type { LabEni } from "./labEni.ts";
import { addressAt, type Cidr, cidrSize, cidrText } from "./vpc/cidr.ts";
import { PREFIX_LENGTH, PREFIX_SIZE } from "./vpc/instanceTypes.ts";
import { addressRefusal, type SubnetAddresses } from "./vpc/subnet.ts";

/**
 * What a range of a subnet is to its owner. `host` is one outside the cluster or a NAT gateway, `reserved` means by EC2, `other` is an ENI
 * that no node has at the moment: on its way to a node or from it.
 */
export type SubnetRangeKind = "reserved" | "primary" | "secondary" | "prefix" | "host" | "other";

/** Addresses of a subnet that somebody has. */
export interface SubnetRangeView {
  /** `10.0.1.16/28`, `10.0.1.4/32` */
  readonly cidrBlock: string;
  readonly kind: SubnetRangeKind;
  /** `node-1/eth0`, `rds/eth0`, `EC2`; the id of an ENI that no node has. */
  readonly owner: string;
}

export interface SubnetReservationView {
  readonly cidrBlock: string;
  readonly type: "prefix" | "explicit";
}

/** What of a ClusterState says who has a subnet's addresses: it names ENIs by their ids and hosts by `host/rds`. */
interface Owners {
  readonly subnets: ReadonlyMap<string, SubnetAddresses>;
  readonly nodes: readonly { readonly enis: readonly Pick<LabEni, "id" | "name" | "address">[] }[];
  readonly hosts: readonly { readonly spec: { readonly name: string } }[];
  readonly natGateways: readonly { readonly spec: { readonly name: string } }[];
}

const EC2 = "EC2";
const ADDRESS_LENGTH = 32;

/** Who has which addresses of a subnet, EC2's own first, the others in the order of the addresses. */
export function subnetRanges(state: Owners, subnet: string): SubnetRangeView[] {
  const addresses = state.subnets.get(subnet);
  if (addresses === undefined) return [];
  const enis = new Map(state.nodes.flatMap((node) => node.enis.map((eni) => [eni.id, eni] as const)));
  const hosts = new Map([
    ...state.hosts.map(({ spec }) => [hostName(spec.name), hostEniName(spec.name)] as const),
    ...state.natGateways.map(({ spec }) => [natGatewayEniName(spec.name), natGatewayEniName(spec.name)] as const),
  ]);
  const views: SubnetRangeView[] = reservedRanges(addresses.cidr);
  for (const range of addresses.owners()) {
    const cidrBlock = cidrText(range);
    const eni = enis.get(range.owner);
    const host = hosts.get(range.owner);
    if (eni !== undefined) {
      const single = range.prefix === eni.address ? "primary" : "secondary";
      views.push({ cidrBlock, kind: range.length === PREFIX_LENGTH ? "prefix" : single, owner: eni.name });
    } else if (host !== undefined) views.push({ cidrBlock, kind: "host", owner: host });
    else views.push({ cidrBlock, kind: range.length === PREFIX_LENGTH ? "prefix" : "other", owner: range.owner });
  }
  return views;
}

export function subnetReservations(state: Pick<Owners, "subnets">, subnet: string): SubnetReservationView[] {
  const reservations = state.subnets.get(subnet)?.reservations ?? [];
  return reservations.map(({ cidr, type }) => ({ cidrBlock: cidrText(cidr), type }));
}

/** The addresses that EC2 keeps are in the subnet's first block, and its last one. */
function reservedRanges(cidr: Cidr): SubnetRangeView[] {
  const offsets = new Set([...Array(PREFIX_SIZE).keys(), cidrSize(cidr) - 1]);
  return [...offsets]
    .map((offset) => addressAt(cidr, offset))
    .filter((address) => addressRefusal(cidr, address) === "reserved")
    .map((prefix) => ({ cidrBlock: cidrText({ prefix, length: ADDRESS_LENGTH }), kind: "reserved", owner: EC2 }));
}
