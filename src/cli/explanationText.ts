import type { ExplainedStep, Explanation, FlowEnd, WhyAnswer } from "../observe/explain.ts";
import { changeObject, stepText } from "../observe/explainedText.ts";
import { bold, green, red, wrap, yellow } from "./output.ts";

/** Characters that a step's text has at least, however narrow the terminal is. */
const MIN_TEXT = 30;
const LABEL = "decided by".length + 2;
const GAP = "  ";

/** The explanation for people: the question, the steps in order, the verdict and what decided. Fits 80 columns. */
export function explanationText(e: Explanation, width: number): string {
  const ports = hasPorts(e);
  const head = `${e.flow.protocol} ${end(e.flow.source, ports)} -> ${end(e.flow.destination, ports)}`;
  return [bold(wrap(head, width, GAP)), "", ...stepLines(e.steps, width), "", ...conclusion(e, width)].join("\n");
}

/** The same with the receiver's answer, where it was asked for. @param both whether it was */
export function answerText(answer: WhyAnswer, both: boolean, width: number): string {
  const text = explanationText(answer, width);
  if (!both) return text;
  if (answer.reply === null) return `${text}\n\n${bold("The answer")}\n\n${noAnswer(answer)}`;
  const back = answer.comesBack
    ? "yes: to the socket that asked, from the address that it asked"
    : "no: not to the socket that asked, or not from the address that it asked";
  const comes = `${"comes back".padEnd(LABEL)}${answer.comesBack ? green(back) : red(wrap(back, width - LABEL, " ".repeat(LABEL)))}`;
  return `${text}\n\n${bold("The answer")}\n\n${explanationText(answer.reply, width)}\n${comes}`;
}

function noAnswer({ verdict }: WhyAnswer): string {
  if (verdict !== "DELIVERED") return "There is none: the packet did not arrive.";
  return "There is none: what arrived is not answered.";
}

function hasPorts(e: Explanation): boolean {
  return e.flow.protocol !== "icmp";
}

function stepLines(steps: readonly ExplainedStep[], width: number): string[] {
  const widest = (of: (s: ExplainedStep) => string): number => Math.max(0, ...steps.map((s) => of(s).length));
  const [at, stage, action] = [widest((s) => s.at), widest((s) => s.stage), widest((s) => s.action)];
  let previous = "";
  return steps.flatMap((s) => {
    const place = s.at === previous ? "" : s.at;
    previous = s.at;
    const head = [place.padEnd(at), s.stage.padEnd(stage), s.action.padEnd(action), ""].join(GAP);
    const body = wrap(stepText(s), Math.max(MIN_TEXT, width - head.length), GAP).split("\n");
    const mark = s.reason === null ? (t: string) => t : red;
    return body.map((line, i) => ((i === 0 ? head : " ".repeat(head.length)) + mark(line)).trimEnd());
  });
}

function conclusion(e: Explanation, width: number): string[] {
  const lines: string[] = [];
  const say = (label: string, text: string, paint = (t: string) => t): void => {
    const body = wrap(text, width - LABEL, "").split("\n");
    lines.push(...body.map((line, i) => (i === 0 ? label : "").padEnd(LABEL) + paint(line)));
  };
  const socket = (s: { address: string; port: number }): string => (hasPorts(e) ? `${s.address}:${s.port}` : s.address);
  if (e.path.length > 0) say("path", e.path.join(" -> "));
  if (e.seen !== null) say("seen", `${e.seen.by} sees ${socket(e.seen.source)} -> ${socket(e.seen.destination)}`);
  const verdict = e.reason === null ? e.verdict : `${e.verdict} ${e.reason}`;
  say("verdict", verdict, e.verdict === "DELIVERED" ? green : e.verdict === "QUEUED" ? yellow : red);
  if (e.text !== null) say("", e.text);
  if (e.change !== null) say("change", `${changeObject(e.change)}: ${e.change.text}`);
  if (e.nearMiss !== null) say("near miss", `${e.nearMiss.rule}: ${e.nearMiss.differs.join("; ")}`);
  if (e.decidedBy.length > 0) say("decided by", e.decidedBy.join(", "));
  return lines;
}

function end(e: FlowEnd, ports: boolean): string {
  const address = ports ? `${e.address}:${e.port}` : e.address;
  return e.name === null ? address : `${e.name} (${address})`;
}
