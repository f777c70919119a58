import type { Lab } from "../../objects/lab.ts";
import { ANY_VALUE, type SelectorTerm } from "../../objects/selectorTerms.ts";

export type LabSubnet = Lab["spec"]["vpc"]["subnets"][number];
export type LabSecurityGroup = Lab["spec"]["vpc"]["securityGroups"][number];

/** What a selector term may find: a subnet or a security group of the lab. */
interface Selectable {
  readonly name: string;
  readonly id?: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

/** EC2 shows an object's name as this tag, so a lab's objects have it without writing it. */
const NAME_TAG = "Name";

/** A lab's object has the tags that are written, and its name as Name tag where that is not one of them. */
export function tagsOf(object: Selectable): Readonly<Record<string, string>> {
  return { [NAME_TAG]: object.name, ...object.tags };
}

/** Whether a term selects the object: all tags have their values (`*`: any), the id is its id or its name in the lab. */
export function matchesTerm(term: SelectorTerm, object: Selectable): boolean {
  if (term.id !== undefined && term.id !== object.id && term.id !== object.name) return false;
  if (term.name !== undefined && term.name !== object.name) return false;
  const tags = tagsOf(object);
  return Object.entries(term.tags ?? {}).every(
    ([key, value]) => Object.hasOwn(tags, key) && (value === ANY_VALUE || tags[key] === value),
  );
}

/** The objects that at least one of the terms selects, in the lab's order. */
export function select<T extends Selectable>(terms: readonly SelectorTerm[], objects: readonly T[]): T[] {
  return objects.filter((object) => terms.some((term) => matchesTerm(term, object)));
}
