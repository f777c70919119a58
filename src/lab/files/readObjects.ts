import { type Finding, type ObjectPath, pathText } from "../../control/objects/finding.ts";
import { type LabObject, objectKey } from "../../control/objects/kinds.ts";
import type { ObjectError } from "../../control/objects/objectError.ts";
import { readObjects } from "../../control/objects/read.ts";
import { checkLab } from "../../control/vpc/checkLab.ts";
import { parseJsonFile } from "./jsonSource.ts";
import { LabError, type LabProblem } from "./labError.ts";
import { type ParsedFile, parseFile, type SourceDocument } from "./yamlSource.ts";

/** The text of a file and its name for messages. */
export interface FileText {
  readonly file: string;
  readonly text: string;
}

/** Objects that were read from files. */
export interface LabFiles {
  /** In the order of the files and of the documents in them. */
  readonly objects: readonly LabObject[];
  /** What was accepted and is ignored, each text once, with the first place it is true of. */
  readonly notes: readonly LabProblem[];
  /** The same problems with the files and lines of these objects. */
  located(error: ObjectError): LabError;
}

/** Where an object stands. The document's value is not kept with it: it is as big as the object itself. */
interface Source {
  readonly document: DocumentPlace;
  readonly at: ObjectPath;
}

type DocumentPlace = Pick<SourceDocument, "file" | "locate">;

function located(document: DocumentPlace, finding: Finding): LabProblem {
  return {
    file: document.file,
    ...document.locate(finding.path),
    path: pathText(finding.path),
    message: finding.message,
  };
}

function under(at: ObjectPath, finding: Finding): Finding {
  return { path: [...at, ...finding.path], message: finding.message };
}

/**
 * Reads the objects of files and checks each by itself, the Lab with all its rules.
 *
 * @param isChange for a running lab, which checks its new Lab document itself: it knows what was there before.
 * @throws LabError with all problems.
 */
export function readObjectFiles(files: readonly FileText[], isChange = false): LabFiles {
  const problems: LabProblem[] = [];
  const notes = new Map<string, LabProblem>();
  const objects: LabObject[] = [];
  const sources = new Map<LabObject, Source>();
  const note = (document: DocumentPlace, finding: Finding) => {
    // Where it is costs more than the note itself: tens of thousands of objects may all have it.
    if (!notes.has(finding.message)) notes.set(finding.message, located(document, finding));
  };
  for (const { file, text } of files) {
    const parsed: ParsedFile = (file.endsWith(".json") ? parseJsonFile(text, file) : null) ?? parseFile(text, file);
    problems.push(...parsed.problems);
    for (const { value, file: of, locate } of parsed.documents) {
      const document: DocumentPlace = { file: of, locate };
      const read = readObjects(value);
      problems.push(...read.problems.map((f) => located(document, f)));
      for (const f of read.notes) note(document, f);
      for (const { object, at } of read.objects) {
        objects.push(object);
        sources.set(object, { document, at });
        if (object.kind !== "Lab") continue;
        const found = checkLab(object);
        if (!isChange) problems.push(...found.problems.map((f) => located(document, under(at, f))));
        for (const f of found.notes) note(document, under(at, f));
      }
    }
  }
  if (problems.length > 0) throw new LabError(inOrder(problems, files));
  return {
    objects,
    notes: [...notes.values()],
    located: (error) => {
      const found = error.problems.map((problem): LabProblem => {
        const source = sources.get(problem.object);
        if (source !== undefined) return located(source.document, under(source.at, problem));
        // An object of the running lab: its file may have changed since it was read.
        const { message } = problem;
        return { file: objectKey(problem.object), line: 0, column: 0, path: pathText(problem.path), message };
      });
      return new LabError(inOrder(found, files));
    },
  };
}

/** As a person reads the files: file by file, from the top. */
function inOrder(problems: readonly LabProblem[], files: readonly FileText[]): LabProblem[] {
  const place = new Map(files.map((f, i) => [f.file, i]));
  return [...problems].sort(
    (a, b) =>
      (place.get(a.file) ?? files.length) - (place.get(b.file) ?? files.length) ||
      a.line - b.line ||
      a.column - b.column,
  );
}
