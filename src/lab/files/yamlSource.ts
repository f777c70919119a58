import { isMap, isScalar, isSeq, LineCounter, type Node, type ParsedNode, parseAllDocuments } from "yaml";
import type { ObjectPath } from "../../control/objects/finding.ts";
import type { LabProblem } from "./labError.ts";

/** A place in a file, from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A document of a file, with a way back from its fields to the lines. */
export interface SourceDocument {
  readonly file: string;
  readonly value: unknown;
  /** Where a field's name or a list's item starts; the nearest one around it for a field that is not there. */
  locate(path: ObjectPath): Position;
}

export interface ParsedFile {
  readonly documents: SourceDocument[];
  readonly problems: LabProblem[];
}

type YamlDocument = Exclude<ReturnType<typeof parseAllDocuments>, { empty: true }>[number];

function startOf(node: unknown): number | null {
  const range = (node as Node | null)?.range;
  return range ? range[0] : null;
}

/** Offset in characters of the field or item at a path, or of what is nearest to it. */
function offsetOf(document: YamlDocument, path: ObjectPath): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((p) => isScalar(p.key) && String(p.key.value) === String(step));
      if (pair === undefined) return offset;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === "number") {
      node = node.items[step];
      offset = startOf(node) ?? offset;
    } else {
      // Under an alias: what it repeats is reported where it is repeated.
      return offset;
    }
  }
  return offset;
}

/** First line of a YAML error: the rest repeats the source. */
function shortMessage(message: string): string {
  return message.split("\n")[0].replace(/ at line \d+, column \d+:?$/, "");
}

/** Reads all documents of a YAML or JSON text. Empty documents are left out; malformed ones become problems. */
export function parseFile(text: string, file: string): ParsedFile {
  const lines = new LineCounter();
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const parsed = parseAllDocuments<ParsedNode>(text, { lineCounter: lines, merge: true });
  const result: ParsedFile = { documents: [], problems: [] };
  const refuse = (offset: number, message: string) =>
    result.problems.push({ file, ...position(offset), path: "", message: `expected YAML, got an error: ${message}` });
  if ("empty" in parsed) return result;
  for (const document of parsed) {
    // What follows the first error of a document is mostly its consequence.
    const error = document.errors.at(0);
    if (error !== undefined) refuse(error.pos[0], shortMessage(error.message));
    if (error !== undefined || document.contents === null) continue;
    let value: unknown;
    try {
      value = document.toJS();
    } catch (failure) {
      const message = failure instanceof Error ? shortMessage(failure.message) : String(failure);
      refuse(startOf(document.contents) ?? 0, message);
      continue;
    }
    if (value === null) continue;
    result.documents.push({ file, value, locate: (path) => position(offsetOf(document, path)) });
  }
  return result;
}
