import type { ClusterState } from "../../control/clusterState.ts";
import { nodeName } from "../../control/entityNames.ts";
import {
  type CheckedService,
  checkedServices,
  type HealthCheckAnswer,
  healthCheckAnswer,
  PROXY_HEALTH_PORT,
  proxyHealthAnswer,
} from "../../control/kube/healthCheck.ts";
import type { Lab, LabNode } from "../../control/objects/lab.ts";
import type { SocketSpec } from "../namespaceProtocol.ts";
import { HealthServer } from "./healthServer.ts";

export interface HealthServersOptions {
  /** @param namespace `node/node-1` */
  readonly openSocket: (namespace: string, spec: SocketSpec) => Promise<number>;
  /** Something that a person may want to know: a port at which nothing can listen. */
  readonly onEvent: (text: string) => void;
}

/** A port of a node at which kube-proxy listens; answers are of the state that it sees now. */
interface Listener {
  readonly namespace: string;
  readonly port: number;
  /** What the port is for: `svc/shop/api`, or kube-proxy itself. */
  readonly of: string;
  answer: (path: string) => HealthCheckAnswer;
}

interface Running {
  readonly listener: Listener;
  readonly server: HealthServer;
}

/**
 * The HTTP servers of every node's kube-proxy: a service's healthCheckNodePort, which load balancers ask whether the node
 * has endpoints for it, and kube-proxy's own health. They follow services, endpoints and nodes.
 */
export class HealthServers {
  readonly #options: HealthServersOptions;
  readonly #running = new Map<string, Running>();
  /** Ports that something else has, told of once. */
  readonly #failed = new Set<string>();
  /** Whether everything listened when these were last looked at. */
  #complete = false;
  #services: ClusterState["services"] = [];
  #lab: Lab | null = null;

  constructor(options: HealthServersOptions) {
    this.#options = options;
  }

  /**
   * Listens where the cluster's kube-proxies should by now, and nowhere else, and answers what the cluster is now.
   *
   * @param exists whether a network namespace is there, with its addresses
   */
  async match({ services, lab }: ClusterState, exists: (namespace: string) => boolean): Promise<void> {
    if (this.#complete && services === this.#services && lab === this.#lab) return;
    this.#services = services;
    this.#lab = lab;
    const wanted = listeners(lab.spec.nodes, checkedServices({ services }));
    for (const [key, { listener }] of this.#running) {
      const now = wanted.get(key);
      if (now === undefined) this.#close(key);
      else listener.answer = now.answer;
    }
    for (const key of this.#failed) if (!wanted.has(key)) this.#failed.delete(key);
    this.#complete = true;
    for (const [key, listener] of wanted)
      if (!this.#running.has(key) && !(exists(listener.namespace) && (await this.#open(key, listener))))
        this.#complete = false;
  }

  /** Closes what listens in a namespace, before it goes. */
  leave(namespace: string): void {
    for (const [key, { listener }] of this.#running) if (listener.namespace === namespace) this.#close(key);
  }

  /** Closes everything. */
  close(): void {
    for (const { server } of this.#running.values()) server.close();
    this.#running.clear();
  }

  /** @returns whether it listens; kube-proxy tries again at the next change, too. */
  async #open(key: string, listener: Listener): Promise<boolean> {
    const { namespace, port, of } = listener;
    try {
      const openSocket = (spec: SocketSpec) => this.#options.openSocket(namespace, spec);
      const server = await HealthServer.open(port, openSocket, (path) => listener.answer(path));
      this.#running.set(key, { listener, server });
      this.#failed.delete(key);
      return true;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (!this.#failed.has(key))
        this.#options.onEvent(`${namespace}: no health check of ${of} on port ${port}: ${why}`);
      this.#failed.add(key);
      return false;
    }
  }

  #close(key: string): void {
    this.#running.get(key)?.server.close();
    this.#running.delete(key);
    this.#complete = false;
  }
}

function listeners(nodes: readonly LabNode[], services: readonly CheckedService[]): Map<string, Listener> {
  const found = new Map<string, Listener>();
  const add = (listener: Listener) => found.set(`${listener.namespace} ${listener.port} ${listener.of}`, listener);
  for (const node of nodes) {
    const { name } = node;
    const namespace = nodeName(name);
    add({
      namespace,
      port: PROXY_HEALTH_PORT,
      of: "kube-proxy",
      answer: (path) => proxyHealthAnswer(node, path, Date.now()),
    });
    for (const { key, healthCheckNodePort: port, ports } of services)
      add({ namespace, port, of: key, answer: () => healthCheckAnswer(ports, name) });
  }
  return found;
}
