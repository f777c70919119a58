import type { CaptureSink } from "./captureFile.ts";

/** Bytes that are gathered before they go to the sink: few large writes cost less than many small ones. */
const CHUNK_BYTES = 1 << 18;
const WORD = 0x1_0000_0000;
const COPY_LOOP_MAX = 320;

/** A growing buffer that is used again after each flush; least significant byte first. */
export class BlockBuffer {
  bytes = new Uint8Array(CHUNK_BYTES * 2);
  /** The same memory. */
  view = new DataView(this.bytes.buffer);
  words = new Int32Array(this.bytes.buffer);
  /** Bytes of `bytes` in use: where the next one goes. */
  used = 0;
  readonly #sink: CaptureSink;
  #flushed = 0;

  constructor(sink: CaptureSink) {
    this.#sink = sink;
  }

  /** Bytes written since the last {@link restart}, flushed or not. */
  get written(): number {
    return this.#flushed + this.used;
  }

  /** Counts from 0 again; nothing may be left unflushed. */
  restart(): void {
    this.#flushed = 0;
  }

  /** Makes room for `size` more bytes. */
  reserve(size: number): void {
    const needed = this.used + size;
    if (needed <= this.bytes.length) return;
    const larger = new Uint8Array((Math.max(needed, this.bytes.length * 2) + 3) & ~3);
    larger.set(this.bytes.subarray(0, this.used));
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
    this.words = new Int32Array(larger.buffer);
  }

  /** Hands on what there is, if it is worth a write. Called between blocks only. */
  flushIfLarge(): void {
    if (this.used >= CHUNK_BYTES) this.flush();
  }

  flush(): void {
    if (this.used === 0) return;
    const size = this.used;
    this.used = 0;
    this.#flushed += size;
    this.#sink(this.bytes.subarray(0, size));
  }

  // The writers below need room, which the caller has reserved.

  u16(v: number): void {
    putU16(this.bytes, this.used, v);
    this.used += 2;
  }

  u32(v: number): void {
    putU32(this.bytes, this.used, v);
    this.used += 4;
  }

  /** 64 bits, of which a number has 53. */
  u64(v: number): void {
    putU64(this.bytes, this.used, v);
    this.used += 8;
  }

  copy(from: Uint8Array): void {
    this.bytes.set(from, this.used);
    this.used += from.length;
  }

  /** Zeros up to a multiple of 4: blocks and what is in them start at such. */
  pad(): void {
    while ((this.used & 3) !== 0) this.bytes[this.used++] = 0;
  }
}

export function putU16(b: Uint8Array, at: number, v: number): void {
  b[at] = v;
  b[at + 1] = v >> 8;
}

export function putU32(b: Uint8Array, at: number, v: number): void {
  b[at] = v;
  b[at + 1] = v >> 8;
  b[at + 2] = v >> 16;
  b[at + 3] = v >> 24;
}

/** 64 bits, of which a number has 53. */
export function putU64(b: Uint8Array, at: number, v: number): void {
  putU32(b, at, (v % WORD) | 0);
  putU32(b, at + 4, Math.floor(v / WORD));
}

/**
 * Copies a part of an array without an object for each: a loop, up to the size from which the native copy is quicker by
 * more than its view costs.
 */
export function copyBytes(from: Uint8Array, offset: number, size: number, to: Uint8Array, at: number): void {
  if (size > COPY_LOOP_MAX) to.set(from.subarray(offset, offset + size), at);
  else for (let i = 0; i < size; i++) to[at + i] = from[offset + i];
}
