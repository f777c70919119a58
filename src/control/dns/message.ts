import { AUTHORITATIVE_ANSWER, decode, encode, type OptAnswer, RECURSION_AVAILABLE, type RecordType } from "dns-packet";
import { compressNames } from "./compress.ts";
import { FORMERR, NOTIMP, NXDOMAIN, REFUSED, type Reply } from "./records.ts";

export const HEADER_LENGTH = 12;
const FLAGS_AT = 2;
const COUNTS_AT = 4;
const COUNT_LENGTH = 2;
const QR = 0x8000;
const OPCODE_SHIFT = 11;
const OPCODE_MASK = 0xf;
const TC = 0x0200;
/** Flags of a query that its answer repeats: opcode, recursion desired, checking disabled. */
const REPEATED = 0x7910;
const RCODE_BITS = 4;
/** A datagram's size without EDNS, and the least that EDNS may ask for (RFC 1035, RFC 6891 section 6.2.3). */
const PLAIN_SIZE = 512;
const LARGEST = 65_535;
const LABEL_MAX = 63;
const QUESTION_FIXED = 4;
const DO_BIT = 0x8000;
const PRINTABLE = /^[!-~]*$/;

export type Transport = "udp" | "tcp";

/** A query that can be answered. */
export interface Query {
  readonly flags: number;
  readonly name: string;
  readonly type: string;
  /** Such as `IN`. */
  readonly class: string;
  /** Bytes of the question, name, type and class, which the answer repeats. */
  readonly question: Buffer;
  /** null: no EDNS. */
  readonly edns: { readonly size: number; readonly version: number; readonly dnssecOk: boolean } | null;
}

/** Answer without anything but its header: the query cannot be read, or asks for what nobody does. */
export function headerOnly(query: Buffer, rcode: typeof FORMERR | typeof NOTIMP): Buffer {
  const header = Buffer.alloc(HEADER_LENGTH);
  query.copy(header, 0, 0, FLAGS_AT);
  const opcode = rcode === NOTIMP ? query.readUInt16BE(FLAGS_AT) & (OPCODE_MASK << OPCODE_SHIFT) : 0;
  header.writeUInt16BE(QR | opcode | rcode, FLAGS_AT);
  return header;
}

/**
 * Reads a query by the rules of CoreDNS's library (miekg/dns, acceptfunc.go): one question, at most one record of answers
 * and authorities and two of additional ones.
 *
 * @returns FORMERR or NOTIMP where that is the answer; null: none at all, because it is an answer itself or no message.
 */
export function readQuery(bytes: Buffer): Query | typeof FORMERR | typeof NOTIMP | null {
  if (bytes.length < HEADER_LENGTH) return null;
  const flags = bytes.readUInt16BE(FLAGS_AT);
  if ((flags & QR) !== 0) return null;
  if (((flags >> OPCODE_SHIFT) & OPCODE_MASK) !== 0) return NOTIMP;
  const [questions, answers, authorities, additionals] = [0, 1, 2, 3].map((i) =>
    bytes.readUInt16BE(COUNTS_AT + i * COUNT_LENGTH),
  );
  if (questions !== 1 || answers > 1 || authorities > 1 || additionals > 2) return FORMERR;
  const end = questionEnd(bytes);
  if (end === null) return FORMERR;
  try {
    const packet = decode(bytes);
    const [question] = packet.questions ?? [];
    const opts = (packet.additionals ?? []).filter((record): record is OptAnswer => record.type === "OPT");
    if (opts.length > 1) return FORMERR;
    const [opt] = opts;
    return {
      flags,
      name: question.name,
      type: question.type,
      class: question.class ?? "IN",
      question: bytes.subarray(HEADER_LENGTH, end),
      edns:
        opt === undefined
          ? null
          : { size: opt.udpPayloadSize, version: opt.ednsVersion, dnssecOk: (opt.flags & DO_BIT) !== 0 },
    };
  } catch {
    return FORMERR;
  }
}

