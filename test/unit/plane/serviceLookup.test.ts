import { expect, it } from "vitest";
import { PROTO_TCP } from "../../../src/plane/packet.ts";
import { FRONTEND_CLUSTER_IP, SCHEDULER_RANDOM, type ServiceRow } from "../../../src/plane/rows.ts";
import { Services } from "../../../src/plane/services/services.ts";

const FEW = 100;
const MANY = 20_000;
const ENDPOINTS = 5;
const PORT = 80;
const FIRST_ADDRESS = 0xac140001 | 0;
const LOOKUPS = 200_000;
const ROUNDS = 9;
/** What grows with the number of services grows by 200; what does not misses the cache more often. */
const MOST_GROWTH = 40;

function row(id: number): ServiceRow {
  const endpoints = Array.from({ length: ENDPOINTS }, (_, n) => ({
    address: (0x0a400000 + id * ENDPOINTS + n) | 0,
    port: 8080,
    weight: 1,
  }));
  return {
    t: "service",
    id,
    protocol: PROTO_TCP,
    frontends: [{ kind: FRONTEND_CLUSTER_IP, address: (FIRST_ADDRESS + id) | 0, port: PORT }],
    endpoints,
    cluster: endpoints.map((_, i) => i),
    nodes: [],
    hasEndpoints: true,
    internalLocal: false,
    externalLocal: false,
    affinity: 0,
    scheduler: SCHEDULER_RANDOM,
    sourceRanges: [],
  };
}

function filled(count: number): Services {
  const services = new Services();
  for (let id = 0; id < count; id++) services.put(row(id));
  return services;
}

/** Milliseconds of lookups that hit services all over the table. */
function lookups(services: Services, count: number): number {
  const before = performance.now();
  let found = 0;
  for (let i = 0; i < LOOKUPS; i++)
    if (services.lookup((FIRST_ADDRESS + ((i * 7919) % count)) | 0, PROTO_TCP, PORT) >= 0) found++;
  expect(found).toBe(LOOKUPS);
  return performance.now() - before;
}

it("a service is found among 20,000 about as fast as among 100", () => {
  const few = filled(FEW);
  const many = filled(MANY);
  const times: { few: number; many: number }[] = [];
  // In turns, and the best of each: whatever else the machine does slows both.
  for (let round = 0; round < ROUNDS; round++) times.push({ few: lookups(few, FEW), many: lookups(many, MANY) });
  const best = (of: "few" | "many") => Math.min(...times.map((t) => t[of]));
  expect(best("many") / best("few"), JSON.stringify(times)).toBeLessThan(MOST_GROWTH);
});
