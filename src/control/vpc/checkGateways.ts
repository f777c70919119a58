import { parseAddress } from "../../plane/wire/address.ts";
import { suggestion } from "../near.ts";
import { type ObjectPath, pathText } from "../objects/finding.ts";
import type { Lab, LabVpc } from "../objects/lab.ts";
import type { Checker } from "./checker.ts";
import { cidrText, toCidr } from "./cidr.ts";
import { labVpcs, vpcPath } from "./labVpcs.ts";
import { IMPLICIT_MAIN } from "./model.ts";
import { INTERNET_GATEWAY } from "./networks.ts";
import { BLACKHOLE, LOCAL } from "./routes.ts";
import { addressRefusal } from "./subnet.ts";

type LabNatGateway = LabVpc["natGateways"][number];
type LabEndpoint = LabVpc["vpcEndpoints"][number];

/** The target of the default route that a subnet's table has, or null. */
function defaultRoute(vpc: LabVpc, subnet: string): string | null {
  const main = vpc.routeTables.find((t) => t.main)?.name ?? IMPLICIT_MAIN;
  const name = vpc.subnets.find((s) => s.name === subnet)?.routeTable ?? main;
  const routes = vpc.routeTables.find((t) => t.name === name)?.routes ?? [];
  return routes.find((r) => toCidr(r.destinationCidrBlock).length === 0)?.target ?? null;
}

function checkNatGateway(check: Checker, vpc: LabVpc, gateway: LabNatGateway, path: ObjectPath): void {
  const subnet = vpc.subnets.find((s) => s.name === gateway.subnet);
  if (subnet === undefined) {
    const names = vpc.subnets.map((s) => s.name);
    check.problem(
      [...path, "subnet"],
      `expected a subnet of VPC ${vpc.name}, got "${gateway.subnet}" (InvalidSubnetID.NotFound); ${suggestion(gateway.subnet, names)}`,
    );
    return;
  }
  if (gateway.connectivityType === "public") {
    const route = defaultRoute(vpc, subnet.name);
    if (route !== INTERNET_GATEWAY)
      check.notes.push({
        path: [...path, "subnet"],
        message: `the route table of ${subnet.name} has ${route === null ? "no default route" : `its default route to ${route}`}, not to ${INTERNET_GATEWAY}: NAT gateway ${gateway.name} reaches no internet from there`,
      });
  }
  const address = gateway.privateIp === undefined ? null : parseAddress(gateway.privateIp);
  if (address === null) return;
  const block = toCidr(subnet.cidrBlock);
  const refusal = addressRefusal(block, address);
  const where = `${subnet.name} ${cidrText(block)}`;
  if (refusal === "outside")
    check.problem(
      [...path, "privateIp"],
      `expected an address of subnet ${where}, got ${gateway.privateIp} (InvalidParameterValue); change it`,
    );
  if (refusal === "reserved")
    check.problem(
      [...path, "privateIp"],
      `expected an address that EC2 does not reserve, got ${gateway.privateIp}; the first four and the last of ${where} are reserved`,
    );
}

function checkEndpoint(check: Checker, lab: Lab, vpc: LabVpc, endpoint: LabEndpoint, path: ObjectPath): void {
  if (endpoint.type === "Interface") {
    const own = lab.spec.hosts.filter((h) => vpc.subnets.some((s) => s.name === h.subnet)).map((h) => h.name);
    const host = endpoint.host ?? "";
    if (!own.includes(host))
      check.problem(
        [...path, "host"],
        `expected a host in a subnet of VPC ${vpc.name}, got "${host}"; ${suggestion(host, own)}`,
      );
    return;
  }
  const services = lab.spec.networks.filter((n) => n.kind === "awsService").map((n) => n.name);
  const network = endpoint.network ?? "";
  if (!services.includes(network))
    check.problem(
      [...path, "network"],
      `expected a network of kind awsService, got "${network}"; ${suggestion(network, services)}`,
    );
  const tables = vpc.routeTables.map((t) => t.name);
  endpoint.routeTables.forEach((name, i) => {
    if (!tables.includes(name))
      check.problem(
        [...path, "routeTables", i],
        `expected a route table that VPC ${vpc.name} writes, got "${name}" (InvalidRouteTableId.NotFound); ${suggestion(name, tables)}`,
      );
  });
}

/** A route names a gateway by its name alone: two things of one name would be one target. */
function checkTargetNames(check: Checker, lab: Lab): void {
  const names = new Map<string, ObjectPath>();
  const named = (path: ObjectPath, name: string) => {
    const at = [...path, "name"];
    if ([LOCAL, INTERNET_GATEWAY, BLACKHOLE].includes(name))
      check.problem(at, `expected a name that is no route target of its own, got ${name}; rename it`);
    check.unique(at, "name among gateways and networks", name, names);
  };
  lab.spec.networks.forEach((network, i) => {
    names.set(network.name, ["spec", "networks", i, "name"]);
  });
  labVpcs(lab).forEach((vpc, v) => {
    vpc.natGateways.forEach((gateway, i) => {
      named([...vpcPath(v), "natGateways", i], gateway.name);
    });
  });
  lab.spec.peerings.forEach((peering, i) => {
    named(["spec", "peerings", i], peering.name);
  });
  lab.spec.transitGateways.forEach((gateway, i) => {
    named(["spec", "transitGateways", i], gateway.name);
  });
  // Endpoints of several VPCs may have one name, and that of the network that they lead to.
  labVpcs(lab).forEach((vpc, v) => {
    const own = new Map<string, ObjectPath>();
    vpc.vpcEndpoints.forEach((endpoint, i) => {
      const at = [...vpcPath(v), "vpcEndpoints", i, "name"];
      check.unique(at, "name among VPC endpoints", endpoint.name, own);
      const other = names.get(endpoint.name);
      if (other !== undefined && endpoint.network !== endpoint.name)
        check.problem(
          at,
          `expected a name among gateways and networks of its own, got ${endpoint.name}, which ${pathText(other)} has; change one of them`,
        );
    });
  });
}

/** NAT gateways and endpoints of all VPCs, and the names that routes know gateways by. */
export function checkGateways(check: Checker, lab: Lab): void {
  checkTargetNames(check, lab);
  labVpcs(lab).forEach((vpc, v) => {
    vpc.natGateways.forEach((gateway, i) => {
      checkNatGateway(check, vpc, gateway, [...vpcPath(v), "natGateways", i]);
    });
    vpc.vpcEndpoints.forEach((endpoint, i) => {
      checkEndpoint(check, lab, vpc, endpoint, [...vpcPath(v), "vpcEndpoints", i]);
    });
  });
}
