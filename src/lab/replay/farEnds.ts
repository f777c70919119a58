import { type Tuple, tupleKey } from "./tuple.ts";

/** Where a point's packets of one flow arrived, and as what. */
export interface FarEnd {
  readonly device: number;
  /** The packet as the far end saw it. */
  readonly seen: Tuple;
  /** What the way takes off a TTL. */
  readonly hops: number;
}

/** Our own choice: flows that a replay knows the far ends of; the oldest go first. */
const MOST = 1 << 18;

/** The flows that a replay has made: by the point that sent a packet and the packet's tuple there, where it arrived last. */
export class FarEnds {
  readonly #ends = new Map<string, FarEnd>();

  /** A packet that a device sent was delivered. */
  arrived(sender: number, sent: Tuple, end: FarEnd): void {
    const key = `${sender}|${tupleKey(sent)}`;
    this.#ends.delete(key);
    this.#ends.set(key, end);
    if (this.#ends.size <= MOST) return;
    const [oldest] = this.#ends.keys();
    this.#ends.delete(oldest);
  }

  /** The far end of a flow, by what a device sent; null: nothing of it has arrived. */
  of(sender: number, sent: Tuple): FarEnd | null {
    return this.#ends.get(`${sender}|${tupleKey(sent)}`) ?? null;
  }
}
