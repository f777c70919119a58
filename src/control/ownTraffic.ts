import type { ClusterState } from "./clusterState.ts";
import { hostPortRows } from "./compileServices.ts";
import { PROTOCOLS } from "./protocols.ts";
import type { ServiceState } from "./serviceStates.ts";

/** Packets between a node and itself that its NAT has a say in. */
export interface OwnFlow {
  /** IP protocol number. */
  readonly protocol: number;
  /** int32: the own address that is sent to; 0: any of the node's, and 127.0.0.0/8. */
  readonly address: number;
  readonly port: number;
  /** Whose port it is: the one that is asked, or the one that answers. */
  readonly end: "destination" | "source";
}

/** A service's, by the node's place in the lab. */
type Placed = readonly (readonly [node: number, flow: OwnFlow])[];

/**
 * What a node sends to itself and Linux would translate in OUTPUT, or translate back on its way to the asker: ports of
 * external IPs and load balancers' addresses that are the node's own, hostPorts of its pods, and ports of endpoints that
 * are the node itself (a hostNetwork pod's), which answer who asked a service. NodePorts are not among them: they are a
 * range.
 */
export class OwnTraffic {
  #services = new WeakMap<ServiceState, Placed>();
  #addresses = "";

  /** @returns flows by the nodes' place in the lab. */
  of(state: ClusterState): OwnFlow[][] {
    const owners = new Map<number, number>();
    state.nodes.forEach((node, i) => {
      for (const eni of node.enis) if (eni.kind !== "branch") owners.set(eni.address, i);
    });
    const addresses = [...owners].join();
    if (addresses !== this.#addresses) {
      this.#addresses = addresses;
      this.#services = new WeakMap();
    }
    const flows: OwnFlow[][] = state.nodes.map(() => []);
    for (const service of state.services) {
      let placed = this.#services.get(service);
      if (placed === undefined) {
        placed = flowsOf(service, owners);
        this.#services.set(service, placed);
      }
      for (const [node, flow] of placed) flows[node].push(flow);
    }
    for (const { address, node, port, protocol } of hostPortRows(state))
      flows[node]?.push({ protocol, address, port, end: "destination" });
    return flows;
  }
}

function flowsOf({ ports }: ServiceState, owners: ReadonlyMap<number, number>): Placed {
  const flows: [number, OwnFlow][] = [];
  for (const { proxy } of ports) {
    if (proxy === null) continue;
    const protocol = PROTOCOLS[proxy.protocol];
    const add = (address: number, port: number, ...ends: OwnFlow["end"][]) => {
      const node = owners.get(address);
      if (node !== undefined) for (const end of ends) flows.push([node, { protocol, address, port, end }]);
    };
    for (const address of [...proxy.externalIPs, ...proxy.loadBalancerIPs]) add(address, proxy.port, "destination");
    // Both ways, so that conntrack sees whole connections, those that no service began included. Who asks a service has
    // the same address as the endpoint.
    for (const { address, port } of proxy.endpoints) add(address, port, "destination", "source");
  }
  return flows;
}
