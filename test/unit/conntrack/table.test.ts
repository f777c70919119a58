import { describe, expect, test } from "vitest";
import { hashTuple } from "../../../src/plane/conntrack/hash.ts";
import {
  CONFIRM_CHAIN,
  CONFIRM_CLASH,
  CONFIRM_OK,
  CONFIRM_RESOLVED,
  CT_ESTABLISHED,
  CT_ESTABLISHED_REPLY,
  CT_FULL,
  CT_NEW,
  DIR_ORIGINAL,
  IPS_CONFIRMED,
  IPS_SRC_NAT,
  STAT_CHAIN_TOO_LONG,
  STAT_CLASH_RESOLVE,
  STAT_DELETE,
  STAT_DROP,
  STAT_EARLY_DROP,
  STAT_FOUND,
  STAT_INSERT,
  STAT_INSERT_FAILED,
} from "../../../src/plane/conntrack/info.ts";
import { Conntrack } from "../../../src/plane/conntrack/table.ts";
import { PROTO_ICMP, PROTO_UDP } from "../../../src/plane/packet.ts";
import { Random } from "../../../src/plane/random.ts";
import {
  ACK,
  CLIENT,
  icmp,
  ip,
  KEY,
  OTHER,
  other,
  packet,
  pass,
  reversed,
  SERVER,
  SYN,
  table,
  tcp,
  udp,
} from "./packets.ts";

const NODE = ip("192.168.0.1");
const POD = ip("10.0.2.33");

/** Makes a flow that is assured: answered, and alive for more than two seconds. */
function assured(ct: Conntrack, sport: number, now: number, zone = 0): void {
  pass(ct, udp({ sport }), now - 3000, zone);
  pass(ct, udp(reversed({ sport })), now - 3000, zone);
  pass(ct, udp({ sport }), now, zone);
}

describe("entries", () => {
  test("a new entry has the packet's tuple and its inverse, and no service", () => {
    const ct = table();
    expect(ct.track(udp(), 3, 0)).toBe(CT_NEW);
    const e = packet.ct;
    expect([ct.src(e, 0), ct.dst(e, 0), ct.sport(e, 0), ct.dport(e, 0)]).toEqual([CLIENT, SERVER, 40_000, 80]);
    expect([ct.src(e, 1), ct.dst(e, 1), ct.sport(e, 1), ct.dport(e, 1)]).toEqual([SERVER, CLIENT, 80, 40_000]);
    expect([ct.zone(e), ct.protocol(e), ct.mark(e), ct.service(e), ct.endpoint(e)]).toEqual([3, PROTO_UDP, 0, -1, -1]);
    expect(ct.status(e)).toBe(0);
    ct.setMark(e, 0x80);
    ct.setService(e, 4);
    ct.setEndpoint(e, -9);
    expect([ct.mark(e), ct.service(e), ct.endpoint(e)]).toEqual([0x80, 4, -9]);
  });

  test("an ICMP tuple keeps its identifier at the source", () => {
    const ct = table();
    ct.track(icmp(8, 0, 99), 0, 0);
    const e = packet.ct;
    expect([ct.sport(e, 0), ct.dport(e, 0), ct.sport(e, 1), ct.dport(e, 1)]).toEqual([99, 0x800, 99, 0]);
  });

  test("an entry that is not confirmed is not found, and goes with its packet", () => {
    const ct = table();
    ct.track(udp(), 0, 0);
    expect(ct.total).toBe(1);
    ct.discard(packet.ct);
    expect(ct.count(0)).toBe(0);
    expect(ct.track(udp(reversed({})), 0, 0)).toBe(CT_NEW);
  });

  test("discard leaves a confirmed entry alone, confirm too", () => {
    const ct = table();
    pass(ct, udp(), 0);
    const e = packet.ct;
    ct.discard(e);
    expect(ct.confirm(e, 0)).toBe(CONFIRM_OK);
    expect(ct.total).toBe(1);
    expect(ct.stats[STAT_INSERT]).toBe(1);
    expect(ct.status(e) & IPS_CONFIRMED).not.toBe(0);
  });

  test("remove, forEach, flushZone", () => {
    const ct = table();
    for (let i = 0; i < 20; i++) pass(ct, udp({ sport: 1000 + i }), 0, i % 3);
    const seen: number[] = [];
    ct.forEach((e) => {
      seen.push(ct.sport(e, 0));
    });
    expect(seen.sort()).toEqual(Array.from({ length: 20 }, (_, i) => 1000 + i));
    ct.flushZone(1);
    expect([ct.count(0), ct.count(1), ct.count(2), ct.total]).toEqual([7, 0, 6, 13]);
    expect(ct.stats[STAT_DELETE]).toBe(7);
    ct.forEach((e) => {
      ct.remove(e);
    });
    expect(ct.total).toBe(0);
    expect(pass(ct, udp({ sport: 1000 }), 0)).toBe(CT_NEW);
  });
});

