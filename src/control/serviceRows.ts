import type { Row } from "../plane/rows.ts";
import { type CompiledPort, compilePort, schedulerOf } from "./compileServices.ts";
import { StableIds } from "./ids.ts";
import type { ProxyNode } from "./kube/proxyPort.ts";
import { proxyNodes } from "./kube/zones.ts";
import type { Lab } from "./objects/lab.ts";
import type { ServicePortState, ServiceState } from "./serviceStates.ts";

/** A service port with its row. */
export interface RoutedPort extends CompiledPort {
  readonly service: ServiceState;
  readonly port: ServicePortState;
}

type Chunk = readonly (RoutedPort | null)[];

/**
 * Service ports by the index of their row, in chunks. A change makes new chunks where something changed and leaves the
 * others as they are: two tables of tens of thousands of services are compared in the time of their differences.
 */
export type RoutedPorts = readonly Chunk[];

const CHUNK_BITS = 8;
const CHUNK_MASK = (1 << CHUNK_BITS) - 1;

export function routedPortAt(ports: RoutedPorts, id: number): RoutedPort | null {
  return ports[id >> CHUNK_BITS]?.[id & CHUNK_MASK] ?? null;
}

/** All that there are, in the order of their indices. */
export function* allRouted(ports: RoutedPorts): Generator<RoutedPort, void> {
  for (const chunk of ports) for (const routed of chunk) if (routed !== null) yield routed;
}

/** Calls back for every index whose row differs: as it was and as it is. */
export function compareRouted(
  before: RoutedPorts,
  after: RoutedPorts,
  onDifference: (was: Row | null, is: Row | null) => void,
): void {
  for (let c = 0; c < Math.max(before.length, after.length); c++) {
    const old = before[c] ?? [];
    const now = after[c] ?? [];
    if (old === now) continue;
    for (let i = 0; i < Math.max(old.length, now.length); i++) {
      const was = old[i]?.row ?? null;
      const is = now[i]?.row ?? null;
      if (was !== is) onDifference(was, is);
    }
  }
}

/** Makes one table out of another. */
class Writer {
  readonly #chunks: Chunk[];
  readonly #own = new Map<number, (RoutedPort | null)[]>();

  constructor(from: RoutedPorts) {
    this.#chunks = from.slice();
  }

  get ports(): RoutedPorts {
    return this.#chunks;
  }

  set(id: number, value: RoutedPort | null): void {
    const c = id >> CHUNK_BITS;
    let chunk = this.#own.get(c);
    if (chunk === undefined) {
      chunk = [...(this.#chunks[c] ?? [])];
      this.#own.set(c, chunk);
      while (this.#chunks.length < c) this.#chunks.push([]);
      this.#chunks[c] = chunk;
    }
    const i = id & CHUNK_MASK;
    while (chunk.length < i) chunk.push(null);
    chunk[i] = value;
  }
}

/** The rows of all service ports, kept from change to change: a change costs the services that it concerns. */
export class ServiceRows {
  readonly #ids = new StableIds();
  #services: readonly ServiceState[] = [];
  #ports: RoutedPorts = [];
  #lab: Lab | null = null;
  #nodes: readonly ProxyNode[] = [];
  #scheduler = -1;

  /** @param services as ServiceStates keeps them; the same list: nothing changed. */
  update(services: readonly ServiceState[], lab: Lab): RoutedPorts {
    const all = this.#takeLab(lab);
    if (!all && services === this.#services) return this.#ports;
    const before = this.#services;
    const writer = new Writer(this.#ports);
    if (services.length === before.length && services.every((s, i) => s.key === before[i].key))
      services.forEach((service, i) => {
        if (all || service !== before[i]) this.#replace(before[i], service, writer);
      });
    else {
      const left = new Map(before.map((s) => [s.key, s]));
      for (const service of services) {
        const old = left.get(service.key) ?? null;
        left.delete(service.key);
        if (all || service !== old) this.#replace(old, service, writer);
      }
      for (const old of left.values()) this.#replace(old, null, writer);
    }
    this.#ids.endRound();
    this.#services = services;
    this.#ports = writer.ports;
    return this.#ports;
  }

  /** @returns whether every row has to be made anew. */
  #takeLab(lab: Lab): boolean {
    if (lab === this.#lab) return false;
    this.#lab = lab;
    const nodes = proxyNodes(lab);
    const scheduler = schedulerOf(lab);
    const same = scheduler === this.#scheduler && JSON.stringify(nodes) === JSON.stringify(this.#nodes);
    this.#nodes = nodes;
    this.#scheduler = scheduler;
    return !same;
  }

  #replace(before: ServiceState | null, after: ServiceState | null, writer: Writer): void {
    const left = new Set((before?.ports ?? []).filter((p) => p.proxy !== null).map((p) => p.key));
    for (const port of after?.ports ?? []) {
      if (after === null || port.proxy === null) continue;
      left.delete(port.key);
      const id = this.#ids.of(port.key);
      const made = compilePort(port.proxy, id, this.#nodes, this.#scheduler);
      const old = routedPortAt(this.#ports, id);
      // A row that stays the same stays the same object, whatever else of its service changed.
      const row = old !== null && JSON.stringify(old.row) === JSON.stringify(made.row) ? old.row : made.row;
      writer.set(id, { service: after, port, row, endpoints: made.endpoints });
    }
    for (const key of left) {
      writer.set(this.#ids.of(key), null);
      this.#ids.drop(key);
    }
  }
}
