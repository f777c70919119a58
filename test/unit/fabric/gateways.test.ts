import { describe, expect, it } from "vitest";
import { packetProblem } from "../../../src/device/packetProblem.ts";
import * as R from "../../../src/plane/rows.ts";
import { getI32 } from "../../../src/plane/wire/bytes.ts";
import { writeTcpChecksum } from "../../../src/plane/wire/tcp.ts";
import { icmpError, ip, quoted, tcp, udp, VNET } from "../plane/packets.ts";
import { ATTACHMENT, NETWORK, SUBNET, TABLE, threeVpcs } from "./threeVpcs.ts";
import { cidr, type Sent, VpcBench } from "./vpcBench.ts";

const lines = (sent: Sent[]): string[] => sent.map((s) => `${s.device}: ${s.line.replace(/: .*/, "")}`);
const bench = (): VpcBench => new VpcBench(threeVpcs());
const big = (n: number): Uint8Array => new Uint8Array(n);
const DF = 0x4000;
const MAY_CUT = 0;

function expectOneWay(b: VpcBench, from: string, bytes: Uint8Array, expected: string): Sent {
  const sent = b.send(from, bytes);
  expect(lines(sent), b.reason).toEqual([expected]);
  expect(packetProblem(sent[0].bytes)).toBeNull();
  expect(b.imbalance()).toBe(0);
  return sent[0];
}

function expectDrop(b: VpcBench, from: string, bytes: Uint8Array, reason: string): void {
  expect(b.send(from, bytes)).toEqual([]);
  expect(b.reason).toBe(reason);
  expect(b.imbalance()).toBe(0);
}

describe("a peering connection", () => {
  it("carries packets to the other VPC and back, addresses untouched", () => {
    const b = bench();
    expectOneWay(b, "app", udp("10.0.1.10:1000", "10.1.1.10:53"), "db: 10.0.1.10.1000 > 10.1.1.10.53");
    expect(b.enis).toEqual(["app", "db"]);
    expectOneWay(b, "db", udp("10.1.1.10:53", "10.0.1.10:1000"), "app: 10.1.1.10.53 > 10.0.1.10.1000");
  });

  it("carries nothing to what lies beyond the other VPC: its internet gateway, its other peering", () => {
    const b = bench();
    // Routes of cluster that point beyond shared.
    b.plane.apply({
      put: [
        { t: "vpcRoute", routeTable: TABLE.private, ...cidr("203.0.113.0/24"), target: R.TARGET_PEERING, arg: 0 },
        { t: "vpcRoute", routeTable: TABLE.private, ...cidr("10.2.1.0/24"), target: R.TARGET_PEERING, arg: 0 },
        { t: "vpcRoute", routeTable: TABLE.private, ...cidr("52.216.0.0/15"), target: R.TARGET_PEERING, arg: 0 },
      ],
      gone: [],
    });
    for (const to of ["203.0.113.10:53", "10.2.1.10:53", "52.216.0.1:443", "203.0.114.1:1"])
      expectDrop(b, "app", udp("10.0.1.10:1000", to), "PEERING_NOT_TRANSITIVE");
    // An address of the other VPC that nobody has is another matter.
    expectDrop(b, "app", udp("10.0.1.10:1000", "10.1.7.7:53"), "VPC_ADDRESS_UNASSIGNED");
  });

  it("that is gone is a blackhole", () => {
    const b = bench();
    b.plane.apply({ put: [], gone: [{ t: "peering", id: 0, a: 0, b: 1, mtu: 9001 }] });
    expectDrop(b, "app", udp("10.0.1.10:1000", "10.1.1.10:53"), "VPC_BLACKHOLE");
  });

  it("between regions takes 1500 bytes: the sender's router asks for smaller packets, or cuts", () => {
    const b = bench();
    const [error] = b.send("db", udp("10.1.1.10:1", "10.2.1.10:2", big(1473), { frag: DF }));
    expect(b.reason).toBe("FRAGMENTATION_NEEDED");
    expect(error.device).toBe("db");
    expect(error.line).toMatch(/^10\.1\.1\.1 > 10\.1\.1\.10: .*(1500)/);
    expect(packetProblem(error.bytes)).toBeNull();
    expect(b.send("db", udp("10.1.1.10:1", "10.2.1.10:2", big(1473), { frag: MAY_CUT }))).toHaveLength(2);
    expect(b.send("db", udp("10.1.1.10:1", "10.2.1.10:2", big(1472), { frag: DF }))).toHaveLength(1);
    expect(b.imbalance()).toBe(0);
  });

  it("within a region takes what the VPC takes", () => {
    const b = bench();
    expect(b.send("app", udp("10.0.1.10:1", "10.1.1.10:2", big(9001 - 28), { frag: DF }))).toHaveLength(1);
  });
});

