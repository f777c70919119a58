import { Gateways } from "./fabric/gateways.ts";
import { NetworkAcls } from "./fabric/networkAcls.ts";
import { TARGET_BITS } from "./fabric/routeValue.ts";
import { SecurityGroups } from "./fabric/securityGroups.ts";
import { Lpm } from "./lpm/lpm.ts";
import { DEFAULT_NODE_CNI, type NodeCni, nodeCniOf } from "./nodeCni.ts";
import { PolicyTables } from "./policy/policyTables.ts";
import {
  DEVICE_POD,
  type DeviceRow,
  type EniRow,
  type LocalAddressRow,
  type NodeRow,
  type Patch,
  type Row,
  type SubnetRow,
  TARGET_NETWORK,
  type VpcRouteRow,
} from "./rows.ts";
import { Services } from "./services/services.ts";

/** What a node's main table says of an address; the low two bits of a value, the index is above. */
export const NEXT_POD = 0;
export const NEXT_LOCAL = 1;
/** By way of an ENI: the default route, by the primary ENI. */
export const NEXT_ENI = 2;
/** Values of the SNAT exemption table. */
export const EXEMPT_VPC = 0;
export const EXEMPT_EXCLUDED = 1;

/** Network of an {@link OutsideRow} that is the internet. */
const INTERNET = 0;

/** Small tables: a node has tens of routes. */
const NODE_DIRECT_BITS = 8;
/** Tables of a whole VPC: thousands of prefixes, few of them near each other. */
const VPC_DIRECT_BITS = 14;

const grow = (a: Int32Array<ArrayBuffer>, size: number): Int32Array<ArrayBuffer> => {
  if (a.length >= size) return a;
  const b = new Int32Array(Math.max(size, a.length * 2, 16)).fill(-1);
  b.set(a);
  return b;
};

/**
 * The tables that the plane forwards by: structs of arrays, filled from rows (rows.ts) and changed by patches between
 * two batches. Read-only for the forwarding code.
 */
export class Tables {
  generation = 0;

  deviceKind = new Int32Array(0);
  deviceNode = new Int32Array(0);
  deviceEni = new Int32Array(0);
  deviceAddress = new Int32Array(0);
  deviceMtu = new Int32Array(0);
  /** Network that a host outside the VPC belongs to, and the VPC whose gateway it reaches; -1 for other devices. */
  deviceNetwork = new Int32Array(0);
  deviceVpc = new Int32Array(0);
  /** 1: a pod with a branch ENI in strict mode. */
  deviceStrict = new Int32Array(0);

  eniNode = new Int32Array(0);
  eniDeviceNumber = new Int32Array(0);
  eniSubnet = new Int32Array(0);
  eniVpc = new Int32Array(0);
  eniAddress = new Int32Array(0);
  eniMtu = new Int32Array(0);
  eniPublic = new Int32Array(0);
  eniCheck = new Int32Array(0);
  eniHostDevice = new Int32Array(0);
  /** 1: a branch ENI, `vlan.eth.N` on its node. */
  eniBranch = new Int32Array(0);
  /** Pod whose strict branch ENI it is, or -1. */
  eniStrictPod = new Int32Array(0);

  subnetRouteTable = new Int32Array(0);
  subnetRouter = new Int32Array(0);

  readonly nodes: (NodeRow | null)[] = [];
  /** Main table and local table of each node in one: pods, the node's own addresses, default by the primary ENI. */
  readonly nodeRoutes: Lpm[] = [];
  readonly #nodeCni: NodeCni[] = [];
  /** Address of each node's own DNS that conntrack leaves alone; -1: none. */
  nodeUntracked = new Int32Array(0);
  /** Of each node's VPC resolver addresses, packets a second that an ENI may send there. */
  readonly resolverLimits: Lpm[] = [];

  /** The VPC's mapping service: address or prefix to ENI. */
  readonly mapping: Lpm[] = [];
  /** Destinations that a VPC's nodes do not source-translate. */
  readonly exempt: Lpm[] = [];
  /** Public addresses of all VPCs' internet gateways, to ENI. */
  readonly publicAddresses = new Lpm({ directBits: NODE_DIRECT_BITS });
  /** VPC route tables; value = target | argument << TARGET_BITS. */
  readonly routeTables: Lpm[] = [];
  /** Hosts beyond a gateway, by network: address to device. */
  readonly outside: Lpm[] = [];

