import * as D from "../plane/decision.ts";
import { PROTO_ICMP } from "../plane/packet.ts";
import { reasonRow } from "../plane/reasons.ts";
import { formatAddress } from "../plane/wire/address.ts";
import { adviceFor } from "./adviceFor.ts";
import { decidedBy } from "./explainDecided.ts";
import { type AskedFlow, EndsTracker, type FlowEnd, protocolName } from "./explainEnds.ts";
import { refusalOf } from "./explainRefusal.ts";
import { explainStep } from "./explainStep.ts";
import type { ExplainedStep, Explanation, NameSource, NearMisses } from "./explanation.ts";

export type { AskedFlow, Ends, FlowEnd } from "./explainEnds.ts";
export { protocolName } from "./explainEnds.ts";
export { stageName } from "./explainStep.ts";
export type {
  Change,
  ExplainedStep,
  Explanation,
  NameSource,
  NearMisses,
  WhyAnswer,
} from "./explanation.ts";

/**
 * Explains a finished decision in names.
 *
 * @param near finds what almost let a refused packet pass; without it nobody looks
 */
export function explain(d: D.Decision, asked: AskedFlow, names: NameSource, near?: NearMisses): Explanation {
  const refusal = refusalOf(d, asked);
  const delivered = d.verdict === D.VERDICT_DELIVERED;
  const why = d.verdict === D.VERDICT_DROPPED ? reasonRow(d.outcomeReason) : null;
  const end = (e: AskedFlow["source"]): FlowEnd => ({
    name: e.name ?? names.byAddress(e.address),
    address: formatAddress(e.address),
    port: e.port,
  });
  // An ICMP query has an identifier and a type where others have ports.
  const port = (n: number): number => (d.protocol === PROTO_ICMP ? 0 : n);
  const change = refusal === null ? null : adviceFor(refusal, names);
  return {
    verdict: delivered ? "DELIVERED" : (why?.verdict ?? "QUEUED"),
    reason: why?.code ?? null,
    text: why?.text ?? null,
    flow: { protocol: protocolName(asked.protocol), source: end(asked.source), destination: end(asked.destination) },
    seen: delivered
      ? {
          by: names.device(d.receiver),
          source: { address: formatAddress(d.src), port: port(d.sport) },
          destination: { address: formatAddress(d.dst), port: port(d.dport) },
        }
      : null,
    path: pathOf(d, names),
    steps: stepsOf(d, asked, names),
    decidedBy: decidedBy(d, change, names),
    change,
    nearMiss: refusal === null ? null : (near?.find(refusal) ?? null),
  };
}

function stepsOf(d: D.Decision, asked: AskedFlow, names: NameSource): ExplainedStep[] {
  const ends = new EndsTracker(asked);
  const steps: ExplainedStep[] = [];
  for (let i = 0; i < d.count; i++) {
    const before = ends.step(d, i);
    steps.push(explainStep(d, i, before, ends.now, names));
  }
  return steps;
}

/** The devices and ENIs that the packet itself passed: an answer that it caused takes a way of its own. */
function pathOf(d: D.Decision, names: NameSource): string[] {
  const path: string[] = [];
  for (let i = 0; i < d.count; i++) {
    const [stage, action] = [d.stage[i], d.action[i]];
    if (action === D.ACT_DROP || action === D.ACT_REJECT) break;
    if (stage === D.STAGE_DEVICE_IN || stage === D.STAGE_DEVICE_OUT) {
      if (action === D.ACT_ACCEPT || action === D.ACT_DELIVER) path.push(names.device(d.rule[i]));
    } else if ((stage === D.STAGE_ENI_OUT || stage === D.STAGE_ENI_IN) && d.ruleKind[i] === D.RULE_ENI)
      path.push(names.eni(d.rule[i]));
    if (action === D.ACT_DELIVER) break;
  }
  return path;
}