describe("a transit gateway", () => {
  it("carries packets between VPCs, by the route table of the attachment", () => {
    const b = bench();
    expectOneWay(b, "app", udp("10.0.1.10:1000", "10.2.1.10:53"), "far: 10.0.1.10.1000 > 10.2.1.10.53");
    expectOneWay(b, "far", udp("10.2.1.10:53", "10.0.1.10:1000"), "app: 10.2.1.10.53 > 10.0.1.10.1000");
  });

  it("carries packets to a network and back", () => {
    const b = bench();
    expectOneWay(b, "app", udp("10.0.1.10:1000", "192.168.0.10:53"), "office: 10.0.1.10.1000 > 192.168.0.10.53");
    expectOneWay(b, "office", udp("192.168.0.10:53", "10.0.1.10:1000"), "app: 192.168.0.10.53 > 10.0.1.10.1000");
  });

  it("knows routes and blackholes of its own", () => {
    const b = bench();
    expectDrop(b, "app", udp("10.0.1.10:1", "10.6.0.1:1"), "TRANSIT_GATEWAY_NO_ROUTE");
    expectDrop(b, "app", udp("10.0.1.10:1", "10.7.0.1:1"), "TRANSIT_GATEWAY_BLACKHOLE");
    const alone = {
      t: "transitAttachment",
      id: ATTACHMENT.cluster,
      vpc: 0,
      network: -1,
      subnet: SUBNET.transit,
    } as const;
    b.plane.apply({ put: [{ ...alone, routeTable: -1 }], gone: [] });
    expectDrop(b, "app", udp("10.0.1.10:1", "10.2.1.10:1"), "TRANSIT_GATEWAY_NO_ROUTE");
    b.plane.apply({ put: [], gone: [{ ...alone, routeTable: -1 }] });
    expectDrop(b, "app", udp("10.0.1.10:1", "10.2.1.10:1"), "VPC_BLACKHOLE");
    expectDrop(b, "office", udp("192.168.0.10:1", "10.0.1.10:1"), "TRANSIT_GATEWAY_BLACKHOLE");
  });

  it("drops what is over 8500 bytes and tells nobody", () => {
    const b = bench();
    for (const frag of [DF, MAY_CUT])
      expectDrop(b, "app", udp("10.0.1.10:1", "10.2.1.10:2", big(8501 - 28), { frag }), "TRANSIT_GATEWAY_MTU");
    expect(b.send("app", udp("10.0.1.10:1", "10.2.1.10:2", big(8500 - 28)))).toHaveLength(1);
  });

  it("looks at the segments of a super-packet, not at its size", () => {
    const b = bench();
    const payload = big(20_000);
    expect(b.send("app", tcp("10.0.1.10:1", "10.2.1.10:2", ".", { payload, gso: 8460 }))).toHaveLength(1);
    expectDrop(b, "app", tcp("10.0.1.10:1", "10.2.1.10:2", ".", { payload, gso: 8461 }), "TRANSIT_GATEWAY_MTU");
  });

  it("has a link of 1500 bytes to a network: the VPC's router asks for smaller packets", () => {
    const b = bench();
    const [error] = b.send("app", udp("10.0.1.10:1", "192.168.0.10:2", big(1473), { frag: DF }));
    expect(b.reason).toBe("FRAGMENTATION_NEEDED");
    expect(error.line).toMatch(/^10\.0\.1\.1 > 10\.0\.1\.10: .*1500/);
    expect(b.send("app", udp("10.0.1.10:1", "192.168.0.10:2", big(1473), { frag: MAY_CUT }))).toHaveLength(2);
  });

  it("lowers the MSS of SYNs to what fits, and nothing else", () => {
    const b = bench();
    const mss = (bytes: Uint8Array, noops = 0): number => (bytes[VNET + 42 + noops] << 8) | bytes[VNET + 43 + noops];
    const clamped = (from: string, way: string, to: string, flags: string, value: number): number => {
      const [out] = b.send(from, syn(way, to, flags, value));
      expect(packetProblem(out.bytes)).toBeNull();
      return mss(out.bytes);
    };
    expect(clamped("app", "10.0.1.10:1", "10.2.1.10:2", "S", 8961)).toBe(8460);
    expect(clamped("far", "10.2.1.10:2", "10.0.1.10:1", "S.", 8961)).toBe(8460);
    expect(clamped("app", "10.0.1.10:1", "10.2.1.10:2", "S", 1460)).toBe(1460);
    expect(clamped("app", "10.0.1.10:1", "192.168.0.10:2", "S", 8961)).toBe(1460);
    expect(clamped("app", "10.0.1.10:1", "10.2.1.10:2", ".", 8961)).toBe(8961);
    // Wherever it stands, and whoever completes the checksum.
    for (const noops of [1, 2, 3])
      for (const partial of [false, true]) {
        const [out] = b.send("app", syn("10.0.1.10:1", "10.2.1.10:2", "S", 8961, noops, partial));
        expect(packetProblem(out.bytes)).toBeNull();
        expect(mss(out.bytes, noops)).toBe(8460);
      }
    // Peerings leave it alone.
    expect(clamped("app", "10.0.1.10:1", "10.1.1.10:2", "S", 8961)).toBe(8961);
  });

  it("routes what it brings in by the attachment's subnet, on to that VPC's NAT gateway, but not to its endpoints", () => {
    const b = bench();
    const [out] = b.send("far", udp("10.2.1.10:1000", "203.0.113.10:53"));
    expect(out.device, b.reason).toBe("web");
    expect(out.line).toMatch(/^198\.51\.100\.50\.\d+ > 203\.0\.113\.10\.53/);
    const port = Number(/50\.(\d+) >/.exec(out.line)?.[1]);
    expectOneWay(b, "web", udp("203.0.113.10:53", `198.51.100.50:${port}`), "far: 203.0.113.10.53 > 10.2.1.10.1000");
    expectDrop(b, "far", udp("10.2.1.10:1", "52.216.0.1:443"), "GATEWAY_NOT_TRANSITIVE");
  });
});

