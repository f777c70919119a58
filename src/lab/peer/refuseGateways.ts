import type { VpcModel } from "../../control/vpc/model.ts";

/** What of a lab's VPCs is no part of a kernel twin, in words; empty: all of it is. */
function missing(model: VpcModel): string[] {
  const enis = model.routeTables.some((t) => t.routes.some((r) => r.target.kind === "eni"));
  const services = model.networks.some((n) => n.kind === "awsService");
  const parts: [boolean, string][] = [
    [model.vpcs.length > 1, "several VPCs"],
    [model.natGateways.length > 0, "NAT gateways"],
    [model.transitGateways.length > 0, "transit gateways"],
    [services, "networks of AWS services"],
    [enis, "routes to hosts' ENIs"],
  ];
  return parts.filter(([is]) => is).map(([, what]) => what);
}

/**
 * A kernel twin has one VPC, its internet gateway and its own gateway.
 *
 * @throws Error that names everything else the lab has.
 */
export function refuseGateways(model: VpcModel): void {
  const what = missing(model);
  if (what.length > 0)
    throw new Error(
      `a kernel twin has one VPC with an internet gateway and its own gateway; this lab has ${what.join(", ")} as well: ask the lab itself (podplane why), or take them out of a copy of it`,
    );
}
