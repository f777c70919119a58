import type { Reply, Resolver, Zone } from "./records.ts";

/** The cluster's resolver: its own zone, and for all other names whoever is upstream, as CoreDNS's `forward` does it. */
export class ClusterResolver implements Resolver {
  readonly #zone: Zone;
  readonly #upstream: Resolver;

  constructor(zone: Zone, upstream: Resolver) {
    this.#zone = zone;
    this.#upstream = upstream;
  }

  reply(name: string, type: string): Reply {
    return this.#zone.reply(name, type) ?? this.#upstream.reply(name, type);
  }
}
