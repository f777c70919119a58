import { getI32 } from "../../plane/wire/bytes.ts";
import type { ByteReader } from "./byteReader.ts";
import { type CaptureBuilder, InterfaceBuilder } from "./captureBuilder.ts";
import type { PacketDirection } from "./capturedPacket.ts";
import { decodeText } from "./captureText.ts";
import { FLAG_IN, FLAG_OUT } from "./packetBlock.ts";
import {
  DIRECTION_MASK,
  EPB,
  EPB_DROPCOUNT,
  EPB_FLAGS,
  EPB_PACKETID,
  EPB_VERDICT,
  IDB,
  IF_DESCRIPTION,
  IF_IPV4ADDR,
  IF_NAME,
  IF_TSOFFSET,
  IF_TSRESOL,
  ISB,
  ISB_IFDROP,
  ISB_OSDROP,
  NRB,
  NRB_IPV4,
  OPT_COMMENT,
  OPT_END,
  OPTION_HEAD,
  PB,
  SPB,
  TC_ACT_SHOT,
  VERDICT_TC,
  VERDICT_XDP,
  XDP_DROP,
} from "./pcapngFormat.ts";

const NANOSECONDS = 1_000_000_000n;
/** Without if_tsresol, times count microseconds. */
const MICROSECONDS = 1_000_000n;
/** if_tsresol: this bit makes it a power of 2 instead of 10. */
const POWER_OF_TWO = 0x80;
const ADDRESS_BYTES = 4;
/** epb_verdict: whose it is, and the verdict of TC or XDP. */
const VERDICT_BYTES = 9;
/** An obsolete packet block's count of drops, where nobody counted. */
const UNKNOWN_DROPS = 0xffff;
const NO_INTERFACE = "packet of an interface that the file does not describe";
const NO_TIME = "simple packet, which has no time: that of the packet before was taken";
const TOO_LONG = "packet that claims more captured bytes than its block has";

/** Fixed part of an enhanced and of an obsolete packet block's body; the same places, but for the interface. */
const PACKET_FIXED = 20;

/** An interface and its clock. */
interface Source {
  readonly about: InterfaceBuilder;
  /** Ticks of its clock in a second. */
  readonly resolution: bigint;
  /** Seconds that are added to its times. */
  readonly offset: bigint;
}

/** The options of a packet. */
interface PacketOptions {
  direction: PacketDirection | null;
  comment: string | null;
  packetId: number | null;
  dropped: boolean;
  dropCount: number;
}

type OptionVisitor = (code: number, at: number, length: number) => void;

/** Reads the blocks of one section. */
export class PcapngSection {
  readonly #r: ByteReader;
  readonly #capture: CaptureBuilder;
  readonly #sources: Source[] = [];
  /** Time of the packet before: a simple packet block has none of its own. */
  #time = 0n;

  constructor(r: ByteReader, capture: CaptureBuilder) {
    this.#r = r;
    this.#capture = capture;
  }

  /** Reads a block of a known length that is at least its type's shortest; skips one of an unknown type. */
  block(type: number, body: number, end: number): void {
    switch (type) {
      case IDB:
        this.#interface(body, end);
        break;
      case EPB:
        this.#packet(this.#r.u32(body), 0, body, end);
        break;
      case PB:
        this.#packet(this.#r.u16(body), this.#r.u16(body + 2), body, end);
        break;
      case SPB:
        this.#simplePacket(body, end);
        break;
      case NRB:
        this.#nameRecords(body, end);
        break;
      case ISB:
        this.#statistics(body, end);
        break;
    }
  }