  readonly services = new Services();
  readonly gateways = new Gateways();
  readonly securityGroups = new SecurityGroups();
  readonly networkAcls = new NetworkAcls();
  readonly policies = new PolicyTables();

  /** Applies a patch as a whole; rows that go are taken out before rows that come. */
  apply(patch: Patch): void {
    for (const row of patch.gone) this.#remove(row);
    for (const row of patch.put) this.#put(row);
    this.generation++;
  }

  /** Routes in all longest-prefix-match tables. */
  routeCount(): number {
    let n = this.publicAddresses.size + this.gateways.routeCount();
    for (const list of [this.nodeRoutes, this.mapping, this.exempt, this.routeTables, this.outside])
      for (const t of list) n += t.size;
    return n;
  }

  /** The VPC CNI's settings on a node. */
  cniOf(node: number): NodeCni {
    return this.#nodeCni[node] ?? DEFAULT_NODE_CNI;
  }

  #put(row: Row): void {
    if (this.gateways.put(row)) return;
    switch (row.t) {
      case "device":
        this.#putDevice(row);
        break;
      case "node":
        this.#putNode(row);
        break;
      case "nodeCni":
        while (this.#nodeCni.length < row.node) this.#nodeCni.push(DEFAULT_NODE_CNI);
        this.#nodeCni[row.node] = nodeCniOf(row);
        break;
      case "eni":
        this.#putEni(row);
        break;
      case "eniAddress":
        lpmAt(this.mapping, row.vpc, VPC_DIRECT_BITS).insert(row.prefix, row.length, row.eni);
        break;
      case "localAddress":
        this.#putLocalAddress(row);
        break;
      case "subnet":
        this.#putSubnet(row);
        break;
      case "vpcRoute":
        this.#putVpcRoute(row);
        break;
      case "snatExempt":
        lpmAt(this.exempt, row.vpc, NODE_DIRECT_BITS).insert(
          row.prefix,
          row.length,
          row.excluded ? EXEMPT_EXCLUDED : EXEMPT_VPC,
        );
        break;
      case "outside":
        lpmAt(this.outside, row.network, NODE_DIRECT_BITS).insert(row.address, 32, row.device);
        this.deviceNetwork = grow(this.deviceNetwork, row.device + 1);
        this.deviceVpc = grow(this.deviceVpc, row.device + 1);
        // The host of an AWS service is on the internet, too: the row of its own network comes behind that one.
        this.deviceNetwork[row.device] = row.network;
        this.deviceVpc[row.device] = row.vpc;
        break;
      case "service":
        this.services.put(row);
        break;
      case "securityGroup":
        this.securityGroups.put(row);
        break;
      case "eniGroups":
        this.securityGroups.putMembers(row);
        break;
      case "networkAcl":
        this.networkAcls.put(row);
        break;
      case "subnetAcl":
        this.networkAcls.putSubnet(row.subnet, row.acl);
        break;
      case "hostPort":
        this.services.putHostPort(row);
        break;
      case "policyPrefix":
        this.policies.put(row);
        break;
      case "podPolicy":
        this.policies.putPod(row);
        break;
    }
  }

