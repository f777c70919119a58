import { hashTuple } from "./conntrack/hash.ts";
import { ACT_TRACK, type Decision } from "./decision.ts";

/** Tuples that are remembered; a newer one takes an older one's place. */
const CAPACITY = 1 << 16;
const META_PROTOCOL_SHIFT = 16;
/** Not secret: the same flow has the same number in every run, so that traces can be compared. */
const KEY = Int32Array.of(0x706f6470, 0x6c616e65, 0x666c6f77, 0x69647331);

/**
 * Numbers of flows: one for all packets of a connection, in both directions, on every node that it crosses and whatever
 * translations it meets there. The number is a hash of the connection's tuple where it is first tracked; the tuples that
 * it has on further nodes are remembered as the same flow, so that an answer, which meets that node first, has it too.
 */
export class FlowIds {
  readonly #tuple = new Int32Array(CAPACITY);
  readonly #flow = new Int32Array(CAPACITY);

  /**
   * The flow of a decision's packet, as an int32 that is not 0; and remembers its other tuples.
   *
   * @param d finished, or as far as the packet came
   * @param packet hash of the packet's own tuple ({@link packetFlow}), for one that was never tracked
   */
  of(d: Decision, packet: number): number {
    let flow = 0;
    for (let i = 0; i < d.count; i++) {
      if (d.action[i] !== ACT_TRACK) continue;
      const tuple = hashTuple(KEY, (d.node[i] & 0xffff) | (d.a[i] << META_PROTOCOL_SHIFT), d.e[i], d.f[i], d.g[i]) || 1;
      const slot = tuple & (CAPACITY - 1);
      if (flow === 0) flow = this.#tuple[slot] === tuple ? this.#flow[slot] : tuple;
      if (d.b[i] < 0) continue;
      this.#tuple[slot] = tuple;
      this.#flow[slot] = flow;
    }
    return flow === 0 ? packet : flow;
  }
}

/** The flow of a packet that no node tracks: the same in both directions. Never 0. */
export function packetFlow(protocol: number, src: number, sport: number, dst: number, dport: number): number {
  const forward = src >>> 0 < dst >>> 0 || (src === dst && sport <= dport);
  const meta = protocol << META_PROTOCOL_SHIFT;
  const hash = forward
    ? hashTuple(KEY, meta, src, dst, (sport << 16) | dport)
    : hashTuple(KEY, meta, dst, src, (dport << 16) | sport);
  return hash || 1;
}
