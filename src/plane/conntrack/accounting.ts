/** Packets and bytes of the original direction, then of the reply's. */
const COUNTS = 4;
const MARKS = 2;

/** Who ask at once; whoever asked longest ago is forgotten. Our own choice. */
const ASKERS = 4;

/** The entries with the most bytes since the asker looked last, and what each has had since then: packets, bytes. */
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
  readonly #capacity: number;
  /** By asker, who asked last behind the others; by entry: its packets and bytes at the asker's last {@link busiest}. */
  readonly #marks: { readonly asker: number; readonly counts: Float64Array }[] = [];

  /** @param capacity of the table, entries @param now from which those that are there by now are counted */
  constructor(capacity: number, now: number) {
    this.counts = new Float64Array(capacity * COUNTS);
    this.since = new Int32Array(capacity).fill(now);
    this.#capacity = capacity;
  }

  /** A new connection has the entry. */
  begin(entry: number, now: number): void {
    const o = entry * COUNTS;
    this.counts[o] = this.counts[o + 1] = this.counts[o + 2] = this.counts[o + 3] = 0;
    this.since[entry] = now;
    for (let i = 0; i < this.#marks.length; i++) {
      const { counts } = this.#marks[i];
      counts[entry * MARKS] = counts[entry * MARKS + 1] = 0;
    }
  }

  /** @param dir DIR_* */
  add(entry: number, dir: number, bytes: number): void {
    const o = entry * COUNTS + dir * 2;
    this.counts[o]++;
    this.counts[o + 1] += bytes;
  }

  /**
   * The entries with the most bytes since the asker's last call (its first: since they are counted), at most so many. Not on
   * a packet's way.
   *
   * @param asker any number of its own
   * @param each calls back for every entry that may be among them
   */
  busiest(asker: number, limit: number, each: (visit: (entry: number) => void) => void): Busiest {
    const marks = this.#marksOf(asker);
    const found: { entry: number; packets: number; bytes: number }[] = [];
    each((entry) => {
      const o = entry * COUNTS;
      const m = entry * MARKS;
      const packets = this.counts[o] + this.counts[o + 2];
      const bytes = this.counts[o + 1] + this.counts[o + 3];
      const more = bytes - marks[m + 1];
      if (more > 0) found.push({ entry, packets: packets - marks[m], bytes: more });
      marks[m] = packets;
      marks[m + 1] = bytes;
    });
    found.sort((a, b) => b.bytes - a.bytes || a.entry - b.entry);
    found.length = Math.min(found.length, limit);
    return {
      entries: found.map(({ entry }) => entry),
      recent: Float64Array.from(found.flatMap(({ packets, bytes }) => [packets, bytes])),
    };
  }

  #marksOf(asker: number): Float64Array {
    const at = this.#marks.findIndex((marks) => marks.asker === asker);
    const known = at < 0 ? null : this.#marks.splice(at, 1)[0];
    const marks = known ?? { asker, counts: new Float64Array(this.#capacity * MARKS) };
    this.#marks.push(marks);
    if (this.#marks.length > ASKERS) this.#marks.shift();
    return marks.counts;
  }
}
