import { describe, expect, it } from "vitest";
import { packEntries, unpackEntries } from "../../../src/lab/conntrackData.ts";
import { conntrackTest } from "../../../src/observe/conntrackFilter.ts";
import { conntrackEventLine, conntrackLine } from "../../../src/observe/conntrackText.ts";
import { type ConntrackEntry, type ConntrackRow, conntrackRows } from "../../../src/observe/tables.ts";
import { Accounting } from "../../../src/plane/conntrack/accounting.ts";
import { IPS_ASSURED, IPS_DST_NAT, IPS_SEEN_REPLY, IPS_SRC_NAT } from "../../../src/plane/conntrack/info.ts";
import { parseConntrackLine } from "../../kernel/conntrackLines.ts";
import { Bench, DEV } from "../plane/bench.ts";
import { ip, tcp } from "../plane/packets.ts";
import { NAMES } from "./names.ts";

const ENTRY: ConntrackEntry = {
  node: 0,
  protocol: 6,
  state: 3,
  status: IPS_SEEN_REPLY | IPS_ASSURED | IPS_DST_NAT,
  mark: 0,
  timeout: 431_999_400,
  service: 0,
  endpoint: 0,
  original: [ip("10.0.1.32"), ip("172.20.0.17"), 40_000, 80],
  reply: [ip("10.0.2.32"), ip("10.0.1.32"), 8080, 40_000],
};
const row = (change: Partial<ConntrackEntry> = {}): ConntrackRow => conntrackRows([{ ...ENTRY, ...change }], NAMES)[0];
const LIST = { extended: false, zone: true };

describe("lines of conntrack(8)", () => {
  it("round seconds down, and have a zone where it is not 0 and one is wanted", () => {
    expect(conntrackLine(row(), LIST)).toBe(
      "tcp      6 431999 ESTABLISHED src=10.0.1.32 dst=172.20.0.17 sport=40000 dport=80 " +
        "src=10.0.2.32 dst=10.0.1.32 sport=8080 dport=40000 [ASSURED] mark=0 use=1",
    );
    const far = row({ node: 1, mark: -2_147_483_520 });
    expect(conntrackLine(far, LIST)).toMatch(/ mark=2147483776 zone=1 use=1$/);
    expect(conntrackLine(far, { extended: true, zone: false })).toMatch(
      /^ipv4 {5}2 tcp {6}6 431999 .* mark=2147483776 use=1$/,
    );
  });

  it("name protocols as conntrack(8) does, and what they have instead of ports", () => {
    const of = (protocol: number) =>
      conntrackLine(
        row({ protocol, state: 0, timeout: 9000, status: 0, original: [1, 2, 0, 0], reply: [2, 1, 0, 0] }),
        LIST,
      );
    const there = "src=0.0.0.1 dst=0.0.0.2";
    const back = "src=0.0.0.2 dst=0.0.0.1";
    expect(of(47)).toBe(
      `gre      47 9 ${there} srckey=0x0 dstkey=0x0 [UNREPLIED] ${back} srckey=0x0 dstkey=0x0 mark=0 use=1`,
    );
    expect(of(50)).toBe(`unknown  50 9 ${there} [UNREPLIED] ${back} mark=0 use=1`);
    expect(of(136)).toBe(`udplite  136 9 ${there} sport=0 dport=0 [UNREPLIED] ${back} sport=0 dport=0 mark=0 use=1`);
    expect(of(132)).toMatch(/^sctp {5}132 9 NONE src=/);
    for (const protocol of [1, 6, 17, 47, 50, 132]) expect(parseConntrackLine(of(protocol)).number).toBe(protocol);
  });

  it("of events have no use, no mark of 0, counts at the end alone, and no timeout where the time is up", () => {
    const counted = row({ counts: { age: 1, packets: [3, 2], bytes: [180, 120] }, mark: 0x80 });
    expect(conntrackEventLine("UPDATE", counted, LIST)).toMatch(
      /^ \[UPDATE\] tcp {6}6 431999 .*=40000 \[ASSURED\] mark=128$/,
    );
    expect(conntrackEventLine("DESTROY", { ...counted, left: 0 }, LIST)).toMatch(
      /^\[DESTROY\] tcp {6}6 ESTABLISHED src=.* packets=3 bytes=180 src=.* packets=2 bytes=120 \[ASSURED\] mark=128$/,
    );
    expect(conntrackEventLine("NEW", row(), LIST)).toMatch(/^ {4}\[NEW\] tcp .*\[ASSURED\]$/);
  });
});

