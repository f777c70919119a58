import { parse, stringify } from "yaml";
import { Cluster } from "../../control/cluster.ts";
import type { LabObject } from "../../control/objects/kinds.ts";
import { ObjectError } from "../../control/objects/objectError.ts";
import { readObjectFiles } from "../files/readObjects.ts";
import { readTar, type TarFile, writeTar } from "./tar.ts";

/** What a report says of itself. */
export interface ReportFacts {
  readonly lab: string;
  /** Point of capture for `replay --at`, or null: the capture says so. */
  readonly at: string | null;
  readonly podplane: string;
  readonly node: string;
  /** What is to be known of the lab in it, for people. */
  readonly notes: readonly string[];
}

export interface Report {
  readonly facts: ReportFacts;
  readonly objects: readonly LabObject[];
  readonly capture: Uint8Array;
  /** JSON lines, as of `trace -o json`; null: there is none. */
  readonly trace: string | null;
}

/** A file that is no report. */
export class ReportError extends Error {
  override readonly name = "ReportError";
}

const VERSION = 1;
const LINE_WIDTH = 120;
const FILES = {
  readme: "README.md",
  facts: "report.json",
  lab: "lab.yaml",
  capture: "capture.pcapng",
  trace: "trace.jsonl",
} as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Packs a report into one file, an uncompressed tar archive. The same report gives the same bytes. */
export function packReport({ facts, objects, capture, trace }: Report): Uint8Array {
  const yaml = (object: LabObject): string =>
    stringify(object, { lineWidth: LINE_WIDTH, aliasDuplicateObjects: false });
  const texts: [string, string][] = [
    [FILES.readme, readme(facts, trace !== null)],
    [FILES.facts, `${JSON.stringify({ report: VERSION, ...facts }, null, 2)}\n`],
    [FILES.lab, objects.map(yaml).join("---\n")],
  ];
  const files: TarFile[] = texts.map(([name, text]) => ({ name, bytes: encoder.encode(text) }));
  files.push({ name: FILES.capture, bytes: capture });
  if (trace !== null) files.push({ name: FILES.trace, bytes: encoder.encode(trace) });
  return writeTar(files);
}

function readme({ lab, at, notes }: ReportFacts, hasTrace: boolean): string {
  return [
    `# A report of the lab ${lab}`,
    "",
    "To see it again, with podplane and nothing else (no privileges, no running lab):",
    "",
    `    podplane replay THIS-FILE.tar${at === null ? "" : ` --at ${at}`}`,
    "",
    "| file | holds |",
    "| --- | --- |",
    "| lab.yaml | the lab: its VPC, nodes with their ENIs, pods with their addresses, services, policies |",
    "| capture.pcapng | the packets; Wireshark reads it |",
    ...(hasTrace ? ["| trace.jsonl | what became of each when it was captured; `podplane diff` compares it |"] : []),
    "| report.json | versions, and where the capture was taken |",
    "",
    "It holds the lab's files and the packets with their payload, and nothing of the machine that it was made on.",
    ...(notes.length === 0 ? [] : ["", "To be known:", "", ...notes.map((note) => `- ${note}`)]),
    "",
  ].join("\n");
}

/**
 * Reads a report.
 *
 * @param name of the file, for messages
 * @throws ReportError for an archive that is none
 */
export function readReport(name: string, bytes: Uint8Array): Report & { readonly cluster: Cluster } {
  const files = new Map(archive(name, bytes).map((file) => [file.name, file.bytes]));
  const text = (file: string): string | null => {
    const found = files.get(file);
    return found === undefined ? null : decoder.decode(found);
  };
  const need = <T>(file: string, found: T | null | undefined): T => {
    if (found === null || found === undefined) throw new ReportError(`${name} is no report: it has no ${file}`);
    return found;
  };
  const { report, ...facts } = parse(need(FILES.facts, text(FILES.facts))) as ReportFacts & { report: number };
  if (report !== VERSION)
    throw new ReportError(
      `${name}: expected a report of version ${VERSION}, got ${report}; use the podplane that wrote it`,
    );
  const read = readObjectFiles([{ file: `${name}/${FILES.lab}`, text: need(FILES.lab, text(FILES.lab)) }]);
  try {
    const cluster = new Cluster(read.objects);
    const capture = need(FILES.capture, files.get(FILES.capture));
    return { facts, objects: read.objects, capture, trace: text(FILES.trace), cluster };
  } catch (error) {
    throw error instanceof ObjectError ? read.located(error) : error;
  }
}

function archive(name: string, bytes: Uint8Array): TarFile[] {
  try {
    return readTar(bytes);
  } catch (error) {
    if (error instanceof RangeError) throw new ReportError(`${name}: ${error.message}`);
    throw error;
  }
}
