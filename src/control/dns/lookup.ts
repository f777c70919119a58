import { parseAddress } from "../../plane/wire/address.ts";
import { lazily } from "../lazily.ts";
import { canonicalName, dashed } from "./names.ts";
import type { DnsEndpoint, DnsObjects, DnsPort, DnsService } from "./objects.ts";

export type PodRecords = "disabled" | "insecure" | "verified";

/** An address that a name stands for. */
export interface Target {
  readonly kind: "address";
  readonly address: string;
  /** The name that SRV records point to, and that the address is below; lower case. */
  readonly owner: string;
  /** null: without a port, so that there is no SRV record. */
  readonly port: number | null;
}

/** A name that a name stands for: an ExternalName service. */
export interface Alias {
  readonly kind: "alias";
  readonly target: string;
}

/** What there is at a name; an empty list: the name exists, and nothing is at it. */
export type Found = readonly (Target | Alias)[];

export interface LookupOptions {
  readonly objects: DnsObjects;
  /** Canonical. */
  readonly zone: string;
  readonly pods: PodRecords;
}

/** Stands for the ports of an endpoint that has none (CoreDNS, object/endpoint.go: "sentinel if there are no ports"). */
const NO_PORTS: readonly (DnsPort | null)[] = [null];
const NOTHING: Found = [];
const SERVICES = "svc";
const PODS = "pod";

/** Finds what a name of the cluster's zone stands for, as CoreDNS's kubernetes plugin does (kubernetes.go, parse.go). */
export class Lookup {
  readonly #objects: DnsObjects;
  readonly #zone: string;
  readonly #podRecords: PodRecords;
  /** `NAMESPACE/ADDRESS` of the pods. */
  readonly #pods: () => ReadonlySet<string>;

  constructor({ objects, zone, pods }: LookupOptions) {
    this.#objects = objects;
    this.#zone = zone;
    this.#podRecords = pods;
    this.#pods = lazily(() => new Set(objects.pods.map((pod) => `${pod.namespace}/${pod.address}`)));
  }

  /** Names that an address has: of a ClusterIP, else of all endpoints that have it; empty: none. */
  names(address: string): readonly string[] {
    const services = this.#objects.services.at(address);
    const own = services.findLast(({ clusterIP }) => clusterIP === address);
    if (own !== undefined) return [this.#owner(own)];
    const names = services.flatMap((service) =>
      service.endpoints.filter((e) => e.address === address).map((e) => this.#endpointOwner(service, e)),
    );
    return [...new Set(names)];
  }

  /**
   * @param labels of the name in front of the zone, canonical.
   * @returns null: there is no such name.
   */
  find(labels: readonly string[]): Found | null {
    if (labels.length === 0) return NOTHING;
    const below = labels.toReversed();
    const [kind, namespace, name, ...rest] = below;
    if (kind !== SERVICES && kind !== PODS) return null;
    if (namespace === undefined) return NOTHING;
    if (!this.#objects.namespaces.has(namespace)) return null;
    if (name === undefined) return kind === PODS && this.#podRecords === "disabled" ? null : NOTHING;
    if (rest.length > 2) return null;
    if (kind === PODS) return this.#findPod(namespace, name);
    const service = this.#objects.services.get(namespace, name);
    if (service === undefined) return null;
    // One label more is an endpoint, two are a port and its protocol.
    if (rest.length === 1) return this.#findService(service, rest[0], "", "");
    return this.#findService(service, null, bare(rest[1] ?? ""), bare(rest[0] ?? ""));
  }

  #findService(service: DnsService, endpoint: string | null, port: string, protocol: string): Found | null {
    if (service.externalName !== null) {
      if (endpoint !== null || port !== "" || protocol !== "") return null;
      // An ExternalName that is an address is no name, so nothing is there.
      if (parseAddress(service.externalName) !== null) return null;
      return [{ kind: "alias", target: canonicalName(service.externalName) }];
    }
    const fits = (p: DnsPort) =>
      (port === "" || p.name.toLowerCase() === port) && (protocol === "" || p.protocol.toLowerCase() === protocol);
    const { clusterIP } = service;
    const found: Target[] = [];
    if (clusterIP !== null && endpoint === null) {
      const owner = this.#owner(service);
      for (const p of service.ports)
        if (fits(p)) found.push({ kind: "address", address: clusterIP, owner, port: p.port });
    } else {
      for (const e of service.endpoints) {
        if (endpoint !== null && hostnameOf(e).toLowerCase() !== endpoint) continue;
        const owner = this.#endpointOwner(service, e);
        for (const p of e.ports.length === 0 ? NO_PORTS : e.ports) {
          const kept = p === null ? port === "" && protocol === "" : fits(p);
          if (kept) found.push({ kind: "address", address: e.address, owner, port: p?.port ?? null });
        }
      }
    }
    return found.length === 0 ? null : found;
  }

  /** 1-2-3-4.NAMESPACE.pod.ZONE; labels further left change nothing. */
  #findPod(namespace: string, name: string): Found | null {
    const address = name.replaceAll("-", ".");
    if (this.#podRecords === "disabled" || parseAddress(address) === null) return null;
    if (this.#podRecords === "verified" && !this.#pods().has(`${namespace}/${address}`)) return null;
    return [{ kind: "address", address, owner: `${name}.${namespace}.${PODS}.${this.#zone}`, port: null }];
  }

  #owner({ name, namespace }: DnsService): string {
    return `${name}.${namespace}.${SERVICES}.${this.#zone}`;
  }

  #endpointOwner(service: DnsService, endpoint: DnsEndpoint): string {
    return `${hostnameOf(endpoint)}.${this.#owner(service)}`;
  }
}

function hostnameOf(endpoint: DnsEndpoint): string {
  return endpoint.hostname ?? dashed(endpoint.address);
}

/** `http` for `_http` and for `http`. */
function bare(label: string): string {
  return label.startsWith("_") ? label.slice(1) : label;
}
