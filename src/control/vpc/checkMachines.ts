import { formatAddress, parseAddress } from "../../plane/wire/address.ts";
import { suggestion } from "../near.ts";
import { cniSettings } from "../objects/cniEnv.ts";
import type { ObjectPath } from "../objects/finding.ts";
import type { Lab, LabHost, LabVpc } from "../objects/lab.ts";
import { blockText, type Checker } from "./checker.ts";
import { checkNodeEnis } from "./checkNodeEnis.ts";
import { type Cidr, cidrText, containsAddress, toCidr } from "./cidr.ts";
import { instanceType, instanceTypeNames } from "./instanceTypes.ts";
import { labVpcs, vpcPath } from "./labVpcs.ts";
import { labNetworks } from "./networks.ts";
import { addressRefusal } from "./subnet.ts";

function checkSubnetName(check: Checker, path: ObjectPath, name: string, vpcs: readonly LabVpc[]): boolean {
  const names = vpcs.flatMap((v) => v.subnets.map((s) => s.name));
  if (names.includes(name)) return true;
  check.problem(path, `expected a subnet of the VPC, got "${name}"; ${suggestion(name, names)}`);
  return false;
}

/** Nodes are in the cluster's VPC: EKS takes no subnets of others. */
function checkNodeSubnet(check: Checker, path: ObjectPath, name: string, lab: Lab): void {
  const other = lab.spec.vpcs.find((v) => v.subnets.some((s) => s.name === name));
  if (other === undefined) checkSubnetName(check, path, name, [lab.spec.vpc]);
  else
    check.problem(
      path,
      `expected a subnet of the cluster's VPC ${lab.spec.vpc.name}, got ${name} of VPC ${other.name}; a cluster's nodes are in one VPC`,
    );
}

function checkNodes(
  check: Checker,
  lab: Lab,
  names: Map<string, ObjectPath>,
  publicIps: Map<string, ObjectPath>,
): void {
  const prefixes = cniSettings(lab.spec.cluster.cni.env).prefixDelegation || lab.spec.cluster.mode === "auto";
  lab.spec.nodes.forEach((node, i) => {
    const path = ["spec", "nodes", i];
    check.unique([...path, "name"], "name among nodes and hosts", node.name, names);
    checkNodeSubnet(check, [...path, "subnet"], node.subnet, lab);
    if (node.publicIp !== undefined) check.unique([...path, "publicIp"], "public IP", node.publicIp, publicIps);
    const type = instanceType(node.instanceType);
    const at = [...path, "instanceType"];
    if (type === null)
      check.problem(
        at,
        `expected an EC2 instance type, got "${node.instanceType}"; ${suggestion(node.instanceType, instanceTypeNames())}`,
      );
    else if (prefixes && !type.prefixes)
      check.notes.push({
        path: at,
        message: `${type.name} is no Nitro type and takes no prefixes: its pods get secondary IPs`,
      });
  });
}

function checkVpcHost(
  check: Checker,
  path: ObjectPath,
  host: LabHost,
  lab: Lab,
  taken: readonly Map<string, ObjectPath>[],
): void {
  const vpcs = labVpcs(lab);
  if (host.subnet === undefined || !checkSubnetName(check, [...path, "subnet"], host.subnet, vpcs)) return;
  const vpc = vpcs.findIndex((v) => v.subnets.some((s) => s.name === host.subnet));
  const subnet = vpcs[vpc]?.subnets.find((s) => s.name === host.subnet);
  const address = parseAddress(host.address);
  if (subnet === undefined || address === null) return;
  const block = toCidr(subnet.cidrBlock);
  const at = [...path, "address"];
  const where = `${subnet.name} ${blockText(subnet.cidrBlock, block)}`;
  const refusal = addressRefusal(block, address);
  if (refusal === "outside")
    check.problem(at, `expected an address of subnet ${where}, got ${host.address}; change it, or the host's subnet`);
  if (refusal === "reserved")
    check.problem(
      at,
      `expected an address that EC2 does not reserve, got ${host.address}; the first four and the last of ${where} are reserved`,
    );
  check.unique(at, "address", host.address, taken[vpc]);
}

