import { DEVICE_HOST, type EniRow, type Row, type TransitAttachmentRow } from "../../plane/rows.ts";
import { formatAddress } from "../../plane/wire/address.ts";
import type { Names } from "../names.ts";
import { cidrText, containsAddress } from "../vpc/cidr.ts";
import { nearestAddress, nearestBlock, notIn } from "./addresses.ts";
import { addressName } from "./packetText.ts";
import type { NearMiss, Refusal } from "./refusal.ts";

type Rows = ReadonlyMap<string, Row>;

/** The route of the table that misses the destination by the fewest bits. */
export function nearVpcRoute(r: Refusal, rows: Rows, names: Names): NearMiss | null {
  const routes = [...rows.values()].flatMap((row) =>
    row.t === "vpcRoute" && row.routeTable === r.routeTable ? [row] : [],
  );
  const near = nearestBlock(routes, r.dst);
  if (near === null) return null;
  return {
    rule: `route table ${names.routeTable(r.routeTable)} ${cidrText(near)}`,
    differs: [notIn(`destination ${addressName(r.dst, names)}`, near)],
  };
}

/** The route of a transit gateway's table that misses the destination by the fewest bits. */
export function nearTransitRoute(r: Refusal, rows: Rows, names: Names): NearMiss | null {
  const attachment = [...rows.values()].find(
    (row): row is TransitAttachmentRow => row.t === "transitAttachment" && row.id === r.transitAttachment,
  );
  if (attachment === undefined) return null;
  const routes = [...rows.values()].flatMap((row) =>
    row.t === "transitRoute" && row.routeTable === attachment.routeTable ? [row] : [],
  );
  const near = nearestBlock(routes, r.dst);
  if (near === null) return null;
  return {
    rule: `route table of ${names.transitAttachment(r.transitAttachment)} ${cidrText(near)}`,
    differs: [notIn(`destination ${addressName(r.dst, names)}`, near)],
  };
}

/** An address of the VPC that the destination may have been mistaken for. */
export function nearAssigned(r: Refusal, rows: Rows, names: Names): NearMiss | null {
  const addresses: number[] = [];
  for (const row of rows.values())
    if ((row.t === "device" && row.eni >= 0) || row.t === "eni") addresses.push(row.address);
  return nearestAddress(r.dst, addresses, names);
}

/** A host beyond the gateways with almost the address. */
export function nearOutside(r: Refusal, rows: Rows, names: Names): NearMiss | null {
  const addresses: number[] = [];
  for (const row of rows.values()) {
    if (row.t === "outside") addresses.push(row.address);
    if (row.t === "eni" && row.publicAddress !== 0) addresses.push(row.publicAddress);
  }
  return nearestAddress(r.dst, addresses, names);
}

/** The address that the sender's device has. */
export function nearOwnAddress(r: Refusal, rows: Rows, names: Names): NearMiss | null {
  const device = [...rows.values()].find((row) => row.t === "device" && row.id === r.device);
  if (device?.t !== "device") return null;
  const kind = device.kind === DEVICE_HOST ? "host" : "namespace";
  return {
    rule: `${names.device(r.device)} has ${formatAddress(device.address)}`,
    differs: [`source ${formatAddress(r.src)} is no address of this ${kind}`],
  };
}

/** The ENI that has the source of what another one was to send, or the destination of what came to another one. */
export function nearCheckedEni(r: Refusal, rows: Rows, names: Names): NearMiss | null {
  const asked = eniOf(r.eni, rows);
  const own = ownerOf(r.src, rows, asked?.vpc);
  const [what, owner, address] =
    own !== r.eni
      ? (["source", own, r.src] as const)
      : (["destination", ownerOf(r.dst, rows, asked?.vpc), r.dst] as const);
  if (owner < 0 || owner === r.eni) return null;
  return {
    rule: `${names.eni(owner)} has ${addressName(address, names)}`,
    differs: [`the ${what} came to ${names.eni(r.eni)}, not to ${names.eni(owner)}`],
  };
}

/** The address of the ENI that has a public one, where the source is another of its addresses; or an ENI that has one. */
export function nearPublicAddress(r: Refusal, rows: Rows, names: Names): NearMiss | null {
  const eni = eniOf(r.eni, rows);
  if (eni === undefined) return null;
  if (eni.publicAddress !== 0)
    return {
      rule: `eni/${names.eni(eni.id)} maps ${formatAddress(eni.address)} to ${formatAddress(eni.publicAddress)}`,
      differs: [`source ${addressName(r.src, names)} is not ${formatAddress(eni.address)}`],
    };
  for (const row of rows.values())
    if (row.t === "eni" && row.vpc === eni.vpc && row.publicAddress !== 0)
      return {
        rule: `eni/${names.eni(row.id)} has the public address ${formatAddress(row.publicAddress)}`,
        differs: [`the packet left by ${names.eni(eni.id)}, which has none`],
      };
  return null;
}

/** The block of the peering's other VPC that misses the destination by the fewest bits. */
export function nearPeered(r: Refusal, rows: Rows, names: Names): NearMiss | null {
  const peering = [...rows.values()].find((row) => row.t === "peering" && row.id === r.peering);
  if (peering?.t !== "peering") return null;
  const from = eniOf(r.eni, rows)?.vpc ?? peering.a;
  const other = peering.a === from ? peering.b : peering.a;
  const near = nearestBlock(
    [...rows.values()].flatMap((row) => (row.t === "subnet" && row.vpc === other ? [row] : [])),
    r.dst,
  );
  if (near === null) return null;
  return {
    rule: `subnet ${names.subnet(near.id)} beyond ${names.peering(r.peering)}, ${cidrText(near)}`,
    differs: [notIn(`destination ${addressName(r.dst, names)}`, near)],
  };
}

function eniOf(id: number, rows: Rows): EniRow | undefined {
  for (const row of rows.values()) if (row.t === "eni" && row.id === id) return row;
  return undefined;
}

/** The ENI of a VPC that has an address, or -1. */
function ownerOf(address: number, rows: Rows, vpc: number | undefined): number {
  let eni = -1;
  let length = -1;
  for (const row of rows.values()) {
    if (row.t === "eni" && row.vpc === vpc && row.address === address) return row.id;
    if (row.t !== "eniAddress" || row.vpc !== vpc || row.length <= length || !containsAddress(row, address)) continue;
    eni = row.eni;
    length = row.length;
  }
  return eni;
}
