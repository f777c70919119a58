import { describe, expect, it } from "vitest";
import { REASONS, type ReasonCode } from "../../../src/plane/reasons.ts";
import * as R from "../../../src/plane/rows.ts";
import { Bench, type BenchOptions, DEV, ENI, rows, service, VIP } from "./bench.ts";
import { icmpError, ip, tcp, udp } from "./packets.ts";
import { build, cutOut, type Spec, sumHeader, VNET } from "./slowPacket.ts";

/**
 * Every reason is met by a packet. A reason that none can meet has no place in the table, apart from those that guard
 * against what cannot happen on one thread; they are listed with why.
 */

const CLIENT = "10.0.1.32";
const API = "10.0.2.32";
const WEB = "203.0.113.10";

const good = (o: Partial<Spec> = {}): Spec => ({
  protocol: 17,
  src: ip(CLIENT),
  dst: ip(API),
  sport: 1,
  dport: 7,
  ...o,
});

/** A good packet with some bytes changed (offsets count from the IP header) and its header summed anew. */
function broken(changes: Record<number, number>, o: Partial<Spec> = {}): Uint8Array {
  const bytes = build(good(o));
  for (const [at, value] of Object.entries(changes)) bytes[VNET + Number(at)] = value;
  sumHeader(bytes);
  return bytes;
}

type Way = { o?: BenchOptions; go: (b: Bench) => void };
const send = (bytes: Uint8Array, device: number = DEV.client, o: BenchOptions = {}): Way => ({
  o,
  go: (b) => {
    b.send(device, bytes);
  },
});
const route = (prefix: number, length: number): R.VpcRouteRow => ({
  t: "vpcRoute",
  routeTable: 0,
  prefix,
  length,
  target: R.TARGET_INTERNET_GATEWAY,
  arg: 0,
});

