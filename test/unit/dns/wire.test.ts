import {
  AUTHORITATIVE_ANSWER,
  CHECKING_DISABLED,
  type DecodedPacket,
  DNSSEC_OK,
  decode,
  encode,
  type OptAnswer,
  type Packet,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
} from "dns-packet";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Responder } from "../../../src/control/dns/answer.ts";
import { ClusterResolver } from "../../../src/control/dns/clusterResolver.ts";
import { compressNames } from "../../../src/control/dns/compress.ts";
import type { Reply, Resolver } from "../../../src/control/dns/records.ts";
import { TcpFrames, tcpFrame } from "../../../src/control/dns/tcpFrames.ts";
import { dnsService, endpoint, HTTP, UPSTREAM, zone } from "./world.ts";

const API = "api.default.svc.cluster.local";
const WEB = "web.default.svc.cluster.local";
const HEADER = 12;
const always = () => true;

const many = (count: number) =>
  dnsService("web", {
    clusterIP: null,
    endpoints: Array.from({ length: count }, (_, i) => endpoint(`10.0.${i >> 8}.${i & 0xff}`)),
  });

function responder(endpoints = 40): Responder {
  return new Responder(new ClusterResolver(zone([dnsService("api"), many(endpoints)]), UPSTREAM));
}

function query(name: string, type = "A", more: Packet = {}): Buffer {
  const questions = [{ name, type: type as "A" }];
  return encode({ type: "query", id: 4711, flags: RECURSION_DESIRED, questions, ...more });
}

const edns = (udpPayloadSize: number, more: Partial<OptAnswer> = {}): OptAnswer => ({
  type: "OPT",
  name: ".",
  udpPayloadSize,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
  ...more,
});

interface Answered extends DecodedPacket {
  rcode: string;
  opcode: string;
  bytes: Buffer;
}

function answer(bytes: Buffer, transport: "udp" | "tcp" = "udp", server = responder()): Answered {
  const reply = server.answer(bytes, transport, always);
  if (reply === null) throw new Error("no answer");
  return { ...(decode(reply) as Answered), bytes: reply };
}

const flagsOf = ({ flags = 0 }: Packet) => flags & 0x7ff0;

describe("an answer", () => {
  it("repeats id and question and says whose it is", () => {
    const a = answer(query("aPi.default.svc.cluster.LOCAL"));
    expect(a).toMatchObject({ type: "response", id: 4711, rcode: "NOERROR" });
    expect(flagsOf(a)).toBe(AUTHORITATIVE_ANSWER | RECURSION_DESIRED);
    expect(a.questions).toEqual([{ name: "aPi.default.svc.cluster.LOCAL", type: "A", class: "IN" }]);
    expect(a.answers).toMatchObject([{ name: "aPi.default.svc.cluster.LOCAL", ttl: 5, data: "172.20.1.1" }]);
  });
  it("of another's name is a recursive resolver's", () => {
    expect(flagsOf(answer(query("rds")))).toBe(RECURSION_AVAILABLE | RECURSION_DESIRED);
    expect(flagsOf(answer(query("rds", "A", { flags: CHECKING_DISABLED })))).toBe(
      RECURSION_AVAILABLE | CHECKING_DISABLED,
    );
  });
  it("that there is none has a SOA", () => {
    const a = answer(query("nobody.default.svc.cluster.local"));
    expect(a).toMatchObject({ rcode: "NXDOMAIN", answers: [], authorities: [{ type: "SOA", name: "cluster.local" }] });
    expect(answer(query(API, "AAAA"))).toMatchObject({ rcode: "NOERROR", answers: [], authorities: [{ type: "SOA" }] });
  });
  it("to a type without a name is NODATA", () => {
    expect(answer(query(API, "UNKNOWN_65"))).toMatchObject({ rcode: "NOERROR", answers: [] });
  });
  it("has SRV records with their targets' addresses", () => {
    const a = answer(query(`_http._tcp.${API}`, "SRV"));
    expect(a.answers).toMatchObject([{ type: "SRV", data: { priority: 0, weight: 100, port: 80, target: API } }]);
    expect(a.additionals).toMatchObject([{ type: "A", name: API, data: "172.20.1.1" }]);
  });
  it("has its names shortened: a service's address is 16 bytes", () => {
    expect(answer(query(API)).bytes.length).toBe(query(API).length + 16);
  });
});

describe("EDNS", () => {
  it("is answered with EDNS, DO as it was set, and no other record", () => {
    const asked = query(API, "A", { additionals: [edns(1232, { flags: DNSSEC_OK })] });
    const a = answer(asked);
    expect(a.additionals).toMatchObject([{ type: "OPT", udpPayloadSize: 1232, ednsVersion: 0, flag_do: true }]);
    expect(answer(query(API)).additionals).toEqual([]);
  });
  it("of a later version is BADVERS", () => {
    const a = answer(query(API, "A", { additionals: [edns(1232, { ednsVersion: 1 })] }));
    expect(a).toMatchObject({ rcode: "NOERROR", answers: [] });
    expect(a.additionals).toMatchObject([{ type: "OPT", extendedRcode: 1, ednsVersion: 0 }]);
  });
  it("twice is FORMERR", () => {
    expect(answer(query(API, "A", { additionals: [edns(512), edns(512)] }))).toMatchObject({ rcode: "FORMERR" });
  });
});