describe("a network of the VPC's own gateway", () => {
  it("is reached without translation, and reaches the VPC's addresses alone", () => {
    const b = bench();
    expectOneWay(b, "app", udp("10.0.1.10:1000", "172.16.0.10:53"), "vpn: 10.0.1.10.1000 > 172.16.0.10.53");
    expectOneWay(b, "vpn", udp("172.16.0.10:53", "10.0.1.10:1000"), "app: 172.16.0.10.53 > 10.0.1.10.1000");
    for (const to of ["10.1.1.10:1", "203.0.113.10:1", "10.0.9.9:1"])
      expectDrop(b, "vpn", udp("172.16.0.10:53", to), "OUTSIDE_UNREACHABLE");
    expectDrop(b, "vpn", udp("172.16.0.10:53", "10.0.2.50:2000"), "NAT_GATEWAY_NO_CONNECTION");
  });

  it("sees the private source behind a gateway endpoint, with an MTU of its own", () => {
    const b = bench();
    expectOneWay(b, "app", udp("10.0.1.10:1000", "52.216.0.1:443"), "s3: 10.0.1.10.1000 > 52.216.0.1.443");
    expect(b.send("app", udp("10.0.1.10:1", "52.216.0.1:2", big(8500 - 28)))).toHaveLength(1);
    const [error] = b.send("app", udp("10.0.1.10:1", "52.216.0.1:2", big(8501 - 28)));
    expect(error.line).toMatch(/^10\.0\.1\.1 > 10\.0\.1\.10: .*8500/);
  });
});