describe("filters of conntrack entries", () => {
  const rows = conntrackRows(
    [
      ENTRY,
      {
        ...ENTRY,
        protocol: 17,
        state: 0,
        status: IPS_SRC_NAT,
        mark: 0x80,
        service: -1,
        node: 1,
        original: [ip("10.0.2.33"), ip("192.168.7.7"), 6000, 53],
        reply: [ip("192.168.7.7"), ip("10.0.2.10"), 53, 6000],
      },
      {
        ...ENTRY,
        state: 7,
        service: -1,
        original: [ip("203.0.113.10"), ip("10.0.2.32"), 50_000, 8080],
        reply: [ip("10.0.2.32"), ip("203.0.113.10"), 8080, 50_000],
      },
    ],
    NAMES,
  );
  const matching = (filter: Parameters<typeof conntrackTest>[0]) =>
    rows.flatMap((r, i) => (conntrackTest(filter)(r) ? [i] : []));

  it.each([
    [{}, [0, 1, 2]],
    [{ protocol: "udp" }, [1]],
    [{ protocol: "6", state: "time_wait" }, [2]],
    [{ src: "10.0.1.32" }, [0]],
    [{ src: "10.0.0.0/16" }, [0, 1]],
    [{ src: "0.0.0.0/0" }, [0, 1, 2]],
    [{ src: "pod/client" }, [0]],
    [{ dst: "svc/api" }, [0]],
    [{ dst: "svc/default/api:80" }, [0]],
    [{ dst: "svc/api:81" }, []],
    [{ dst: "host/office" }, [1]],
    [{ replySrc: "pod/api-0" }, [0, 2]],
    [{ replyDst: "10.0.2.0/24" }, [1]],
    [{ sport: 6000 }, [1]],
    [{ dport: 8080 }, [2]],
    [{ status: "unreplied" }, [1]],
    [{ status: "ASSURED" }, [0, 2]],
    [{ mark: "0x80/0x80" }, [1]],
    [{ mark: "0" }, [0, 2]],
    [{ zone: 1 }, [1]],
    [{ node: "node/node-1" }, [1]],
    [{ srcNat: true }, [1]],
    [{ dstNat: true }, [0, 2]],
  ])("%o", (filter, expected) => {
    expect(matching(filter)).toEqual(expected);
  });

  it("say what they expected", () => {
    expect(() => conntrackTest({ src: "10.0.0" })).toThrow("--src 10.0.0: expected an address, a block");
    expect(() => conntrackTest({ status: "OLD" })).toThrow("--status OLD: expected ASSURED, SEEN_REPLY, UNREPLIED");
    expect(() => conntrackTest({ mark: "x" })).toThrow("--mark x: expected a value or VALUE/MASK");
  });
});

describe("entries as they cross threads", () => {
  it("have their counts, also beyond 32 bits, and leave out what has expired", () => {
    const b = new Bench();
    const { ct } = b.plane.context;
    ct.accounting = new Accounting(ct.capacity, 0);
    b.send(DEV.client, tcp("10.0.1.32:40000", "172.20.0.17:80", "S", { seq: 1 }));
    let first = -1;
    ct.forEach((e) => {
      if (first < 0) first = e;
    });
    ct.accounting.counts.set([2 ** 33 + 5, 2 ** 40 + 7, 0xffff_ffff, 1], first * 4);
    const [entry] = unpackEntries(packEntries(ct, 250, null));
    expect(entry).toMatchObject({
      protocol: 6,
      timeout: 119_750,
      service: 0,
      counts: { age: 250, packets: [2 ** 33 + 5, 0xffff_ffff], bytes: [2 ** 40 + 7, 1] },
    });
    expect(unpackEntries(packEntries(ct, 120_000, null))).toEqual([]);
    expect(unpackEntries(packEntries(ct, 250, [first]))).toEqual([entry]);
  });
});
