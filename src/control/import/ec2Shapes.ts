import { z } from "zod";
import { cidr, ipv4 } from "../objects/fields.ts";

/**
 * The parts of the AWS CLI's answers (`aws ec2 describe-... --output json`) that a lab is made of, by the names of the EC2
 * API. Further fields are none of ours.
 */

const text = z.string().min(1);
const flag = z.boolean().default(false);
const tags = z.array(z.object({ Key: text, Value: z.string().default("") })).default([]);
const list = <T extends z.ZodType>(item: T) => z.array(item).default([]);

const vpc = z.object({
  VpcId: text,
  CidrBlock: cidr,
  CidrBlockAssociationSet: list(
    z.object({ CidrBlock: cidr, CidrBlockState: z.object({ State: z.string() }).optional() }),
  ),
  Ipv6CidrBlockAssociationSet: list(z.object({ Ipv6CidrBlock: z.string().optional() })),
  Tags: tags,
});

const subnet = z.object({
  SubnetId: text,
  VpcId: text,
  CidrBlock: cidr,
  AvailabilityZone: text,
  MapPublicIpOnLaunch: flag,
  Tags: tags,
});

const route = z.object({
  DestinationCidrBlock: cidr.optional(),
  DestinationIpv6CidrBlock: text.optional(),
  DestinationPrefixListId: text.optional(),
  GatewayId: text.optional(),
  NatGatewayId: text.optional(),
  TransitGatewayId: text.optional(),
  VpcPeeringConnectionId: text.optional(),
  NetworkInterfaceId: text.optional(),
  EgressOnlyInternetGatewayId: text.optional(),
  LocalGatewayId: text.optional(),
  CarrierGatewayId: text.optional(),
  CoreNetworkArn: text.optional(),
  State: z.string().default("active"),
  Origin: z.string().default("CreateRoute"),
});

const routeTable = z.object({
  RouteTableId: text,
  VpcId: text,
  Associations: list(z.object({ Main: flag, SubnetId: text.optional(), GatewayId: text.optional() })),
  Routes: list(route),
  Tags: tags,
});

const permission = z.object({
  IpProtocol: text,
  FromPort: z.int().optional(),
  ToPort: z.int().optional(),
  IpRanges: list(z.object({ CidrIp: cidr })),
  Ipv6Ranges: list(z.object({ CidrIpv6: z.string().optional() })),
  PrefixListIds: list(z.object({ PrefixListId: text })),
  UserIdGroupPairs: list(z.object({ GroupId: text.optional() })),
});

const securityGroup = z.object({
  GroupId: text,
  GroupName: text,
  Description: z.string().default(""),
  VpcId: text,
  IpPermissions: list(permission),
  IpPermissionsEgress: list(permission),
  Tags: tags,
});

const networkAcl = z.object({
  NetworkAclId: text,
  VpcId: text,
  IsDefault: flag,
  Associations: list(z.object({ SubnetId: text })),
  Entries: list(
    z.object({
      RuleNumber: z.int(),
      Protocol: text,
      RuleAction: z.enum(["allow", "deny"]),
      Egress: z.boolean(),
      CidrBlock: cidr.optional(),
      Ipv6CidrBlock: text.optional(),
      PortRange: z.object({ From: z.int(), To: z.int() }).optional(),
      IcmpTypeCode: z.object({ Type: z.int(), Code: z.int() }).optional(),
    }),
  ),
  Tags: tags,
});

const association = z.object({ PublicIp: ipv4.optional() }).optional();

const networkInterface = z.object({
  NetworkInterfaceId: text,
  SubnetId: text,
  VpcId: text,
  Description: z.string().default(""),
  InterfaceType: z.string().default("interface"),
  PrivateIpAddress: ipv4,
  PrivateIpAddresses: list(z.object({ PrivateIpAddress: ipv4, Primary: flag, Association: association })),
  Ipv4Prefixes: list(z.object({ Ipv4Prefix: cidr })),
  Ipv6Addresses: list(z.object({ Ipv6Address: z.string() })),
  Groups: list(z.object({ GroupId: text })),
  Attachment: z
    .object({
      InstanceId: text.optional(),
      DeviceIndex: z.int().optional(),
      NetworkCardIndex: z.int().default(0),
      Status: z.string().default("attached"),
    })
    .optional(),
  Association: association,
  SourceDestCheck: z.boolean().default(true),
  TagSet: tags,
});

