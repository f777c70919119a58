import { Cluster } from "../../../src/control/cluster.ts";
import { pathText } from "../../../src/control/objects/finding.ts";
import { ObjectError } from "../../../src/control/objects/objectError.ts";
import { type Fields, labDocument, read } from "./documents.ts";

export * from "./documents.ts";

/** A cluster of a lab document and others. */
export function cluster(spec: Fields, ...documents: unknown[]): Cluster {
  return new Cluster(read(labDocument(spec), ...documents));
}

/** Problems of an action as `path: message`. */
export function problemsOf(action: () => unknown): string[] {
  try {
    action();
  } catch (error) {
    if (error instanceof ObjectError) return error.problems.map((p) => `${pathText(p.path)}: ${p.message}`);
    throw error;
  }
  return [];
}
