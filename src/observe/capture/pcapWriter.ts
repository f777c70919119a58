import { BlockBuffer, copyBytes, putU32 } from "./blockBuffer.ts";
import type { CaptureSink } from "./captureFile.ts";
import type { PacketBlock } from "./packetBlock.ts";
import {
  FILE_HEADER,
  LINKTYPE_RAW,
  MAGIC_NANOSECONDS,
  RECORD_HEADER,
  VERSION_MAJOR,
  VERSION_MINOR,
} from "./pcapFormat.ts";
import { RisingClock } from "./risingClock.ts";

/**
 * Writes a classic pcap file in nanoseconds, for programs that read no pcapng: packets and times, and nothing else of what
 * a {@link PacketBlock} has. Used like `PcapngWriter`.
 */
export class PcapWriter {
  readonly #out: BlockBuffer;
  readonly #snapLength: number;
  readonly #clock = new RisingClock();

  /** @param snapLength bytes that are kept of a packet at most, 1..262,144 */
  constructor(sink: CaptureSink, snapLength: number) {
    this.#out = new BlockBuffer(sink);
    this.#snapLength = snapLength;
    this.#writeHeader();
  }

  /** Bytes of this file so far, whether the sink has them or not. */
  get written(): number {
    return this.#out.written;
  }

  /** Times that were raised because they were not later than the one before. */
  get raisedTimes(): number {
    return this.#clock.raised;
  }

  /** Writes a packet; bytes above the snap length are left out. */
  packet(p: PacketBlock): void {
    const captured = p.captured < this.#snapLength ? p.captured : this.#snapLength;
    const out = this.#out;
    out.reserve(RECORD_HEADER + captured);
    const at = out.used;
    this.#clock.take(p.seconds, p.nanoseconds);
    putU32(out.bytes, at, this.#clock.seconds);
    putU32(out.bytes, at + 4, this.#clock.nanoseconds);
    putU32(out.bytes, at + 8, captured);
    putU32(out.bytes, at + 12, p.length);
    copyBytes(p.bytes, p.offset, captured, out.bytes, at + RECORD_HEADER);
    out.used = at + RECORD_HEADER + captured;
    out.flushIfLarge();
  }

  /** Hands the sink what it does not have yet. */
  flush(): void {
    this.#out.flush();
  }

  /** Begins another file: flush, point the sink elsewhere, call this. `written` counts from 0 again. */
  beginFile(): void {
    this.#out.flush();
    this.#out.restart();
    this.#writeHeader();
  }

  #writeHeader(): void {
    const out = this.#out;
    out.reserve(FILE_HEADER);
    out.u32(MAGIC_NANOSECONDS);
    out.u16(VERSION_MAJOR);
    out.u16(VERSION_MINOR);
    // Time zone and accuracy: always 0.
    out.u32(0);
    out.u32(0);
    out.u32(this.#snapLength);
    out.u32(LINKTYPE_RAW);
  }
}
