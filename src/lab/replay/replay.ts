import type { Cluster } from "../../control/cluster.ts";
import type { Capture, ReadPacket } from "../../observe/capture/capture.ts";
import type { NameSource } from "../../observe/explain.ts";
import { packetEvent } from "../../observe/trace/explainedDecision.ts";
import { formatTime, type PacketEvent } from "../../observe/trace/packetEvent.ts";
import { type PacketFacts, packetFacts } from "../../observe/trace/packetFacts.ts";
import { Decision, VERDICT_DELIVERED, VERDICT_NONE } from "../../plane/decision.ts";
import { FlowIds, packetFlow } from "../../plane/flowIds.ts";
import { PROTO_ICMP, VNET_BEFORE } from "../../plane/packet.ts";
import { formatAddress } from "../../plane/wire/address.ts";
import { describePacket } from "../../plane/wire/describe.ts";
import { IP_TTL } from "../../plane/wire/ipv4.ts";
import { Arrivals } from "./arrivals.ts";
import type { Comparison } from "./comparison.ts";
import type { FarEnd } from "./farEnds.ts";
import { HeldDrops } from "./heldDrops.ts";
import { Pieces } from "./pieces.ts";
import { type Place, Points } from "./points.ts";
import { type ReplayBytes, replayBytes } from "./replayBytes.ts";
import { ReplayClock } from "./replayClock.ts";
import type { ReplayAction, ReplayEvent, ReplayRecorder, ReplaySummary, ReplayVerdict } from "./replayEvent.ts";
import { outcomeOf, ReplayFlows } from "./replayFlows.ts";
import { type Output, ReplayPlane } from "./replayPlane.ts";
import { quotedTuple, rewriteEnds, rewriteError } from "./rewriteEnds.ts";
import { StandIns } from "./standIns.ts";
import { Tally } from "./tally.ts";
import { reversed, type Tuple } from "./tuple.ts";

const NS_PER_MS = 1e6;
const THOUSAND = 1000;
const LARGEST_MTU = 65_535;
/** Packets that came out and are not in the capture, of which the summary says more than the number. */
const SHOWN = 5;

export interface ReplayOptions {
  /** The point of capture as a person names it, or null: the interfaces' names tell, or the packets' addresses. */
  readonly at: string | null;
  /** In place of the lab's seed, or null. */
  readonly seed: number | null;
  /** How long the clock runs on behind the last packet, in milliseconds. */
  readonly settleMs: number;
}

/** A captured packet while it is looked at. */
interface Current {
  readonly packet: ReadPacket;
  readonly facts: PacketFacts;
  readonly tuple: Tuple | null;
  readonly time: bigint;
  readonly notes: string[];
  readonly comparisons: Comparison[];
}

/** How a packet is put in. */
interface Way {
  readonly action: ReplayAction;
  /** Device that sends it. */
  readonly device: number;
  /** Tuple that it has by now, or null. */
  readonly tuple: Tuple | null;
  /** Device that it was captured at as received; null: it was captured where it was sent. */
  readonly receiver: number | null;
  /** Name of the point of capture. */
  readonly point: string;
}

/**
 * A capture sent once more, through a lab's plane in memory: packets that a point of capture sent are sent there again;
 * packets that it received are sent by the far end of their flow, and compared with what comes out. Nothing but the capture,
 * the lab's files and the seed goes in, so that the same of them give the same.
 */
export class Replay {
  readonly #capture: Capture;
  readonly #settleMs: number;
  readonly #plane: ReplayPlane;
  readonly #points: Points;
  readonly #standIns: StandIns;
  readonly #arrivals: Arrivals;
  readonly #pieces: Pieces;
  readonly #clock = new ReplayClock();
  readonly #flows = new ReplayFlows();
  readonly #flowIds = new FlowIds();
  readonly #tally = new Tally();
  readonly #heldDrops: HeldDrops;
  /** Comparisons of packets that came out by time alone. */
  #late: Comparison[] = [];
  #recorder: ReplayRecorder | null = null;
  readonly names: NameSource;