describe("translated connections", () => {
  test("answers are found by the translated tuple", () => {
    const ct = table();
    ct.track(tcp({ flags: SYN }), 0, 0);
    const e = packet.ct;
    ct.setReply(e, POD, NODE, 8080, 61_000);
    ct.setStatus(e, IPS_SRC_NAT);
    expect(ct.confirm(e, 0)).toBe(CONFIRM_OK);
    const answer = tcp({ flags: SYN | ACK, ack: 1, src: POD, dst: NODE, sport: 8080, dport: 61_000 });
    expect(ct.track(answer, 0, 0)).toBe(CT_ESTABLISHED_REPLY);
    expect(packet.ct).toBe(e);
    expect(ct.status(e) & IPS_SRC_NAT).not.toBe(0);
    expect([ct.src(e, DIR_ORIGINAL), ct.sport(e, DIR_ORIGINAL)]).toEqual([CLIENT, 40_000]);
  });

  test("isTaken: either direction, this zone and protocol, not the entry itself", () => {
    const ct = table();
    ct.track(udp(), 1, 0);
    const e = packet.ct;
    ct.setReply(e, POD, NODE, 8080, 61_000);
    ct.confirm(e, 0);
    expect(ct.isTaken(1, PROTO_UDP, POD, NODE, 8080, 61_000, -1)).toBe(true);
    expect(ct.isTaken(1, PROTO_UDP, CLIENT, SERVER, 40_000, 80, -1)).toBe(true);
    expect(ct.stats[STAT_FOUND]).toBe(2);
    expect(ct.isTaken(1, PROTO_UDP, POD, NODE, 8080, 61_000, e)).toBe(false);
    expect(ct.isTaken(1, PROTO_UDP, POD, NODE, 8080, 61_001, -1)).toBe(false);
    expect(ct.isTaken(2, PROTO_UDP, POD, NODE, 8080, 61_000, -1)).toBe(false);
    expect(ct.isTaken(1, PROTO_ICMP, POD, NODE, 8080, 61_000, -1)).toBe(false);
    // Another packet of the same flow, not confirmed yet, is no rival.
    ct.track(udp({ sport: 1 }), 1, 0);
    expect(ct.isTaken(1, PROTO_UDP, POD, NODE, 8080, 61_000, packet.ct)).toBe(true);
  });

  test("findBySource: the latest connection of the socket first, then the older ones", () => {
    const ct = table();
    const made = [POD, SERVER, OTHER].map((dst) => {
      pass(ct, udp({ dst }), 0);
      return packet.ct;
    });
    pass(ct, udp({ sport: 40_001 }), 0);
    expect(ct.findBySource(0, PROTO_UDP, CLIENT, 40_000)).toBe(made[2]);
    expect(ct.nextBySource(made[2])).toBe(made[1]);
    ct.remove(made[1]);
    expect(ct.nextBySource(made[2])).toBe(made[0]);
    expect(ct.nextBySource(made[0])).toBe(-1);
    ct.remove(made[2]);
    expect(ct.findBySource(0, PROTO_UDP, CLIENT, 40_000)).toBe(made[0]);
    expect(ct.findBySource(1, PROTO_UDP, CLIENT, 40_000)).toBe(-1);
    expect(ct.findBySource(0, PROTO_ICMP, CLIENT, 40_000)).toBe(-1);
  });
});