describe("truncation", () => {
  it("leaves out what does not fit into 512 bytes, and says so", () => {
    const a = answer(query(WEB));
    // 12 for the header, 35 for the question, 16 for each address
    expect(a.answers).toHaveLength(29);
    expect(a.flag_tc).toBe(true);
    expect(a.bytes.length).toBe(12 + 35 + 29 * 16);
  });
  it("happens at the size that EDNS names, OPT included, and never below 512", () => {
    const at = (size: number) => answer(query(WEB, "A", { additionals: [edns(size)] }));
    expect(at(700)).toMatchObject({ flag_tc: false, answers: { length: 40 } });
    expect(at(697)).toMatchObject({ flag_tc: true, answers: { length: 39 } });
    expect(at(698)).toMatchObject({ flag_tc: false, answers: { length: 40 } });
    expect(at(100).answers).toHaveLength(28);
    expect(at(100).additionals).toMatchObject([{ type: "OPT", udpPayloadSize: 512 }]);
  });
  it("does not happen over TCP", () => {
    expect(answer(query(WEB), "tcp", responder(1000))).toMatchObject({ flag_tc: false, answers: { length: 1000 } });
  });
  it("takes additional records first", () => {
    const a = answer(query(`_http._tcp.${WEB}`, "SRV", { additionals: [edns(1232)] }), "udp", responder(16));
    expect(a.answers).toHaveLength(16);
    expect(a.flag_tc).toBe(true);
    expect(a.additionals?.at(-1)).toMatchObject({ type: "OPT" });
    expect(a.additionals?.length).toBeLessThan(17);
  });
});

describe("what is no query that anybody answers", () => {
  const patched = (at: number, value: number) => {
    const bytes = query(API);
    bytes.writeUInt16BE(value, at);
    return bytes;
  };
  const silent = (bytes: Buffer) => responder().answer(bytes, "udp", always);

  it("an answer, or less than a header, is passed over in silence", () => {
    expect(silent(patched(2, 0x8000))).toBeNull();
    expect(silent(query(API).subarray(0, HEADER - 1))).toBeNull();
    expect(silent(Buffer.alloc(0))).toBeNull();
  });
  it.each([
    ["no question", patched(4, 0)],
    [
      "two questions",
      query(API, "A", {
        questions: [
          { name: API, type: "A" },
          { name: API, type: "AAAA" },
        ],
      }),
    ],
    ["two answers", patched(6, 2)],
    ["two authorities", patched(8, 2)],
    ["three additional records", patched(10, 3)],
    ["a record that is not there", patched(10, 1)],
    ["a question cut off", query(API).subarray(0, 30)],
    ["a name that points to itself", patched(HEADER, 0xc00c)],
    ["a label of 64 bytes", patched(HEADER, 0x4061)],
  ])("%s is FORMERR", (_, bytes) => {
    const a = answer(bytes);
    expect(a).toMatchObject({ id: 4711, rcode: "FORMERR", questions: [] });
    expect(a.bytes.length).toBe(HEADER);
  });
  it.each([1, 2, 4, 5])("opcode %i is NOTIMP", (opcode) => {
    const a = answer(patched(2, opcode << 11));
    expect(a).toMatchObject({ id: 4711, rcode: "NOTIMP" });
    expect((a.bytes.readUInt16BE(2) >> 11) & 0xf).toBe(opcode);
  });
  it("other classes are refused", () => {
    const bytes = query("version.bind", "TXT");
    bytes.writeUInt16BE(3, bytes.length - 2);
    expect(answer(bytes)).toMatchObject({ rcode: "REFUSED", questions: [{ class: "CH" }] });
  });
  it("a zone transfer is refused", () => {
    expect(answer(query("cluster.local", "AXFR"), "tcp")).toMatchObject({ rcode: "REFUSED" });
  });
  it("a name that is no text does not exist, and comes back byte by byte", () => {
    const bytes = query("xy.cluster.local");
    for (const [byte, at] of [
      [0x2e, 13],
      [0xff, 14],
    ])
      bytes[at] = byte;
    const a = answer(bytes);
    expect(a.rcode).toBe("NXDOMAIN");
    expect(a.bytes.subarray(HEADER)).toEqual(bytes.subarray(HEADER));
    expect(answer(query("x\n.cluster.local")).rcode).toBe("NXDOMAIN");
  });
  it("any bytes get an answer or silence, and the answer can be read", () => {
    const server = responder();
    const near = fc.tuple(fc.nat(60), fc.nat(255)).map(([at, value]) => {
      const bytes = query(API, "A", { additionals: [edns(1232)] });
      bytes[at % bytes.length] = value;
      return bytes;
    });
    const random = fc.uint8Array({ maxLength: 64 }).map((b) => Buffer.from(b));
    fc.assert(
      fc.property(fc.oneof(near, random), fc.constantFrom("udp" as const, "tcp" as const), (bytes, transport) => {
        const reply = server.answer(bytes, transport, always);
        if (reply === null) return;
        const read = decode(reply);
        expect(read.id).toBe(bytes.readUInt16BE(0));
        expect(read.flag_qr).toBe(true);
        if (transport === "udp" && (read.additionals?.length ?? 0) === 0) expect(reply.length).toBeLessThanOrEqual(512);
      }),
      { seed: 53, numRuns: 3000 },
    );
  });
});

