import { mkdtempSync, rmSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ControlServer, type Handlers, type StreamHandlers } from "../../../src/lab/controlServer.ts";
import { FrameReader } from "../../../src/lab/controlStream.ts";
import type { ObservationSummary, PacketQuestion } from "../../../src/lab/controlStreams.ts";
import { STATE_VARIABLE, socketPath } from "../../../src/lab/stateDirectory.ts";
import { openStream } from "../../../src/lab/streamClient.ts";

const QUESTION: PacketQuestion = {
  expression: null,
  pods: [],
  services: [],
  nodes: [],
  verdicts: [],
  reasons: [],
  flow: null,
  sample: 1,
};
const SUMMARY: ObservationSummary = { seen: 7, matched: 0, sampledOut: 0, lost: 0, devices: [], drops: [] };

let state: string;
let server: ControlServer;

async function serve(trace: StreamHandlers["trace"]): Promise<void> {
  server = await ControlServer.listen(socketPath("test"), {} as Handlers, trace === undefined ? {} : { trace });
}

beforeEach(() => {
  state = mkdtempSync("/tmp/podplane-unit-");
  process.env[STATE_VARIABLE] = state;
});
afterEach(async () => {
  await server.close();
  delete process.env[STATE_VARIABLE];
  rmSync(state, { recursive: true, force: true });
});

describe("a stream", () => {
  it("brings messages until the command ends it, then what is left and the summary", async () => {
    await serve(async (question, out) => {
      out.message({ lost: question.sample });
      await out.ended;
      out.message({ lost: 2 });
      return SUMMARY;
    });
    const messages: unknown[] = [];
    const stream = openStream("test", "trace", QUESTION, {
      onMessage: (message) => {
        messages.push(message);
        if (messages.length === 1) stream.end();
      },
    });
    expect(await stream.summary).toEqual(SUMMARY);
    expect(messages).toEqual([{ lost: 1 }, { lost: 2 }]);
  });

  it("brings bytes, however they are cut on the way, and is slow where its reader is", async () => {
    const size = 9 << 20;
    let waited = false;
    await serve(async (_, out) => {
      waited = !out.bytes(new Uint8Array(size).fill(7));
      await out.drained();
      return SUMMARY;
    });
    let bytes = 0;
    const stream = openStream("test", "trace", QUESTION, {
      onBytes: async (chunk) => {
        bytes += chunk.filter((b) => b === 7).length;
      },
    });
    await stream.summary;
    expect(bytes).toBe(size);
    expect(waited).toBe(true);
  });

  it("that the lab refuses, does not know or cannot go on with is an error", async () => {
    await serve(() => Promise.reject(new Error("there is no pod/web")));
    await expect(openStream("test", "trace", QUESTION, {}).summary).rejects.toThrow("there is no pod/web");
    const unknown = openStream("test", "conntrackEvents", null, {});
    await expect(unknown.summary).rejects.toThrow('unknown request "conntrackEvents"');
    await server.close();
    await expect(openStream("test", "trace", QUESTION, {}).summary).rejects.toThrow("lab test is not running");
  });

  it("is told when the command is gone", async () => {
    let gone = () => {};
    const told = new Promise<void>((resolve) => {
      gone = resolve;
    });
    await serve(async (_, out) => {
      out.message({ lost: 0 });
      await out.ended;
      gone();
      return SUMMARY;
    });
    const stream = openStream("test", "trace", QUESTION, {
      onMessage: () => {
        throw new Error("the command fails");
      },
    });
    await expect(stream.summary).rejects.toThrow("the command fails");
    await told;
  });
});

describe("frames", () => {
  it("are refused where they are longer than any of ours", () => {
    expect(() => new FrameReader().push(Buffer.from([1, 255, 255, 255, 255]))).toThrow(RangeError);
  });
});