  #interface(body: number, end: number): void {
    const r = this.#r;
    const about = new InterfaceBuilder(r.u16(body), r.u32(body + 4));
    let resolution = MICROSECONDS;
    let offset = 0n;
    this.#options(body + 8, end, (code, at, length) => {
      if (code === IF_NAME) about.name = this.#text(at, length);
      else if (code === IF_DESCRIPTION) about.description = this.#text(at, length);
      else if (code === IF_IPV4ADDR && length >= 2 * ADDRESS_BYTES) {
        about.addresses.push({ address: getI32(r.bytes, at), mask: getI32(r.bytes, at + ADDRESS_BYTES) });
      } else if (code === IF_TSRESOL && length >= 1) {
        const exponent = BigInt(r.bytes[at] & ~POWER_OF_TWO);
        resolution = (r.bytes[at] & POWER_OF_TWO) !== 0 ? 2n ** exponent : 10n ** exponent;
      } else if (code === IF_TSOFFSET && length >= 8) offset = r.i64(at);
    });
    this.#sources.push({ about, resolution, offset });
    this.#capture.interfaces.push(about);
  }

  #packet(number: number, dropsBefore: number, body: number, end: number): void {
    const r = this.#r;
    const source = this.#sources.at(number);
    if (source === undefined) {
      this.#capture.unusable(NO_INTERFACE);
      return;
    }
    const captured = r.u32(body + 12);
    const start = body + PACKET_FIXED;
    if (captured > end - start) {
      this.#capture.unusable(TOO_LONG);
      return;
    }
    const options = this.#packetOptions(start + captured + (-captured & 3), end);
    source.about.lostBetween += options.dropCount + (dropsBefore === UNKNOWN_DROPS ? 0 : dropsBefore);
    const ticks = (BigInt(r.u32(body + 4)) << 32n) | BigInt(r.u32(body + 8));
    this.#time = (ticks * NANOSECONDS) / source.resolution + source.offset * NANOSECONDS;
    this.#capture.frame({
      time: this.#time,
      interface: source.about,
      bytes: r.bytes.subarray(start, start + captured),
      length: r.u32(body + 16),
      direction: options.direction,
      comment: options.comment,
      packetId: options.packetId,
      dropped: options.dropped,
    });
  }

  /** A packet of the section's first interface, with its length and nothing else. */
  #simplePacket(body: number, end: number): void {
    const source = this.#sources.at(0);
    if (source === undefined) {
      this.#capture.unusable(NO_INTERFACE);
      return;
    }
    const length = this.#r.u32(body);
    const start = body + 4;
    const snapLength = source.about.snapLength === 0 ? length : source.about.snapLength;
    this.#capture.frame({
      time: this.#time,
      interface: source.about,
      bytes: this.#r.bytes.subarray(start, start + Math.min(length, snapLength, end - start)),
      length,
      direction: null,
      comment: null,
      packetId: null,
      dropped: false,
    });
    this.#capture.note(NO_TIME);
  }

  #packetOptions(from: number, end: number): PacketOptions {
    const r = this.#r;
    const found: PacketOptions = { direction: null, comment: null, packetId: null, dropped: false, dropCount: 0 };
    this.#options(from, end, (code, at, length) => {
      if (code === OPT_COMMENT) {
        const text = this.#text(at, length);
        found.comment = found.comment === null ? text : `${found.comment}\n${text}`;
      } else if (code === EPB_FLAGS && length >= 4) {
        const direction = r.u32(at) & DIRECTION_MASK;
        found.direction = direction === FLAG_IN ? "in" : direction === FLAG_OUT ? "out" : null;
      } else if (code === EPB_DROPCOUNT && length >= 8) found.dropCount = safeNumber(r.u64(at)) ?? 0;
      else if (code === EPB_PACKETID && length >= 8) found.packetId = safeNumber(r.u64(at));
      else if (code === EPB_VERDICT && length >= VERDICT_BYTES) {
        const verdict = r.u64(at + 1);
        if (r.bytes[at] === VERDICT_TC && verdict === BigInt(TC_ACT_SHOT)) found.dropped = true;
        if (r.bytes[at] === VERDICT_XDP && verdict <= BigInt(XDP_DROP)) found.dropped = true;
      }
    });
    return found;
  }

  #nameRecords(body: number, end: number): void {
    const r = this.#r;
    this.#options(body, end, (code, at, length) => {
      if (code !== NRB_IPV4 || length < ADDRESS_BYTES) return;
      const address = getI32(r.bytes, at);
      const names = this.#capture.names.get(address) ?? [];
      const text = new TextDecoder().decode(r.bytes.subarray(at + ADDRESS_BYTES, at + length));
      for (const name of text.split("\0")) if (name !== "" && !names.includes(name)) names.push(name);
      this.#capture.names.set(address, names);
    });
  }

  /** Statistics count from the capture's beginning: the last block of an interface holds. */
  #statistics(body: number, end: number): void {
    const source = this.#sources.at(this.#r.u32(body));
    if (source === undefined) return;
    let lost = 0;
    this.#options(body + 12, end, (code, at, length) => {
      if ((code === ISB_IFDROP || code === ISB_OSDROP) && length >= 8) lost += safeNumber(this.#r.u64(at)) ?? 0;
    });
    source.about.lostInAll = lost;
  }

  /** Visits options, or records of names, which look alike. One that does not fit ends the list. */
  #options(from: number, end: number, visit: OptionVisitor): void {
    for (let at = from; at + OPTION_HEAD <= end; ) {
      const code = this.#r.u16(at);
      const length = this.#r.u16(at + 2);
      const value = at + OPTION_HEAD;
      if (code === OPT_END || value + length > end) return;
      visit(code, value, length);
      at = value + length + (-length & 3);
    }
  }

  #text(at: number, length: number): string {
    return decodeText(this.#r.bytes.subarray(at, at + length));
  }
}

/** A 64-bit count, or null if a number cannot hold it. */
function safeNumber(v: bigint): number | null {
  return v <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(v) : null;
}
