import type { ExplainedStep, Explanation } from "../explain.ts";
import type { ExplainedDecision } from "./packetEvent.ts";
import { addressText, endText, shortNames } from "./shortName.ts";

/** Longest comment, characters: what is behind is cut. */
const MAX_LENGTH = 300;
/** Characters that are no printable ASCII. */
const NOT_ASCII = /[^ -~]/g;

/** Stages at which somebody allows a packet or does not. */
const DECIDING: ReadonlySet<string> = new Set(["policy", "security-group", "network-acl"]);

/**
 * A decision in one line of ASCII, for a packet's comment in a capture: what became of it, who asked whom, what it was
 * translated to, its way, and who allowed or denied it.
 *
 * `DELIVERED to pod/api-1: pod/client:40000 -> svc/api:80, DNAT to pod/api-1:8080 (10.0.2.16:8080), via node-1/eth0 > node-2/eth0`
 */
export function decisionComment(e: Explanation & Partial<Pick<ExplainedDecision, "translated">>): string {
  const parts = [ends(e), ...translations(e)];
  const way = wayOf(e.steps);
  if (way.length > 0) parts.push(`via ${way.join(" > ")}`);
  const failed = e.steps.find((step) => step.reason !== null && step.reason === e.reason);
  if (failed === undefined) parts.push(...deciders(e.steps), ...(e.text === null ? [] : [e.text]));
  else parts.push(DECIDING.has(failed.stage) ? failed.detail : (e.text ?? failed.detail));
  const head = e.reason === null ? e.verdict : `${e.verdict} ${e.reason}`;
  const where = failed === undefined ? "" : ` at ${failed.at}`;
  const to = e.seen === null ? where : ` to ${e.seen.by}`;
  const text = shortNames(`${head}${to}: ${parts.join(", ")}`).replace(NOT_ASCII, "?");
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH - 3)}...`;
}

function ends({ flow }: Explanation): string {
  return `${flow.protocol} ${endText(flow.source)} -> ${endText(flow.destination)}`;
}

/** What addresses and ports became. */
function translations(e: Parameters<typeof decisionComment>[0]): string[] {
  const parts: string[] = [];
  const { source, destination } = e.flow;
  const seen =
    e.translated ??
    (e.seen === null ? null : { source: nameless(e.seen.source), destination: nameless(e.seen.destination) });
  if (seen === null) return parts;
  const both = (end: typeof source): string =>
    end.name === null ? addressText(end) : `${endText(end)} (${addressText(end)})`;
  if (addressText(seen.destination) !== addressText(destination)) parts.push(`DNAT to ${both(seen.destination)}`);
  if (addressText(seen.source) !== addressText(source)) parts.push(`SNAT to ${both(seen.source)}`);
  return parts;
}

function nameless(end: { address: string; port: number }): Explanation["flow"]["source"] {
  return { name: null, ...end };
}

/** The ENIs and gateways that a packet passed. */
function wayOf(steps: readonly ExplainedStep[]): string[] {
  const way: string[] = [];
  for (const { stage, rule, reason } of steps) {
    if (reason !== null) break;
    if (rule !== null && (stage === "eni-out" || stage === "eni-in" || stage === "gateway") && way.at(-1) !== rule)
      way.push(rule);
  }
  return way;
}

/** Who allowed a packet: policies, security groups. */
function deciders(steps: readonly ExplainedStep[]): string[] {
  const rules = steps.flatMap((s) => (DECIDING.has(s.stage) && s.rule !== null ? [`${s.stage} ${s.rule}`] : []));
  return rules.length === 0 ? [] : [`allowed by ${[...new Set(rules)].join(", ")}`];
}
