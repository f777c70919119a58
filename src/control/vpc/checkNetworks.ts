import { suggestion } from "../near.ts";
import type { ObjectPath } from "../objects/finding.ts";
import type { Lab } from "../objects/lab.ts";
import type { Checker } from "./checker.ts";
import { cidrText, overlaps, toCidr } from "./cidr.ts";
import { labVpcs, vpcIndex } from "./labVpcs.ts";
import { INTERNET_GATEWAY } from "./networks.ts";
import { BLACKHOLE, LOCAL } from "./routes.ts";

type LabNetwork = Lab["spec"]["networks"][number];

const RESERVED = [LOCAL, INTERNET_GATEWAY, BLACKHOLE];

/** What a network's `target` may be: a transit gateway's name wants an attachment there. */
function checkTarget(check: Checker, lab: Lab, network: LabNetwork, path: ObjectPath): void {
  const { name, target, kind } = network;
  if (target === undefined) return;
  const at = [...path, "target"];
  if (kind !== "onPremises") {
    if (target === INTERNET_GATEWAY) return;
    const what = kind === "internet" ? "the internet" : "an AWS service";
    check.problem(at, `expected ${INTERNET_GATEWAY} for ${what}, got "${target}"; write ${INTERNET_GATEWAY}`);
    return;
  }
  if (RESERVED.includes(target)) check.problem(at, `expected a gateway such as tgw or vgw, got "${target}"; write tgw`);
  const gateway = lab.spec.transitGateways.find((g) => g.name === target);
  if (gateway !== undefined && !gateway.attachments.some((a) => a.network === name))
    check.problem(
      at,
      `expected a transit gateway with an attachment of network ${name}, got "${target}" without one; add { name: ${name}, network: ${name} } to its attachments`,
    );
}

function checkVpcOf(check: Checker, lab: Lab, network: LabNetwork, path: ObjectPath): void {
  const { name, vpc } = network;
  if (vpc === undefined) return;
  const at = [...path, "vpc"];
  if (network.kind !== "onPremises")
    check.problem(at, `expected no VPC for network ${name} of kind ${network.kind}, got "${vpc}"; remove it`);
  else if (lab.spec.transitGateways.some((g) => g.attachments.some((a) => a.network === name)))
    check.problem(at, `expected no VPC for network ${name}, which a transit gateway leads to, got "${vpc}"; remove it`);
  else if (vpcIndex(lab, vpc) < 0) {
    const names = labVpcs(lab).map((v) => v.name);
    check.problem(at, `expected a VPC of the lab, got "${vpc}"; ${suggestion(vpc, names)}`);
  }
}

/** Networks beyond the VPCs. */
export function checkNetworks(check: Checker, lab: Lab): void {
  const names = new Map<string, ObjectPath>();
  let internet: string | null = null;
  lab.spec.networks.forEach((network, i) => {
    const path = ["spec", "networks", i];
    check.unique([...path, "name"], "network name", network.name, names);
    network.cidrBlocks.forEach((text, j) => {
      const at = [...path, "cidrBlocks", j];
      const block = check.cidr(at, text);
      const vpc = labVpcs(lab).find((v) => v.cidrBlocks.map(toCidr).some((b) => overlaps(b, block)));
      if (network.kind === "onPremises" && vpc !== undefined)
        check.notes.push({
          path: at,
          message: `${cidrText(block)} overlaps VPC ${vpc.name} (${vpc.cidrBlocks.join(", ")}): its local routes keep the addresses that both have`,
        });
    });
    if (RESERVED.includes(network.name))
      check.problem(
        [...path, "name"],
        `expected a name that is no route target, got ${network.name}; rename the network`,
      );
    if (network.kind === "internet") {
      if (internet !== null)
        check.problem([...path, "kind"], `expected one internet, got a second one beside ${internet}; remove one`);
      internet = network.name;
    }
    checkTarget(check, lab, network, path);
    checkVpcOf(check, lab, network, path);
  });
}