/** Where the question ends; null: its name is cut off, or is a pointer, which has nothing to point to there. */
function questionEnd(bytes: Buffer): number | null {
  let at = HEADER_LENGTH;
  while (at < bytes.length && bytes[at] !== 0) {
    if (bytes[at] > LABEL_MAX) return null;
    at += bytes[at] + 1;
  }
  const end = at + 1 + QUESTION_FIXED;
  return end <= bytes.length ? end : null;
}

/** Most bytes that the answer may have. */
export function sizeLimit(query: Query, transport: Transport): number {
  return transport === "tcp" ? LARGEST : Math.max(PLAIN_SIZE, query.edns?.size ?? 0);
}

/**
 * The bytes of an answer. Records that do not fit are left out from the end and TC says so, whichever they are (miekg/dns,
 * msg_truncate.go).
 *
 * @param id of the query, 0 to 65535
 */
export function writeReply(query: Query, reply: Reply, id: number, limit: number): Buffer {
  const flags =
    (query.flags & REPEATED) |
    (reply.authoritative ? AUTHORITATIVE_ANSWER : 0) |
    (reply.authoritative || reply.rcode === REFUSED ? 0 : RECURSION_AVAILABLE) |
    (reply.rcode & ((1 << RCODE_BITS) - 1));
  const { answers, authorities, additionals } = reply;
  const opt = query.edns === null ? null : optRecord(query.edns, reply.rcode >> RCODE_BITS);
  const optLength = opt?.length ?? 0;
  const sections = [answers.length, authorities.length, additionals.length];
  const { bytes, ends } = compressNames(
    encode({
      type: "response",
      id,
      flags,
      questions: [{ name: query.name, type: query.type as RecordType }],
      answers: [...answers],
      authorities: [...authorities],
      additionals: [...additionals],
    }),
  );
  let kept = ends.length - 1;
  while (kept > 0 && ends[kept] + optLength > limit) kept--;
  const out = Buffer.alloc(ends[kept] + optLength);
  bytes.copy(out, 0, 0, ends[kept]);
  query.question.copy(out, HEADER_LENGTH);
  opt?.copy(out, ends[kept]);
  let left = kept;
  sections.forEach((length, i) => {
    const count = Math.min(length, left);
    left -= count;
    const last = i === sections.length - 1 && opt !== null ? 1 : 0;
    out.writeUInt16BE(count + last, COUNTS_AT + (i + 1) * COUNT_LENGTH);
  });
  if (kept < ends.length - 1) out.writeUInt16BE(out.readUInt16BE(FLAGS_AT) | TC, FLAGS_AT);
  return out;
}

/** An answer to a question whose name is no text, byte by byte as it was asked: nobody has such a name. */
export function writeNoSuchName(query: Query, id: number): Buffer {
  const out = Buffer.alloc(HEADER_LENGTH + query.question.length);
  out.writeUInt16BE(id, 0);
  out.writeUInt16BE(QR | (query.flags & REPEATED) | NXDOMAIN, FLAGS_AT);
  out.writeUInt16BE(1, COUNTS_AT);
  query.question.copy(out, HEADER_LENGTH);
  return out;
}

/** Whether the question's name is printable ASCII with no dot inside a label: what its text encodes to are its bytes. */
export function isPlainName({ name, question }: Query): boolean {
  const labels = name === "." ? [] : name.split(".");
  const encoded = Buffer.from([...labels.flatMap((label) => [label.length, ...Buffer.from(label)]), 0]);
  return PRINTABLE.test(name) && encoded.equals(question.subarray(0, question.length - QUESTION_FIXED));
}

/** The OPT record of an answer: the sender's size, DO as it was set (RFC 3225), version 0. */
function optRecord(edns: NonNullable<Query["edns"]>, extendedRcode: number): Buffer {
  const opt: OptAnswer = {
    type: "OPT",
    name: ".",
    udpPayloadSize: Math.max(PLAIN_SIZE, edns.size),
    extendedRcode,
    ednsVersion: 0,
    flags: edns.dnssecOk ? DO_BIT : 0,
    flag_do: edns.dnssecOk,
    options: [],
  };
  return encode({ type: "response", additionals: [opt] }).subarray(HEADER_LENGTH);
}
