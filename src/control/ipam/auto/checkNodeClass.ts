import { suggestion } from "../../near.ts";
import type { ObjectPath } from "../../objects/finding.ts";
import type { Lab, LabNode } from "../../objects/lab.ts";
import type { NodeClass } from "../../objects/nodeClass.ts";
import type { ObjectProblem } from "../../objects/objectError.ts";
import { ANY_VALUE, type SelectorTerm } from "../../objects/selectorTerms.ts";
import { instanceType, usableSlots } from "../../vpc/instanceTypes.ts";
import { unknownReference } from "../../vpc/references.ts";
import { type LabSubnet, matchesTerm, select, tagsOf } from "./selectors.ts";
import { staticInterfaces } from "./settings.ts";

/** The NodeClass that every Auto Mode cluster has, and that nodes without another one use. */
export const DEFAULT_NODE_CLASS = "default";

type Selectable = Parameters<typeof matchesTerm>[1];

/** Why a term selects nothing, and what may have been meant. */
function nothing(term: SelectorTerm, what: string, objects: readonly Selectable[]): string {
  const reference = term.id ?? term.name;
  if (reference !== undefined) return unknownReference(what, reference, objects);
  const tags = Object.entries(term.tags ?? {});
  const text = tags.map(([key, value]) => `${key}=${value}`).join(", ");
  const expected = `expected tags of a ${what} of the lab, got ${text}`;
  for (const [key, value] of tags) {
    const having = objects.map(tagsOf).filter((t) => Object.hasOwn(t, key));
    if (having.length === 0)
      return `${expected}; no ${what} has tag ${key}, ${suggestion(
        key,
        objects.flatMap((o) => Object.keys(tagsOf(o))),
      )}`;
    const values = having.map((t) => t[key]);
    if (value !== ANY_VALUE && !values.includes(value))
      return `${expected}; no ${what} has ${key}=${value}, ${suggestion(value, values)}`;
  }
  return `${expected}; no ${what} has all of them, make them terms of their own where one is enough`;
}

class NodeClassCheck {
  readonly problems: ObjectProblem[] = [];
  readonly #lab: Lab;
  readonly #nodeClass: NodeClass;

  constructor(lab: Lab, nodeClass: NodeClass) {
    this.#lab = lab;
    this.#nodeClass = nodeClass;
  }

  run(nodes: readonly LabNode[]): void {
    const { spec } = this.#nodeClass;
    const { subnets, securityGroups } = this.#lab.spec.vpc;
    const selected = this.#select("subnetSelectorTerms", spec.subnetSelectorTerms, "subnet", subnets);
    this.#select("securityGroupSelectorTerms", spec.securityGroupSelectorTerms, "security group", securityGroups);
    this.#select("podSubnetSelectorTerms", spec.podSubnetSelectorTerms, "subnet", subnets);
    this.#select("podSecurityGroupSelectorTerms", spec.podSecurityGroupSelectorTerms, "security group", securityGroups);
    this.#interfaces(nodes);
    if (selected.length > 0) this.#nodeSubnets(nodes, selected);
  }

  /** What the interfaces ask for and an instance type of the class's nodes has not. */
  #interfaces(nodes: readonly LabNode[]): void {
    const types = new Set(nodes.map((node) => node.instanceType));
    for (const type of [...types].flatMap((name) => instanceType(name) ?? []))
      staticInterfaces(this.#nodeClass)?.forEach(({ index, deviceNumber, secondaryAddresses, prefixes }) => {
        const path = ["spec", "advancedNetworking", "networkInterfaces", index];
        const slots = usableSlots(type);
        if (deviceNumber >= type.enis)
          this.#problem(
            [...path, "deviceIndex"],
            `expected a device of ${type.name}, which has ${type.enis} ENIs, got ${deviceNumber}; write at most ${type.enis - 1}`,
          );
        if (secondaryAddresses > slots)
          this.#problem(
            [...path, "secondaryIPv4Count"],
            `expected at most the ${slots} addresses that an ENI of ${type.name} takes, got ${secondaryAddresses}; write fewer`,
          );
        if (prefixes > slots)
          this.#problem(
            [...path, "secondaryIPv4PrefixCount"],
            `expected at most the ${slots} prefixes that an ENI of ${type.name} takes, got ${prefixes}; write fewer`,
          );
      });
  }

  /** What the terms select; a term that selects nothing is a problem. */
  #select<T extends Selectable>(
    field: string,
    terms: readonly SelectorTerm[] | undefined,
    what: string,
    objects: readonly T[],
  ): T[] {
    if (terms === undefined) return [];
    terms.forEach((term, i) => {
      if (!objects.some((object) => matchesTerm(term, object)))
        this.#problem(["spec", field, i], nothing(term, what, objects));
    });
    return select(terms, objects);
  }

  #nodeSubnets(nodes: readonly LabNode[], selected: readonly LabSubnet[]): void {
    const names = selected.map((s) => s.name);
    for (const node of nodes)
      if (!names.includes(node.subnet))
        this.#problem(
          ["spec", "subnetSelectorTerms"],
          `expected to select ${node.subnet}, the subnet of node ${node.name}, got ${names.join(", ")}; add a term, or change the node's subnet`,
        );
  }

  #problem(path: ObjectPath, message: string): void {
    this.problems.push({ object: this.#nodeClass, path, message });
  }
}

/** What NodeClasses say that their lab has not: subnets, security groups, classes of nodes. */
export function checkNodeClasses(lab: Lab, nodeClasses: readonly NodeClass[]): ObjectProblem[] {
  const problems: ObjectProblem[] = [];
  const names = [DEFAULT_NODE_CLASS, ...nodeClasses.map((c) => c.metadata.name)];
  lab.spec.nodes.forEach((node, i) => {
    if (node.nodeClass === undefined || names.includes(node.nodeClass)) return;
    const message = `expected a NodeClass, got "${node.nodeClass}"; ${suggestion(node.nodeClass, names)}`;
    problems.push({ object: lab, path: ["spec", "nodes", i, "nodeClass"], message });
  });
  for (const nodeClass of nodeClasses) {
    const check = new NodeClassCheck(lab, nodeClass);
    check.run(lab.spec.nodes.filter((node) => (node.nodeClass ?? DEFAULT_NODE_CLASS) === nodeClass.metadata.name));
    problems.push(...check.problems);
  }
  return problems;
}
