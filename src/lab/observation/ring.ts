/**
 * A ring of binary records in shared memory, from one thread that never waits to one that may.
 *
 * ```text
 *   words  | free | records, not yet published | free |        a record: | bytes | kind | ... |, a multiple of 8 bytes
 *          taken ───────────► published ──► committed ──► written
 * ```
 * Positions are bytes since the beginning, as int32 that wrap. The writer writes records beyond `committed`, then commits
 * them together or takes them back; the reader sees what is published. A record never wraps: where the rest of the ring is
 * too short for it, that rest is one record of the kind {@link PAD}.
 */

/** Record that means nothing. Other kinds are 1 and above. */
export const PAD = 0;
/** Bytes in front of every record: its size with them, and its kind. */
export const RECORD_HEADER = 8;

const ALIGN = 8;
/** Control words, each on a cache line of its own, so that the threads do not take each other's. */
const PUBLISHED = 0;
const TAKEN = 16;
const SLEEPING = 32;
const CONTROL_WORDS = 48;
const CONTROL_BYTES = CONTROL_WORDS * 4;

const AWAKE = 0;
/** The reader waits for the first record. */
const WANTS_ANY = 1;
/** The reader lets records gather; it is woken early where they are many. */
const WANTS_MANY = 2;

/** Shared memory of a ring. @param bytes for records: a power of two, at least 4096 */
export function createRing(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(CONTROL_BYTES + bytes);
}

/** Ends a reader's sleep, from any thread. */
export function wakeReader(memory: SharedArrayBuffer): void {
  const control = new Int32Array(memory, 0, CONTROL_WORDS);
  Atomics.store(control, SLEEPING, AWAKE);
  Atomics.notify(control, SLEEPING);
}

class Ring {
  protected readonly control: Int32Array;
  /** Views of the records; positions & (size - 1) are byte offsets in them. */
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly bytes: Uint8Array;
  /** Bytes for records. */
  readonly size: number;

  constructor(memory: SharedArrayBuffer) {
    this.control = new Int32Array(memory, 0, CONTROL_WORDS);
    this.words = new Int32Array(memory, CONTROL_BYTES);
    this.doubles = new Float64Array(memory, CONTROL_BYTES);
    this.bytes = new Uint8Array(memory, CONTROL_BYTES);
    this.size = this.bytes.length;
  }
}

/** The writing end. Nothing here waits. */
export class RingWriter extends Ring {
  #written = 0;
  #committed = 0;
  #published = 0;
  /** Up to where the reader had taken when it was looked at last: it is looked at where the room does not suffice. */
  #taken = 0;

  /**
   * Begins a record. It belongs to those that the next {@link commit} keeps.
   *
   * @param size bytes with the header; rounded up to a multiple of 8
   * @returns byte offset of the record in the views, its header filled in; -1: there is no room
   */
  reserve(size: number, kind: number): number {
    const bytes = (size + ALIGN - 1) & -ALIGN;
    let at = this.#written & (this.size - 1);
    const rest = this.size - at;
    const needed = bytes <= rest ? bytes : rest + bytes;
    if (!this.#isFree(needed)) return -1;
    if (bytes > rest) {
      this.#header(at, rest, PAD);
      at = 0;
    }
    this.#header(at, bytes, kind);
    this.#written = (this.#written + needed) | 0;
    return at;
  }

  /** Whether so many bytes in records of `largest` at most have room behind what is written. */
  hasRoom(bytes: number, largest: number): boolean {
    // A pad takes less than the record that it stands in front of.
    return this.#isFree(bytes + largest);
  }

  /** Keeps the records since the last commit. */
  commit(): void {
    this.#committed = this.#written;
  }

  /** Takes them back. */
  rewind(): void {
    this.#written = this.#committed;
  }

  /** Shows the reader what was committed, and wakes it where it waits for that. */
  publish(): void {
    if (this.#published === this.#committed) return;
    this.#published = this.#committed;
    Atomics.store(this.control, PUBLISHED, this.#published);
    const sleeping = Atomics.load(this.control, SLEEPING);
    if (sleeping === AWAKE) return;
    const waiting = (this.#published - Atomics.load(this.control, TAKEN)) | 0;
    if (sleeping === WANTS_MANY && waiting < this.size >> 2) return;
    Atomics.store(this.control, SLEEPING, AWAKE);
    Atomics.notify(this.control, SLEEPING);
  }

  #isFree(bytes: number): boolean {
    if (bytes <= this.size - ((this.#written - this.#taken) | 0)) return true;
    this.#taken = Atomics.load(this.control, TAKEN);
    return bytes <= this.size - ((this.#written - this.#taken) | 0);
  }

  #header(at: number, bytes: number, kind: number): void {
    this.words[at >> 2] = bytes;
    this.words[(at >> 2) + 1] = kind;
  }
}

/** The reading end. Records stay where they are until they are released. */
export class RingReader extends Ring {
  #at = 0;
  #end = 0;
  /** Kind of the record that {@link next} found. */
  kind = PAD;

  /** Looks at what has been published by now. @returns bytes that there are to read */
  look(): number {
    this.#end = Atomics.load(this.control, PUBLISHED);
    return (this.#end - this.#at) | 0;
  }

  /** @returns byte offset of the next record in the views, or -1: no more were there at the last {@link look} */
  next(): number {
    while (this.#at !== this.#end) {
      const at = this.#at & (this.size - 1);
      this.kind = this.words[(at >> 2) + 1];
      this.#at = (this.#at + this.words[at >> 2]) | 0;
      if (this.kind !== PAD) return at;
    }
    return -1;
  }

  /** Where reading stands: for {@link backTo}. */
  get position(): number {
    return this.#at;
  }

  /** Reads again from a position that has not been released. */
  backTo(position: number): void {
    this.#at = position;
  }

  /** Gives back everything that was read. */
  release(): void {
    Atomics.store(this.control, TAKEN, this.#at);
  }

  /** Sleeps until something is published, or for `timeoutMs`. */
  waitForAny(timeoutMs: number): void {
    this.#sleep(WANTS_ANY, timeoutMs);
  }

  /** Sleeps for `timeoutMs`, or until a quarter of the ring is full. */
  waitForMany(timeoutMs: number): void {
    this.#sleep(WANTS_MANY, timeoutMs);
  }

  #sleep(state: number, timeoutMs: number): void {
    Atomics.store(this.control, SLEEPING, state);
    // Published in between: the writer may have looked before the line above.
    const there = (Atomics.load(this.control, PUBLISHED) - this.#at) | 0;
    if (state === WANTS_ANY ? there === 0 : there < this.size >> 2)
      Atomics.wait(this.control, SLEEPING, state, timeoutMs);
    Atomics.store(this.control, SLEEPING, AWAKE);
  }
}
