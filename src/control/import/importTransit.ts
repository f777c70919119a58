import { type Ec2Answers, type Ec2Item, isLive } from "./ec2Shapes.ts";
import { overlapsAny, vpcBlocks } from "./importVpc.ts";
import type { FurtherVpcInput, NetworkInput, PeeringInput, TransitGatewayInput } from "./labInput.ts";
import { nameTag, UniqueNames } from "./names.ts";
import type { ImportNotes } from "./notes.ts";
import type { VpcNames } from "./vpcNames.ts";

const EVERYWHERE = "0.0.0.0/0";
const NOT_REACHED = "left out: none of the VPCs of the answers is reached through it";

/** What connects VPCs with one another and with networks beyond. */
export interface Connections {
  readonly peerings: PeeringInput[];
  readonly transitGateways: TransitGatewayInput[];
  readonly networks: NetworkInput[];
  /** VPCs that peerings name and no answer describes: their blocks are known, nothing in them is. */
  readonly foreignVpcs: FurtherVpcInput[];
  /** Name of the network that a VPN gateway leads to, by the gateway's id. */
  readonly networkOfGateway: ReadonlyMap<string, string>;
}

class ConnectionImport {
  readonly #ec2: Ec2Answers;
  readonly #names: VpcNames;
  readonly #notes: ImportNotes;
  readonly #networks: NetworkInput[] = [];

  constructor(ec2: Ec2Answers, names: VpcNames, notes: ImportNotes) {
    this.#ec2 = ec2;
    this.#names = names;
    this.#notes = notes;
  }

  run(): Connections {
    const routes = this.#ec2.RouteTables.flatMap((t) => t.Routes);
    if (routes.some((r) => r.GatewayId?.startsWith("igw-") === true))
      this.#networks.push({ name: this.#names.targets.name("internet"), kind: "internet", cidrBlocks: [EVERYWHERE] });
    const networkOfGateway = this.#vpnGateways();
    const foreignVpcs = this.#foreignVpcs();
    return {
      peerings: this.#peerings(),
      transitGateways: this.#ec2.TransitGateways.filter((t) => isLive(t.State)).map((t) => this.#transitGateway(t)),
      networks: this.#networks,
      foreignVpcs,
      networkOfGateway,
    };
  }