describe("answers that are kept", () => {
  function counting(reply: Reply): { resolver: Resolver; asked: () => number } {
    let count = 0;
    const resolver = {
      reply: () => {
        count++;
        return reply;
      },
    };
    return { resolver, asked: () => count };
  }
  const one: Reply = {
    rcode: 0,
    authoritative: false,
    answers: [{ type: "A", name: "x", ttl: 5, data: "1.2.3.4" }],
    authorities: [],
    additionals: [],
  };

  it("have the id of each query, and are asked for once until the cluster changes", () => {
    const { resolver, asked } = counting(one);
    const server = new Responder(resolver);
    const other = query("x");
    other.writeUInt16BE(99, 0);
    expect(answer(query("x"), "udp", server).id).toBe(4711);
    expect(answer(other, "udp", server).id).toBe(99);
    expect(asked()).toBe(1);
    answer(query("X"), "udp", server);
    answer(query("x"), "tcp", server);
    expect(asked()).toBe(3);
    server.become(resolver);
    answer(query("x"), "udp", server);
    expect(asked()).toBe(4);
  });
  it("do not change when the query's buffer is used again", () => {
    const server = new Responder(counting(one).resolver);
    const bytes = query("x");
    answer(bytes, "udp", server);
    bytes.fill(0xff, HEADER);
    expect(answer(query("x"), "udp", server).questions).toEqual([{ name: "x", type: "A", class: "IN" }]);
  });
  it("do not go upstream again, and are not kept where upstream lost the query", () => {
    const { resolver, asked } = counting(one);
    const server = new Responder(resolver);
    expect(server.answer(query("x"), "udp", () => false)).toBeNull();
    expect(server.answer(query("x"), "udp", () => true)).not.toBeNull();
    expect(server.answer(query("x"), "udp", () => false)).not.toBeNull();
    expect(asked()).toBe(2);
  });
  it("are not kept for ever: the oldest make room", () => {
    const { resolver, asked } = counting(one);
    const server = new Responder(resolver);
    for (let i = 0; i <= 1024; i++) answer(query(`x${i}`), "udp", server);
    answer(query("x0"), "udp", server);
    expect(asked()).toBe(1026);
  });
  it("go round among the addresses", () => {
    const server = responder(3);
    const first = () => {
      const [record] = answer(query(WEB), "udp", server).answers ?? [];
      return record.type === "A" ? record.data : "";
    };
    expect([first(), first(), first(), first()]).toEqual(["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.0"]);
  });
});

describe("compression", () => {
  it("changes no name: what is read is the same, and never longer", () => {
    const label = fc.stringMatching(/^[a-cA-C]{1,3}$/);
    const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));
    const record = fc.oneof(
      name.map((n) => ({ type: "A" as const, name: n, ttl: 5, data: "1.2.3.4" })),
      fc.tuple(name, name).map(([n, data]) => ({ type: "CNAME" as const, name: n, ttl: 5, data })),
      fc.tuple(name, name).map(([n, target]) => ({
        type: "SRV" as const,
        name: n,
        ttl: 5,
        data: { priority: 0, weight: 1, port: 80, target },
      })),
    );
    fc.assert(
      fc.property(name, fc.array(record, { maxLength: 8 }), (asked, answers) => {
        const plain = encode({ type: "response", id: 1, questions: [{ type: "A", name: asked }], answers });
        const { bytes, ends } = compressNames(plain);
        expect(decode(bytes)).toEqual(decode(plain));
        expect(bytes.length).toBeLessThanOrEqual(plain.length);
        expect(ends).toHaveLength(answers.length + 1);
        expect(ends.at(-1)).toBe(bytes.length);
      }),
      { seed: 1035, numRuns: 500 },
    );
  });
});

describe("TCP", () => {
  it("has messages whole, however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 30 }),
        (messages, cuts) => {
          const stream = Buffer.concat(messages.map((m) => tcpFrame(Buffer.from(m))));
          const frames = new TcpFrames();
          const got: Buffer[] = [];
          let at = 0;
          for (let i = 0; at < stream.length; i++) {
            const length = cuts[i % cuts.length];
            got.push(...frames.push(stream.subarray(at, at + length)));
            at += length;
          }
          expect(got.map((m) => [...m])).toEqual(messages.map((m) => [...m]));
        },
      ),
      { seed: 7766, numRuns: 500 },
    );
  });
});

it("a port without a name has no SRV record of its own", () => {
  const unnamed = zone([dnsService("api", { ports: [{ ...HTTP, name: "" }] })]);
  expect(unnamed.reply(`_http._tcp.${API}`, "SRV")?.rcode).toBe(3);
  expect(unnamed.reply(API, "SRV")?.answers).toHaveLength(1);
});
