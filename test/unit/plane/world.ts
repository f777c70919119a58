import { rowKey } from "../../../src/control/rowKey.ts";
import * as R from "../../../src/plane/rows.ts";
import { parseCidr } from "../../../src/plane/wire/address.ts";
import type { Dice } from "./dice.ts";
import { ip } from "./packets.ts";
import { nodePort, serviceRow } from "./serviceRow.ts";

/**
 * A random cluster that changes: every step rolls some of its parts anew, and its rows are what the parts give as far
 * as they fit together. So addresses, prefixes, ports and devices move between owners all the time.
 */

const NODES = 3;
const SECONDARY_ENIS = 4;
const PODS = 12;
const PREFIXES = 8;
const VPC_HOSTS = 2;
const OUTSIDE_HOSTS = 3;
const SERVICES = 6;
const SUBNETS = 3;
const TABLES = 2;
const GROUPS = 3;
const ACLS = 2;
const CHANGE = 0.15;

// Device numbers: node hosts, pods, hosts of the VPC, hosts outside.
const POD0 = NODES;
const VPC_HOST0 = POD0 + PODS;
const OUTSIDE0 = VPC_HOST0 + VPC_HOSTS;
export const DEVICES = OUTSIDE0 + OUTSIDE_HOSTS;
const HOST_ENI0 = NODES + SECONDARY_ENIS;
const ENIS = HOST_ENI0 + VPC_HOSTS;

const cidr = (text: string): { prefix: number; length: number } => {
  const c = parseCidr(text);
  if (c === null) throw new Error(text);
  return { prefix: c.prefix, length: c.length };
};

const podAddress = (prefix: number, index: number): number =>
  ip(`10.0.${prefix % SUBNETS}.${64 + prefix * 16 + index}`);
const ROUTES = ["10.0.0.0/16", "0.0.0.0/0", "192.168.0.0/16", "10.0.2.0/24", "198.18.0.0/15"].map(cidr);
const EXEMPT = ["10.0.0.0/16", "192.168.0.0/16", "203.0.113.0/24"].map(cidr);
const PUBLIC = ["198.51.100.1", "198.51.100.2", "198.51.100.3"].map(ip);
const SERVICE_ADDRESSES = ["172.20.0.1", "172.20.0.2", "172.20.0.3"].map(ip);
const OUTSIDE = ["203.0.113.1", "203.0.113.2", "192.168.7.7", "192.168.7.8"].map(ip);

/** Destinations that say something about the tables. */
export const DESTINATIONS = [
  ...SERVICE_ADDRESSES,
  ...PUBLIC,
  ...OUTSIDE,
  ip("198.18.0.1"),
  ip("127.0.0.1"),
  ...Array.from({ length: PREFIXES }, (_, i) => [podAddress(i, 0), podAddress(i, 1), podAddress(i, 9)]).flat(),
  ...Array.from({ length: ENIS }, (_, i) => [eniAddress(i, 0), eniAddress(i, 1), eniAddress(i, 2)]).flat(),
];

function eniAddress(eni: number, subnet: number): number {
  return ip(`10.0.${subnet}.${10 + eni}`);
}

type Part = (dice: Dice) => void;

