import { formatAddress } from "../plane/wire/address.ts";
import type { ClusterState } from "./clusterState.ts";

/** An endpoint as an EndpointSlice has it, those that no packet goes to included. */
export interface SliceEndpointView {
  /** `svc/default/api:80` */
  readonly service: string;
  readonly protocol: string;
  readonly address: string;
  readonly port: number;
  /** `pod/default/api-1`, or null for an address that an EndpointSlice names. */
  readonly pod: string | null;
  readonly node: string | null;
  readonly conditions: { readonly ready: boolean; readonly serving: boolean; readonly terminating: boolean };
  /** Zones and nodes that it is meant for; empty: all. */
  readonly hints: { readonly zones: readonly string[]; readonly nodes: readonly string[] };
}

/** In the order of the services, their ports, and the endpoints as kube-proxy is given them. */
export function sliceEndpointViews(state: ClusterState): SliceEndpointView[] {
  return state.services.flatMap(({ key, ports }) =>
    ports.flatMap(({ port, all }) =>
      all.map(({ address, node, pod, port: target, ready, serving, terminating, zoneHints, nodeHints }) => ({
        service: `${key}:${port.port}`,
        protocol: port.protocol,
        address: formatAddress(address),
        port: target,
        pod,
        node,
        conditions: { ready, serving, terminating },
        hints: { zones: zoneHints, nodes: nodeHints },
      })),
    ),
  );
}
