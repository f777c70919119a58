import type { ClusterState, HostState } from "../../control/clusterState.ts";
import { hostName } from "../../control/entityNames.ts";
import { cidrText, containsAddress, containsCidr } from "../../control/vpc/cidr.ts";
import type { VpcModel } from "../../control/vpc/model.ts";
import { formatAddress, formatCidr } from "../../plane/wire/address.ts";
import { eniWires, fabricDevice, routerOf, subnetOf } from "./nodeEnd.ts";
import { GATEWAY, sysctl, type TwinEnd, VPC, type Wire, withInput } from "./twin.ts";

/** MTU beyond the VPC's gateways in bytes (EC2 user guide, "Network MTU"). */
const GATEWAY_MTU = 1500;
/** The internet gateway's device towards the VPC, and the VPC's towards it. */
const INSIDE = "inside";
const TO_GATEWAY = "gateway";
/** Preferences of the VPC's rules, and its route tables: those of the lab by their place, and that of machines beyond. */
const TO_VPC = 100;
const FROM_DEVICE = 200;
const FIRST_TABLE = 1000;
const OUTSIDE_TABLE = 999;

/** What the VPC does not do and a router in its place would: it takes nothing off a packet's TTL, not even the last. */
const TTL_AS_BEFORE = withInput(
  "iptables-restore -w 60 --noflush",
  `*mangle
-A PREROUTING -m ttl --ttl-eq 1 -j MARK --set-mark 1
-A PREROUTING -m mark --mark 1 -j TTL --ttl-inc 1
-A FORWARD -m mark ! --mark 1 -j TTL --ttl-inc 1
COMMIT
`,
);

type Placed = HostState & { readonly device: string };

const isInternet = (state: ClusterState, host: HostState): boolean => {
  const { network } = host.spec;
  return network !== undefined && (state.model.networks.find((n) => n.name === network)?.index ?? 0) === 0;
};

/** Hosts with the device at the other end of their wire. */
function placedHosts(state: ClusterState): Placed[] {
  return state.hosts.map((host, i) => ({ ...host, device: `h${i}` }));
}

export function hostEnd({ address, spec }: HostState): TwinEnd {
  const text = formatAddress(address);
  return {
    name: hostName(spec.name),
    script: [`ip address add ${text}/32 dev eth0`, `ip route add default dev eth0 src ${text}`],
  };
}

/** Wires of the VPC: to every ENI, to hosts in it and beyond. */
export function vpcWires(state: ClusterState): Wire[] {
  const hosts = placedHosts(state).map((host): Wire => {
    const { mtu, subnet } = host.spec;
    return {
      from: hostName(host.spec.name),
      device: "eth0",
      to: isInternet(state, host) ? GATEWAY : VPC,
      far: host.device,
      mtu: mtu ?? (subnet === undefined ? GATEWAY_MTU : state.cni.eniMtu),
    };
  });
  return [
    ...state.nodes.flatMap((node, i) => eniWires(state, node, i)),
    ...hosts,
    { from: GATEWAY, device: INSIDE, to: VPC, far: TO_GATEWAY, mtu: GATEWAY_MTU },
  ];
}

/** Where a route table sends an address: the most specific of its routes. */
function targetOf(table: VpcModel["routeTables"][number], address: number) {
  const found = table.routes.filter((r) => containsAddress(r.destination, address));
  return found.sort((a, b) => b.destination.length - a.destination.length)[0]?.target;
}

/** A route table of the lab: its gateways and black holes. Routes inside the VPC are in table main. */
function tableLines(state: ClusterState, table: VpcModel["routeTables"][number], number: number): string[] {
  const lines: string[] = [];
  const inTable = (route: string) => `ip route replace ${route} table ${number}`;
  for (const { destination, target } of table.routes) {
    if (target.kind === "local") continue;
    const to = cidrText(destination);
    lines.push(inTable(target.kind === "internet" ? `${to} dev ${TO_GATEWAY}` : `blackhole ${to}`));
  }
  for (const host of placedHosts(state)) {
    const target = targetOf(table, host.address);
    if (target?.kind === "network" && target.network.name === host.spec.network)
      lines.push(inTable(`${formatAddress(host.address)} dev ${host.device}`));
  }
  const everything = table.routes.some((r) => r.destination.length === 0);
  return everything ? lines : [...lines, inTable("blackhole default")];
}

