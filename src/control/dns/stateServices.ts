import { formatAddress, parseAddress } from "../../plane/wire/address.ts";
import type { ClusterState, PodState } from "../clusterState.ts";
import { matchesLabels } from "../kube/labels.ts";
import { lazily } from "../lazily.ts";
import { KINDS, objectKey } from "../objects/kinds.ts";
import type { ServiceState } from "../serviceStates.ts";
import type { DnsEndpoint, DnsPort, DnsService, DnsServices } from "./objects.ts";

/** Whether an EndpointSlice has the pod's hostname (endpointslice/util, ShouldSetHostname). */
function hostnameIn(service: ServiceState, pod: PodState | undefined): string | null {
  const { namespace, name } = service.object.metadata;
  const { hostname, subdomain } = pod?.desired.spec ?? {};
  return hostname !== undefined && subdomain === name && pod?.desired.namespace === namespace ? hostname : null;
}

/** Endpoints of a service without ports: EndpointSlices have their addresses all the same. */
function portlessEndpoints(service: ServiceState, pods: readonly PodState[]): DnsEndpoint[] {
  const { metadata, spec } = service.object;
  const { selector } = spec;
  if (selector === undefined || Object.keys(selector).length === 0) return [];
  return pods
    .filter(({ desired }) => desired.namespace === metadata.namespace && matchesLabels(selector, desired.labels))
    .filter(({ ready }) => ready || spec.publishNotReadyAddresses)
    .map((pod) => ({ address: formatAddress(pod.place.address), hostname: hostnameIn(service, pod), ports: [] }));
}

/** Endpoints that are ready, each address once with all its ports. */
function endpointsOf(service: ServiceState, pods: ReadonlyMap<string, PodState>): DnsEndpoint[] {
  if (service.ports.length === 0) return portlessEndpoints(service, [...pods.values()]);
  const found = new Map<string, { address: string; hostname: string | null; ports: DnsPort[] }>();
  for (const { port, all } of service.ports)
    for (const { address, pod, ready, port: number, hostname: written } of all) {
      if (!ready) continue;
      const hostname = pod === null ? (written ?? null) : hostnameIn(service, pods.get(pod));
      const key = `${address} ${pod ?? ""} ${written ?? ""}`;
      const endpoint = found.get(key) ?? { address: formatAddress(address), hostname, ports: [] };
      endpoint.ports.push({ name: port.name ?? "", protocol: port.protocol, port: number });
      found.set(key, endpoint);
    }
  return [...found.values()];
}

function dnsService(service: ServiceState, pods: ReadonlyMap<string, PodState>): DnsService {
  const { metadata, spec } = service.object;
  const isAlias = spec.type === "ExternalName";
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    clusterIP: service.clusterIP === null ? null : formatAddress(service.clusterIP),
    externalName: isAlias ? (spec.externalName ?? "") : null,
    ports: spec.ports.map(({ name, protocol, port }) => ({ name: name ?? "", protocol, port })),
    endpoints: isAlias ? [] : endpointsOf(service, pods),
  };
}

/** Addresses that a service may have in DNS, int32: more than it has, where some endpoints are not ready. */
function addressesOf(service: ServiceState, made: () => DnsService): number[] {
  const addresses = service.clusterIP === null ? [] : [service.clusterIP];
  for (const { all } of service.ports) for (const { address } of all) addresses.push(address);
  if (service.ports.length === 0) for (const e of made().endpoints) addresses.push(parseAddress(e.address) ?? 0);
  return addresses;
}

/** The services of a cluster at one moment, each as DNS has it when it is first asked for. */
export class StateServices implements DnsServices {
  readonly #pods: () => ReadonlyMap<string, PodState>;
  readonly #byName: () => ReadonlyMap<string, ServiceState>;
  readonly #byAddress: () => ReadonlyMap<number, readonly ServiceState[]>;
  readonly #made = new Map<ServiceState, DnsService>();

  constructor({ services, pods }: ClusterState) {
    this.#pods = lazily(() => new Map(pods.map((pod) => [pod.desired.key, pod])));
    this.#byName = lazily(() => new Map(services.map((s) => [objectKey(s.object), s])));
    this.#byAddress = lazily(() => this.#index(services));
  }

  get(namespace: string, name: string): DnsService | undefined {
    const service = this.#byName().get(`${KINDS.Service.prefix}/${namespace}/${name}`);
    return service === undefined ? undefined : this.#dnsService(service);
  }

  at(address: string): readonly DnsService[] {
    const services = this.#byAddress().get(parseAddress(address) ?? 0) ?? [];
    return services.map((service) => this.#dnsService(service));
  }

  #index(services: readonly ServiceState[]): ReadonlyMap<number, readonly ServiceState[]> {
    const index = new Map<number, ServiceState[]>();
    for (const service of services)
      for (const address of addressesOf(service, () => this.#dnsService(service))) {
        const list = index.get(address);
        if (list === undefined) index.set(address, [service]);
        else if (list.at(-1) !== service) list.push(service);
      }
    return index;
  }

  #dnsService(service: ServiceState): DnsService {
    const known = this.#made.get(service);
    if (known !== undefined) return known;
    const made = dnsService(service, this.#pods());
    this.#made.set(service, made);
    return made;
  }
}
