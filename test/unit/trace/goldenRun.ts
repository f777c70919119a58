import type { PacketEvent } from "../../../src/observe/trace/packetEvent.ts";
import { traceLine } from "../../../src/observe/trace/traceLine.ts";
import { traceStages } from "../../../src/observe/trace/traceStages.ts";
import type { GoldenDocument } from "./goldenDocument.ts";
import { GoldenLab, type Written } from "./goldenLab.ts";
import { answerOf, type Packet, packetOf, rawOf } from "./goldenPackets.ts";
import { type Line, parsePackets } from "./packetNotation.ts";

/** What a document's packets led to. */
export interface GoldenRun {
  /** One line a packet; the last one's stages. */
  readonly text: string;
  readonly last: PacketEvent;
  /** Reasons for which packets were dropped, whether an event tells so or not. */
  readonly reasons: ReadonlySet<string>;
}

const STYLE = { width: 80, wrap: true, colour: false } as const;

export function run(file: string, document: GoldenDocument): GoldenRun {
  const lab = new GoldenLab(file, document);
  const shown: string[] = [];
  const reasons = new Set<string>();
  let before = lab.drops();
  let last: PacketEvent | null = null;
  let lastOut: Written | null = null;
  let stagesAt = 0;
  /** Notes drops that no event tells: by time alone, or when what came out was written. */
  const noteDrops = (said: string | null): void => {
    const now = lab.drops();
    const news = [...now].flatMap(([code, count]) => {
      const more = count - (before.get(code) ?? 0);
      if (more > 0) reasons.add(code);
      const silent = more - (code === said ? 1 : 0);
      return silent > 0 ? [`${silent} ${code}`] : [];
    });
    before = now;
    if (news.length > 0) shown.push(`             ... dropped besides: ${news.join(", ")}`);
  };
  const go = ({ device, bytes }: Packet, writes: "yes" | "fails" | "no"): (() => PacketEvent) => {
    const { event, out } = lab.send(device, bytes, writes);
    if (out.length > 0) lastOut = out[0];
    return event;
  };
  const show = (made: () => PacketEvent, like: number): void => {
    const event = made();
    last = event;
    shown.push(`${traceLine(event, STYLE)}${like > 0 ? `\n             (the last of ${like + 1} such packets)` : ""}`);
    stagesAt = shown.length;
    noteDrops(event.reason);
  };
  for (const line of parsePackets(document.packets ?? "")) {
    if (line.is === "clock") {
      lab.advance(line.milliseconds);
      shown.push(`             ... ${line.milliseconds / 1000} s later`);
      noteDrops(null);
    } else if (line.is === "apply") lab.apply(line.what);
    else if (line.is === "rows") lab.rows(line.what);
    else if (line.is === "delete") lab.delete(line.what);
    else if (line.is === "packet") repeat(line);
    else if (line.is === "raw") show(go(rawOf(line, lab), "yes"), 0);
    else {
      if (lastOut === null) throw new Error("nobody got anything to answer");
      show(go(answerOf(line, lastOut), "yes"), 0);
    }
  }
  if (last === null) throw new Error("the document sends no packet");
  shown.splice(stagesAt, 0, traceStages(last, STYLE));
  return { text: `${shown.join("\n")}\n`, last, reasons };

  function repeat(line: Extract<Line, { is: "packet" }>): void {
    const { fields, repeat: count } = line.words;
    const writes = fields.has("unwritten") ? "no" : fields.get("write") === "fails" ? "fails" : "yes";
    const dropped = lab.dropped;
    for (let turn = 0; turn < count; turn++) {
      const event = go(packetOf(line, lab, turn), writes);
      if (turn + 1 < count && lab.dropped === dropped) continue;
      show(event, turn);
      return;
    }
  }
}
