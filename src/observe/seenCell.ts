import * as D from "../plane/decision.ts";
import { NEXT_ENI } from "../plane/tables.ts";
import { formatAddress } from "../plane/wire/address.ts";
import { type AskedFlow, type Explanation, explain, type NameSource } from "./explain.ts";

/** What became of a packet. */
export interface SeenOutcome {
  verdict: Explanation["verdict"];
  reason: string | null;
  /** One sentence about the reason. */
  text: string | null;
  /** Where it died; null: it did not. */
  diedAt: { at: string; stage: string } | null;
}

/** One answer to "who does the other side see?", with all its facts. */
export interface SeenAnswer extends SeenOutcome {
  /** The address and port that were asked. */
  asked: { address: string; port: number };
  /** The ENI that it left its node by, or would have: `node-1/eth1`; null: it did not leave. */
  eni: string | null;
  /** What the receiver sees; null: it sees nothing. */
  seen: {
    by: string;
    address: string;
    port: number;
    /** Who has that address: `node/node-1`; null: nobody with a name. */
    name: string | null;
  } | null;
  /** Translations of the source on the way, by the rules that made them. */
  translations: { by: string; at: string; from: string; to: string }[];
  /** What becomes of the receiver's answer; null: there is none, as nothing arrived. */
  answer: (SeenOutcome & { comesBack: boolean }) | null;
}

/** How many steps are about the packet itself: an ICMP error that it caused adds others. */
function ownSteps(d: D.Decision): number {
  for (let i = 0; i < d.count; i++) {
    const action = d.action[i];
    if (action === D.ACT_DELIVER || action === D.ACT_DROP || action === D.ACT_REJECT) return i + 1;
  }
  return d.count;
}

function outcome(e: Explanation, own: number): SeenOutcome {
  const last = e.steps[own - 1];
  const died = e.reason === null || last === undefined ? null : { at: last.at, stage: last.stage };
  return { verdict: e.verdict, reason: e.reason, text: e.text, diedAt: died };
}

/** The ENI that the packet left its first node by; where the VPC did not let it out, the one that the node chose. */
function firstEni(d: D.Decision, own: number, names: NameSource): string | null {
  let chosen: string | null = null;
  for (let i = 0; i < own; i++) {
    if (d.stage[i] === D.STAGE_ENI_OUT && d.ruleKind[i] === D.RULE_ENI) return names.eni(d.rule[i]);
    if (d.stage[i] === D.STAGE_ROUTE && d.action[i] === D.ACT_ROUTE)
      chosen = d.e[i] === NEXT_ENI ? names.eni(d.d[i]) : null;
  }
  return chosen;
}

/** Address and port as text; the port is left out where both ends of a translation have the same. */
function translation(d: D.Decision, i: number, e: Explanation): SeenAnswer["translations"][number] {
  const ports = d.b[i] !== d.d[i];
  const show = (address: number, port: number) => `${formatAddress(address)}${ports ? `:${port}` : ""}`;
  const { at, rule } = e.steps[i];
  return { by: rule ?? e.steps[i].stage, at, from: show(d.a[i], d.b[i]), to: show(d.c[i], d.d[i]) };
}

/** The numbers of the answer to a packet, turned around. */
function answeredFlow(d: D.Decision): AskedFlow {
  return {
    protocol: d.protocol,
    source: { address: d.dst, port: d.dport, name: null },
    destination: { address: d.src, port: d.sport, name: null },
  };
}

/**
 * What a packet looks like to its receiver, and whether the answer comes back.
 *
 * @param asker device that asked.
 * @param answer decision about the answer; null: nothing arrived, or nobody asked about it.
 */
export function seenAnswer(
  forward: D.Decision,
  answer: D.Decision | null,
  asker: number,
  asked: AskedFlow,
  names: NameSource,
): SeenAnswer {
  const e = explain(forward, asked, names);
  const own = ownSteps(forward);
  const translations: SeenAnswer["translations"] = [];
  for (let i = 0; i < own; i++) if (forward.action[i] === D.ACT_SNAT) translations.push(translation(forward, i, e));
  const back = answer === null ? null : explain(answer, answeredFlow(forward), names);
  return {
    asked: { address: formatAddress(asked.destination.address), port: asked.destination.port },
    ...outcome(e, own),
    eni: firstEni(forward, own, names),
    seen: e.seen === null ? null : { by: e.seen.by, ...e.seen.source, name: names.byAddress(forward.src) },
    translations,
    answer:
      answer === null || back === null
        ? null
        : { ...outcome(back, ownSteps(answer)), comesBack: comesBack(answer, asker, asked) },
  };
}

/** Whether an answer reaches the socket that asked: at its device, from whom it asked, to the port it asked from. */
function comesBack(d: D.Decision, asker: number, asked: AskedFlow): boolean {
  const { source, destination } = asked;
  return (
    d.receiver === asker &&
    d.src === destination.address &&
    d.sport === destination.port &&
    d.dst === source.address &&
    d.dport === source.port
  );
}
