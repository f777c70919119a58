import type { z } from "zod";
import type { networkAclSchema, securityGroupSchema } from "../objects/labSecurity.ts";
import type { Ec2Item, ObservedPermission } from "./ec2Shapes.ts";
import { nameTag, tagFields, UniqueNames } from "./names.ts";
import type { ImportNotes } from "./notes.ts";

type LabGroup = z.input<typeof securityGroupSchema>;
type LabAcl = z.input<typeof networkAclSchema>;
type LabProtocol = NonNullable<LabAcl["ingress"]>[number]["protocol"];

const ALL = "-1";
const ICMPV6 = 58;
/** Number of the last rule of each ACL, `*`: it denies what no other decided, and cannot be changed. */
const LAST_RULE = 32767;
/** Both are EC2's own: the group that an ENI without another is in, the ACL of subnets without another. */
const DEFAULT = "default";
const NAMED: Readonly<Record<string, "tcp" | "udp" | "icmp">> = { "6": "tcp", "17": "udp", "1": "icmp" };

/** EC2 writes protocols of groups by name and those of ACLs by number. Null: one of IPv6's. */
function protocolOf(text: string): LabProtocol | null {
  if (text === ALL) return "all";
  if (text === "tcp" || text === "udp" || text === "icmp") return text;
  if (text === "icmpv6" || Number(text) === ICMPV6) return null;
  return NAMED[text] ?? Number(text);
}

/** The security groups of the VPCs, by id: their names in the lab. */
export type GroupNames = ReadonlyMap<string, { readonly name: string; readonly vpc: string }>;

/** Names of groups: EC2's own, each once in its VPC. */
export function groupNames(groups: readonly Ec2Item<"SecurityGroups">[]): GroupNames {
  const names = new Map<string, { name: string; vpc: string }>();
  const ofVpc = new Map<string, UniqueNames>();
  for (const group of [...groups].sort((a, b) => Number(b.GroupName === DEFAULT) - Number(a.GroupName === DEFAULT))) {
    const unique = ofVpc.get(group.VpcId) ?? new UniqueNames();
    ofVpc.set(group.VpcId, unique);
    names.set(group.GroupId, { name: unique.name(group.GroupName, group.GroupId), vpc: group.VpcId });
  }
  return names;
}

/** Names of groups that an ENI or an object gives by id; those that were not among the answers are left out. */
export function knownGroups(ids: readonly string[], names: GroupNames, missing: (id: string) => void): string[] {
  return ids.flatMap((id) => {
    const group = names.get(id);
    if (group === undefined) missing(id);
    return group === undefined ? [] : [group.name];
  });
}

interface Rule {
  readonly protocol: LabProtocol;
  readonly fromPort?: number;
  readonly toPort?: number;
  readonly ends: string[];
}

class GroupImport {
  readonly #group: Ec2Item<"SecurityGroups">;
  readonly #names: GroupNames;
  readonly #notes: ImportNotes;

  constructor(group: Ec2Item<"SecurityGroups">, names: GroupNames, notes: ImportNotes) {
    this.#group = group;
    this.#names = names;
    this.#notes = notes;
  }

  run(): LabGroup {
    const { GroupId, Description, Tags, IpPermissions, IpPermissionsEgress } = this.#group;
    return {
      name: this.#names.get(GroupId)?.name ?? GroupId,
      id: GroupId,
      ...tagFields(Tags),
      ...(Description === "" ? {} : { description: Description }),
      ingress: this.#rules(IpPermissions).map(({ ends, ...rule }) => ({ ...rule, sources: ends })),
      egress: this.#rules(IpPermissionsEgress).map(({ ends, ...rule }) => ({ ...rule, destinations: ends })),
    };
  }

  #rules(permissions: readonly ObservedPermission[]): Rule[] {
    return permissions.flatMap((permission): Rule[] => {
      const { IpProtocol, FromPort, ToPort, IpRanges, Ipv6Ranges, PrefixListIds, UserIdGroupPairs } = permission;
      if (Ipv6Ranges.length > 0) this.#note("IPv6 ranges of its rules are left out: podplane is IPv4 alone");
      for (const { PrefixListId } of PrefixListIds)
        this.#note(`rules with the managed prefix list ${PrefixListId} are left out: its blocks are in no answer`);
      const groups = UserIdGroupPairs.flatMap(({ GroupId }) => this.#reference(GroupId ?? ""));
      const ends = [...IpRanges.map((range) => range.CidrIp), ...groups];
      const protocol = protocolOf(IpProtocol);
      if (ends.length === 0 || protocol === null) return [];
      const ports = protocol !== "all" && FromPort !== undefined && ToPort !== undefined;
      return [{ protocol, ...(ports ? { fromPort: FromPort, toPort: ToPort } : {}), ends }];
    });
  }

  /** Within its VPC by name; of a peered VPC by id, which is no other's. */
  #reference(id: string): string[] {
    const group = this.#names.get(id);
    if (group === undefined) {
      this.#note(`rules with the security group ${id} are left out: it is in no answer`);
      return [];
    }
    return [group.vpc === this.#group.VpcId ? group.name : id];
  }

  #note(text: string): void {
    this.#notes.add(this.#group.GroupId, text);
  }
}

/** A security group as a lab has it. */
export function importGroup(group: Ec2Item<"SecurityGroups">, names: GroupNames, notes: ImportNotes): LabGroup {
  return new GroupImport(group, names, notes).run();
}

/** A network ACL as a lab has it. @param subnets names by id. */
export function importAcl(
  acl: Ec2Item<"NetworkAcls">,
  names: UniqueNames,
  subnets: ReadonlyMap<string, string>,
  notes: ImportNotes,
): LabAcl {
  const rules = (egress: boolean) =>
    acl.Entries.filter((entry) => entry.Egress === egress && entry.RuleNumber < LAST_RULE).flatMap((entry) => {
      const { RuleNumber: ruleNumber, RuleAction: ruleAction, CidrBlock: cidrBlock, PortRange, IcmpTypeCode } = entry;
      const protocol = protocolOf(entry.Protocol);
      if (cidrBlock === undefined || protocol === null) {
        notes.add(acl.NetworkAclId, "IPv6 rules are left out: podplane is IPv4 alone");
        return [];
      }
      const range = PortRange === undefined ? {} : { fromPort: PortRange.From, toPort: PortRange.To };
      const icmp = IcmpTypeCode === undefined ? {} : { fromPort: IcmpTypeCode.Type, toPort: IcmpTypeCode.Code };
      return [{ ruleNumber, protocol, ...(protocol === "all" ? {} : { ...range, ...icmp }), cidrBlock, ruleAction }];
    });
  const own = acl.Associations.flatMap(({ SubnetId }) => subnets.get(SubnetId) ?? []);
  return {
    name: acl.IsDefault ? names.name(DEFAULT) : names.name(nameTag(acl.Tags), acl.NetworkAclId),
    id: acl.NetworkAclId,
    ...(acl.IsDefault ? {} : { subnets: own }),
    ingress: rules(false),
    egress: rules(true),
  };
}