export class World {
  readonly #dice: Dice;
  readonly #parts: Part[] = [];
  readonly #nodes: {
    there: boolean;
    mode: R.NodeRow["serviceMode"];
    snat: number;
    all: boolean;
    cidr: boolean;
    cni: Omit<R.NodeCniRow, "t" | "node"> | null;
  }[] = [];
  readonly #enis: {
    there: boolean;
    node: number;
    number: number;
    subnet: number;
    pub: number;
    check: boolean;
    mtu: number;
  }[] = [];
  readonly #owners: number[] = [];
  readonly #pods: { there: boolean; prefix: number; index: number; mtu: number }[] = [];
  readonly #outside: { there: boolean; address: number; network: number }[] = [];
  readonly #services: { there: boolean; row: R.ServiceRow }[] = [];
  readonly #subnets: number[] = [];
  readonly #routes: (R.VpcRouteRow | null)[] = [];
  readonly #exempt: (R.SnatExemptRow | null)[] = [];
  readonly #groups: (R.SecurityGroupRow | null)[] = [];
  /** Groups of each ENI; null: it is not filtered. */
  readonly #members: (number[] | null)[] = [];
  readonly #acls: (R.NetworkAclRow | null)[] = [];
  readonly #subnetAcls: (R.SubnetAclRow | null)[] = [];

  constructor(dice: Dice) {
    this.#dice = dice;
    this.#describe();
    for (const part of this.#parts) part(dice);
  }

  /** Rolls some parts anew and returns the patch that leads from the rows before to those after. */
  step(): R.Patch {
    const before = this.rows();
    for (const part of this.#parts) if (this.#dice.chance(CHANGE)) part(this.#dice);
    return this.patchFrom(before);
  }

  /** The patch to the present rows, its rows in random order, and some of them although they did not change. */
  patchFrom(before: R.Row[]): R.Patch {
    const now = this.rows();
    const old = new Map(before.map((row) => [rowKey(row), JSON.stringify(row)]));
    const keys = new Set(now.map(rowKey));
    const put = now.filter((row) => old.get(rowKey(row)) !== JSON.stringify(row) || this.#dice.chance(0.05));
    const gone = before.filter((row) => !keys.has(rowKey(row)));
    return { put: this.#dice.shuffle(put), gone: this.#dice.shuffle(gone) };
  }

  rows(): R.Row[] {
    const rows: R.Row[] = [];
    for (let id = 0; id < SUBNETS; id++)
      rows.push({ t: "subnet", id, vpc: 0, ...cidr(`10.0.${id}.0/24`), routeTable: this.#subnets[id] });
    for (const row of [...this.#routes, ...this.#exempt]) if (row !== null) rows.push(row);
    const enis = this.#eniRows();
    const attached = new Map(enis.map((row) => [row.id, row]));
    rows.push(...enis, ...this.#nodeRows());
    const taken = new Set<number>();
    this.#owners.forEach((owner, prefix) => {
      if (attached.has(owner))
        rows.push({ t: "eniAddress", vpc: 0, prefix: podAddress(prefix, 0), length: 28, eni: owner });
    });
    this.#pods.forEach((pod, i) => {
      const eni = attached.get(this.#owners[pod.prefix]);
      const address = podAddress(pod.prefix, pod.index);
      if (!pod.there || eni === undefined || eni.node < 0 || taken.has(address)) return;
      taken.add(address);
      rows.push({ t: "device", id: POD0 + i, kind: R.DEVICE_POD, node: eni.node, eni: eni.id, address, mtu: pod.mtu });
    });
    this.#outside.forEach((host, i) => {
      if (!host.there || taken.has(host.address)) return;
      taken.add(host.address);
      const id = OUTSIDE0 + i;
      rows.push({ t: "device", id, kind: R.DEVICE_HOST, node: -1, eni: -1, address: host.address, mtu: 1500 });
      rows.push({ t: "outside", network: host.network, address: host.address, device: id, vpc: 0 });
    });
    return [...rows, ...this.#serviceRows(), ...this.#securityRows(enis)];
  }

  #securityRows(enis: readonly R.EniRow[]): R.Row[] {
    const rows: R.Row[] = [...this.#groups, ...this.#acls, ...this.#subnetAcls].filter((row) => row !== null);
    for (const { id } of enis) {
      const groups = this.#members[id];
      if (groups !== null) rows.push({ t: "eniGroups", eni: id, groups });
    }
    return rows;
  }

  #nodeRows(): R.Row[] {
    return this.#nodes.flatMap((node, id): R.Row[] => {
      if (!node.there) return [];
      const address = eniAddress(id, this.#enis[id].subnet);
      return [
        { t: "device", id, kind: R.DEVICE_NODE, node: id, eni: id, address, mtu: 9001 },
        {
          t: "node",
          id,
          vpc: 0,
          hostDevice: id,
          primaryEni: id,
          primaryAddress: address,
          serviceMode: node.mode,
          snatMode: node.snat,
          masqueradeAll: node.all,
          clusterCidr: node.cidr ? cidr("10.0.1.0/24") : null,
          serviceCidr: cidr("172.20.0.0/16"),
          nodePortAddresses: null,
          conntrackLimit: 100,
        },
        ...(node.cni === null ? [] : [{ t: "nodeCni", node: id, ...node.cni } satisfies R.Row]),
      ];
    });
  }

  #eniRows(): R.EniRow[] {
    const numbers = new Set<string>();
    const publics = new Set<number>();
    const rows: R.EniRow[] = [];
    this.#enis.forEach((eni, id) => {
      const host = id >= HOST_ENI0;
      const node = id < NODES ? id : host ? -1 : eni.node;
      const number = id < NODES || host ? 0 : eni.number;
      const key = `${node}/${number}`;
      if (node >= 0 && (!this.#nodes[node].there || numbers.has(key))) return;
      if (id >= NODES && !eni.there) return;
      numbers.add(key);
      const free = eni.pub > 0 && !publics.has(eni.pub);
      if (free) publics.add(eni.pub);
      rows.push({
        t: "eni",
        id,
        node,
        deviceNumber: number,
        subnet: eni.subnet,
        vpc: 0,
        address: eniAddress(id, eni.subnet),
        mtu: eni.mtu,
        publicAddress: free ? PUBLIC[eni.pub - 1] : 0,
        sourceDestCheck: eni.check,
        hostDevice: host ? VPC_HOST0 + id - HOST_ENI0 : -1,
      });
    });
    return rows;
  }

  #serviceRows(): R.Row[] {
    const keys = new Set<string>();
    const rows: R.Row[] = [];
    for (const { there, row } of this.#services) {
      if (!there) continue;
      // Each address and port, and each NodePort, is one service's.
      const key = (f: R.Frontend): string => `${f.address}/${row.protocol}/${f.port}`;
      const frontends = row.frontends.filter((f) => !keys.has(key(f)));
      for (const f of frontends) keys.add(key(f));
      rows.push({ ...row, frontends });
    }
    for (let i = 0; i < VPC_HOSTS; i++) {
      const eni = this.#enis[HOST_ENI0 + i];
      const id = VPC_HOST0 + i;
      const address = eniAddress(HOST_ENI0 + i, eni.subnet);
      if (eni.there)
        rows.push({ t: "device", id, kind: R.DEVICE_HOST, node: -1, eni: HOST_ENI0 + i, address, mtu: 9001 });
    }
    return rows;
  }

  #describe(): void {
    const part = <T>(list: T[], index: number, roll: (dice: Dice) => T): void => {
      this.#parts.push((dice) => {
        list[index] = roll(dice);
      });
    };
    for (let i = 0; i < NODES; i++)
      part(this.#nodes, i, (d) => ({
        there: d.chance(0.85),
        mode: d.pick([R.SERVICE_MODE_IPTABLES, R.SERVICE_MODE_NFTABLES, R.SERVICE_MODE_IPVS, R.SERVICE_MODE_CILIUM]),
        snat: d.int(4),
        all: d.chance(0.2),
        cidr: d.chance(0.2),
        cni: d.chance(0.4) ? null : rollCni(d),
      }));
    for (let i = 0; i < ENIS; i++)
      part(this.#enis, i, (d) => ({
        there: d.chance(0.8),
        node: d.int(NODES),
        number: 1 + d.int(3),
        subnet: d.int(SUBNETS),
        pub: d.int(PUBLIC.length + 1),
        check: d.chance(0.8),
        mtu: d.pick([1500, 9001]),
      }));
    for (let i = 0; i < PREFIXES; i++) part(this.#owners, i, (d) => d.int(ENIS));
    for (let i = 0; i < PODS; i++)
      part(this.#pods, i, (d) => ({
        there: d.chance(0.8),
        prefix: d.int(PREFIXES),
        index: d.int(2),
        mtu: d.pick([1500, 9001]),
      }));
    for (let i = 0; i < OUTSIDE_HOSTS; i++)
      part(this.#outside, i, (d) => ({ there: d.chance(0.8), address: d.pick(OUTSIDE), network: d.int(2) }));
    for (let id = 0; id < SERVICES; id++)
      part(this.#services, id, (d) => ({
        there: d.chance(0.8),
        row: rollService(d, id),
      }));
    for (let i = 0; i < SUBNETS; i++) part(this.#subnets, i, (d) => d.int(TABLES));
    for (let i = 0; i < ROUTES.length * TABLES; i++)
      part(this.#routes, i, (d) => {
        const target = d.pick([
          R.TARGET_LOCAL,
          R.TARGET_LOCAL,
          R.TARGET_INTERNET_GATEWAY,
          R.TARGET_BLACKHOLE,
          R.TARGET_NETWORK,
        ]);
        if (d.chance(0.2)) return null;
        const routeTable = i % TABLES;
        const arg = target === R.TARGET_NETWORK ? 1 : 0;
        return { t: "vpcRoute", routeTable, ...ROUTES[Math.floor(i / TABLES)], target, arg };
      });
    for (let id = 0; id < GROUPS; id++)
      part(this.#groups, id, (d) => {
        if (d.chance(0.2)) return null;
        return { t: "securityGroup", id, vpc: 0, ingress: rollRules(d), egress: rollRules(d) };
      });
    for (let i = 0; i < ENIS; i++)
      part(this.#members, i, (d) => (d.chance(0.8) ? null : d.shuffle([0, 1, 2]).slice(0, 1 + d.int(GROUPS))));
    for (let id = 0; id < ACLS; id++)
      part(this.#acls, id, (d) => {
        if (d.chance(0.2)) return null;
        return { t: "networkAcl", id, ingress: rollAclRules(d), egress: rollAclRules(d) };
      });
    for (let subnet = 0; subnet < SUBNETS; subnet++)
      part(this.#subnetAcls, subnet, (d) => (d.chance(0.8) ? null : { t: "subnetAcl", subnet, acl: d.int(ACLS) }));
    for (let i = 0; i < EXEMPT.length; i++)
      part(this.#exempt, i, (d) =>
        d.chance(0.3) ? null : { t: "snatExempt", vpc: 0, ...EXEMPT[i], excluded: d.chance(0.5) },
      );
  }
}

