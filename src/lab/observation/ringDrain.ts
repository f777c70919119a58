import { encodeComment } from "../../observe/capture/captureText.ts";
import { packetFacts } from "../../observe/trace/packetFacts.ts";
import { VERDICT_DROPPED } from "../../plane/decision.ts";
import { decisionWords } from "./decisionColumns.ts";
import { DECISION_SLOTS } from "./decisionTable.ts";
import { type KeptText, ObservedPacket, type ObservedPackets, Sighting } from "./observedPacket.ts";
import type { AskedDecision, DecisionText } from "./observerMessages.ts";
import {
  DECISION,
  DECISION_SLOT,
  END,
  END_FLOW,
  END_ID,
  END_SLOT,
  END_VERDICT,
  ENI_IN,
  ENI_OUT,
  IN,
  OUT,
  POINT_BYTES,
  POINT_KEPT,
  POINT_PLACE,
  RENAMED,
} from "./records.ts";
import type { RingReader } from "./ring.ts";

/** What one round takes at most: its ring space is free again after it, and its questions are one request. */
const ROUND_BYTES = 1 << 20;
const ROUND_DECISIONS = 256;
/** Packets whose text their outputs find. A power of two, more than the plane has outputs at once. */
const REMEMBERED = 1 << 16;

/** Asks for the names of decisions, and of devices and ENIs that are met for the first time. */
export type Ask = (decisions: readonly AskedDecision[], devices: number[], enis: number[]) => readonly DecisionText[];

/**
 * Reads a session's ring in rounds: looks through what is there for decisions and places that have no name yet, asks for all of
 * them at once, then shows every packet with its text.
 */
export class RingDrain {
  readonly #ring: RingReader;
  readonly #target: ObservedPackets;
  readonly #ask: Ask;
  readonly #texts: (KeptText | null)[] = new Array<KeptText | null>(DECISION_SLOTS).fill(null);
  readonly #rememberedIds = new Float64Array(REMEMBERED);
  readonly #remembered: (KeptText | null)[] = new Array<KeptText | null>(REMEMBERED).fill(null);
  readonly #devices = new Set<number>();
  readonly #enis = new Set<number>();
  readonly #packet = new ObservedPacket();
  readonly #output = new Sighting();

  /** @param known places that have their names */
  constructor(
    ring: RingReader,
    target: ObservedPackets,
    ask: Ask,
    known: readonly { readonly kind: "device" | "eni"; readonly index: number }[],
  ) {
    this.#ring = ring;
    this.#target = target;
    this.#ask = ask;
    for (const { kind, index } of known) (kind === "device" ? this.#devices : this.#enis).add(index);
  }

  /** One round. @returns bytes of the ring that were read; 0: nothing was there */
  round(): number {
    const ring = this.#ring;
    if (ring.look() === 0) return 0;
    const begin = ring.position;
    const texts = this.#questions(begin);
    const end = ring.position;
    ring.backTo(begin);
    this.#show(end, texts);
    ring.release();
    return (end - begin) | 0;
  }

  /** Reads on to the end of a packet, and asks for what has no name on the way. */
  #questions(begin: number): readonly DecisionText[] {
    const ring = this.#ring;
    const { words } = ring;
    const decisions: AskedDecision[] = [];
    const devices: number[] = [];
    const enis: number[] = [];
    let read = 0;
    for (let at = ring.next(); at >= 0; at = ring.next()) {
      const w = at >> 2;
      const { kind } = ring;
      if (kind === IN) read = at;
      if (kind === IN || kind === OUT) isNew(this.#devices, words[w + POINT_PLACE], devices);
      else if (kind === ENI_OUT || kind === ENI_IN) isNew(this.#enis, words[w + POINT_PLACE], enis);
      else if (kind === DECISION) {
        // The packet that it was made for stands before it.
        const facts = packetFacts(ring.bytes, read + POINT_BYTES, words[(read >> 2) + POINT_KEPT]);
        decisions.push({ words: decisionWords(words, w), facts });
      } else if (kind === RENAMED) {
        this.#devices.clear();
        this.#enis.clear();
      }
      const isWhole = kind === END || kind === OUT;
      if (isWhole && (decisions.length >= ROUND_DECISIONS || ((ring.position - begin) | 0) >= ROUND_BYTES)) break;
    }
    if (decisions.length + devices.length + enis.length === 0) return [];
    return this.#ask(decisions, devices, enis);
  }

  #show(end: number, texts: readonly DecisionText[]): void {
    const ring = this.#ring;
    const { words, doubles } = ring;
    const packet = this.#packet;
    let answered = 0;
    while (ring.position !== end) {
      const at = ring.next();
      if (at < 0) break;
      const w = at >> 2;
      switch (ring.kind) {
        case IN:
          packet.count = 0;
          packet.next().load(ring, at);
          break;
        case ENI_OUT:
        case ENI_IN: {
          const sighting = packet.next();
          sighting.load(ring, at);
          sighting.time = packet.sightings[0].time;
          break;
        }
        case DECISION: {
          const text = texts[answered++];
          this.#texts[words[w + DECISION_SLOT]] =
            text === undefined ? null : { ...text, encoded: encodeComment(text.comment) };
          break;
        }
        case END:
          packet.id = doubles[(w + END_ID) >> 1];
          packet.flow = words[w + END_FLOW];
          packet.dropped = words[w + END_VERDICT] === VERDICT_DROPPED;
          packet.text = this.#texts[words[w + END_SLOT]];
          this.#rememberedIds[packet.id & (REMEMBERED - 1)] = packet.id;
          this.#remembered[packet.id & (REMEMBERED - 1)] = packet.text;
          this.#target.packet(packet);
          break;
        case OUT: {
          const sighting = this.#output;
          sighting.load(ring, at);
          const slot = sighting.id & (REMEMBERED - 1);
          const isKnown = sighting.id !== 0 && this.#rememberedIds[slot] === sighting.id;
          this.#target.output(sighting, isKnown ? this.#remembered[slot] : null);
          break;
        }
      }
    }
  }
}

function isNew(known: Set<number>, index: number, found: number[]): void {
  if (known.has(index)) return;
  known.add(index);
  found.push(index);
}
