import { explainIssue, valueText } from "../objects/explain.ts";
import type { Finding, ObjectPath } from "../objects/finding.ts";
import {
  EC2_ANSWERS,
  type Ec2Answers,
  type Ec2Key,
  emptyAnswers,
  isEc2Answer,
  isEc2Key,
  isSilent,
} from "./ec2Shapes.ts";
import { KUBE_SHAPES, type KubeObject, kubeObjectSchema } from "./kubeShapes.ts";
import type { ImportNotes } from "./notes.ts";

/** What a document is expected to be, by the option that named its file. */
export type SourceKind = "kubectl" | "ec2";

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const ANSWERS = Object.keys(EC2_ANSWERS).join(", ");

/** Everything that the files of an import say, each object once. */
export class Observed {
  readonly ec2: Ec2Answers = emptyAnswers();
  readonly objects: KubeObject[] = [];
  readonly #notes: ImportNotes;
  readonly #ids = new Set<string>();

  constructor(notes: ImportNotes) {
    this.#notes = notes;
  }

  /** Takes in a document. @returns what is wrong with it, with places in the document; nothing of it counts then. */
  add(document: unknown, kind: SourceKind): Finding[] {
    if (!isFields(document)) {
      const what =
        kind === "ec2" ? "an answer of aws ec2 describe-..." : "an object or a List of kubectl get -o json|yaml";
      return [{ path: [], message: `expected ${what}, got ${valueText(document ?? undefined)}` }];
    }
    const answer = isEc2Answer(document);
    if (kind === "kubectl" && answer)
      return [{ path: [], message: "expected Kubernetes objects, got an answer of aws ec2; give the file with --ec2" }];
    if (kind === "ec2" && "kind" in document)
      return [
        { path: [], message: "expected an answer of aws ec2, got Kubernetes objects; give the file with --kubectl" },
      ];
    if (kind === "kubectl") return this.#addObjects(document, []);
    if (answer) return this.#addAnswers(document);
    const message = `expected an answer of aws ec2 describe-... with one of ${ANSWERS}, got ${valueText(Object.keys(document))}`;
    return [{ path: [], message }];
  }

  #addAnswers(document: Fields): Finding[] {
    return Object.keys(document).flatMap((key) => {
      if (isEc2Key(key)) return this.#addAnswer(key, document[key]);
      if (!isSilent(key)) this.#notes.add(key, "no such answer is read: it is left out");
      return [];
    });
  }

  #addAnswer<K extends Ec2Key>(key: K, value: unknown): Finding[] {
    if (!Array.isArray(value)) return [{ path: [key], message: `expected a list, got ${valueText(value)}` }];
    const schema = EC2_ANSWERS[key];
    const items = this.ec2[key] as unknown[];
    return value.flatMap((item: unknown, i) => {
      const parsed = schema.safeParse(item);
      if (!parsed.success)
        return parsed.error.issues.flatMap((issue) =>
          explainIssue(issue, schema, item).map(({ path, message }) => ({ path: [key, i, ...path], message })),
        );
      if (this.#isNew(JSON.stringify([key, parsed.data]))) items.push(parsed.data);
      return [];
    });
  }

  #addObjects(document: Fields, at: ObjectPath): Finding[] {
    const { kind, items } = document;
    if (typeof kind === "string" && kind.endsWith("List") && Array.isArray(items)) {
      const itemKind = kind === "List" ? {} : { apiVersion: document.apiVersion, kind: kind.slice(0, -"List".length) };
      return items.flatMap((item: unknown, i) => {
        const path = [...at, "items", i];
        if (isFields(item)) return this.#addObjects({ ...itemKind, ...item }, path);
        return [{ path, message: `expected a Kubernetes object, got ${valueText(item ?? undefined)}` }];
      });
    }
    const parsed = kubeObjectSchema.safeParse(document);
    const shape = KUBE_SHAPES.get(String(kind)) ?? kubeObjectSchema;
    const { error } = parsed.success ? shape.safeParse(document) : parsed;
    if (error !== undefined || !parsed.success) {
      const schema = parsed.success ? shape : kubeObjectSchema;
      return (error?.issues ?? []).flatMap((issue) =>
        explainIssue(issue, schema, document).map((f) => ({ ...f, path: [...at, ...f.path] })),
      );
    }
    if (this.#isNew(objectName(parsed.data))) this.objects.push(parsed.data);
    return [];
  }

  /** Files may overlap: what comes again is the same. */
  #isNew(key: string): boolean {
    if (this.#ids.has(key)) return false;
    this.#ids.add(key);
    return true;
  }

  /** Objects of a kind, in the order in which they came. */
  ofKind(kind: string): KubeObject[] {
    return this.objects.filter((object) => object.kind === kind);
  }
}

/** `pod/default/web-1`, `node/ip-10-0-1-4.ec2.internal`: how an object is called in the report. */
export function objectName({ kind, metadata }: KubeObject): string {
  return [kind.toLowerCase(), metadata.namespace, metadata.name].filter((part) => part !== undefined).join("/");
}
