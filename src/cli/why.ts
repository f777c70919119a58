import { type Command, InvalidArgumentError, Option } from "commander";
import { ask, findLab } from "../lab/controlClient.ts";
import type { WhyQuestion } from "../lab/controlProtocol.ts";
import { QUESTION_FLAGS, type QuestionFlags } from "../lab/questionPacket.ts";
import type { WhyAnswer } from "../observe/explain.ts";
import { type ReasonHelp, reasonHelp } from "../observe/reasonHelp.ts";
import { answerText } from "./explanationText.ts";
import { bold, type Format, print, printJson, terminalWidth, wrap } from "./output.ts";
import { outputOption, parsePort, parseRepeated, wholeNumber } from "./parse.ts";

interface WhyOptions {
  lab?: string;
  name?: string;
  set?: string[];
  both?: true;
  fromPort?: number;
  flags?: QuestionFlags;
  size?: number;
  df?: boolean;
  ttl?: number;
  icmp?: { type: number; code: number };
  explain?: string;
  output: Format;
}

const SIZE_MAX = 65_535;
const BYTE_MAX = 255;

export function whyCommand(program: Command): void {
  program
    .command("why")
    .description("explain what would happen to a packet, stage by stage; nothing is sent or changed")
    .argument("[protocol]", "tcp, udp, icmp or sctp")
    .argument("[source]", "pod/web-1, host/rds, node/node-1 or an address")
    .argument("[destination]", "svc/api:80, pod/web-1:8080, host/rds:5432, an address with a port")
    .option("--lab <lab>", "ask a lab's files instead of the running lab")
    .option(
      "--set <key=value>",
      "ask the lab's files under another setting, such as AWS_VPC_K8S_CNI_EXTERNALSNAT=true",
      parseRepeated,
    )
    .option("--both", "the receiver's answer as well: SYN-ACK, datagram, echo reply, INIT ACK")
    .option("--from-port <port>", "source port", parsePort)
    .addOption(
      new Option("--flags <flags>", "tcp; all but SYN ask about a connection, the lab's own if there is one").choices(
        Object.keys(QUESTION_FLAGS),
      ),
    )
    .option("--size <bytes>", "size of the packet with its headers", (text) => wholeNumber(text, 0, SIZE_MAX))
    .option("--df", "do not fragment, which is the default")
    .option("--no-df", "the packet may be cut to fit an MTU")
    .option("--ttl <ttl>", "time to live; 64 unless set", (text) => wholeNumber(text, 0, BYTE_MAX))
    .option("--icmp <type/code>", "icmp; 8/0, an echo request, unless set", parseIcmp)
    .option("--explain <code>", "what a reason means, and what to change: no packet is asked about")
    .option("-n, --name <name>", "which of several running labs")
    .addOption(outputOption())
    .action(
      async (
        protocol: string | undefined,
        source: string | undefined,
        destination: string | undefined,
        options: WhyOptions,
      ) => {
        if (options.set !== undefined && options.lab === undefined)
          throw new Error("--set needs --lab: the running lab is asked as it is; `podplane apply` changes it");
        if (options.explain !== undefined) explainReason(options.explain, options.output);
        else if (protocol === undefined || source === undefined || destination === undefined)
          throw new Error(
            "why needs a protocol, a source and a destination, such as: podplane why tcp pod/client svc/api:80",
          );
        else await askWhy(questionOf(protocol, source, destination, options), options);
      },
    );
}

async function askWhy(question: WhyQuestion, options: WhyOptions): Promise<void> {
  const answer =
    options.lab === undefined
      ? await ask(await findLab(options.name), "why", question)
      : await askFiles(question, options.lab, options.set ?? []);
  if (options.output === "json") printJson(answer);
  else print(answerText(answer, options.both === true, terminalWidth()));
}

async function askFiles(question: WhyQuestion, lab: string, settings: readonly string[]): Promise<WhyAnswer> {
  const { askOffline, clusterWith, loadLab } = await import("../lab/fromFiles.ts");
  return askOffline(clusterWith(loadLab(lab).cluster, settings), question);
}

function questionOf(protocol: string, source: string, destination: string, options: WhyOptions): WhyQuestion {
  const { both, fromPort, flags, size, df, ttl, icmp } = options;
  return {
    protocol,
    source,
    destination,
    fromPort: fromPort ?? null,
    ...(both === undefined ? {} : { both }),
    ...(flags === undefined ? {} : { flags }),
    ...(size === undefined ? {} : { size }),
    ...(df === undefined ? {} : { df }),
    ...(ttl === undefined ? {} : { ttl }),
    ...(icmp === undefined ? {} : { icmp }),
  };
}

/** `8`, `3/4` */
function parseIcmp(text: string): { type: number; code: number } {
  const [type, code = "0", ...more] = text.split("/");
  if (more.length > 0) throw new InvalidArgumentError(`expected an ICMP type and code such as 8/0, got "${text}".`);
  return { type: wholeNumber(type, 0, BYTE_MAX), code: wholeNumber(code, 0, BYTE_MAX) };
}

function explainReason(code: string, output: Format): void {
  const help = reasonHelp(code);
  if ("near" in help) {
    const hint = help.near.length > 0 ? `did you mean ${help.near.join(" or ")}?` : "docs/reasons.md has them all";
    throw new Error(`there is no reason ${code}; ${hint}`);
  }
  if (output === "json") printJson(help);
  else print(reasonText(help, terminalWidth()));
}

/** A reason for people. Fits 80 columns. */
export function reasonText(help: ReasonHelp, width: number): string {
  const lines: [label: string, text: string][] = [
    ["verdict", help.verdict],
    ["means", help.text],
    ["change", `${help.object}${help.field === null ? "" : `, ${help.field}`}`],
    ["", help.change],
    ["example", help.example],
    ["counter", help.counter],
    ["more", help.link],
  ];
  const label = "example  ".length;
  const rows = lines.map(
    ([name, text]) =>
      `${name.padEnd(label)}${wrap(text, width - label, "").replaceAll("\n", `\n${" ".repeat(label)}`)}`,
  );
  return [bold(help.code), "", ...rows].join("\n");
}
