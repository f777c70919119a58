import { createWriteStream, type WriteStream } from "node:fs";
import { finished } from "node:stream/promises";

/** Bytes of a capture into a pipe, a FIFO or a redirected file: whoever writes learns when to wait, and that nobody reads. */
export class ByteOutput {
  readonly #out: WriteStream;
  #closed = false;

  /** @param onClosed called once when the reader has gone away */
  constructor(fd: number, onClosed: () => void) {
    this.#out = createWriteStream("", { fd });
    this.#out.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      this.#closed = true;
      onClosed();
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** @returns a promise where the reader is slow */
  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#closed || this.#out.write(bytes)) return undefined;
    return new Promise((resolve) => {
      const done = (): void => {
        this.#out.off("drain", done);
        this.#out.off("close", done);
        resolve();
      };
      this.#out.once("drain", done);
      this.#out.once("close", done);
    });
  }

  /** Resolves when everything has been taken. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#out.end();
    await finished(this.#out).catch(() => {});
  }
}
