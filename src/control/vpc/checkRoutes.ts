import { suggestion } from "../near.ts";
import type { ObjectPath } from "../objects/finding.ts";
import type { Lab, LabVpc } from "../objects/lab.ts";
import { blockText, type Checker } from "./checker.ts";
import { type Cidr, cidrText, containsCidr, overlaps, toCidr } from "./cidr.ts";
import { labVpcs, vpcIndex, vpcPath } from "./labVpcs.ts";
import { IMPLICIT_MAIN } from "./model.ts";
import { BLACKHOLE, type RouteTarget, RouteTargets } from "./routes.ts";

/** Routes of a table that EC2 takes without asking (VPC user guide, "Amazon VPC quotas"), propagated ones not counted. */
const ROUTES_PER_TABLE = 500;
/** As many as until June 2025. */
const ROUTES_BEFORE = 50;
/** AWS keeps it for its own services: no route to it or into it (VPC user guide, "Route table concepts"). */
const SERVICE_RANGE = toCidr("169.254.168.0/22");
/** Targets of routes that are more specific than a local one. */
const INNER_TARGETS: readonly RouteTarget["kind"][] = ["natGateway", "eni"];

type LabTable = LabVpc["routeTables"][number];

class RouteCheck {
  readonly #check: Checker;
  readonly #lab: Lab;
  readonly #targets: RouteTargets;

  constructor(check: Checker, lab: Lab, gone: ReadonlySet<string>) {
    this.#check = check;
    this.#lab = lab;
    this.#targets = new RouteTargets(lab, gone);
  }

