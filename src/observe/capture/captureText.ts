import { putU16 } from "./blockBuffer.ts";
import { OPT_COMMENT, OPTION_HEAD, OPTION_MAX } from "./pcapngFormat.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
/** Three UTF-8 bytes for each UTF-16 unit at most. */
const BYTES_PER_UNIT = 3;

/**
 * A comment as an option of a packet's block, with its head and padding, in words of the file: for `PacketBlock.comment`, made
 * once and copied into many blocks. The text is cut at a whole character to what an option can hold (65,535 bytes).
 */
export function encodeComment(text: string): Int32Array {
  const utf8 = encodeText(text, OPTION_MAX);
  const words = new Int32Array((OPTION_HEAD + utf8.length + 3) >> 2);
  const bytes = new Uint8Array(words.buffer);
  putU16(bytes, 0, OPT_COMMENT);
  putU16(bytes, 2, utf8.length);
  bytes.set(utf8, OPTION_HEAD);
  return words;
}

/** Text as UTF-8 of at most `max` bytes; never half a character. */
export function encodeText(text: string, max: number): Uint8Array {
  const bytes = new Uint8Array(Math.min(max, text.length * BYTES_PER_UNIT));
  return bytes.slice(0, encoder.encodeInto(text, bytes).written);
}

/** UTF-8 as text; what is no UTF-8 becomes U+FFFD. A NUL ends it, as some programs write. */
export function decodeText(bytes: Uint8Array): string {
  const nul = bytes.indexOf(0);
  return decoder.decode(nul < 0 ? bytes : bytes.subarray(0, nul));
}
