import type { Change, ExplainedStep } from "./explain.ts";

/** Parts of an explanation in words, as `why` and `trace -v` both have them. */

/** Why, by which rule, and what it did: `AWS-SNAT-CHAIN-0: source 10.0.1.16:40000 -> 10.0.1.4:7025` */
export function stepText({ reason, rule, detail }: ExplainedStep): string {
  const by = rule === null ? detail : detail === "" ? rule : `${rule}: ${detail}`;
  return reason === null ? by : `${reason}: ${by}`;
}

/** `securitygroup/db ingress`, `pod/default/web-1, the size it sends` */
export function changeObject({ object, field }: Change): string {
  if (field === null) return object;
  const isWords = field.includes(" ") && !field.startsWith("env ");
  return `${object}${isWords ? "," : ""} ${field}`;
}
