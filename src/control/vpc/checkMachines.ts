import { formatAddress, parseAddress } from "../../plane/wire/address.ts";
import { suggestion } from "../near.ts";
import { cniSettings } from "../objects/cniEnv.ts";
import type { ObjectPath } from "../objects/finding.ts";
import type { Lab, LabHost } from "../objects/lab.ts";
import { blockText, type Checker } from "./checker.ts";
import { type Cidr, cidrText, containsAddress, toCidr } from "./cidr.ts";
import { instanceType, instanceTypeNames } from "./instanceTypes.ts";
import { labNetworks } from "./routes.ts";
import { addressRefusal } from "./subnet.ts";

function checkSubnetName(check: Checker, path: ObjectPath, name: string, lab: Lab): boolean {
  const names = lab.spec.vpc.subnets.map((s) => s.name);
  if (names.includes(name)) return true;
  check.problem(path, `expected a subnet of the VPC, got "${name}"; ${suggestion(name, names)}`);
  return false;
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
    checkSubnetName(check, [...path, "subnet"], node.subnet, lab);
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

function checkVpcHost(check: Checker, path: ObjectPath, host: LabHost, lab: Lab, taken: Map<string, ObjectPath>): void {
  if (host.subnet === undefined || !checkSubnetName(check, [...path, "subnet"], host.subnet, lab)) return;
  const subnet = lab.spec.vpc.subnets.find((s) => s.name === host.subnet);
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
  check.unique(at, "address", host.address, taken);
}

function checkOutsideHost(
  check: Checker,
  path: ObjectPath,
  host: LabHost,
  lab: Lab,
  vpcBlocks: readonly Cidr[],
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
  const inside = vpcBlocks.find((c) => containsAddress(c, address));
  if (inside !== undefined)
    check.problem(
      at,
      `expected an address outside the VPC, got ${host.address} of ${cidrText(inside)}; change it, or write subnet for network`,
    );
  check.unique(at, "address", host.address, taken);
}

/** Nodes and hosts: names, instance types, subnets, addresses. */
export function checkMachines(check: Checker, lab: Lab): void {
  const names = new Map<string, ObjectPath>();
  const addresses = new Map<string, ObjectPath>();
  const publicIps = new Map<string, ObjectPath>();
  const vpcBlocks = lab.spec.vpc.cidrBlocks.map(toCidr);
  checkNodes(check, lab, names, publicIps);
  lab.spec.hosts.forEach((host, i) => {
    const path = ["spec", "hosts", i];
    check.unique([...path, "name"], "name among nodes and hosts", host.name, names);
    if (host.subnet === undefined) checkOutsideHost(check, path, host, lab, vpcBlocks, addresses);
    else checkVpcHost(check, path, host, lab, addresses);
    if (host.publicIp !== undefined) check.unique([...path, "publicIp"], "public IP", host.publicIp, publicIps);
  });
  for (const [address, path] of publicIps) {
    const value = parseAddress(address);
    const block = value === null ? undefined : vpcBlocks.find((c) => containsAddress(c, value));
    if (value !== null && block !== undefined)
      check.problem(
        path,
        `expected a public address, got ${formatAddress(value)} of the VPC's ${cidrText(block)}; change it`,
      );
    if (addresses.has(address))
      check.problem(path, `expected a public address that no host has, got ${address}; change it`);
  }
}
