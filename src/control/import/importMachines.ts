import type { z } from "zod";
import { parseAddress } from "../../plane/wire/address.ts";
import { suggestion } from "../near.ts";
import { containsAddress, toCidr } from "../vpc/cidr.ts";
import { interfaceName } from "../vpc/eni.ts";
import { instanceType, instanceTypeNames } from "../vpc/instanceTypes.ts";
import type { Ec2Answers, ObservedEni } from "./ec2Shapes.ts";
import { knownGroups } from "./importRules.ts";
import { type KubeObject, kubeNodeSchema } from "./kubeShapes.ts";
import type { HostInput, NodeEniInput, NodeInput } from "./labInput.ts";
import { nameTag, UniqueNames } from "./names.ts";
import type { ImportNotes } from "./notes.ts";
import type { VpcNames } from "./vpcNames.ts";

const INSTANCE_TYPE = "node.kubernetes.io/instance-type";
const NODE_CLASS = "eks.amazonaws.com/nodeclass";
const TRUNK = "trunk";
const BRANCH = "branch";
/** Interface types that are no machines: other objects of the lab stand for them, or nothing does. */
const GATEWAYS: Readonly<Record<string, string>> = {
  nat_gateway: "",
  transit_gateway: "the ENI of a transit gateway's attachment is left out: the attachment stands for it",
  gateway_load_balancer: "left out: podplane has no Gateway Load Balancer",
  gateway_load_balancer_endpoint: "left out: podplane has no Gateway Load Balancer",
};
/** Taints that say what a node is like now, not what its owner wants. */
const CONDITION_TAINTS =
  /^node\.kubernetes\.io\/(not-ready|unreachable|memory-pressure|disk-pressure|pid-pressure|network-unavailable)$|^node\.cloudprovider\.kubernetes\.io\//;
const EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"] as const;

type KubeNode = z.output<typeof kubeNodeSchema>;

/** A node with its EC2 instance and the instance's ENIs. */
export interface ObservedNode {
  readonly object: KubeObject;
  readonly node: KubeNode;
  /** Null: not known. */
  readonly instance: string | null;
  readonly address: string;
  /** Of network card 0, by device number; branch ENIs are not among them. */
  readonly enis: readonly ObservedEni[];
}

/** Pairs nodes with the ENIs of their instances: by spec.providerID, else by the primary address. */
export function observedNodes(objects: readonly KubeObject[], ec2: Ec2Answers): ObservedNode[] {
  const device = (eni: ObservedEni) => eni.Attachment?.DeviceIndex ?? 0;
  return objects.map((object) => {
    const node = kubeNodeSchema.parse(object);
    const address =
      node.status.addresses.find((a) => a.type === "InternalIP" && parseAddress(a.address) !== null)?.address ?? "";
    const provided = /\/(i-[0-9a-z]+)$/.exec(node.spec.providerID)?.[1] ?? null;
    const byAddress =
      ec2.NetworkInterfaces.find((eni) => eni.PrivateIpAddress === address)?.Attachment?.InstanceId ?? null;
    const instance = provided ?? byAddress;
    const attached =
      instance === null ? [] : ec2.NetworkInterfaces.filter((eni) => eni.Attachment?.InstanceId === instance);
    const enis = attached
      .filter((eni) => eni.Attachment?.NetworkCardIndex === 0 && eni.InterfaceType !== BRANCH)
      .sort((a, b) => device(a) - device(b));
    return { object, node, instance, address, enis };
  });
}

export interface MachineSurroundings {
  readonly ec2: Ec2Answers;
  readonly names: VpcNames;
  readonly notes: ImportNotes;
}

class NodeImport {
  readonly #observed: ObservedNode;
  readonly #in: MachineSurroundings;

  constructor(observed: ObservedNode, surroundings: MachineSurroundings) {
    this.#observed = observed;
    this.#in = surroundings;
  }

  run(): NodeInput | string {
    const { object, node, enis, instance } = this.#observed;
    const { metadata } = object;
    const type = this.#instanceType();
    if (type === undefined)
      return `expected the instance type in label ${INSTANCE_TYPE}, got none; add describe-instances`;
    if (instanceType(type) === null)
      return `expected an EC2 instance type that podplane knows, got "${type}"; ${suggestion(type, instanceTypeNames())}`;
    const primary = enis.find((eni) => eni.Attachment?.DeviceIndex === 0);
    const subnet = this.#subnet(primary);
    if (subnet === null)
      return `expected the node's address ${this.#observed.address || "(none)"} in a subnet of describe-subnets, got none; add the answers about its VPC`;
    if (enis.length === 0) this.#note("no answer has its ENIs: it starts with its primary ENI alone");
    const publicIp = primary?.Association?.PublicIp;
    const pods = Number(node.status.allocatable.pods ?? node.status.capacity.pods ?? Number.NaN);
    const nodeClass = metadata.labels[NODE_CLASS];
    const groups = primary === undefined ? [] : this.#groups(primary);
    const labels = this.#labels(subnet);
    return {
      name: metadata.name,
      ...(instance === null ? {} : { id: instance }),
      instanceType: type,
      subnet,
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...this.#annotations(),
      ...this.#taints(),
      ...(publicIp === undefined ? {} : { publicIp }),
      ...(groups.length === 0 ? {} : { securityGroups: groups }),
      ...(primary?.SourceDestCheck === false ? { sourceDestCheck: false } : {}),
      enis: this.#enis(subnet, groups),
      ...(Number.isInteger(pods) && pods > 0 ? { maxPods: pods } : {}),
      ...(nodeClass === undefined ? {} : { nodeClass }),
    };
  }

