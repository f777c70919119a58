import { setI32 } from "../../plane/wire/bytes.ts";
import { type BlockBuffer, putU32 } from "./blockBuffer.ts";
import type { CaptureInterface, CaptureSection, CaptureTime, InterfaceStatistics, NameRecord } from "./captureFile.ts";
import { encodeText } from "./captureText.ts";
import {
  BLOCK_OVERHEAD,
  BYTE_ORDER_MAGIC,
  IDB,
  IF_DESCRIPTION,
  IF_IPV4ADDR,
  IF_NAME,
  IF_TSRESOL,
  ISB,
  ISB_ENDTIME,
  ISB_FILTERACCEPT,
  ISB_IFDROP,
  ISB_IFRECV,
  ISB_OSDROP,
  ISB_STARTTIME,
  ISB_USRDELIV,
  LINKTYPE_IPV4,
  NRB,
  NRB_END,
  NRB_IPV4,
  OPT_COMMENT,
  OPT_END,
  OPTION_HEAD,
  OPTION_MAX,
  SHB,
  SHB_HARDWARE,
  SHB_OS,
  SHB_USERAPPL,
  UNKNOWN_LENGTH,
  VERSION_MAJOR,
  VERSION_MINOR,
} from "./pcapngFormat.ts";
import { TickCounter } from "./tickCounter.ts";

/** if_tsresol: times count 10^-9 s. */
const NANOSECOND_RESOLUTION = 9;
const ADDRESS_BYTES = 4;

const ticks = new TickCounter();

/** Section Header Block, draft-ietf-opsawg-pcapng section 4.1. */
export function writeSection(out: BlockBuffer, section: CaptureSection): void {
  const start = openBlock(out, SHB, 16);
  out.u32(BYTE_ORDER_MAGIC);
  out.u16(VERSION_MAJOR);
  out.u16(VERSION_MINOR);
  out.u32(UNKNOWN_LENGTH);
  out.u32(UNKNOWN_LENGTH);
  if (section.comment !== null) textOption(out, OPT_COMMENT, section.comment);
  textOption(out, SHB_HARDWARE, section.hardware);
  textOption(out, SHB_OS, section.os);
  textOption(out, SHB_USERAPPL, section.application);
  endOptions(out);
  closeBlock(out, start);
}

/** Interface Description Block, section 4.2. */
export function writeInterface(out: BlockBuffer, description: CaptureInterface, snapLength: number): void {
  const start = openBlock(out, IDB, 8);
  out.u16(LINKTYPE_IPV4);
  out.u16(0);
  out.u32(snapLength);
  textOption(out, IF_NAME, description.name);
  if (description.description !== null) textOption(out, IF_DESCRIPTION, description.description);
  for (const { address, mask } of description.addresses) {
    optionHead(out, IF_IPV4ADDR, 2 * ADDRESS_BYTES);
    networkOrder(out, address);
    networkOrder(out, mask);
  }
  optionHead(out, IF_TSRESOL, 1);
  out.bytes[out.used++] = NANOSECOND_RESOLUTION;
  out.pad();
  endOptions(out);
  closeBlock(out, start);
}

/** Name Resolution Block, section 4.5; none for no records. */
export function writeNames(out: BlockBuffer, records: readonly NameRecord[]): void {
  if (records.length === 0) return;
  const start = openBlock(out, NRB, 0);
  for (const record of records) nameRecord(out, record);
  out.reserve(OPTION_HEAD);
  out.u16(NRB_END);
  out.u16(0);
  closeBlock(out, start);
}

/** An address and its names, each ended by a NUL; names that do not fit into a record are left out. */
function nameRecord(out: BlockBuffer, record: NameRecord): void {
  const names: Uint8Array[] = [];
  let size = ADDRESS_BYTES;
  for (const name of record.names) {
    const bytes = encodeText(name, OPTION_MAX);
    if (size + bytes.length + 1 > OPTION_MAX) break;
    size += bytes.length + 1;
    names.push(bytes);
  }
  if (names.length === 0) return;
  optionHead(out, NRB_IPV4, size);
  networkOrder(out, record.address);
  for (const name of names) {
    out.copy(name);
    out.bytes[out.used++] = 0;
  }
  out.pad();
}

/** Interface Statistics Block, section 4.6. */
export function writeStatistics(out: BlockBuffer, number: number, s: InterfaceStatistics): void {
  const start = openBlock(out, ISB, 12);
  out.u32(number);
  time(out, s.at);
  timeOption(out, ISB_STARTTIME, s.start);
  timeOption(out, ISB_ENDTIME, s.end);
  countOption(out, ISB_IFRECV, s.received);
  countOption(out, ISB_IFDROP, s.dropped);
  countOption(out, ISB_FILTERACCEPT, s.accepted);
  countOption(out, ISB_OSDROP, s.osDropped);
  countOption(out, ISB_USRDELIV, s.delivered);
  endOptions(out);
  closeBlock(out, start);
}

/** Begins a block with room for its fixed part. @returns where it starts */
function openBlock(out: BlockBuffer, type: number, fixed: number): number {
  out.reserve(BLOCK_OVERHEAD + fixed);
  const start = out.used;
  out.u32(type);
  out.u32(0);
  return start;
}

function closeBlock(out: BlockBuffer, start: number): void {
  out.reserve(4);
  const size = out.used + 4 - start;
  putU32(out.bytes, start + 4, size);
  out.u32(size);
  out.flushIfLarge();
}

/** Begins an option, and makes room for its value and its padding. */
function optionHead(out: BlockBuffer, code: number, length: number): void {
  out.reserve(OPTION_HEAD + length + 3);
  out.u16(code);
  out.u16(length);
}

function endOptions(out: BlockBuffer): void {
  optionHead(out, OPT_END, 0);
}

function textOption(out: BlockBuffer, code: number, text: string): void {
  const bytes = encodeText(text, OPTION_MAX);
  optionHead(out, code, bytes.length);
  out.copy(bytes);
  out.pad();
}

function timeOption(out: BlockBuffer, code: number, t: CaptureTime | null): void {
  if (t === null) return;
  optionHead(out, code, 8);
  time(out, t);
}

function countOption(out: BlockBuffer, code: number, count: number | null): void {
  if (count === null) return;
  optionHead(out, code, 8);
  out.u64(count);
}

/** 64 bits of time stand with their upper half first, in either byte order. */
function time(out: BlockBuffer, t: CaptureTime): void {
  ticks.set(t.seconds, t.nanoseconds);
  out.u32(ticks.high);
  out.u32(ticks.low);
}

function networkOrder(out: BlockBuffer, address: number): void {
  setI32(out.bytes, out.used, address);
  out.used += ADDRESS_BYTES;
}
