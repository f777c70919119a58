import { closeSync, ftruncateSync, openSync, rmSync, writeSync } from "node:fs";
import { extname } from "node:path";

const PARTS = 5;
const PAD_TWO = 2;
const PAD_FOUR = 4;

/**
 * `cap_00001_20260803142500.pcapng`: a file of a rotated capture as dumpcap names it, by its number and the local time when it
 * began.
 */
export function rotatedName(file: string, number: number, when: Date): string {
  const extension = extname(file);
  const stem = file.slice(0, file.length - extension.length);
  const two = (n: number): string => String(n).padStart(PAD_TWO, "0");
  const date = `${String(when.getFullYear()).padStart(PAD_FOUR, "0")}${two(when.getMonth() + 1)}${two(when.getDate())}`;
  const time = `${two(when.getHours())}${two(when.getMinutes())}${two(when.getSeconds())}`;
  return `${stem}_${String(number).padStart(PARTS, "0")}_${date}${time}${extension}`;
}

/**
 * A file that is whole whenever nobody writes to it: what a full disk leaves of a write is taken back. Writes are
 * synchronous; in a thread of its own.
 */
class WholeFile {
  readonly #fd: number;
  #length = 0;

  constructor(path: string) {
    this.#fd = openSync(path, "w");
  }

  /** @throws Error of the system; the file ends where it did before */
  write(bytes: Uint8Array): void {
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#length + done);
    } catch (error) {
      ftruncateSync(this.#fd, this.#length);
      throw error;
    }
    this.#length += done;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** The files of a capture, one after the other, each with its sidecar where there is one. */
export class CaptureFiles {
  readonly #file: string;
  readonly #rotates: boolean;
  readonly #keep: number | null;
  readonly #hasSidecar: boolean;
  #capture: WholeFile;
  #sidecar: WholeFile | null;
  #number = 1;
  /** Those that there are, oldest first. */
  readonly names: string[] = [];
  /** How many were removed. */
  removed = 0;

  /**
   * Opens the first file; one that there is already is replaced.
   *
   * @param rotates whether others follow it, so that its name has a number
   * @param keep files that stay; older ones are removed. null: all
   */
  constructor(file: string, rotates: boolean, keep: number | null, hasSidecar: boolean) {
    this.#file = file;
    this.#rotates = rotates;
    this.#keep = keep;
    this.#hasSidecar = hasSidecar;
    const name = this.#name();
    this.#capture = new WholeFile(name);
    this.#sidecar = hasSidecar ? new WholeFile(sidecarName(name)) : null;
    this.names.push(name);
  }

  /** Whole blocks. */
  write(bytes: Uint8Array): void {
    this.#capture.write(bytes);
  }

  /** Whole lines. */
  writeSidecar(lines: Uint8Array): void {
    this.#sidecar?.write(lines);
  }

  /** Begins the next file. */
  next(): void {
    this.close();
    this.#number++;
    const name = this.#name();
    this.#capture = new WholeFile(name);
    this.#sidecar = this.#hasSidecar ? new WholeFile(sidecarName(name)) : null;
    this.names.push(name);
    if (this.#keep === null) return;
    for (const old of this.names.splice(0, this.names.length - this.#keep)) {
      this.removed++;
      rmSync(old, { force: true });
      if (this.#hasSidecar) rmSync(sidecarName(old), { force: true });
    }
  }

  close(): void {
    this.#capture.close();
    this.#sidecar?.close();
  }

  #name(): string {
    return this.#rotates ? rotatedName(this.#file, this.#number, new Date()) : this.#file;
  }
}

/** The JSON lines beside a capture. */
export function sidecarName(file: string): string {
  return `${file}.jsonl`;
}
