import type { ByteReader } from "./byteReader.ts";
import type { Capture } from "./capture.ts";
import { CaptureBuilder, InterfaceBuilder } from "./captureBuilder.ts";
import { CaptureError } from "./captureError.ts";
import {
  FILE_HEADER,
  LINK_TYPE_AT,
  LINK_TYPE_MASK,
  MAGIC_MICROSECONDS,
  MAGIC_NANOSECONDS,
  RECORD_HEADER,
  SNAP_LENGTH_AT,
  VERSION_AT,
  VERSION_MAJOR,
} from "./pcapFormat.ts";

const NANOSECONDS = 1_000_000_000n;
const NANOSECONDS_PER_MICROSECOND = 1_000n;
/** libpcap's MAXIMUM_SNAPLEN: a record that claims more, and more than the file's own limit, is no record. */
const CAPTURED_MAX = 262_144;

/** Whether a file of at least four bytes begins as pcap does; sets the reader's byte order. */
export function isPcap(r: ByteReader): boolean {
  for (const little of [true, false]) {
    r.little = little;
    const magic = r.u32(0);
    if (magic === MAGIC_MICROSECONDS || magic === MAGIC_NANOSECONDS) return true;
  }
  return false;
}

/** Reads a classic pcap file, in either byte order, in microseconds or nanoseconds. {@link isPcap} has found it to be one. */
export function readPcap(r: ByteReader): Capture {
  if (r.length < FILE_HEADER) {
    throw new CaptureError(
      `the pcap file ends inside its own header: ${r.length} of ${FILE_HEADER} bytes are there`,
      0,
    );
  }
  const major = r.u16(VERSION_AT);
  if (major !== VERSION_MAJOR) {
    throw new CaptureError(
      `pcap version ${major} is not known (byte ${VERSION_AT}): ${VERSION_MAJOR} was expected`,
      VERSION_AT,
    );
  }
  const capture = new CaptureBuilder();
  const unit = r.u32(0) === MAGIC_NANOSECONDS ? 1n : NANOSECONDS_PER_MICROSECOND;
  const snapLength = r.u32(SNAP_LENGTH_AT);
  const most = Math.max(snapLength, CAPTURED_MAX);
  const whole = new InterfaceBuilder(r.u32(LINK_TYPE_AT) & LINK_TYPE_MASK, snapLength);
  capture.interfaces.push(whole);
  for (let at = FILE_HEADER; at < r.length; ) {
    const left = r.length - at - RECORD_HEADER;
    if (left < 0) {
      capture.damaged("the file ends inside a packet's header", at);
      break;
    }
    const captured = r.u32(at + 8);
    if (captured > most) {
      capture.damaged(`a packet claims ${captured} captured bytes where ${most} are the most`, at);
      break;
    }
    if (captured > left) {
      capture.damaged(`the file ends inside a packet: ${left} of its ${captured} bytes are there`, at);
      break;
    }
    const start = at + RECORD_HEADER;
    capture.frame({
      time: BigInt(r.u32(at)) * NANOSECONDS + BigInt(r.u32(at + 4)) * unit,
      interface: whole,
      bytes: r.bytes.subarray(start, start + captured),
      length: r.u32(at + 12),
      direction: null,
      comment: null,
      packetId: null,
      dropped: false,
    });
    at = start + captured;
  }
  return capture.finish("pcap");
}
