import { formatAddress } from "../plane/wire/address.ts";
import type { ClusterState } from "./clusterState.ts";
import { hostEniName, hostName, natGatewayEniName, nodeName } from "./entityNames.ts";
import { gatewayNames } from "./gatewayNames.ts";
import type { Ids } from "./ids.ts";
import { lazily } from "./lazily.ts";
import { Names, type NameTables } from "./names.ts";
import type { PolicySnapshot } from "./policy/policyRows.ts";
import { PROTOCOLS } from "./protocols.ts";
import type { MachineEntry, ServiceEntry } from "./resolve.ts";
import { securityNames } from "./securityNames.ts";
import { allRouted, type RoutedPorts, routedPortAt } from "./serviceRows.ts";

interface Machines {
  readonly devices: Map<number, string>;
  readonly enis: Map<number, string>;
  readonly addresses: Map<number, string>;
  readonly machines: Map<string, MachineEntry>;
  /** Machines by the addresses that their devices have. */
  readonly byAddress: Map<number, string>;
}

function nameNodes(state: ClusterState, ids: Ids, out: Machines): void {
  for (const node of state.nodes) {
    const name = nodeName(node.spec.name);
    const device = ids.of("device", name);
    out.devices.set(device, name);
    out.machines.set(name, { kind: "node", device, address: node.address });
    out.byAddress.set(node.address, name);
    for (const eni of node.enis) {
      out.enis.set(ids.of("eni", eni.name), eni.name);
      out.addresses.set(eni.address, eni.kind === "primary" ? name : eni.name);
    }
    if (node.publicAddress !== 0) out.addresses.set(node.publicAddress, name);
  }
}

function nameHosts(state: ClusterState, ids: Ids, out: Machines): void {
  for (const host of state.hosts) {
    const name = hostName(host.spec.name);
    const device = ids.of("device", name);
    out.devices.set(device, name);
    out.machines.set(name, { kind: "host", device, address: host.address });
    if (!out.byAddress.has(host.address)) out.byAddress.set(host.address, name);
    nameAddress(out, host.address, name);
    if (host.publicAddress !== 0) nameAddress(out, host.publicAddress, name);
    if (host.spec.subnet === undefined) continue;
    const eni = hostEniName(host.spec.name);
    out.enis.set(ids.of("eni", eni), eni);
  }
}

function nameNatGateways(state: ClusterState, ids: Ids, out: Machines): void {
  for (const { spec, address, publicAddress } of state.natGateways) {
    const eni = natGatewayEniName(spec.name);
    out.enis.set(ids.of("eni", eni), eni);
    nameAddress(out, address, eni);
    if (publicAddress !== 0) nameAddress(out, publicAddress, eni);
  }
}

/** Of several VPCs that have an address the first one's machine is called by it: the cluster's. */
function nameAddress(out: Machines, address: number, name: string): void {
  if (!out.addresses.has(address)) out.addresses.set(address, name);
}

function namePods(state: ClusterState, ids: Ids, out: Machines): void {
  for (const { desired, place } of state.pods) {
    const { key } = desired;
    const { address } = place;
    if (place.hostNetwork) {
      out.machines.set(key, { kind: "pod", device: ids.of("device", nodeName(place.node)), address });
      continue;
    }
    const device = ids.of("device", key);
    out.devices.set(device, key);
    out.machines.set(key, { kind: "pod", device, address });
    out.byAddress.set(address, key);
    out.addresses.set(address, key);
  }
}

/** Services by the addresses that are theirs alone: ClusterIPs, addresses of load balancers, external ones. */
function serviceAddresses(state: ClusterState): Map<number, string> {
  const addresses = new Map<number, string>();
  for (const { key, clusterIP, ports } of state.services) {
    if (clusterIP === null) continue;
    const proxy = ports.find((p) => p.proxy !== null)?.proxy;
    for (const address of [...(proxy?.externalIPs ?? []), ...(proxy?.loadBalancerIPs ?? []), clusterIP])
      addresses.set(address, key);
  }
  return addresses;
}

function directoryOf(state: ClusterState, services: RoutedPorts): Map<string, ServiceEntry> {
  const ids = new Map<string, number>();
  for (const { port, row } of allRouted(services)) ids.set(port.key, row.id);
  const directory = new Map<string, ServiceEntry>();
  for (const { key, clusterIP, ports } of state.services)
    directory.set(key, {
      address: clusterIP,
      ports: (clusterIP === null ? [] : ports).map(({ key: portKey, port }) => ({
        id: ids.get(portKey) ?? -1,
        name: port.name ?? "",
        port: port.port,
        protocol: PROTOCOLS[port.protocol],
      })),
    });
  return directory;
}

/** Names of service ports and their endpoints, each made when it is first asked for. */
function servicesByIndex(services: RoutedPorts, addressName: (address: number) => string): NameTables["services"] {
  const made = new Map<number, { name: string; endpoints: string[] }>();
  return {
    get: (id) => {
      const known = made.get(id);
      const routed = known === undefined ? routedPortAt(services, id) : null;
      if (routed === null) return known;
      const endpoints = routed.endpoints.map((e) => e.pod ?? addressName(e.address));
      const entry = { name: `${routed.service.key}:${routed.port.port.port}`, endpoints };
      made.set(id, entry);
      return entry;
    },
  };
}

/**
 * The names of a snapshot's indices; asks `ids` for what compile() has asked for. What concerns services is made when it is
 * first asked for: there may be tens of thousands.
 */
export function buildNames(state: ClusterState, ids: Ids, services: RoutedPorts, policies: PolicySnapshot): Names {
  const out: Machines = {
    devices: new Map(),
    enis: new Map(),
    addresses: new Map(),
    machines: new Map(),
    byAddress: new Map(),
  };
  nameNodes(state, ids, out);
  nameHosts(state, ids, out);
  nameNatGateways(state, ids, out);
  namePods(state, ids, out);

  const directory = lazily(() => directoryOf(state, services));
  const addresses = lazily(() => serviceAddresses(state));
  return new Names(
    {
      devices: out.devices,
      enis: out.enis,
      addresses: { get: (address) => out.addresses.get(address) ?? addresses().get(address) },
      services: servicesByIndex(services, (address) => out.addresses.get(address) ?? formatAddress(address)),
      nodes: state.nodes.map((n) => n.spec.name),
      subnets: [...state.model.subnets.keys()],
      ...gatewayNames(state, ids),
      ...securityNames(state, ids),
      networks: state.model.networks.map((n) => n.name),
      policyRules: policies.rules,
      isolating: {
        get: (device) => policies.compiled.get(out.devices.get(device) ?? "")?.isolating,
      },
    },
    {
      machines: out.machines,
      services: { get: (key) => directory().get(key), keys: () => directory().keys() },
      byAddress: out.byAddress,
    },
  );
}
