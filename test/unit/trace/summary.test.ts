import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { TraceOutput } from "../../../src/cli/traceOutput.ts";
import { summaryText } from "../../../src/cli/traceSummary.ts";
import type { ObservationSummary, PacketQuestion } from "../../../src/lab/controlStreams.ts";

const ANY: PacketQuestion = {
  expression: null,
  pods: [],
  services: [],
  nodes: [],
  verdicts: [],
  reasons: [],
  flow: null,
  sample: 1,
};
const SEEN: ObservationSummary = {
  seen: 1204,
  matched: 1204,
  sampledOut: 0,
  lost: 0,
  devices: [
    { name: "pod/default/web-2", read: 400, written: 0 },
    { name: "pod/default/web-1", read: 800, written: 0 },
    { name: "pod/shop/db", read: 4, written: 1192 },
  ],
  drops: [{ reason: "POLICY_DENY_INGRESS", count: 12 }],
};

describe("what a trace says at its end", () => {
  it("is how much was shown of how much there was", () => {
    expect(summaryText(SEEN, ANY, 1204)).toBe("1,204 shown of 1,204 packets");
    expect(summaryText({ ...SEEN, matched: 1 }, ANY, 1)).toBe("1 shown of 1 packet that matched; 1,204 were read");
  });

  it("says what was left out, and why", () => {
    const summary = { ...SEEN, sampledOut: 900, lost: 100 };
    expect(summaryText(summary, { ...ANY, sample: 4 }, 200)).toBe(
      "200 shown of 1,204 packets; not shown: 900 by sampling (one of 4), 100 lost (they came too fast), 4 after the last one shown",
    );
  });

  it("says what there was instead, where nothing matched", () => {
    const question = { ...ANY, expression: "port 81", pods: ["pod/web-1"], verdicts: ["DROPPED"] };
    expect(summaryText({ ...SEEN, matched: 0 }, question, 0)).toBe(
      [
        "no packet matched `port 81` --pod pod/web-1 --verdict DROPPED; meanwhile 1,204 packets were read:",
        "  read       800 from pod/web-1, 400 from pod/web-2, 4 from pod/shop/db",
        "  delivered  1,192 to pod/shop/db",
        "  dropped    12: 12 POLICY_DENY_INGRESS",
        "hint: leave a filter out, one after the other, to see which of them nothing passes",
      ].join("\n"),
    );
  });

  it("says that the lab is idle", () => {
    expect(summaryText({ ...SEEN, seen: 0, matched: 0, devices: [], drops: [] }, ANY, 0)).toContain("the lab is idle");
  });
});

describe("the output of a trace", () => {
  it("asks to wait while its reader is slow, with one promise for all who wait", async () => {
    const out = new PassThrough({ highWaterMark: 10 });
    const output = new TraceOutput(out, () => {});
    expect(output.line("short")).toBeUndefined();
    const wait = output.line("longer than that");
    expect(output.line("more")).toBe(wait);
    out.resume();
    await wait;
    expect(output.line("short")).toBeUndefined();
  });

  it("ends quietly when its reader has gone", async () => {
    const out = new PassThrough({ highWaterMark: 10 });
    let closed = 0;
    const output = new TraceOutput(out, () => closed++);
    const wait = output.line("longer than that");
    out.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    out.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    await wait;
    expect([closed, output.isClosed, output.line("x")]).toEqual([1, true, undefined]);
  });
});
