import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { type ImportedLab, importLab } from "../../control/import/importLab.ts";
import { ImportNotes } from "../../control/import/notes.ts";
import { Observed, type SourceKind } from "../../control/import/observed.ts";
import { pathText } from "../../control/objects/finding.ts";
import { parseJsonFile } from "./jsonSource.ts";
import { LabError, type LabProblem } from "./labError.ts";
import { STAND_IN_PROGRAM } from "./standInProgram.ts";
import { parseFile } from "./yamlSource.ts";

/** Name that stands for standard input on the command line. */
export const STANDARD_INPUT = "-";
const STANDARD_INPUT_FD = 0;
const STAND_IN = "stand-in.mjs";
const LINE_WIDTH = 120;

export interface ImportQuestion {
  readonly kubectl: readonly string[];
  readonly ec2: readonly string[];
  /** Whether containers keep their own commands. */
  readonly keepCommands: boolean;
  readonly name: string | null;
  /** Whether everything goes into one stream: a stand-in can be no file then. */
  readonly oneStream: boolean;
}

/** A lab that was made of what was observed of a cluster. */
export interface Import {
  readonly imported: ImportedLab;
  readonly notes: ImportNotes;
}

function readText(file: string): string {
  try {
    return readFileSync(file === STANDARD_INPUT ? STANDARD_INPUT_FD : file, "utf8");
  } catch (error) {
    const message = `expected a file that can be read, got ${(error as Error).message}`;
    throw new LabError([{ file, line: 0, column: 0, path: "", message }]);
  }
}

function readInto(observed: Observed, file: string, kind: SourceKind): LabProblem[] {
  const text = readText(file);
  const parsed = parseJsonFile(text, file) ?? parseFile(text, file);
  const whole = (message: string) => [{ file, line: 0, column: 0, path: "", message }];
  if (parsed.problems.length > 0) return parsed.problems;
  if (parsed.documents.length === 0) return whole("expected JSON or YAML, got an empty file");
  return parsed.documents.flatMap((document) =>
    observed
      .add(document.value, kind)
      .map(({ path, message }) => ({ file, ...document.locate(path), path: pathText(path), message })),
  );
}

/** The stand-in's program in one line, for where there is no file of it. */
function inlineStandIn(): string[] {
  const text = STAND_IN_PROGRAM.split("\n")
    .filter((line) => !line.startsWith("//"))
    .join("\n");
  return ["node", "--input-type=module", "--eval", text, "--"];
}

/**
 * Reads what kubectl and the AWS CLI say of a cluster, and makes a lab of it. Nothing is written.
 *
 * @throws LabError with all problems of the files; ImportError where they come to no lab.
 */
export function importFiles(question: ImportQuestion): Import {
  const notes = new ImportNotes();
  const observed = new Observed(notes);
  const all = [...question.kubectl, ...question.ec2];
  if (all.filter((file) => file === STANDARD_INPUT).length > 1)
    throw new Error(`standard input (${STANDARD_INPUT}) can be read once; name a file for the others`);
  const problems = [
    ...question.kubectl.flatMap((file) => readInto(observed, file, "kubectl")),
    ...question.ec2.flatMap((file) => readInto(observed, file, "ec2")),
  ];
  if (problems.length > 0) throw new LabError(problems);
  const standIn = question.oneStream ? inlineStandIn() : ["node", STAND_IN];
  const command = question.keepCommands ? null : standIn;
  const imported = importLab(observed, { command, name: question.name, parseYaml: parse }, notes);
  return { imported, notes };
}

const yaml = (document: unknown): string =>
  stringify(document, { lineWidth: LINE_WIDTH, aliasDuplicateObjects: false });

/** The lab as one stream of YAML documents. */
export function importText({ imported }: Import): string {
  return [imported.lab, ...imported.manifests].map(yaml).join("---\n");
}

/**
 * Writes the lab into a directory, which is made where there is none: lab.yaml, manifests.yaml, import-notes.md, and the
 * stand-ins' program where pods run one.
 *
 * @returns the files.
 * @throws Error where one of them is there already; nothing is written then.
 */
export function writeImport(directory: string, { imported, notes }: Import, keepCommands: boolean): string[] {
  const { name } = imported.lab.metadata;
  const texts = new Map([
    ["lab.yaml", yaml(imported.lab)],
    ["manifests.yaml", imported.manifests.map(yaml).join("---\n")],
    ["import-notes.md", notes.markdown(`What the import of ${name} left out or changed`)],
    ...(keepCommands ? [] : [[STAND_IN, STAND_IN_PROGRAM] as const]),
  ]);
  const there = [...texts.keys()].map((file) => join(directory, file)).filter((file) => existsSync(file));
  if (there.length > 0) throw new Error(`${there[0]} is there already; name another directory with -o, or remove it`);
  mkdirSync(directory, { recursive: true });
  return [...texts].map(([file, text]) => {
    const path = join(directory, file);
    writeFileSync(path, text);
    return path;
  });
}
