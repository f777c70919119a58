import type { PodSpec } from "../objects/pod.ts";

/** A port of its node that a pod takes for itself. */
export interface HostPort {
  /** 0.0.0.0: all addresses of the node. */
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

const ANY = "0.0.0.0";
const NONE: readonly HostPort[] = [];

/** The scheduler's words (kubernetes pkg/scheduler/framework/plugins/nodeports, ErrReason). */
const NO_FREE_PORTS = "node(s) didn't have free ports for the requested pod ports";

/** Pods' specs never change: their ports are listed once. */
const PORTS = new WeakMap<PodSpec, readonly HostPort[]>();

/**
 * The host ports of a pod: those that its containers name, and every port of a hostNetwork pod, whose hostPort the API server
 * makes its containerPort (pkg/apis/core/v1, defaultHostNetworkPorts).
 */
export function hostPortsOf(spec: PodSpec): readonly HostPort[] {
  const known = PORTS.get(spec);
  if (known !== undefined) return known;
  const found: HostPort[] = [];
  for (const { ports } of spec.containers)
    for (const { containerPort, hostPort, hostIP, protocol } of ports) {
      const port = hostPort ?? (spec.hostNetwork ? containerPort : undefined);
      if (port !== undefined) found.push({ ip: hostIP === undefined || hostIP === "" ? ANY : hostIP, protocol, port });
    }
  const list = found.length === 0 ? NONE : found;
  PORTS.set(spec, list);
  return list;
}

/** The host ports of a node that pods have (kubernetes pkg/scheduler/framework, HostPortInfo). */
export class UsedHostPorts {
  /** Addresses that have them, by protocol and port. */
  readonly #used = new Map<string, string[]>();

  take(ports: readonly HostPort[]): void {
    for (const { ip, protocol, port } of ports) {
      const key = `${port}/${protocol}`;
      const addresses = this.#used.get(key);
      if (addresses === undefined) this.#used.set(key, [ip]);
      else addresses.push(ip);
    }
  }

  /** Why a pod with these ports cannot be here, in the scheduler's words and with the port, or null: it can. */
  conflict(ports: readonly HostPort[]): string | null {
    for (const { ip, protocol, port } of ports) {
      const key = `${port}/${protocol}`;
      const addresses = this.#used.get(key) ?? [];
      if (addresses.some((a) => a === ip || a === ANY || ip === ANY)) return `${NO_FREE_PORTS} (${key})`;
    }
    return null;
  }
}