describe("an AWS service's host, on the internet and behind a gateway endpoint", () => {
  it("is reached either way, and answers the way it was asked", () => {
    const v = threeVpcs();
    const at = v.rows.findIndex((row) => row.t === "outside" && row.network === NETWORK.s3);
    const row = v.rows[at] as R.OutsideRow;
    v.rows.splice(at, 0, { ...row, network: NETWORK.internet });
    const b = new VpcBench(v);
    expectOneWay(b, "app", udp("10.0.1.10:1000", "52.216.0.1:443"), "s3: 10.0.1.10.1000 > 52.216.0.1.443");
    expectOneWay(b, "s3", udp("52.216.0.1:443", "10.0.1.10:1000"), "app: 52.216.0.1.443 > 10.0.1.10.1000");
    expectOneWay(b, "db", udp("10.1.1.10:1000", "52.216.0.1:443"), "s3: 198.51.100.20.1000 > 52.216.0.1.443");
    expectOneWay(b, "s3", udp("52.216.0.1:443", "198.51.100.20:1000"), "db: 52.216.0.1.443 > 10.1.1.10.1000");
    b.plane.apply({ put: [], gone: [row] });
    expectOneWay(b, "s3", udp("52.216.0.1:443", "198.51.100.20:1000"), "db: 52.216.0.1.443 > 10.1.1.10.1000");
    expectDrop(b, "s3", udp("52.216.0.1:443", "10.0.1.10:1000"), "OUTSIDE_UNREACHABLE");
  });
});

describe("internet gateways", () => {
  it("bring packets from one VPC's public address to another's", () => {
    const b = bench();
    expectOneWay(b, "edge", udp("10.0.2.10:1", "198.51.100.20:2"), "db: 198.51.100.10.1 > 10.1.1.10.2");
    expectOneWay(b, "db", udp("10.1.1.10:2", "198.51.100.10:1"), "edge: 198.51.100.20.2 > 10.0.2.10.1");
  });

  it("translate what an ICMP error quotes, so that the sender of the packet knows it", () => {
    const b = bench();
    const [out] = b.send("edge", udp("10.0.2.10:1000", "203.0.113.10:53"));
    const [error] = b.send("web", icmpError("203.0.113.10", "198.51.100.10", 3, 3, out.bytes));
    expect(error.device).toBe("edge");
    expect(packetProblem(error.bytes)).toBeNull();
    expect([...quoted(error.bytes).subarray(VNET + 12, VNET + 16)]).toEqual([10, 0, 2, 10]);
  });

  it("ask a sender for packets of 1500 bytes in the name of its subnet's router", () => {
    const b = bench();
    const [error] = b.send("edge", udp("10.0.2.10:1", "203.0.113.10:2", big(1473)));
    expect(error.device).toBe("edge");
    expect(error.line).toMatch(/^10\.0\.2\.1 > 10\.0\.2\.10: .*1500/);
  });

  it("have no public address for a host without one", () => {
    const b = bench();
    expectDrop(b, "box", udp("10.0.2.20:1", "203.0.113.10:2"), "IGW_NO_PUBLIC_ADDRESS");
  });
});