  #instanceType(): string | undefined {
    const { object, instance } = this.#observed;
    const described = this.#in.ec2.Reservations.flatMap((r) => r.Instances).find((i) => i.InstanceId === instance);
    return object.metadata.labels[INSTANCE_TYPE] ?? described?.InstanceType;
  }

  #subnet(primary: ObservedEni | undefined): string | null {
    const { ec2, names } = this.#in;
    const address = parseAddress(this.#observed.address);
    const id =
      primary?.SubnetId ??
      ec2.Subnets.find((s) => address !== null && containsAddress(toCidr(s.CidrBlock), address))?.SubnetId;
    return names.subnets.get(id ?? "") ?? null;
  }

  /** Labels without those that every node of a lab has, by its instance type, its subnet and its name. */
  #labels(subnet: string): Record<string, string> {
    const { labels, name } = this.#observed.object.metadata;
    const { ec2, names } = this.#in;
    const zone = ec2.Subnets.find((s) => names.subnets.get(s.SubnetId) === subnet)?.AvailabilityZone;
    const own: Readonly<Record<string, string | undefined>> = {
      "kubernetes.io/hostname": name,
      "kubernetes.io/os": "linux",
      "kubernetes.io/arch": labels["kubernetes.io/arch"],
      [INSTANCE_TYPE]: labels[INSTANCE_TYPE],
      "topology.kubernetes.io/region": labels["topology.kubernetes.io/region"],
      "topology.kubernetes.io/zone": zone,
    };
    return Object.fromEntries(
      Object.entries(labels).filter(([key, value]) => own[key] !== value && !key.startsWith("beta.kubernetes.io/")),
    );
  }

  /** @param own the node's security groups: an ENI that has the same need not say so. */
  #enis(subnet: string, own: readonly string[]): NodeEniInput[] {
    const { enis, address } = this.#observed;
    if (enis.length === 0) return [{ deviceNumber: 0, subnet, address }];
    return enis.flatMap((eni) => {
      const subnetName = this.#in.names.subnets.get(eni.SubnetId);
      if (subnetName === undefined) {
        this.#in.notes.add(eni.NetworkInterfaceId, `left out: no answer describes its subnet ${eni.SubnetId}`);
        return [];
      }
      if (eni.Ipv6Addresses.length > 0) this.#note("IPv6 addresses are left out: podplane is IPv4 alone");
      const deviceNumber = eni.Attachment?.DeviceIndex ?? 0;
      const secondary = eni.PrivateIpAddresses.filter((a) => !a.Primary);
      const groups = this.#groups(eni);
      if (deviceNumber > 0 && eni.Association?.PublicIp !== undefined)
        this.#note(
          `the public address of ${interfaceName(deviceNumber)} is left out: a node has one for its primary ENI alone`,
        );
      return [
        {
          id: eni.NetworkInterfaceId,
          deviceNumber,
          subnet: subnetName,
          address: eni.PrivateIpAddress,
          ...(eni.Ipv4Prefixes.length === 0 ? {} : { prefixes: eni.Ipv4Prefixes.map((p) => p.Ipv4Prefix) }),
          ...(secondary.length === 0 ? {} : { addresses: secondary.map((a) => a.PrivateIpAddress) }),
          ...(groups.join() === own.join() ? {} : { securityGroups: groups }),
          ...(eni.InterfaceType === TRUNK ? { trunk: true } : {}),
          ...this.#eniTags(eni),
        },
      ];
    });
  }

  /** The tag by which ipamd leaves an ENI alone; others mean nothing to it. */
  #eniTags(eni: ObservedEni): { tags?: Record<string, string> } {
    const tag = eni.TagSet.find(({ Key }) => Key === "node.k8s.amazonaws.com/no_manage");
    return tag === undefined ? {} : { tags: { [tag.Key]: tag.Value } };
  }

  #groups(eni: ObservedEni): string[] {
    return knownGroups(
      eni.Groups.map((g) => g.GroupId),
      this.#in.names.groups,
      (id) => this.#in.notes.add(eni.NetworkInterfaceId, `its security group ${id} is in no answer and left out`),
    );
  }

  /** Annotations that a lab's node acts on: those that name an ENIConfig, whatever their key. */
  #annotations(): { annotations?: Record<string, string> } {
    const kept = Object.entries(this.#observed.object.metadata.annotations).filter(([key]) => /eniconfig/i.test(key));
    return kept.length === 0 ? {} : { annotations: Object.fromEntries(kept) };
  }

  #taints(): Pick<NodeInput, "taints"> {
    const taints = this.#observed.node.spec.taints.flatMap(({ key, value, effect: text }) => {
      const effect = EFFECTS.find((e) => e === text);
      if (CONDITION_TAINTS.test(key)) this.#note(`taint ${key} is left out: podplane's nodes are well`);
      else if (effect !== undefined) return [{ key, ...(value === undefined ? {} : { value }), effect }];
      return [];
    });
    return taints.length === 0 ? {} : { taints };
  }

  #note(text: string): void {
    this.#in.notes.add(`node/${this.#observed.object.metadata.name}`, text);
  }
}

