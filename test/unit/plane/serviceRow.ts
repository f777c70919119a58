import * as R from "../../../src/plane/rows.ts";
import { ip } from "./packets.ts";

/** "10.0.0.1:8080", with "*3" behind it for a weight. */
export function endpoint(text: string): R.Endpoint {
  const [socket, weight] = text.split("*");
  const [address, port] = socket.split(":");
  return { address: ip(address), port: Number(port), weight: Number(weight ?? 1) };
}

export function clusterIP(address: string | number, port: number): R.Frontend {
  const a = typeof address === "number" ? address : ip(address);
  return { kind: R.FRONTEND_CLUSTER_IP, address: a, port };
}

export function nodePort(port: number): R.Frontend {
  return { kind: R.FRONTEND_NODE_PORT, address: 0, port };
}

export interface ServiceSpec extends Partial<Omit<R.ServiceRow, "endpoints">> {
  id: number;
  frontends: R.Frontend[];
  endpoints: (string | R.Endpoint)[];
}

/** A TCP service row with what most tests do not care about filled in: every node may choose all endpoints. */
export function serviceRow(spec: ServiceSpec): R.ServiceRow {
  const endpoints = spec.endpoints.map((e) => (typeof e === "string" ? endpoint(e) : e));
  return {
    t: "service",
    protocol: 6,
    cluster: endpoints.map((_, i) => i),
    nodes: [],
    hasEndpoints: endpoints.length > 0,
    internalLocal: false,
    externalLocal: false,
    affinity: 0,
    scheduler: R.SCHEDULER_RANDOM,
    sourceRanges: [],
    ...spec,
    endpoints,
  };
}
