import type { Ec2Tags } from "./ec2Shapes.ts";

/** Longest DNS-1123 label. */
const LABEL_MAX = 63;

/** A text as a DNS-1123 label; empty where nothing of it is left. */
function labelOf(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, LABEL_MAX)
    .replaceAll(/^-+|-+$/g, "");
}

/** Names that a lab's objects of one kind get: DNS-1123 labels, each once. */
export class UniqueNames {
  readonly #taken: Set<string>;

  /** @param taken names that none of them may have. */
  constructor(taken: Iterable<string> = []) {
    this.#taken = new Set(taken);
  }

  /** @param texts what it could be called, the best first; one that makes no label is passed over. */
  name(...texts: readonly (string | undefined)[]): string {
    const label = texts.map((text) => labelOf(text ?? "")).find((text) => text !== "") ?? "unnamed";
    let name = label;
    for (let n = 2; this.#taken.has(name); n++) {
      const suffix = `-${n}`;
      name = label.slice(0, LABEL_MAX - suffix.length) + suffix;
    }
    this.#taken.add(name);
    return name;
  }
}

/** Value of a tag, or undefined. */
export function tagOf(tags: Ec2Tags, key: string): string | undefined {
  return tags.find((tag) => tag.Key === key)?.Value;
}

/** The Name tag, which is what the console calls an object. */
export function nameTag(tags: Ec2Tags): string | undefined {
  return tagOf(tags, "Name");
}

/** Tags as a lab writes them; nothing where there are none. */
export function tagFields(tags: Ec2Tags): { tags?: Record<string, string> } {
  return tags.length === 0 ? {} : { tags: Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])) };
}
