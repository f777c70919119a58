import { describe, expect, test } from "vitest";
import {
  CT_ESTABLISHED,
  CT_ESTABLISHED_REPLY,
  CT_INVALID,
  CT_NEW,
  CT_RELATED,
  CT_RELATED_REPLY,
  IPS_ASSURED,
  STAT_ERROR,
  STAT_ICMP_ERROR,
  STAT_INVALID,
} from "../../../src/plane/conntrack/info.ts";
import type { Conntrack } from "../../../src/plane/conntrack/table.ts";
import type { Packet } from "../../../src/plane/packet.ts";
import {
  CLIENT,
  icmp,
  icmpError,
  ip,
  OTHER,
  other,
  packet,
  pass,
  reversed,
  SERVER,
  SYN,
  sctp,
  table,
  tcp,
  udp,
} from "./packets.ts";

describe("UDP", () => {
  test("30 s; 120 s and assured once answered for more than two seconds", () => {
    const ct = table();
    const step = (now: number, p: Packet): (number | boolean)[] => [
      pass(ct, p, now),
      ct.timeoutLeft(packet.ct, now) / 1000,
      (ct.status(packet.ct) & IPS_ASSURED) !== 0,
    ];
    expect(step(0, udp())).toEqual([CT_NEW, 30, false]);
    expect(step(5000, udp())).toEqual([CT_NEW, 30, false]);
    // The first answer itself comes before the flow counts as answered.
    expect(step(6000, udp(reversed({})))).toEqual([CT_ESTABLISHED_REPLY, 30, false]);
    expect(step(6001, udp())).toEqual([CT_ESTABLISHED, 120, true]);
    const quick = { sport: 50_000 };
    expect(step(10_000, udp(quick))).toEqual([CT_NEW, 30, false]);
    expect(step(10_001, udp(reversed(quick)))).toEqual([CT_ESTABLISHED_REPLY, 30, false]);
    expect(step(12_000, udp(quick))).toEqual([CT_ESTABLISHED, 30, false]);
    expect(step(12_001, udp(reversed(quick)))).toEqual([CT_ESTABLISHED_REPLY, 120, true]);
  });

  test("after its timeout a flow is new again", () => {
    const ct = table();
    pass(ct, udp(), 0);
    pass(ct, udp(reversed({})), 1);
    expect(pass(ct, udp(), 30_000)).toBe(CT_ESTABLISHED);
    expect(pass(ct, udp(reversed({})), 60_000 + 90_000)).toBe(CT_NEW);
    expect(ct.src(packet.ct, 0)).toBe(SERVER);
  });
});

test("protocols without a tracker: 600 s, no ports", () => {
  const ct = table();
  expect(pass(ct, other(47), 0)).toBe(CT_NEW);
  expect(ct.timeoutLeft(packet.ct, 0)).toBe(600_000);
  expect(pass(ct, other(47, reversed({})), 0)).toBe(CT_ESTABLISHED_REPLY);
  expect(pass(ct, other(50), 0)).toBe(CT_NEW);
});

describe("ICMP queries", () => {
  test.each([
    ["echo", 8, 0],
    ["timestamp", 13, 14],
    ["information", 15, 16],
    ["address mask", 17, 18],
  ])("%s: request and answers", (_, request, answer) => {
    const ct = table();
    expect(pass(ct, icmp(answer, 0, 7, reversed({})), 0)).toBe(CT_INVALID);
    expect(pass(ct, icmp(request, 0, 7), 0)).toBe(CT_NEW);
    expect(ct.timeoutLeft(packet.ct, 0)).toBe(30_000);
    expect(pass(ct, icmp(answer, 0, 8, reversed({})), 0)).toBe(CT_INVALID);
    expect(pass(ct, icmp(answer, 0, 7, reversed({})), 100)).toBe(CT_ESTABLISHED_REPLY);
    // A duplicate: the first answer did not end the entry.
    expect(pass(ct, icmp(answer, 0, 7, reversed({})), 200)).toBe(CT_ESTABLISHED_REPLY);
    expect(ct.timeoutLeft(packet.ct, 200)).toBe(30_000);
    expect(pass(ct, icmp(request, 0, 7), 300)).toBe(CT_ESTABLISHED);
    expect(ct.total).toBe(1);
  });

  test("types that nobody knows, or that have no opposite, are invalid", () => {
    const ct = table();
    expect(pass(ct, icmp(19, 0, 1), 0)).toBe(CT_INVALID);
    expect(ct.stats[STAT_ERROR]).toBe(1);
    expect(pass(ct, icmp(9, 0, 1), 0)).toBe(CT_INVALID);
    expect(pass(ct, icmp(1, 0, 1), 0)).toBe(CT_INVALID);
    expect(ct.stats[STAT_INVALID]).toBe(2);
    expect(ct.total).toBe(0);
  });
});