describe("a route to an ENI", () => {
  it("brings packets for others to a NAT instance, whose own check is off", () => {
    const b = bench();
    expectOneWay(b, "boxed", udp("10.0.6.10:1", "203.0.113.10:2"), "box: 10.0.6.10.1 > 203.0.113.10.2");
    // More specific than the local route.
    expectOneWay(b, "boxed", udp("10.0.6.10:1", "10.0.1.10:2"), "box: 10.0.6.10.1 > 10.0.1.10.2");
    expectOneWay(b, "boxed", udp("10.0.6.10:1", "10.0.4.10:2"), "other: 10.0.6.10.1 > 10.0.4.10.2");
  });

  it("ends at the check of an ENI that has it on", () => {
    const b = bench();
    expectDrop(b, "boxed", udp("10.0.6.10:1", "198.18.0.1:2"), "SOURCE_DEST_CHECK");
  });

  it("is a blackhole when the ENI is gone", () => {
    const v = threeVpcs();
    const b = new VpcBench(v);
    b.plane.apply({ put: [], gone: v.rows.filter((row) => row.t === "eni" && row.address === ip("10.0.2.20")) });
    expectDrop(b, "boxed", udp("10.0.6.10:1", "203.0.113.10:2"), "VPC_BLACKHOLE");
  });
});

describe("routes that lead nowhere", () => {
  it("say which", () => {
    const b = bench();
    expectDrop(b, "app", udp("10.0.1.10:1", "10.9.0.1:2"), "VPC_BLACKHOLE");
    expectDrop(b, "app", udp("10.0.1.10:1", "10.0.99.1:2"), "VPC_ADDRESS_UNASSIGNED");
    for (const to of ["169.254.169.254:80", "169.254.168.1:1", "169.254.171.255:1", "169.254.1.1:1"])
      expectDrop(b, "app", udp("10.0.1.10:1", to), "LINK_LOCAL_UNREACHABLE");
    b.plane.apply({
      put: [],
      gone: [{ t: "vpcRoute", routeTable: TABLE.far, ...cidr("0.0.0.0/0"), target: 0, arg: 0 }],
    });
    expectDrop(b, "far", udp("10.2.1.10:1", "9.9.9.9:2"), "VPC_NO_ROUTE");
  });

  it("never forward link-local addresses, whatever a route table says; a service that the lab has answers", () => {
    const v = threeVpcs();
    v.route(TABLE.private, "169.254.0.0/16", R.TARGET_NETWORK, NETWORK.vpn);
    const time = v.host("time", SUBNET.public, "10.0.2.123", { check: false });
    v.rows.push({ t: "eniAddress", vpc: 0, ...cidr("169.254.169.123/32"), eni: time });
    const b = new VpcBench(v);
    expectDrop(b, "app", udp("10.0.1.10:1", "169.254.168.1:1"), "LINK_LOCAL_UNREACHABLE");
    expectOneWay(b, "app", udp("10.0.1.10:1", "169.254.169.123:123"), "time: 10.0.1.10.1 > 169.254.169.123.123");
  });

  it("in circles end after eight hops", () => {
    const b = bench();
    const circle = (block: string): R.Row => ({
      t: "vpcRoute",
      routeTable: TABLE.transit,
      ...cidr(block),
      target: R.TARGET_TRANSIT_GATEWAY,
      arg: ATTACHMENT.cluster,
    });
    b.plane.apply({ put: [circle("203.0.113.0/24")], gone: [] });
    expectDrop(b, "far", udp("10.2.1.10:1000", "203.0.113.10:53"), "FABRIC_LOOP");
    // Two NAT gateways that send to each other, fragments included.
    b.plane.apply({
      put: [
        { t: "vpcRoute", routeTable: TABLE.public, ...cidr("203.0.113.0/24"), target: R.TARGET_NAT_GATEWAY, arg: 1 },
        { t: "vpcRoute", routeTable: TABLE.transit, ...cidr("203.0.113.0/24"), target: R.TARGET_NAT_GATEWAY, arg: 0 },
      ],
      gone: [],
    });
    expectDrop(b, "app", udp("10.0.1.10:1000", "203.0.113.10:53"), "FABRIC_LOOP");
    const loops = b.drops("FABRIC_LOOP");
    expect(b.send("app", udp("10.0.1.10:1000", "203.0.113.10:53", big(8700), { frag: MAY_CUT }))).toEqual([]);
    expect(b.drops("FABRIC_LOOP")).toBeGreaterThan(loops);
    expect(b.drops("WORK_QUEUE_FULL")).toBe(0);
    expect(b.imbalance()).toBe(0);
  });
});