const WAYS: Partial<Record<ReasonCode, Way>> = {
  PACKET_TOO_SHORT: send(build(good()).slice(0, VNET + 12)),
  IPV6_NOT_SUPPORTED: send(broken({ 0: 0x65 })),
  IP_VERSION_BAD: send(broken({ 0: 0x55 })),
  IP_HEADER_LENGTH_BAD: send(broken({ 0: 0x44 })),
  IP_TOTAL_LENGTH_BAD: send(broken({ 2: 0, 3: 19 })),
  IP_CHECKSUM_BAD: {
    go: (b) => {
      const bytes = build(good());
      bytes[VNET + 10] ^= 1;
      b.send(DEV.client, bytes);
    },
  },
  IP_OPTIONS_BAD: send(build(good({ options: Uint8Array.of(7, 99, 4, 0) }))),
  VNET_HEADER_BAD: {
    go: (b) => {
      const bytes = build(good());
      bytes[1] = 4;
      b.send(DEV.client, bytes);
    },
  },
  L4_HEADER_SHORT: send(broken({ 9: 17 }, { protocol: 47, payload: new Uint8Array(4) })),
  ADDRESS_BAD: send(build(good({ src: -1 }))),
  NOT_UNICAST: send(udp(`${CLIENT}:1`, "224.0.0.251:5353")),
  SOURCE_NOT_OWN: send(udp("10.0.1.33:1", `${API}:7`)),
  FRAGMENT_BAD: send(cutOut(build(good({ payload: new Uint8Array(100) })), 16, 21)),
  FRAGMENT_OVERLAP: {
    go: (b) => {
      const whole = build(good({ payload: new Uint8Array(200) }));
      b.send(DEV.client, cutOut(whole, 0, 80));
      b.send(DEV.client, cutOut(whole, 72, 104));
    },
  },
  REASSEMBLY_TIMEOUT: {
    go: (b) => {
      b.send(DEV.client, cutOut(build(good({ payload: new Uint8Array(200) })), 0, 80));
      b.plane.tick(30_000);
    },
  },
  REASSEMBLY_MEMORY: {
    go: (b) => {
      for (let id = 0; id < 65; id++)
        b.send(DEV.client, cutOut(build(good({ id, payload: new Uint8Array(200) })), 0, 80));
    },
  },
  CONNTRACK_FULL: {
    o: { limit: 2 },
    go: (b) => {
      for (let i = 0; i < 3; i++) {
        b.send(DEV.client, tcp(`${CLIENT}:${i + 1}`, "10.0.1.48:80", "S", { seq: 1 }));
        b.send(DEV.second, tcp("10.0.1.48:80", `${CLIENT}:${i + 1}`, "S.", { seq: 1, ack: 2 }));
        b.send(DEV.client, tcp(`${CLIENT}:${i + 1}`, "10.0.1.48:80", ".", { seq: 2, ack: 2 }));
      }
    },
  },
  CONNTRACK_CHAIN_TOO_LONG: {
    o: { settings: { maxChain: 0 } },
    go: (b) => {
      for (let i = 0; i < 500; i++) b.send(DEV.client, udp(`${CLIENT}:${i + 1}`, "10.0.1.48:7"));
    },
  },
  NAT_PORTS_EXHAUSTED: {
    go: (b) => {
      b.send(DEV.client, build(good({ protocol: 47, dst: ip(WEB), payload: new Uint8Array(8) })));
      b.send(DEV.second, build(good({ protocol: 47, src: ip("10.0.1.48"), dst: ip(WEB), payload: new Uint8Array(8) })));
    },
  },
  NAT_INNER_UNTRANSLATABLE: {
    go: (b) => {
      const [out] = b.send(DEV.client, udp(`${CLIENT}:1000`, `${VIP}:53`));
      // Ports, and nothing behind them: enough to find the connection, too little to translate.
      b.send(DEV.api0, icmpError(API, CLIENT, 3, 3, out.bytes, 24));
    },
  },
  NAT_REDIRECT: {
    go: (b) => {
      const [out] = b.send(DEV.client, udp(`${CLIENT}:1000`, `${VIP}:53`));
      b.send(DEV.api0, icmpError(API, CLIENT, 5, 1, out.bytes));
    },
  },
  INVALID_STATE: send(tcp(`${CLIENT}:1`, `${API}:80`, "SF")),
  TTL_EXCEEDED: send(udp(`${CLIENT}:1`, `${API}:7`, "x", { ttl: 1 })),
  FRAGMENTATION_NEEDED: send(udp(`${CLIENT}:1`, `${API}:7`, new Uint8Array(2000)), DEV.client, { eniMtu: 1500 }),
  MARTIAN_LOOPBACK: send(udp(`${CLIENT}:1`, "127.0.0.1:53")),
  SERVICE_NO_ENDPOINTS: send(tcp(`${CLIENT}:1`, `${VIP}:81`, "S")),
  SERVICE_PORT_UNKNOWN: send(tcp(`${CLIENT}:1`, `${VIP}:99`, "S"), DEV.client, {
    serviceMode: R.SERVICE_MODE_NFTABLES,
  }),
  SERVICE_ADDRESS_UNKNOWN: send(tcp(`${CLIENT}:1`, "172.20.9.9:80", "S"), DEV.client, {
    serviceMode: R.SERVICE_MODE_NFTABLES,
  }),
  SERVICE_NO_LOCAL_ENDPOINT: {
    go: (b) => {
      b.plane.apply({ put: [{ ...service(0, 80, ["10.0.2.32:80"], 0), internalLocal: true }], gone: [] });
      b.send(DEV.client, tcp(`${CLIENT}:1`, `${VIP}:80`, "S"));
    },
  },
  SERVICE_SOURCE_RANGE: {
    go: (b) => {
      const frontends: R.Frontend[] = [{ kind: R.FRONTEND_LOAD_BALANCER_IP, address: ip(VIP), port: 80 }];
      const sourceRanges = [{ prefix: ip("203.0.113.0"), length: 24 }];
      b.plane.apply({ put: [{ ...service(0, 80, ["10.0.2.32:80"], 0), frontends, sourceRanges }], gone: [] });
      b.send(DEV.client, tcp(`${CLIENT}:1`, `${VIP}:80`, "S"));
    },
  },
  SERVICE_CLUSTER_IP_EXTERNAL: {
    o: { serviceMode: R.SERVICE_MODE_CILIUM },
    go: (b) => {
      // A ClusterIP inside the VPC's range, and a prefix that leads there.
      const frontends: R.Frontend[] = [{ kind: R.FRONTEND_CLUSTER_IP, address: ip("10.0.1.47"), port: 80 }];
      b.plane.apply({ put: [{ ...service(0, 80, ["10.0.2.32:80"], 0), frontends }], gone: [] });
      b.send(DEV.rds, tcp("10.0.1.200:1", "10.0.1.47:80", "S"));
    },
  },
  SOURCE_DEST_CHECK: {
    go: (b) => {
      b.plane.apply({
        put: [],
        gone: [{ t: "eniAddress", vpc: 0, prefix: ip("10.0.1.32"), length: 28, eni: ENI.n0e0 }],
      });
      b.send(DEV.client, udp(`${CLIENT}:1`, `${API}:7`));
    },
  },
  VPC_NO_ROUTE: {
    go: (b) => {
      b.plane.apply({ put: [], gone: [route(0, 0)] });
      b.send(DEV.client, udp(`${CLIENT}:1`, `${WEB}:7`));
    },
  },
  VPC_BLACKHOLE: send(udp(`${CLIENT}:1`, "198.18.0.1:7")),
  VPC_ADDRESS_UNASSIGNED: send(udp(`${CLIENT}:1`, "10.0.3.3:7")),
  IGW_NO_PUBLIC_ADDRESS: send(udp(`${API}:1`, `${WEB}:7`), DEV.api0),
  OUTSIDE_UNREACHABLE: send(udp(`${CLIENT}:1`, "203.0.113.99:7")),
  FABRIC_LOOP: {
    go: (b) => {
      // Two ENIs without checks, and a prefix that each node takes for the other's.
      const enis = rows().filter((row): row is R.EniRow => row.t === "eni");
      b.plane.apply({
        put: enis.map((row) => ({ ...row, sourceDestCheck: false })),
        gone: [{ t: "device", id: DEV.api0, kind: R.DEVICE_POD, node: 1, eni: ENI.n1e0, address: ip(API), mtu: 9001 }],
      });
      b.send(DEV.client, udp(`${CLIENT}:1`, `${API}:7`));
    },
  },
  CHECKSUM_INVALID: {
    go: (b) => {
      const bytes = udp(`${CLIENT}:1`, `${API}:7`);
      bytes[bytes.length - 1] ^= 1;
      b.send(DEV.client, bytes);
    },
  },
  SOURCE_ROUTE: send(build(good({ options: Uint8Array.of(0x83, 7, 4, 10, 0, 1, 48, 0) }))),
  VPC_RESOLVER_LIMIT: {
    go: (b) => {
      const resolver = ip("10.0.0.2");
      b.plane.apply({ put: [{ t: "localAddress", node: 0, address: resolver, eni: ENI.n0e0, limit: 1 }], gone: [] });
      for (let i = 0; i < 2; i++) b.send(DEV.client, udp(`${CLIENT}:1`, "10.0.0.2:53"));
    },
  },
  DEVICE_GONE: send(udp(`${CLIENT}:1`, `${API}:7`), 15),
  DEVICE_WRITE_FAILED: {
    go: (b) => {
      const bytes = udp(`${CLIENT}:1`, `${API}:7`);
      const at = b.plane.slotOffset(0);
      const { arena, out } = b.plane.context;
      arena.set(bytes, at - VNET);
      b.feed(DEV.client, at, bytes.length - VNET);
      out.status[0] = -5;
      b.plane.written();
    },
  },
  WORK_QUEUE_FULL: {
    go: (b) => {
      // An owner that never writes what comes out.
      const bytes = udp(`${CLIENT}:1`, `${API}:7`);
      const at = b.plane.slotOffset(0);
      for (let i = 0; i < 8193; i++) {
        b.plane.context.arena.set(bytes, at - VNET);
        b.feed(DEV.client, at, bytes.length - VNET);
      }
      b.flush();
    },
  },
};

