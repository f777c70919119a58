import { Cluster } from "../cluster.ts";
import { type ObjectPath, pathText } from "../objects/finding.ts";
import { type LabObject, objectKey } from "../objects/kinds.ts";
import { ObjectError } from "../objects/objectError.ts";
import { readObjects } from "../objects/read.ts";
import { podViews } from "../views.ts";
import type { ImportedPod } from "./importPods.ts";
import type { LabInput } from "./labInput.ts";
import type { ImportNotes } from "./notes.ts";

type Document = Record<string, unknown>;

/** An import that comes to no lab; the message says why, for a person. */
export class ImportError extends Error {
  override readonly name = "ImportError";
}

/** Rounds of leaving out what another object's absence has made wrong. */
const ROUNDS = 20;

interface Read {
  readonly document: Document;
  readonly object: LabObject;
}

function refusal(path: ObjectPath, message: string): string {
  return path.length === 0 ? message : `${pathText(path)}: ${message}`;
}

function readLab(lab: LabInput): LabObject {
  const { objects, problems } = readObjects(lab);
  const [found] = objects;
  if (problems.length > 0 || found === undefined)
    throw new ImportError(problems.map((p) => `the imported lab: ${refusal(p.path, p.message)}`).join("\n"));
  return found.object;
}

function read(documents: readonly Document[], notes: ImportNotes): Read[] {
  return documents.flatMap((document) => {
    const { objects, problems, notes: ignored } = readObjects(document);
    const metadata = document.metadata as { name: string; namespace?: string };
    const name = [String(document.kind).toLowerCase(), metadata.namespace, metadata.name].filter(Boolean).join("/");
    for (const { path, message } of problems) notes.add(name, `left out: ${refusal(path, message)}`);
    for (const { message } of ignored) notes.add(name, message);
    return objects.map(({ object }) => ({ document, object }));
  });
}

/**
 * Brings the lab up in memory, leaves out what podplane refuses (with its words as the reason) until the rest runs, and
 * compares the pods' addresses with those that were observed.
 *
 * @returns the documents that are left.
 * @throws ImportError where the Lab document itself is refused.
 */
export function settle(
  lab: LabInput,
  documents: readonly Document[],
  pods: readonly ImportedPod[],
  notes: ImportNotes,
): Document[] {
  const labObject = readLab(lab);
  let left = read(documents, notes);
  for (let round = 0; round < ROUNDS; round++) {
    try {
      compare(new Cluster([labObject, ...left.map(({ object }) => object)]), pods, notes);
      return left.map(({ document }) => document);
    } catch (error) {
      if (!(error instanceof ObjectError)) throw error;
      const before = left.length;
      const ofLab = error.problems.filter(({ object }) => object.kind === "Lab");
      for (const { object, path, message } of error.problems) {
        if (!left.some((l) => l.object === object)) continue;
        notes.add(objectKey(object), `left out: ${refusal(path, message)}`);
        left = left.filter((l) => l.object !== object);
      }
      if (left.length === before)
        throw new ImportError(
          ofLab.map((p) => `the imported lab: ${refusal(p.path, p.message)}`).join("\n") || error.message,
        );
    }
  }
  throw new ImportError("the imported objects refer to one another so that none of them is left; give all of them");
}

function compare(cluster: Cluster, pods: readonly ImportedPod[], notes: ImportNotes): void {
  const views = new Map(podViews(cluster.current()).map((view) => [`pod/${view.namespace}/${view.name}`, view]));
  for (const { key, address, eni } of pods) {
    const view = views.get(key);
    if (view === undefined || address === null) continue;
    if (view.address !== address)
      notes.add(
        key,
        `was observed with ${address}, and ${view.address === null ? `waits: ${view.reason}` : `has ${view.address}`}`,
      );
    else if (eni !== null && view.eni !== `${view.node}/${eni}`)
      notes.add(key, `was observed on ${eni}, and has its address of ${view.eni}`);
  }
}
