import type { CapacityAnswer } from "../control/ipam/capacity.ts";
import { plural } from "../control/ipam/capacitySubnet.ts";
import type { NodeCapacity } from "../control/labCapacity.ts";
import { compareNames } from "../control/near.ts";
import { type InstanceType, podCeiling } from "../control/vpc/instanceTypes.ts";
import { bold, red, table, wrap } from "./output.ts";

/** From this width on tables have their further columns. */
const WIDE = 110;
const LABEL_GAP = 2;
/** The labels of details fit. */
const LABEL_MIN = 7;

interface Column<T> {
  readonly header: string;
  readonly cell: (row: T) => string | number | null;
  readonly wideOnly?: boolean;
}

function tableOf<T>(columns: readonly Column<T>[], rows: readonly T[], width: number): string {
  const shown = columns.filter((c) => width >= WIDE || c.wideOnly !== true);
  return table(
    shown.map((c) => c.header),
    rows.map((row) => shown.map((c) => c.cell(row))),
  );
}

const MODE_COLUMNS: readonly Column<CapacityAnswer>[] = [
  { header: "MODE", cell: (a) => a.mode },
  { header: "ENIS", cell: (a) => a.enis },
  { header: "SLOTS", cell: (a) => a.slots },
  { header: "ADDRESSES", cell: (a) => a.addresses, wideOnly: true },
  { header: "IPS", cell: (a) => a.podAddresses },
  { header: "BRANCH", cell: (a) => a.branchEnis, wideOnly: true },
  { header: "MAX-PODS", cell: (a) => a.maxPods.formula },
  { header: "CAPPED", cell: (a) => a.maxPods.recommended },
  { header: "NODEADM", cell: (a) => a.maxPods.nodeadm },
  { header: "MEMORY-MIB", cell: (a) => a.maxPods.memory, wideOnly: true },
  { header: "IDLE", cell: (a) => a.idle?.addresses ?? null },
  { header: "PODS", cell: (a) => a.pods },
];

/** Instance type and its modes, for people: a table, then for each mode the limit that binds first. */
export function typeText(type: InstanceType, answers: readonly CapacityAnswer[], width: number): string {
  const lines = [bold(wrap(typeLine(type), width, "  ")), "", tableOf(MODE_COLUMNS, answers, width), ""];
  const label = Math.max(LABEL_MIN, ...answers.map((a) => a.mode.length)) + LABEL_GAP;
  for (const a of answers) {
    const text = labelled(a.mode, a.sentence, label, width);
    lines.push(a.fits === false ? red(text) : text);
  }
  const [only] = answers;
  if (answers.length === 1) lines.push(...detailLines(only, label, width));
  const notes = new Set(answers.flatMap((a) => a.notes));
  for (const note of notes) lines.push("", wrap(`note: ${note}`, width, "      "));
  return lines.join("\n");
}

const NODE_COLUMNS: readonly Column<NodeCapacity>[] = [
  { header: "NODE", cell: (n) => n.node },
  { header: "TYPE", cell: (n) => n.answer.instanceType },
  { header: "MODE", cell: (n) => n.answer.mode, wideOnly: true },
  { header: "ZONE", cell: (n) => n.zone },
  { header: "SUBNET", cell: (n) => n.subnet },
  { header: "POD-SUBNET", cell: (n) => n.podSubnet },
  { header: "ENIS", cell: (n) => n.answer.enis },
  { header: "IPS", cell: (n) => n.answer.podAddresses },
  { header: "PODS", cell: (n) => n.answer.pods },
];

/** The nodes of a lab, for people: where they and their pods are, then what binds first. */
export function nodesText(nodes: readonly NodeCapacity[], width: number): string {
  const label = Math.max(LABEL_MIN, ...nodes.map((n) => n.node.length)) + LABEL_GAP;
  const lines = nodes.map(({ node, answer }) => {
    const loss =
      answer.withPrimary === null || answer.pods === 0
        ? ""
        : `; ${answer.podAddresses} addresses for pods, not ${answer.withPrimary}, because the primary ENI gives none`;
    const text = labelled(node, answer.sentence + loss, label, width);
    return answer.pods === 0 ? red(text) : text;
  });
  return [tableOf(NODE_COLUMNS, nodes, width), "", ...lines].join("\n");
}

function typeLine(t: InstanceType): string {
  const cards = t.networkCards === 1 ? "" : ` on card ${t.defaultNetworkCard} of ${t.networkCards}`;
  return [
    `${t.name}: ${t.vcpus === null ? "vCPUs not known" : `${t.vcpus} vCPUs`}`,
    t.hypervisor,
    `${t.enis} ENIs x ${t.addressesPerEni} addresses${cards}`,
    t.trunk === "yes" ? `${t.branchEnis} branch ENIs` : "no trunk",
  ].join(", ");
}