describe("insertion that fails", () => {
  test("a tuple that another entry has", () => {
    const ct = table();
    pass(ct, udp(), 0);
    ct.track(udp({ src: OTHER }), 0, 0);
    ct.setReply(packet.ct, SERVER, CLIENT, 80, 40_000);
    expect(ct.confirm(packet.ct, 0)).toBe(CONFIRM_CLASH);
    expect(ct.total).toBe(1);
    expect(ct.stats[STAT_INSERT_FAILED]).toBe(1);
    expect(ct.stats[STAT_DROP]).toBe(1);
  });

  test("two packets of one UDP flow at once: the second goes on with the first one's entry", () => {
    const ct = table();
    ct.track(udp(), 0, 0);
    const first = packet.ct;
    ct.track(udp(), 0, 0);
    const second = packet.ct;
    expect(second).not.toBe(first);
    expect(ct.confirm(first, 0)).toBe(CONFIRM_OK);
    expect(ct.confirm(second, 0)).toBe(CONFIRM_RESOLVED);
    expect(ct.winner).toBe(first);
    expect(ct.stats[STAT_CLASH_RESOLVE]).toBe(1);
    expect(ct.total).toBe(1);
  });

  test("TCP: the second is dropped", () => {
    const ct = table();
    ct.track(tcp({ flags: SYN }), 0, 0);
    const syn = packet.ct;
    ct.track(tcp({ flags: SYN }), 0, 0);
    ct.confirm(syn, 0);
    expect(ct.confirm(packet.ct, 0)).toBe(CONFIRM_CLASH);
  });

  test("a chain that is too long", () => {
    const ct = table({ capacity: 256, settings: { maxChain: 1 } });
    let refused = 0;
    for (let i = 0; i < 256; i++) {
      ct.track(udp({ sport: 1000 + i }), 0, 0);
      if (ct.confirm(packet.ct, 0) === CONFIRM_CHAIN) refused++;
    }
    expect(refused).toBeGreaterThan(0);
    expect(ct.stats[STAT_CHAIN_TOO_LONG]).toBe(refused);
    expect(ct.total).toBe(256 - refused);
  });
});

describe("a full table", () => {
  test("what is not assured makes room; when nothing is, the packet is refused", () => {
    const ct = table({ capacity: 64 });
    for (let i = 0; i < 64; i++) assured(ct, 1000 + i, 10_000);
    expect(ct.track(udp({ sport: 5 }), 0, 10_000)).toBe(CT_FULL);
    expect(packet.ct).toBe(-1);
    expect(ct.stats[STAT_DROP]).toBe(1);
    expect(ct.total).toBe(64);
  });

  test("early drop takes from a few buckets, all that is not assured in the first that has any", () => {
    const ct = table({ capacity: 64 });
    for (let i = 0; i < 64; i++) pass(ct, udp({ sport: 1000 + i }), 0);
    let refused = 0;
    for (let i = 0; i < 200; i++) {
      if (ct.track(udp({ sport: 3000 + i }), 0, 0) === CT_FULL) refused++;
      else ct.confirm(packet.ct, 0);
    }
    expect(ct.stats[STAT_EARLY_DROP]).toBeGreaterThanOrEqual(200 - refused);
    expect(refused).toBeLessThan(20);
    expect(ct.total).toBeLessThanOrEqual(64);
  });

  test("a zone at its limit evicts from itself alone", () => {
    const ct = table({ capacity: 128 });
    ct.setZoneLimit(1, 16);
    for (let i = 0; i < 64; i++) pass(ct, udp({ sport: 1000 + i }), 0, 0);
    for (let i = 0; i < 16; i++) assured(ct, 1000 + i, 10_000, 1);
    expect(ct.track(udp({ sport: 5 }), 1, 10_000)).toBe(CT_FULL);
    expect(ct.count(0)).toBe(64);
    ct.setZoneLimit(1, 17);
    expect(ct.track(udp({ sport: 5 }), 1, 10_000)).toBe(CT_NEW);
    expect(ct.count(1)).toBe(17);
  });
});

