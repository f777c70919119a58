import { z } from "zod";
import { notEmpty } from "./fields.ts";

/** Most terms of a list and most tags of a term (Karpenter's EC2NodeClass). */
const TERMS_MAX = 30;
const TAGS_MAX = 20;

/** Value of a tag that any value matches. */
export const ANY_VALUE = "*";

/** What a selector term may say: each of its fields must hold. */
export interface SelectorTerm {
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly id?: string | undefined;
  readonly name?: string | undefined;
}

const tags = z
  .record(z.string(), z.string())
  .refine((t) => Object.entries(t).every(([key, value]) => key !== "" && value !== ""), {
    error: `expected tags with keys and values that are not empty (${ANY_VALUE} matches any value)`,
  })
  .refine((t) => Object.keys(t).length > 0, { error: "expected at least one tag" })
  .refine((t) => Object.keys(t).length <= TAGS_MAX, { error: `expected at most ${TAGS_MAX} tags` });

/**
 * A term {tags | id} with further fields. An id stands alone, and so does a name.
 *
 * @param beside fields that may stand beside tags.
 */
export function tagTerm<T extends z.core.$ZodLooseShape>(further: T, beside: readonly string[] = []) {
  const ways = ["tags", "id", ...Object.keys(further).filter((field) => !beside.includes(field))];
  return z.strictObject({ tags: tags.optional(), id: notEmpty.optional(), ...further }).superRefine((term, context) => {
    const written = Object.keys(term);
    const used = ways.filter((way) => written.includes(way));
    const message = (text: string) => context.addIssue({ code: "custom", message: text });
    if (used.length === 0) message(`a selector term needs ${ways.join(" or ")}; add one of them`);
    else if (used.length > 1)
      message(`a selector term has one of ${ways.join(", ")}, got ${used.join(" and ")}; make them two terms`);
  });
}

const list = <T extends z.ZodType>(term: T) => z.array(term).min(1).max(TERMS_MAX);

export const subnetTerms = list(tagTerm({}));
export const securityGroupTerms = list(tagTerm({ name: notEmpty.optional() }));
