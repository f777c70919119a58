/** What the cluster's DNS answers from: a few facts of the cluster's objects, addresses as text. */
export interface DnsObjects {
  /** Namespaces that exist. */
  readonly namespaces: Pick<ReadonlySet<string>, "has">;
  readonly services: DnsServices;
  readonly pods: readonly DnsPod[];
}

/** Services by what is asked of them: there may be tens of thousands, of which few are ever asked for. */
export interface DnsServices {
  get(namespace: string, name: string): DnsService | undefined;
  /** Those that may have an address, as ClusterIP or of an endpoint, in the order of their objects. */
  at(address: string): readonly DnsService[];
}

export interface DnsPod {
  readonly namespace: string;
  readonly address: string;
}

/** A service; port names and protocols as they are written. */
export interface DnsService {
  readonly namespace: string;
  readonly name: string;
  /** null: headless or ExternalName. */
  readonly clusterIP: string | null;
  /** null: not of type ExternalName. */
  readonly externalName: string | null;
  readonly ports: readonly DnsPort[];
  /** Those that are ready, and with publishNotReadyAddresses all. */
  readonly endpoints: readonly DnsEndpoint[];
}

export interface DnsPort {
  /** Empty: it has none. */
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
}

/** An address of a service's EndpointSlices. */
export interface DnsEndpoint {
  readonly address: string;
  /** The pod's hostname where its subdomain is the service, or the slice's; null: it is called by its address, 10-0-1-16. */
  readonly hostname: string | null;
  /** Empty where the service names no port: the address is all there is. */
  readonly ports: readonly DnsPort[];
}
