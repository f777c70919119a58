import type { Socket } from "node:net";

/**
 * Frames of a stream from a running lab to a command: a type, a length, the payload. The command's side writes nothing
 * after its request; it ends the stream by closing its half of the connection, and the lab then sends what is left.
 *
 * ```text
 *   | type 1 byte | length 4 bytes, little-endian | payload |
 * ```
 */
export const FRAME_BYTES = 1;
/** JSON: something to know while the stream goes on. */
export const FRAME_MESSAGE = 2;
/** JSON: how it ended; nothing follows. */
export const FRAME_SUMMARY = 3;
/** JSON text: why it failed; nothing follows. */
export const FRAME_ERROR = 4;

const HEADER = 5;
/** Longer frames are no frames of ours. */
const MAX_FRAME = 64 << 20;
/** What may wait in the socket before its producer is asked to wait. */
const HIGH_WATER = 4 << 20;

/** The lab's end of a stream. */
export class OutStream {
  readonly #socket: Socket;
  /** Resolves when the command has closed its half, or is gone. */
  readonly ended: Promise<void>;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.ended = new Promise((resolve) => {
      if (socket.destroyed || socket.readableEnded) resolve();
      socket.once("end", resolve);
      socket.once("close", resolve);
    });
  }

  /** Whether nobody listens any more. */
  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  /** Sends bytes. @returns whether more may follow at once; otherwise wait for {@link drained} */
  bytes(payload: Uint8Array): boolean {
    this.#frame(FRAME_BYTES, payload);
    return this.#socket.writableLength < HIGH_WATER;
  }

  message(value: unknown): void {
    this.#json(FRAME_MESSAGE, value);
  }

  /** Sends frames that are frames already, by {@link messageFrame}. @returns as {@link bytes} */
  frames(frames: Uint8Array): boolean {
    if (!this.#socket.destroyed) this.#socket.write(frames);
    return this.#socket.writableLength < HIGH_WATER;
  }

  summary(value: unknown): void {
    this.#json(FRAME_SUMMARY, value);
    this.#socket.end();
  }

  error(text: string): void {
    this.#json(FRAME_ERROR, text);
    this.#socket.end();
  }

  /** Resolves when what was sent has been taken, or nobody takes it any more. */
  drained(): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed || !socket.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        socket.off("drain", done);
        socket.off("close", done);
        resolve();
      };
      socket.once("drain", done);
      socket.once("close", done);
    });
  }

  #json(type: number, value: unknown): void {
    this.#frame(type, Buffer.from(JSON.stringify(value)));
  }

  #frame(type: number, payload: Uint8Array): void {
    if (this.#socket.destroyed) return;
    const header = Buffer.alloc(HEADER);
    header[0] = type;
    header.writeUInt32LE(payload.byteLength, 1);
    this.#socket.cork();
    this.#socket.write(header);
    this.#socket.write(payload);
    this.#socket.uncork();
  }
}

/** A message's frame, from its JSON. */
export function messageFrame(json: string): Buffer {
  const length = Buffer.byteLength(json);
  const frame = Buffer.allocUnsafe(HEADER + length);
  frame[0] = FRAME_MESSAGE;
  frame.writeUInt32LE(length, 1);
  frame.write(json, HEADER);
  return frame;
}

export interface Frame {
  readonly type: number;
  readonly payload: Buffer;
}

/** Cuts what arrives into frames. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #length = 0;

  /** Takes a chunk. @returns the frames that are complete now. @throws RangeError for what is no frame */
  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const frames: Frame[] = [];
    while (this.#length >= HEADER) {
      const length = this.#peek(HEADER).readUInt32LE(1);
      if (length > MAX_FRAME) throw new RangeError(`a frame of ${length} bytes`);
      if (this.#length < HEADER + length) break;
      const whole = this.#peek(HEADER + length);
      frames.push({ type: whole[0], payload: whole.subarray(HEADER, HEADER + length) });
      this.#chunks[0] = whole.subarray(HEADER + length);
      this.#length -= HEADER + length;
    }
    return frames;
  }

  /** The first chunk, made at least so long. */
  #peek(length: number): Buffer {
    if (this.#chunks[0].length < length) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0];
  }
}
