import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CONFIRM_CLASH,
  CONFIRM_OK,
  CONFIRM_RESOLVED,
  CT_ESTABLISHED_REPLY,
  CT_NEW,
  IPS_ASSURED,
  IPS_NAT_CLASH,
  STAT_CLASH_RESOLVE,
  STAT_DROP,
  STAT_INSERT_FAILED,
} from "../../../src/plane/conntrack/info.ts";
import type { Conntrack } from "../../../src/plane/conntrack/table.ts";
import { CLIENT, icmp, ip, packet, pass, SYN, sctp, table, tcp, udp } from "./packets.ts";

const DNS_A = ip("10.0.2.33");
const DNS_B = ip("10.0.2.34");
const QUERY = { sport: 40_000, dport: 53 };

/** A packet of the client's socket, translated to a server but not confirmed yet. Returns its entry. */
function translate(ct: Conntrack, server: number, ends: { sport?: number } = {}): number {
  expect(ct.track(udp({ ...QUERY, ...ends }), 0, 0)).toBe(CT_NEW);
  ct.setReply(packet.ct, server, CLIENT, 53, ends.sport ?? QUERY.sport);
  return packet.ct;
}

const answer = (server: number) => udp({ src: server, dst: CLIENT, sport: 53, dport: QUERY.sport });

describe("two first packets of one UDP socket, translated to two servers", () => {
  test("the second one's reply tuple alone is inserted: its answer finds the way back, for a second", () => {
    const ct = table();
    const first = translate(ct, DNS_A);
    const second = translate(ct, DNS_B);
    expect(ct.confirm(first, 0)).toBe(CONFIRM_OK);
    expect(ct.confirm(second, 0)).toBe(CONFIRM_OK);
    expect([ct.stats[STAT_CLASH_RESOLVE], ct.stats[STAT_INSERT_FAILED]]).toEqual([1, 0]);
    // What the client sends next belongs to the winner.
    expect(ct.track(udp(QUERY), 0, 10)).toBe(CT_NEW);
    expect(packet.ct).toBe(first);
    expect(ct.track(answer(DNS_B), 0, 20)).toBe(CT_ESTABLISHED_REPLY);
    expect(packet.ct).toBe(second);
    expect(ct.track(answer(DNS_A), 0, 30)).toBe(CT_ESTABLISHED_REPLY);
    expect(packet.ct).toBe(first);
    // No packet renews it, and it takes nothing of the winner with it when it goes.
    expect(ct.timeoutLeft(second, 20)).toBe(980);
    expect(ct.track(answer(DNS_B), 0, 999)).toBe(CT_ESTABLISHED_REPLY);
    expect(ct.status(second) & (IPS_ASSURED | IPS_NAT_CLASH)).toBe(IPS_NAT_CLASH);
    ct.expire(1200, 100);
    expect(ct.total).toBe(1);
    expect(ct.track(udp(QUERY), 0, 1200)).not.toBe(CT_NEW);
    expect(packet.ct).toBe(first);
    expect(ct.track(answer(DNS_B), 0, 1200)).toBe(CT_NEW);
  });

  test("is hidden from who lists the table, and goes with its zone", () => {
    const ct = table();
    const [first, second] = [translate(ct, DNS_A), translate(ct, DNS_B)];
    ct.confirm(first, 0);
    ct.confirm(second, 0);
    const seen: number[] = [];
    ct.forEach((e) => {
      seen.push(e);
    });
    expect(seen).toEqual([first]);
    expect(ct.count(0)).toBe(2);
    ct.flushZone(0);
    expect(ct.count(0)).toBe(0);
    expect(ct.track(answer(DNS_B), 0, 0)).toBe(CT_NEW);
  });

  test("a third one goes on with whichever was translated as it was", () => {
    for (const [server, winner] of [
      [DNS_A, 0],
      [DNS_B, 1],
    ]) {
      const ct = table();
      const entries = [translate(ct, DNS_A), translate(ct, DNS_B), translate(ct, server)];
      expect([ct.confirm(entries[0], 0), ct.confirm(entries[1], 0)]).toEqual([CONFIRM_OK, CONFIRM_OK]);
      expect(ct.confirm(entries[2], 0)).toBe(CONFIRM_RESOLVED);
      expect(ct.winner).toBe(entries[winner]);
      expect([ct.stats[STAT_CLASH_RESOLVE], ct.total]).toEqual([2, 2]);
    }
  });

  test("is dropped when another connection has its reply tuple", () => {
    const ct = table();
    const other = translate(ct, DNS_B, { sport: 7 });
    ct.setReply(other, DNS_B, CLIENT, 53, QUERY.sport);
    const [first, second] = [translate(ct, DNS_A), translate(ct, DNS_B)];
    ct.confirm(other, 0);
    ct.confirm(first, 0);
    expect(ct.confirm(second, 0)).toBe(CONFIRM_CLASH);
    expect([ct.stats[STAT_INSERT_FAILED], ct.stats[STAT_DROP], ct.stats[STAT_CLASH_RESOLVE]]).toEqual([1, 1, 0]);
    expect(ct.total).toBe(2);
  });

  test("in a what-if nothing of it stays", () => {
    const ct = table();
    const first = translate(ct, DNS_A);
    ct.beginTrial();
    const second = translate(ct, DNS_B);
    ct.rollback();
    ct.confirm(first, 0);
    const before = ct.stateHash();
    ct.beginTrial();
    expect(ct.confirm(second, 0)).toBe(CONFIRM_OK);
    ct.rollback();
    expect(ct.stateHash()).toBe(before);
    expect(ct.track(answer(DNS_B), 0, 0)).toBe(CT_NEW);
  });
});

