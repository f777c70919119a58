import { messageFrame } from "../controlStream.ts";
import { eventJson } from "./eventLines.ts";
import type { ObservedPacket, ObservedPackets } from "./observedPacket.ts";
import type { Progress } from "./observerMessages.ts";

/** Events that are handed on together, bytes. */
const CHUNK_BYTES = 1 << 18;

/** Makes what an observer reads into messages of a control stream: an event for each packet. */
export class TraceOutput implements ObservedPackets {
  readonly #origin: bigint;
  readonly #chunk: (bytes: Uint8Array) => void;
  #frames: Buffer[] = [];
  #size = 0;
  #packets = 0;
  #bytes = 0;

  /** @param chunk takes frames; they are its own */
  constructor(origin: bigint, chunk: (bytes: Uint8Array) => void) {
    this.#origin = origin;
    this.#chunk = chunk;
  }

  get progress(): Progress {
    return { packets: this.#packets, written: this.#packets, bytes: this.#bytes, files: [], removed: 0 };
  }

  packet(packet: ObservedPacket): void {
    const frame = messageFrame(eventJson(packet, this.#origin));
    this.#frames.push(frame);
    this.#size += frame.length;
    this.#packets++;
    if (this.#size >= CHUNK_BYTES) this.flush();
  }

  /** An event is about a packet as it was read. */
  output(): void {}

  flush(): void {
    if (this.#size === 0) return;
    this.#bytes += this.#size;
    this.#chunk(Buffer.concat(this.#frames));
    this.#frames = [];
    this.#size = 0;
  }

  finish(): void {
    this.flush();
  }
}
