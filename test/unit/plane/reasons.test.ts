import { describe, expect, it } from "vitest";
import { REASONS, type ReasonCode } from "../../../src/plane/reasons.ts";
import * as R from "../../../src/plane/rows.ts";
import { chance, impairment } from "../impair/impairBench.ts";
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

/** The client asks the API, while an ENI is in a group with these rules. */
const inGroup = (eni: number, rules: R.SecurityGroupRule[], more: Partial<R.EniGroupsRow> = {}): Way => ({
  go: (b) => {
    const group: R.Row = { t: "securityGroup", id: 0, vpc: 0, ingress: rules, egress: rules };
    b.plane.apply({ put: [group, { t: "eniGroups", eni, groups: [0], ...more }], gone: [] });
    b.send(DEV.client, udp(`${CLIENT}:1`, `${API}:7`));
  },
});

/** The client asks the API, while a subnet has an ACL that denies everything. */
const withAcl = (subnet: number): Way => ({
  go: (b) => {
    const acl: R.Row = { t: "networkAcl", id: 0, ingress: [], egress: [] };
    b.plane.apply({ put: [acl, { t: "subnetAcl", subnet, acl: 0 }], gone: [] });
    b.send(DEV.client, udp(`${CLIENT}:1`, `${API}:7`));
  },
});

const RDS = "10.0.1.200";

/** What the subnets' own way out is: rds stands in subnet 0, the gateway in subnet 1, which has the internet gateway. */
const behindNat = (go: (b: Bench) => void): Way => ({
  go: (b) => {
    const nat = { node: -1, deviceNumber: 0, subnet: 1, vpc: 0, mtu: 9001, sourceDestCheck: false, hostDevice: -1 };
    b.plane.apply({
      put: [
        { t: "eni", id: 4, ...nat, address: ip("10.0.2.50"), publicAddress: ip("198.51.100.50") },
        { t: "natGateway", id: 0, eni: 4, isPrivate: false },
        { t: "subnet", id: 1, vpc: 0, prefix: ip("10.0.2.0"), length: 24, routeTable: 1 },
        { ...route(0, 0), target: R.TARGET_NAT_GATEWAY },
        { ...route(0, 0), routeTable: 1 },
        { ...route(ip("10.0.0.0"), 16), routeTable: 1, target: R.TARGET_LOCAL },
      ],
      gone: [],
    });
    go(b);
  },
});

/** rds sends a packet to 10.9.0.1 by a transit gateway with one route. */
const byTransit = (routes: R.TransitRouteRow[], bytes = udp(`${RDS}:1`, "10.9.0.1:7")): Way => ({
  go: (b) => {
    const way = { ...route(ip("10.9.0.0"), 16), target: R.TARGET_TRANSIT_GATEWAY };
    const attachment: R.Row = { t: "transitAttachment", id: 0, vpc: 0, network: -1, subnet: 1, routeTable: 0 };
    b.plane.apply({ put: [way, attachment, ...routes], gone: [] });
    b.send(DEV.rds, bytes);
  },
});

/** The client asks the API, while policies say this about a pod (plane/policy; -1: no table, 0: an empty one). */
const withPolicy = (device: number, o: Partial<R.PodPolicyRow>): Way => ({
  go: (b) => {
    const none = { ingress: -1, egress: -1, clusterIngress: -1, clusterEgress: -1 };
    const states = { state: R.POLICIES_APPLIED, clusterState: R.POLICIES_APPLIED, log: R.POLICY_LOG_NOTHING };
    const denied = { protocol: R.POLICY_ANY_PROTOCOL, fromPort: 0, toPort: 0, rule: 0, order: 0 };
    b.plane.apply({
      put: [
        { t: "policyPrefix", table: 1, prefix: 0, length: 0, entries: [denied] },
        { t: "podPolicy", device, engine: R.POLICY_ENGINE_AWS, ...none, ...states, ...o },
      ],
      gone: [],
    });
    b.send(DEV.client, udp(`${CLIENT}:1`, `${API}:7`));
  },
});

