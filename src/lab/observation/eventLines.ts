import type { ExplainedDecision } from "../../observe/trace/packetEvent.ts";
import { formatFlowId, formatTime } from "../../observe/trace/packetEvent.ts";
import { packetFacts } from "../../observe/trace/packetFacts.ts";
import type { ObservedPacket } from "./observedPacket.ts";

/** What of an event its decision fixes, as JSON without the brace that it begins with: made once, used for every packet. */
export function decisionJson({ at: _at, ...decision }: ExplainedDecision): string {
  return JSON.stringify(decision).slice(1);
}

/**
 * A packet's event as JSON in one line, without its end: what JSON.stringify makes of liveEvent() (observe/trace).
 *
 * @param origin nanoseconds since 1970 when the recorded times were 0
 */
export function eventJson(packet: ObservedPacket, origin: bigint): string {
  const { text } = packet;
  const read = packet.sightings[0];
  const facts = packetFacts(read.bytes, read.offset, read.kept);
  const own = {
    time: formatTime(origin + BigInt(Math.round(read.time))),
    id: packet.id,
    flowId: formatFlowId(packet.flow),
    at: text?.at ?? "",
    length: facts.length,
    info: facts.info,
  };
  const json = JSON.stringify(own);
  return text === null ? json : `${json.slice(0, -1)},${text.event}`;
}