describe("expiry", () => {
  // Also across the wrap of the tick, which comes after 24.8 days.
  test.each([0, 0x7fffffff - 40_000, -60_000])("on a clock that starts at %i", (start) => {
    const ct = table();
    const at = (ms: number): number => (start + ms) | 0;
    pass(ct, udp(), at(0));
    pass(ct, tcp({ flags: SYN }), at(0));
    pass(ct, other(47), at(10_000));
    expect(ct.nextExpiry(at(0))).toBeGreaterThan(0);
    expect(ct.nextExpiry(at(0))).toBeLessThanOrEqual(30_000);
    expect(ct.expire(at(29_900), 100)).toBe(0);
    expect(ct.expire(at(30_200), 100)).toBe(1);
    expect(ct.total).toBe(2);
    // Refreshed: the timer goes off for nothing.
    pass(ct, other(47), at(100_000));
    expect(ct.expire(at(119_900), 100)).toBe(0);
    expect(ct.expire(at(120_200), 100)).toBe(1);
    expect(ct.expire(at(699_900), 100)).toBe(0);
    expect(ct.expire(at(700_200), 100)).toBe(1);
    expect(ct.total).toBe(0);
    expect(ct.nextExpiry(at(700_200))).toBe(60_000);
  });

  test("five days", () => {
    const ct = table();
    pass(ct, tcp({ flags: SYN, seq: 1 }), 0);
    pass(ct, tcp({ flags: SYN | ACK, seq: 9, ack: 2, ...reversed({}) }), 0);
    pass(ct, tcp({ flags: ACK, seq: 2, ack: 10 }), 0);
    for (let now = 0; now < 431_990_000; now += 50_000_000) expect(ct.expire(now, 100)).toBe(0);
    expect(ct.expire(431_999_900, 100)).toBe(0);
    expect(ct.expire(432_000_200, 100)).toBe(1);
  });

  test("a timeout that becomes shorter moves the timer", () => {
    const ct = table();
    pass(ct, tcp({ flags: SYN, seq: 1 }), 0);
    pass(ct, tcp({ flags: SYN | ACK, seq: 9, ack: 2, ...reversed({}) }), 0);
    pass(ct, tcp({ flags: ACK, seq: 2, ack: 10 }), 0);
    expect(ct.expire(200_000, 100)).toBe(0);
    pass(ct, tcp({ flags: 4, seq: 2 }), 200_000);
    expect(ct.nextExpiry(200_000)).toBeLessThanOrEqual(10_000);
    expect(ct.expire(210_200, 100)).toBe(1);
  });

  test("an expired entry is absent at once, and its lookup deletes it", () => {
    const ct = table();
    pass(ct, udp(), 0);
    expect(ct.isTaken(0, PROTO_UDP, SERVER, CLIENT, 80, 40_000, -1)).toBe(true);
    expect(ct.track(udp(), 0, 30_000)).toBe(CT_NEW);
    expect(ct.stats[STAT_DELETE]).toBe(1);
    expect(ct.total).toBe(1);
  });

  test("budget: the rest is left for the next call", () => {
    const ct = table();
    for (let i = 0; i < 100; i++) pass(ct, udp({ sport: 1000 + i }), 0);
    let left = 100;
    for (let call = 0; left > 0 && call < 100; call++) {
      const expired = ct.expire(40_000, 7);
      expect(expired).toBeLessThanOrEqual(7);
      left -= expired;
      if (left > 0) expect(ct.nextExpiry(40_000)).toBe(0);
    }
    expect(ct.total).toBe(0);
  });
});