test("TCP, SCTP and ICMP: the second packet is dropped, whatever its translation", () => {
  for (const build of [() => tcp({ flags: SYN }), () => sctp(0, [{ type: 1, tag: 5 }]), () => icmp(8, 0, 77)]) {
    const ct = table();
    ct.track(build(), 0, 0);
    const first = packet.ct;
    ct.track(build(), 0, 0);
    const second = packet.ct;
    expect(ct.confirm(first, 0)).toBe(CONFIRM_OK);
    expect(ct.confirm(second, 0)).toBe(CONFIRM_CLASH);
    expect([ct.stats[STAT_INSERT_FAILED], ct.stats[STAT_CLASH_RESOLVE], ct.total]).toEqual([1, 0, 1]);
  }
});

test("before Linux 5.0 the second UDP packet was dropped, too, however it was translated", () => {
  for (const server of [DNS_A, DNS_B]) {
    const ct = table({ settings: { resolveClashes: false } });
    const [first, second] = [translate(ct, DNS_A), translate(ct, server)];
    expect(ct.confirm(first, 0)).toBe(CONFIRM_OK);
    expect(ct.confirm(second, 0)).toBe(CONFIRM_CLASH);
    expect([ct.stats[STAT_INSERT_FAILED], ct.stats[STAT_CLASH_RESOLVE], ct.total]).toEqual([1, 0, 1]);
  }
});

/** The obvious twin: two maps from tuples to entries, one for each direction, as text. */
class ClashTwin {
  readonly original = new Map<string, string>();
  readonly reply = new Map<string, string>();

  /** What becomes of an entry that is confirmed now. */
  confirm(original: string, reply: string): string {
    if (!this.original.has(original) && !this.reply.has(reply)) {
      this.original.set(original, reply);
      this.reply.set(reply, original);
      return "inserted";
    }
    const same = this.original.get(original) === reply || this.reply.get(reply) === original;
    if (same) return "joined";
    if (this.reply.has(reply)) return "dropped";
    this.reply.set(reply, original);
    return "reply only";
  }
}

test("any number of packets that race end as in the twin", () => {
  const race = fc.record({ sport: fc.nat(2), server: fc.nat(2), port: fc.nat(1) });
  const outcomes = new Set<string>();
  fc.assert(
    fc.property(fc.array(race, { minLength: 2, maxLength: 12 }), (packets) => {
      const ct = table();
      const twin = new ClashTwin();
      const parked = packets.map(({ sport, server, port }) => {
        ct.track(udp({ sport, dport: 53 }), 0, 0);
        // Source NAT may give two sockets one port: nothing in the table forbids it yet.
        ct.setReply(packet.ct, DNS_A + server, CLIENT, 53, 100 + port);
        return { entry: packet.ct, original: String(sport), reply: `${server} ${port}` };
      });
      for (const { entry, original, reply } of parked) {
        const resolved = ct.stats[STAT_CLASH_RESOLVE];
        const result = ct.confirm(entry, 0);
        const clashed = ct.stats[STAT_CLASH_RESOLVE] > resolved;
        const outcome =
          result === CONFIRM_OK
            ? clashed
              ? "reply only"
              : "inserted"
            : result === CONFIRM_RESOLVED
              ? "joined"
              : "dropped";
        expect(outcome).toBe(twin.confirm(original, reply));
        outcomes.add(outcome);
      }
      expect(ct.total).toBe(twin.reply.size);
      ct.expire(1200, 100);
      expect(ct.total).toBe(twin.original.size);
      ct.expire(40_000, 100);
      expect(ct.total).toBe(0);
      for (let sport = 0; sport <= 2; sport++) expect(pass(ct, udp({ sport, dport: 53 }), 40_000)).toBe(CT_NEW);
    }),
    { seed: 56_903, numRuns: 300 },
  );
  expect([...outcomes].sort()).toEqual(["dropped", "inserted", "joined", "reply only"]);
});
