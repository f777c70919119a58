import { suggestion } from "../near.ts";
import type { ObjectPath } from "../objects/finding.ts";
import type { Lab } from "../objects/lab.ts";
import { blockText, type Checker } from "./checker.ts";
import { checkReservations } from "./checkReservations.ts";
import { type Cidr, cidrText, containsCidr, overlaps } from "./cidr.ts";
import { associationProblem, primaryProblem, sizeProblem } from "./cidrAssociation.ts";
import { IMPLICIT_MAIN } from "./model.ts";
import { BLACKHOLE, INTERNET_GATEWAY, LOCAL, labNetworks, resolveTarget } from "./routes.ts";

/** Sizes of the service CIDR that EKS takes. */
const SERVICE_LARGEST = 12;
const SERVICE_SMALLEST = 24;

const VPC: ObjectPath = ["spec", "vpc"];

function checkBlocks(check: Checker, lab: Lab): Cidr[] {
  const blocks = lab.spec.vpc.cidrBlocks.map((text, i) => check.cidr([...VPC, "cidrBlocks", i], text));
  blocks.forEach((block, i) => {
    const problem = i === 0 ? primaryProblem(block) : associationProblem(blocks[0], blocks.slice(0, i), block);
    if (problem !== null) check.problem([...VPC, "cidrBlocks", i], problem);
  });
  return blocks;
}

function checkSubnets(check: Checker, lab: Lab, vpcBlocks: readonly Cidr[]): void {
  const { subnets, routeTables, cidrBlocks } = lab.spec.vpc;
  const names = new Map<string, ObjectPath>();
  const tables = routeTables.map((t) => t.name);
  if (!routeTables.some((t) => t.main)) tables.push(IMPLICIT_MAIN);
  const blocks = subnets.map((s, i) => check.cidr([...VPC, "subnets", i, "cidrBlock"], s.cidrBlock));
  subnets.forEach((subnet, i) => {
    const path = [...VPC, "subnets", i];
    const block = blocks[i];
    check.unique([...path, "name"], "subnet name", subnet.name, names);
    const text = blockText(subnet.cidrBlock, block);
    const at = [...path, "cidrBlock"];
    const size = sizeProblem(block);
    if (size !== null) check.problem(at, size);
    if (!vpcBlocks.some((b) => containsCidr(b, block)))
      check.problem(
        at,
        `expected a block inside the VPC (${cidrBlocks.join(", ")}), got ${text}; change it, or add a block to the VPC`,
      );
    const other = blocks.slice(0, i).findIndex((b) => overlaps(b, block));
    if (other >= 0) {
      const met = `${subnets[other].name} ${blockText(subnets[other].cidrBlock, blocks[other])}`;
      check.problem(
        at,
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

function checkRouteTables(check: Checker, lab: Lab, vpcBlocks: readonly Cidr[]): void {
  const { routeTables } = lab.spec.vpc;
  const networks = labNetworks(lab);
  const names = new Map<string, ObjectPath>();
  const mains = routeTables.filter((t) => t.main);
  routeTables.forEach((table, i) => {
    const path = [...VPC, "routeTables", i];
    check.unique([...path, "name"], "route table name", table.name, names);
    if (table.main && table !== mains[0])
      check.problem(
        [...path, "main"],
        `expected one main route table, got a second one beside ${mains[0].name}; remove main`,
      );
    if (mains.length === 0 && table.name === IMPLICIT_MAIN)
      check.problem(
        [...path, "name"],
        `expected "main: true" beside the name ${IMPLICIT_MAIN}, got none; add it, or rename the table`,
      );
    const seen: Cidr[] = [];
    table.routes.forEach((route, j) => {
      const at = [...path, "routes", j];
      const destination = check.cidr([...at, "destinationCidrBlock"], route.destinationCidrBlock);
      const text = blockText(route.destinationCidrBlock, destination);
      if (seen.some((s) => s.prefix === destination.prefix && s.length === destination.length))
        check.problem(
          [...at, "destinationCidrBlock"],
          `expected one route to ${text}, got a second one; remove one of them`,
        );
      seen.push(destination);
      const target = resolveTarget(route.target, destination, networks);
      if (typeof target === "string") {
        check.problem([...at, "target"], target);
        return;
      }
      const inVpc = vpcBlocks.find((b) => containsCidr(b, destination));
      const isBlock = inVpc !== undefined && inVpc.length === destination.length;
      if (target.kind === "local" && !isBlock)
        check.problem(
          [...at, "target"],
          `expected local for a block of the VPC alone, got it for ${text}; name another target`,
        );
      if (target.kind !== "local" && inVpc !== undefined)
        check.problem(
          [...at, "destinationCidrBlock"],
          `expected a destination outside the VPC, got ${text} inside ${cidrText(inVpc)}, which is local; remove the route`,
        );
    });
  });
}

function checkNetworks(check: Checker, lab: Lab): void {
  const names = new Map<string, ObjectPath>();
  let internet: string | null = null;
  lab.spec.networks.forEach((network, i) => {
    const path = ["spec", "networks", i];
    check.unique([...path, "name"], "network name", network.name, names);
    network.cidrBlocks.forEach((text, j) => {
      check.cidr([...path, "cidrBlocks", j], text);
    });
    if ([LOCAL, INTERNET_GATEWAY, BLACKHOLE].includes(network.name))
      check.problem(
        [...path, "name"],
        `expected a name that is no route target, got ${network.name}; rename the network`,
      );
    if (network.kind === "internet") {
      if (internet !== null)
        check.problem([...path, "kind"], `expected one internet, got a second one beside ${internet}; remove one`);
      internet = network.name;
      if (network.target !== undefined && network.target !== INTERNET_GATEWAY)
        check.problem(
          [...path, "target"],
          `expected ${INTERNET_GATEWAY} for the internet, got "${network.target}"; write ${INTERNET_GATEWAY}`,
        );
    } else if (network.target !== undefined && [LOCAL, INTERNET_GATEWAY, BLACKHOLE].includes(network.target)) {
      check.problem([...path, "target"], `expected a gateway such as tgw or vgw, got "${network.target}"; write tgw`);
    }
  });
}

function checkCluster(check: Checker, lab: Lab, vpcBlocks: readonly Cidr[]): void {
  const { cluster } = lab.spec;
  const path = ["spec", "cluster", "serviceCidr"];
  const block = check.cidr(path, cluster.serviceCidr);
  const text = blockText(cluster.serviceCidr, block);
  if (block.length < SERVICE_LARGEST || block.length > SERVICE_SMALLEST)
    check.problem(
      path,
      `expected a block from /${SERVICE_LARGEST} to /${SERVICE_SMALLEST}, got ${text}; EKS takes no other size`,
    );
  const met = vpcBlocks.find((b) => overlaps(b, block));
  if (met !== undefined)
    check.problem(
      path,
      `expected a block apart from the VPC, got ${text}, which overlaps ${cidrText(met)}; choose another one`,
    );
  if (cluster.kubeProxy.clusterCIDR !== undefined)
    check.cidr(["spec", "cluster", "kubeProxy", "clusterCIDR"], cluster.kubeProxy.clusterCIDR);
}

/** The rules that EC2 and EKS have for a VPC's blocks, subnets, route tables, the networks beyond and the service CIDR. */
export function checkVpc(check: Checker, lab: Lab): void {
  const blocks = checkBlocks(check, lab);
  checkSubnets(check, lab, blocks);
  checkNetworks(check, lab);
  checkRouteTables(check, lab, blocks);
  checkCluster(check, lab, blocks);
}
