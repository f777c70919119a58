import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { createRing, RECORD_HEADER, RingReader, RingWriter } from "../../../src/lab/observation/ring.ts";
import { Dice } from "../plane/dice.ts";

const SIZE = 4096;
const KIND = 7;

/** Writes a record whose words follow from its number; false: no room. */
function write(writer: RingWriter, number: number, words: number): boolean {
  const at = writer.reserve(RECORD_HEADER + 4 * words, KIND);
  if (at < 0) return false;
  for (let i = 0; i < words; i++) writer.words[(at >> 2) + 2 + i] = number * 31 + i;
  return true;
}

/** Numbers of the records that are there, as far as their words are right. */
function read(reader: RingReader): number[] {
  const found: number[] = [];
  reader.look();
  for (let at = reader.next(); at >= 0; at = reader.next()) {
    const bytes = reader.words[at >> 2];
    const number = reader.words[(at >> 2) + 2] / 31;
    for (let i = 0; i < (bytes - RECORD_HEADER) / 4 - 1; i++)
      if (reader.words[(at >> 2) + 2 + i] !== number * 31 + i) throw new Error(`record ${number}, word ${i}`);
    found.push(number);
  }
  return found;
}

describe("the ring", () => {
  it("gives out what was committed and published, in order, whatever the sizes; a reader may look twice", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const dice = new Dice(seed);
      const memory = createRing(SIZE);
      const [writer, reader] = [new RingWriter(memory), new RingReader(memory)];
      const twin: { committed: number[]; tentative: number[]; published: number[] } = {
        committed: [],
        tentative: [],
        published: [],
      };
      let number = 1;
      const takeBack = (): void => {
        writer.rewind();
        twin.tentative = [];
      };
      for (let step = 0; step < 2000; step++) {
        const what = dice.int(10);
        if (what < 5) {
          // An odd number of words leaves a gap at the record's end.
          const words = 1 + dice.int(dice.chance(0.05) ? 700 : 40);
          if (write(writer, number, words)) twin.tentative.push(number++);
          else takeBack();
        } else if (what === 5) takeBack();
        else if (what < 8) {
          writer.commit();
          twin.committed.push(...twin.tentative);
          twin.tentative = [];
        } else if (what === 8) {
          writer.publish();
          twin.published.push(...twin.committed);
          twin.committed = [];
        } else {
          const from = reader.position;
          const got = read(reader);
          if (dice.chance(0.3)) {
            reader.backTo(from);
            expect(read(reader)).toEqual(got);
          }
          reader.release();
          expect(got, `seed ${seed}, step ${step}`).toEqual(twin.published);
          twin.published = [];
        }
      }
    }
  });

  it("has room for all of its bytes but what a record would have to wrap for", () => {
    const writer = new RingWriter(createRing(SIZE));
    let bytes = 0;
    while (write(writer, 1, 30)) bytes += 128;
    expect(bytes).toBe(SIZE);
    expect(writer.hasRoom(8, 8)).toBe(false);
    writer.rewind();
    expect(writer.hasRoom(SIZE - 128, 128)).toBe(true);
    expect(writer.hasRoom(SIZE, 128)).toBe(false);
  });

  it("loses nothing between two threads that run at once, and blocks neither", async () => {
    const memory = createRing(SIZE);
    const worker = readingThread(memory);
    const done = new Promise<{ count: number; sum: number }>((resolve, reject) => {
      worker.on("message", resolve);
      worker.on("error", reject);
    });
    const writer = new RingWriter(memory);
    const dice = new Dice(1);
    const RECORDS = 30_000;
    let sum = 0;
    for (let number = 1; number <= RECORDS; ) {
      if (write(writer, number, 1 + dice.int(60))) {
        sum = (sum + number) | 0;
        number++;
        writer.commit();
        if (dice.chance(0.2)) writer.publish();
      } else {
        writer.rewind();
        writer.publish();
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    while (!write(writer, -1, 1)) await new Promise((resolve) => setImmediate(resolve));
    writer.commit();
    writer.publish();
    expect(await done).toEqual({ count: RECORDS, sum });
    await worker.terminate();
  });
});

/** A thread that reads records until one has the number -1, and checks their words and their order. */
function readingThread(memory: SharedArrayBuffer): Worker {
  const file = new URL("../../../src/lab/observation/ring.ts", import.meta.url);
  const { outputText } = ts.transpileModule(readFileSync(file, "utf8"), {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  const module = `data:text/javascript;base64,${Buffer.from(outputText).toString("base64")}`;
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    import(${JSON.stringify(module)}).then(({ RingReader }) => {
      const reader = new RingReader(workerData);
      let count = 0, sum = 0;
      for (;;) {
        if (reader.look() === 0) { reader.waitForAny(1000); continue; }
        for (let at = reader.next(); at >= 0; at = reader.next()) {
          const bytes = reader.words[at >> 2];
          const number = reader.words[(at >> 2) + 2] / 31;
          if (number === -1) { parentPort.postMessage({ count, sum }); return; }
          if (number !== ++count) throw new Error("record " + number + " after " + (count - 1));
          for (let i = 0; i < (bytes - 8) / 4 - 1; i++)
            if (reader.words[(at >> 2) + 2 + i] !== number * 31 + i) throw new Error("record " + number);
          sum = (sum + number) | 0;
        }
        reader.release();
        reader.waitForMany(1);
      }
    });`;
  return new Worker(code, { eval: true, workerData: memory });
}
