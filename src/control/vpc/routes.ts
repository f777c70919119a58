import { suggestion } from "../near.ts";
import type { Lab } from "../objects/lab.ts";
import { type Cidr, overlaps } from "./cidr.ts";
import { labVpcs } from "./labVpcs.ts";
import { attachmentKey, INTERNET_GATEWAY, labNetworks, type Network } from "./networks.ts";

export const LOCAL = "local";
export const BLACKHOLE = "blackhole";
const HOST_PREFIX = "host/";

/** Where a VPC route leads. */
export type RouteTarget =
  | { readonly kind: "local" | "internet" | "blackhole" }
  /** `endpoint`: through the gateway endpoint of this name; null: through the VPC's own gateway. */
  | { readonly kind: "network"; readonly network: Network; readonly endpoint: string | null }
  | { readonly kind: "natGateway" | "peering"; readonly name: string }
  /** `attachment`: key of the VPC's attachment ({@link attachmentKey}). */
  | { readonly kind: "transitGateway"; readonly name: string; readonly attachment: string }
  | { readonly kind: "eni"; readonly host: string };

/** A target that a running lab had once: routes to it lead nowhere now. */
export function goneTarget(vpc: string, target: string): string {
  return `${vpc} ${target}`;
}

const isOwnGateway = (target: RouteTarget): boolean => target.kind === "network" && target.endpoint === null;

/** Everything that the route tables of a lab may name. */
export class RouteTargets {
  readonly networks: readonly Network[];
  readonly #lab: Lab;
  readonly #gone: ReadonlySet<string>;

  /** @param gone targets that the lab had once while it ran ({@link goneTarget}): where they are no more, they are black holes. */
  constructor(lab: Lab, gone: ReadonlySet<string>) {
    this.#lab = lab;
    this.#gone = gone;
    this.networks = labNetworks(lab);
  }

  /**
   * What a route's `target` text means in a VPC's route tables. A gateway that several networks share leads to the one that
   * the route's destination overlaps.
   *
   * @param vpc index of the route table's VPC.
   * @returns the target, or a text that says what is wrong with it.
   */
  resolve(vpc: number, text: string, destination: Cidr): RouteTarget | string {
    if (text === LOCAL) return { kind: "local" };
    if (text === BLACKHOLE) return { kind: "blackhole" };
    const [internet] = this.networks;
    if (text === INTERNET_GATEWAY || text === internet.name) return { kind: "internet" };
    const found = this.#gateway(vpc, text) ?? this.#network(vpc, text, destination);
    const isGone = this.#gone.has(goneTarget(labVpcs(this.#lab)[vpc].name, text));
    // A network that was behind a gateway which is gone is not at once behind the VPC's own.
    const isThere = found !== null && typeof found !== "string" && !(isGone && isOwnGateway(found));
    if (isThere) return found;
    if (isGone) return { kind: "blackhole" };
    if (found !== null) return found;
    return `expected ${this.#expected()}, got "${text}"; ${suggestion(text, this.#known(vpc))}`;
  }

  /** A NAT gateway, peering, transit gateway, gateway endpoint or host; null: nothing is called that. */
  #gateway(vpc: number, text: string): RouteTarget | string | null {
    const { spec } = this.#lab;
    const vpcs = labVpcs(this.#lab);
    const own = vpcs[vpc];
    if (text.startsWith(HOST_PREFIX)) return this.#host(vpc, text);
    if (own.natGateways.some((g) => g.name === text)) return { kind: "natGateway", name: text };
    const foreign = vpcs.find((v) => v.natGateways.some((g) => g.name === text));
    if (foreign !== undefined)
      return `expected a NAT gateway of VPC ${own.name}, got "${text}" of VPC ${foreign.name} (InvalidParameterValue: they belong to different networks); name one of ${own.name}`;
    const peering = spec.peerings.find((p) => p.name === text);
    if (peering !== undefined) {
      if (peering.vpcs.includes(own.name)) return { kind: "peering", name: text };
      return `expected a peering of VPC ${own.name}, got "${text}" between ${peering.vpcs.join(" and ")} (InvalidVpcPeeringConnectionId.NotFound); peer ${own.name} itself: peering is not transitive`;
    }
    if (spec.transitGateways.some((g) => g.name === text)) return this.#transit(vpc, text);
    const endpoint = own.vpcEndpoints.find((e) => e.name === text);
    if (endpoint !== undefined) {
      const network = this.networks.find((n) => n.name === endpoint.network);
      if (endpoint.type === "Gateway" && network !== undefined)
        return { kind: "network", network, endpoint: endpoint.name };
      return `expected a gateway endpoint, got the interface endpoint "${text}"; its clients use the address of host/${endpoint.host}: remove the route`;
    }
    return null;
  }

