import { suggestion } from "../near.ts";
import type { ObjectPath } from "../objects/finding.ts";
import { isOff } from "../objects/impairmentText.ts";
import type { Lab } from "../objects/lab.ts";
import type { LabImpairment } from "../objects/labImpairment.ts";
import type { Checker } from "../vpc/checker.ts";
import { labVpcs } from "../vpc/labVpcs.ts";
import { wholeName } from "./points.ts";

const isOn = (value: string | number | undefined): boolean => value !== undefined && !isOff(String(value));

/** Points that a lab without its machine can never have. Pods come and go. */
function checkPoint(check: Checker, path: ObjectPath, at: string, lab: Lab): void {
  const { nodes, hosts } = lab.spec;
  const [kind, name = "", ...more] = at.split("/");
  if (kind === "pod") return;
  const names = { node: nodes.map((n) => n.name), host: hosts.map((h) => h.name) };
  const gateways = labVpcs(lab).flatMap((v) => v.natGateways.map((g) => g.name));
  const expect = (what: string, wanted: string, there: readonly string[]) => {
    if (!there.includes(wanted))
      check.problem(path, `expected ${what} of the lab, got "${at}"; ${suggestion(wanted, there)}`);
  };
  if (more.length > 0)
    check.problem(path, `expected a pod with a namespace, such as pod/default/web-1, got "${at}"; write KIND/NAME`);
  else if (kind === "node" || kind === "host") expect(`a ${kind}`, name, names[kind]);
  else if (kind === "nat") expect("a NAT gateway", name, gateways);
  else expect("pod/, host/, node/ and a name, or an ENI of a node or host", kind, [...names.node, ...names.host]);
}

/** What has no effect by itself. */
export function impairmentNotes({ reorder, delay, jitter, rate, gap, distribution }: LabImpairment): string[] {
  const waits = isOn(delay) || isOn(jitter) || isOn(rate);
  const notes: string[] = [];
  if (isOn(reorder) && !waits)
    notes.push("reorder does nothing without a delay: no packet waits that could be overtaken");
  if (gap !== undefined && !isOn(reorder)) notes.push("gap does nothing without reorder");
  if (distribution !== undefined && !isOn(jitter)) notes.push("distribution does nothing without jitter");
  return notes;
}

/** A lab's impairments: points that exist, each direction of them once. */
export function checkImpairments(check: Checker, lab: Lab): void {
  const seen = new Map<string, ObjectPath>();
  lab.spec.impairments.forEach((entry, i) => {
    const path = ["spec", "impairments", i];
    checkPoint(check, [...path, "at"], entry.at, lab);
    for (const direction of entry.direction === "both" ? ["out", "in"] : [entry.direction])
      check.unique([...path, "at"], "point and direction", `${wholeName(entry.at)} ${direction}`, seen);
    for (const message of impairmentNotes(entry)) check.notes.push({ path, message });
  });
}
