import type { PacketEvent } from "../../observe/trace/packetEvent.ts";
import { type Decision, VERDICT_DELIVERED, VERDICT_NONE } from "../../plane/decision.ts";
import { PROTO_ICMP } from "../../plane/packet.ts";
import { IP_TTL } from "../../plane/wire/ipv4.ts";
import { type FarEnd, FarEnds } from "./farEnds.ts";
import type { Output } from "./replayPlane.ts";
import { reversed, type Tuple, tupleKey } from "./tuple.ts";

/** A packet that was put in and has not come out yet. */
interface Held {
  readonly device: number;
  readonly tuple: Tuple;
  readonly ttl: number;
}

/** A packet that was put in. */
export interface Sent {
  readonly id: number;
  /** Its number in the capture (epb_packetid), or null. */
  readonly packetId: number | null;
  readonly device: number;
  /** null: it has none that can be answered. */
  readonly tuple: Tuple | null;
  readonly ttl: number;
}

/**
 * What a replay knows of flows while it runs: where what a point sent arrived, and in what its flows are other ones than those
 * that were captured. A node draws ports, and a service its endpoint, anew: what was captured behind them is translated.
 */
export class ReplayFlows {
  readonly #far = new FarEnds();
  /** Captured packet number (epb_packetid) to its number in the replay. */
  readonly #sentAs = new Map<number, number>();
  /** What became of packets that have a number in the capture. */
  readonly #outcomes = new Map<number, string>();
  /** By a point and the tuple that it was captured with: the tuple that the packet had there in the replay. */
  readonly #aliases = new Map<string, Tuple>();
  /** By a point and the tuple that it was captured with: packets that did not come. */
  readonly #missing = new Set<string>();
  /** By a point and the tuple that it sent: what became of it, where it did not arrive. */
  readonly #failed = new Map<string, string>();
  readonly #held = new Map<number, Held>();
  #released = 0;

  /** The number in the replay of a packet of the capture, by its epb_packetid; null: it was not sent. */
  sentAs(packetId: number | null): number | null {
    return packetId === null ? null : (this.#sentAs.get(packetId) ?? null);
  }

  /** What became of a packet, as the end of a sentence about it. */
  outcome(id: number): string {
    return this.#outcomes.get(id) ?? "was not sent";
  }

  /** Whether a packet waits in the plane: a fragment, an impairment. */
  isHeld(id: number): boolean {
    return this.#held.has(id);
  }

  /** Packets that wait in the plane, in the order in which they were put in. */
  get held(): readonly number[] {
    return [...this.#held.keys()];
  }

  /** How many packets waited and came out since. */
  get released(): number {
    return this.#released;
  }

  /** Packets that waited are no more. */
  lost(ids: readonly number[], reason: string): void {
    for (const id of ids) {
      const held = this.#held.get(id);
      if (held === undefined) continue;
      this.#held.delete(id);
      const outcome = `was DROPPED ${reason}`;
      if (this.#outcomes.has(id)) this.#outcomes.set(id, outcome);
      this.#failed.set(`${held.device}|${tupleKey(held.tuple)}`, `#${id} ${outcome}`);
    }
  }

  /** A packet was put in. */
  sent(
    { id, packetId, device, tuple, ttl }: Sent,
    decision: Decision,
    event: PacketEvent,
    outputs: readonly Output[],
  ): void {
    const outcome = outcomeOf(event);
    if (packetId !== null) {
      this.#sentAs.set(packetId, id);
      this.#outcomes.set(id, outcome);
    }
    if (tuple === null) return;
    const key = `${device}|${tupleKey(tuple)}`;
    if (decision.verdict === VERDICT_DELIVERED) {
      const { receiver, src, sport, dst, dport, protocol } = decision;
      const seen = { protocol, src, sport, dst, dport: protocol === PROTO_ICMP ? tuple.dport : dport };
      const arrived = outputs.find((o) => o.id === id && o.device === receiver);
      this.#far.arrived(device, tuple, { device: receiver, seen, hops: hopsOf(ttl, arrived) });
      this.#failed.delete(key);
    } else if (decision.verdict === VERDICT_NONE) this.#held.set(id, { device, tuple, ttl });
    else this.#failed.set(key, `#${id} ${outcome}`);
  }

  /** A packet that was held came out. @param seen its tuple there, or null: it is no packet of a flow */
  cameOut(output: Output, seen: Tuple | null): void {
    const held = this.#held.get(output.id);
    if (held === undefined || seen === null) return;
    this.#held.delete(output.id);
    this.#released++;
    this.#far.arrived(held.device, held.tuple, { device: output.device, seen, hops: hopsOf(held.ttl, output) });
  }

  /** The far end of the flow that a packet, which a point received, answers; null: the replay made no such flow. */
  answering(point: number, received: Tuple): FarEnd | null {
    return this.#far.of(point, reversed(received));
  }

  /** The far end of a flow, by what a point sent. */
  farEnd(point: number, sent: Tuple): FarEnd | null {
    return this.#far.of(point, sent);
  }

  /** Why what a received packet answers did not arrive; null: nothing is known of that. */
  failure(point: number, received: Tuple): string | null {
    return this.#failed.get(`${point}|${tupleKey(reversed(received))}`) ?? null;
  }

  /** A captured packet did come to a point in the replay. @param now its tuple there */
  came(point: number, captured: Tuple, now: Tuple): void {
    const key = `${point}|${tupleKey(captured)}`;
    this.#missing.delete(key);
    if (tupleKey(now) === tupleKey(captured)) this.#aliases.delete(key);
    else this.#aliases.set(key, now);
  }

  /** A captured packet did not come to a point. */
  missed(point: number, captured: Tuple): void {
    this.#missing.add(`${point}|${tupleKey(captured)}`);
  }

  /** Whether a point answers, with a packet that it sends, one that did not come. */
  answersMissing(point: number, sent: Tuple): boolean {
    return this.#missing.has(`${point}|${tupleKey(reversed(sent))}`);
  }

  /** The tuple that a packet had in the replay which a point received with a tuple in the capture; null: the same. */
  alias(point: number, captured: Tuple): Tuple | null {
    return this.#aliases.get(`${point}|${tupleKey(captured)}`) ?? null;
  }
}

function hopsOf(ttl: number, arrived: Output | undefined): number {
  return arrived === undefined ? 0 : Math.max(0, ttl - arrived.bytes[IP_TTL]);
}

/** What became of a packet, as the end of a sentence about it. */
export function outcomeOf(event: PacketEvent): string {
  if (event.verdict === "DELIVERED") return `was delivered to ${event.seen?.by ?? "?"}`;
  return event.reason === null ? "is held" : `was ${event.verdict} ${event.reason}`;
}
