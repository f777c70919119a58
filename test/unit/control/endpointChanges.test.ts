import fc from "fast-check";
import { expect, it } from "vitest";
import { Cluster } from "../../../src/control/cluster.ts";
import { diff } from "../../../src/control/diff.ts";
import { StateServices } from "../../../src/control/dns/stateServices.ts";
import type { LabObject } from "../../../src/control/objects/kinds.ts";
import { readObjects } from "../../../src/control/objects/read.ts";
import { withValues } from "../../../src/control/overlay.ts";

const SERVICES = 5;

function read(documents: readonly object[]): LabObject[] {
  const { objects, problems } = readObjects({ apiVersion: "v1", kind: "List", items: documents });
  expect(problems).toEqual([]);
  return objects.map((o) => o.object);
}

const LAB = {
  apiVersion: "podplane.dev/v1alpha1",
  kind: "Lab",
  metadata: { name: "changes" },
  spec: {
    vpc: {
      cidrBlocks: ["10.0.0.0/16"],
      subnets: [{ name: "a", availabilityZone: "us-east-1a", cidrBlock: "10.0.0.0/20" }],
    },
    nodes: ["node-1", "node-2"].map((name) => ({ name, instanceType: "m5.large", subnet: "a" })),
  },
};

const service = (i: number) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: `s-${i}` },
  spec: { clusterIP: `172.20.9.${i + 1}`, ports: [{ port: 80 }] },
});

interface SliceChange {
  readonly slice: number;
  /** Service that it names; most changes leave it as it is. */
  readonly of: number;
  readonly ready: readonly boolean[];
}

const slice = ({ slice: i, of, ready }: SliceChange) => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name: `slice-${i}`, labels: { "kubernetes.io/service-name": `s-${of}` } },
  addressType: "IPv4",
  ports: [{ port: 8080 }],
  endpoints: ready.map((isReady, n) => ({
    addresses: [`10.64.${i}.${n + 1}`],
    conditions: { ready: isReady },
    nodeName: `node-${1 + (n % 2)}`,
  })),
});

/** Two slices a service. */
const FIRST = Array.from({ length: 2 * SERVICES }, (_, i) => slice({ slice: i, of: i >> 1, ready: [true] }));

const change: fc.Arbitrary<SliceChange> = fc
  .record({
    slice: fc.integer({ min: 0, max: 2 * SERVICES - 1 }),
    move: fc.integer({ min: 0, max: 19 }),
    ready: fc.array(fc.boolean(), { maxLength: 3 }),
  })
  // A slice that goes to another service leaves its own one another slice: the even ones stay.
  .map(({ slice: i, move, ready }) => ({ slice: i, of: i % 2 === 1 && move < SERVICES ? move : i >> 1, ready }));

it("after any changes of endpoints the plane gets the rows, and DNS the names, of a cluster that began with them", () => {
  fc.assert(
    fc.property(fc.array(fc.array(change, { minLength: 1, maxLength: 3 }), { maxLength: 12 }), (steps) => {
      const services = Array.from({ length: SERVICES }, (_, i) => service(i));
      const now = new Map(FIRST.map((s) => [s.metadata.name, s]));
      const cluster = new Cluster(read([LAB, ...services, ...FIRST]));
      for (const changes of steps) {
        const documents = new Map(changes.map((c) => [c.slice, slice(c)]));
        for (const s of documents.values()) now.set(s.metadata.name, s);
        cluster.apply(read([...documents.values()]));
        const fresh = new Cluster(read([LAB, ...services, ...now.values()]));
        expect(diff(null, cluster.snapshot())).toEqual(diff(null, fresh.snapshot()));
        const [names, wanted] = [cluster, fresh].map((c) => new StateServices(c.state()));
        for (const s of now.values())
          for (const { addresses } of s.endpoints) expect(names.at(addresses[0])).toEqual(wanted.at(addresses[0]));
      }
    }),
    { seed: 515, numRuns: 25 },
  );
}, 60_000);

it("what is wrong with changed endpoints is refused, and nothing of it happens", () => {
  const cluster = new Cluster(read([LAB, service(0), slice({ slice: 0, of: 0, ready: [true] })]));
  const before = cluster.snapshot();
  const document = slice({ slice: 0, of: 0, ready: [true] });
  const wrong = { ...document, endpoints: [{ addresses: ["10.64.0.256"] }] };
  expect(() => cluster.apply(read([wrong]))).toThrow('expected an IPv4 address, got "10.64.0.256"');
  expect(cluster.snapshot()).toBe(before);
});

it("hundreds of changed values are the same map as a copy with them", () => {
  const first = new Map(Array.from({ length: 1000 }, (_, i) => [i, { value: 0 }]));
  const copy = new Map(first);
  let map: ReadonlyMap<number, { value: number }> = first;
  for (let i = 0; i < 600; i++) {
    const value = { value: i };
    map = withValues(map, new Map([[(i * 7) % 1000, value]]));
    copy.set((i * 7) % 1000, value);
    expect(map.get((i * 7) % 1000)).toBe(value);
  }
  expect([...map]).toEqual([...copy]);
  expect([...map.values()]).toEqual([...copy.values()]);
  expect(map.size).toBe(1000);
  expect(first.get(7)).toEqual({ value: 0 });
});
