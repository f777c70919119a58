import { describe, expect, it } from "vitest";
import { duration, scaled, type TopView, topFrame } from "../../../src/observe/topFrame.ts";
import { type TopSort, topRates } from "../../../src/observe/topRates.ts";
import { type TopFlow, type TopSample, topFlows } from "../../../src/observe/topSample.ts";
import { IPS_DST_NAT, IPS_SEEN_REPLY, IPS_SRC_NAT } from "../../../src/plane/conntrack/info.ts";
import { ip } from "../plane/packets.ts";
import { NAMES } from "./names.ts";

const flow = (id: string, change: Partial<TopFlow> = {}): TopFlow => ({
  id,
  protocol: "tcp",
  state: "ESTABLISHED",
  from: "pod/web-7f9c6d5b4-x2x9k:40000",
  to: "svc/checkout:80",
  answeredBy: "pod/checkout-6b8f7d9c5-abcde:8080",
  seenAs: null,
  packets: 1000,
  bytes: 1_000_000,
  recentPackets: 1000,
  recentBytes: 1_000_000,
  age: 61_000,
  ...change,
});

const BEFORE: TopSample = {
  lab: "shop",
  time: 100_000,
  uptime: 99_000,
  packets: 50_000,
  bytes: 40_000_000,
  busy: 1e9,
  idle: 9e9,
  queued: 2,
  conntrack: { entries: 120, capacity: 262_144 },
  nat: { name: "node-1 tcp host/office:443", used: 60_000, size: 64_512 },
  drops: [{ code: "NO_ROUTE", count: 5, last: "udp pod/web-1:9 -> 198.18.0.1:9", ago: 400 }],
  devices: [
    { name: "pod/default/web-1", packetsIn: 100, bytesIn: 10_000, packetsOut: 100, bytesOut: 10_000 },
    { name: "node/node-1", packetsIn: 5, bytesIn: 300, packetsOut: 5, bytesOut: 300 },
  ],
  flows: [flow("a"), flow("b", { bytes: 400, packets: 4 })],
  services: [{ name: "svc/default/checkout:80", connections: 40, refused: 0 }],
};

const NOW: TopSample = {
  ...BEFORE,
  time: 102_000,
  uptime: 101_000,
  packets: 53_000,
  bytes: 44_000_000,
  busy: 1.5e9,
  idle: 10.5e9,
  drops: [
    { code: "NO_ROUTE", count: 5, last: "udp pod/web-1:9 -> 198.18.0.1:9", ago: 2400 },
    { code: "SERVICE_NO_ENDPOINTS", count: 60, last: "tcp pod/web-1:40001 -> svc/empty:80", ago: 12 },
  ],
  devices: [
    { name: "pod/default/web-1", packetsIn: 300, bytesIn: 30_000, packetsOut: 200, bytesOut: 60_000 },
    { name: "node/node-1", packetsIn: 5, bytesIn: 300, packetsOut: 5, bytesOut: 300 },
    { name: "pod/default/new", packetsIn: 1, bytesIn: 60, packetsOut: 0, bytesOut: 0 },
  ],
  flows: [
    flow("b", {
      bytes: 900,
      packets: 9,
      protocol: "udp",
      state: null,
      from: "pod/client:5000",
      to: "host/office:53",
      answeredBy: "host/office:53",
      seenAs: "10.0.1.10:31022",
    }),
    flow("a", { bytes: 3_000_000, packets: 3000, age: 63_000 }),
    flow("c", {
      bytes: 777_000,
      packets: 777,
      recentBytes: 5000,
      recentPackets: 50,
      age: 4_000_000,
      state: "FIN_WAIT",
    }),
  ],
  services: [
    { name: "svc/default/checkout:80", connections: 50, refused: 0 },
    { name: "svc/default/empty:80", connections: 0, refused: 60 },
  ],
};

const text = (width: number, height: number, view?: TopView, sort?: TopSort) =>
  `\n${topFrame(BEFORE, NOW, { width, height }, view, sort)
    .map((l) => l.text)
    .join("\n")}\n`;

