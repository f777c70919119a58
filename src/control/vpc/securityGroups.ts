import { NO_GROUP, PROTOCOL_ALL } from "../../plane/rows.ts";
import type { Lab, LabVpc } from "../objects/lab.ts";
import { toCidr } from "./cidr.ts";
import { labVpcs } from "./labVpcs.ts";

type Written = LabVpc["securityGroups"][number];
type Direction = "ingress" | "egress";

/** EC2's group that every VPC has, and every ENI that names none is in. */
export const DEFAULT_GROUP = "default";
const EVERYBODY = "0.0.0.0/0";
const LAST_PORT = 0xffff;
/** In ICMP rules: any type, any code. */
export const ANY = -1;
const ICMP = 1;
const PROTOCOL_NUMBERS = { all: PROTOCOL_ALL, icmp: ICMP, tcp: 6, udp: 17 } as const;
const BLOCK = /^[\d.]+\/\d+$/;

/** One rule as EC2 counts them: a written rule with three sources is three. */
export interface GroupRule {
  readonly protocol: number;
  /** ICMP: type and code, {@link ANY} is any. */
  readonly fromPort: number;
  readonly toPort: number;
  /** Source or destination as the lab names it: a block in canonical form, or a group. */
  readonly peer: string;
  readonly prefix: number;
  readonly length: number;
  /** Index of the group that it names, or NO_GROUP. */
  readonly group: number;
}

/** A group; its index in the plane is its place in {@link securityGroupsOf}'s list. */
export interface SecurityGroupModel {
  readonly name: string;
  /** EC2's id where the lab has one. */
  readonly id: string | null;
  /** Place of its VPC: 0 is the cluster's. */
  readonly vpc: number;
  /** Name of its VPC. */
  readonly vpcName: string;
  readonly ingress: readonly GroupRule[];
  readonly egress: readonly GroupRule[];
}

/** Whether a VPC's ENIs are filtered at all. */
export function hasSecurityGroups(vpc: LabVpc): boolean {
  return vpc.securityGroups.length > 0;
}

/** The groups of a VPC that are written, and `default` where it is not: in from itself, out to everybody. */
export function groupsOfVpc(vpc: LabVpc): Written[] {
  if (!hasSecurityGroups(vpc)) return [];
  if (vpc.securityGroups.some((g) => g.name === DEFAULT_GROUP)) return vpc.securityGroups;
  return [
    ...vpc.securityGroups,
    {
      name: DEFAULT_GROUP,
      description: "default VPC security group",
      tags: {},
      ingress: [{ protocol: "all", sources: [DEFAULT_GROUP] }],
      egress: [{ protocol: "all", destinations: [EVERYBODY] }],
    },
  ];
}

/** What a rule may name. */
interface Known {
  readonly name: string;
  readonly id?: string | undefined;
  readonly vpc: number;
  readonly vpcName: string;
}

function knownGroups(lab: Lab): Known[] {
  return labVpcs(lab).flatMap((vpc, i) =>
    groupsOfVpc(vpc).map(({ name, id }) => ({ name, id, vpc: i, vpcName: vpc.name })),
  );
}

/** Names of the VPCs that a VPC's rules may name groups of: peered with it in the same region. */
export function referableVpcs(lab: Lab, vpc: string): string[] {
  return lab.spec.peerings
    .filter((p) => !p.interRegion && p.vpcs.includes(vpc))
    .flatMap((p) => p.vpcs.filter((name) => name !== vpc));
}

/**
 * The group that a rule or an ENI of a VPC names: by id or name one of its own VPC, by id or as `VPC/NAME` one of a peered
 * VPC.
 *
 * @returns its index, or -1
 */
export function findGroup(lab: Lab, vpc: number, reference: string): number {
  return find(knownGroups(lab), vpc, labVpcs(lab)[vpc]?.name ?? "", reference, lab);
}

function find(known: readonly Known[], vpc: number, vpcName: string, reference: string, lab: Lab): number {
  const own = known.findIndex((g) => g.vpc === vpc && g.id === reference);
  if (own >= 0) return own;
  const named = known.findIndex((g) => g.vpc === vpc && g.name === reference);
  if (named >= 0) return named;
  const others = referableVpcs(lab, vpcName);
  return known.findIndex(
    (g) => others.includes(g.vpcName) && (g.id === reference || `${g.vpcName}/${g.name}` === reference),
  );
}

/** Whether a source or destination is a block and no group. */
export function isBlock(peer: string): boolean {
  return BLOCK.test(peer);
}

/** IANA number, or PROTOCOL_ALL. */
export function protocolNumber(protocol: Written["ingress"][number]["protocol"]): number {
  return typeof protocol === "number" ? protocol : PROTOCOL_NUMBERS[protocol];
}

interface Ports {
  readonly protocol: Written["ingress"][number]["protocol"];
  readonly fromPort?: number | undefined;
  readonly toPort?: number | undefined;
}

/** A rule's protocol and ports for the plane: all of them where the protocol has none or the rule names none. */
export function rulePorts(rule: Ports): { protocol: number; fromPort: number; toPort: number } {
  const protocol = protocolNumber(rule.protocol);
  if (protocol === ICMP) return { protocol, fromPort: rule.fromPort ?? ANY, toPort: rule.toPort ?? ANY };
  const hasPorts = protocol === PROTOCOL_NUMBERS.tcp || protocol === PROTOCOL_NUMBERS.udp;
  if (!hasPorts) return { protocol, fromPort: 0, toPort: LAST_PORT };
  return { protocol, fromPort: rule.fromPort ?? 0, toPort: rule.toPort ?? LAST_PORT };
}

/** All groups of a lab that has passed its checks, the implicit ones included; an index is a place. */
export function securityGroupsOf(lab: Lab): SecurityGroupModel[] {
  const known = knownGroups(lab);
  return labVpcs(lab).flatMap((vpc, index) => {
    const rules = (group: Written, direction: Direction): GroupRule[] =>
      group[direction].flatMap((rule) => {
        const ports = rulePorts(rule);
        const peers = "sources" in rule ? rule.sources : rule.destinations;
        return peers.map((peer): GroupRule => {
          if (isBlock(peer)) return { ...ports, peer, ...toCidr(peer), group: NO_GROUP };
          return { ...ports, peer, prefix: 0, length: 0, group: find(known, index, vpc.name, peer, lab) };
        });
      });
    return groupsOfVpc(vpc).map((group) => ({
      name: group.name,
      id: group.id ?? null,
      vpc: index,
      vpcName: vpc.name,
      ingress: rules(group, "ingress"),
      egress: rules(group, "egress"),
    }));
  });
}
