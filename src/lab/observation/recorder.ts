import type { Context } from "../../plane/context.ts";
import { C_READ } from "../../plane/counters.ts";
import { ALL_STAGES, Decision, OUTLINE_STAGES } from "../../plane/decision.ts";
import { FlowIds, packetFlow } from "../../plane/flowIds.ts";
import { FRAG_OFFSET_MASK, type Packet, PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../../plane/packet.ts";
import type { Plane } from "../../plane/plane.ts";
import type { Tap } from "../../plane/tap.ts";
import { getI32, getU16 } from "../../plane/wire/bytes.ts";
import { ICMP_ID, ICMP_TYPE, icmpIsQuery } from "../../plane/wire/icmp.ts";
import { IP_DST, IP_FRAG, IP_HEADER_MIN, IP_PROTOCOL, IP_SRC, ipHeaderLength } from "../../plane/wire/ipv4.ts";
import { decisionColumns } from "./decisionColumns.ts";
import { DecisionTable } from "./decisionTable.ts";
import type { SessionFilter, SessionSetup } from "./observationMessages.ts";
import { RecordingSession } from "./recordingSession.ts";
import { ENI_IN, ENI_OUT } from "./records.ts";

/** Packets whose outputs are known to belong to them: those that were read last. A power of two. */
const REMEMBERED = 1 << 17;
/** Of a packet that is no IPv4, the words that tell it from others: an IPv6 header's. */
const HEAD_WORDS = 10;

/**
 * Takes packets through the plane and records for each session what becomes of them. In the plane's thread, in place of
 * `plane.process` while somebody observes: writes fixed records, makes no text and waits for nobody.
 */
export class Recorder implements Tap {
  readonly #plane: Plane;
  readonly #context: Context;
  readonly #decision = new Decision();
  readonly #columns: readonly Int32Array[];
  readonly #table: DecisionTable;
  readonly #flows = new FlowIds();
  readonly #rememberedIds = new Float64Array(REMEMBERED);
  /** Sessions that recorded the packet: their bits. */
  readonly #rememberedBy = new Uint8Array(REMEMBERED);
  #sessions: readonly RecordingSession[] = [];
  #time = 0;
  #id = 0;
  // The packet's own tuple, as it was read.
  #protocol = 0;
  #src = 0;
  #dst = 0;
  #sport = 0;
  #dport = 0;

  constructor(plane: Plane) {
    this.#plane = plane;
    this.#context = plane.context;
    this.#columns = decisionColumns(this.#decision);
    this.#table = new DecisionTable(this.#decision);
    this.#decision.tap = this;
    this.#decision.brief = true;
  }

  get isIdle(): boolean {
    return this.#sessions.length === 0;
  }

  /** @throws FilterError; nothing has begun then */
  begin(setup: SessionSetup): void {
    const session = new RecordingSession(setup, this.#context);
    this.#table.forget(session.bit);
    for (let i = 0; i < REMEMBERED; i++) this.#rememberedBy[i] &= ~session.bit;
    this.#use([...this.#sessions, session]);
  }

  /** @throws FilterError */
  refine(id: number, filter: SessionFilter): void {
    for (const session of this.#sessions) if (session.id === id) session.refine(filter);
  }

  /** Nothing is written for the session any more; what was is published. */
  end(id: number): void {
    for (const session of this.#sessions) if (session.id === id) session.publish();
    this.#use(this.#sessions.filter((s) => s.id !== id));
  }

  /** From now on it is about these sessions. Decisions have the stages that one of them wants. */
  #use(sessions: readonly RecordingSession[]): void {
    this.#sessions = sessions;
    this.#decision.stages = sessions.every(({ outline }) => outline) ? OUTLINE_STAGES : ALL_STAGES;
  }

  /** Numbers may mean something else from here on: every decision crosses again. */
  renamed(): void {
    this.#table.forget(-1);
    for (const session of this.#sessions) session.renamed();
  }

  /** Begins a read batch. @param time nanoseconds since the plane's origin */
  beginBatch(time: number): void {
    this.#time = time;
  }

  /** As {@link Plane.process}. */
  process(device: number, offset: number, length: number): void {
    const c = this.#context;
    const d = this.#decision;
    const sessions = this.#sessions;
    const id = c.counters[C_READ] + 1;
    const first = c.out.count;
    this.#id = id;
    this.#table.begin();
    this.#read(offset, length);
    for (let s = 0; s < sessions.length; s++) sessions[s].begin(id, this.#time, device, offset, length);
    d.clear();
    c.decision = d;
    c.packetId = id;
    this.#plane.process(device, offset, length);
    c.packetId = 0;
    c.decision = null;
    const table = this.#table;
    const slot = table.find();
    // Also where no session wants the packet: its answer may be wanted, and is of the same flow.
    if (table.isNew)
      table.flow[slot] = this.#flows.of(d, packetFlow(this.#protocol, this.#src, this.#sport, this.#dst, this.#dport));
    let by = 0;
    for (let s = 0; s < sessions.length; s++)
      if (sessions[s].end(id, d, this.#columns, table, slot, c.out, first, this.#dst)) by |= sessions[s].bit;
    const at = id & (REMEMBERED - 1);
    this.#rememberedIds[at] = id;
    this.#rememberedBy[at] = by;
  }

  atEni(p: Packet, eni: number, out: boolean): void {
    const sessions = this.#sessions;
    for (let s = 0; s < sessions.length; s++) sessions[s].atEni(out ? ENI_OUT : ENI_IN, this.#id, eni, p.off, p.len);
  }

  /** The packets in `context.out` have been written; before {@link Plane.written} forgets them. @param time as in beginBatch */
  flushed(time: number): void {
    const { out, outIds } = this.#context;
    const sessions = this.#sessions;
    for (let i = 0; i < out.count; i++) {
      const id = outIds[i];
      const at = id & (REMEMBERED - 1);
      const isRemembered = id !== 0 && this.#rememberedIds[at] === id;
      const by = isRemembered ? this.#rememberedBy[at] : 0;
      for (let s = 0; s < sessions.length; s++) {
        const session = sessions[s];
        if ((by & session.bit) !== 0) session.output(id, time, out, i);
        else if (!isRemembered) session.lateOutput(id, time, out, i);
      }
    }
    for (let s = 0; s < sessions.length; s++) sessions[s].flushed();
  }

  /** Ends a batch: the observers see what there is. */
  publish(): void {
    const sessions = this.#sessions;
    for (let s = 0; s < sessions.length; s++) sessions[s].publish();
  }

  /** Reads the packet's tuple, before the plane changes its bytes, and begins the lookup of its decision with it. */
  #read(offset: number, length: number): void {
    const b = this.#context.arena;
    const table = this.#table;
    this.#protocol = this.#src = this.#dst = this.#sport = this.#dport = 0;
    if (length < IP_HEADER_MIN || b[offset] >> 4 !== 4) {
      table.add(length);
      const end = offset + Math.min(length & ~3, HEAD_WORDS * Int32Array.BYTES_PER_ELEMENT);
      for (let at = offset; at < end; at += Int32Array.BYTES_PER_ELEMENT) table.add(getI32(b, at));
      return;
    }
    const protocol = b[offset + IP_PROTOCOL];
    const l4 = offset + ipHeaderLength(b, offset);
    const hasL4 = l4 + ICMP_ID + 2 <= offset + length && (getU16(b, offset + IP_FRAG) & FRAG_OFFSET_MASK) === 0;
    this.#protocol = protocol;
    this.#src = getI32(b, offset + IP_SRC);
    this.#dst = getI32(b, offset + IP_DST);
    if (hasL4 && (protocol === PROTO_TCP || protocol === PROTO_UDP || protocol === PROTO_SCTP)) {
      this.#sport = getU16(b, l4);
      this.#dport = getU16(b, l4 + 2);
    } else if (hasL4 && protocol === PROTO_ICMP) {
      // An echo's number stands for both of its ports: request and reply are one flow.
      const isQuery = icmpIsQuery(b[l4 + ICMP_TYPE]);
      this.#sport = this.#dport = isQuery ? getU16(b, l4 + ICMP_ID) : 0;
    }
    table.add(protocol);
    table.add(this.#src);
    table.add(this.#dst);
    table.add((this.#sport << 16) | this.#dport);
  }
}
