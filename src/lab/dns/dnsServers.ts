import type { ClusterState } from "../../control/clusterState.ts";
import { Responder } from "../../control/dns/answer.ts";
import { labResolvers } from "../../control/dns/clusterDns.ts";
import { type DnsListener, dnsListeners } from "../../control/dns/listeners.ts";
import type { Transport } from "../../control/dns/message.ts";
import { QueryMeter } from "../../control/dns/queryMeter.ts";
import { type Resolver, refused } from "../../control/dns/records.ts";
import { formatAddress } from "../../plane/wire/address.ts";
import type { SocketSpec } from "../namespaceProtocol.ts";
import { DnsServer } from "./dnsServer.ts";

export interface DnsServersOptions {
  /** @param namespace `pod/kube-system/coredns-1` */
  readonly openSocket: (namespace: string, spec: SocketSpec) => Promise<number>;
  /** A pod that answers DNS listens, or no longer does. */
  readonly onReady: (pod: string, ready: boolean) => void;
  /** Something that a person may want to know: an address at which nothing can listen. */
  readonly onEvent: (text: string) => void;
}

interface Running {
  readonly listener: DnsListener;
  /** null: it could not be opened. */
  readonly server: DnsServer | null;
}

/** Until the cluster has been seen, nothing is answered for it. */
const NOTHING_YET: Resolver = { reply: refused };

/** The name servers of a lab: they come and go with the pods and nodes that they stand for. */
export class DnsServers {
  readonly #options: DnsServersOptions;
  readonly #running = new Map<string, Running>();
  readonly #responders = { cluster: new Responder(NOTHING_YET), vpc: new Responder(NOTHING_YET) };
  readonly #meter = new QueryMeter();
  /** Addresses of pods with a network of their own: the plane counts what they send. */
  #pods: ReadonlySet<string> = new Set();
  #serial = 0;
  #state: ClusterState | null = null;

  constructor(options: DnsServersOptions) {
    this.#options = options;
  }

  /** Queries to the VPC's resolver that were over its limit and no packets of pods, by ENI. */
  get dropped(): ReadonlyMap<string, number> {
    return this.#meter.dropped;
  }

  /** Answers what the cluster is now, wherever it answers already. */
  update(state: ClusterState, namespaces: readonly string[]): void {
    if (this.#state === state) return;
    this.#state = state;
    const { queryLimit } = state.lab.spec.cluster.dns;
    this.#meter.limit = queryLimit;
    const pods = queryLimit === 0 ? [] : state.pods.filter(({ place }) => !place.hostNetwork);
    this.#pods = new Set(pods.map(({ place }) => formatAddress(place.address)));
    const resolvers = labResolvers(state, ++this.#serial, namespaces);
    this.#responders.cluster.become(resolvers.cluster);
    this.#responders.vpc.become(resolvers.vpc);
  }

  /**
   * Listens where the cluster should answer by now, and nowhere else.
   *
   * @param exists whether a network namespace is there, with its addresses
   */
  async match(state: ClusterState, exists: (namespace: string) => boolean): Promise<void> {
    const wanted = new Map(dnsListeners(state).map((listener) => [keyOf(listener), listener]));
    for (const [key, { listener }] of this.#running) if (!wanted.has(key)) this.#close(key, listener);
    for (const [key, listener] of wanted)
      if (!this.#running.has(key) && exists(listener.namespace)) await this.#open(key, listener);
  }

  /** Closes what listens in a namespace, before it goes. */
  leave(namespace: string): void {
    for (const [key, { listener }] of this.#running) if (listener.namespace === namespace) this.#close(key, listener);
  }

  /** Closes everything; no pod is told. */
  close(): void {
    for (const { server } of this.#running.values()) server?.close();
    this.#running.clear();
  }

  async #open(key: string, listener: DnsListener): Promise<void> {
    const { namespace, address, pod } = listener;
    let server: DnsServer | null = null;
    try {
      const openSocket = (spec: SocketSpec) => this.#options.openSocket(namespace, spec);
      server = await DnsServer.open(address, openSocket, (query, transport, from) =>
        this.#answer(listener, query, transport, from),
      );
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#options.onEvent(`${namespace}: no name server at ${address}: ${why}`);
    }
    this.#running.set(key, { listener, server });
    if (pod !== null) this.#options.onReady(pod, server !== null);
  }

  #close(key: string, { pod }: DnsListener): void {
    this.#running.get(key)?.server?.close();
    this.#running.delete(key);
    if (pod !== null) this.#options.onReady(pod, false);
  }

  /** The VPC's resolver counts every query; CoreDNS asks it for what it has not kept. */
  #answer({ resolver, eni }: DnsListener, query: Buffer, transport: Transport, from: string): Buffer | null {
    const admits = () => this.#meter.admits(eni, performance.now());
    if (resolver === "cluster") return this.#responders.cluster.answer(query, transport, admits);
    return this.#pods.has(from) || admits() ? this.#responders.vpc.answer(query, transport, () => true) : null;
  }
}

function keyOf({ namespace, address, resolver, pod }: DnsListener): string {
  return `${namespace} ${address} ${resolver} ${pod ?? ""}`;
}
