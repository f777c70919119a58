import { type ExplainedDecision, type PacketEvent, UNKNOWN_PROTOCOL } from "./packetEvent.ts";
import { endText, shortNames } from "./shortName.ts";
import { inVerdictColour, type TraceStyle, WIDE } from "./traceStyle.ts";

// Where RFC 3339 has the time of day, to milliseconds and to microseconds.
const TIME = 11;
const MILLISECONDS_END = 23;
const MICROSECONDS_END = 26;
/** Where a line is too long, nodes go without their kind. */
const NODE = /(^|\s)node\//g;
/** Digits of a packet's number that stand under each other. */
const ID_DIGITS = 6;

/**
 * One packet in one line: when, who to whom, what the addresses became, what it was, what became of it.
 *
 * ```text
 * 13:23:40.501 pod/client:40000 -> svc/api:80 => pod/api-1:8080 tcp S DELIVERED
 * 13:23:40.502 pod/api-1:8080 (as svc/api:80) -> pod/client:40000 tcp S. DELIVERED
 * 13:23:41.007 pod/client:40001 -> pod/db-1:5432 tcp S DROPPED POLICY_DENY_INGRESS
 * ```
 */
export function traceLine(event: PacketEvent, style: TraceStyle): string {
  const wide = style.width >= WIDE;
  const time = event.time.slice(TIME, wide ? MICROSECONDS_END : MILLISECONDS_END);
  const head = wide ? `${time} #${String(event.id).padEnd(ID_DIGITS)} ${event.flowId} ` : `${time} `;
  const outcome = outcomeWord(event, wide);
  const full = [...tupleWords(event), packetWord(event, wide), outcome];
  const fits = head.length + full.join(" ").length <= style.width;
  const words = fits || !style.wrap ? full : full.map((word) => word.replace(NODE, "$1"));
  const lines = style.wrap ? broken(words, style.width, head.length) : [words.join(" ")];
  const coloured = lines.join(`\n${" ".repeat(head.length)}`);
  const at = coloured.length - outcome.length;
  return head + coloured.slice(0, at) + inVerdictColour(outcome, event.verdict, style);
}

/** Who to whom, with what each end was translated to: in words between which a line may be broken. */
export function tupleWords({ at, flow, translated }: ExplainedDecision): string[] {
  const { source, destination } = flow;
  const isChanged = (a: { address: string; port: number }, b: { address: string; port: number }): boolean =>
    a.address !== b.address || (a.port !== 0 && a.port !== b.port);
  const words = [endText(source)];
  // Whose packet it is, where its source does not say so: a spoofed address, an appliance that sends on, a router.
  if (source.name !== at && at !== "" && !at.startsWith("node/")) words.unshift(`${shortNames(at)}:`);
  if (translated !== null && isChanged(source, translated.source)) words.push(`(as ${endText(translated.source)})`);
  words.push(`-> ${endText(destination)}`);
  if (translated !== null && isChanged(destination, translated.destination))
    words.push(`=> ${endText(translated.destination)}`);
  return words;
}

/** `tcp S`, `icmp echo request`, `udp frag 1480`. */
function packetWord({ flow, info, length }: PacketEvent, wide: boolean): string {
  const protocol = flow.protocol === UNKNOWN_PROTOCOL ? [] : [flow.protocol];
  const what = [...protocol, ...(info === "" ? [] : [info])].join(" ");
  return wide ? `${what} ${length} bytes` : what;
}

/** The verdict, with its reason; where there is room, also where and by whom. */
function outcomeWord({ verdict, reason, steps }: ExplainedDecision, wide: boolean): string {
  if (reason === null) return verdict;
  const last = steps.find((step) => step.reason === reason);
  const by = last?.rule == null ? "" : ` by ${shortNames(last.rule)}`;
  return wide && last !== undefined ? `${verdict} ${reason} at ${last.at}${by}` : `${verdict} ${reason}`;
}

/** Words in lines that fit behind an indent; a word alone may be longer. */
export function broken(words: readonly string[], width: number, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    if (line !== "" && indent + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