describe("rates", () => {
  it("are the differences of two samples, a second", () => {
    const rates = topRates(BEFORE, NOW);
    expect(rates).toMatchObject({ seconds: 2, packets: 1500, bits: 16e6, drops: 30, load: 0.25 });
    expect(rates.flows.map((f) => [f.id, f.packetRate, f.bitRate])).toEqual([
      ["a", 1000, 8e6],
      // It was silent when the sample before was taken: what is recent is all that it has had since.
      ["c", 25, 20_000],
      ["b", 2.5, 2000],
    ]);
    expect(rates.reasons.map((r) => [r.code, r.rate])).toEqual([
      ["SERVICE_NO_ENDPOINTS", 30],
      ["NO_ROUTE", 0],
    ]);
    expect(rates.devices.map((d) => [d.name, d.packetsIn, d.bitsOut])).toEqual([
      ["pod/default/web-1", 100, 200_000],
      ["pod/default/new", 0.5, 0],
      ["node/node-1", 0, 0],
    ]);
    expect(rates.services[0]).toMatchObject({ name: "svc/default/empty:80", refusalRate: 30 });
  });

  it("begin anew with a lab that was started again, and are sorted as is wished", () => {
    const again = { ...NOW, time: 500, uptime: 1000, packets: 10 };
    expect(topRates(NOW, again)).toMatchObject({ seconds: 1, packets: 10 });
    expect(topRates(BEFORE, NOW, "name").flows.map((f) => f.from)).toEqual([
      "pod/client:5000",
      "pod/web-7f9c6d5b4-x2x9k:40000",
      "pod/web-7f9c6d5b4-x2x9k:40000",
    ]);
    expect(topRates(BEFORE, NOW, "total").reasons.map((r) => r.count)).toEqual([60, 5]);
    expect(topRates(null, NOW).load).toBeCloseTo(0.125);
  });
});

describe("frames", () => {
  it("fit 80 columns and 24 lines", () => {
    expect(text(80, 24)).toMatchInlineSnapshot(`
      "
      podplane top  shop                                                      up 1m41s
      packets 1.5k/s   bits 16.0M/s   loop 25.0 %   queued 2
      drops   30.0/s: SERVICE_NO_ENDPOINTS 30.0
      conntrack 120 of 262144 (<0.1 %)
      nat     4512 ports left of 64512 (93.0 % used): node-1 tcp host/office:443

      PROTO  FROM                TO               SEEN-AS          BIT/S  PKT/S    AGE
      tcp    pod/web-7f9c6d5b4~  svc/checkout:80                    8.0M   1.0k  1m03s
      tcp    pod/web-7f9c6d5b4~  svc/checkout:80                   20.0k   25.0  1h06m
      udp    pod/client:5000     host/office:53   10.0.1.10:31022   2.0k    2.5  1m01s













      q quit  s sort  f flows  d devices  r drops  v services           flows by bit/s
      "
    `);
    expect(topFrame(BEFORE, NOW, { width: 80, height: 24 })).toHaveLength(24);
  });

  it("use 140 columns and 40 lines", () => {
    expect(text(140, 40)).toMatchInlineSnapshot(`
      "
      podplane top  shop                                                                                                                  up 1m41s
      packets 1.5k/s   bits 16.0M/s   loop 25.0 %   queued 2
      drops   30.0/s: SERVICE_NO_ENDPOINTS 30.0
      conntrack 120 of 262144 (<0.1 %)
      nat     4512 ports left of 64512 (93.0 % used): node-1 tcp host/office:443

      PROTO  FROM                           TO               ANSWERED-BY                        SEEN-AS          BIT/S  PKT/S    AGE  STATE
      tcp    pod/web-7f9c6d5b4-x2x9k:40000  svc/checkout:80  pod/checkout-6b8f7d9c5-abcde:8080                    8.0M   1.0k  1m03s  ESTABLISHED
      tcp    pod/web-7f9c6d5b4-x2x9k:40000  svc/checkout:80  pod/checkout-6b8f7d9c5-abcde:8080                   20.0k   25.0  1h06m  FIN_WAIT
      udp    pod/client:5000                host/office:53                                      10.0.1.10:31022   2.0k    2.5  1m01s





























      q quit  s sort  f flows  d devices  r drops  v services                                                                       flows by bit/s
      "
    `);
  });

  it("show devices, drops and services", () => {
    expect(text(80, 14, "devices")).toMatchInlineSnapshot(`
      "
      podplane top  shop                                                      up 1m41s
      packets 1.5k/s   bits 16.0M/s   loop 25.0 %   queued 2
      drops   30.0/s: SERVICE_NO_ENDPOINTS 30.0
      conntrack 120 of 262144 (<0.1 %)
      nat     4512 ports left of 64512 (93.0 % used): node-1 tcp host/office:443

      DEVICE       PKT/S-IN  BIT/S-IN  PKT/S-OUT  BIT/S-OUT
      pod/web-1         100     80.0k       50.0       200k
      pod/new           0.5       240          0          0
      node/node-1         0         0          0          0



      q quit  s sort  f flows  d devices  r drops  v services         devices by bit/s
      "
    `);
    expect(text(80, 14, "drops")).toMatchInlineSnapshot(`
      "
      podplane top  shop                                                      up 1m41s
      packets 1.5k/s   bits 16.0M/s   loop 25.0 %   queued 2
      drops   30.0/s: SERVICE_NO_ENDPOINTS 30.0
      conntrack 120 of 262144 (<0.1 %)
      nat     4512 ports left of 64512 (93.0 % used): node-1 tcp host/office:443

      REASON                DROPS/S  TOTAL  LAST  EXAMPLE
      SERVICE_NO_ENDPOINTS     30.0     60  0.0s  tcp pod/web-1:40001 -> svc/empty:80
      NO_ROUTE                    0      5  2.4s  udp pod/web-1:9 -> 198.18.0.1:9




      q quit  s sort  f flows  d devices  r drops  v services            drops by rate
      "
    `);
    expect(text(80, 14, "services", "total")).toMatchInlineSnapshot(`
      "
      podplane top  shop                                                      up 1m41s
      packets 1.5k/s   bits 16.0M/s   loop 25.0 %   queued 2
      drops   30.0/s: SERVICE_NO_ENDPOINTS 30.0
      conntrack 120 of 262144 (<0.1 %)
      nat     4512 ports left of 64512 (93.0 % used): node-1 tcp host/office:443

      SERVICE          CONN/S  REFUSED/S  CONNECTIONS  REFUSED
      svc/empty:80          0       30.0            0       60
      svc/checkout:80     5.0          0           50        0




      q quit  s sort  f flows  d devices  r drops  v services        services by total
      "
    `);
  });

  it("never exceed any size, and say what they leave out", () => {
    const many = { ...NOW, flows: Array.from({ length: 50 }, (_, i) => flow(`f${i}`)) };
    for (const width of [1, 20, 40, 79, 80, 200])
      for (const height of [1, 5, 9, 24])
        for (const view of ["flows", "devices", "drops", "services"] as const) {
          const lines = topFrame(BEFORE, many, { width, height }, view);
          expect(lines.length).toBeLessThanOrEqual(height);
          for (const line of lines) expect(line.text.length).toBeLessThanOrEqual(width);
        }
    expect(topFrame(BEFORE, many, { width: 100, height: 24 }).at(-1)?.text).toMatch(/flows by bit\/s, 16 of 50$/);
    const idle = { ...NOW, flows: [], drops: [], nat: null };
    const shown = topFrame(NOW, { ...idle, time: 103_000 }, { width: 80, height: 12 }).map((l) => l.text);
    expect(shown).toContain("no connection is busy");
    expect(shown).toContain("nat     nothing is translated");
  });
});