describe("network ACLs at gateways", () => {
  const acl = (id: number, subnet: number, ingress: boolean, egress: boolean): R.Row[] => {
    const rule = { number: 100, protocol: -1, fromPort: 0, toPort: 65_535, prefix: 0, length: 0 };
    return [
      { t: "networkAcl", id, ingress: [{ ...rule, allow: ingress }], egress: [{ ...rule, allow: egress }] },
      { t: "subnetAcl", subnet, acl: id },
    ];
  };

  it("of the transit gateway's subnet judge what enters it from the VPC, and what leaves it into the VPC", () => {
    const b = bench();
    b.plane.apply({ put: acl(0, SUBNET.transit, false, true), gone: [] });
    expectDrop(b, "app", udp("10.0.1.10:1", "10.2.1.10:2"), "NETWORK_ACL_INGRESS");
    expectOneWay(b, "far", udp("10.2.1.10:2", "10.0.1.10:1"), "app: 10.2.1.10.2 > 10.0.1.10.1");
    b.plane.apply({ put: acl(0, SUBNET.transit, true, false), gone: [] });
    expectOneWay(b, "app", udp("10.0.1.10:1", "10.2.1.10:2"), "far: 10.0.1.10.1 > 10.2.1.10.2");
    expectDrop(b, "far", udp("10.2.1.10:2", "10.0.1.10:1"), "NETWORK_ACL_EGRESS");
  });

  it("of a NAT gateway's subnet judge it both ways", () => {
    const b = bench();
    b.plane.apply({ put: acl(0, SUBNET.public, false, true), gone: [] });
    expectDrop(b, "app", udp("10.0.1.10:1", "203.0.113.10:2"), "NETWORK_ACL_INGRESS");
    b.plane.apply({ put: acl(0, SUBNET.public, true, false), gone: [] });
    expectDrop(b, "app", udp("10.0.1.10:1", "203.0.113.10:2"), "NETWORK_ACL_EGRESS");
  });

  it("stop the router's request for smaller packets, and path MTU discovery with it", () => {
    const b = bench();
    b.plane.apply({ put: acl(0, SUBNET.public, false, true), gone: [] });
    expect(b.send("edge", udp("10.0.2.10:1", "203.0.113.10:2", big(1473)))).toEqual([]);
    expect(b.reason).toBe("FRAGMENTATION_NEEDED");
    expect(b.imbalance()).toBe(0);
  });
});

/** A TCP packet with an MSS option, behind so many NOOPs. */
function syn(from: string, to: string, flags: string, mss: number, noops = 0, partial = false): Uint8Array {
  // What tcp() takes for payload are the options: the data offset says so.
  const options = Uint8Array.of(...Array<number>(noops).fill(1), 2, 4, mss >> 8, mss & 255, 0, 0, 0, 0);
  const length = noops === 0 ? 4 : 8;
  const bytes = tcp(from, to, flags, { payload: options.slice(0, length), partial });
  const l4 = VNET + 20;
  bytes[l4 + 12] = (20 + length) << 2;
  if (!partial) writeTcpChecksum(bytes, l4, 20 + length, getI32(bytes, VNET + 12), getI32(bytes, VNET + 16));
  return bytes;
}
