/** Something about a line of a lab file. */
export interface LabProblem {
  /** As it was named on the command line; an object's name where no file is known. */
  readonly file: string;
  /** From 1; 0: the file as a whole. */
  readonly line: number;
  /** From 1; 0: the file as a whole. */
  readonly column: number;
  /** `spec.vpc.subnets[1].cidrBlock`; empty: the document as a whole. */
  readonly path: string;
  /** What was expected, what was there, what to do. */
  readonly message: string;
}

/** Longest list of problems that a message has. */
const MOST_SHOWN = 20;

/** `labs/x/lab.yaml:12:5: spec.vpc.subnets[1].cidrBlock: expected ..., got ...; ...` */
export function problemText(problem: LabProblem): string {
  const { file, line, column, path, message } = problem;
  const place = line > 0 ? `${file}:${line}:${column}` : file;
  return [place, path, message].filter((part) => part !== "").join(": ");
}

/** Lab files that cannot be used, with everything that is wrong with them. */
export class LabError extends Error {
  override readonly name = "LabError";
  /** All of them; the message shows the first 20. */
  readonly problems: readonly LabProblem[];

  constructor(problems: readonly LabProblem[]) {
    const shown = problems.slice(0, MOST_SHOWN).map(problemText);
    const more = problems.length - shown.length;
    super([...shown, ...(more > 0 ? [`and ${more} more problems`] : [])].join("\n"));
    this.problems = problems;
  }
}