/** The VPC's routers in one: every address to the ENI that has it, everything else by the sender's route table. */
export function vpcEnd(state: ClusterState): TwinEnd {
  const { model } = state;
  const tables = model.routeTables.map((t) => t.name);
  const tableOfSubnet = (name: string) =>
    FIRST_TABLE + tables.indexOf(model.subnets.get(name)?.routeTable ?? tables[0]);
  const from = (device: string, table: number) => `ip rule add pref ${FROM_DEVICE} iif ${device} lookup ${table}`;
  const hosts = placedHosts(state);
  const outside = hosts.filter((h) => h.spec.subnet === undefined && !isInternet(state, h));
  const route = (to: string, device: string, subnet: string) =>
    `ip route replace ${to} dev ${device} scope link src ${routerOf(subnetOf(state, subnet))}`;
  return {
    name: VPC,
    script: [
      sysctl("net.ipv4.ip_forward", 1),
      ...["all", "default"].map((where) => sysctl(`net.ipv4.conf.${where}.send_redirects`, 0)),
      // The source/destination check of ENIs: what comes from one has an address whose way back is that ENI.
      sysctl("net.ipv4.conf.all.rp_filter", 1),
      TTL_AS_BEFORE,
      ...[...model.subnets.values()].map(({ cidr }) => `ip address add ${routerOf(cidr)}/32 dev lo`),
      ...model.cidrs.map((cidr) => `ip route replace blackhole ${cidrText(cidr)}`),
      ...state.nodes.flatMap((node, i) =>
        node.enis.flatMap((eni) => [
          route(formatAddress(eni.address), fabricDevice(i, eni), eni.subnet),
          ...eni.slots.map((slot) => route(formatCidr(slot.prefix, slot.length), fabricDevice(i, eni), eni.subnet)),
          from(fabricDevice(i, eni), tableOfSubnet(eni.subnet)),
        ]),
      ),
      ...hosts.flatMap(({ address, device, spec }) =>
        spec.subnet === undefined
          ? []
          : [route(formatAddress(address), device, spec.subnet), from(device, tableOfSubnet(spec.subnet))],
      ),
      ...outside.flatMap(({ address, device }) => [
        `ip route replace ${formatAddress(address)} dev ${device}`,
        from(device, OUTSIDE_TABLE),
      ]),
      `ip route replace default dev ${TO_GATEWAY}`,
      from(TO_GATEWAY, OUTSIDE_TABLE),
      `ip route replace blackhole default table ${OUTSIDE_TABLE}`,
      ...model.cidrs.map((cidr) => `ip rule add pref ${TO_VPC} to ${cidrText(cidr)} lookup main`),
      ...model.routeTables.flatMap((table, i) => tableLines(state, table, FIRST_TABLE + i)),
    ],
  };
}

/** 1:1 for addresses that have a public one; whoever has none stays inside, and nobody is told. */
export function gatewayEnd(state: ClusterState): TwinEnd {
  const { model } = state;
  const mapped = [...state.nodes, ...state.hosts].flatMap(({ address, publicAddress }) =>
    publicAddress === 0 ? [] : [[formatAddress(address), formatAddress(publicAddress)] as const],
  );
  const hosts = placedHosts(state).filter((h) => isInternet(state, h));
  const inner = mapped.length === 0 ? "" : `ip saddr != { ${mapped.map(([address]) => address).join(", ")} } `;
  const rules = `table ip igw {
  chain back { ${mapped.map(([address, open]) => `ip daddr ${open} dnat to ${address}`).join("; ")}; }
  chain mapping { ${mapped.map(([address, open]) => `ip saddr ${address} snat to ${open}`).join("; ")}; }
  chain in { type nat hook prerouting priority -100; iifname != "${INSIDE}" jump back; }
  chain out { type nat hook postrouting priority 100; oifname != "${INSIDE}" jump mapping; }
  chain through {
    type filter hook forward priority 0
    iifname "${INSIDE}" ct direction original ${inner}drop
    oifname "${INSIDE}" ct direction original ct status & dnat == 0 drop
  }
}
`;
  const blocks = model.cidrs.filter((cidr) => !model.cidrs.some((c) => c !== cidr && containsCidr(c, cidr)));
  return {
    name: GATEWAY,
    script: [
      sysctl("net.ipv4.ip_forward", 1),
      TTL_AS_BEFORE,
      "ip route replace blackhole default",
      ...hosts.map(({ address, device }) => `ip route replace ${formatAddress(address)} dev ${device}`),
      ...blocks.map((cidr) => `ip route replace ${cidrText(cidr)} dev ${INSIDE}`),
      withInput("nft -f -", rules),
    ],
  };
}
