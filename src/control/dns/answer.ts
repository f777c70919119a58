import { LRUCache } from "lru-cache";
import {
  headerOnly,
  isPlainName,
  type Query,
  readQuery,
  sizeLimit,
  type Transport,
  writeNoSuchName,
  writeReply,
} from "./message.ts";
import { BADVERS, type DnsRecord, NOERROR, REFUSED, type Reply, type Resolver } from "./records.ts";

/** Answers that are kept, and the longest query that one is kept for: names are 255 bytes at most. */
const CACHE_ENTRIES = 1024;
const LONGEST_CACHED = 512;
/** Orders of an answer's addresses that are kept written, and the longest answer that is kept so. */
const MOST_ORDERS = 16;
const LONGEST_WRITTEN = 1500;
const ID_LENGTH = 2;

/** Whether a query may go on to the resolver upstream; false: it is lost on the way there. */
export type Admit = () => boolean;

/** An answer with the orders of its addresses, each written when it is first wanted. */
interface Kept {
  readonly query: Query;
  readonly reply: Reply;
  readonly limit: number;
  readonly orders: number;
  readonly written: (Buffer | undefined)[];
  /** Which order is next. */
  turn: number;
}

/**
 * Queries in, answers out: everything a name server does between its socket and what it knows. Answers are kept until
 * somebody says that the cluster has changed, so that none is older than the cluster.
 */
export class Responder {
  #resolver: Resolver;
  readonly #kept = new LRUCache<string, Kept>({ max: CACHE_ENTRIES });

  constructor(resolver: Resolver) {
    this.#resolver = resolver;
  }

  /** Answers by another resolver from now on. */
  become(resolver: Resolver): void {
    this.#resolver = resolver;
    this.#kept.clear();
  }

  /**
   * @param admit asked where the answer is not the resolver's own and not kept
   * @returns null: no answer, because it was no query or has been lost
   */
  answer(bytes: Buffer, transport: Transport, admit: Admit): Buffer | null {
    // The query without its id: two that are alike in all else have one answer.
    const key = bytes.length <= LONGEST_CACHED ? transport + bytes.toString("latin1", ID_LENGTH) : null;
    const kept = key === null ? undefined : this.#kept.get(key);
    if (kept !== undefined) return write(kept, bytes);
    const query = readQuery(bytes);
    if (query === null) return null;
    if (typeof query === "number") return headerOnly(bytes, query);
    const id = bytes.readUInt16BE(0);
    if (!isPlainName(query)) return writeNoSuchName(query, id);
    if (query.edns !== null && query.edns.version > 0) return this.#error(query, BADVERS, id, transport);
    if (query.class !== "IN") return this.#error(query, REFUSED, id, transport);
    const reply = this.#resolver.reply(query.name, query.type);
    if (!reply.authoritative && reply.rcode !== REFUSED && !admit()) return null;
    const limit = sizeLimit(query, transport);
    const orders = Math.min(MOST_ORDERS, Math.max(1, addressCount(reply)));
    // The question's bytes are the caller's, who reuses them.
    const own = { ...query, question: Buffer.from(query.question) };
    const found: Kept = { query: own, reply, limit, orders, written: [], turn: 0 };
    if (key !== null) this.#kept.set(key, found);
    return write(found, bytes);
  }

  #error(query: Query, rcode: number, id: number, transport: Transport): Buffer {
    const reply: Reply = { rcode, authoritative: false, answers: [], authorities: [], additionals: [] };
    return writeReply(query, reply, id, sizeLimit(query, transport));
  }
}

const isAddress = (record: DnsRecord): boolean => record.type === "A";

function addressCount(reply: Reply): number {
  return reply.rcode === NOERROR ? reply.answers.filter(isAddress).length : 0;
}

/** The answer in its next order, as an answer to this query. */
function write(kept: Kept, query: Buffer): Buffer {
  const order = kept.turn;
  kept.turn = (order + 1) % kept.orders;
  const written = kept.written[order] ?? writeReply(kept.query, rotated(kept.reply, order), 0, kept.limit);
  if (written.length <= LONGEST_WRITTEN) kept.written[order] = written;
  const out = Buffer.from(written);
  query.copy(out, 0, 0, ID_LENGTH);
  return out;
}

/** Addresses go round, so that clients who take the first spread (CoreDNS's `loadbalance`, which shuffles them). */
function rotated(reply: Reply, by: number): Reply {
  if (by === 0) return reply;
  const addresses = reply.answers.filter(isAddress);
  const others = reply.answers.filter((record) => !isAddress(record));
  return { ...reply, answers: [...others, ...addresses.slice(by), ...addresses.slice(0, by)] };
}
