import { suggestion } from "../near.ts";
import type { ObjectPath } from "../objects/finding.ts";
import type { Lab } from "../objects/lab.ts";
import { blockText, type Checker } from "./checker.ts";
import { cidrText } from "./cidr.ts";
import { labVpcs } from "./labVpcs.ts";
import { propagated } from "./transit.ts";

type LabGateway = Lab["spec"]["transitGateways"][number];
type LabAttachment = LabGateway["attachments"][number];

class TransitCheck {
  readonly #check: Checker;
  readonly #lab: Lab;
  /** The attachment that each network has. */
  readonly #networks = new Map<string, string>();

  constructor(check: Checker, lab: Lab) {
    this.#check = check;
    this.#lab = lab;
  }

  gateway(gateway: LabGateway, path: ObjectPath): void {
    const names = new Map<string, ObjectPath>();
    const vpcs = new Map<string, string>();
    gateway.attachments.forEach((attachment, i) => {
      const at = [...path, "attachments", i];
      this.#check.unique([...at, "name"], "attachment name", attachment.name, names);
      if (attachment.vpc !== undefined) this.#vpcAttachment(gateway, attachment, attachment.vpc, vpcs, at);
      if (attachment.network !== undefined) this.#networkAttachment(gateway, attachment, attachment.network, at);
    });
    const tableNames = new Map<string, ObjectPath>();
    const associated = new Map<string, string>();
    gateway.routeTables.forEach((table, i) => {
      const at = [...path, "routeTables", i];
      this.#check.unique([...at, "name"], "route table name", table.name, tableNames);
      table.associations.forEach((name, j) => {
        const where = [...at, "associations", j];
        if (!this.#known(gateway, name, where)) return;
        const other = associated.get(name);
        if (other !== undefined)
          this.#check.problem(
            where,
            `expected an attachment without a route table, got ${name}, which is associated with ${other} (Resource.AlreadyAssociated); remove one of them`,
          );
        associated.set(name, table.name);
      });
      table.propagations.forEach((name, j) => {
        this.#known(gateway, name, [...at, "propagations", j]);
      });
      this.#routes(gateway, table, at);
    });
    if (gateway.routeTables.length > 0)
      gateway.attachments.forEach(({ name }, i) => {
        if (!associated.has(name))
          this.#note(
            [...path, "attachments", i],
            `${name} is associated with no route table: what it sends goes nowhere`,
          );
      });
    this.#sameBlocks(gateway, path);
  }

  #vpcAttachment(
    gateway: LabGateway,
    attachment: LabAttachment,
    name: string,
    seen: Map<string, string>,
    at: ObjectPath,
  ): void {
    const vpcs = labVpcs(this.#lab);
    const vpc = vpcs.find((v) => v.name === name);
    if (vpc === undefined) {
      const hint = suggestion(
        name,
        vpcs.map((v) => v.name),
      );
      this.#problem([...at, "vpc"], `expected a VPC of the lab, got "${name}" (InvalidVpcID.NotFound); ${hint}`);
      return;
    }
    const other = seen.get(name);
    if (other !== undefined)
      this.#problem(
        [...at, "vpc"],
        `expected one attachment of VPC ${name} to ${gateway.name}, got a second one beside ${other} (DuplicateTransitGatewayAttachment); remove one of them`,
      );
    seen.set(name, attachment.name);
    const zones = new Map<string, string>();
    attachment.subnets.forEach((subnetName, i) => {
      const path = [...at, "subnets", i];
      const subnet = vpc.subnets.find((s) => s.name === subnetName);
      if (subnet === undefined) {
        const owner = vpcs.find((v) => v.subnets.some((s) => s.name === subnetName));
        const of = owner === undefined ? "" : ` of VPC ${owner.name}`;
        const hint = suggestion(
          subnetName,
          vpc.subnets.map((s) => s.name),
        );
        this.#problem(
          path,
          `expected a subnet of VPC ${name}, got "${subnetName}"${of} (InvalidSubnetID.NotFound); ${hint}`,
        );
        return;
      }
      const before = zones.get(subnet.availabilityZone);
      if (before !== undefined)
        this.#problem(
          path,
          `expected one subnet in each zone, got ${subnetName} in ${subnet.availabilityZone} beside ${before} (DuplicateSubnetsInSameZone); remove one of them`,
        );
      zones.set(subnet.availabilityZone, subnetName);
    });
    const without = new Set(vpc.subnets.map((s) => s.availabilityZone).filter((zone) => !zones.has(zone)));
    if (without.size > 0 && zones.size > 0)
      this.#note(
        [...at, "subnets"],
        `none in ${[...without].join(", ")}: EC2 lets nothing in those zones use the transit gateway, podplane does`,
      );
  }

  #networkAttachment(gateway: LabGateway, attachment: LabAttachment, name: string, at: ObjectPath): void {
    const networks = this.#lab.spec.networks.filter((n) => n.kind === "onPremises");
    const network = networks.find((n) => n.name === name);
    const path = [...at, "network"];
    if (network === undefined) {
      const hint = suggestion(
        name,
        networks.map((n) => n.name),
      );
      this.#problem(path, `expected a network of kind onPremises, got "${name}"; ${hint}`);
      return;
    }
    if (network.target !== undefined && network.target !== gateway.name)
      this.#problem(
        path,
        `expected a network whose target is ${gateway.name}, got ${name} with target ${network.target}; change one of them`,
      );
    const other = this.#networks.get(name);
    const own = `${gateway.name}/${attachment.name}`;
    if (other !== undefined)
      this.#problem(path, `expected one attachment of network ${name}, got ${own} beside ${other}; remove one of them`);
    this.#networks.set(name, own);
  }

  #routes(gateway: LabGateway, table: LabGateway["routeTables"][number], at: ObjectPath): void {
    const seen = new Set<string>();
    table.routes.forEach((route, j) => {
      const path = [...at, "routes", j];
      const where = [...path, "destinationCidrBlock"];
      const destination = this.#check.cidr(where, route.destinationCidrBlock);
      const text = cidrText(destination);
      if (seen.has(text))
        this.#problem(
          where,
          `expected one route to ${blockText(route.destinationCidrBlock, destination)}, got a second one (RouteAlreadyExists); remove one of them`,
        );
      seen.add(text);
      if (route.attachment !== undefined) this.#known(gateway, route.attachment, [...path, "attachment"]);
      for (const attachment of gateway.attachments.filter((a) => table.propagations.includes(a.name)))
        if (
          attachment.name !== route.attachment &&
          propagated(this.#lab, attachment).some((block) => cidrText(block) === text)
        )
          this.#note(where, `the static route wins over the one to ${text} that ${attachment.name} propagates`);
    });
  }

  /** Two attachments that propagate the same block: the gateway takes the first one's. */
  #sameBlocks(gateway: LabGateway, path: ObjectPath): void {
    const owners = new Map<string, string>();
    gateway.attachments.forEach((attachment, i) => {
      for (const block of propagated(this.#lab, attachment).map(cidrText)) {
        const other = owners.get(block);
        if (other === undefined) owners.set(block, attachment.name);
        else
          this.#note(
            [...path, "attachments", i],
            `${block} is a block of ${other} too, which is attached already: where both propagate, the route leads to one of them`,
          );
      }
    });
  }

  #known(gateway: LabGateway, name: string, path: ObjectPath): boolean {
    const names = gateway.attachments.map((a) => a.name);
    if (names.includes(name)) return true;
    this.#problem(
      path,
      `expected an attachment of ${gateway.name}, got "${name}" (InvalidTransitGatewayAttachmentID.NotFound); ${suggestion(name, names)}`,
    );
    return false;
  }

  #problem(path: ObjectPath, message: string): void {
    this.#check.problem(path, message);
  }

  #note(path: ObjectPath, message: string): void {
    this.#check.notes.push({ path, message });
  }
}

/** Transit gateways: attachments, route tables, static routes. */
export function checkTransit(check: Checker, lab: Lab): void {
  const transit = new TransitCheck(check, lab);
  lab.spec.transitGateways.forEach((gateway, i) => {
    transit.gateway(gateway, ["spec", "transitGateways", i]);
  });
}
