/** Packets and bytes of the original direction, then of the reply's. */
const COUNTS = 4;
const MARKS = 2;

/** The entries with the most bytes since one looked last, and what each has had since then: packets, bytes. */
export interface Busiest {
  readonly entries: number[];
  readonly recent: Float64Array<ArrayBuffer>;
}

/**
 * Packets and bytes of each entry (nf_conntrack_acct), apart from the entries: who does not want them has no memory for
 * them. Bytes are those of IP packets; a GSO super-packet is one packet, as in the kernel.
 */
export class Accounting {
  /** By entry: packets and bytes there, packets and bytes back. */
  readonly counts: Float64Array;
  /** By entry: the millisecond tick from which it is counted. */
  readonly since: Int32Array;
  /** By entry: its packets and bytes at the last {@link busiest}. */
  readonly #marks: Float64Array;

  /** @param capacity of the table, entries @param now from which those that are there by now are counted */
  constructor(capacity: number, now: number) {
    this.counts = new Float64Array(capacity * COUNTS);
    this.since = new Int32Array(capacity).fill(now);
    this.#marks = new Float64Array(capacity * MARKS);
  }

  /** A new connection has the entry. */
  begin(entry: number, now: number): void {
    const o = entry * COUNTS;
    this.counts[o] = this.counts[o + 1] = this.counts[o + 2] = this.counts[o + 3] = 0;
    this.since[entry] = now;
    this.#marks[entry * MARKS] = this.#marks[entry * MARKS + 1] = 0;
  }

  /** @param dir DIR_* */
  add(entry: number, dir: number, bytes: number): void {
    const o = entry * COUNTS + dir * 2;
    this.counts[o]++;
    this.counts[o + 1] += bytes;
  }

  /**
   * The entries with the most bytes since the last call, at most so many. Not on a packet's way.
   *
   * @param each calls back for every entry that may be among them
   */
  busiest(limit: number, each: (visit: (entry: number) => void) => void): Busiest {
    const found: { entry: number; packets: number; bytes: number }[] = [];
    each((entry) => {
      const o = entry * COUNTS;
      const m = entry * MARKS;
      const packets = this.counts[o] + this.counts[o + 2];
      const bytes = this.counts[o + 1] + this.counts[o + 3];
      const more = bytes - this.#marks[m + 1];
      if (more > 0) found.push({ entry, packets: packets - this.#marks[m], bytes: more });
      this.#marks[m] = packets;
      this.#marks[m + 1] = bytes;
    });
    found.sort((a, b) => b.bytes - a.bytes || a.entry - b.entry);
    found.length = Math.min(found.length, limit);
    return {
      entries: found.map(({ entry }) => entry),
      recent: Float64Array.from(found.flatMap(({ packets, bytes }) => [packets, bytes])),
    };
  }
}