describe("ICMP errors", () => {
  const first: [string, () => Packet][] = [
    ["TCP", () => tcp({ flags: SYN })],
    ["UDP", () => udp()],
    ["ICMP echo", () => icmp(8, 0, 77)],
    ["SCTP", () => sctp(0, [{ type: 1, tag: 5 }])],
    ["GRE", () => other(47)],
  ];

  test.each(first)("about %s: related, from anyone, to the sender", (_, make) => {
    const ct = table();
    pass(ct, make(), 0);
    const entry = packet.ct;
    make();
    expect(ct.track(icmpError(3, 1, { src: OTHER, dst: CLIENT }), 0, 5000)).toBe(CT_RELATED_REPLY);
    expect(packet.ct).toBe(entry);
    expect(packet.ctDir).toBe(1);
    // It neither renews nor ends the connection.
    expect(ct.status(entry) & 2).toBe(0);
    expect(ct.total).toBe(1);
  });

  test("about an answer: related, in the original direction", () => {
    const ct = table();
    pass(ct, udp(), 0);
    pass(ct, udp(reversed({})), 0);
    const left = ct.timeoutLeft(packet.ct, 5000);
    udp(reversed({}));
    expect(ct.track(icmpError(3, 3, { src: CLIENT, dst: SERVER }), 0, 5000)).toBe(CT_RELATED);
    expect(packet.ctDir).toBe(0);
    expect(ct.timeoutLeft(packet.ct, 5000)).toBe(left);
  });

  test.each([
    ["source quench", 4],
    ["redirect", 5],
    ["time exceeded", 11],
    ["parameter problem", 12],
  ])("%s counts as an error", (_, type) => {
    const ct = table();
    pass(ct, udp(), 0);
    udp();
    expect(ct.track(icmpError(type, 0, { src: OTHER, dst: CLIENT }), 0, 0)).toBe(CT_RELATED_REPLY);
  });

  test("through a translation: the quoted packet is what the other side saw", () => {
    const ct = table();
    const node = ip("192.168.0.1");
    const pod = ip("10.0.2.33");
    ct.track(udp(), 0, 0);
    ct.setReply(packet.ct, pod, node, 8080, 61_000);
    const entry = packet.ct;
    ct.confirm(entry, 0);
    udp({ src: node, dst: pod, sport: 61_000, dport: 8080 });
    expect(ct.track(icmpError(3, 3, { src: pod, dst: node }), 0, 0)).toBe(CT_RELATED_REPLY);
    expect(packet.ct).toBe(entry);
    udp();
    expect(ct.track(icmpError(3, 3, { src: pod, dst: CLIENT }), 0, 0)).toBe(CT_INVALID);
  });

  const refused: [string, () => Packet][] = [
    [
      "nothing known",
      () => {
        udp({ sport: 1 });
        return icmpError(3, 3, { src: SERVER, dst: CLIENT });
      },
    ],
    [
      "an address that is not the connection's end",
      () => {
        udp();
        return icmpError(3, 3, { src: SERVER, dst: OTHER });
      },
    ],
    [
      "a quote without ports",
      () => {
        udp();
        return icmpError(3, 3, { src: SERVER, dst: CLIENT }, 3);
      },
    ],
    [
      "an ICMP quote shorter than its header",
      () => {
        icmp(8, 0, 77);
        return icmpError(3, 1, { src: SERVER, dst: CLIENT }, 4);
      },
    ],
    [
      "an ICMP error",
      () => {
        icmp(3, 3, 0);
        return icmpError(3, 1, { src: SERVER, dst: CLIENT });
      },
    ],
    ["a later fragment", () => quoted((p, ipAt) => (p.buf[ipAt + 7] = 5))],
    ["another IP version", () => quoted((p, ipAt) => (p.buf[ipAt] = 0x65))],
    ["a header longer than the quote", () => quoted((p, ipAt) => (p.buf[ipAt] = 0x4f))],
  ];

  test.each(refused)("about %s: invalid", (_, make) => {
    const ct = table();
    pass(ct, udp(), 0);
    pass(ct, icmp(8, 0, 77), 0);
    expect(ct.track(make(), 0, 0)).toBe(CT_INVALID);
    expect(packet.ct).toBe(-1);
    expect(ct.stats[STAT_ICMP_ERROR]).toBe(1);
  });
});

/** An error about the UDP packet, with its quote changed. */
function quoted(change: (p: Packet, ipAt: number) => void): Packet {
  udp();
  const p = icmpError(3, 3, { src: SERVER, dst: CLIENT });
  change(p, p.l4 + 8);
  return p;
}

test("zones do not see each other", () => {
  const ct: Conntrack = table();
  pass(ct, udp(), 0, 1);
  expect(pass(ct, udp(reversed({})), 0, 2)).toBe(CT_NEW);
  expect(pass(ct, udp(reversed({})), 0, 1)).toBe(CT_ESTABLISHED_REPLY);
  udp();
  expect(ct.track(icmpError(3, 3, { src: SERVER, dst: CLIENT }), 3, 0)).toBe(CT_INVALID);
});
