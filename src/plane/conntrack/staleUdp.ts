import { PROTO_UDP } from "../packet.ts";
import { type Endpoint, FRONTEND_CLUSTER_IP, FRONTEND_NODE_PORT, type Patch, type ServiceRow } from "../rows.ts";
import { DIR_ORIGINAL, DIR_REPLY } from "./info.ts";
import type { Conntrack } from "./table.ts";

/**
 * kube-proxy's clean-up of UDP entries (kubernetes pkg/proxy/conntrack/cleanup.go):
 *
 * - `reconciler`: Kubernetes 1.32 and later. Of a service that changed, all entries go whose answers come from none of its
 *   serving endpoints, chosen by any node or not, those of a service that lost its last endpoint or was deleted included
 *   (kubernetes 139629, 141371).
 * - `reconcilerSkipsEmpty`: the same before these fixes: what was sent to the last endpoint keeps going there.
 * - `event`: up to 1.31. Entries of an endpoint that left; all of a service that got its first endpoint; those to the
 *   ClusterIP of a deleted service.
 * - `none`: no clean-up.
 */
export type UdpCleanup = "reconciler" | "reconcilerSkipsEmpty" | "event" | "none";

const PORT_SPAN = 65_536;

/** An address and a port as one number; numbers of a Map, not on a packet's way. */
function socketKey(address: number, port: number): number {
  return (address >>> 0) * PORT_SPAN + port;
}

const endpointKey = (e: Endpoint): number => socketKey(e.address, e.port);

/** What an entry must have to be deleted; null: anything. */
interface Filter {
  /** Original destination. */
  readonly address: number | null;
  readonly port: number | null;
  /** Where answers come from. */
  readonly from: number | null;
}

/**
 * Deletes UDP entries that changes of services made stale. TCP and SCTP entries are never deleted: kube-proxy leaves their
 * connections to their ends. A change of the tables costs a look at all entries if it changed a UDP service, else nothing.
 */
export class StaleUdp {
  readonly #ct: Conntrack;
  readonly #mode: UdpCleanup;
  /** The UDP services as of the last patch. */
  readonly #rows = new Map<number, ServiceRow>();

  constructor(ct: Conntrack, mode: UdpCleanup) {
    this.#ct = ct;
    this.#mode = mode;
  }

  /** Deletes the entries that a patch made stale. The tables have taken it: what comes now is translated anew. */
  apply(patch: Patch): void {
    if (this.#mode === "none") return;
    const gone = new Map<number, ServiceRow>();
    const put = new Map<number, { before: ServiceRow | undefined; now: ServiceRow }>();
    for (const row of patch.gone) if (row.t === "service") this.#forget(row.id, gone);
    for (const row of patch.put) {
      if (row.t !== "service") continue;
      if (row.protocol !== PROTO_UDP) {
        this.#forget(row.id, gone);
        continue;
      }
      put.set(row.id, { before: this.#rows.get(row.id), now: row });
      this.#rows.set(row.id, row);
    }
    if (this.#ct.total === 0 || gone.size + put.size === 0) return;
    if (this.#mode === "event") this.#cleanByEvent([...gone.values()], [...put.values()]);
    else
      this.#reconcile(
        [...gone.values()],
        [...put.values()].map((p) => p.now),
      );
  }

  #forget(id: number, gone: Map<number, ServiceRow>): void {
    const row = this.#rows.get(id);
    if (row === undefined) return;
    this.#rows.delete(id);
    gone.set(id, row);
  }

  /** CleanStaleEntries of 1.32 and later. A NodePort is looked for at any destination, as there. */
  #reconcile(gone: readonly ServiceRow[], put: readonly ServiceRow[]): void {
    const bySocket = new Map<number, ReadonlySet<number>>();
    const byNodePort = new Map<number, ReadonlySet<number>>();
    const want = (row: ServiceRow, endpoints: ReadonlySet<number>): void => {
      for (const { kind, address, port } of row.frontends)
        if (kind === FRONTEND_NODE_PORT) byNodePort.set(port, endpoints);
        else bySocket.set(socketKey(address, port), endpoints);
    };
    const skipsEmpty = this.#mode === "reconcilerSkipsEmpty";
    // Services that exist come last: one may have the address of another that is gone.
    if (!skipsEmpty) for (const row of gone) want(row, new Set());
    for (const row of put) {
      const serving = new Set([...row.endpoints, ...(row.alsoServing ?? [])].map(endpointKey));
      if (!(skipsEmpty && serving.size === 0)) want(row, serving);
    }
    const ct = this.#ct;
    ct.forEach((entry) => {
      if (ct.protocol(entry) !== PROTO_UDP) return;
      const port = ct.dport(entry, DIR_ORIGINAL);
      const serving = bySocket.get(socketKey(ct.dst(entry, DIR_ORIGINAL), port));
      const from = socketKey(ct.src(entry, DIR_REPLY), ct.sport(entry, DIR_REPLY));
      const stale = (endpoints: ReadonlySet<number> | undefined): boolean =>
        endpoints !== undefined && !endpoints.has(from);
      if (stale(serving) || stale(byNodePort.get(port))) ct.remove(entry);
    });
  }

  /** deleteStaleServiceConntrackEntries and deleteStaleEndpointConntrackEntries of 1.31. */
  #cleanByEvent(
    gone: readonly ServiceRow[],
    put: readonly { before: ServiceRow | undefined; now: ServiceRow }[],
  ): void {
    const filters: Filter[] = [];
    for (const row of gone)
      for (const { kind, address } of row.frontends)
        if (kind === FRONTEND_CLUSTER_IP) filters.push({ address, port: null, from: null });
    for (const { before, now } of put) {
      const had = before?.endpoints ?? [];
      if (had.length === 0 && now.endpoints.length > 0) filters.push(...frontendFilters(now, null));
      const has = new Set(now.endpoints.map(endpointKey));
      for (const e of had) if (!has.has(endpointKey(e))) filters.push(...frontendFilters(now, e.address));
    }
    if (filters.length === 0) return;
    const ct = this.#ct;
    ct.forEach((entry) => {
      if (ct.protocol(entry) !== PROTO_UDP) return;
      const address = ct.dst(entry, DIR_ORIGINAL);
      const port = ct.dport(entry, DIR_ORIGINAL);
      const from = ct.src(entry, DIR_REPLY);
      const isStale = filters.some(
        (f) =>
          (f.address === null || f.address === address) &&
          (f.port === null || f.port === port) &&
          (f.from === null || f.from === from),
      );
      if (isStale) ct.remove(entry);
    });
  }
}

/** By address alone, whatever the port; a NodePort at any address. */
function frontendFilters(row: ServiceRow, from: number | null): Filter[] {
  return row.frontends.map(({ kind, address, port }) =>
    kind === FRONTEND_NODE_PORT ? { address: null, port, from } : { address, port: null, from },
  );
}
