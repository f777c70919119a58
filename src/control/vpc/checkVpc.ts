import { suggestion } from "../near.ts";
import type { ObjectPath } from "../objects/finding.ts";
import type { Lab, LabVpc } from "../objects/lab.ts";
import { blockText, type Checker } from "./checker.ts";
import { checkReservations } from "./checkReservations.ts";
import { type Cidr, cidrText, containsCidr, overlaps, toCidr } from "./cidr.ts";
import { associationProblem, primaryProblem, sizeProblem } from "./cidrAssociation.ts";
import { labVpcs, vpcPath } from "./labVpcs.ts";
import { IMPLICIT_MAIN } from "./model.ts";

/** Sizes of the service CIDR that EKS takes. */
const SERVICE_LARGEST = 12;
const SERVICE_SMALLEST = 24;

function checkBlocks(check: Checker, vpc: LabVpc, path: ObjectPath): Cidr[] {
  const blocks = vpc.cidrBlocks.map((text, i) => check.cidr([...path, "cidrBlocks", i], text));
  blocks.forEach((block, i) => {
    const problem = i === 0 ? primaryProblem(block) : associationProblem(blocks[0], blocks.slice(0, i), block);
    if (problem !== null) check.problem([...path, "cidrBlocks", i], problem);
  });
  return blocks;
}

/** @param names of all subnets of the lab so far: machines and gateways name a subnet without its VPC. */
function checkSubnets(
  check: Checker,
  lab: Lab,
  vpc: LabVpc,
  at: ObjectPath,
  vpcBlocks: readonly Cidr[],
  names: Map<string, ObjectPath>,
): void {
  const { subnets, routeTables, cidrBlocks } = vpc;
  const tables = routeTables.map((t) => t.name);
  if (!routeTables.some((t) => t.main)) tables.push(IMPLICIT_MAIN);
  const blocks = subnets.map((s, i) => check.cidr([...at, "subnets", i, "cidrBlock"], s.cidrBlock));
  subnets.forEach((subnet, i) => {
    const path = [...at, "subnets", i];
    const block = blocks[i];
    check.unique([...path, "name"], "subnet name", subnet.name, names);
    const text = blockText(subnet.cidrBlock, block);
    const where = [...path, "cidrBlock"];
    const size = sizeProblem(block);
    if (size !== null) check.problem(where, size);
    if (!vpcBlocks.some((b) => containsCidr(b, block)))
      check.problem(
        where,
        `expected a block inside the VPC (${cidrBlocks.join(", ")}), got ${text}; change it, or add a block to the VPC`,
      );
    const other = blocks.slice(0, i).findIndex((b) => overlaps(b, block));
    if (other >= 0) {
      const met = `${subnets[other].name} ${blockText(subnets[other].cidrBlock, blocks[other])}`;
      check.problem(
        where,
        `expected a block that overlaps no other subnet, got ${text}, which overlaps ${met}; move one of them`,
      );
    }
    if (!subnet.availabilityZone.startsWith(lab.spec.region))
      check.problem(
        [...path, "availabilityZone"],
        `expected a zone of ${lab.spec.region}, got "${subnet.availabilityZone}"; write ${lab.spec.region}a, or change spec.region`,
      );
    if (subnet.routeTable !== undefined && !tables.includes(subnet.routeTable))
      check.problem(
        [...path, "routeTable"],
        `expected a route table of the VPC, got "${subnet.routeTable}"; ${suggestion(subnet.routeTable, tables)}`,
      );
    checkReservations(check, path, subnet, block);
  });
}

function checkCluster(check: Checker, lab: Lab): void {
  const { cluster } = lab.spec;
  const path = ["spec", "cluster", "serviceCidr"];
  const block = check.cidr(path, cluster.serviceCidr);
  const text = blockText(cluster.serviceCidr, block);
  if (block.length < SERVICE_LARGEST || block.length > SERVICE_SMALLEST)
    check.problem(
      path,
      `expected a block from /${SERVICE_LARGEST} to /${SERVICE_SMALLEST}, got ${text}; EKS takes no other size`,
    );
  const met = lab.spec.vpc.cidrBlocks.map(toCidr).find((b) => overlaps(b, block));
  if (met !== undefined)
    check.problem(
      path,
      `expected a block apart from the VPC, got ${text}, which overlaps ${cidrText(met)}; choose another one`,
    );
  if (cluster.kubeProxy.clusterCIDR !== undefined)
    check.cidr(["spec", "cluster", "kubeProxy", "clusterCIDR"], cluster.kubeProxy.clusterCIDR);
}

/** The rules that EC2 and EKS have for the blocks and subnets of VPCs and for the service CIDR. */
export function checkVpc(check: Checker, lab: Lab): void {
  const vpcNames = new Map<string, ObjectPath>();
  const subnetNames = new Map<string, ObjectPath>();
  labVpcs(lab).forEach((vpc, i) => {
    const path = vpcPath(i);
    check.unique([...path, "name"], "VPC name", vpc.name, vpcNames);
    const blocks = checkBlocks(check, vpc, path);
    checkSubnets(check, lab, vpc, path, blocks, subnetNames);
  });
  checkCluster(check, lab);
}