const natGateway = z.object({
  NatGatewayId: text,
  SubnetId: text,
  VpcId: text,
  State: z.string().default("available"),
  ConnectivityType: z.enum(["public", "private"]).default("public"),
  NatGatewayAddresses: list(
    z.object({
      PublicIp: ipv4.optional(),
      PrivateIp: ipv4.optional(),
      IsPrimary: z.boolean().optional(),
      NetworkInterfaceId: text.optional(),
    }),
  ),
  Tags: tags,
});

const peer = z.object({
  VpcId: text,
  CidrBlock: cidr.optional(),
  CidrBlockSet: list(z.object({ CidrBlock: cidr })),
  Region: text.optional(),
});

const peering = z.object({
  VpcPeeringConnectionId: text,
  Status: z.object({ Code: text }).default({ Code: "active" }),
  RequesterVpcInfo: peer,
  AccepterVpcInfo: peer,
  Tags: tags,
});

const transitGateway = z.object({ TransitGatewayId: text, State: z.string().default("available"), Tags: tags });

const transitAttachment = z.object({
  TransitGatewayAttachmentId: text,
  TransitGatewayId: text,
  ResourceType: text,
  ResourceId: text.optional(),
  State: z.string().default("available"),
  Association: z.object({ TransitGatewayRouteTableId: text.optional() }).optional(),
  Tags: tags,
});

const transitVpcAttachment = z.object({
  TransitGatewayAttachmentId: text,
  TransitGatewayId: text,
  VpcId: text,
  SubnetIds: list(text),
  State: z.string().default("available"),
  Tags: tags,
});

const transitRouteTable = z.object({
  TransitGatewayRouteTableId: text,
  TransitGatewayId: text,
  DefaultPropagationRouteTable: flag,
  State: z.string().default("available"),
  Tags: tags,
});

const instance = z.object({ InstanceId: text, InstanceType: text, Tags: tags });

const vpcEndpoint = z.object({ VpcEndpointId: text, VpcEndpointType: text, ServiceName: z.string().default("") });

const reservation = z.object({ SubnetId: text, Cidr: cidr, ReservationType: z.enum(["prefix", "explicit"]) });

/** The answers that are read, by the key at their top: each command's has one of its own. */
export const EC2_ANSWERS = {
  Vpcs: vpc,
  Subnets: subnet,
  RouteTables: routeTable,
  SecurityGroups: securityGroup,
  NetworkAcls: networkAcl,
  NetworkInterfaces: networkInterface,
  NatGateways: natGateway,
  VpcPeeringConnections: peering,
  TransitGateways: transitGateway,
  TransitGatewayAttachments: transitAttachment,
  TransitGatewayVpcAttachments: transitVpcAttachment,
  TransitGatewayRouteTables: transitRouteTable,
  Reservations: z.object({ Instances: list(instance) }),
  VpcEndpoints: vpcEndpoint,
  SubnetIpv4CidrReservations: reservation,
} as const;
export type Ec2Key = keyof typeof EC2_ANSWERS;

export type Ec2Item<K extends Ec2Key> = z.output<(typeof EC2_ANSWERS)[K]>;
export type Ec2Answers = { readonly [K in Ec2Key]: Ec2Item<K>[] };

export type Ec2Tags = z.output<typeof tags>;
export type ObservedEni = Ec2Item<"NetworkInterfaces">;
export type ObservedPermission = z.output<typeof permission>;
export type ObservedRoute = z.output<typeof route>;

/** Answers that add nothing to a lab beside the others, or stand at the top beside another key. */
const SILENT: ReadonlySet<string> = new Set(["InternetGateways", "NextToken", "SubnetIpv6CidrReservations"]);

export function isEc2Key(key: string): key is Ec2Key {
  return Object.hasOwn(EC2_ANSWERS, key);
}

/** Whether an object looks like an answer of the AWS CLI: none of its fields are Kubernetes'. */
export function isEc2Answer(document: Readonly<Record<string, unknown>>): boolean {
  const keys = Object.keys(document);
  return keys.some((key) => isEc2Key(key) || SILENT.has(key)) && !("kind" in document);
}

export function emptyAnswers(): Ec2Answers {
  return Object.fromEntries(Object.keys(EC2_ANSWERS).map((key) => [key, []])) as unknown as Ec2Answers;
}

export function isSilent(key: string): boolean {
  return SILENT.has(key);
}

/** States in which an object of EC2 counts. */
const LIVE = ["available", "active", "associated", "pending"];

export function isLive(state: string): boolean {
  return LIVE.includes(state.toLowerCase());
}
