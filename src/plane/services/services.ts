import { FRONTEND_CLUSTER_IP, FRONTEND_NODE_PORT, type Frontend, type HostPortRow, type ServiceRow } from "../rows.ts";
import { Affinity, frontendKey } from "./affinity.ts";
import { EndpointSets } from "./endpointSets.ts";
import { FrontendTable, portKey } from "./frontends.ts";
import { ServiceHits } from "./hits.ts";
import { Schedulers } from "./schedulers.ts";

/** A frontend's number is its service's, and its kind in the low bits. */
const KIND_BITS = 2;
const KIND_MASK = 3;
/** Keys that no port has (protocol 0): how many frontends have the address, as a ClusterIP and in any other way. */
const KEY_CLUSTER_IP = portKey(0, 0);
const KEY_OTHER_IP = portKey(0, 1);
/** NodePorts have no address of their own. */
const ANY_ADDRESS = 0;
const NONE = -1;

/**
 * Everything that forwarding asks about services: which frontend a packet reached, in constant time, what its service may
 * use on this node, and what was chosen before. A change costs the service that changes.
 */
export class Services {
  readonly sets = new EndpointSets();
  readonly affinity = new Affinity();
  readonly schedulers = new Schedulers(this.sets);
  readonly hits = new ServiceHits(this.sets);
  readonly #frontends = new FrontendTable();
  /** By node: address and port to an index of the three arrays. */
  readonly #hostPorts: (FrontendTable | undefined)[] = [];
  readonly #targets: number[] = [];
  readonly #targetPorts: number[] = [];
  readonly #freeTargets: number[] = [];

  /** The frontend that an address and port is, or -1: see {@link serviceOf} and {@link kindOf}. */
  lookup(address: number, protocol: number, port: number): number {
    return this.#frontends.find(address, portKey(protocol, port));
  }

  /** The frontend of a NodePort, or -1. */
  lookupNodePort(protocol: number, port: number): number {
    return this.#frontends.find(ANY_ADDRESS, portKey(protocol, port));
  }

  /** Whether any service has this ClusterIP. */
  isClusterIP(address: number): boolean {
    return this.#frontends.find(address, KEY_CLUSTER_IP) > 0;
  }

  /** Whether any service has this address: IPVS mode binds them all to kube-ipvs0. */
  hasAddress(address: number): boolean {
    return this.isClusterIP(address) || this.#frontends.find(address, KEY_OTHER_IP) > 0;
  }

  put(row: ServiceRow): void {
    this.#removeFrontends(row.id);
    this.hits.change(row);
    this.sets.put(row);
    // Where two frontends of a service are alike, kube-proxy's rules for the first come first.
    for (let i = row.frontends.length - 1; i >= 0; i--) {
      const f = row.frontends[i];
      this.#frontends.set(f.address, portKey(row.protocol, f.port), (row.id << KIND_BITS) | f.kind);
      if (f.kind !== FRONTEND_NODE_PORT) this.#frontends.add(f.address, addressKey(f), 1);
    }
    this.schedulers.put(row);
    if (row.affinity === 0) this.affinity.removeService(row.id);
    else this.#retain(row);
  }

  remove(service: number): void {
    this.#removeFrontends(service);
    this.hits.remove(service);
    this.sets.remove(service);
    this.schedulers.remove(service);
    this.affinity.removeService(service);
  }

  /** Forgets what a node that is gone remembered. */
  removeNode(node: number): void {
    this.affinity.removeNode(node);
    this.schedulers.removeNode(node);
  }

  /** A hostPort of a node's address, or of all of them: an index for {@link hostPortTarget}, or -1. */
  lookupHostPort(node: number, address: number, protocol: number, port: number): number {
    const table = this.#hostPorts[node];
    if (table === undefined) return NONE;
    const found = table.find(address, portKey(protocol, port));
    return found >= 0 ? found : table.find(ANY_ADDRESS, portKey(protocol, port));
  }

  hostPortTarget(index: number): number {
    return this.#targets[index];
  }

  hostPortTargetPort(index: number): number {
    return this.#targetPorts[index];
  }

  putHostPort(row: HostPortRow): void {
    const table = this.#hostPorts[row.node] ?? new FrontendTable();
    this.#hostPorts[row.node] = table;
    const key = portKey(row.protocol, row.port);
    const known = table.find(row.address, key);
    const index = known >= 0 ? known : (this.#freeTargets.pop() ?? this.#targets.length);
    this.#targets[index] = row.target;
    this.#targetPorts[index] = row.targetPort;
    table.set(row.address, key, index);
  }

  /** Removes a mapping, unless its port leads to another pod by now. */
  removeHostPort(row: HostPortRow): void {
    const table = this.#hostPorts[row.node];
    const key = portKey(row.protocol, row.port);
    const index = table?.find(row.address, key) ?? NONE;
    if (index < 0 || this.#targets[index] !== row.target || this.#targetPorts[index] !== row.targetPort) return;
    table?.delete(row.address, key, index);
    this.#freeTargets.push(index);
  }

  #removeFrontends(service: number): void {
    const { sets } = this;
    if (!sets.has(service)) return;
    const protocol = sets.protocol(service);
    for (let i = 0; i < sets.frontendCount(service); i++) {
      const f = sets.frontend(service, i);
      for (let kind = 0; kind <= KIND_MASK; kind++)
        this.#frontends.delete(f.address, portKey(protocol, f.port), (service << KIND_BITS) | kind);
      if (f.kind !== FRONTEND_NODE_PORT) this.#frontends.add(f.address, addressKey(f), -1);
    }
  }

  /** An endpoint that a node may not use any more loses its clients there. */
  #retain(row: ServiceRow): void {
    const { sets } = this;
    const used = new Map<number, Set<number>>();
    this.affinity.retain(row.id, (node, address, port) => {
      let keys = used.get(node);
      if (keys === undefined) {
        keys = new Set();
        for (const set of [sets.clusterSet(row.id, node), sets.localSet(row.id, node)])
          for (let i = 0; i < sets.setSize(set); i++) {
            const e = row.endpoints[sets.setMember(set, i)];
            keys.add(frontendKey(e.address, e.port));
          }
        used.set(node, keys);
      }
      return keys.has(frontendKey(address, port));
    });
  }
}

export function serviceOf(frontend: number): number {
  return frontend >> KIND_BITS;
}

/** FRONTEND_* */
export function kindOf(frontend: number): number {
  return frontend & KIND_MASK;
}

function addressKey(f: Frontend): number {
  return f.kind === FRONTEND_CLUSTER_IP ? KEY_CLUSTER_IP : KEY_OTHER_IP;
}
