import { type Finding, pathText } from "./finding.ts";
import { type LabObject, objectKey } from "./kinds.ts";

/** A problem of an object; whoever read the object from a file knows the line. */
export interface ObjectProblem extends Finding {
  readonly object: LabObject;
}

/** Objects that cannot run together as they are. Nothing was changed. */
export class ObjectError extends Error {
  override readonly name = "ObjectError";
  readonly problems: readonly ObjectProblem[];

  constructor(problems: readonly ObjectProblem[]) {
    super(problems.map((p) => `${objectKey(p.object)}: ${pathText(p.path)}: ${p.message}`).join("\n"));
    this.problems = problems;
  }
}