const blocksOf = (vpcs: readonly LabVpc[]): Cidr[] => vpcs.flatMap((v) => v.cidrBlocks.map(toCidr));

function checkOutsideHost(
  check: Checker,
  path: ObjectPath,
  host: LabHost,
  lab: Lab,
  taken: Map<string, ObjectPath>,
): void {
  const networks = labNetworks(lab);
  const network = networks.find((n) => n.name === host.network);
  const address = parseAddress(host.address);
  if (network === undefined || address === null) {
    const names = networks.map((n) => n.name);
    check.problem(
      [...path, "network"],
      `expected a network of the lab, got "${host.network}"; ${suggestion(host.network ?? "", names)}`,
    );
    return;
  }
  const at = [...path, "address"];
  if (!network.cidrs.some((c) => containsAddress(c, address)))
    check.problem(
      at,
      `expected an address of network ${network.name} (${network.cidrs.map(cidrText).join(", ")}), got ${host.address}; change it`,
    );
  const inside = blocksOf(network.kind === "onPremises" ? [lab.spec.vpc] : labVpcs(lab)).find((c) =>
    containsAddress(c, address),
  );
  if (inside !== undefined)
    check.problem(
      at,
      `expected an address outside the VPC, got ${host.address} of ${cidrText(inside)}; change it, or write subnet for network`,
    );
  check.unique(at, "address", host.address, taken);
}

/** The public addresses that NAT gateways write. */
function checkGatewayIps(check: Checker, lab: Lab, publicIps: Map<string, ObjectPath>): void {
  labVpcs(lab).forEach((vpc, v) => {
    vpc.natGateways.forEach(({ publicIp }, i) => {
      if (publicIp !== undefined)
        check.unique([...vpcPath(v), "natGateways", i, "publicIp"], "public IP", publicIp, publicIps);
    });
  });
}

/** The private addresses that NAT gateways write, among those of hosts. */
function checkGatewayAddresses(check: Checker, lab: Lab, taken: readonly Map<string, ObjectPath>[]): void {
  labVpcs(lab).forEach((vpc, v) => {
    vpc.natGateways.forEach(({ privateIp }, i) => {
      if (privateIp !== undefined)
        check.unique([...vpcPath(v), "natGateways", i, "privateIp"], "address", privateIp, taken[v]);
    });
  });
}

/** Nodes and hosts: names, instance types, subnets, addresses. */
export function checkMachines(check: Checker, lab: Lab): void {
  const names = new Map<string, ObjectPath>();
  const vpcs = labVpcs(lab);
  // Two VPCs may have the same addresses.
  const inVpc = vpcs.map(() => new Map<string, ObjectPath>());
  const outside = new Map<string, ObjectPath>();
  const publicIps = new Map<string, ObjectPath>();
  const vpcBlocks = blocksOf(vpcs);
  checkNodes(check, lab, names, publicIps);
  checkNodeEnis(check, lab);
  lab.spec.hosts.forEach((host, i) => {
    const path = ["spec", "hosts", i];
    check.unique([...path, "name"], "name among nodes and hosts", host.name, names);
    if (host.subnet === undefined) checkOutsideHost(check, path, host, lab, outside);
    else checkVpcHost(check, path, host, lab, inVpc);
    if (host.publicIp !== undefined) check.unique([...path, "publicIp"], "public IP", host.publicIp, publicIps);
  });
  checkGatewayAddresses(check, lab, inVpc);
  checkGatewayIps(check, lab, publicIps);
  for (const [address, path] of publicIps) {
    const value = parseAddress(address);
    const block = value === null ? undefined : vpcBlocks.find((c) => containsAddress(c, value));
    if (value !== null && block !== undefined)
      check.problem(
        path,
        `expected a public address, got ${formatAddress(value)} of the VPC's ${cidrText(block)}; change it`,
      );
    if (outside.has(address))
      check.problem(path, `expected a public address that no host has, got ${address}; change it`);
  }
}
