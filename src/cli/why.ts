import type { Command } from "commander";
import { ask, findLab } from "../lab/controlClient.ts";
import { loadLab } from "../lab/files/load.ts";
import { askOffline } from "../lab/question.ts";
import type { ExplainedStep, Explanation, FlowEnd } from "../observe/explain.ts";
import { bold, type Format, green, print, printJson, red, terminalWidth, wrap } from "./output.ts";
import { outputOption, parsePort } from "./parse.ts";

interface WhyOptions {
  lab?: string;
  name?: string;
  fromPort?: number;
  output: Format;
}

export function whyCommand(program: Command): void {
  program
    .command("why")
    .description("explain what would happen to a packet, stage by stage; nothing is sent or changed")
    .argument("<protocol>", "tcp, udp, icmp or sctp")
    .argument("<source>", "pod/web-1, host/rds, node/node-1 or an address")
    .argument("<destination>", "svc/api:80, pod/web-1:8080, host/rds:5432, an address with a port")
    .option("--lab <lab>", "ask a lab's files instead of the running lab")
    .option("--from-port <port>", "source port", parsePort)
    .option("-n, --name <name>", "which of several running labs")
    .addOption(outputOption())
    .action(async (protocol: string, source: string, destination: string, options: WhyOptions) => {
      const question = { protocol, source, destination, fromPort: options.fromPort ?? null };
      const explanation =
        options.lab === undefined
          ? await ask(await findLab(options.name), "why", question)
          : askOffline(loadLab(options.lab).cluster, question);
      if (options.output === "json") printJson(explanation);
      else print(explanationText(explanation, terminalWidth()));
    });
}

/** The explanation for people: the question, the steps in order, the verdict. Fits 80 columns. */
export function explanationText(e: Explanation, width: number): string {
  const ports = e.flow.protocol !== "icmp";
  const lines = [bold(`${e.flow.protocol} ${end(e.flow.source, ports)} -> ${end(e.flow.destination, ports)}`), ""];
  const at = Math.max(...e.steps.map((s) => s.at.length));
  const stage = Math.max(...e.steps.map((s) => s.stage.length));
  const action = Math.max(...e.steps.map((s) => s.action.length));
  let previous = "";
  for (const s of e.steps) {
    const place = s.at === previous ? "" : s.at;
    previous = s.at;
    const head = `${place.padEnd(at)}  ${s.stage.padEnd(stage)}  ${s.action.padEnd(action)}  `;
    const body = wrap(stepText(s), Math.max(30, width - head.length), "  ").split("\n");
    const mark = s.reason === null ? (t: string) => t : red;
    lines.push(...body.map((line, i) => (i === 0 ? head : " ".repeat(head.length)) + mark(line)));
  }
  lines.push("");
  if (e.path.length > 0) lines.push(wrap(`path    ${e.path.join(" -> ")}`, width, "        "));
  if (e.seen !== null) {
    const seen = (s: { address: string; port: number }): string => (ports ? `${s.address}:${s.port}` : s.address);
    lines.push(`seen    ${e.seen.by} sees ${seen(e.seen.source)} -> ${seen(e.seen.destination)}`);
  }
  const verdict = e.reason === null ? green(e.verdict) : red(`${e.verdict} ${e.reason}`);
  lines.push(`verdict ${verdict}${e.text === null ? "" : `\n        ${wrap(e.text, width - 8, "        ")}`}`);
  return lines.join("\n");
}

function stepText(s: ExplainedStep): string {
  if (s.reason !== null) return `${s.reason}: ${s.detail}`;
  if (s.rule === null) return s.detail;
  return s.detail === "" ? s.rule : `${s.rule}: ${s.detail}`;
}

function end(e: FlowEnd, ports: boolean): string {
  const address = ports ? `${e.address}:${e.port}` : e.address;
  return e.name === null ? address : `${e.name} (${address})`;
}
