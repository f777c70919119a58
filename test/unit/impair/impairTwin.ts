import type { Chance, ImpairmentRow } from "../../../src/plane/impair/impairmentRow.ts";
import { Random } from "../../../src/plane/random.ts";

/**
 * An impairment as netem_enqueue() reads: objects, a sorted list, numbers from 0 to 1. Slow and obvious. Packets are bytes
 * with a virtio_net_hdr in front, none of them a super-packet.
 */

const VNET = 10;
const RANGE = 2 ** 32;

interface Waiting {
  due: number;
  order: number;
  bytes: Uint8Array;
}

class Generator {
  readonly #random: Random;
  #last = 0;

  constructor(seed: number) {
    this.#random = new Random(seed | 0);
  }

  word(): number {
    return this.#random.nextInt() >>> 0;
  }

  below(n: number): number {
    return Math.floor((this.word() / RANGE) * n);
  }

  happens({ probability, correlation }: Chance): boolean {
    if (probability === 0) return false;
    const fresh = this.word();
    this.#last = correlation === 0 ? fresh : Math.floor(fresh * (1 - correlation) + this.#last * correlation);
    return this.#last < Math.round(probability * RANGE);
  }
}

export interface TwinCounts {
  lost: number;
  duplicated: number;
  corrupted: number;
  reordered: number;
  delayed: number;
  overLimit: number;
}

export class ImpairTwin {
  row: ImpairmentRow;
  waiting: Waiting[] = [];
  readonly counts: TwinCounts = { lost: 0, duplicated: 0, corrupted: 0, reordered: 0, delayed: 0, overLimit: 0 };
  readonly #generators: Generator[];
  #order = 0;
  #sinceReorder = 0;
  #isBad = false;
  #latest = 0;

  constructor(row: ImpairmentRow) {
    this.row = row;
    this.#generators = Array.from({ length: 7 }, (_, part) => new Generator(row.seed + part * 0x3c6ef372));
  }

  /** @param now milliseconds. @returns what goes on at once: the packet first, then what arose from it. */
  send(now: number, bytes: Uint8Array): Uint8Array[] {
    const [loss, duplicate] = this.#generators;
    let copies = 1;
    if (duplicate.happens(this.row.duplicate)) copies++;
    if (this.#loses(loss)) copies--;
    if (copies === 0) {
      this.counts.lost++;
      return [];
    }
    let copy: Uint8Array | null = null;
    if (copies === 2) {
      this.counts.duplicated++;
      copy = bytes.slice();
    }
    const own = this.#corrupt(bytes);
    if (this.#isFull()) {
      this.counts.overLimit += copies;
      return [];
    }
    const copyOut = copy === null ? [] : this.#sendCopy(now, copy);
    return [...this.#delay(now, own), ...copyOut];
  }

  /** What is due by now. */
  release(now: number): Uint8Array[] {
    const due = this.waiting.filter((w) => w.due <= now * 1000);
    this.waiting = this.waiting.filter((w) => w.due > now * 1000);
    return due.sort((a, b) => a.due - b.due || a.order - b.order).map((w) => w.bytes);
  }

  #sendCopy(now: number, bytes: Uint8Array): Uint8Array[] {
    if (this.#loses(this.#generators[0])) {
      this.counts.lost++;
      return [];
    }
    const own = this.#corrupt(bytes);
    if (this.#isFull()) {
      this.counts.overLimit++;
      return [];
    }
    return this.#delay(now, own);
  }

  #loses(loss: Generator): boolean {
    const atRandom = loss.happens(this.row.loss);
    const { gemodel } = this.row;
    if (gemodel === null) return atRandom;
    const draw = () => this.#generators[5].word() / RANGE;
    const wasBad = this.#isBad;
    if (draw() < (wasBad ? gemodel.r : gemodel.p)) this.#isBad = !wasBad;
    const byModel = draw() < (wasBad ? gemodel.lossInBad : gemodel.lossInGood);
    return atRandom || byModel;
  }

  #corrupt(bytes: Uint8Array): Uint8Array {
    if (!this.#generators[2].happens(this.row.corrupt)) return bytes;
    const ihl = (bytes[VNET] & 15) * 4;
    const length = bytes.length - VNET;
    if (length === ihl) return bytes;
    this.counts.corrupted++;
    const changed = bytes.slice();
    if ((bytes[0] & 1) === 1) {
      const start = VNET + bytes[6] + bytes[7] * 256;
      const field = start + bytes[8] + bytes[9] * 256;
      let sum = 0;
      for (let i = start; i < bytes.length; i += 2) sum += bytes[i] * 256 + (bytes[i + 1] ?? 0);
      while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
      let check = 0xffff - sum;
      if (check === 0 && bytes[8] === 6) check = 0xffff;
      changed[field] = check >> 8;
      changed[field + 1] = check & 255;
    }
    changed.fill(0, 0, VNET);
    const byte = ihl + this.#generators[6].below(length - ihl);
    changed[VNET + byte] ^= 1 << this.#generators[6].below(8);
    return changed;
  }

  #holds(): boolean {
    return this.row.delay + this.row.jitter + this.row.rate > 0;
  }

  #isFull(): boolean {
    return this.#holds() && this.waiting.length >= this.row.limit;
  }

  #delay(now: number, bytes: Uint8Array): Uint8Array[] {
    const { reorder, gap, delay, rate } = this.row;
    if (!this.#holds()) return [bytes];
    if (reorder.probability > 0) {
      if (this.#sinceReorder >= gap - 1 && this.#generators[3].happens(reorder)) {
        this.#sinceReorder = 0;
        this.counts.reordered++;
        return [bytes];
      }
      this.#sinceReorder++;
    }
    const us = now * 1000;
    let due = us + delay + this.#jitter();
    // Behind the last one that waits, if that one is later; then the time on the wire.
    if (rate > 0) due = Math.max(due, this.#latest > us ? this.#latest : due) + ((bytes.length - VNET) * 8e6) / rate;
    this.#latest = Math.max(this.#latest, due);
    if (due <= us) return [bytes];
    this.counts.delayed++;
    this.waiting.push({ due, order: this.#order++, bytes });
    return [];
  }

  #jitter(): number {
    const { jitter, distribution } = this.row;
    if (jitter === 0) return 0;
    if (distribution === 0) return (this.#generators[4].word() / RANGE - 0.5) * 2 * jitter;
    let sum = 0;
    for (let i = 0; i < 6; i++) {
      const word = this.#generators[4].word();
      sum += Math.floor(word / 65536) + (word % 65536);
    }
    return ((sum - 6 * 65535) / 65536) * jitter;
  }
}
