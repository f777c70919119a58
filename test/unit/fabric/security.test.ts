import { describe, expect, it } from "vitest";
import * as C from "../../../src/plane/counters.ts";
import { Decision } from "../../../src/plane/decision.ts";
import { BY_FLOW, BY_NOTHING } from "../../../src/plane/fabric/security.ts";
import { accountOf } from "../../../src/plane/fabric/trackedFlows.ts";
import * as R from "../../../src/plane/rows.ts";
import { cutUp } from "../plane/slowPacket.ts";
import {
  ACK,
  bytesOf,
  eniRow,
  FIN,
  group,
  IN,
  icmp,
  icmpError,
  OUT,
  RST,
  SecurityBench,
  SYN,
  tcp,
  udp,
} from "./securityBench.ts";

const WEB = 0;
const DB = 1;
const OTHER = 2;
const web = "10.0.0.10";
const db = "10.0.0.20";
const other = "10.0.0.30";
const client = "203.0.113.5";

const local = (routeTable: number): R.Row => ({
  t: "vpcRoute",
  routeTable,
  prefix: 0x0a000000,
  length: 16,
  target: R.TARGET_LOCAL,
  arg: 0,
});
const SUBNET: R.Row = { t: "subnet", id: 0, vpc: 0, prefix: 0x0a000000, length: 24, routeTable: 0 };
const ENIS: R.Row[] = [SUBNET, local(0), eniRow(WEB, web), eniRow(DB, db), eniRow(OTHER, other)];
const NODE_DEVICE = 2;
const NODE: R.NodeRow = {
  t: "node",
  id: 0,
  vpc: 0,
  hostDevice: NODE_DEVICE,
  primaryEni: WEB,
  primaryAddress: 0x0a00000a,
  serviceMode: R.SERVICE_MODE_IPTABLES,
  snatMode: R.SNAT_PRNG,
  masqueradeAll: false,
  clusterCidr: null,
  nodePortAddresses: null,
  serviceCidr: { prefix: 0, length: 0 },
  conntrackLimit: 1,
};
const groups = (eni: number, ...list: number[]): R.Row => ({ t: "eniGroups", eni, groups: list });
const ALL_OUT = ["all any 0.0.0.0/0"];

function bench(...rows: R.Row[]): SecurityBench {
  return new SecurityBench([...ENIS, ...rows]);
}