  vpc(vpc: LabVpc, index: number): void {
    const names = new Map<string, ObjectPath>();
    const mains = vpc.routeTables.filter((t) => t.main);
    vpc.routeTables.forEach((table, i) => {
      const path = [...vpcPath(index), "routeTables", i];
      this.#check.unique([...path, "name"], "route table name", table.name, names);
      if (table.main && table !== mains[0])
        this.#check.problem(
          [...path, "main"],
          `expected one main route table, got a second one beside ${mains[0].name}; remove main`,
        );
      if (mains.length === 0 && table.name === IMPLICIT_MAIN)
        this.#check.problem(
          [...path, "name"],
          `expected "main: true" beside the name ${IMPLICIT_MAIN}, got none; add it, or rename the table`,
        );
      this.#table(vpc, index, table, path);
    });
  }

  #table(vpc: LabVpc, index: number, table: LabTable, path: ObjectPath): void {
    const seen: Cidr[] = [];
    table.routes.forEach((route, j) => {
      const at = [...path, "routes", j];
      const destination = this.#check.cidr([...at, "destinationCidrBlock"], route.destinationCidrBlock);
      const text = blockText(route.destinationCidrBlock, destination);
      if (seen.some((s) => s.prefix === destination.prefix && s.length === destination.length))
        this.#check.problem(
          [...at, "destinationCidrBlock"],
          `expected one route to ${text}, got a second one; remove one of them`,
        );
      seen.push(destination);
      if (containsCidr(SERVICE_RANGE, destination))
        this.#check.problem(
          [...at, "destinationCidrBlock"],
          `expected a destination outside ${cidrText(SERVICE_RANGE)}, got ${text}; AWS keeps that range for its services: remove the route`,
        );
      const target = this.#targets.resolve(index, route.target, destination);
      if (typeof target === "string") {
        this.#check.problem([...at, "target"], target);
        return;
      }
      // A target that is gone was one that EC2 took.
      const isGone = target.kind === "blackhole" && route.target !== BLACKHOLE;
      if (!isGone) this.#inside(vpc, destination, text, target, at);
      this.#leadsSomewhere(destination, text, target, vpc, at);
    });
    if (table.routes.length > ROUTES_BEFORE)
      this.#check.notes.push({
        path: [...path, "routes"],
        message: `${table.routes.length} routes: EC2 takes ${ROUTES_PER_TABLE} a table, and took ${ROUTES_BEFORE} until June 2025, unless AWS raises the quota (RouteLimitExceeded)`,
      });
    this.#propagating(index, table, path);
  }

  /** Routes inside the VPC's blocks: EC2 takes few of them. */
  #inside(vpc: LabVpc, destination: Cidr, text: string, target: RouteTarget, at: ObjectPath): void {
    const block = vpc.cidrBlocks.map(toCidr).find((b) => containsCidr(b, destination));
    const isBlock = block !== undefined && block.length === destination.length;
    if (target.kind === "local") {
      if (!isBlock)
        this.#check.problem(
          [...at, "target"],
          `expected local for a block of the VPC alone, got it for ${text}; name another target`,
        );
      return;
    }
    if (block === undefined) return;
    const where = [...at, "destinationCidrBlock"];
    if (!INNER_TARGETS.includes(target.kind)) {
      this.#check.problem(
        where,
        `expected a destination outside the VPC, got ${text} inside ${cidrText(block)}, which is local; remove the route`,
      );
    } else if (isBlock)
      this.#check.problem(
        where,
        `expected a subnet's block inside ${cidrText(block)}, got ${text}; podplane does not replace local routes`,
      );
    else if (!vpc.subnets.some((s) => cidrText(toCidr(s.cidrBlock)) === cidrText(destination)))
      this.#check.problem(
        where,
        `expected the whole block of a subnet, got ${text} inside ${cidrText(block)} (InvalidParameterValue); a route more specific than local is for a whole subnet`,
      );
  }

  /** Notes on routes that EC2 takes and that carry nothing. */
  #leadsSomewhere(destination: Cidr, text: string, target: RouteTarget, vpc: LabVpc, at: ObjectPath): void {
    const note = (message: string) => this.#check.notes.push({ path: [...at, "target"], message });
    if (target.kind === "peering") {
      const peer = this.#peer(target.name, vpc.name);
      if (peer !== undefined && !peer.cidrBlocks.map(toCidr).some((b) => overlaps(b, destination)))
        note(
          `${text} is no block of VPC ${peer.name} (${peer.cidrBlocks.join(", ")}): peering is not transitive, and the route carries nothing`,
        );
    }
    if (target.kind === "eni") {
      const host = this.#lab.spec.hosts.find((h) => h.name === target.host);
      if (host?.sourceDestCheck === true)
        note(
          `host/${target.host} checks source and destination: it gets none of these packets before sourceDestCheck is false`,
        );
    }
    if (target.kind === "network" && target.endpoint !== null) {
      const blocks = target.network.cidrs;
      if (!blocks.some((b) => containsCidr(b, destination)))
        note(
          `${text} is not in the prefix list of endpoint ${target.endpoint} (${blocks.map(cidrText).join(", ")}); EC2 routes that list alone to it`,
        );
    }
  }

  #peer(peering: string, vpc: string): LabVpc | undefined {
    const found = this.#lab.spec.peerings.find((p) => p.name === peering);
    const other = found?.vpcs.find((name) => name !== vpc);
    return labVpcs(this.#lab).find((v) => v.name === other);
  }

  #propagating(index: number, table: LabTable, path: ObjectPath): void {
    table.propagatingVgws.forEach((name, i) => {
      const at = [...path, "propagatingVgws", i];
      const network = this.#targets.networks.find((n) => n.name === name);
      const own = this.#targets.networks.filter(
        (n) => n.kind === "onPremises" && n.attachment === null && n.vpc === index,
      );
      if (network === undefined || !own.includes(network))
        this.#check.problem(
          at,
          `expected a network behind the VPC's own gateway, got "${name}"; ${suggestion(
            name,
            own.map((n) => n.name),
          )}`,
        );
    });
  }
}

/** Both sides of a peering need a route: a note for each side that has none. */
function notePeerings(check: Checker, lab: Lab): void {
  lab.spec.peerings.forEach((peering, i) => {
    for (const name of peering.vpcs) {
      const vpc = labVpcs(lab)[vpcIndex(lab, name)];
      if (vpc === undefined || vpc.routeTables.some((t) => t.routes.some((r) => r.target === peering.name))) continue;
      check.notes.push({
        path: ["spec", "peerings", i],
        message: `no route table of VPC ${name} has a route to ${peering.name}: nothing of ${name} gets to the other side, answers neither`,
      });
    }
  });
}

/** Route tables: names, destinations and targets. @param gone as for RouteTargets. */
export function checkRoutes(check: Checker, lab: Lab, gone: ReadonlySet<string>): void {
  const routes = new RouteCheck(check, lab, gone);
  labVpcs(lab).forEach((vpc, i) => {
    routes.vpc(vpc, i);
  });
  notePeerings(check, lab);
}