  /** @throws NameError for a point that the lab does not have */
  constructor(cluster: Cluster, capture: Capture, { at, seed, settleMs }: ReplayOptions) {
    this.#capture = capture;
    this.#settleMs = settleMs;
    this.#plane = new ReplayPlane(cluster, capture.packets.length, seed);
    this.#heldDrops = new HeldDrops(this.plane.context.counters, this.#flows);
    this.#points = new Points(cluster, this.plane.context.tables, at);
    this.#standIns = new StandIns(this.plane, cluster, this.#plane.names);
    this.names = this.#standIns.names;
    this.#pieces = new Pieces(capture.packets);
    const places = capture.packets.map((p) => this.#points.place(p, packetFacts(p.bytes, 0, p.bytes.length)));
    const devices = new Set(places.flatMap((place) => (place.kind === "device" ? [place.device] : [])));
    const atEnis = places.some((place) => place.kind === "eni");
    this.#arrivals = new Arrivals(devices, atEnis);
  }

  /** The plane as the replay has left it so far: for its tables. */
  get plane(): ReplayPlane["plane"] {
    return this.#plane.plane;
  }

  /**
   * Sends the packets, one after the other; then the clock runs on. To be used once.
   *
   * @param recorder takes what the plane does, or null
   */
  *run(recorder: ReplayRecorder | null = null): Generator<ReplayEvent, ReplaySummary> {
    this.#recorder = recorder;
    for (const packet of this.#capture.packets) {
      const event = this.#next(packet);
      this.#tally.add(event);
      yield event;
    }
    if (this.#capture.packets.length > 0) this.#advance(this.#clock.wait(this.#settleMs).tick);
    this.#tally.compared(this.#late);
    return this.#summary();
  }

  #next(packet: ReadPacket): ReplayEvent {
    const { time, tick, back } = this.#clock.take(packet.time);
    this.#advance(tick);
    const facts = packetFacts(packet.bytes, 0, packet.bytes.length);
    const tuple = this.#pieces.tupleOf(facts, packet.bytes);
    const current: Current = { packet, facts, tuple, time, notes: this.#heldDrops.take(null), comparisons: this.#late };
    this.#late = [];
    if (back > 0n) {
      this.#tally.earlier++;
      const ms = Math.round((Number(back) / NS_PER_MS) * THOUSAND) / THOUSAND;
      current.notes.push(`captured ${ms} ms before a packet in front of it: processed at that one's time`);
    }
    const place = this.#points.place(packet, facts);
    switch (place.kind) {
      case "device":
        return place.out ? this.#sent(current, place.device) : this.#received(current, place.device);
      case "eni":
        return this.#onItsWay(current, place);
      case "elsewhere":
        return this.#without(current, "left out", "SKIPPED", packet.interface, "captured at another point");
      case "nowhere":
        return this.#nowhere(current, place.why);
    }
  }

  /** It was captured at a point that the lab does not have. What was sent to it goes elsewhere. */
  #nowhere(current: Current, why: string): ReplayEvent {
    const { direction, interface: point, packetId } = current.packet;
    const id = direction === "in" ? this.#flows.sentAs(packetId) : null;
    if (id === null) return this.#without(current, "left out", "NO_POINT", point, why);
    return this.#without(current, "compared", "MISSING", point, `#${id} ${this.#flows.outcome(id)}; ${why}`);
  }

  /** A point sent it. */
  #sent(current: Current, device: number): ReplayEvent {
    const { packet, tuple, notes } = current;
    const point = this.names.device(device);
    const ready = replayBytes(packet, this.#mtu(device));
    const way = { action: "sent", device, receiver: null, point } as const;
    if (tuple !== null && this.#flows.answersMissing(device, tuple))
      return this.#without(current, "left out", "NOT_SENT", point, "what it answers does not come here in this replay");
    const alias = tuple === null ? null : this.#flows.alias(device, reversed(tuple));
    if (alias === null) {
      this.#aliasQuoted(packet, ready.bytes, device);
      return this.#put(current, { ...way, tuple }, ready);
    }
    const ends = reversed(alias);
    rewriteEnds(ready.bytes, ends);
    notes.push(`sent to ${socket(ends.dst, ends.dport)}, from where this replay's request came`);
    return this.#put(current, { ...way, tuple: ends }, ready);
  }

  /** An ICMP error quotes what the point got, which had other ends in the capture. */
  #aliasQuoted(packet: ReadPacket, bytes: Uint8Array, device: number): void {
    const quoted = quotedTuple(packet.bytes);
    const alias = quoted === null ? null : this.#flows.alias(device, quoted);
    if (alias !== null) rewriteError(bytes, this.plane.context.tables.deviceAddress[device], alias.src, alias);
  }

  /** A point received it. */
  #received(current: Current, device: number): ReplayEvent {
    const { packet, tuple, notes } = current;
    const point = this.names.device(device);
    const id = this.#flows.sentAs(packet.packetId);
    const claimed = this.#arrivals.claim(device, packet.number, packet.bytes, id);
    if (claimed !== null) {
      current.comparisons.push(claimed.compared);
      if (packet.dropped) notes.push("dropped there when it was captured, delivered in this replay");
      const now = this.#tupleOf(claimed.output);
      if (tuple !== null && now !== null) this.#flows.came(device, tuple, now);
      return this.#without(current, "compared", "COMPARED", point, null);
    }
    if (id !== null) return this.#missed(current, device, point, id);
    const far = this.#farEnd(device, packet, tuple);
    if (far !== null) return this.#answer(current, device, point, far);
    const failed = tuple === null ? null : this.#flows.failure(device, tuple);
    if (failed === null) return this.#enter(current, device, point);
    return this.#without(current, "compared", "MISSING", point, `what it answers did not arrive: ${failed}`);
  }

