import { formatAddress } from "../plane/wire/address.ts";
import { type Directory, type ResolvedEnd, resolveEnd } from "./resolve.ts";

/** Name of an index that nothing has any more, or never had. */
const GONE = "(gone)";

/** What a name is looked up in. */
type Lookup<K, V> = Pick<ReadonlyMap<K, V>, "get">;

/** Names of the plane's indices: views and explanations never show an index. */
export interface NameTables {
  /** By device index: `pod/default/web-1`, `node/node-1`, `host/rds`. */
  readonly devices: ReadonlyMap<number, string>;
  /** By ENI index: `node-1/eth0`. */
  readonly enis: ReadonlyMap<number, string>;
  /** By node index: `node-1`. */
  readonly nodes: readonly string[];
  readonly subnets: readonly string[];
  readonly routeTables: readonly string[];
  readonly networks: readonly string[];
  /** By service index: `svc/default/api:80`, and the names of its endpoints. */
  readonly services: Lookup<number, { readonly name: string; readonly endpoints: readonly string[] }>;
  /** By address, int32. */
  readonly addresses: Lookup<number, string>;
}

/** Both ways between a snapshot's indices and names. */
export class Names {
  readonly #tables: NameTables;
  readonly #directory: Directory;

  constructor(tables: NameTables, directory: Directory) {
    this.#tables = tables;
    this.#directory = directory;
  }

  device(id: number): string {
    return this.#tables.devices.get(id) ?? GONE;
  }

  eni(id: number): string {
    return this.#tables.enis.get(id) ?? GONE;
  }

  node(id: number): string {
    return this.#tables.nodes[id] ?? GONE;
  }

  subnet(id: number): string {
    return this.#tables.subnets[id] ?? GONE;
  }

  routeTable(id: number): string {
    return this.#tables.routeTables[id] ?? GONE;
  }

  /** 0 is the internet. */
  network(id: number): string {
    return this.#tables.networks[id] ?? GONE;
  }

  /** `svc/default/api:80` */
  service(id: number): string {
    return this.#tables.services.get(id)?.name ?? GONE;
  }

  /** An endpoint by its place in the service's row: a pod, or the address that an EndpointSlice names. */
  endpoint(service: number, index: number): string {
    return this.#tables.services.get(service)?.endpoints[index] ?? GONE;
  }

  /**
   * Who has an address (int32): a pod, node, host, a node's secondary ENI (`node-1/eth1`) or a service without its port
   * (`svc/default/api`). A public address is its machine's; a hostNetwork pod's is its node's.
   */
  byAddress(address: number): string | null {
    return this.#tables.addresses.get(address) ?? null;
  }

  /** The name of whoever has the address, else the address as text. */
  show(address: number): string {
    return this.byAddress(address) ?? formatAddress(address);
  }

  /**
   * What a person means by `pod/web-1`, `pod/default/web-1`, `svc/api:80`, `svc/api:http`, `host/rds:5432`,
   * `node/node-1:30080`, `10.0.1.16` or `10.0.1.16:80`.
   *
   * @param protocol number of the packet's protocol, for services that have a port more than once.
   * @throws NameError with the names that come near.
   */
  resolve(text: string, protocol?: number): ResolvedEnd {
    return resolveEnd(this.#directory, text, protocol);
  }
}
