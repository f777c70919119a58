import { compileExpression, type PacketTest } from "../../observe/filter/expression.ts";
import { type ObjectTest, objectTest } from "../../observe/filter/objectFilter.ts";
import type { Context } from "../../plane/context.ts";
import type { Decision } from "../../plane/decision.ts";
import { VNET_BEFORE } from "../../plane/packet.ts";
import { findRouteLengths } from "../../plane/routeLengths.ts";
import type { Tables } from "../../plane/tables.ts";
import { type PacketVector, SLOT_SIZE } from "../../plane/vector.ts";
import { decisionBytes, writeDecision } from "./decisionColumns.ts";
import type { DecisionTable } from "./decisionTable.ts";
import {
  S_LOST,
  S_LOST_AT,
  S_LOST_OUT,
  S_MATCHED,
  S_SAMPLED_OUT,
  S_SEEN,
  type SessionFilter,
  type SessionSetup,
} from "./observationMessages.ts";
import {
  DECISION,
  DECISION_SLOT,
  END,
  END_BYTES,
  END_FLOW,
  END_ID,
  END_REASON,
  END_SLOT,
  END_VERDICT,
  IN,
  OUT,
  POINT_BYTES,
  POINT_ID,
  POINT_KEPT,
  POINT_LENGTH,
  POINT_OFFLOAD,
  POINT_PLACE,
  POINT_STATUS,
  POINT_TIME,
  RENAMED,
} from "./records.ts";
import { RECORD_HEADER, RingWriter } from "./ring.ts";

/** Above this size in bytes the native copy is quicker than a loop over words, by more than its view costs. */
const COPY_LOOP_MAX = 512;
/** gso_size, from the IP header back: 4 bytes into the virtio_net_hdr. */
const GSO_SIZE_BEFORE = VNET_BEFORE - 4;

const LARGEST_POINT = POINT_BYTES + SLOT_SIZE;

/** What the plane's thread does for one observer: records the packets that match its question, or counts that it could not. */
export class RecordingSession {
  readonly id: number;
  /** Its bit among the sessions. */
  readonly bit: number;
  /** Whether a line about a decision will do. */
  readonly outline: boolean;
  readonly #ring: RingWriter;
  readonly #counters: Float64Array;
  readonly #snaplen: number;
  readonly #everywhere: boolean;
  #test: PacketTest | null = null;
  #objects: ObjectTest | null = null;
  readonly #sample: number;
  readonly #tables: Tables;
  readonly #arena: Uint8Array;
  readonly #arenaWords: Int32Array;
  /** Whether the expression holds for the packet at one of the places where it was seen. */
  #matches = false;
  /** Device that it came from. */
  #device = 0;
  #hasRoom = true;
  /** Bytes that outputs of recorded packets will take. */
  #owed = 0;

  /** @throws FilterError */
  constructor(setup: SessionSetup, context: Context) {
    const { arena } = context;
    this.#tables = context.tables;
    this.id = setup.session;
    this.bit = 1 << setup.session;
    this.outline = setup.outline;
    this.#ring = new RingWriter(setup.ring);
    this.#counters = new Float64Array(setup.counters);
    this.#snaplen = setup.snaplen;
    this.#everywhere = setup.everywhere;
    this.#sample = setup.sample;
    this.#arena = arena;
    this.#arenaWords = new Int32Array(arena.buffer, arena.byteOffset, arena.byteLength >> 2);
    this.refine(setup.filter);
  }

  /** From now on it is about these packets. @throws FilterError */
  refine({ expression, addresses, objects }: SessionFilter): void {
    this.#test = expression === null ? null : compileExpression(expression, (name) => addresses.get(name) ?? []);
    this.#objects = objects === null ? null : objectTest(objects);
  }

  /** A packet has been read. */
  begin(id: number, time: number, device: number, offset: number, length: number): void {
    this.#counters[S_SEEN]++;
    this.#device = device;
    this.#hasRoom = true;
    this.#matches = this.#test === null;
    this.#look(offset, length);
    this.#point(IN, id, time, device, offset, length, 0);
  }

