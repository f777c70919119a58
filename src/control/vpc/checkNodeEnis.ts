import { formatAddress, parseAddress } from "../../plane/wire/address.ts";
import { suggestion } from "../near.ts";
import { type ObjectPath, pathText } from "../objects/finding.ts";
import type { Lab, LabNode } from "../objects/lab.ts";
import type { Checker } from "./checker.ts";
import { type Cidr, cidrText, containsCidr, toCidr } from "./cidr.ts";
import { instanceType, PREFIX_LENGTH, PREFIX_SIZE } from "./instanceTypes.ts";
import { findSecurityGroup, findSubnet, unknownReference } from "./references.ts";
import { addressRefusal } from "./subnet.ts";

type NodeEni = LabNode["enis"][number];

/** Addresses and prefixes that somebody has, each /28 block with what is taken in it. */
class TakenAddresses {
  readonly #prefixes = new Map<number, ObjectPath>();
  readonly #singles = new Map<number, Map<number, ObjectPath>>();

  /** Where the address is taken already, or null: it is from now on. */
  address(address: number, path: ObjectPath): ObjectPath | null {
    const block = address & -PREFIX_SIZE;
    const singles = this.#singles.get(block) ?? new Map<number, ObjectPath>();
    this.#singles.set(block, singles);
    const other = this.#prefixes.get(block) ?? singles.get(address) ?? null;
    if (other === null) singles.set(address, path);
    return other;
  }

  /** Where the prefix, or an address of it, is taken already, or null: it is from now on. */
  prefix(block: number, path: ObjectPath): ObjectPath | null {
    const [single] = this.#singles.get(block)?.values() ?? [];
    const other = this.#prefixes.get(block) ?? single ?? null;
    if (other === null) this.#prefixes.set(block, path);
    return other;
  }
}

class EniCheck {
  readonly #check: Checker;
  readonly #lab: Lab;
  readonly #taken = new TakenAddresses();

  constructor(check: Checker, lab: Lab) {
    this.#check = check;
    this.#lab = lab;
    lab.spec.hosts.forEach((host, i) => {
      const address = parseAddress(host.address);
      if (host.subnet !== undefined && address !== null) this.#taken.address(address, ["spec", "hosts", i, "address"]);
    });
  }

  node(node: LabNode, at: ObjectPath): void {
    if (node.enis.length === 0) return;
    const type = instanceType(node.instanceType);
    if (type !== null && node.enis.length > type.enis)
      this.#problem(
        [...at, "enis"],
        `expected at most the ${type.enis} ENIs of ${type.name}, got ${node.enis.length}; remove some`,
      );
    if (!node.enis.some((eni) => eni.deviceNumber === 0))
      this.#problem([...at, "enis"], "expected the primary ENI (deviceNumber: 0) among them, got none; add it");
    const numbers = new Set<number>();
    node.enis.forEach((eni, i) => {
      const path = [...at, "enis", i];
      if (numbers.has(eni.deviceNumber))
        this.#problem(
          [...path, "deviceNumber"],
          `expected a device number of its own, got ${eni.deviceNumber} twice; change one of them`,
        );
      numbers.add(eni.deviceNumber);
      this.#eni(node, eni, path);
      const slots = eni.prefixes.length + eni.addresses.length;
      if (type !== null && slots >= type.addressesPerEni)
        this.#problem(
          path,
          `expected at most ${type.addressesPerEni - 1} prefixes and secondary addresses on an ENI of ${type.name}, got ${slots}; remove some`,
        );
      if (type !== null && eni.prefixes.length > 0 && !type.prefixes)
        this.#problem([...path, "prefixes"], `expected none, because ${type.name} takes no prefixes; remove them`);
    });
  }

  #eni(node: LabNode, eni: NodeEni, path: ObjectPath): void {
    const { vpc } = this.#lab.spec;
    const subnet = vpc.subnets.find((s) => s.name === eni.subnet);
    if (subnet === undefined) {
      const names = vpc.subnets.map((s) => s.name);
      const message = `expected a subnet of the VPC, got "${eni.subnet}"; ${suggestion(eni.subnet, names)}`;
      this.#problem([...path, "subnet"], message);
      return;
    }
    if (eni.deviceNumber === 0 && eni.subnet !== node.subnet)
      this.#problem(
        [...path, "subnet"],
        `expected ${node.subnet}, the node's subnet, for the primary ENI, got ${eni.subnet}; change one of them`,
      );
    const zone = findSubnet(vpc, node.subnet)?.availabilityZone;
    if (zone !== undefined && subnet.availabilityZone !== zone)
      this.#problem(
        [...path, "subnet"],
        `expected a subnet in ${zone}, where the node is, got ${eni.subnet} in ${subnet.availabilityZone}; an ENI is attached within its zone alone`,
      );
    (eni.securityGroups ?? []).forEach((group, i) => {
      if (findSecurityGroup(vpc, group) === null)
        this.#problem([...path, "securityGroups", i], unknownReference("security group", group, vpc.securityGroups));
    });
    const block = toCidr(subnet.cidrBlock);
    this.#address(block, eni.subnet, eni.address, [...path, "address"]);
    eni.addresses.forEach((text, i) => {
      this.#address(block, eni.subnet, text, [...path, "addresses", i]);
    });
    eni.prefixes.forEach((text, i) => {
      this.#prefix(block, eni.subnet, text, [...path, "prefixes", i]);
    });
  }

  #address(block: Cidr, subnet: string, text: string, path: ObjectPath): void {
    const address = parseAddress(text) ?? 0;
    const refusal = addressRefusal(block, address);
    if (refusal !== null) {
      const what = refusal === "outside" ? "an address of" : "an address that EC2 does not reserve in";
      this.#problem(path, `expected ${what} subnet ${subnet} ${cidrText(block)}, got ${text}; change it`);
      return;
    }
    this.#once(formatAddress(address), this.#taken.address(address, path), path);
  }

  #prefix(block: Cidr, subnet: string, text: string, path: ObjectPath): void {
    const prefix = this.#check.cidr(path, text);
    if (prefix.length !== PREFIX_LENGTH || !containsCidr(block, prefix)) {
      this.#problem(
        path,
        `expected a /${PREFIX_LENGTH} of subnet ${subnet} ${cidrText(block)}, got ${text}; change it`,
      );
      return;
    }
    this.#once(cidrText(prefix), this.#taken.prefix(prefix.prefix, path), path);
  }

  #once(text: string, other: ObjectPath | null, path: ObjectPath): void {
    if (other !== null)
      this.#problem(path, `expected each address once, got ${text}, which ${pathText(other)} has; change one of them`);
  }

  #problem(path: ObjectPath, message: string): void {
    this.#check.problem(path, message);
  }
}

/** The ENIs that nodes write down: numbers, subnets, addresses, and that nobody has an address twice. */
export function checkNodeEnis(check: Checker, lab: Lab): void {
  const enis = new EniCheck(check, lab);
  lab.spec.nodes.forEach((node, i) => {
    enis.node(node, ["spec", "nodes", i]);
  });
}
