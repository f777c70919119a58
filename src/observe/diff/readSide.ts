import type { Ends } from "../explain.ts";
import type { DiffPacket, DiffSide, DiffStep } from "./diffPacket.ts";

/** A file that is neither a trace nor a `why`. The message says what was expected and what to do. */
export class DiffError extends Error {
  override readonly name = "DiffError";
}

/** What a replay does with packets that it does not send. */
const NOT_WALKED: ReadonlySet<string> = new Set(["compared", "left out"]);

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads one side of a comparison: a trace (JSON lines of `trace -o json`, `replay -o json` or a capture's sidecar), or the
 * answer of `why -o json`. Lines of a trace that are no packets (how many were lost, summaries) are left out.
 *
 * @throws DiffError
 */
export function readSide(name: string, text: string): DiffSide {
  const whole = json(text);
  if (whole !== null && isPacket(whole)) return { name, packets: [packetOf(whole, 1)] };
  const packets: DiffPacket[] = [];
  const lines = text.split("\n");
  for (const [i, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const value = json(line);
    // The last line of a trace that was cut off.
    if (value === null && packets.length > 0 && i === lines.length - 1) continue;
    if (value === null) throw new DiffError(`${name}:${i + 1}: no JSON; ${EXPECTED}`);
    if (isPacket(value)) packets.push(packetOf(value, packets.length + 1));
  }
  if (packets.length === 0) throw new DiffError(`${name}: no packets in it; ${EXPECTED}`);
  return { name, packets };
}

const EXPECTED =
  "expected a trace (podplane trace -o json, podplane replay -o json, a capture's .jsonl) or podplane why -o json; two labs and a capture are compared by podplane replay FILE --lab OLD --vs NEW";

function json(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What `why` and a trace have in common. */
function isPacket(value: Fields): boolean {
  return isFields(value.flow) && Array.isArray(value.steps) && typeof value.verdict === "string";
}

/** The packet of an explanation or an event. @param number where it has none of its own */
export function packetOf(value: Fields, number: number): DiffPacket {
  return {
    id: typeof value.id === "number" ? value.id : number,
    time: textOf(value.time),
    at: textOf(value.at),
    flow: flowOf(value.flow),
    verdict: textOf(value.verdict) ?? "",
    reason: textOf(value.reason),
    seen: seenOf(value.seen),
    steps: (Array.isArray(value.steps) ? value.steps : []).filter(isFields).map(stepOf),
    info: textOf(value.info) ?? "",
    against: againstOf(value.replay),
    walked: !isFields(value.replay) || !NOT_WALKED.has(textOf(value.replay.action) ?? ""),
  };
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function endOf(value: unknown): { name: string | null; address: string; port: number } {
  const { name, address, port } = isFields(value) ? value : {};
  return { name: textOf(name), address: textOf(address) ?? "", port: typeof port === "number" ? port : 0 };
}

function flowOf(value: unknown): DiffPacket["flow"] {
  const { protocol, source, destination } = isFields(value) ? value : {};
  return { protocol: textOf(protocol) ?? "", source: endOf(source), destination: endOf(destination) };
}

function endsOf(value: unknown): Ends | null {
  if (!isFields(value)) return null;
  const { name: _, ...source } = endOf(value.source);
  const { name: __, ...destination } = endOf(value.destination);
  return { source, destination };
}

function seenOf(value: unknown): DiffPacket["seen"] {
  const ends = endsOf(value);
  return ends === null || !isFields(value) ? null : { by: textOf(value.by) ?? "", ...ends };
}

function stepOf(step: Fields): DiffStep {
  return {
    at: textOf(step.at) ?? "",
    stage: textOf(step.stage) ?? "",
    action: textOf(step.action) ?? "",
    rule: textOf(step.rule),
    detail: textOf(step.detail) ?? "",
    reason: textOf(step.reason),
    before: endsOf(step.before),
    after: endsOf(step.after),
  };
}

/** What a replay says of the packet against its capture. */
function againstOf(replay: unknown): string | null {
  if (!isFields(replay)) return null;
  const comparisons = Array.isArray(replay.comparisons) ? replay.comparisons.filter(isFields) : [];
  const texts = comparisons.map((c) => {
    const differences = Array.isArray(c.differences) ? c.differences.filter(isFields) : [];
    const fields = differences.map((d) => `${textOf(d.field)} ${textOf(d.replayed)}`);
    return c.equal === true ? "as captured" : `not as captured: ${fields.join(", ")}`;
  });
  return texts.join("; ");
}
