import { formatAddress, parseAddress } from "../plane/wire/address.ts";
import { Controllers } from "./kube/controllers/controllers.ts";
import { NO_PLACEMENTS } from "./kube/placement.ts";
import { schedulerNodes } from "./nodeAgents.ts";
import { cniSettings } from "./objects/cniEnv.ts";
import type { Finding } from "./objects/finding.ts";
import type { Lab, LabVpc } from "./objects/lab.ts";
import { ObjectError } from "./objects/objectError.ts";
import type { State } from "./state.ts";
import { checkLab } from "./vpc/checkLab.ts";
import { toCidr } from "./vpc/cidr.ts";
import { labVpcs, vpcPath } from "./vpc/labVpcs.ts";
import { fullSubnet, placeMachines } from "./vpc/machines.ts";
import { vpcModel } from "./vpc/model.ts";
import { publicAddresses } from "./vpc/publicAddresses.ts";
import { goneTarget, type RouteTarget, RouteTargets } from "./vpc/routes.ts";
import type { SubnetAddresses } from "./vpc/subnet.ts";

function refuse(lab: Lab, findings: readonly Finding[]): void {
  if (findings.length > 0) throw new ObjectError(findings.map((f) => ({ ...f, object: lab })));
}

/**
 * A cluster of a lab's machines and nothing else.
 *
 * @throws ObjectError where the lab breaks a rule of EC2 or EKS.
 */
export function labState(lab: Lab): State {
  refuse(lab, checkLab(lab).problems);
  const model = vpcModel(lab);
  const { primaries, natGateways, problems } = placeMachines(lab, model);
  refuse(lab, problems);
  return {
    lab,
    model,
    nodes: schedulerNodes(lab, new Map()),
    primaries,
    natGateways,
    goneTargets: new Set(),
    publicAddresses: publicAddresses(lab),
    objects: new Map(),
    controllers: Controllers.NONE,
    pods: [],
    branchGroups: new Map(),
    placements: NO_PLACEMENTS,
    clusterIPs: new Map(),
    nodePorts: new Map(),
  };
}

/** What may change while a lab runs: gateways, routes and rules, as EC2 lets them. */
const CHANGEABLE =
  "routes, NAT gateways, peerings, transit gateways, VPC endpoints, security groups, network ACLs, source/destination checks, " +
  "impairments, kubeProxy (udpConntrackCleanup apart) or the CNI's variables (MTUs apart)";

/** The part of a VPC that machines and their addresses depend on. */
function fixedVpc({ id, name, tags, cidrBlocks, subnets }: LabVpc): object {
  return { id, name, tags, cidrBlocks, subnets: subnets.map(({ routeTable: _, ...subnet }) => subnet) };
}

/** A machine without what EC2 changes on its ENIs while it runs. */
function fixedMachine<T extends { sourceDestCheck: boolean; securityGroups: string[] }>(machine: T): object {
  const { sourceDestCheck: _check, securityGroups: _groups, ...fixed } = machine;
  return fixed;
}

/** The part of a lab that machines and addresses depend on, as text: everything but routes, gateways, rules and what SNAT does. */
function fixedPart(lab: Lab): string {
  const { vpc, vpcs, peerings: _peerings, transitGateways: _gateways, cluster, nodes, hosts, ...rest } = lab.spec;
  const { impairments: _impairments, ...spec } = rest;
  const { eniMtu, podMtu } = cniSettings(cluster.cni.env);
  const { udpConntrackCleanup } = cluster.kubeProxy;
  const { conntrackCacheCleanupPeriod } = cluster.networkPolicy;
  return JSON.stringify({
    name: lab.metadata.name,
    spec,
    vpcs: [vpc, ...vpcs].map(fixedVpc),
    nodes: nodes.map(fixedMachine),
    hosts: hosts.map(fixedMachine),
    cluster: {
      ...cluster,
      kubeProxy: { udpConntrackCleanup },
      networkPolicy: { conntrackCacheCleanupPeriod },
      cni: { eniMtu, podMtu },
    },
  });
}

const STAYING: readonly RouteTarget["kind"][] = ["local", "internet", "network"];

/** Gateways that the lab's routes name and that it had: EC2 keeps a route whose target is gone as a black hole. */
function onceThere(state: State, lab: Lab): Set<string> {
  const before = new RouteTargets(state.lab, state.goneTargets);
  const gone = new Set<string>();
  labVpcs(lab).forEach((vpc, index) => {
    for (const { routes } of vpc.routeTables)
      for (const { target: text, destinationCidrBlock } of routes) {
        const target = before.resolve(index, text, toCidr(destinationCidrBlock));
        if (typeof target !== "string" && !STAYING.includes(target.kind)) gone.add(goneTarget(vpc.name, text));
      }
  });
  return gone;
}

/** Addresses that a running lab's subnets still have, by the name of the subnet. */
export type LiveSubnets = ReadonlyMap<string, SubnetAddresses>;

/**
 * The private addresses of the NAT gateways of a changed lab: whoever stays in his subnet keeps his own, new ones get the one
 * that they name or the lowest free one.
 */
function natAddresses(state: State, lab: Lab, subnets: LiveSubnets, problems: Finding[]): Map<string, number> {
  const addresses = new Map<string, number>();
  const before = new Map(state.model.natGateways.map((g) => [g.name, g]));
  labVpcs(lab).forEach((vpc, v) => {
    vpc.natGateways.forEach(({ name, subnet, privateIp }, i) => {
      const path = [...vpcPath(v), "natGateways", i];
      const own = before.get(name)?.subnet === subnet ? (state.natGateways.get(name) ?? null) : null;
      const wanted = privateIp === undefined ? own : parseAddress(privateIp);
      if (wanted !== null) {
        const owner = subnets.get(subnet)?.ownerOf(wanted) ?? null;
        if (wanted !== own && owner !== null)
          problems.push({
            path: [...path, "privateIp"],
            message: `expected an address that nobody has, got ${formatAddress(wanted)} of ${owner} (InvalidIPAddress.InUse); choose another one`,
          });
        addresses.set(name, wanted);
        return;
      }
      const given = new Set(addresses.values());
      for (const address of subnets.get(subnet)?.available() ?? [])
        if (!given.has(address)) {
          addresses.set(name, address);
          return;
        }
      problems.push({ path: [...path, "subnet"], message: fullSubnet(subnet) });
    });
  });
  return addresses;
}

/**
 * The state with a changed Lab document. While a lab runs may change what EC2 changes without touching instances:
 * {@link CHANGEABLE}. A route whose target goes stays as a black hole.
 *
 * @param subnets those of the running lab, for the addresses of new NAT gateways.
 * @throws ObjectError where anything else differs or the new lab breaks a rule.
 */
export function withLab(state: State, lab: Lab, subnets: LiveSubnets): State {
  const gone = onceThere(state, lab);
  refuse(lab, checkLab(lab, gone).problems);
  if (fixedPart(state.lab) !== fixedPart(lab))
    refuse(lab, [
      {
        path: ["spec"],
        message: `expected a change of ${CHANGEABLE} alone, got another one; take the lab down and up again for it`,
      },
    ]);
  const problems: Finding[] = [];
  const natGateways = natAddresses(state, lab, subnets, problems);
  refuse(lab, problems);
  return {
    ...state,
    lab,
    model: vpcModel(lab, gone),
    natGateways,
    goneTargets: gone,
    publicAddresses: publicAddresses(lab, state.publicAddresses),
  };
}