describe("security groups", () => {
  it("filter nothing at an ENI that is in none", () => {
    const b = bench(group(0, [], []), groups(DB, 0));
    expect(b.eni(WEB, IN, tcp(`${client}:1`, `${web}:80`))).toBe(true);
    expect(b.eni(DB, IN, tcp(`${client}:1`, `${db}:80`))).toBe(false);
    expect(b.dropped("SECURITY_GROUP_INGRESS")).toBe(1);
  });

  it("allow what one of the ENI's groups allows, and nothing else", () => {
    const b = bench(group(0, ["tcp 80 203.0.113.0/24"], []), group(1, ["udp 53 0.0.0.0/0"], []), groups(WEB, 0, 1));
    expect(b.eni(WEB, IN, tcp(`${client}:1`, `${web}:80`))).toBe(true);
    expect(b.eni(WEB, IN, udp(`${client}:1`, `${web}:53`))).toBe(true);
    for (const packet of [
      tcp(`${client}:1`, `${web}:81`),
      tcp("198.51.100.1:1", `${web}:80`),
      udp(`${client}:1`, `${web}:80`),
      tcp(`${client}:1`, `${web}:53`),
      icmp(client, web, 8),
    ])
      expect(b.eni(WEB, IN, packet)).toBe(false);
    expect(b.eni(WEB, OUT, tcp(`${web}:1`, `${client}:80`))).toBe(false);
    expect(b.dropped("SECURITY_GROUP_EGRESS")).toBe(1);
  });

  it("let answers out without a rule, and answers in", () => {
    const b = bench(group(0, ["tcp 80 203.0.113.0/24"], ["tcp 5432 10.0.0.0/24"]), groups(WEB, 0));
    expect(b.eni(WEB, OUT, tcp(`${web}:80`, `${client}:1`, SYN | ACK))).toBe(false);
    expect(b.eni(WEB, IN, tcp(`${client}:1`, `${web}:80`))).toBe(true);
    expect(b.eni(WEB, OUT, tcp(`${web}:80`, `${client}:1`, SYN | ACK))).toBe(true);
    expect(b.eni(WEB, OUT, tcp(`${web}:80`, `${client}:2`, SYN | ACK))).toBe(false);
    expect(b.eni(WEB, OUT, tcp(`${web}:4000`, `${db}:5432`))).toBe(true);
    expect(b.eni(WEB, IN, tcp(`${db}:5432`, `${web}:4000`, SYN | ACK))).toBe(true);
  });

  it("name groups by the private addresses of the ENIs in them, prefixes included", () => {
    const b = bench(
      group(0, [], ALL_OUT),
      group(1, ["tcp 5432 group:0"], []),
      groups(WEB, 0),
      groups(DB, 1),
      groups(OTHER),
      { t: "eniAddress", vpc: 0, prefix: 0x0a000140, length: 28, eni: WEB },
    );
    expect(b.eni(DB, IN, tcp(`${web}:1`, `${db}:5432`))).toBe(true);
    expect(b.eni(DB, IN, tcp("10.0.1.65:1", `${db}:5432`))).toBe(true);
    expect(b.eni(DB, IN, tcp("10.0.1.80:1", `${db}:5432`))).toBe(false);
    expect(b.eni(DB, IN, tcp(`${other}:1`, `${db}:5432`))).toBe(false);
    b.put(groups(OTHER, 0));
    expect(b.eni(DB, IN, tcp(`${other}:1`, `${db}:5432`))).toBe(true);
    b.gone(group(0, [], []));
    expect(b.eni(DB, IN, tcp(`${other}:2`, `${db}:5432`))).toBe(false);
  });

  it("name groups of another VPC over a peering alone", () => {
    const peer = "10.1.0.5";
    const route = (target: number): R.Row => ({
      t: "vpcRoute",
      routeTable: 0,
      prefix: 0x0a010000,
      length: 16,
      target,
      arg: 0,
    });
    const b = bench(
      group(0, ["tcp 80 group:5"], []),
      group(5, [], [], 1),
      groups(WEB, 0),
      { t: "subnet", id: 1, vpc: 1, prefix: 0x0a010000, length: 24, routeTable: 1 },
      eniRow(7, peer, { vpc: 1, subnet: 1 }),
      groups(7, 5),
      route(R.TARGET_PEERING),
    );
    expect(b.eni(WEB, IN, tcp(`${peer}:1`, `${web}:80`))).toBe(true);
    b.put(route(R.TARGET_TRANSIT_GATEWAY));
    expect(b.eni(WEB, IN, tcp(`${peer}:2`, `${web}:80`))).toBe(false);
  });

  it("know ICMP types and codes", () => {
    const b = bench(group(0, ["icmp 8/0 0.0.0.0/0", "icmp 3 0.0.0.0/0"], []), groups(WEB, 0));
    expect(b.eni(WEB, IN, icmp(client, web, 8))).toBe(true);
    expect(b.eni(WEB, IN, icmp(client, web, 8, 7, 1))).toBe(false);
    expect(b.eni(WEB, IN, icmp(client, web, 13))).toBe(false);
    expect(b.eni(WEB, IN, icmp(client, web, 3, 0, 1))).toBe(true);
    expect(b.eni(WEB, IN, icmp(client, web, 11))).toBe(false);
  });

  it("track ICMP always: the answer passes, a question the other way does not", () => {
    const b = bench(group(0, [], ALL_OUT), groups(WEB, 0));
    expect(b.eni(WEB, OUT, icmp(web, client, 8))).toBe(true);
    expect(b.eni(WEB, IN, icmp(client, web, 0))).toBe(true);
    expect(b.eni(WEB, IN, icmp(client, web, 0, 8))).toBe(false);
    expect(b.eni(WEB, IN, icmp(client, web, 8))).toBe(false);
    // 136 is 8 with its highest bit set.
    expect(b.eni(WEB, IN, icmp(client, web, 136))).toBe(false);
    // What no question came before opens nothing.
    expect(b.eni(WEB, OUT, icmp(web, client, 0, 9))).toBe(true);
    expect(b.eni(WEB, IN, icmp(client, web, 8, 9))).toBe(false);
  });

  it("let ICMP errors about a connection pass, and no others", () => {
    const b = bench(group(0, ["tcp 80 203.0.113.0/24"], ["udp 53 0.0.0.0/0"]), groups(WEB, 0));
    const sent = udp(`${web}:4000`, "198.51.100.9:53");
    expect(b.eni(WEB, IN, icmpError("10.0.0.1", web, 3, 4, sent))).toBe(false);
    expect(b.eni(WEB, OUT, sent)).toBe(true);
    expect(b.eni(WEB, IN, icmpError("10.0.0.1", web, 3, 4, sent))).toBe(true);
    expect(b.eni(WEB, IN, icmpError("10.0.0.1", web, 3, 4, udp(`${web}:4001`, "198.51.100.9:53")))).toBe(false);
    expect(b.eni(WEB, IN, tcp(`${client}:1`, `${web}:80`))).toBe(true);
    expect(b.eni(WEB, OUT, icmpError(web, client, 3, 4, tcp(`${client}:1`, `${web}:80`)))).toBe(true);
    expect(b.eni(WEB, OUT, icmpError(web, client, 3, 4, tcp(`${client}:2`, `${web}:80`)))).toBe(false);
  });

  it("let ICMP errors about an untracked connection pass", () => {
    const b = bench(group(0, ["tcp 80 0.0.0.0/0"], ["tcp any 0.0.0.0/0"]), groups(WEB, 0));
    const answer = tcp(`${web}:80`, `${client}:1`, ACK);
    expect(b.eni(WEB, OUT, answer)).toBe(true);
    expect(b.eni(WEB, IN, icmpError("10.0.0.1", web, 3, 4, answer))).toBe(true);
    expect(b.eni(WEB, IN, icmpError("10.0.0.1", web, 3, 4, tcp(`${web}:81`, `${client}:1`, ACK)))).toBe(false);
    expect(b.tracked).toBe(0);
  });

  it("track addresses and number alone of other protocols", () => {
    const b = bench(group(0, [], ALL_OUT), groups(WEB, 0));
    const esp = { protocol: 50, src: web, dst: client, payload: new Uint8Array(8) };
    const back = { ...esp, src: client, dst: web };
    expect(b.eni(WEB, IN, back)).toBe(false);
    expect(b.eni(WEB, OUT, esp)).toBe(true);
    b.wait(599_000);
    expect(b.eni(WEB, IN, back)).toBe(true);
    const sctp = { protocol: 132, src: web, dst: client, sport: 1, dport: 2 };
    expect(b.eni(WEB, OUT, sctp)).toBe(true);
    expect(b.eni(WEB, IN, { ...sctp, src: client, dst: web, sport: 9, dport: 8 })).toBe(true);
    b.wait(600_000);
    expect(b.eni(WEB, IN, back)).toBe(false);
  });

  it("never filter link-local services", () => {
    const b = bench(group(0, [], []), groups(WEB, 0));
    for (const service of ["169.254.169.253", "169.254.169.254", "169.254.169.123"]) {
      expect(b.eni(WEB, OUT, udp(`${web}:1`, `${service}:53`))).toBe(true);
      expect(b.eni(WEB, IN, udp(`${service}:53`, `${web}:1`))).toBe(true);
    }
    expect(b.eni(WEB, OUT, udp(`${web}:1`, "169.253.169.254:53"))).toBe(false);
  });

  it("keep tracked connections when their rule goes, until they were idle for too long", () => {
    const b = bench(group(0, ["tcp 22 203.0.113.0/24", "udp 53 203.0.113.0/24"], []), groups(WEB, 0));
    expect(b.eni(WEB, IN, tcp(`${client}:1`, `${web}:22`))).toBe(true);
    expect(b.eni(WEB, OUT, tcp(`${web}:22`, `${client}:1`, SYN | ACK))).toBe(true);
    expect(b.eni(WEB, IN, udp(`${client}:1`, `${web}:53`))).toBe(true);
    b.put(group(0, [], []));
    expect(b.eni(WEB, IN, tcp(`${client}:2`, `${web}:22`))).toBe(false);
    b.wait(29_000);
    expect(b.eni(WEB, OUT, udp(`${web}:53`, `${client}:1`))).toBe(true);
    b.wait(30_000);
    expect(b.eni(WEB, IN, udp(`${client}:1`, `${web}:53`))).toBe(false);
    b.wait(431_000_000);
    expect(b.eni(WEB, IN, tcp(`${client}:1`, `${web}:22`, ACK))).toBe(true);
    b.wait(432_000_000);
    expect(b.eni(WEB, IN, tcp(`${client}:1`, `${web}:22`, ACK))).toBe(false);
  });

  it("time out what is not established after 600 s, a UDP stream after 180 s", () => {
    const b = bench(group(0, ["tcp 22 203.0.113.0/24", "udp 53 203.0.113.0/24"], []), groups(WEB, 0));
    expect(b.eni(WEB, IN, tcp(`${client}:1`, `${web}:22`))).toBe(true);
    b.wait(600_000);
    expect(b.eni(WEB, OUT, tcp(`${web}:22`, `${client}:1`, SYN | ACK))).toBe(false);
    const question = udp(`${client}:1`, `${web}:53`);
    const answer = udp(`${web}:53`, `${client}:1`);
    for (let i = 0; i < 2; i++) {
      expect(b.eni(WEB, IN, question)).toBe(true);
      expect(b.eni(WEB, OUT, answer)).toBe(true);
    }
    b.wait(179_000);
    expect(b.eni(WEB, OUT, answer)).toBe(true);
    b.wait(180_000);
    expect(b.eni(WEB, OUT, answer)).toBe(false);
  });

  it("take an ENI's own timeouts", () => {
    const tracking = { limit: 10, tcpEstablished: 350_000, udpStream: 60_000, udp: 45_000 };
    const b = bench(group(0, ["tcp 22 203.0.113.0/24"], []), { t: "eniGroups", eni: WEB, groups: [0], tracking });
    b.eni(WEB, IN, tcp(`${client}:1`, `${web}:22`));
    b.eni(WEB, OUT, tcp(`${web}:22`, `${client}:1`, SYN | ACK));
    b.wait(349_000);
    expect(b.eni(WEB, OUT, tcp(`${web}:22`, `${client}:1`, ACK))).toBe(true);
    b.wait(350_000);
    expect(b.eni(WEB, OUT, tcp(`${web}:22`, `${client}:1`, ACK))).toBe(false);
  });

  it("forget a closed connection: its ports' next one needs a rule", () => {
    for (const end of [[RST], [FIN | ACK, FIN | ACK]]) {
      const b = bench(group(0, ["tcp 22 203.0.113.0/24"], []), groups(WEB, 0));
      b.eni(WEB, IN, tcp(`${client}:1`, `${web}:22`));
      b.eni(WEB, OUT, tcp(`${web}:22`, `${client}:1`, SYN | ACK));
      b.put(group(0, [], []));
      expect(b.eni(WEB, IN, tcp(`${client}:1`, `${web}:22`, end[0]))).toBe(true);
      if (end.length > 1) expect(b.eni(WEB, OUT, tcp(`${web}:22`, `${client}:1`, end[1]))).toBe(true);
      expect(b.eni(WEB, IN, tcp(`${client}:1`, `${web}:22`, ACK))).toBe(true);
      expect(b.eni(WEB, IN, tcp(`${client}:1`, `${web}:22`, SYN))).toBe(false);
      expect(b.tracked).toBe(0);
    }
  });

  it("do not track what 0.0.0.0/0 allows both ways, and cut it at once when the rule goes", () => {
    const open = group(0, ["tcp 80 0.0.0.0/0"], ALL_OUT);
    const b = bench(open, groups(WEB, 0));
    expect(b.eni(WEB, IN, tcp(`${client}:1`, `${web}:80`))).toBe(true);
    expect(b.eni(WEB, OUT, tcp(`${web}:80`, `${client}:1`, SYN | ACK))).toBe(true);
    expect(b.eni(WEB, IN, tcp(`${client}:1`, `${web}:80`, ACK))).toBe(true);
    expect(b.tracked).toBe(0);
    b.put(group(0, [], ALL_OUT));
    expect(b.eni(WEB, OUT, tcp(`${web}:80`, `${client}:1`, ACK))).toBe(true);
    expect(b.eni(WEB, IN, tcp(`${client}:1`, `${web}:80`, ACK))).toBe(false);
    // The other way round it is tracked: no rule lets all ports in.
    expect(b.eni(WEB, OUT, tcp(`${web}:4000`, `${client}:443`))).toBe(true);
    expect(b.tracked).toBe(1);
  });

  it("track what 0.0.0.0/0 may not answer on all ports", () => {
    const b = bench(group(0, ["tcp 0-1023 0.0.0.0/0"], ["tcp 0-65534 0.0.0.0/0"]), groups(WEB, 0));
    expect(b.eni(WEB, IN, tcp(`${client}:1`, `${web}:80`))).toBe(true);
    expect(b.tracked).toBe(1);
  });

  it("track what a narrower rule or a group allows", () => {
    const b = bench(group(0, ["tcp 80 203.0.113.0/24", "tcp 81 group:0"], ALL_OUT), groups(WEB, 0), groups(DB, 0));
    b.eni(WEB, IN, tcp(`${client}:1`, `${web}:80`));
    b.eni(WEB, IN, tcp(`${db}:1`, `${web}:81`));
    expect(b.tracked).toBe(2);
  });

  it("track what goes by a NAT gateway or a transit gateway, whatever the rules", () => {
    for (const target of [R.TARGET_NAT_GATEWAY, R.TARGET_TRANSIT_GATEWAY, R.TARGET_INTERNET_GATEWAY]) {
      const b = bench(group(0, ALL_OUT, ALL_OUT), groups(WEB, 0), {
        t: "vpcRoute",
        routeTable: 0,
        prefix: 0,
        length: 0,
        target,
        arg: 0,
      });
      expect(b.eni(WEB, OUT, tcp(`${web}:1`, `${client}:80`))).toBe(true);
      expect(b.tracked).toBe(target === R.TARGET_INTERNET_GATEWAY ? 0 : 1);
      expect(b.eni(WEB, OUT, tcp(`${web}:1`, `${db}:80`))).toBe(true);
      expect(b.tracked).toBe(target === R.TARGET_INTERNET_GATEWAY ? 0 : 1);
    }
  });

  it("drop new connections of an instance that tracks as many as it can", () => {
    const tracking = { limit: 3, tcpEstablished: 1000, udpStream: 1000, udp: 30_000 };
    const onNode = (id: number, address: string) => eniRow(id, address, { node: 0 });
    const b = bench(
      group(0, [], ["udp 53 0.0.0.0/0"]),
      NODE,
      onNode(WEB, web),
      onNode(DB, db),
      { t: "eniGroups", eni: WEB, groups: [0], tracking },
      { t: "eniGroups", eni: DB, groups: [0], tracking },
    );
    const account = accountOf(0, WEB);
    expect(accountOf(0, DB)).toBe(account);
    for (let i = 0; i < 2; i++) expect(b.eni(WEB, OUT, udp(`${web}:${i}`, `${client}:53`))).toBe(true);
    expect(b.eni(DB, OUT, udp(`${db}:9`, `${client}:53`))).toBe(true);
    expect(b.eni(DB, OUT, udp(`${db}:10`, `${client}:53`))).toBe(false);
    expect(b.dropped("SECURITY_GROUP_TABLE_FULL")).toBe(1);
    const { counters } = b.plane.context;
    const at = C.C_DEVICES + NODE_DEVICE * C.DEVICE_COUNTERS;
    const shown = () => [C.D_TRACKED, C.D_TRACKED_AVAILABLE, C.D_TRACKED_EXCEEDED].map((field) => counters[at + field]);
    expect(shown()).toEqual([3, 0, 1]);
    expect(b.plane.context.tracked.table.countOf(account)).toBe(3);
    // Known ones go on.
    expect(b.eni(WEB, IN, udp(`${client}:53`, `${web}:1`))).toBe(true);
    b.wait(30_000);
    b.wait(1000);
    expect(shown()).toEqual([0, 3, 1]);
    expect(b.eni(DB, OUT, udp(`${db}:10`, `${client}:53`))).toBe(true);
  });

  it("let later fragments pass where the first one did", () => {
    const b = bench(group(0, ["udp 53 203.0.113.0/24"], []), groups(WEB, 0));
    const datagram = (port: number, id: number) =>
      cutUp(bytesOf({ ...udp(`${client}:1`, `${web}:${port}`), payload: new Uint8Array(100), id }), 48);
    const [first, ...later] = datagram(53, 5);
    expect(later.length).toBeGreaterThan(1);
    expect(b.eni(WEB, IN, later[0])).toBe(false);
    expect(b.eni(WEB, IN, first)).toBe(true);
    for (const piece of later) expect(b.eni(WEB, IN, piece)).toBe(true);
    for (const piece of datagram(54, 6)) expect(b.eni(WEB, IN, piece)).toBe(false);
    // And so do the answer's.
    const answer = cutUp(bytesOf({ ...udp(`${web}:53`, `${client}:1`), payload: new Uint8Array(100), id: 9 }), 48);
    for (const piece of answer) expect(b.eni(WEB, OUT, piece)).toBe(true);
    b.wait(30_000);
    expect(b.eni(WEB, IN, later[0])).toBe(false);
  });

  it("forget an ENI's connections with the ENI", () => {
    const b = bench(group(0, ["udp 53 203.0.113.0/24"], []), groups(WEB, 0));
    b.eni(WEB, IN, udp(`${client}:1`, `${web}:53`));
    b.gone(eniRow(WEB, web));
    b.put(eniRow(WEB, web), group(0, [], []));
    expect(b.eni(WEB, OUT, udp(`${web}:53`, `${client}:1`))).toBe(false);
  });

  it("say which group and rule allowed a packet, and whose groups were asked when none did", () => {
    const b = bench(group(3, ["tcp 22 10.0.0.0/8", "tcp 80 203.0.113.0/24"], []), group(4, [], []), groups(WEB, 4, 3));
    const d = new Decision();
    b.plane.context.decision = d;
    b.eni(WEB, IN, tcp(`${client}:1`, `${web}:80`));
    b.eni(WEB, OUT, tcp(`${web}:80`, `${client}:1`, SYN | ACK));
    b.eni(WEB, IN, tcp(`${client}:1`, `${web}:81`));
    const steps = [0, 1, 2].map((i) => ({ rule: d.rule[i], a: d.a[i], egress: d.b[i], eni: d.c[i], tracked: d.d[i] }));
    expect(steps).toEqual([
      { rule: 3, a: 1, egress: 0, eni: WEB, tracked: 1 },
      { rule: 3, a: BY_FLOW, egress: 1, eni: WEB, tracked: 0 },
      { rule: -1, a: BY_NOTHING, egress: 0, eni: WEB, tracked: 0 },
    ]);
  });

  it("change nothing in a what-if", () => {
    const b = bench(group(0, ["udp 53 203.0.113.0/24"], []), groups(WEB, 0));
    b.eni(WEB, IN, udp(`${client}:1`, `${web}:53`));
    const { table } = b.plane.context.tracked;
    const before = table.stateHash();
    table.beginTrial();
    expect(b.eni(WEB, IN, udp(`${client}:2`, `${web}:53`))).toBe(true);
    expect(b.eni(WEB, OUT, udp(`${web}:53`, `${client}:2`))).toBe(true);
    expect(b.eni(WEB, OUT, udp(`${web}:53`, `${client}:1`))).toBe(true);
    table.rollback();
    expect(table.stateHash()).toBe(before);
    expect(b.eni(WEB, OUT, udp(`${web}:53`, `${client}:2`))).toBe(false);
  });
});
