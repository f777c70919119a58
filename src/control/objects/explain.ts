import type { z } from "zod";
import { nearMatches, suggestion } from "../near.ts";
import { UNSUPPORTED } from "./apiServerText.ts";
import type { Finding } from "./finding.ts";

const MOST_SHOWN = 60;

/** A value as a message shows it: JSON, cut short. */
export function valueText(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}...` : text;
}

type Step = string | number;

function valueAt(root: unknown, path: readonly Step[]): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<Step, unknown>)[step];
  }
  return value;
}

/** Inner parts of a zod schema that this file walks. */
interface SchemaDef {
  readonly type: string;
  readonly innerType?: z.core.$ZodType;
  readonly element?: z.core.$ZodType;
  readonly valueType?: z.core.$ZodType;
  readonly shape?: Record<string, z.core.$ZodType>;
  readonly catchall?: z.core.$ZodType;
}

const defOf = (schema: z.core.$ZodType): SchemaDef => schema._zod.def as SchemaDef;

/** Field names that the schema allows in the object at `path`. */
function knownFields(schema: z.core.$ZodType, path: readonly Step[]): string[] {
  let def = defOf(schema);
  const unwrap = () => {
    while (def.innerType !== undefined) def = defOf(def.innerType);
  };
  unwrap();
  for (const step of path) {
    const next = typeof step === "number" ? def.element : (def.shape?.[step] ?? def.valueType ?? def.catchall);
    if (next === undefined) return [];
    def = defOf(next);
    unwrap();
  }
  return Object.keys(def.shape ?? {});
}

const ARTICLES: Record<string, string> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "fields (name: value)",
  record: "fields (name: value)",
};

function typeText(issue: z.core.$ZodIssueInvalidType, value: unknown): string {
  const expected = `expected ${ARTICLES[issue.expected] ?? issue.expected}, got ${valueText(value)}`;
  if (value === undefined) return `${expected}; add it`;
  if (issue.expected === "string" && (typeof value === "number" || typeof value === "boolean"))
    return `${expected}; write it in quotes: "${value}"`;
  return expected;
}

function choiceText(values: readonly string[], value: unknown): string {
  const expected = `expected ${values.length > 1 ? "one of " : ""}${values.join(", ")}, got ${valueText(value)}`;
  const near = typeof value === "string" ? nearMatches(value, values) : [];
  return near.length > 0
    ? `${expected}; did you mean ${near.join(" or ")}?`
    : `${expected}; write ${values.join(" or ")}`;
}

function sizeText(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig, value: unknown): string {
  const small = issue.code === "too_small";
  const limit = String(small ? issue.minimum : issue.maximum);
  const one = limit === "1" ? "" : "s";
  const unit = issue.origin === "array" ? ` item${one}` : issue.origin === "string" ? ` character${one}` : "";
  return `expected at ${small ? "least" : "most"} ${limit}${unit}, got ${valueText(value)}`;
}

/**
 * A zod issue in the words of the lab files: what was expected, what was there, what to write. Schemas whose own message
 * starts with "expected " get the value added; other messages of theirs are whole sentences and stay as they are.
 */
export function explainIssue(issue: z.core.$ZodIssue, schema: z.core.$ZodType, root: unknown): Finding[] {
  const path = issue.path.filter((step): step is Step => typeof step !== "symbol");
  const value = valueAt(root, path);
  if (issue.code === "unrecognized_keys") {
    const fields = knownFields(schema, path);
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: `expected a known field, got ${JSON.stringify(key)}; ${suggestion(key, fields)}`,
    }));
  }
  if (issue.message.startsWith("expected "))
    return [{ path, message: `${issue.message}, got ${valueText(value)}${value === undefined ? "; add it" : ""}` }];
  switch (issue.code) {
    case "invalid_type":
      return [{ path, message: typeText(issue, value) }];
    case "invalid_value":
      if (issue.message.startsWith(UNSUPPORTED)) return [{ path, message: issue.message }];
      return [{ path, message: choiceText(issue.values.map(String), value) }];
    case "too_small":
    case "too_big":
      return [{ path, message: sizeText(issue, value) }];
    default:
      return [{ path, message: issue.message }];
  }
}