/** All limits and what follows from them, where one mode is asked for. */
function detailLines(a: CapacityAnswer, label: number, width: number): string[] {
  const { maxPods } = a;
  const rows: [label: string, text: string][] = a.limits
    .slice(1)
    .map((limit) => ["", `then ${limit.pods} by ${limit.kind}: ${limit.text}`]);
  if (a.withPrimary !== null)
    rows.push([
      "density",
      `the primary ENI gives pods no address: ${a.podAddresses} addresses for pods, which were ${a.withPrimary} in the nodes' own subnet`,
    ]);
  if (a.idle !== null) rows.push(["idle", `${held(a.idle)} before it has a pod`]);
  if (a.held !== null)
    rows.push(["held", `${held(a.held)} with ${plural(Math.min(a.asked ?? a.pods, a.pods), "pod")}`]);
  if (a.nodesInSubnets !== null)
    rows.push([
      "subnet",
      `holds ${plural(a.nodesInSubnets, "node")} with ${plural(a.asked ?? a.pods, "pod")} each, warm pools not counted`,
    ]);
  if (maxPods.memory !== null)
    rows.push(["kubelet", `max-pods ${maxPods.inEffect}; nodeadm keeps ${maxPods.memory} MiB of memory for it`]);
  if (maxPods.nodeadm !== null)
    rows.push([
      "nodeadm",
      maxPods.nodeadmExpression === null
        ? `computes max-pods ${maxPods.nodeadm} by itself`
        : `computes max-pods ${maxPods.nodeadm}; for ${maxPods.recommended} set maxPodsExpression: "${maxPods.nodeadmExpression}"`,
    ]);
  return rows.map(([name, text]) => labelled(name, text, label, width));
}

function held(h: { readonly enis: number; readonly addresses: number }): string {
  return `holds ${plural(h.addresses, "address", "addresses")} on ${plural(h.enis, "ENI")}`;
}

/** A text beside its name, wrapped. */
function labelled(name: string, text: string, label: number, width: number): string {
  const [first, ...rest] = wrap(text, width - label, "").split("\n");
  return [name.padEnd(label) + first, ...rest.map((line) => " ".repeat(label) + line)].join("\n");
}

/** A type with its answers by the names of modes. */
export interface TypeRow {
  readonly type: InstanceType;
  readonly answers: ReadonlyMap<string, CapacityAnswer>;
}

const max = (row: TypeRow, mode: string): number | null => row.answers.get(mode)?.maxPods.formula ?? null;

const TYPE_COLUMNS: readonly Column<TypeRow>[] = [
  { header: "TYPE", cell: (r) => r.type.name },
  { header: "VCPU", cell: (r) => r.type.vcpus, wideOnly: true },
  { header: "HYPERVISOR", cell: (r) => r.type.hypervisor, wideOnly: true },
  { header: "SLOTS", cell: (r) => `${r.type.enis}x${r.type.addressesPerEni - 1}` },
  { header: "IPS", cell: (r) => r.answers.get("secondary")?.podAddresses ?? null },
  { header: "PODS", cell: (r) => max(r, "secondary") },
  { header: "/28-IPS", cell: (r) => r.answers.get("prefix")?.podAddresses ?? null, wideOnly: true },
  { header: "/28", cell: (r) => max(r, "prefix") },
  { header: "CUSTOM", cell: (r) => max(r, "custom") },
  { header: "C-/28", cell: (r) => max(r, "custom-prefix") },
  { header: "CAP", cell: (r) => podCeiling(r.type) },
  { header: "BRANCH", cell: (r) => r.answers.get("pod-eni")?.branchEnis ?? null },
  { header: "AUTO", cell: (r) => r.answers.get("auto")?.maxPods.recommended ?? null },
  { header: "AUTO-PODS", cell: (r) => r.answers.get("auto-pod-subnets")?.maxPods.recommended ?? null, wideOnly: true },
];

const familyOf = (type: InstanceType): string => type.name.slice(0, type.name.indexOf("."));

/** One row for each type, family by family: slots, addresses, max-pods by the modes, branch ENIs. */
export function allTypesText(rows: readonly TypeRow[], width: number): string {
  const sorted = [...rows].sort((a, b) => compareNames(familyOf(a.type), familyOf(b.type)));
  return tableOf(TYPE_COLUMNS, sorted, width);
}