/** Reasons that no packet meets, and why they are there all the same. */
const UNREACHABLE: Partial<Record<ReasonCode, string>> = {
  NO_ROUTE: "each node's main table has a default route by its primary ENI",
  CONNTRACK_INSERT_FAILED: "a source binding is unique by construction, and one thread confirms before the next packet",
};

describe("every reason", () => {
  for (const { code } of REASONS) {
    if (code === "NONE") continue;
    const way = WAYS[code];
    if (way === undefined) {
      it(`${code} is known to be out of reach`, () => {
        expect(UNREACHABLE[code]).toBeTypeOf("string");
      });
      continue;
    }
    it(`${code} is met by a packet, counted once and the ledger balances`, () => {
      const b = new Bench(way.o);
      way.go(b);
      expect(b.drops(code), `reason was ${b.reason}`).toBeGreaterThan(0);
      expect(b.imbalance()).toBe(0);
    });
  }

  it("is DROPPED or REJECTED as the table says: an answer goes back, or none does", () => {
    for (const row of REASONS) {
      if (row.verdict !== "REJECTED") continue;
      const way = WAYS[row.code];
      if (way === undefined) continue;
      const b = new Bench(way.o);
      way.go(b);
      expect(b.plane.context.counters[1], row.code).toBe(1);
    }
  });
});
