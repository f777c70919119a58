import { once } from "node:events";
import type { Writable } from "node:stream";

/** Standard output as a stream of lines: whoever writes learns when to wait, and that nobody reads any more. */
export class TraceOutput {
  readonly #out: Writable;
  #closed = false;
  #drained: Promise<unknown> | null = null;

  /** @param onClosed called once when the reader has gone away (`| head`) */
  constructor(out: Writable, onClosed: () => void) {
    this.#out = out;
    out.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      if (this.#closed) return;
      this.#closed = true;
      onClosed();
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Writes a line. @returns a promise where the reader is slow: wait for it before the next line */
  line(text: string): Promise<unknown> | undefined {
    if (this.#closed || this.#out.write(`${text}\n`)) return undefined;
    // An error, such as EPIPE, ends the wait as well.
    this.#drained ??= once(this.#out, "drain")
      .catch(() => undefined)
      .finally(() => {
        this.#drained = null;
      });
    return this.#drained;
  }
}
