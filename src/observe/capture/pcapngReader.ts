import type { ByteReader } from "./byteReader.ts";
import type { Capture } from "./capture.ts";
import { CaptureBuilder } from "./captureBuilder.ts";
import { CaptureError } from "./captureError.ts";
import {
  BLOCK_HEAD,
  BLOCK_OVERHEAD,
  BYTE_ORDER_MAGIC,
  EPB,
  IDB,
  ISB,
  NRB,
  PB,
  SHB,
  SPB,
  VERSION_MAJOR,
} from "./pcapngFormat.ts";
import { PcapngSection } from "./pcapngSection.ts";

/** Bytes that a block of a type has at least. Blocks of other types are skipped. */
const SHORTEST: ReadonlyMap<number, number> = new Map([
  [SHB, 28],
  [IDB, 20],
  [PB, 32],
  [SPB, 16],
  [NRB, BLOCK_OVERHEAD],
  [ISB, 24],
  [EPB, 32],
]);

/** Reads a pcapng file: any number of sections, each in its own byte order. */
export function readPcapng(r: ByteReader): Capture {
  const capture = new CaptureBuilder();
  let section: PcapngSection | null = null;
  for (let at = 0; at < r.length; ) {
    const problem = blockProblem(r, at);
    if (problem !== null) {
      if (section === null)
        throw new CaptureError(`the pcapng file's first block is damaged: ${problem}, at byte ${at}`, at);
      capture.damaged(problem, at);
      break;
    }
    const length = r.u32(at + 4);
    if (r.u32(at) === SHB) section = new PcapngSection(r, capture);
    else section?.block(r.u32(at), at + BLOCK_HEAD, at + length - 4);
    at += length;
  }
  return capture.finish("pcapng");
}

/** What is wrong with the block at `at`, or null. Takes over the byte order of a section header. */
function blockProblem(r: ByteReader, at: number): string | null {
  const left = r.length - at;
  if (left < BLOCK_OVERHEAD) return "the file ends inside a block's header";
  const isSection = r.u32(at) === SHB;
  if (isSection && !setByteOrder(r, at + BLOCK_HEAD)) return "a section without its byte-order magic";
  const length = r.u32(at + 4);
  const shortest = SHORTEST.get(r.u32(at)) ?? BLOCK_OVERHEAD;
  if (length < shortest) return `a block claims ${length} bytes where it needs ${shortest}`;
  if (length % 4 !== 0) return `a block claims ${length} bytes, which is no multiple of 4`;
  if (length > left) return `the file ends inside a block: ${left} of its ${length} bytes are there`;
  const again = r.u32(at + length - 4);
  if (again !== length) return `a block has two lengths, ${length} and ${again}`;
  const major = isSection ? r.u16(at + BLOCK_OVERHEAD) : VERSION_MAJOR;
  return major === VERSION_MAJOR ? null : `a section of version ${major} where ${VERSION_MAJOR} was expected`;
}

function setByteOrder(r: ByteReader, at: number): boolean {
  for (const little of [true, false]) {
    r.little = little;
    if (r.u32(at) === BYTE_ORDER_MAGIC) return true;
  }
  return false;
}