  /** It stands at an ENI. */
  atEni(kind: number, id: number, eni: number, offset: number, length: number): void {
    this.#look(offset, length);
    if (this.#everywhere) this.#point(kind, id, 0, eni, offset, length, 0);
  }

  /**
   * It is where it goes: keeps its records, or takes them back.
   *
   * @param table has its decision in `slot`
   * @param out packets from `first` on arose from it
   * @param destination that it had when it was read
   * @returns whether its outputs are to be recorded
   */
  end(
    id: number,
    d: Decision,
    columns: readonly Int32Array[],
    table: DecisionTable,
    slot: number,
    out: PacketVector,
    first: number,
    destination: number,
  ): boolean {
    const counters = this.#counters;
    const ring = this.#ring;
    for (let i = first; i < out.count && !this.#matches; i++) this.#look(out.offset[i], out.length[i]);
    if (!this.#matches || (this.#objects !== null && !this.#objects(d, table.flow[slot], destination))) {
      ring.rewind();
      return false;
    }
    counters[S_MATCHED]++;
    if (this.#sample > 1 && (counters[S_MATCHED] - 1) % this.#sample !== 0) {
      counters[S_SAMPLED_OUT]++;
      ring.rewind();
      return false;
    }
    const isNew = (table.known[slot] & this.bit) === 0;
    if (isNew) {
      findRouteLengths(this.#tables, d);
      this.#decision(d, columns, slot);
    }
    this.#end(id, d, table.flow[slot], slot);
    // A packet is shown wherever it is seen or not at all, so its outputs' room is set aside.
    let owed = this.#owed;
    if (this.#everywhere) for (let i = first; i < out.count; i++) owed += this.#pointSize(out.length[i]);
    if (!this.#hasRoom || (owed > 0 && !ring.hasRoom(owed, Math.min(owed, LARGEST_POINT)))) {
      counters[S_LOST]++;
      counters[S_LOST_AT + this.#device]++;
      ring.rewind();
      return false;
    }
    ring.commit();
    this.#owed = owed;
    if (isNew) table.known[slot] |= this.bit;
    return this.#everywhere;
  }

  /** An output of a recorded packet has been written. */
  output(id: number, time: number, out: PacketVector, i: number): void {
    this.#hasRoom = true;
    this.#point(OUT, id, time, out.device[i], out.offset[i], out.length[i], out.status[i]);
    if (this.#hasRoom) this.#ring.commit();
    else {
      this.#ring.rewind();
      this.#counters[S_LOST_OUT]++;
      this.#counters[S_LOST_AT + out.device[i]]++;
    }
  }

  /** An output whose packet nobody remembers, because it was held for long or came before the session. */
  lateOutput(id: number, time: number, out: PacketVector, i: number): void {
    if (!this.#everywhere || this.#objects !== null || this.#sample > 1) return;
    this.#matches = this.#test === null;
    this.#look(out.offset[i], out.length[i]);
    if (this.#matches) this.output(id, time, out, i);
  }

  /** All outputs have been written, and nothing is set aside. */
  flushed(): void {
    this.#owed = 0;
  }

  /** Devices and ENIs may have other names. Where there is no room, the observer goes on with the old ones. */
  renamed(): void {
    if (this.#ring.reserve(RECORD_HEADER, RENAMED) >= 0) this.#ring.commit();
  }

  /** Shows the observer what there is; once a batch. */
  publish(): void {
    this.#ring.publish();
  }

  #look(offset: number, length: number): void {
    if (!this.#matches && this.#test !== null) this.#matches = this.#test(this.#arena, offset, length, length);
  }

  #pointSize(length: number): number {
    return (POINT_BYTES + (length < this.#snaplen ? length : this.#snaplen) + 7) & ~7;
  }

  #point(kind: number, id: number, time: number, place: number, offset: number, length: number, status: number): void {
    if (!this.#hasRoom) return;
    const ring = this.#ring;
    const kept = length < this.#snaplen ? length : this.#snaplen;
    const at = ring.reserve(POINT_BYTES + kept, kind);
    if (at < 0) {
      this.#hasRoom = false;
      return;
    }
    const { words, doubles } = ring;
    const arena = this.#arena;
    const w = at >> 2;
    doubles[(w + POINT_ID) >> 1] = id;
    doubles[(w + POINT_TIME) >> 1] = time;
    words[w + POINT_PLACE] = place;
    words[w + POINT_LENGTH] = length;
    words[w + POINT_KEPT] = kept;
    const vnet = offset - VNET_BEFORE;
    const gso = offset - GSO_SIZE_BEFORE;
    words[w + POINT_OFFLOAD] = arena[vnet] | (arena[vnet + 1] << 8) | (arena[gso] << 16) | (arena[gso + 1] << 24);
    words[w + POINT_STATUS] = status;
    const to = at + POINT_BYTES;
    if (kept > COPY_LOOP_MAX || (offset & 3) !== 0) ring.bytes.set(arena.subarray(offset, offset + kept), to);
    else {
      // Slots and scratch space begin at multiples of 4, and records end at them.
      const from = this.#arenaWords;
      const first = offset >> 2;
      const target = to >> 2;
      const count = (kept + 3) >> 2;
      for (let i = 0; i < count; i++) words[target + i] = from[first + i];
    }
  }

  #decision(d: Decision, columns: readonly Int32Array[], slot: number): void {
    if (!this.#hasRoom) return;
    const at = this.#ring.reserve(decisionBytes(d.count), DECISION);
    if (at < 0) {
      this.#hasRoom = false;
      return;
    }
    this.#ring.words[(at >> 2) + DECISION_SLOT] = slot;
    writeDecision(this.#ring.words, at >> 2, d, columns);
  }

  #end(id: number, d: Decision, flow: number, slot: number): void {
    if (!this.#hasRoom) return;
    const at = this.#ring.reserve(END_BYTES, END);
    if (at < 0) {
      this.#hasRoom = false;
      return;
    }
    const { words, doubles } = this.#ring;
    const w = at >> 2;
    doubles[(w + END_ID) >> 1] = id;
    words[w + END_SLOT] = slot;
    words[w + END_FLOW] = flow;
    words[w + END_VERDICT] = d.verdict;
    words[w + END_REASON] = d.outcomeReason;
  }
}