  #remove(row: Row): void {
    if (this.gateways.remove(row)) return;
    switch (row.t) {
      case "device":
        this.#removeDevice(row.id);
        break;
      case "node":
        this.nodes[row.id] = null;
        this.nodeRoutes[row.id]?.delete(0, 0);
        this.services.removeNode(row.id);
        break;
      case "nodeCni":
        if (row.node < this.#nodeCni.length) this.#nodeCni[row.node] = DEFAULT_NODE_CNI;
        break;
      case "eni":
        this.#removeEni(row.id);
        break;
      case "eniAddress":
        deleteIf(this.mapping[row.vpc], row.prefix, row.length, row.eni);
        break;
      case "localAddress":
        deleteIf(this.nodeRoutes[row.node], row.address, 32, (row.eni << 2) | NEXT_LOCAL);
        this.#removeLocalAddress(row);
        break;
      case "subnet":
        this.subnetRouteTable[row.id] = -1;
        this.gateways.removeSubnet(row.id);
        break;
      case "vpcRoute":
        this.routeTables[row.routeTable]?.delete(row.prefix, row.length);
        this.gateways.removeVpcRoute(row);
        break;
      case "snatExempt":
        this.exempt[row.vpc]?.delete(row.prefix, row.length);
        break;
      case "outside":
        deleteIf(this.outside[row.network], row.address, 32, row.device);
        if (this.deviceNetwork[row.device] === row.network) {
          const stays = this.outside[INTERNET]?.lookup(row.address) === row.device;
          this.deviceNetwork[row.device] = stays ? INTERNET : -1;
        }
        break;
      case "service":
        this.services.remove(row.id);
        break;
      case "securityGroup":
        this.securityGroups.remove(row.id);
        break;
      case "eniGroups":
        this.securityGroups.removeMembers(row.eni);
        break;
      case "networkAcl":
        this.networkAcls.remove(row.id);
        break;
      case "subnetAcl":
        this.networkAcls.removeSubnet(row.subnet, row.acl);
        break;
      case "hostPort":
        this.services.removeHostPort(row);
        break;
      case "policyPrefix":
        this.policies.remove(row);
        break;
      case "podPolicy":
        this.policies.removePod(row.device);
        break;
    }
  }

