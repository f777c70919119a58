import { LPM_MISS, Lpm } from "../lpm/lpm.ts";
import type {
  NatGatewayRow,
  NetworkRow,
  PeeringRow,
  Row,
  SubnetRow,
  TransitAttachmentRow,
  TransitRouteRow,
  VpcRouteRow,
} from "../rows.ts";
import { TARGET_LOCAL } from "../rows.ts";

const NONE = -1;
/** Transit gateways have tens of routes, VPCs a few local ones. */
const DIRECT_BITS = 8;
/** MTU of a network whose row is missing: what goes by an internet gateway or a VPN (EC2 User Guide, "Network MTU"). */
const NETWORK_MTU = 1500;

const grow = (a: Int32Array<ArrayBuffer>, size: number): Int32Array<ArrayBuffer> => {
  if (a.length >= size) return a;
  const b = new Int32Array(Math.max(size, a.length * 2, 16)).fill(NONE);
  b.set(a);
  return b;
};

/** What the VPC's gateways forward by, from their rows; read-only for the forwarding code. */
export class Gateways {
  /** VPC of each subnet; of one that is gone, too: its ENIs may be about to go. */
  subnetVpc = new Int32Array(0);
  /** Route table of each subnet; -1: it is gone. */
  #subnetTable = new Int32Array(0);

  /** ENI of each NAT gateway; -1: it is gone. */
  natEni = new Int32Array(0);
  /** NAT gateway of an ENI. */
  #eniNat = new Int32Array(0);

  peeringA = new Int32Array(0);
  peeringB = new Int32Array(0);
  /** 0: the peering is gone. */
  peeringMtu = new Int32Array(0);

  attachmentVpc = new Int32Array(0);
  attachmentNetwork = new Int32Array(0);
  attachmentSubnet = new Int32Array(0);
  /** -1: not associated, or gone. */
  attachmentTable = new Int32Array(0);
  /** Transit gateway route tables; value = attachment + 1, 0: blackhole. */
  readonly transitTables: Lpm[] = [];

  /** Transit gateway attachment of a network beyond the VPCs. */
  #networkAttachment = new Int32Array(0);
  #networkMtu = new Int32Array(0);

  /** The local routes of each route table: the blocks of its VPC. */
  readonly #local: Lpm[] = [];

  /** @returns false when the row is none of a gateway's */
  put(row: Row): boolean {
    switch (row.t) {
      case "natGateway":
        this.#putNat(row);
        return true;
      case "peering":
        this.#putPeering(row);
        return true;
      case "transitAttachment":
        this.#putAttachment(row);
        return true;
      case "transitRoute":
        this.#putTransitRoute(row);
        return true;
      case "network":
        this.#putNetwork(row);
        return true;
      default:
        return false;
    }
  }