  /** The replay has sent it, and it did not come out here. */
  #missed(current: Current, device: number, point: string, id: number): ReplayEvent {
    const { packet, tuple } = current;
    const outcome = `#${id} ${this.#flows.outcome(id)}`;
    if (packet.dropped) return this.#without(current, "compared", "COMPARED", point, outcome);
    if (this.#flows.isHeld(id)) {
      this.#arrivals.expect({ packet: packet.number, device, id, bytes: packet.bytes });
      return this.#without(current, "compared", "QUEUED", point, `#${id} is still held in this replay`);
    }
    if (tuple !== null) this.#flows.missed(device, tuple);
    return this.#without(current, "compared", "MISSING", point, outcome);
  }

  #farEnd(device: number, packet: ReadPacket, tuple: Tuple | null): FarEnd | null {
    const quoted = quotedTuple(packet.bytes);
    if (quoted !== null) return this.#flows.farEnd(device, quoted);
    return tuple === null ? null : this.#flows.answering(device, tuple);
  }

  /** The far end of its flow sends it. */
  #answer(current: Current, receiver: number, point: string, { device, seen, hops }: FarEnd): ReplayEvent {
    const { packet, facts, notes } = current;
    const ready = replayBytes(packet, this.#mtu(device));
    const tuple = reversed(seen);
    const quoted = quotedTuple(packet.bytes);
    if (quoted === null) rewriteEnds(ready.bytes, tuple, hops);
    else {
      if (facts.src !== quoted.dst)
        notes.push(
          `${formatAddress(facts.src)} sent it, on the way; here the far end does, so that its source differs`,
        );
      rewriteError(ready.bytes, seen.dst, seen.src, seen, hops);
    }
    return this.#put(current, { action: "answered", device, receiver, point, tuple }, ready);
  }

  /** Whoever has its source address sends it, as it was received. */
  #enter(current: Current, receiver: number, point: string): ReplayEvent {
    const { packet, facts, tuple, notes } = current;
    if (tuple === null) return this.#without(current, "left out", "NO_POINT", point, "its addresses cannot be read");
    const source = formatAddress(facts.src);
    const owner = this.#points.ownerOf(facts.src);
    const device = owner >= 0 ? owner : this.#standIns.deviceOf(facts.src);
    if (device < 0 || device === receiver) {
      const who = device < 0 ? `nobody in the lab has ${source}` : "it comes from the point itself";
      return this.#without(current, "left out", "NO_POINT", point, `no flow of this replay has it, and ${who}`);
    }
    if (owner < 0) notes.push(`the lab has no host ${source}: a stand-in sends it`);
    const ready = replayBytes(packet, this.#mtu(device));
    return this.#put(current, { action: "entered", device, receiver, point, tuple }, ready);
  }

  /** It was captured at an ENI, on its way. */
  #onItsWay(current: Current, { eni, out }: Extract<Place, { kind: "eni" }>): ReplayEvent {
    const { packet, comparisons } = current;
    const point = this.names.eni(eni);
    const id = this.#flows.sentAs(packet.packetId);
    if (id === null)
      return this.#without(current, "left out", "NO_POINT", point, "the capture does not have it where it was sent");
    const compared = this.#arrivals.claimTap(id, eni, out, packet.number, packet.bytes);
    if (compared !== null) {
      comparisons.push(compared);
      return this.#without(current, "compared", "COMPARED", point, null);
    }
    const outcome = `#${id} ${this.#flows.outcome(id)}`;
    if (packet.dropped) return this.#without(current, "compared", "COMPARED", point, outcome);
    return this.#without(current, "compared", "MISSING", point, `${outcome}, not by ${point}`);
  }

  /** Puts a packet into the plane. */
  #put(current: Current, way: Way, { bytes, captured, notes: made }: ReplayBytes): ReplayEvent {
    const { packet, time, notes, comparisons } = current;
    const { device, receiver, tuple, action, point } = way;
    const { number: id, packetId } = packet;
    const original = bytes.slice(VNET_BEFORE);
    const facts = packetFacts(original, 0, original.length);
    notes.push(...made);
    if (packet.bytes.length < packet.length) this.#tally.truncated++;
    const { decision, outputs, tapped } = this.#plane.put(device, id, bytes);
    const flow = this.#flowIds.of(decision, ownFlow(facts));
    const event = packetEvent(decision, facts, { time, id, flow }, this.names);
    const flowTuple = quotedTuple(original) === null ? tuple : null;
    const sent = { id, packetId, device, tuple: flowTuple, ttl: original[IP_TTL] ?? 0 };
    this.#flows.sent(sent, decision, event, outputs);
    notes.push(...this.#heldDrops.take(event.reason));
    this.#arrivals.tapped(id, tapped);
    if (receiver !== null) this.#arrivals.expect({ packet: id, device: receiver, id, bytes: packet.bytes });
    else if (packet.dropped && decision.verdict === VERDICT_DELIVERED) notes.push("dropped when it was captured");
    comparisons.push(...this.#arrivals.take(outputs));
    if (receiver !== null && decision.verdict !== VERDICT_NONE && this.#arrivals.forget(id))
      comparisons.push({
        packet: id,
        equal: false,
        differences: [{ field: "verdict", captured: `received by ${point}`, replayed: outcomeOf(event) }],
      });
    const whole: ReplayEvent & PacketEvent = { ...event, replay: { action, point, comparisons, notes } };
    if (this.#recorder === null) return whole;
    this.#recorder.sent(time, device, original, captured, whole);
    for (const tap of tapped) this.#recorder.atEni(time, tap.eni, tap.out, tap.bytes, captured, id);
    this.#record(time, outputs, captured);
    return whole;
  }

  /** The event of a packet that is not put into the plane. @param why its verdict, or null: nothing to say */
  #without(
    { packet, facts, time, notes, comparisons }: Current,
    action: ReplayAction,
    verdict: ReplayVerdict,
    point: string | null,
    why: string | null,
  ): ReplayEvent {
    const event = packetEvent(new Decision(), facts, { time, id: packet.number, flow: ownFlow(facts) }, this.names);
    const all = why === null ? notes : [why, ...notes];
    return { ...event, at: point ?? "", verdict, replay: { action, point, comparisons, notes: all } };
  }

  /** Lets time pass: what was held comes out. */
  #advance(tick: number): void {
    this.#plane.advance(tick, (at, outputs) => {
      for (const output of outputs) this.#flows.cameOut(output, this.#tupleOf(output));
      this.#late.push(...this.#arrivals.take(outputs));
      this.#record(this.#clock.timeOf(at), outputs, LARGEST_MTU);
    });
  }

  #record(time: bigint, outputs: readonly Output[], captured: number): void {
    for (const { id, device, bytes } of outputs) this.#recorder?.received(time, device, bytes, captured, id);
  }

  /** The tuple of what came out, or null: it has none that can be answered. */
  #tupleOf({ bytes }: Output): Tuple | null {
    if (quotedTuple(bytes) !== null) return null;
    return this.#pieces.tupleOf(packetFacts(bytes, 0, bytes.length), bytes);
  }

  #mtu(device: number): number {
    return this.plane.context.tables.deviceMtu[device] ?? LARGEST_MTU;
  }

  #summary(): ReplaySummary {
    const { packets, total, notes, damage } = this.#capture;
    const left = this.#arrivals.left(SHOWN);
    const texts = notes.map(({ what, count, firstPacket }) => `${what}: ${count}, the first one is #${firstPacket}`);
    const line = ({ id, device, bytes }: Output): string =>
      `${this.names.device(device)}: ${describePacket(bytes, 0, bytes.length)} (of #${id})`;
    return this.#tally.summary({
      packets: packets.length,
      total,
      counters: this.plane.context.counters,
      unmet: this.#arrivals.unmet,
      released: this.#flows.released,
      extra: { count: left.count, first: left.first.map(line) },
      end: packets.length === 0 ? null : formatTime(this.#clock.time),
      notes: damage === null ? texts : [...texts, damage.message],
    });
  }
}

/** The number of a packet's flow by its own ends. */
function ownFlow({ protocol, src, sport, dst, dport }: PacketFacts): number {
  return packetFlow(protocol, src, sport, dst, protocol === PROTO_ICMP ? sport : dport);
}

function socket(address: number, port: number): string {
  return port === 0 ? formatAddress(address) : `${formatAddress(address)}:${port}`;
}
