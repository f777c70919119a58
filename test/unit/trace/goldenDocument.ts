import { readFileSync, writeFileSync } from "node:fs";

/** A document of test/golden: what is shown, a lab, packets, and what the trace says of them. */
export interface GoldenDocument {
  readonly title: string;
  /** File of the lab, relative to the document; null: `yaml` is all of it, or there is none. */
  readonly lab: string | null;
  /** Settings of it that are other ones: `spec.cluster.kubeProxy.mode=nftables`. */
  readonly settings: readonly string[];
  /** Blocks of YAML, by their names; "" is part of the lab from the beginning, others are applied by name. */
  readonly objects: ReadonlyMap<string, string>;
  /** Blocks of JSON, by their names: rows of the plane. */
  readonly rows: ReadonlyMap<string, string>;
  /** Text of the packets; null: nothing leads there, and the document says why. */
  readonly packets: string | null;
  readonly trace: string | null;
}

const BLOCK = /^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm;

export function readDocument(file: string): GoldenDocument {
  const text = readFileSync(file, "utf8");
  const title = /^# `?([^`\n]+)`?$/m.exec(text)?.[1] ?? "";
  const lab = /^Lab: (?:\[[^\]]+\]\(([^)]+)\))?(.*)$/m.exec(text);
  const objects = new Map<string, string>();
  const rows = new Map<string, string>();
  let packets: string | null = null;
  let trace: string | null = null;
  for (const [, language, name, body] of text.matchAll(BLOCK)) {
    if (language === "yaml") objects.set(name ?? "", body);
    else if (language === "json") rows.set(name ?? "", body);
    else if (language === "packets") packets = body;
    else if (language === "trace") trace = body;
  }
  const settings = [...(lab?.[2] ?? "").matchAll(/`([^`]+)`/g)].map(([, setting]) => setting);
  return { title, lab: lab?.[1] ?? null, settings, objects, rows, packets, trace };
}

/** Replaces the trace of a document. */
export function writeTrace(file: string, trace: string): void {
  const text = readFileSync(file, "utf8");
  const block = `\`\`\`trace\n${trace}\`\`\``;
  const at = /^```trace\n[\s\S]*?^```$/m;
  writeFileSync(file, at.test(text) ? text.replace(at, () => block) : `${text.trimEnd()}\n\n${block}\n`);
}