  /** What lies behind a VPN gateway is what routes lead there. */
  #vpnGateways(): Map<string, string> {
    const found = new Map<string, string>();
    for (const table of this.#ec2.RouteTables)
      for (const { GatewayId = "" } of table.Routes) {
        if (!GatewayId.startsWith("vgw-") || found.has(GatewayId)) continue;
        const cidrBlocks = this.#blocksBehind((route) => route.GatewayId === GatewayId);
        if (cidrBlocks.length === 0) continue;
        const name = this.#names.targets.name(GatewayId);
        const vpc = this.#names.vpcs.get(table.VpcId);
        found.set(GatewayId, name);
        this.#networks.push({
          name,
          kind: "onPremises",
          cidrBlocks,
          target: "vgw",
          ...(vpc === undefined ? {} : { vpc }),
        });
        this.#notes.add(GatewayId, `taken for one network ${name} of the blocks that routes lead there`);
      }
    return found;
  }

  /** Destinations of routes that lie in no VPC, the default route left out. */
  #blocksBehind(leads: (route: Ec2Item<"RouteTables">["Routes"][number]) => boolean): string[] {
    const own = this.#ec2.Vpcs.flatMap(vpcBlocks);
    const routes = this.#ec2.RouteTables.flatMap((t) => t.Routes).filter(leads);
    const blocks = routes.flatMap(({ DestinationCidrBlock: block }) => block ?? []);
    return [...new Set(blocks)].filter((block) => block !== EVERYWHERE && !overlapsAny(block, own));
  }

  #foreignVpcs(): FurtherVpcInput[] {
    const known = new Set(this.#ec2.Vpcs.map((v) => v.VpcId));
    const found = new Map<string, FurtherVpcInput>();
    for (const peering of this.#livePeerings())
      for (const { VpcId, CidrBlock, CidrBlockSet } of [peering.RequesterVpcInfo, peering.AccepterVpcInfo]) {
        const cidrBlocks = [
          ...new Set([...(CidrBlock === undefined ? [] : [CidrBlock]), ...CidrBlockSet.map((b) => b.CidrBlock)]),
        ];
        if (known.has(VpcId) || found.has(VpcId) || cidrBlocks.length === 0) continue;
        found.set(VpcId, { name: this.#names.vpcs.get(VpcId) ?? VpcId, id: VpcId, cidrBlocks });
        this.#notes.add(VpcId, "no answer describes this peered VPC: the lab has its blocks and nothing in it");
      }
    return [...found.values()];
  }

  #livePeerings(): Ec2Item<"VpcPeeringConnections">[] {
    return this.#ec2.VpcPeeringConnections.filter(({ Status, VpcPeeringConnectionId }) => {
      if (isLive(Status.Code)) return true;
      this.#notes.add(VpcPeeringConnectionId, `left out: its state is ${Status.Code}`);
      return false;
    });
  }

  #peerings(): PeeringInput[] {
    return this.#livePeerings().flatMap(({ VpcPeeringConnectionId, RequesterVpcInfo: a, AccepterVpcInfo: b }) => {
      const vpcs = [a, b].flatMap(({ VpcId }) => this.#names.vpcs.get(VpcId) ?? []);
      const interRegion = a.Region !== undefined && b.Region !== undefined && a.Region !== b.Region;
      const name = this.#names.peerings.get(VpcPeeringConnectionId) ?? VpcPeeringConnectionId;
      return vpcs.length === 2
        ? [{ name, id: VpcPeeringConnectionId, vpcs, ...(interRegion ? { interRegion } : {}) }]
        : [];
    });
  }

  #transitGateway({ TransitGatewayId: id }: Ec2Item<"TransitGateways">): TransitGatewayInput {
    const name = this.#names.transitGateways.get(id) ?? id;
    const unique = new UniqueNames();
    const ofVpcs = this.#ec2.TransitGatewayVpcAttachments.filter((a) => a.TransitGatewayId === id && isLive(a.State));
    const all = this.#ec2.TransitGatewayAttachments.filter((a) => a.TransitGatewayId === id && isLive(a.State));
    const names = new Map<string, string>();
    const attachments: NonNullable<TransitGatewayInput["attachments"]> = [];
    for (const { TransitGatewayAttachmentId, VpcId, SubnetIds, Tags } of ofVpcs) {
      const vpc = this.#names.vpcs.get(VpcId);
      const subnets = SubnetIds.flatMap((subnet) => this.#names.subnets.get(subnet) ?? []);
      if (vpc === undefined || subnets.length === 0) {
        this.#notes.add(TransitGatewayAttachmentId, `left out: no answer describes ${VpcId} and the subnets in it`);
        continue;
      }
      const attachment = unique.name(nameTag(Tags), vpc);
      names.set(TransitGatewayAttachmentId, attachment);
      attachments.push({ name: attachment, id: TransitGatewayAttachmentId, vpc, subnets });
    }
    const beyond = all.filter((a) => a.ResourceType !== "vpc");
    const cidrBlocks = this.#blocksBehind((route) => route.TransitGatewayId === id);
    beyond.forEach(({ TransitGatewayAttachmentId, ResourceType, Tags }, i) => {
      if (i > 0 || cidrBlocks.length === 0) {
        const why =
          i > 0 ? "another attachment stands for all that lies behind" : "no route of a VPC says what lies behind";
        this.#notes.add(TransitGatewayAttachmentId, `left out (${ResourceType}): ${why}`);
        return;
      }
      const network = this.#names.targets.name(nameTag(Tags), TransitGatewayAttachmentId);
      names.set(TransitGatewayAttachmentId, network);
      this.#networks.push({ name: network, kind: "onPremises", cidrBlocks, target: name });
      attachments.push({ name: unique.name(network), id: TransitGatewayAttachmentId, network });
      this.#notes.add(
        TransitGatewayAttachmentId,
        `${ResourceType} taken for a network of the blocks that VPCs' routes lead there`,
      );
    });
    if (attachments.length === 0) this.#notes.add(id, NOT_REACHED);
    return { name, id, attachments, ...this.#tables(id, names) };
  }

  /** Associations as they were observed; propagations are in no answer. */
  #tables(id: string, attachments: ReadonlyMap<string, string>): Pick<TransitGatewayInput, "routeTables"> {
    const tables = this.#ec2.TransitGatewayRouteTables.filter((t) => t.TransitGatewayId === id && isLive(t.State));
    if (tables.length < 2) return {};
    const unique = new UniqueNames();
    return {
      routeTables: tables.map(({ TransitGatewayRouteTableId, DefaultPropagationRouteTable, Tags }) => {
        const associations = this.#ec2.TransitGatewayAttachments.filter(
          (a) => a.Association?.TransitGatewayRouteTableId === TransitGatewayRouteTableId,
        ).flatMap((a) => attachments.get(a.TransitGatewayAttachmentId) ?? []);
        this.#notes.add(
          TransitGatewayRouteTableId,
          DefaultPropagationRouteTable
            ? "taken for one that all attachments propagate to, as the default table is; static routes are in no answer"
            : "its propagations and static routes are in no answer: it has none in the lab, add them",
        );
        return {
          name: unique.name(nameTag(Tags), TransitGatewayRouteTableId),
          id: TransitGatewayRouteTableId,
          associations,
          propagations: DefaultPropagationRouteTable ? [...attachments.values()] : [],
        };
      }),
    };
  }
}

/** Peerings, transit gateways, VPN gateways and what lies behind them. */
export function importConnections(ec2: Ec2Answers, names: VpcNames, notes: ImportNotes): Connections {
  return new ConnectionImport(ec2, names, notes).run();
}