function rollCni(d: Dice): Omit<R.NodeCniRow, "t" | "node"> {
  return {
    nodePortSupport: d.chance(0.5),
    connmark: d.pick([0x80, 0x4000, -1, 3]),
    markBeforeDnat: d.chance(0.5),
    externalServices: d.chance(0.5) ? [] : [d.pick(ROUTES)],
    tcpEarlyDemux: d.chance(0.5),
  };
}

const KINDS = [R.FRONTEND_CLUSTER_IP, R.FRONTEND_EXTERNAL_IP, R.FRONTEND_LOAD_BALANCER_IP] as const;

const BLOCKS = ["0.0.0.0/0", "10.0.0.0/16", "10.0.1.0/24", "203.0.113.0/24"].map(cidr);

function rollPorts(d: Dice): { protocol: number; fromPort: number; toPort: number; prefix: number; length: number } {
  const [fromPort, toPort] = d.pick([
    [0, 65_535],
    [80, 80],
    [443, 30_443],
  ]);
  return { protocol: d.pick([R.PROTOCOL_ALL, 6, 17]), fromPort, toPort, ...d.pick(BLOCKS) };
}

function rollRules(d: Dice): R.SecurityGroupRule[] {
  return Array.from({ length: d.int(4) }, () => ({
    ...rollPorts(d),
    group: d.chance(0.3) ? d.int(GROUPS) : R.NO_GROUP,
  }));
}

