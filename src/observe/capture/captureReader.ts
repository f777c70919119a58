import { ByteReader } from "./byteReader.ts";
import type { Capture } from "./capture.ts";
import { CaptureError } from "./captureError.ts";
import { SHB } from "./pcapngFormat.ts";
import { readPcapng } from "./pcapngReader.ts";
import { isPcap, readPcap } from "./pcapReader.ts";

const CONVERT = "convert it first: editcap -F pcapng FILE NEW";
const MAGIC_BYTES = 4;

/** Files that people take for captures, by how they begin. */
const OTHERS: readonly { readonly begins: readonly number[]; readonly what: string; readonly advice: string }[] = [
  { begins: [0x1f, 0x8b], what: "a gzip file", advice: "unpack it first: gunzip FILE" },
  { begins: [0x28, 0xb5, 0x2f, 0xfd], what: "a zstd file", advice: "unpack it first: unzstd FILE" },
  { begins: [0x04, 0x22, 0x4d, 0x18], what: "an LZ4 file", advice: "unpack it first: unlz4 FILE" },
  { begins: [0x50, 0x4b, 0x03, 0x04], what: "a zip file", advice: "unpack it first: unzip FILE" },
  { begins: [0x73, 0x6e, 0x6f, 0x6f], what: "a snoop file", advice: CONVERT },
  { begins: [0x34, 0xcd, 0xb2, 0xa1], what: "a pcap file of a modified libpcap", advice: CONVERT },
  { begins: [0xa1, 0xb2, 0xcd, 0x34], what: "a pcap file of a modified libpcap", advice: CONVERT },
];

/**
 * Reads a pcap or pcapng file that is in memory.
 *
 * @throws CaptureError when it is neither, or when its own header is damaged. Damage further on is `Capture.damage`: what
 *   stands before it was read.
 */
export function readCapture(bytes: Uint8Array): Capture {
  const reader = new ByteReader(bytes);
  if (bytes.length < MAGIC_BYTES) {
    const found = bytes.length === 0 ? "the file is empty" : `the file has ${bytes.length} bytes`;
    throw new CaptureError(`${found}: a pcap or pcapng capture was expected`, 0);
  }
  if (reader.u32(0) === SHB) return readPcapng(reader);
  if (isPcap(reader)) return readPcap(reader);
  const other = OTHERS.find(({ begins }) => begins.every((byte, i) => bytes[i] === byte));
  if (other !== undefined)
    throw new CaptureError(`this is ${other.what}, not a pcap or pcapng capture; ${other.advice}`, 0);
  const start = Array.from(bytes.subarray(0, MAGIC_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  throw new CaptureError(`no pcap or pcapng capture: the file begins with ${start}`, 0);
}
