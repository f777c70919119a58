import { formatAddress } from "../plane/wire/address.ts";
import { type Directory, type ResolvedEnd, resolveEnd } from "./resolve.ts";

/** Name of an index that nothing has any more, or never had. */
const GONE = "(gone)";

/** What a name is looked up in. */
type Lookup<K, V> = Pick<ReadonlyMap<K, V>, "get">;

/** Names of the plane's indices: views and explanations never show an index. */
export interface NameTables {
  /** By device index: `pod/default/web-1`, `node/node-1`, `host/rds`. */
  readonly devices: ReadonlyMap<number, string>;
  /** By ENI index: `node-1/eth0`. */
  readonly enis: ReadonlyMap<number, string>;
  /** By node index: `node-1`. */
  readonly nodes: readonly string[];
  readonly subnets: readonly string[];
  /** By index: `private`; `VPC/private` where there are several VPCs. */
  readonly routeTables: Lookup<number, string>;
  readonly natGateways: Lookup<number, string>;
  readonly peerings: Lookup<number, string>;
  /** By index: `tgw/office`, the transit gateway's and the attachment's name. */
  readonly transitAttachments: Lookup<number, string>;
  readonly networks: readonly string[];
  /** By index: `nodes`; of another VPC than the cluster's `shared/db`. */
  readonly securityGroups: readonly string[];
  readonly networkAcls: readonly string[];
  /** By group or ACL, direction (0 ingress, 1 egress) and position or number: `tcp 80 from 10.0.0.0/16`. */
  readonly securityRules: Lookup<string, string>;
  /** By ENI index: the names of the security groups that it is in. */
  readonly eniGroups: Lookup<number, readonly string[]>;
  /** By a policy rule's number: `networkpolicy/default/web ingress[0]`. */
  readonly policyRules: Lookup<number, string>;
  /** By device index: the policies that isolate the pod. */
  readonly isolating: Lookup<number, { readonly ingress: readonly string[]; readonly egress: readonly string[] }>;
  /** By service index: `svc/default/api:80`, and the names of its endpoints. */
  readonly services: Lookup<number, { readonly name: string; readonly endpoints: readonly string[] }>;
  /** By address, int32. */
  readonly addresses: Lookup<number, string>;
}

/** What a rule of a group (by position) or of an ACL (by number) is looked up by. */
export function ruleKey(of: "group" | "acl", id: number, egress: boolean, rule: number): string {
  return `${of}/${id}/${egress ? 1 : 0}/${rule}`;
}

/** Both ways between a snapshot's indices and names. */
export class Names {
  readonly #tables: NameTables;
  readonly #directory: Directory;

  constructor(tables: NameTables, directory: Directory) {
    this.#tables = tables;
    this.#directory = directory;
  }

  /** Everything that has a name of its own. */
  get directory(): Directory {
    return this.#directory;
  }

  /** By node index: `node-1`. */
  get nodes(): readonly string[] {
    return this.#tables.nodes;
  }

  device(id: number): string {
    return this.#tables.devices.get(id) ?? GONE;
  }

  eni(id: number): string {
    return this.#tables.enis.get(id) ?? GONE;
  }

  node(id: number): string {
    return this.#tables.nodes[id] ?? GONE;
  }

  subnet(id: number): string {
    return this.#tables.subnets[id] ?? GONE;
  }

  routeTable(id: number): string {
    return this.#tables.routeTables.get(id) ?? GONE;
  }

  natGateway(id: number): string {
    return this.#tables.natGateways.get(id) ?? GONE;
  }

  peering(id: number): string {
    return this.#tables.peerings.get(id) ?? GONE;
  }

  transitAttachment(id: number): string {
    return this.#tables.transitAttachments.get(id) ?? GONE;
  }

  /** 0 is the internet. */
  network(id: number): string {
    return this.#tables.networks[id] ?? GONE;
  }

  securityGroup(id: number): string {
    return this.#tables.securityGroups[id] ?? GONE;
  }

  networkAcl(id: number): string {
    return this.#tables.networkAcls[id] ?? GONE;
  }

  /** A group's rule by its position in its direction: `tcp 80 from 10.0.0.0/16`. */
  securityGroupRule(group: number, egress: boolean, position: number): string {
    return this.#tables.securityRules.get(ruleKey("group", group, egress, position)) ?? GONE;
  }

  /** An ACL's rule by its number: `allow tcp 80 from 0.0.0.0/0`. */
  networkAclRule(acl: number, egress: boolean, number: number): string {
    return this.#tables.securityRules.get(ruleKey("acl", acl, egress, number)) ?? GONE;
  }

  /** The security groups that an ENI is in; empty: it is not filtered. */
  eniGroups(eni: number): readonly string[] {
    return this.#tables.eniGroups.get(eni) ?? [];
  }

  /** A network policy's rule: `networkpolicy/default/web ingress[0]`. */
  policyRule(rule: number): string {
    return this.#tables.policyRules.get(rule) ?? GONE;
  }

  /** The network policies that isolate a pod in a direction: `networkpolicy/default/deny`. */
  isolatingPolicies(device: number, egress: boolean): readonly string[] {
    const isolating = this.#tables.isolating.get(device);
    return (egress ? isolating?.egress : isolating?.ingress) ?? [];
  }

  /** `svc/default/api:80` */
  service(id: number): string {
    return this.#tables.services.get(id)?.name ?? GONE;
  }

  /** An endpoint by its place in the service's row: a pod, or the address that an EndpointSlice names. */
  endpoint(service: number, index: number): string {
    return this.#tables.services.get(service)?.endpoints[index] ?? GONE;
  }

  /**
   * Who has an address (int32): a pod, node, host, a node's secondary ENI (`node-1/eth1`) or a service without its port
   * (`svc/default/api`). A public address is its machine's; a hostNetwork pod's is its node's.
   */
  byAddress(address: number): string | null {
    return this.#tables.addresses.get(address) ?? null;
  }

  /** The name of whoever has the address, else the address as text. */
  show(address: number): string {
    return this.byAddress(address) ?? formatAddress(address);
  }

  /**
   * What a person means by `pod/web-1`, `pod/default/web-1`, `svc/api:80`, `svc/api:http`, `host/rds:5432`,
   * `node/node-1:30080`, `10.0.1.16` or `10.0.1.16:80`.
   *
   * @param protocol number of the packet's protocol, for services that have a port more than once.
   * @throws NameError with the names that come near.
   */
  resolve(text: string, protocol?: number): ResolvedEnd {
    return resolveEnd(this.#directory, text, protocol);
  }
}