describe("trials", () => {
  test("a new connection leaves nothing behind", () => {
    const ct = table();
    pass(ct, udp({ sport: 1 }), 0);
    const before = ct.stateHash();
    ct.beginTrial();
    expect(ct.track(udp(), 0, 100)).toBe(CT_NEW);
    ct.setReply(packet.ct, POD, NODE, 8080, 61_000);
    ct.setService(packet.ct, 3);
    expect(ct.confirm(packet.ct, 100)).toBe(CONFIRM_OK);
    ct.rollback();
    expect(ct.stateHash()).toBe(before);
    expect(ct.track(udp(), 0, 100)).toBe(CT_NEW);
    expect(ct.stateHash()).not.toBe(before);
  });

  test("an answer changes state, timeout and mark for the trial alone", () => {
    const ct = table();
    pass(ct, tcp({ flags: SYN, seq: 1 }), 0);
    const before = ct.stateHash();
    const stats = ct.stats.slice();
    ct.beginTrial();
    expect(ct.track(tcp({ flags: SYN | ACK, seq: 9, ack: 2, ...reversed({}) }), 0, 100)).toBe(CT_ESTABLISHED_REPLY);
    ct.setMark(packet.ct, 7);
    expect(ct.tcpState(packet.ct)).toBe(2);
    expect(ct.track(tcp({ flags: ACK, seq: 2, ack: 10 }), 0, 200)).toBe(CT_ESTABLISHED);
    expect(ct.mark(packet.ct)).toBe(7);
    ct.track(tcp({ flags: 0 }), 0, 200);
    ct.rollback();
    expect(ct.stateHash()).toBe(before);
    expect(ct.stats).toEqual(stats);
  });

  test("expired entries are absent, reopened ones are replaced, and a RST ends one: until rollback", () => {
    const ct = table();
    pass(ct, udp(), 0);
    pass(ct, tcp({ flags: SYN }), 0);
    const before = ct.stateHash();
    ct.beginTrial();
    expect(ct.track(udp(), 0, 30_000)).toBe(CT_NEW);
    expect(ct.isTaken(0, PROTO_UDP, SERVER, CLIENT, 80, 40_000, -1)).toBe(false);
    expect(ct.track(tcp({ flags: 20, ack: 1, ...reversed({}) }), 0, 30_000)).toBe(CT_ESTABLISHED_REPLY);
    expect(ct.track(tcp({ flags: SYN }), 0, 30_000)).toBe(CT_NEW);
    expect(ct.status(packet.ct)).toBe(0);
    expect(ct.expire(1_000_000, 10)).toBe(0);
    ct.rollback();
    expect(ct.stateHash()).toBe(before);
    expect(ct.total).toBe(2);
  });

  test("a clash and a full table are reported as they would be", () => {
    const ct = table({ capacity: 64 });
    for (let i = 0; i < 64; i++) assured(ct, 1000 + i, 10_000);
    const before = ct.stateHash();
    ct.beginTrial();
    expect(ct.track(udp({ sport: 5 }), 0, 10_000)).toBe(CT_FULL);
    ct.rollback();
    expect(ct.stateHash()).toBe(before);
    ct.flushZone(0);
    pass(ct, udp(), 0);
    ct.beginTrial();
    ct.track(udp({ sport: 6 }), 0, 0);
    ct.setReply(packet.ct, SERVER, CLIENT, 80, 40_000);
    expect(ct.confirm(packet.ct, 0)).toBe(CONFIRM_CLASH);
    ct.rollback();
  });

  test("where early drop finds room, nothing is dropped", () => {
    const ct = table({ capacity: 2 });
    pass(ct, udp({ sport: 1 }), 0);
    pass(ct, udp({ sport: 2 }), 0);
    const before = ct.stateHash();
    ct.beginTrial();
    expect(ct.track(udp({ sport: 3 }), 0, 0)).toBe(CT_NEW);
    ct.rollback();
    expect(ct.stateHash()).toBe(before);
    expect(ct.total).toBe(2);
  });
});