/** A node as a lab has it, with the ENIs that were observed. @returns a text that says why it cannot be one. */
export function importNode(observed: ObservedNode, surroundings: MachineSurroundings): NodeInput | string {
  return new NodeImport(observed, surroundings).run();
}

/** What ENIs beside the nodes' became. */
export interface ImportedHosts {
  readonly hosts: HostInput[];
  /** Name of the host that an ENI became, by the ENI's id. */
  readonly hostOfEni: ReadonlyMap<string, string>;
}

/** What a host is called: by its instance's Name tag, its own, or what AWS writes into its description. */
function hostTexts(eni: ObservedEni, ec2: Ec2Answers): (string | undefined)[] {
  const instance = ec2.Reservations.flatMap((r) => r.Instances).find(
    (i) => i.InstanceId === eni.Attachment?.InstanceId,
  );
  const { Description } = eni;
  const balancer = /^ELB (?:app|net|gwy)\/([^/]+)\//.exec(Description)?.[1] ?? /^ELB (.+)$/.exec(Description)?.[1];
  return [nameTag(instance?.Tags ?? []), nameTag(eni.TagSet), balancer, Description, eni.NetworkInterfaceId];
}

/** Every other ENI is a host: a namespace with its address, so that subnets are as full as they were and it can be reached. */
export function importHosts(nodes: readonly ObservedNode[], { ec2, names, notes }: MachineSurroundings): ImportedHosts {
  const unique = new UniqueNames(nodes.map((n) => n.object.metadata.name));
  const ofNodes = new Set(nodes.flatMap((n) => (n.instance === null ? [] : [n.instance])));
  const nodeAddresses = new Set(nodes.map((n) => n.address));
  const natAddresses = new Set(ec2.NatGateways.flatMap((g) => g.NatGatewayAddresses.map((a) => a.PrivateIp)));
  const hosts: HostInput[] = [];
  const hostOfEni = new Map<string, string>();
  for (const eni of ec2.NetworkInterfaces) {
    const { NetworkInterfaceId: id, InterfaceType, Attachment, Description } = eni;
    const subnet = names.subnets.get(eni.SubnetId);
    const own = ofNodes.has(Attachment?.InstanceId ?? "") || nodeAddresses.has(eni.PrivateIpAddress);
    if (own && Attachment?.NetworkCardIndex !== undefined && Attachment.NetworkCardIndex > 0)
      notes.add(id, "left out: ENIs of further network cards give pods no addresses here");
    if (own || natAddresses.has(eni.PrivateIpAddress)) continue;
    // Branch ENIs are their pods': they come with them.
    if (InterfaceType === BRANCH) continue;
    const why =
      subnet === undefined ? `left out: no answer describes its subnet ${eni.SubnetId}` : GATEWAYS[InterfaceType];
    if (subnet === undefined || why !== undefined) {
      if (why !== undefined && why !== "") notes.add(id, why);
      continue;
    }
    const name = unique.name(...hostTexts(eni, ec2));
    const groups = knownGroups(
      eni.Groups.map((g) => g.GroupId),
      names.groups,
      (group) => notes.add(id, `its security group ${group} is in no answer and left out`),
    );
    const publicIp = eni.Association?.PublicIp;
    hosts.push({
      name,
      address: eni.PrivateIpAddress,
      subnet,
      ...(publicIp === undefined ? {} : { publicIp }),
      ...(groups.length === 0 ? {} : { securityGroups: groups }),
      ...(eni.SourceDestCheck ? {} : { sourceDestCheck: false }),
    });
    hostOfEni.set(id, name);
    if (Description.startsWith("ELB ") || InterfaceType.endsWith("load_balancer"))
      notes.add(`host/${name}`, "a load balancer's ENI is a host with its address: it balances nothing");
    if (eni.PrivateIpAddresses.length + eni.Ipv4Prefixes.length > 1)
      notes.add(`host/${name}`, "its secondary addresses and prefixes are left out: a host has one address");
  }
  if (hosts.length > 0)
    notes.add("", `${hosts.length} ENIs that are no node's became hosts without a process: nothing answers there`);
  return { hosts, hostOfEni };
}