describe("numbers", () => {
  it("are short", () => {
    expect([0, 0.04, 7.25, 99.96, 999.4, 999.6, 1234, 33_400_000, 2.5e12].map(scaled)).toEqual([
      "0",
      "0.0",
      "7.3",
      "100",
      "999",
      "1.0k",
      "1.2k",
      "33.4M",
      "2.5T",
    ]);
    expect([0, 420, 9940, 9960, 59_999, 185_000, 7_620_000, 356_400_000].map(duration)).toEqual([
      "0.0s",
      "0.4s",
      "9.9s",
      "9s",
      "59s",
      "3m05s",
      "2h07m",
      "4d03h",
    ]);
  });
});

describe("flows", () => {
  const entry = { protocol: 6, state: 3, mark: 0, timeout: 1, service: -1, endpoint: -1, status: IPS_SEEN_REPLY };
  const counts = { age: 5, packets: [1, 2], bytes: [100, 200], recent: [3, 300] } as const;
  const [client, vip, api, node, office] = ["10.0.1.32", "172.20.0.17", "10.0.2.32", "10.0.1.10", "192.168.7.7"].map(
    ip,
  );

  it("are shown once, by the entry where they begin, translated or not", () => {
    const first = {
      ...entry,
      node: 0,
      service: 0,
      status: IPS_SEEN_REPLY | IPS_DST_NAT,
      counts,
      original: [client, vip, 40_000, 80],
      reply: [api, client, 8080, 40_000],
    } as const;
    const second = {
      ...entry,
      node: 1,
      counts,
      original: [client, api, 40_000, 8080],
      reply: [api, client, 8080, 40_000],
    } as const;
    const plain = (nodeId: number) =>
      ({
        ...entry,
        node: nodeId,
        counts,
        original: [client, api, 41_000, 9],
        reply: [api, client, 9, 41_000],
      }) as const;
    const natted = {
      ...entry,
      node: 0,
      status: IPS_SRC_NAT,
      counts,
      original: [client, office, 42_000, 53],
      reply: [office, node, 53, 31_022],
    } as const;
    const found = topFlows([second, first, plain(1), plain(0), natted], NAMES);
    expect(found.map((f) => `${f.from} ${f.to} ${f.answeredBy} ${f.seenAs}`)).toEqual([
      "pod/client:40000 svc/api:80 pod/api-0:8080 null",
      "pod/client:41000 pod/api-0:9 pod/api-0:9 null",
      "pod/client:42000 host/office:53 host/office:53 10.0.1.10:31022",
    ]);
    expect(found[0]).toMatchObject({
      packets: 3,
      bytes: 300,
      recentPackets: 3,
      recentBytes: 300,
      state: "ESTABLISHED",
    });
  });
});