describe("hash", () => {
  test("10,000 tuples of little entropy spread over the buckets", () => {
    // As many buckets as tuples, as in a full table: 2^14 entries of two tuples in 2^15 buckets.
    const ct = table({ capacity: 16_384, settings: { maxChain: 19 } });
    for (let i = 0; i < 10_000; i++) {
      const ends = {
        src: (CLIENT & ~0xff) | (i & 7),
        dst: SERVER + ((i >> 3) & 7),
        sport: 32_768 + (i >> 6),
        dport: 80,
      };
      ct.track(udp(ends), 0, 0);
      expect(ct.confirm(packet.ct, 0)).toBe(CONFIRM_OK);
    }
    expect(ct.total).toBe(10_000);
  });

  test("every bit of a tuple and of the key moves every bit of the hash", () => {
    const random = new Random(3);
    const flips = new Int32Array(8 * 32 * 32);
    const rounds = 400;
    for (let round = 0; round < rounds; round++) {
      const input = Int32Array.from({ length: 8 }, () => random.nextInt());
      const hash = (): number => hashTuple(input, input[4], input[5], input[6], input[7]);
      const before = hash();
      for (let bit = 0; bit < 256; bit++) {
        input[bit >> 5] ^= 1 << (bit & 31);
        const changed = hash() ^ before;
        input[bit >> 5] ^= 1 << (bit & 31);
        for (let out = 0; out < 32; out++) flips[bit * 32 + out] += (changed >>> out) & 1;
      }
    }
    // Half the time; 400 rounds of a fair coin stay within six deviations of 10.
    for (const n of flips) expect(Math.abs(n - rounds / 2)).toBeLessThan(60);
  });

  test("another key puts them elsewhere", () => {
    const order = (key: Int32Array): string => {
      const ct = table({ capacity: 64, hashKey: key, settings: { maxChain: 1 } });
      let refused = "";
      for (let i = 0; i < 64; i++) {
        ct.track(udp({ sport: i }), 0, 0);
        refused += ct.confirm(packet.ct, 0);
      }
      return refused;
    };
    expect(order(KEY)).toBe(order(KEY));
    for (let word = 0; word < 4; word++) {
      const key = KEY.slice();
      key[word] ^= 1;
      expect(order(key)).not.toBe(order(KEY));
    }
  });
});

test("bad sizes are refused", () => {
  expect(() => table({ capacity: 0 })).toThrow(/capacity/);
  expect(() => table({ zones: 0 })).toThrow(/zones/);
  expect(() => table({ zones: 70_000 })).toThrow(/zones/);
  expect(() => table({ hashKey: new Int32Array(2) })).toThrow(/key/);
  expect(() => table({ settings: { udpTimeout: 0 } })).toThrow(/udpTimeout/);
  expect(() => table({ settings: { tcpTimeoutEstablished: 2_000_000 } })).toThrow(/tcpTimeoutEstablished/);
});

test("counters may be shared memory", () => {
  const stats = new Float64Array(new SharedArrayBuffer(12 * 8));
  const ct = new Conntrack({ capacity: 4, zones: 1, hashKey: KEY, stats });
  pass(ct, udp(), 0);
  expect(stats[STAT_INSERT]).toBe(1);
});

test("tracking established flows allocates nothing", () => {
  const ct = table();
  // A tick that needs all 32 bits and wraps on the way, addresses that do as well (packets.ts).
  const start = 0x7fffff80;
  pass(ct, tcp({ flags: SYN, seq: 1 }), start);
  pass(ct, tcp({ flags: SYN | ACK, seq: 9, ack: 2, ...reversed({}) }), start);
  const p = tcp({ flags: ACK, seq: 2, ack: 10 });
  const run = (times: number): void => {
    for (let i = 0; i < times; i++) {
      const now = (start + (i >> 12)) | 0;
      if (ct.track(p, 0, now) !== CT_ESTABLISHED) throw new Error("not established");
      ct.confirm(p.ct, now);
    }
  };
  run(100_000);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  run(1_000_000);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(1 << 20);
});
