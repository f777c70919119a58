import { nearMatches, suggestion } from "../near.ts";
import { explainIssue, valueText } from "./explain.ts";
import { type Finding, type Findings, fieldText, type ObjectPath } from "./finding.ts";
import { isKind, KINDS, type LabObject, type ObjectKind } from "./kinds.ts";
import { LAB_API_VERSION } from "./lab.ts";
import { objectNotes } from "./notes.ts";

/** An object that was read, and where it stood in its document: empty, or ["items", n] of a List. */
interface ReadObject {
  readonly object: LabObject;
  readonly at: ObjectPath;
}

export interface ReadResult extends Findings {
  readonly objects: ReadObject[];
}

/**
 * Fields that a server writes into every object and that mean nothing to a lab: dropped without a note, so that
 * `kubectl get -o yaml` can be used as it is.
 */
const BOOKKEEPING: ReadonlySet<string> = new Set([
  "status",
  "metadata.uid",
  "metadata.resourceVersion",
  "metadata.creationTimestamp",
  "metadata.generation",
  "metadata.generateName",
  "metadata.managedFields",
  "metadata.selfLink",
  "metadata.ownerReferences",
  "spec.template.metadata.creationTimestamp",
  "spec.clusterIPs",
  "spec.ipFamilies",
  "spec.ipFamilyPolicy",
  "status.conditions",
  "status.loadBalancer.ingress[].ports",
  "endpoints[].targetRef",
  "endpoints[].deprecatedTopology",
]);

const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function hasNull(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  for (const field of Object.values(value)) if (field === null || hasNull(field)) return true;
  return false;
}

/** Kubernetes takes a field that is null as one that is not there. What has none is not copied: objects are big. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isFields(value) || !hasNull(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== null)
      .map(([k, v]) => [k, withoutNulls(v)]),
  );
}

/** The value without a field; what is around that field is copied, the document stays as it was read. */
function withoutField(value: unknown, path: ObjectPath, key: string): unknown {
  const [step, ...rest] = path;
  if (step === undefined) {
    const { [key]: _, ...others } = value as Record<string, unknown>;
    return others;
  }
  const inner = withoutField((value as Record<string | number, unknown>)[step], rest, key);
  if (Array.isArray(value)) return value.with(Number(step), inner);
  return { ...(value as Record<string, unknown>), [step]: inner };
}

/** Checks an object of a kind that podplane acts on. Unknown fields of Kubernetes kinds leave with a note. */
function readKind(kind: ObjectKind, raw: unknown, at: ObjectPath, result: ReadResult): void {
  const { schema } = KINDS[kind];
  const strict = kind === "Lab";
  let value = strict ? raw : withoutNulls(raw);
  const place = (f: Finding): Finding => ({ path: [...at, ...f.path], message: f.message });
  let parsed = schema.safeParse(value);
  if (!strict && !parsed.success) {
    for (const issue of parsed.error.issues) {
      if (issue.code !== "unrecognized_keys") continue;
      const path = issue.path.filter((step): step is string | number => typeof step !== "symbol");
      for (const key of issue.keys) {
        const field = fieldText([...path, key]);
        if (!BOOKKEEPING.has(field))
          result.notes.push(
            place({ path: [...path, key], message: `ignored: podplane does not act on ${kind} ${field}` }),
          );
        value = withoutField(value, path, key);
      }
    }
    parsed = schema.safeParse(value);
  }
  if (!parsed.success) {
    for (const issue of parsed.error.issues) result.problems.push(...explainIssue(issue, schema, value).map(place));
    return;
  }
  result.objects.push({ object: parsed.data, at });
  result.notes.push(...objectNotes(parsed.data).map(place));
}

function readOther(kind: string, apiVersion: string, at: ObjectPath, result: ReadResult): void {
  const path = [...at, "kind"];
  const ours = apiVersion.startsWith("podplane.dev/");
  const sameVersion = Object.entries(KINDS).filter(([, row]) => row.apiVersion === apiVersion || ours);
  const near = nearMatches(
    kind,
    sameVersion.map(([name]) => name),
  );
  if (ours) {
    result.problems.push({ path, message: `expected Lab (${LAB_API_VERSION}), got ${valueText(kind)}` });
  } else if (near.length > 0) {
    result.problems.push({
      path,
      message: `expected a kind of ${apiVersion}, got ${valueText(kind)}; ${suggestion(kind, near)}`,
    });
  } else {
    result.notes.push({ path, message: `ignored: podplane does not act on ${kind} yet` });
  }
}

function readInto(raw: unknown, at: ObjectPath, result: ReadResult): void {
  if (!isFields(raw)) {
    const message = `expected an object with apiVersion and kind, got ${valueText(raw ?? undefined)}`;
    result.problems.push({ path: at, message });
    return;
  }
  const { kind, apiVersion } = raw;
  if (typeof kind !== "string" || typeof apiVersion !== "string") {
    const field = typeof apiVersion === "string" ? "kind" : "apiVersion";
    const message = `expected a string such as ${field === "kind" ? "Pod" : "v1"}, got ${valueText(raw[field])}; add it`;
    result.problems.push({ path: [...at, field], message });
    return;
  }
  if (isKind(kind)) readKind(kind, raw, at, result);
  else if (kind.endsWith("List") && Array.isArray(raw.items)) {
    raw.items.forEach((item: unknown, i) => {
      // The items of a PodList and its like need not say what they are.
      const typed =
        kind !== "List" && isFields(item) ? { apiVersion, kind: kind.slice(0, -"List".length), ...item } : item;
      readInto(typed, [...at, "items", i], result);
    });
  } else readOther(kind, apiVersion, at, result);
}

/**
 * Reads one document: an object, or a List of them. Paths of problems and notes start at the document's root. Notes may
 * repeat: whoever shows them shows each text once.
 */
export function readObjects(document: unknown): ReadResult {
  const result: ReadResult = { objects: [], problems: [], notes: [] };
  readInto(document, [], result);
  return result;
}