function rollAclRules(d: Dice): R.AclRule[] {
  return d
    .shuffle([100, 110, 120, 130])
    .slice(0, 1 + d.int(4))
    .map((number) => ({ ...rollPorts(d), number, allow: d.chance(0.75) }));
}

function rollService(d: Dice, id: number): R.ServiceRow {
  const endpoints = Array.from({ length: d.int(4) }, () => ({
    address: podAddress(d.int(PREFIXES), d.int(2)),
    port: 8080,
    weight: 1 + d.int(2),
  }));
  const all = endpoints.map((_, i) => i);
  const frontends: R.Frontend[] = Array.from({ length: 1 + d.int(2) }, () => ({
    kind: d.pick(KINDS),
    address: d.pick(SERVICE_ADDRESSES),
    port: d.pick([80, 443]),
  }));
  if (d.chance(0.6)) frontends.push(nodePort(d.pick([30_080, 30_443])));
  return serviceRow({
    id,
    protocol: d.pick([6, 17]),
    frontends,
    endpoints,
    cluster: all,
    nodes: Array.from({ length: NODES }, (_, node) => ({
      node,
      cluster: d.chance(0.5) ? all : all.filter(() => d.chance(0.7)),
      local: all.filter(() => d.chance(0.4)),
    })).filter(() => d.chance(0.6)),
    internalLocal: d.chance(0.2),
    externalLocal: d.chance(0.3),
    scheduler: d.pick([R.SCHEDULER_RANDOM, R.SCHEDULER_RR, R.SCHEDULER_SH, R.SCHEDULER_MH, R.SCHEDULER_MAGLEV]),
    sourceRanges: d.chance(0.2) ? [cidr("10.0.1.0/24")] : [],
  });
}
