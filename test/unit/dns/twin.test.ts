import fc from "fast-check";
import { expect, it } from "vitest";
import type { DnsService } from "../../../src/control/dns/objects.ts";
import { type ListedObjects, listed, UPSTREAM, zone } from "./world.ts";
import { allPointers, allRecords } from "./zoneTwin.ts";

const namespaces = ["default", "shop"];
const address = fc.integer({ min: 1, max: 12 }).map((n) => `10.0.1.${n}`);
const port = fc.record({
  name: fc.constantFrom("http", "dns", "admin"),
  protocol: fc.constantFrom("TCP", "UDP"),
  port: fc.integer({ min: 1, max: 4 }),
});
const ports = fc.uniqueArray(port, { minLength: 1, maxLength: 3, selector: (p) => p.name });

const service = fc
  .record({
    namespace: fc.constantFrom(...namespaces),
    name: fc.constantFrom("api", "web", "db"),
    isHeadless: fc.boolean(),
    clusterIP: fc.integer({ min: 1, max: 200 }).map((n) => `172.20.1.${n}`),
    ports,
    endpoints: fc.uniqueArray(fc.record({ address, hostname: fc.option(fc.constantFrom("db-0", "db-1")) }), {
      maxLength: 4,
      selector: (e) => e.address,
    }),
  })
  .map(
    ({ isHeadless, clusterIP, endpoints, ...rest }): DnsService => ({
      ...rest,
      clusterIP: isHeadless ? null : clusterIP,
      externalName: null,
      endpoints: endpoints.map((e) => ({ ...e, ports: rest.ports })),
    }),
  );

const cluster: fc.Arbitrary<ListedObjects> = fc.record({
  namespaces: fc.constant(new Set([...namespaces, "empty"])),
  services: fc
    .uniqueArray(service, { maxLength: 5, selector: (s) => `${s.namespace}/${s.name}` })
    .filter((list) => new Set(list.map((s) => s.clusterIP ?? s.name + s.namespace)).size === list.length),
  pods: fc.array(fc.record({ namespace: fc.constantFrom(...namespaces), address }), { maxLength: 4 }),
});

const label = fc.constantFrom(
  ...[
    "api",
    "web",
    "db",
    "default",
    "shop",
    "empty",
    "svc",
    "pod",
    "_http",
    "_dns",
    "_tcp",
    "_udp",
    "db-0",
    "10-0-1-1",
  ],
  ...["10-0-1-2", "dns-version", "dns", "ns"],
);
const anyName = fc.array(label, { maxLength: 6 }).map((labels) => [...labels, "cluster", "local"].join("."));

it("every name of a random cluster has the records that the list of all records has, and no others exist", () => {
  const types = ["A", "AAAA", "SRV", "TXT"];
  fc.assert(
    fc.property(cluster, fc.array(anyName, { maxLength: 30 }), (objects, more) => {
      const z = zone([], { objects: listed(objects), pods: "verified", nameserver: null });
      const { records, names } = allRecords(objects);
      for (const name of new Set([...names, ...records.map((r) => r.name), ...more])) {
        for (const type of types) {
          const reply = z.reply(name, type);
          const got = (reply?.answers ?? []).map((r) =>
            r.type === "SRV" ? `${r.data.port} ${r.data.target}` : r.type === "SOA" ? "" : String(r.data),
          );
          const wanted = records.filter((r) => r.name === name && r.type === type).map((r) => r.data);
          expect([name, type, got.toSorted()]).toEqual([name, type, wanted.toSorted()]);
          expect([name, type, reply?.rcode]).toEqual([name, type, names.has(name) ? 0 : 3]);
          expect(reply?.authorities).toHaveLength(wanted.length > 0 ? 0 : 1);
        }
      }
    }),
    { seed: 1123, numRuns: 300 },
  );
});

it("every address of a random cluster has the names that its services give it", () => {
  fc.assert(
    fc.property(cluster, fc.array(address), (objects, more) => {
      const z = zone([], { objects: listed(objects) });
      const all = objects.services.flatMap((s) => [s.clusterIP ?? "10.9.9.9", ...s.endpoints.map((e) => e.address)]);
      for (const a of new Set([...all, ...more])) {
        const asked = `${a.split(".").reverse().join(".")}.in-addr.arpa`;
        const reply = z.reply(asked, "PTR");
        const wanted = new Set(allPointers(objects.services, a));
        expect(new Set((reply?.answers ?? []).map((r) => r.data))).toEqual(wanted);
        if (wanted.size === 0) expect(reply).toBeNull();
      }
    }),
    { seed: 1035, numRuns: 300 },
  );
});

it("what a service outside stands for is what its target has", () => {
  const alias = { namespace: "default", name: "ext", clusterIP: null, ports: [], endpoints: [] };
  fc.assert(
    fc.property(cluster, anyName, (objects, target) => {
      const services = [...objects.services, { ...alias, externalName: target }];
      const z = zone([], { objects: listed({ ...objects, services }), upstream: UPSTREAM });
      const direct = z.reply(target, "A")?.answers.filter((r) => r.type === "A") ?? [];
      const by = z.reply("ext.default.svc.cluster.local", "A")?.answers.filter((r) => r.type === "A") ?? [];
      expect(by).toEqual(direct);
    }),
    { seed: 88, numRuns: 300 },
  );
});
