import type { ExplainedStep } from "../explain.ts";
import { changeObject, stepText } from "../explainedText.ts";
import type { ExplainedDecision } from "./packetEvent.ts";
import { shortNames } from "./shortName.ts";
import { inVerdictColour, type TraceStyle } from "./traceStyle.ts";

const INDENT = 2;
const GAP = 2;
/** Characters of the words in front of what follows from the steps. */
const CONCLUSION = "decided by".length;
/** Characters that a step's text has at least, however narrow the terminal is. */
const MIN_TEXT = 30;

/** The stages of a packet in the order that it met them, as `why` shows them: what `trace -v` has below a packet's line. */
export function traceStages(event: ExplainedDecision, style: TraceStyle): string {
  const { steps, verdict } = event;
  const width = (of: (step: ExplainedStep) => string): number => Math.max(0, ...steps.map((s) => of(s).length));
  const [at, stage, action] = [width((s) => s.at), width((s) => s.stage), width((s) => s.action)];
  const gap = " ".repeat(GAP);
  let previous = "";
  const lines = steps.flatMap((step) => {
    const place = step.at === previous ? "" : step.at;
    previous = step.at;
    const head = [" ".repeat(INDENT) + place.padEnd(at), step.stage.padEnd(stage), step.action.padEnd(action), ""].join(
      gap,
    );
    const body = wrapped(shortNames(stepText(step)), Math.max(MIN_TEXT, style.width - head.length), INDENT);
    const paint = (line: string): string => (step.reason === null ? line : inVerdictColour(line, verdict, style));
    return body.map((line, i) => (i === 0 ? head : " ".repeat(head.length)) + paint(line));
  });
  for (const [word, said] of conclusion(event)) {
    const head = `${" ".repeat(INDENT)}${word.padEnd(CONCLUSION)}${gap}`;
    const body = wrapped(shortNames(said), Math.max(MIN_TEXT, style.width - head.length), 0);
    lines.push(...body.map((line, i) => (i === 0 ? head : " ".repeat(head.length)) + line));
  }
  return lines.map((line) => line.trimEnd()).join("\n");
}

/** What follows from the steps: the reason, what to change, what almost matched, the facts that decided. */
function conclusion({ text, reason, steps, decidedBy, change, nearMiss }: ExplainedDecision): [string, string][] {
  const said: [string, string][] = [];
  if (text !== null && !steps.some((s) => s.detail === text)) said.push(["because", text]);
  if (change !== null) said.push(["change", `${changeObject(change)}: ${change.text}`]);
  if (nearMiss !== null) said.push(["near miss", `${nearMiss.rule}: ${nearMiss.differs.join("; ")}`]);
  if (reason !== null && decidedBy.length > 0) said.push(["decided by", decidedBy.join(", ")]);
  return said;
}

/** A text in lines of a width, broken at spaces; further lines are indented by so many. */
function wrapped(text: string, width: number, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = " ".repeat(indent) + word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
