import { Decision } from "../plane/decision.ts";
import type { DecisionData } from "./planeMessages.ts";

/** A decision's columns, in the order that {@link unpackDecision} reads them. */
function columns(d: Decision): Int32Array[] {
  return [
    d.node,
    d.stage,
    d.action,
    d.ruleKind,
    d.rule,
    d.reason,
    d.a,
    d.b,
    d.c,
    d.d,
    d.e,
    d.f,
    d.g,
    d.h,
    d.source,
    d.left,
  ];
}

/** Copies a decision into a form that crosses threads; the record itself is reused. */
export function packDecision(d: Decision): DecisionData {
  return {
    count: d.count,
    columns: columns(d).map((c) => c.slice(0, d.count)),
    outcome: Int32Array.of(d.verdict, d.outcomeReason, d.receiver, d.protocol, d.src, d.sport, d.dst, d.dport),
  };
}

export function unpackDecision(data: DecisionData): Decision {
  const d = new Decision();
  d.count = data.count;
  columns(d).forEach((column, i) => {
    column.set(data.columns[i]);
  });
  [d.verdict, d.outcomeReason, d.receiver, d.protocol, d.src, d.sport, d.dst, d.dport] = data.outcome;
  return d;
}
