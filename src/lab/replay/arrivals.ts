import { FRAG_ANY } from "../../plane/packet.ts";
import { getU16 } from "../../plane/wire/bytes.ts";
import { IP_FRAG, IP_HEADER_MIN, IP_ID, IP_VERSION_4 } from "../../plane/wire/ipv4.ts";
import { type Comparison, comparison, isSamePacket } from "./comparison.ts";
import type { Output, Tapped } from "./replayPlane.ts";

/** Our own choice: packets of a point that are remembered until the capture has them. */
const MOST = 1 << 14;

/** A packet of the capture that is still to come out. */
export interface Expected {
  readonly packet: number;
  readonly device: number;
  /** Number of the packet that it is in the replay. */
  readonly id: number;
  readonly bytes: Uint8Array;
}

/**
 * What came out at the points of capture, and what the capture has of it. Either may be there first: a packet comes out and
 * its captured copy follows; or the copy is there, and the packet is still held.
 */
export class Arrivals {
  readonly #outputs = new Map<number, Output[]>();
  #expected: Expected[] = [];
  readonly #taps = new Map<number, Tapped[]>();
  readonly #keepsTaps: boolean;
  /** Packets that came out and were forgotten unclaimed. */
  #forgotten = 0;

  /** @param points devices that packets were captured at; @param keepsTaps whether some were captured at ENIs */
  constructor(points: ReadonlySet<number>, keepsTaps: boolean) {
    for (const point of points) this.#outputs.set(point, []);
    this.#keepsTaps = keepsTaps;
  }

  /** Takes what came out. @returns comparisons with what was expected */
  take(outputs: readonly Output[]): Comparison[] {
    const found: Comparison[] = [];
    for (const output of outputs) {
      const at = this.#outputs.get(output.device);
      if (at === undefined) continue;
      const of = this.#expected.filter(
        (e) => e.device === output.device && (e.id === output.id || isSamePiece(e.bytes, output.bytes)),
      );
      const match = best(of, output.bytes);
      if (match === null) {
        at.push(output);
        if (at.length > MOST) {
          at.shift();
          this.#forgotten++;
        }
        continue;
      }
      this.#expected = this.#expected.filter((e) => e !== match.expected);
      found.push(match.compared);
    }
    return found;
  }

  tapped(id: number, tapped: readonly Tapped[]): void {
    if (this.#keepsTaps && tapped.length > 0) this.#taps.set(id, [...tapped]);
  }

  /** A packet is captured at a device and comes out later. */
  expect(expected: Expected): void {
    this.#expected.push(expected);
  }

  /** A captured packet is expected no longer. @returns whether it was */
  forget(packet: number): boolean {
    const before = this.#expected.length;
    this.#expected = this.#expected.filter((e) => e.packet !== packet);
    return this.#expected.length < before;
  }

  /**
   * The packet that came out at a device and is the captured one.
   *
   * @param id its number in the replay, or null: whichever is like it
   */
  claim(
    device: number,
    packet: number,
    bytes: Uint8Array,
    id: number | null,
  ): { output: Output; compared: Comparison } | null {
    const all = this.#outputs.get(device) ?? [];
    let found: { output: Output; compared: Comparison } | null = null;
    for (const output of all) {
      if (id !== null && output.id !== id) continue;
      const compared = comparison(packet, bytes, output.bytes);
      if (id === null && !isSamePacket(compared)) continue;
      if (found !== null && found.compared.differences.length <= compared.differences.length) continue;
      found = { output, compared };
      if (compared.equal) break;
    }
    if (found !== null) all.splice(all.indexOf(found.output), 1);
    return found;
  }

  /** The packet as it stood at an ENI. @param out null: either way */
  claimTap(id: number, eni: number, out: boolean | null, packet: number, bytes: Uint8Array): Comparison | null {
    const all = this.#taps.get(id) ?? [];
    const at = all.findIndex((t) => t.eni === eni && (out === null || t.out === out));
    if (at < 0) return null;
    const [tap] = all.splice(at, 1);
    return comparison(packet, bytes, tap.bytes);
  }

  /** Packets that came out at a point and that the capture does not have, with the first of them. */
  left(most: number): { count: number; first: Output[] } {
    const all = [...this.#outputs.values()].flat().sort((a, b) => a.id - b.id);
    return { count: all.length + this.#forgotten, first: all.slice(0, most) };
  }

  /** Packets of the capture that never came out. */
  get unmet(): number {
    return this.#expected.length;
  }
}

/**
 * Whether two packets are the same fragment. A datagram that was put together on the way has the number of its last piece
 * when it comes out, in pieces again.
 */
function isSamePiece(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length < IP_HEADER_MIN || b.length < IP_HEADER_MIN || a[0] >> 4 !== IP_VERSION_4) return false;
  const frag = getU16(a, IP_FRAG) & FRAG_ANY;
  return frag !== 0 && frag === (getU16(b, IP_FRAG) & FRAG_ANY) && getU16(a, IP_ID) === getU16(b, IP_ID);
}

/** Of captured packets the one that is most like what came out. */
function best(expected: readonly Expected[], bytes: Uint8Array): { expected: Expected; compared: Comparison } | null {
  let found: { expected: Expected; compared: Comparison } | null = null;
  for (const candidate of expected) {
    const compared = comparison(candidate.packet, candidate.bytes, bytes);
    if (found === null || compared.differences.length < found.compared.differences.length)
      found = { expected: candidate, compared };
  }
  return found;
}
