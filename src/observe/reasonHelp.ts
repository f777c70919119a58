import { nearMatches } from "../control/near.ts";
import { REASONS } from "../plane/reasons.ts";
import { generalText } from "./adviceFor.ts";
import { type DropCode, REASON_ADVICE } from "./reasonAdvice.ts";

/** A reason with everything that is said of it, whatever packet meets it. */
export interface ReasonHelp {
  code: string;
  verdict: "DROPPED" | "REJECTED";
  text: string;
  /** The object to change and its field, with kinds in capitals where a packet would fill in names. */
  object: string;
  field: string | null;
  change: string;
  example: string;
  /** The Prometheus counter. */
  counter: string;
  /** Where docs/reasons.md has it. */
  link: string;
}

const DOCUMENT = "docs/reasons.md";

/** Everything about each reason, in the order of the table. */
export function allReasons(): ReasonHelp[] {
  return REASONS.slice(1).map(({ code, text, verdict }) => {
    const { object, field, change, example } = REASON_ADVICE[code as DropCode];
    return {
      code,
      verdict,
      text,
      object: generalText(object),
      field: field === "" ? null : generalText(field),
      change: generalText(change),
      example: generalText(example),
      counter: `podplane_drops_total{reason="${code}"}`,
      link: `${DOCUMENT}#${code.toLowerCase()}`,
    };
  });
}

/** A reason by its code, in any case; or, where there is none, those that somebody may have meant. */
export function reasonHelp(code: string): ReasonHelp | { near: string[] } {
  const all = allReasons();
  const wanted = code.toUpperCase().replaceAll("-", "_");
  const found = all.find((r) => r.code === wanted);
  if (found !== undefined) return found;
  const codes = all.map((r) => r.code);
  const near = nearMatches(wanted, codes);
  // Part of a code says more than how it is spelt: POLICY, SECURITY_GROUP.
  return { near: near.length > 0 ? near : codes.filter((c) => wanted !== "" && c.includes(wanted)) };
}
