import { readFileSync } from "node:fs";
import { checkScenario } from "../../control/ipam/simulate/checkScenario.ts";
import { explainIssue, valueText } from "../../control/objects/explain.ts";
import { type Finding, pathText } from "../../control/objects/finding.ts";
import { type IpamScenario, ipamScenarioSchema, SCENARIO_KIND } from "../../control/objects/ipamScenario.ts";
import { LAB_API_VERSION } from "../../control/objects/lab.ts";
import { LabError, type LabProblem } from "./labError.ts";
import { parseFile } from "./yamlSource.ts";

export interface LoadedScenario {
  readonly scenario: IpamScenario;
  /** What was accepted and means something else than it says, or nothing. */
  readonly notes: readonly LabProblem[];
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const message = `expected a file that can be read, got ${(error as Error).message}`;
    throw new LabError([{ file, line: 0, column: 0, path: "", message }]);
  }
}

/**
 * Reads the text of a scenario.
 *
 * @param file its name for messages.
 * @throws LabError with all problems.
 */
export function parseScenario(text: string, file: string): LoadedScenario {
  const { documents, problems } = parseFile(text, file);
  if (problems.length > 0) throw new LabError(problems);
  const whole = (message: string) => new LabError([{ file, line: 0, column: 0, path: "", message }]);
  const expected = `expected one document of kind ${SCENARIO_KIND} (${LAB_API_VERSION})`;
  if (documents.length !== 1) throw whole(`${expected}, got ${documents.length === 0 ? "none" : documents.length}`);
  const [document] = documents;
  const { value } = document;
  const located = ({ path, message }: Finding): LabProblem => ({
    file,
    ...document.locate(path),
    path: pathText(path),
    message,
  });
  const kind = typeof value === "object" && value !== null && "kind" in value ? value.kind : undefined;
  // Of a Lab, every field would be a problem.
  if (kind !== SCENARIO_KIND)
    throw new LabError([located({ path: ["kind"], message: `${expected}, got ${valueText(kind)}` })]);
  const parsed = ipamScenarioSchema.safeParse(value);
  if (!parsed.success) {
    const findings = parsed.error.issues.flatMap((issue) => explainIssue(issue, ipamScenarioSchema, value));
    throw new LabError(inOrder(findings.map(located)));
  }
  const found = checkScenario(parsed.data);
  if (found.problems.length > 0) throw new LabError(inOrder(found.problems.map(located)));
  return { scenario: parsed.data, notes: found.notes.map(located) };
}

/**
 * Reads a scenario of `podplane ipam simulate`.
 *
 * @throws LabError with all problems of the file.
 */
export function loadScenario(file: string): LoadedScenario {
  return parseScenario(readText(file), file);
}

function inOrder(problems: readonly LabProblem[]): LabProblem[] {
  return [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
}