const WAYS: Partial<Record<ReasonCode, Way>> = {
  POLICY_DENY_EGRESS: withPolicy(DEV.client, { egress: 0 }),
  POLICY_DENY_INGRESS: withPolicy(DEV.api0, { ingress: 0 }),
  POLICY_ADMIN_DENY: withPolicy(DEV.client, { clusterEgress: 1 }),
  POLICY_DEFAULT_DENY: withPolicy(DEV.client, { state: R.POLICY_DEFAULT_DENY }),
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
  SECURITY_GROUP_EGRESS: inGroup(ENI.n0e0, []),
  SECURITY_GROUP_INGRESS: inGroup(ENI.n1e0, []),
  SECURITY_GROUP_TABLE_FULL: inGroup(
    ENI.n1e0,
    [{ protocol: 17, fromPort: 7, toPort: 7, prefix: ip(CLIENT), length: 32, group: R.NO_GROUP }],
    { tracking: { limit: 0, tcpEstablished: 1, udpStream: 1, udp: 1 } },
  ),
  NETWORK_ACL_EGRESS: withAcl(0),
  NETWORK_ACL_INGRESS: withAcl(1),
  NAT_GATEWAY_NO_CONNECTION: behindNat((b) => {
    b.send(DEV.web, udp(`${WEB}:53`, "198.51.100.50:2000"));
  }),
  NAT_GATEWAY_RESET: behindNat((b) => {
    b.send(DEV.rds, tcp(`${RDS}:1`, `${WEB}:80`, "."));
  }),
  NAT_GATEWAY_FRAGMENT: behindNat((b) => {
    b.send(DEV.rds, tcp(`${RDS}:1`, `${WEB}:80`, "S", { frag: 0x2000, payload: new Uint8Array(4) }));
  }),
  NAT_GATEWAY_PROTOCOL: behindNat((b) => {
    b.send(DEV.rds, build({ protocol: 47, src: ip(RDS), dst: ip(WEB), sport: 0, dport: 0 }));
  }),
  NAT_GATEWAY_PORTS_EXHAUSTED: behindNat((b) => {
    const at = b.plane.slotOffset(0);
    for (let i = 0; i <= 55_000; i++) {
      const bytes = udp(`${RDS}:${1000 + i}`, `${WEB}:53`);
      b.plane.context.arena.set(bytes, at - VNET);
      b.feed(DEV.rds, at, bytes.length - VNET);
      b.flush();
    }
  }),
  PEERING_NOT_TRANSITIVE: {
    go: (b) => {
      const way = { ...route(ip("10.9.0.0"), 16), target: R.TARGET_PEERING };
      const other: R.Row = { t: "subnet", id: 2, vpc: 1, prefix: ip("10.1.0.0"), length: 24, routeTable: 2 };
      b.plane.apply({ put: [way, other, { t: "peering", id: 0, a: 0, b: 1, mtu: 9001 }], gone: [] });
      b.send(DEV.rds, udp(`${RDS}:1`, "10.9.0.1:7"));
    },
  },
  TRANSIT_GATEWAY_NO_ROUTE: byTransit([]),
  TRANSIT_GATEWAY_BLACKHOLE: byTransit([{ t: "transitRoute", routeTable: 0, prefix: 0, length: 0, attachment: -1 }]),
  TRANSIT_GATEWAY_MTU: byTransit([], udp(`${RDS}:1`, "10.9.0.1:7", new Uint8Array(8500))),
  LINK_LOCAL_UNREACHABLE: send(udp(`${RDS}:1`, "169.254.169.254:80"), DEV.rds),
  GATEWAY_NOT_TRANSITIVE: {
    go: (b) => {
      // A host without check sends on what it has from elsewhere.
      const rds = rows().filter((row): row is R.EniRow => row.t === "eni" && row.id === ENI.rds);
      const device: R.DeviceRow = {
        t: "device",
        id: DEV.rds,
        kind: R.DEVICE_HOST,
        node: -1,
        eni: ENI.rds,
        address: ip("10.7.7.7"),
        mtu: 9001,
      };
      b.plane.apply({ put: [...rds.map((row) => ({ ...row, sourceDestCheck: false })), device], gone: [] });
      b.send(DEV.rds, udp("10.7.7.7:1", "192.168.7.7:7"));
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
  TCP_EARLY_DEMUX: {
    go: (b) => {
      // The node asks a pod of its own whose packets all go by its ENI.
      const address = ip("10.0.1.48");
      const pod = { id: DEV.second, kind: R.DEVICE_POD, node: 0, eni: ENI.n0e1, address, mtu: 9001 } as const;
      b.plane.apply({ put: [{ t: "device", ...pod, strict: true }], gone: [] });
      expect(b.send(DEV.host0, tcp("10.0.1.10:1", "10.0.1.48:2", "S", { seq: 1 }))).toHaveLength(1);
      b.send(DEV.second, tcp("10.0.1.48:2", "10.0.1.10:1", "S.", { seq: 1, ack: 2 }));
    },
  },
  IMPAIRED_LOSS: {
    go: (b) => {
      b.plane.apply({ put: [impairment({ index: DEV.client, loss: chance(1) })], gone: [] });
      b.send(DEV.client, udp(`${CLIENT}:1`, `${API}:7`));
    },
  },
  IMPAIRED_QUEUE_FULL: {
    go: (b) => {
      b.plane.apply({ put: [impairment({ index: DEV.client, delay: 50_000, limit: 1 })], gone: [] });
      for (let i = 0; i < 2; i++) b.send(DEV.client, udp(`${CLIENT}:1`, `${API}:7`));
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
