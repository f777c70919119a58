import { BlockBuffer, copyBytes, putU64 } from "./blockBuffer.ts";
import type { CaptureInterface, CaptureSection, CaptureSink, InterfaceStatistics, NameRecord } from "./captureFile.ts";
import type { PacketBlock } from "./packetBlock.ts";
import { writeInterface, writeNames, writeSection, writeStatistics } from "./pcapngBlocks.ts";
import {
  EPB,
  EPB_DROPCOUNT,
  EPB_FLAGS,
  EPB_PACKETID,
  EPB_VERDICT,
  OPT_END,
  OPTION_HEAD,
  TC_ACT_SHOT,
  VERDICT_TC,
} from "./pcapngFormat.ts";
import { RisingClock } from "./risingClock.ts";
import { TickCounter } from "./tickCounter.ts";

/** Type, length, interface, two halves of the time, captured length, original length. */
const EPB_HEAD = 28;
const FLAGS_OPTION = OPTION_HEAD + 4;
const PACKETID_OPTION = OPTION_HEAD + 8;
const DROPCOUNT_OPTION = OPTION_HEAD + 8;
/** Whose verdict (one byte) and a TC action (64 bits), and the padding. */
const VERDICT_LENGTH = 9;
const VERDICT_OPTION = OPTION_HEAD + 12;
const LENGTH_FIELD = 4;
const WORD = 0x1_0000_0000;
/** Above this size in bytes the native copy is quicker than a loop over words, by more than its view costs. */
const COPY_WORDS_MAX = 1024;
/** All of a packet's block but its bytes and its comment. */
const EPB_FIXED =
  EPB_HEAD +
  FLAGS_OPTION +
  PACKETID_OPTION +
  DROPCOUNT_OPTION +
  VERDICT_OPTION +
  OPTION_HEAD + // the end's
  LENGTH_FIELD;

/**
 * Writes a pcapng file, block by block, into a sink. All interfaces have one link type (raw IPv4) and one snap length, since
 * libpcap reads no other file; times are in nanoseconds and strictly increase.
 *
 * Nothing is allocated per packet. Bytes reach the sink in large pieces that end between two blocks, and on `flush`.
 */
export class PcapngWriter {
  readonly #out: BlockBuffer;
  readonly #section: CaptureSection;
  readonly #snapLength: number;
  readonly #interfaces: CaptureInterface[] = [];
  readonly #names: NameRecord[] = [];
  readonly #clock = new RisingClock();
  readonly #ticks = new TickCounter();
  /** What packets' bytes were in last, and its words where it begins at one. */
  #source: Uint8Array | null = null;
  #sourceWords: Int32Array | null = null;

