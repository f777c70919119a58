import { Decision } from "../../plane/decision.ts";
import { DECISION_COUNT, DECISION_OUTCOME } from "./records.ts";

/** Words of a decision's outcome. */
const OUTCOME = 8;

/** The columns of a decision, in the order of their records. */
export function decisionColumns(d: Decision): readonly Int32Array[] {
  return [d.node, d.stage, d.action, d.ruleKind, d.rule, d.reason, d.a, d.b, d.c, d.d, d.e, d.f, d.g, d.h, d.source];
}

const COLUMNS = decisionColumns(new Decision()).length;

/** Bytes of a decision's record. */
export function decisionBytes(steps: number): number {
  return (DECISION_OUTCOME + OUTCOME + COLUMNS * steps) * Int32Array.BYTES_PER_ELEMENT;
}

/** Writes a decision into a record. @param at word offset of the record */
export function writeDecision(words: Int32Array, at: number, d: Decision, columns: readonly Int32Array[]): void {
  words[at + DECISION_COUNT] = d.count;
  let to = at + DECISION_OUTCOME;
  words[to++] = d.verdict;
  words[to++] = d.outcomeReason;
  words[to++] = d.receiver;
  words[to++] = d.protocol;
  words[to++] = d.src;
  words[to++] = d.sport;
  words[to++] = d.dst;
  words[to++] = d.dport;
  for (let c = 0; c < COLUMNS; c++) {
    const column = columns[c];
    for (let i = 0; i < d.count; i++) words[to++] = column[i];
  }
}

/** The words of a decision's record from its count on: what crosses to the main thread. */
export function decisionWords(words: Int32Array, at: number): Int32Array {
  const end = at + decisionBytes(words[at + DECISION_COUNT]) / Int32Array.BYTES_PER_ELEMENT;
  return words.slice(at + DECISION_COUNT, end);
}

/** The decision of {@link decisionWords}. */
export function readDecision(words: Int32Array): Decision {
  const d = new Decision();
  d.count = words[0];
  [d.verdict, d.outcomeReason, d.receiver, d.protocol, d.src, d.sport, d.dst, d.dport] = words.subarray(1);
  let from = 1 + OUTCOME;
  for (const column of decisionColumns(d)) {
    column.set(words.subarray(from, from + d.count));
    from += d.count;
  }
  // Live packets' decisions say nothing of the time that entries had left.
  d.left.fill(-1);
  return d;
}