  #host(vpc: number, text: string): RouteTarget | string {
    const own = labVpcs(this.#lab)[vpc];
    const name = text.slice(HOST_PREFIX.length);
    const inVpc = (subnet: string | undefined) => own.subnets.some((s) => s.name === subnet);
    const host = this.#lab.spec.hosts.find((h) => h.name === name);
    if (host !== undefined && inVpc(host.subnet)) return { kind: "eni", host: name };
    if (host !== undefined)
      return `expected a host with an ENI in VPC ${own.name}, got "${text}" of ${host.subnet === undefined ? `network ${host.network}` : `subnet ${host.subnet}`} (InvalidParameterValue: they belong to different networks); name one of ${own.name}`;
    const known = this.#lab.spec.hosts.filter((h) => inVpc(h.subnet)).map((h) => `${HOST_PREFIX}${h.name}`);
    return `expected a host of VPC ${own.name}, got "${text}"; ${suggestion(text, known)}`;
  }

  #transit(vpc: number, name: string): RouteTarget | string {
    const own = labVpcs(this.#lab)[vpc].name;
    const gateway = this.#lab.spec.transitGateways.find((g) => g.name === name);
    const attachment = gateway?.attachments.find((a) => a.vpc === own);
    if (attachment !== undefined)
      return { kind: "transitGateway", name, attachment: attachmentKey(name, attachment.name) };
    return `expected a transit gateway that VPC ${own} is attached to, got "${name}" (InvalidTransitGatewayID.NotFound); add an attachment of ${own} to it`;
  }

  #network(vpc: number, text: string, destination: Cidr): RouteTarget | string | null {
    const { networks } = this;
    const named = networks.find((n) => n.name === text);
    if (named !== undefined) return this.#toNetwork(vpc, named);
    const behind = networks.filter((n) => n.target === text && n.kind === "onPremises");
    const met = behind.length > 1 ? behind.filter((n) => n.cidrs.some((c) => overlaps(c, destination))) : behind;
    if (met.length === 1) return this.#toNetwork(vpc, met[0]);
    if (behind.length === 0) return null;
    const names = behind.map((n) => n.name).join(", ");
    return `expected a target that leads to one network, got "${text}", which leads to ${names}; write the network's name`;
  }

  #toNetwork(vpc: number, network: Network): RouteTarget | string {
    const vpcs = labVpcs(this.#lab);
    if (network.kind === "awsService")
      return `expected a gateway endpoint of VPC ${vpcs[vpc].name}, got network ${network.name}; add one (vpcEndpoints, type: Gateway) and name it`;
    if (network.attachment !== null) return this.#transit(vpc, network.attachment.split("/")[0]);
    if (network.vpc === vpc) return { kind: "network", network, endpoint: null };
    return `expected a network behind the gateway of VPC ${vpcs[vpc].name}, got ${network.name}, which is behind that of ${vpcs[network.vpc].name}; a VPC's gateway serves that VPC alone: attach both to a transit gateway`;
  }

  #known(vpc: number): string[] {
    const { spec } = this.#lab;
    const own = labVpcs(this.#lab)[vpc];
    return [
      LOCAL,
      INTERNET_GATEWAY,
      BLACKHOLE,
      ...own.natGateways.map((g) => g.name),
      ...spec.peerings.filter((p) => p.vpcs.includes(own.name)).map((p) => p.name),
      ...spec.transitGateways.map((g) => g.name),
      ...own.vpcEndpoints.filter((e) => e.type === "Gateway").map((e) => e.name),
      ...this.networks.flatMap((n) => [n.name, n.target]),
    ];
  }

  #expected(): string {
    const { peerings, transitGateways } = this.#lab.spec;
    const gateways = [...labVpcs(this.#lab).flatMap((v) => [...v.natGateways, ...v.vpcEndpoints]), ...peerings];
    const some = gateways.length + transitGateways.length > 0;
    return some ? "local, igw, blackhole, a gateway, host/NAME or a network" : "local, igw, blackhole or a network";
  }
}
