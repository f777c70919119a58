import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { importFiles } from "../../../src/lab/files/importFiles.ts";
import { fixtureFiles } from "./run.ts";

const directory = mkdtempSync(join(tmpdir(), "podplane-import-"));
afterAll(() => rmSync(directory, { recursive: true }));

const SHOP = "vpc-0a1b2c3d4e5f60001";
const DATA = "vpc-0a1b2c3d4e5f60002";
const TGW = "tgw-02f776b1a7EXAMPLE";

const ANSWERS = {
  TransitGateways: [{ TransitGatewayId: TGW, State: "available", Tags: [{ Key: "Name", Value: "Hub" }] }],
  TransitGatewayVpcAttachments: [
    {
      TransitGatewayAttachmentId: "tgw-attach-1",
      TransitGatewayId: TGW,
      VpcId: SHOP,
      SubnetIds: ["subnet-0aaa000000000001"],
    },
    {
      TransitGatewayAttachmentId: "tgw-attach-2",
      TransitGatewayId: TGW,
      VpcId: DATA,
      SubnetIds: ["subnet-0ddd000000000004"],
    },
    {
      TransitGatewayAttachmentId: "tgw-attach-3",
      TransitGatewayId: TGW,
      VpcId: "vpc-gone",
      SubnetIds: ["subnet-gone"],
    },
  ],
  TransitGatewayAttachments: ["1", "2", "3", "4"].map((n) => ({
    TransitGatewayAttachmentId: `tgw-attach-${n}`,
    TransitGatewayId: TGW,
    ResourceType: n === "4" ? "vpn" : "vpc",
    Association: { TransitGatewayRouteTableId: n === "2" ? "tgw-rtb-2" : "tgw-rtb-1", State: "associated" },
    Tags: n === "4" ? [{ Key: "Name", Value: "office" }] : [],
  })),
  TransitGatewayRouteTables: [
    { TransitGatewayRouteTableId: "tgw-rtb-1", TransitGatewayId: TGW, DefaultPropagationRouteTable: true },
    { TransitGatewayRouteTableId: "tgw-rtb-2", TransitGatewayId: TGW, DefaultPropagationRouteTable: false },
  ],
};

function shop() {
  const { kubectl, ec2 } = fixtureFiles("shop");
  const tables = ec2.find((file) => file.endsWith("route-tables.json")) ?? "";
  const answers = JSON.parse(readFileSync(tables, "utf8")) as { RouteTables: { Routes: object[] }[] };
  answers.RouteTables[0].Routes.push(
    { DestinationCidrBlock: "192.168.0.0/16", TransitGatewayId: TGW, Origin: "CreateRoute", State: "active" },
    {
      DestinationCidrBlock: "172.31.0.0/16",
      GatewayId: "vgw-0abc",
      Origin: "EnableVgwRoutePropagation",
      State: "active",
    },
    { DestinationCidrBlock: "10.99.0.0/16", NatGatewayId: "nat-gone", Origin: "CreateRoute", State: "blackhole" },
  );
  const peered = {
    VpcPeeringConnections: [
      {
        VpcPeeringConnectionId: "pcx-foreign",
        Status: { Code: "active" },
        RequesterVpcInfo: { VpcId: SHOP, CidrBlock: "10.0.0.0/16", Region: "us-west-2" },
        AccepterVpcInfo: { VpcId: "vpc-foreign", CidrBlock: "10.50.0.0/16", Region: "eu-west-1" },
      },
      {
        VpcPeeringConnectionId: "pcx-old",
        Status: { Code: "deleted" },
        RequesterVpcInfo: { VpcId: SHOP },
        AccepterVpcInfo: { VpcId: DATA },
      },
    ],
  };
  const files = [ANSWERS, peered, answers].map((answer, i) => {
    const file = join(directory, `${i}.json`);
    writeFileSync(file, JSON.stringify(answer));
    return file;
  });
  const rest = ec2.filter((file) => file !== tables);
  return importFiles({ kubectl, ec2: [...rest, ...files], keepCommands: false, oneStream: false, name: "hub" });
}

it("connects VPCs and networks as the answers have them, and says what they do not tell", () => {
  const { imported, notes } = shop();
  const { spec } = imported.lab;
  expect(spec.transitGateways).toMatchObject([
    {
      name: "hub",
      attachments: [
        { name: "shop", vpc: "shop", subnets: ["private-a"] },
        { name: "data-platform", vpc: "data-platform", subnets: ["data-a"] },
        { name: "office", network: "office" },
      ],
      routeTables: [
        { associations: ["shop", "office"], propagations: ["shop", "data-platform", "office"] },
        { associations: ["data-platform"], propagations: [] },
      ],
    },
  ]);
  expect(spec.networks).toEqual([
    { name: "internet", kind: "internet", cidrBlocks: ["0.0.0.0/0"] },
    { name: "vgw-0abc", kind: "onPremises", cidrBlocks: ["172.31.0.0/16"], target: "vgw", vpc: "shop" },
    { name: "office", kind: "onPremises", cidrBlocks: ["192.168.0.0/16"], target: "hub" },
  ]);
  expect(spec.vpc.routeTables?.[0].routes?.slice(-3)).toEqual([
    { destinationCidrBlock: "192.168.0.0/16", target: "hub" },
    { destinationCidrBlock: "172.31.0.0/16", target: "vgw-0abc" },
    { destinationCidrBlock: "10.99.0.0/16", target: "blackhole" },
  ]);
  expect(spec.peerings?.map((p) => [p.name, ...p.vpcs, p.interRegion])).toEqual([
    ["shop-to-data", "shop", "data-platform", undefined],
    ["pcx-foreign", "shop", "vpc-foreign", true],
  ]);
  expect(spec.vpcs?.at(-1)).toEqual({ name: "vpc-foreign", id: "vpc-foreign", cidrBlocks: ["10.50.0.0/16"] });
  expect(notes.lines()).toEqual(
    expect.arrayContaining([
      "tgw-attach-3: left out: no answer describes vpc-gone and the subnets in it",
      "tgw-attach-4: vpn taken for a network of the blocks that VPCs' routes lead there",
      "tgw-rtb-2: its propagations and static routes are in no answer: it has none in the lab, add them",
      "vpc-foreign: no answer describes this peered VPC: the lab has its blocks and nothing in it",
      "pcx-old: left out: its state is deleted",
    ]),
  );
});
