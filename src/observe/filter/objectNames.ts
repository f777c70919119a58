/** What names are looked up in. control's Directory, its list of nodes and its `nearMatches` make one. */
export interface ObjectNames {
  /** By `pod/default/web-1`, `node/node-1`, `host/rds`. A hostNetwork pod's device is its node's. */
  readonly machines: ReadonlyMap<string, { readonly device: number; readonly address: number }>;
  /** By `svc/default/api`. */
  readonly services: {
    get(key: string): ServicePorts | undefined;
    keys(): Iterable<string>;
  };
  /** Names of nodes by their index in the plane. */
  readonly nodes: readonly string[];
  /** The candidates that someone who wrote `name` may have meant, nearest first. */
  near(name: string, candidates: Iterable<string>): readonly string[];
}

export interface ServicePorts {
  /** `id`: the service's index in the plane, -1: it has none. */
  readonly ports: readonly { readonly id: number; readonly name: string; readonly port: number }[];
}
