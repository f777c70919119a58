import { formatAddress } from "../plane/wire/address.ts";
import type { ClusterState } from "./clusterState.ts";
import { hostEniName, hostName, nodeName } from "./entityNames.ts";
import type { Ids } from "./ids.ts";
import { Names } from "./names.ts";
import { PROTOCOLS } from "./protocols.ts";
import type { MachineEntry, ServiceEntry } from "./resolve.ts";

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
    out.byAddress.set(host.address, name);
    out.addresses.set(host.address, name);
    if (host.publicAddress !== 0) out.addresses.set(host.publicAddress, name);
    if (host.spec.subnet === undefined) continue;
    const eni = hostEniName(host.spec.name);
    out.enis.set(ids.of("eni", eni), eni);
  }
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

/** The names of a snapshot's indices; asks `ids` for what compile() has asked for. */
export function buildNames(state: ClusterState, ids: Ids): Names {
  const out: Machines = {
    devices: new Map(),
    enis: new Map(),
    addresses: new Map(),
    machines: new Map(),
    byAddress: new Map(),
  };
  nameNodes(state, ids, out);
  nameHosts(state, ids, out);
  namePods(state, ids, out);

  const services = new Map<number, { name: string; endpoints: string[] }>();
  const directory = new Map<string, ServiceEntry>();
  for (const { key, clusterIP, ports } of state.services) {
    if (clusterIP !== null) out.addresses.set(clusterIP, key);
    const routed = clusterIP === null ? [] : ports;
    for (const { key: portKey, port, endpoints } of routed)
      services.set(ids.of("service", portKey), {
        name: `${key}:${port.port}`,
        endpoints: endpoints.map((e) => e.pod ?? out.addresses.get(e.address) ?? formatAddress(e.address)),
      });
    directory.set(key, {
      address: clusterIP,
      ports: routed.map(({ key: portKey, port }) => ({
        id: ids.of("service", portKey),
        name: port.name ?? "",
        port: port.port,
        protocol: PROTOCOLS[port.protocol],
      })),
    });
  }
  return new Names(
    {
      devices: out.devices,
      enis: out.enis,
      addresses: out.addresses,
      services,
      nodes: state.nodes.map((n) => n.spec.name),
      subnets: [...state.model.subnets.keys()],
      routeTables: state.model.routeTables.map((t) => t.name),
      networks: state.model.networks.map((n) => n.name),
    },
    { machines: out.machines, services: directory, byAddress: out.byAddress },
  );
}
