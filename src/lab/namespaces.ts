import { Worker } from "node:worker_threads";
import type {
  DeviceStats,
  Namespace,
  NamespaceSpec,
  Operation,
  Operations,
  Response,
  RoutingEntry,
  SocketSpec,
} from "./namespaceProtocol.ts";

export type { DeviceStats, Namespace, NamespaceSpec, RoutingEntry, SocketSpec };

interface Waiting {
  operation: Operation;
  resolve: (result: never) => void;
  reject: (error: Error) => void;
}

/**
 * The network namespaces of a lab. A thread of its own (namespaceThread.ts) makes them, because entering a namespace
 * moves the whole thread. Call it from the inner process: its mounts are private to the lab's mount namespace.
 */
export class Namespaces {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #dead: Error | null = null;

  /** @param directory path for the namespaces' files; a tmpfs is mounted there. */
  constructor(directory: string) {
    this.#worker = new Worker(new URL("./namespaceThread.js", import.meta.url), { workerData: { directory } });
    this.#worker.on("message", (response: Response) => this.#settle(response));
    this.#worker.on("error", (error) => this.#die(error));
    this.#worker.on("exit", () => this.#die(new Error("the lab thread has ended")));
  }

  /**
   * Makes a namespace with a TUN that is up, has its addresses, routes and rules, and is bound to a file. The TUN's
   * descriptors are the caller's. Nothing is left behind when it fails. About 3 ms.
   */
  create(spec: NamespaceSpec): Promise<Namespace> {
    return this.#ask("create", spec);
  }

  /** Lets the namespace go. Its TUN lives on until its descriptors are closed, which are the caller's. */
  async remove(name: string): Promise<void> {
    await this.#ask("remove", name);
  }

  /** The kernel's counters of the namespaces' devices, by namespace; those that do not exist are left out. */
  async readDeviceStats(names: string[]): Promise<Map<string, DeviceStats>> {
    return new Map(await this.#ask("stats", names));
  }

  /** Gives the namespace's device further addresses, and takes others away. */
  async changeAddresses(name: string, add: string[], remove: string[]): Promise<void> {
    await this.#ask("addresses", { name, add, remove });
  }

  /** Gives the namespace further routes and rules, and takes others away. */
  async changeRouting(name: string, add: RoutingEntry[], remove: RoutingEntry[]): Promise<void> {
    await this.#ask("routing", { name, add, remove });
  }

  /**
   * A socket inside a namespace, as a descriptor that `new net.Socket({ fd })`, `server.listen({ fd })` or
   * `socket.bind({ fd })` of node:dgram takes over.
   */
  openSocket(name: string, spec: SocketSpec): Promise<number> {
    return this.#ask("socket", { name, spec });
  }

  /** Operations that have no answer yet. */
  get pending(): string[] {
    return [...this.#waiting.values()].map(({ operation }) => operation);
  }

  /** Ends the thread. The namespaces stay until they are removed or the lab's processes end. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask<O extends Operation>(operation: O, argument: Operations[O]["argument"]): Promise<Operations[O]["result"]> {
    return new Promise((resolve, reject) => {
      if (this.#dead) {
        reject(this.#dead);
        return;
      }
      const id = this.#nextId++;
      this.#waiting.set(id, { operation, resolve, reject });
      this.#worker.postMessage({ id, operation, argument });
    });
  }

  #settle(response: Response): void {
    const waiting = this.#waiting.get(response.id);
    this.#waiting.delete(response.id);
    if ("error" in response) waiting?.reject(new Error(response.error));
    else waiting?.resolve(response.result as never);
  }

  #die(error: Error): void {
    this.#dead ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#dead);
    this.#waiting.clear();
  }
}
