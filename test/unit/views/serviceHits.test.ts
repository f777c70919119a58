import { describe, expect, it } from "vitest";
import { endpointKey, refusals, serviceHits } from "../../../src/observe/serviceHits.ts";
import { Decision } from "../../../src/plane/decision.ts";
import { reason } from "../../../src/plane/reasons.ts";
import type { Endpoint } from "../../../src/plane/rows.ts";
import {
  SERVICE_MODE_CILIUM,
  SERVICE_MODE_IPTABLES,
  SERVICE_MODE_IPVS,
  SERVICE_MODE_NFTABLES,
} from "../../../src/plane/rows.ts";
import { Services } from "../../../src/plane/services/services.ts";
import { Bench, DEV, service } from "../plane/bench.ts";
import { Dice } from "../plane/dice.ts";
import { tcp, VNET } from "../plane/packets.ts";
import { clusterIP, endpoint, serviceRow } from "../plane/serviceRow.ts";

/** The same counts in Maps. */
class Twin {
  readonly services = new Map<number, { connections: number; refused: number; endpoints: Map<string, number> }>();

  of(service: number) {
    const known = this.services.get(service) ?? { connections: 0, refused: 0, endpoints: new Map<string, number>() };
    this.services.set(service, known);
    return known;
  }

  /** Endpoints that are left keep their counts. */
  put(service: number, endpoints: readonly Endpoint[]): void {
    const known = this.services.get(service);
    if (known === undefined) return;
    const keys = new Set(endpoints.map((e) => endpointKey(e.address, e.port)));
    for (const key of known.endpoints.keys()) if (!keys.has(key)) known.endpoints.delete(key);
  }
}

describe("hits of services", () => {
  it("are those of Maps, whatever rows come and go", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const dice = new Dice(seed);
      const services = new Services();
      const twin = new Twin();
      const rows = new Map<number, Endpoint[]>();
      for (let step = 0; step < 400; step++) {
        const id = dice.int(40);
        const known = rows.get(id);
        if (dice.chance(0.2)) {
          const chosen = Array.from({ length: 12 }, (_, i) => i).filter(() => dice.chance(0.4));
          const endpoints = dice.shuffle(chosen).map((i) => `10.0.${i}.${id}:${8000 + (i % 3)}`);
          services.put(serviceRow({ id, frontends: [clusterIP("172.20.0.1", 1000 + id)], endpoints }));
          rows.set(id, endpoints.map(endpoint));
          twin.put(id, endpoints.map(endpoint));
        } else if (dice.chance(0.03) && known !== undefined) {
          services.remove(id);
          rows.delete(id);
          twin.services.delete(id);
        } else if (known !== undefined && known.length > 0 && dice.chance(0.8)) {
          const i = dice.int(known.length);
          services.hits.connected(id, i);
          const own = twin.of(id);
          own.connections++;
          const key = endpointKey(known[i].address, known[i].port);
          own.endpoints.set(key, (own.endpoints.get(key) ?? 0) + 1);
        } else if (known !== undefined) {
          services.hits.refused(id, reason("SERVICE_NO_LOCAL_ENDPOINT"));
          twin.of(id).refused++;
        }
      }
      const found = serviceHits(services.hits.report());
      expect([...found.keys()].sort()).toEqual([...twin.services.keys()].sort());
      for (const [id, own] of twin.services) {
        const hit = found.get(id);
        expect([hit?.connections, hit && refusals(hit)]).toEqual([own.connections, own.refused]);
        const counted = [...(hit?.endpoints ?? [])].filter(([, count]) => count > 0).sort();
        expect(counted, `seed ${seed}, service ${id}`).toEqual([...own.endpoints].sort());
      }
    }
  });

  it.each([
    ["iptables", SERVICE_MODE_IPTABLES],
    ["nftables", SERVICE_MODE_NFTABLES],
    ["ipvs", SERVICE_MODE_IPVS],
    ["cilium", SERVICE_MODE_CILIUM],
  ] as const)("%s: a connection counts once, a refusal by its reason, a what-if not at all", (_, serviceMode) => {
    const b = new Bench({ serviceMode });
    const hits = () => serviceHits(b.plane.context.tables.services.hits.report());
    const syn = (port: number) => tcp("10.0.1.32:40000", `172.20.0.17:${port}`, "S", { seq: 1 });
    const at = b.plane.slotOffset(2);
    for (const port of [80, 81]) {
      b.plane.context.arena.set(syn(port), at - VNET);
      b.plane.whatIf(DEV.client, at, syn(port).length - VNET, new Decision());
    }
    expect(hits().size).toBe(0);
    // The second SYN is the first one's repetition.
    for (const port of [80, 80, 81, 81]) b.send(DEV.client, syn(port));
    expect(hits().get(0)?.connections).toBe(1);
    expect([...(hits().get(0)?.endpoints.values() ?? [])].reduce((a, c) => a + c, 0)).toBe(1);
    expect(hits().get(1)).toMatchObject({ connections: 0, refused: { noEndpoints: 2, noLocalEndpoint: 0, source: 0 } });
    // A service that stays keeps its counts; one that goes and comes again begins anew.
    b.plane.apply({ put: [service(0, 80, ["10.0.2.33:8080"], 0)], gone: [] });
    expect(hits().get(0)?.connections).toBe(1);
    b.plane.apply({ put: [], gone: [service(0, 80, [], 0)] });
    b.plane.apply({ put: [service(0, 80, ["10.0.2.33:8080"], 0)], gone: [] });
    expect(hits().get(0)).toBeUndefined();
  });
});