  /**
   * Begins the first file: its section header is written at once.
   *
   * @param snapLength bytes that are kept of a packet at most, 1..262,144
   */
  constructor(sink: CaptureSink, section: CaptureSection, snapLength: number) {
    this.#out = new BlockBuffer(sink);
    this.#section = section;
    this.#snapLength = snapLength;
    writeSection(this.#out, section);
  }

  /** Bytes of this file so far, whether the sink has them or not. */
  get written(): number {
    return this.#out.written;
  }

  /** Times that were raised because they were not later than the one before. */
  get raisedTimes(): number {
    return this.#clock.raised;
  }

  /** Adds an interface, at any time. @returns its number, from 0 on: the same in every file of this writer */
  addInterface(description: CaptureInterface): number {
    writeInterface(this.#out, description, this.#snapLength);
    return this.#interfaces.push(description) - 1;
  }

  /** Adds names of addresses, at any time. */
  addNames(records: readonly NameRecord[]): void {
    writeNames(this.#out, records);
    for (const record of records) this.#names.push(record);
  }

  /** Writes a packet; bytes above the snap length are left out. */
  packet(p: PacketBlock): void {
    const captured = p.captured < this.#snapLength ? p.captured : this.#snapLength;
    const comment = p.comment;
    const out = this.#out;
    out.reserve(EPB_FIXED + captured + 3 + (comment === null ? 0 : comment.byteLength));
    const { view, words } = out;
    const start = out.used;
    this.#clock.take(p.seconds, p.nanoseconds);
    this.#ticks.set(this.#clock.seconds, this.#clock.nanoseconds);
    view.setInt32(start, EPB, true);
    view.setInt32(start + 8, p.interface, true);
    view.setUint32(start + 12, this.#ticks.high, true);
    view.setUint32(start + 16, this.#ticks.low, true);
    view.setInt32(start + 20, captured, true);
    view.setInt32(start + 24, p.length, true);
    this.#copy(p, captured, start + EPB_HEAD);
    let at = (start + EPB_HEAD + captured + 3) & ~3;
    const options = at;
    if (comment !== null) {
      const to = at >> 2;
      const count = comment.length;
      for (let i = 0; i < count; i++) words[to + i] = comment[i];
      at += count << 2;
    }
    if (p.flags !== 0) {
      putOptionHead(view, at, EPB_FLAGS, 4);
      view.setInt32(at + OPTION_HEAD, p.flags, true);
      at += FLAGS_OPTION;
    }
    if (p.dropCount !== 0) {
      putOptionHead(view, at, EPB_DROPCOUNT, 8);
      putU64(out.bytes, at + OPTION_HEAD, p.dropCount);
      at += DROPCOUNT_OPTION;
    }
    if (p.packetId !== 0) {
      putOptionHead(view, at, EPB_PACKETID, 8);
      view.setUint32(at + OPTION_HEAD, p.packetId % WORD, true);
      view.setUint32(at + OPTION_HEAD + 4, Math.floor(p.packetId / WORD), true);
      at += PACKETID_OPTION;
    }
    if (p.dropped) {
      putOptionHead(view, at, EPB_VERDICT, VERDICT_LENGTH);
      out.bytes.fill(0, at + OPTION_HEAD, at + VERDICT_OPTION);
      out.bytes[at + OPTION_HEAD] = VERDICT_TC;
      out.bytes[at + OPTION_HEAD + 1] = TC_ACT_SHOT;
      at += VERDICT_OPTION;
    }
    if (at !== options) {
      putOptionHead(view, at, OPT_END, 0);
      at += OPTION_HEAD;
    }
    const size = at + LENGTH_FIELD - start;
    view.setInt32(start + 4, size, true);
    view.setInt32(at, size, true);
    out.used = start + size;
    out.flushIfLarge();
  }

  /** Copies the packet's bytes, in words where they lie so, and pads them with zeros. */
  #copy(p: PacketBlock, captured: number, at: number): void {
    const { bytes, words } = this.#out;
    if (p.bytes !== this.#source) {
      this.#source = p.bytes;
      const { buffer, byteOffset, byteLength } = p.bytes;
      this.#sourceWords = (byteOffset & 3) === 0 ? new Int32Array(buffer, byteOffset, byteLength >> 2) : null;
    }
    const from = this.#sourceWords;
    if (from === null || (p.offset & 3) !== 0 || captured > COPY_WORDS_MAX)
      copyBytes(p.bytes, p.offset, captured, bytes, at);
    else {
      const first = p.offset >> 2;
      const to = at >> 2;
      const whole = captured >> 2;
      for (let i = 0; i < whole; i++) words[to + i] = from[first + i];
      for (let i = whole << 2; i < captured; i++) bytes[at + i] = p.bytes[p.offset + i];
    }
    for (let end = at + captured; (end & 3) !== 0; end++) bytes[end] = 0;
  }

  /** Writes what an interface counted: at the end of a file, or between. */
  statistics(number: number, statistics: InterfaceStatistics): void {
    writeStatistics(this.#out, number, statistics);
  }

  /** Hands the sink what it does not have yet. */
  flush(): void {
    this.#out.flush();
  }

  /**
   * Begins another file with the same interfaces and names; `written` counts from 0 again. What belongs to the file
   * before goes to the sink first, so the caller flushes, points the sink elsewhere, and calls this.
   */
  beginFile(): void {
    this.#out.flush();
    this.#out.restart();
    writeSection(this.#out, this.#section);
    for (const description of this.#interfaces) writeInterface(this.#out, description, this.#snapLength);
    writeNames(this.#out, this.#names);
  }
}

function putOptionHead(view: DataView, at: number, code: number, length: number): void {
  view.setInt32(at, code | (length << 16), true);
}
