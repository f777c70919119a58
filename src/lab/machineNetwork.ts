import type { ClusterState } from "../control/clusterState.ts";
import { dnsAddresses } from "../control/dns/listeners.ts";
import { hostName, nodeName } from "../control/entityNames.ts";
import { OwnTraffic } from "../control/ownTraffic.ts";
import type { NamespaceSpec as LabNamespace } from "../control/workloads.ts";
import { formatAddress } from "../plane/wire/address.ts";
import type { Namespaces, RoutingEntry } from "./namespaces.ts";
import { namespaceFileName, ownRoute, ownRule } from "./netSpec.ts";

/** What a machine's namespace has, or is to have, besides what it was made with. */
interface Extras {
  readonly addresses: ReadonlySet<string>;
  /** By their text. */
  readonly routing: ReadonlyMap<string, RoutingEntry>;
}

const NOTHING: Extras = { addresses: new Set(), routing: new Map() };

/**
 * Addresses, routes and rules of nodes and hosts that come and go while their namespaces stay: a node answers at the own
 * address of each of its ENIs, nodes and hosts have the addresses of the name servers that they answer for themselves, and
 * what a node sends to itself leaves its namespace where the plane has to translate it.
 */
export class MachineNetwork {
  readonly #namespaces: Namespaces;
  readonly #ownTraffic = new OwnTraffic();
  /** By the description that the namespace was made from: another one is another namespace. */
  readonly #has = new WeakMap<LabNamespace, Extras>();

  constructor(namespaces: Namespaces) {
    this.#namespaces = namespaces;
  }

  /** @param placed description of a namespace that exists, by its name. */
  async match(state: ClusterState, placed: (name: string) => LabNamespace | undefined): Promise<void> {
    for (const [name, wanted] of this.#wanted(state)) {
      const spec = placed(name);
      if (spec === undefined) continue;
      wanted.addresses.delete(spec.address);
      const has = this.#has.get(spec) ?? NOTHING;
      const file = namespaceFileName(spec.name);
      // The kernel takes routes that have an address as their source with the address: they go before it, and come after.
      const [newRouting, oldRouting] = difference(has.routing.keys(), wanted.routing.keys());
      const [add, remove] = difference(has.addresses, wanted.addresses);
      const entries = (keys: string[], of: Extras): RoutingEntry[] =>
        keys.map((key) => of.routing.get(key)).filter((entry) => entry !== undefined);
      if (oldRouting.length > 0) await this.#namespaces.changeRouting(file, [], entries(oldRouting, has));
      if (add.length + remove.length > 0) await this.#namespaces.changeAddresses(file, add, remove);
      if (newRouting.length > 0) await this.#namespaces.changeRouting(file, entries(newRouting, wanted), []);
      this.#has.set(spec, wanted);
    }
  }

  #wanted(state: ClusterState): Map<string, { addresses: Set<string>; routing: Map<string, RoutingEntry> }> {
    const dns = dnsAddresses(state);
    const wanted = new Map(
      state.hosts.map(({ spec }) => {
        const name = hostName(spec.name);
        return [name, { addresses: new Set(dns.get(name)), routing: new Map<string, RoutingEntry>() }] as const;
      }),
    );
    const flows = this.#ownTraffic.of(state);
    state.nodes.forEach((node, i) => {
      const name = nodeName(node.spec.name);
      // A branch ENI's address is its pod's.
      const own = node.enis.filter((eni) => eni.kind !== "branch").map((eni) => formatAddress(eni.address));
      const further = own.filter((address) => address !== formatAddress(node.address));
      const routing = [...further.map(ownRoute), ...flows[i].map(ownRule)];
      wanted.set(name, {
        addresses: new Set([...own, ...(dns.get(name) ?? [])]),
        routing: new Map(routing.map((entry) => [`${entry.object} ${entry.text}`, entry])),
      });
    });
    return wanted;
  }
}

/** @returns what is new, and what is no more. */
function difference(before: Iterable<string>, after: Iterable<string>): [added: string[], removed: string[]] {
  const old = new Set(before);
  const now = new Set(after);
  return [[...now].filter((x) => !old.has(x)), [...old].filter((x) => !now.has(x))];
}
