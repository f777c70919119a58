import { hashWords } from "../conntrack/hash.ts";

/** Clients that xt_recent keeps for an endpoint (ip_list_tot, net/netfilter/xt_recent.c). */
export const RECENT_CLIENTS = 100;
/**
 * Clients kept for a service port on a node in nftables and IPVS mode, whose kernel has no limit but its memory; and for
 * a node in Cilium's (its affinity map has so many entries).
 */
export const MOST_CLIENTS = 65_536;

/** A client's stay at an endpoint. */
interface Stay {
  readonly client: number;
  readonly address: number;
  readonly port: number;
  /** Millisecond tick of the client's last new connection to it. */
  seen: number;
  readonly frontend: Frontend;
  /** Where it is counted: the list that loses its oldest when it is full. */
  readonly list: Set<Stay>;
}

/** The clients that share memory of each other's stays: those of a service port on a node, or of one of its addresses. */
interface Frontend {
  readonly stays: Map<number, Stay[]>;
}

interface NodeStays {
  readonly frontends: Map<number, Frontend>;
  /** Lists of limited length, by endpoint (iptables) or one for all. */
  readonly lists: Map<number, Set<Stay>>;
}

/** How a mode remembers clients. */
export interface AffinityRules {
  /** Most clients in a list. */
  readonly limit: number;
  /** A list for each endpoint (xt_recent), or one for the service port on the node. */
  readonly perEndpoint: boolean;
  /** A client has one endpoint only (IPVS, Cilium), or one in every set that it met (kube-proxy's chains). */
  readonly single: boolean;
  /** Whether a stay of exactly the timeout's length still holds, as in xt_recent. */
  readonly inclusive: boolean;
}

const ALL = 0;
/** A frontend's key has more bits than a word. */
const WORD = 2 ** 32;

/**
 * ClientIP session affinity: which endpoint a client's next connection goes to. It is looked at and changed by a
 * connection's first packet only, and only for services that ask for it.
 *
 * kube-proxy keeps a list of clients for each endpoint of a service port (`recent --name KUBE-SEP-...`, `set affinity-...`)
 * and asks them in the order of the endpoints; so one client can stay at several, when policies give it different sets.
 */
export class Affinity {
  readonly #services = new Map<number, Map<number, NodeStays>>();
  /** Cilium's affinity map: one for a whole node. */
  readonly #shared = new Map<number, Set<Stay>>();

  /**
   * Position of the endpoint that a client keeps, or -1. Of several, the first in the set's order.
   *
   * @param frontend {@link frontendKey}, or 0 where all addresses of a service port share their clients
   * @param timeout in ms
   * @param position where in the set an endpoint is, or -1
   */
  find(
    service: number,
    node: number,
    frontend: number,
    client: number,
    now: number,
    timeout: number,
    rules: AffinityRules,
    position: (address: number, port: number) => number,
  ): number {
    const stays = this.#services.get(service)?.get(node)?.frontends.get(frontend)?.stays.get(client);
    let first = -1;
    for (const stay of stays ?? []) {
      const age = (now - stay.seen) | 0;
      if (age < 0 || age > timeout || (age === timeout && !rules.inclusive)) continue;
      const at = position(stay.address, stay.port);
      if (at >= 0 && (first < 0 || at < first)) first = at;
    }
    return first;
  }

  /** Remembers that a new connection of a client went to an endpoint. */
  remember(
    service: number,
    node: number,
    frontend: number,
    client: number,
    address: number,
    port: number,
    now: number,
    rules: AffinityRules,
    shared: boolean,
  ): void {
    const nodes = entry(this.#services, service, () => new Map<number, NodeStays>());
    const here = entry(nodes, node, () => ({ frontends: new Map<number, Frontend>(), lists: new Map() }));
    const at = entry(here.frontends, frontend, () => ({ stays: new Map<number, Stay[]>() }));
    const known = at.stays.get(client) ?? [];
    let kept: Stay | null = null;
    for (const stay of known.slice()) {
      if (stay.address === address && stay.port === port) kept = stay;
      else if (rules.single) forget(stay);
    }
    if (kept !== null) {
      kept.seen = now;
      // The newest is the last of its list.
      kept.list.delete(kept);
      kept.list.add(kept);
      return;
    }
    const list = shared
      ? entry(this.#shared, node, () => new Set<Stay>())
      : entry(here.lists, rules.perEndpoint ? frontendKey(address, port) : ALL, () => new Set<Stay>());
    if (list.size >= rules.limit) {
      const [oldest] = list;
      forget(oldest);
    }
    const stay: Stay = { client, address, port, seen: now, frontend: at, list };
    list.add(stay);
    entry(at.stays, client, () => []).push(stay);
  }

  /**
   * Forgets the stays of a service that its new rows do not allow any more: where kube-proxy removes an endpoint's chain,
   * its clients go with it.
   *
   * @param keeps whether a node still uses an endpoint
   */
  retain(service: number, keeps: (node: number, address: number, port: number) => boolean): void {
    const nodes = this.#services.get(service);
    if (nodes === undefined) return;
    for (const [node, here] of nodes)
      for (const { stays } of here.frontends.values())
        for (const list of stays.values())
          for (const stay of list.slice()) if (!keeps(node, stay.address, stay.port)) forget(stay);
  }

  /** Forgets all clients of a service. */
  removeService(service: number): void {
    this.retain(service, () => false);
    this.#services.delete(service);
  }

  /** Forgets all clients that a node knew. */
  removeNode(node: number): void {
    for (const nodes of this.#services.values()) nodes.delete(node);
    this.#shared.delete(node);
  }

  /** Continues a state hash with all stays, in the order in which they came. */
  fold(seed: number): number {
    let h = seed;
    for (const [service, nodes] of this.#services)
      for (const [node, here] of nodes)
        for (const [frontend, { stays }] of here.frontends)
          for (const list of stays.values())
            for (const { client, address, port, seen } of list) {
              const high = Math.floor(frontend / WORD);
              const words = Int32Array.of(service, node, frontend, high, client, address, port, seen);
              h = hashWords(words, 0, words.length, h);
            }
    return h;
  }

  /** Clients that a node remembers for a service port, at all endpoints together. */
  clients(service: number, node: number): number {
    let n = 0;
    for (const { stays } of this.#services.get(service)?.get(node)?.frontends.values() ?? [])
      for (const list of stays.values()) n += list.length;
    return n;
  }
}

/** An address and a port as one number, exact in a double. */
export function frontendKey(address: number, port: number): number {
  return (address >>> 0) * 65_536 + port;
}

function forget(stay: Stay): void {
  stay.list.delete(stay);
  const { stays } = stay.frontend;
  const rest = (stays.get(stay.client) ?? []).filter((other) => other !== stay);
  if (rest.length === 0) stays.delete(stay.client);
  else stays.set(stay.client, rest);
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