  /** @returns false when the row is none of a gateway's */
  remove(row: Row): boolean {
    switch (row.t) {
      case "natGateway":
        if (this.#eniNat[this.natEni[row.id]] === row.id) this.#eniNat[this.natEni[row.id]] = NONE;
        this.natEni[row.id] = NONE;
        return true;
      case "peering":
        this.peeringMtu[row.id] = 0;
        return true;
      case "transitAttachment":
        this.attachmentTable[row.id] = NONE;
        this.attachmentSubnet[row.id] = NONE;
        this.attachmentNetwork[row.id] = NONE;
        return true;
      case "transitRoute":
        this.transitTables[row.routeTable]?.delete(row.prefix, row.length);
        return true;
      case "network":
        this.#networkAttachment[row.id] = NONE;
        this.#networkMtu[row.id] = NONE;
        return true;
      default:
        return false;
    }
  }

  putSubnet(row: SubnetRow): void {
    this.subnetVpc = grow(this.subnetVpc, row.id + 1);
    this.#subnetTable = grow(this.#subnetTable, row.id + 1);
    this.subnetVpc[row.id] = row.vpc;
    this.#subnetTable[row.id] = row.routeTable;
    tableAt(this.#local, row.routeTable);
  }

  removeSubnet(id: number): void {
    this.#subnetTable[id] = NONE;
  }

  putVpcRoute(row: VpcRouteRow): void {
    const local = tableAt(this.#local, row.routeTable);
    if (row.target === TARGET_LOCAL) local.insert(row.prefix, row.length, 0);
    else local.delete(row.prefix, row.length);
  }

  removeVpcRoute(row: VpcRouteRow): void {
    this.#local[row.routeTable]?.delete(row.prefix, row.length);
  }

  /** NAT gateway whose ENI this is, or -1. */
  natOf(eni: number): number {
    return eni < this.#eniNat.length ? this.#eniNat[eni] : NONE;
  }

  /** Whether an address is in a CIDR block of a VPC, by the local routes of one of its subnets. */
  isOwn(vpc: number, address: number): boolean {
    for (let subnet = 0; subnet < this.subnetVpc.length; subnet++) {
      const table = this.subnetVpc[subnet] === vpc ? this.#subnetTable[subnet] : NONE;
      if (table !== NONE) return this.#local[table].lookup(address) !== LPM_MISS;
    }
    return false;
  }

  /** Transit gateway attachment of a network, or -1. */
  attachmentOf(network: number): number {
    return network < this.#networkAttachment.length ? this.#networkAttachment[network] : NONE;
  }

  /** Largest packet to a network, in bytes. */
  networkMtu(network: number): number {
    const mtu = network < this.#networkMtu.length ? this.#networkMtu[network] : NONE;
    return mtu > 0 ? mtu : NETWORK_MTU;
  }

  /** Routes in the transit gateways' tables. */
  routeCount(): number {
    let n = 0;
    for (const table of this.transitTables) n += table.size;
    return n;
  }

  #putNat(row: NatGatewayRow): void {
    this.natEni = grow(this.natEni, row.id + 1);
    this.#eniNat = grow(this.#eniNat, row.eni + 1);
    const before = this.natEni[row.id];
    if (before !== NONE && this.#eniNat[before] === row.id) this.#eniNat[before] = NONE;
    this.natEni[row.id] = row.eni;
    this.#eniNat[row.eni] = row.id;
  }

  #putPeering(row: PeeringRow): void {
    this.peeringA = grow(this.peeringA, row.id + 1);
    this.peeringB = grow(this.peeringB, row.id + 1);
    this.peeringMtu = grow(this.peeringMtu, row.id + 1);
    this.peeringA[row.id] = row.a;
    this.peeringB[row.id] = row.b;
    this.peeringMtu[row.id] = row.mtu;
  }

  #putAttachment(row: TransitAttachmentRow): void {
    this.attachmentVpc = grow(this.attachmentVpc, row.id + 1);
    this.attachmentNetwork = grow(this.attachmentNetwork, row.id + 1);
    this.attachmentSubnet = grow(this.attachmentSubnet, row.id + 1);
    this.attachmentTable = grow(this.attachmentTable, row.id + 1);
    this.attachmentVpc[row.id] = row.vpc;
    this.attachmentNetwork[row.id] = row.network;
    this.attachmentSubnet[row.id] = row.subnet;
    this.attachmentTable[row.id] = row.routeTable;
    if (row.routeTable >= 0) tableAt(this.transitTables, row.routeTable);
  }

  #putTransitRoute(row: TransitRouteRow): void {
    tableAt(this.transitTables, row.routeTable).insert(row.prefix, row.length, row.attachment + 1);
  }

  #putNetwork(row: NetworkRow): void {
    this.#networkAttachment = grow(this.#networkAttachment, row.id + 1);
    this.#networkMtu = grow(this.#networkMtu, row.id + 1);
    this.#networkAttachment[row.id] = row.attachment;
    this.#networkMtu[row.id] = row.mtu;
  }
}

/** The table at an index, made with all before it where they are missing. */
function tableAt(list: Lpm[], index: number): Lpm {
  while (list.length <= index) list.push(new Lpm({ directBits: DIRECT_BITS }));
  return list[index];
}
