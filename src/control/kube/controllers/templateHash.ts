import type { PodTemplate } from "../../objects/deployment.ts";

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
/** No vowels, nor what looks like them (kubernetes apimachinery, util/rand: alphanums). */
const LETTERS = "bcdfghjklmnpqrstvwxz2456789";

const hashes = new WeakMap<PodTemplate, string>();

/** JSON with the fields of every object in the order of their names. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, v: unknown) =>
    typeof v === "object" && v !== null && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );
}

/**
 * The value of a template's `pod-template-hash`: FNV-1a of its content, in the letters that Kubernetes takes
 * (pkg/controller, ComputeHash and SafeEncodeString). Templates that say the same have the same one; it is not the one that
 * a cluster would give, which hashes Go structures.
 */
export function templateHash(template: PodTemplate): string {
  const known = hashes.get(template);
  if (known !== undefined) return known;
  let hash = FNV_OFFSET;
  for (const byte of new TextEncoder().encode(canonical(template))) hash = Math.imul(hash ^ byte, FNV_PRIME);
  const text = [...String(hash >>> 0)].map((c) => LETTERS[c.charCodeAt(0) % LETTERS.length]).join("");
  hashes.set(template, text);
  return text;
}