  #putLocalAddress(row: LocalAddressRow): void {
    const { address, node } = row;
    this.#removeLocalAddress(row);
    this.#routes(node).insert(address, 32, (row.eni << 2) | NEXT_LOCAL);
    if (row.untracked) this.nodeUntracked[node] = address;
    if (row.limit !== undefined) lpmAt(this.resolverLimits, node, NODE_DIRECT_BITS).insert(address, 32, row.limit);
  }

  /** What is special about a local address; its route is left alone. */
  #removeLocalAddress({ address, node }: LocalAddressRow): void {
    this.nodeUntracked = grow(this.nodeUntracked, node + 1);
    if (this.nodeUntracked[node] === address) this.nodeUntracked[node] = -1;
    lpmAt(this.resolverLimits, node, NODE_DIRECT_BITS).delete(address, 32);
  }

  #putDevice(row: DeviceRow): void {
    const size = row.id + 1;
    this.deviceKind = grow(this.deviceKind, size);
    this.deviceNode = grow(this.deviceNode, size);
    this.deviceEni = grow(this.deviceEni, size);
    this.deviceAddress = grow(this.deviceAddress, size);
    this.deviceMtu = grow(this.deviceMtu, size);
    this.deviceNetwork = grow(this.deviceNetwork, size);
    this.deviceVpc = grow(this.deviceVpc, size);
    this.deviceStrict = grow(this.deviceStrict, size);
    if (this.deviceKind[row.id] > 0) this.#removeDevice(row.id);
    this.deviceKind[row.id] = row.kind;
    this.deviceNode[row.id] = row.node;
    this.deviceEni[row.id] = row.eni;
    this.deviceAddress[row.id] = row.address;
    this.deviceMtu[row.id] = row.mtu;
    this.deviceStrict[row.id] = row.strict === true ? 1 : 0;
    if (row.strict === true) {
      // Table main knows nothing of the pod: the node itself reaches it by the VPC.
      this.eniStrictPod = grow(this.eniStrictPod, row.eni + 1);
      this.eniStrictPod[row.eni] = row.id;
    } else if (row.kind === DEVICE_POD) this.#routes(row.node).insert(row.address, 32, (row.id << 2) | NEXT_POD);
  }

  #removeDevice(id: number): void {
    if (this.deviceKind[id] === DEVICE_POD)
      deleteIf(this.nodeRoutes[this.deviceNode[id]], this.deviceAddress[id], 32, (id << 2) | NEXT_POD);
    const eni = this.deviceEni[id];
    if (this.deviceStrict[id] === 1 && this.eniStrictPod[eni] === id) this.eniStrictPod[eni] = -1;
    this.deviceKind[id] = -1;
  }

  #putNode(row: NodeRow): void {
    while (this.nodes.length <= row.id) this.nodes.push(null);
    this.nodes[row.id] = row;
    lpmAt(this.exempt, row.vpc, NODE_DIRECT_BITS);
    this.#routes(row.id).insert(0, 0, (row.primaryEni << 2) | NEXT_ENI);
  }

  #putEni(row: EniRow): void {
    const size = row.id + 1;
    this.eniNode = grow(this.eniNode, size);
    this.eniDeviceNumber = grow(this.eniDeviceNumber, size);
    this.eniSubnet = grow(this.eniSubnet, size);
    this.eniVpc = grow(this.eniVpc, size);
    this.eniAddress = grow(this.eniAddress, size);
    this.eniMtu = grow(this.eniMtu, size);
    this.eniPublic = grow(this.eniPublic, size);
    this.eniCheck = grow(this.eniCheck, size);
    this.eniHostDevice = grow(this.eniHostDevice, size);
    this.eniBranch = grow(this.eniBranch, size);
    this.eniStrictPod = grow(this.eniStrictPod, size);
    if (this.eniMtu[row.id] > 0) this.#removeEni(row.id);
    this.eniNode[row.id] = row.node;
    this.eniDeviceNumber[row.id] = row.deviceNumber;
    this.eniSubnet[row.id] = row.subnet;
    this.eniVpc[row.id] = row.vpc;
    this.eniAddress[row.id] = row.address;
    this.eniMtu[row.id] = row.mtu;
    this.eniPublic[row.id] = row.publicAddress;
    this.eniCheck[row.id] = row.sourceDestCheck ? 1 : 0;
    this.eniHostDevice[row.id] = row.hostDevice;
    this.eniBranch[row.id] = row.branch === true ? 1 : 0;
    lpmAt(this.mapping, row.vpc, VPC_DIRECT_BITS).insert(row.address, 32, row.id);
    if (row.publicAddress !== 0) this.publicAddresses.insert(row.publicAddress, 32, row.id);
    if (row.node >= 0 && row.branch !== true) {
      this.#routes(row.node).insert(row.address, 32, (row.id << 2) | NEXT_LOCAL);
    }
  }

  #removeEni(id: number): void {
    const vpc = this.eniVpc[id];
    deleteIf(this.mapping[vpc], this.eniAddress[id], 32, id);
    if (this.eniPublic[id] !== 0) deleteIf(this.publicAddresses, this.eniPublic[id], 32, id);
    const node = this.eniNode[id];
    if (node >= 0) {
      deleteIf(this.nodeRoutes[node], this.eniAddress[id], 32, (id << 2) | NEXT_LOCAL);
    }
    this.eniMtu[id] = -1;
  }

  #putSubnet(row: SubnetRow): void {
    this.subnetRouteTable = grow(this.subnetRouteTable, row.id + 1);
    this.subnetRouter = grow(this.subnetRouter, row.id + 1);
    this.subnetRouteTable[row.id] = row.routeTable;
    this.subnetRouter[row.id] = (row.prefix + 1) | 0;
    this.gateways.putSubnet(row);
    lpmAt(this.mapping, row.vpc, VPC_DIRECT_BITS);
    lpmAt(this.exempt, row.vpc, NODE_DIRECT_BITS);
    lpmAt(this.routeTables, row.routeTable, NODE_DIRECT_BITS);
  }

  #putVpcRoute(row: VpcRouteRow): void {
    lpmAt(this.routeTables, row.routeTable, NODE_DIRECT_BITS).insert(
      row.prefix,
      row.length,
      row.target | (row.arg << TARGET_BITS),
    );
    this.gateways.putVpcRoute(row);
    // A network without a host still has a table, so that the lookup needs no check.
    if (row.target === TARGET_NETWORK) lpmAt(this.outside, row.arg, NODE_DIRECT_BITS);
  }

  #routes(node: number): Lpm {
    return lpmAt(this.nodeRoutes, node, NODE_DIRECT_BITS);
  }
}

/** The table at an index, made with all before it where they are missing. */
function lpmAt(list: Lpm[], index: number, directBits: number): Lpm {
  while (list.length <= index) list.push(new Lpm({ directBits }));
  return list[index];
}

/** Removes a route only while it still points where the leaving row pointed: its address may belong to another now. */
function deleteIf(lpm: Lpm | undefined, prefix: number, length: number, value: number): void {
  if (lpm !== undefined && lpm.get(prefix, length) === value) lpm.delete(prefix, length);
}
