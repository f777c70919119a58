import { describe, expect, it } from "vitest";
import { pathText } from "../../../src/control/objects/finding.ts";
import { readObjects } from "../../../src/control/objects/read.ts";
import { checkLab } from "../../../src/control/vpc/checkLab.ts";
import { type Fields, labDocument, readLab } from "../control/documents.ts";
import {
  clusterVpc,
  HOSTS,
  legacyVpc,
  NETWORKS,
  PEERING,
  route,
  severalVpcs,
  sharedVpc,
  transitGateway,
} from "./lab.ts";

const findings = (spec: Fields, kind: "problems" | "notes" = "problems") =>
  checkLab(readLab(spec))[kind].map((f) => `${pathText(f.path)}: ${f.message}`);

/** The lab with a route of the private route table in place of all others. */
const withRoute = (destination: string, target: string, more: Fields = {}): Fields =>
  severalVpcs({
    vpc: clusterVpc({
      routeTables: [
        { name: "public", main: true, routes: [route("0.0.0.0/0", "igw"), route("10.1.0.0/16", "to-shared")] },
        { name: "private", routes: [route(destination, target)] },
        { name: "pods" },
      ],
      ...more,
    }),
  });
const ROUTE = "spec.vpc.routeTables[1].routes[0]";

const natGateway = (fields: Fields): Fields =>
  severalVpcs({ vpc: clusterVpc({ natGateways: [{ name: "nat-a", subnet: "public-a", ...fields }, PRIVATE] }) });
const PRIVATE = { name: "nat-private", subnet: "nodes-a", connectivityType: "private" };
const endpoint = (fields: Fields): Fields => severalVpcs({ vpc: clusterVpc({ vpcEndpoints: [fields] }) });

const attachments = (...more: Fields[]): Fields =>
  severalVpcs({
    transitGateways: [
      transitGateway({ attachments: [...(transitGateway().attachments as Fields[]).slice(0, 3), ...more] }),
    ],
  });
const clusterAttachment = (fields: Fields): Fields =>
  severalVpcs({
    transitGateways: [
      transitGateway({
        attachments: [
          { name: "cluster", vpc: "cluster", subnets: ["nodes-a", "nodes-b"], ...fields },
          ...(transitGateway().attachments as Fields[]).slice(1),
        ],
      }),
    ],
  });
const transitTable = (fields: Fields): Fields =>
  severalVpcs({
    transitGateways: [
      transitGateway({
        routeTables: [{ name: "main", associations: ["cluster", "legacy", "office"], propagations: [], ...fields }],
      }),
    ],
  });
const ATTACHMENTS = "spec.transitGateways[0].attachments";
const TABLE = "spec.transitGateways[0].routeTables[0]";

describe("a lab of several VPCs without fault", () => {
  it("has no problems and no notes", () => {
    expect(findings(severalVpcs())).toEqual([]);
    expect(findings(severalVpcs(), "notes")).toEqual([]);
  });
});

describe("what EC2 refuses", () => {
  it.each([
    // Peerings.
    [
      "peering: overlapping VPCs",
      severalVpcs({
        vpcs: [sharedVpc({ cidrBlocks: ["10.1.0.0/16", "100.64.32.0/20"] }), legacyVpc()],
      }),
      "spec.peerings[0].vpcs: expected VPCs without common addresses, got 100.64.0.0/16 of cluster and 100.64.32.0/20 of shared (the connection fails: overlapping CIDR range); change one of them, or reach it by a private NAT gateway and a transit gateway",
    ],
    [
      "peering: a second one between the same VPCs",
      severalVpcs({ peerings: [PEERING, { name: "again", vpcs: ["shared", "cluster"] }] }),
      "spec.peerings[1].vpcs: expected one peering between shared and cluster, got a second one beside to-shared (VpcPeeringConnectionAlreadyExists); remove one of them",
    ],
    [
      "peering: with itself",
      severalVpcs({ peerings: [PEERING, { name: "self", vpcs: ["legacy", "legacy"] }] }),
      "spec.peerings[1].vpcs: expected two VPCs, got legacy twice; a VPC has no peering with itself",
    ],
    [
      "peering: an unknown VPC",
      severalVpcs({ peerings: [PEERING, { name: "far", vpcs: ["cluster", "leagcy"] }] }),
      'spec.peerings[1].vpcs[1]: expected a VPC of the lab, got "leagcy" (InvalidVpcID.NotFound); did you mean legacy?',
    ],
    // VPCs and subnets.
    [
      "two VPCs of one name",
      severalVpcs({ vpcs: [sharedVpc(), legacyVpc(), { name: "shared", cidrBlocks: ["10.7.0.0/16"] }] }),
      "spec.vpcs[2].name: expected a VPC name of its own, got shared, which spec.vpcs[0].name has; change one of them",
    ],
    [
      "subnets of one name in two VPCs",
      severalVpcs({
        vpcs: [
          sharedVpc(),
          legacyVpc(),
          {
            name: "third",
            cidrBlocks: ["10.7.0.0/16"],
            subnets: [{ name: "db-a", availabilityZone: "us-east-1a", cidrBlock: "10.7.1.0/24" }],
          },
        ],
      }),
      "spec.vpcs[2].subnets[0].name: expected a subnet name of its own, got db-a, which spec.vpcs[0].subnets[0].name has; change one of them",
    ],
    [
      "a secondary block that EC2 restricts",
      severalVpcs({ vpcs: [sharedVpc({ cidrBlocks: ["10.1.0.0/16", "192.168.0.0/16"] }), legacyVpc()] }),
      "spec.vpcs[0].cidrBlocks[1]: expected a block of 10.0.0.0/8 or outside RFC 1918, got 192.168.0.0/16, which is restricted beside 10.1.0.0/16 (InvalidVpc.Range); choose another one",
    ],
    [
      "a node in another VPC",
      severalVpcs({ nodes: [{ name: "node-1", instanceType: "m5.large", subnet: "db-a" }] }),
      "spec.nodes[0].subnet: expected a subnet of the cluster's VPC cluster, got db-a of VPC shared; a cluster's nodes are in one VPC",
    ],
    [
      "a host on an address that a NAT gateway has",
      severalVpcs({ hosts: [...HOSTS, { name: "h", address: "10.0.1.250", subnet: "nodes-a" }] }),
      "spec.vpc.natGateways[1].privateIp: expected a address of its own, got 10.0.1.250, which spec.hosts[6].address has; change one of them",
    ],
    // Routes.
    [
      "route to nothing",
      withRoute("0.0.0.0/0", "nat-b"),
      `${ROUTE}.target: expected local, igw, blackhole, a gateway, host/NAME or a network, got "nat-b"; did you mean nat-a?`,
    ],
    [
      "route to another VPC's NAT gateway",
      severalVpcs({
        vpcs: [
          sharedVpc(),
          legacyVpc({ routeTables: [{ name: "main", main: true, routes: [route("0.0.0.0/0", "nat-a")] }] }),
        ],
      }),
      'spec.vpcs[1].routeTables[0].routes[0].target: expected a NAT gateway of VPC legacy, got "nat-a" of VPC cluster (InvalidParameterValue: they belong to different networks); name one of legacy',
    ],
    [
      "route to others' peering",
      severalVpcs({
        vpcs: [
          sharedVpc(),
          legacyVpc({ routeTables: [{ name: "main", main: true, routes: [route("10.0.0.0/16", "to-shared")] }] }),
        ],
      }),
      'spec.vpcs[1].routeTables[0].routes[0].target: expected a peering of VPC legacy, got "to-shared" between cluster and shared (InvalidVpcPeeringConnectionId.NotFound); peer legacy itself: peering is not transitive',
    ],
    [
      "route to a transit gateway without attachment",
      severalVpcs({
        vpcs: [
          sharedVpc({
            routeTables: [
              { name: "main", main: true, routes: [route("10.2.0.0/16", "tgw"), route("10.0.0.0/16", "to-shared")] },
            ],
          }),
          legacyVpc(),
        ],
      }),
      'spec.vpcs[0].routeTables[0].routes[0].target: expected a transit gateway that VPC shared is attached to, got "tgw" (InvalidTransitGatewayID.NotFound); add an attachment of shared to it',
    ],
    [
      "route to a host of another VPC",
      withRoute("10.9.0.0/16", "host/db"),
      `${ROUTE}.target: expected a host with an ENI in VPC cluster, got "host/db" of subnet db-a (InvalidParameterValue: they belong to different networks); name one of cluster`,
    ],
    [
      "route to a host that is not there",
      withRoute("10.9.0.0/16", "host/ecs"),
      `${ROUTE}.target: expected a host of VPC cluster, got "host/ecs"; did you mean host/ecr?`,
    ],
    [
      "route to an interface endpoint",
      withRoute("52.216.0.0/15", "ecr"),
      `${ROUTE}.target: expected a gateway endpoint, got the interface endpoint "ecr"; its clients use the address of host/ecr: remove the route`,
    ],
    [
      "route to an AWS service without its endpoint",
      withRoute("52.216.0.0/15", "s3", { vpcEndpoints: [] }),
      `${ROUTE}.target: expected a gateway endpoint of VPC cluster, got network s3; add one (vpcEndpoints, type: Gateway) and name it`,
    ],
    [
      "route inside the VPC to a peering",
      withRoute("10.0.2.0/24", "to-shared"),
      `${ROUTE}.destinationCidrBlock: expected a destination outside the VPC, got 10.0.2.0/24 inside 10.0.0.0/16, which is local; remove the route`,
    ],
    [
      "route inside the VPC to what is no whole subnet",
      withRoute("10.0.2.0/25", "nat-private"),
      `${ROUTE}.destinationCidrBlock: expected the whole block of a subnet, got 10.0.2.0/25 inside 10.0.0.0/16 (InvalidParameterValue); a route more specific than local is for a whole subnet`,
    ],
    [
      "the local route to something else",
      withRoute("100.64.0.0/16", "nat-private"),
      `${ROUTE}.destinationCidrBlock: expected a subnet's block inside 100.64.0.0/16, got 100.64.0.0/16; podplane does not replace local routes`,
    ],
    [
      "route into AWS's own range",
      withRoute("169.254.169.0/24", "nat-a"),
      `${ROUTE}.destinationCidrBlock: expected a destination outside 169.254.168.0/22, got 169.254.169.0/24; AWS keeps that range for its services: remove the route`,
    ],
    [
      "propagation from what is no VPN of the VPC",
      severalVpcs({
        vpc: clusterVpc({
          routeTables: [
            { name: "public", main: true, routes: [route("0.0.0.0/0", "igw"), route("10.1.0.0/16", "to-shared")] },
            { name: "private", propagatingVgws: ["office"] },
            { name: "pods" },
          ],
        }),
      }),
      `spec.vpc.routeTables[1].propagatingVgws[0]: expected a network behind the VPC's own gateway, got "office"; there is none`,
    ],
    // NAT gateways.
    [
      "NAT gateway in another VPC's subnet",
      natGateway({ subnet: "db-a" }),
      'spec.vpc.natGateways[0].subnet: expected a subnet of VPC cluster, got "db-a" (InvalidSubnetID.NotFound); there is nodes-a, nodes-b, pods-a, public-a',
    ],
    [
      "NAT gateway outside its subnet",
      natGateway({ privateIp: "10.0.1.9" }),
      "spec.vpc.natGateways[0].privateIp: expected an address of subnet public-a 10.0.0.0/24, got 10.0.1.9 (InvalidParameterValue); change it",
    ],
    [
      "NAT gateway on a reserved address",
      natGateway({ privateIp: "10.0.0.1" }),
      "spec.vpc.natGateways[0].privateIp: expected an address that EC2 does not reserve, got 10.0.0.1; the first four and the last of public-a 10.0.0.0/24 are reserved",
    ],
    [
      "two owners of one elastic IP address",
      natGateway({ publicIp: "203.0.113.80" }),
      "spec.vpc.natGateways[0].publicIp: expected a public address that no host has, got 203.0.113.80; change it",
    ],
    [
      "a gateway called like a network",
      severalVpcs({ peerings: [PEERING, { name: "office", vpcs: ["shared", "legacy"] }] }),
      "spec.peerings[1].name: expected a name among gateways and networks of its own, got office, which spec.networks[1].name has; change one of them",
    ],
    [
      "a gateway called like a target",
      severalVpcs({ peerings: [PEERING, { name: "igw", vpcs: ["shared", "legacy"] }] }),
      "spec.peerings[1].name: expected a name that is no route target of its own, got igw; rename it",
    ],
    // Endpoints.
    [
      "gateway endpoint to what is no AWS service",
      endpoint({ name: "gw", type: "Gateway", network: "office" }),
      'spec.vpc.vpcEndpoints[0].network: expected a network of kind awsService, got "office"; there is s3',
    ],
    [
      "gateway endpoint in an unknown route table",
      endpoint({ name: "s3", type: "Gateway", network: "s3", routeTables: ["main"] }),
      'spec.vpc.vpcEndpoints[0].routeTables[0]: expected a route table that VPC cluster writes, got "main" (InvalidRouteTableId.NotFound); there is pods, private, public',
    ],
    [
      "interface endpoint of a host elsewhere",
      endpoint({ name: "ecr", type: "Interface", host: "db" }),
      'spec.vpc.vpcEndpoints[0].host: expected a host in a subnet of VPC cluster, got "db"; there is ecr',
    ],
    // Transit gateways.
    [
      "attachment with a subnet of another VPC",
      clusterAttachment({ subnets: ["nodes-a", "db-a"] }),
      `${ATTACHMENTS}[0].subnets[1]: expected a subnet of VPC cluster, got "db-a" of VPC shared (InvalidSubnetID.NotFound); there is nodes-a, nodes-b, pods-a, public-a`,
    ],
    [
      "attachment with two subnets in one zone",
      clusterAttachment({ subnets: ["nodes-a", "nodes-b", "pods-a"] }),
      `${ATTACHMENTS}[0].subnets[2]: expected one subnet in each zone, got pods-a in us-east-1a beside nodes-a (DuplicateSubnetsInSameZone); remove one of them`,
    ],
    [
      "a second attachment of a VPC",
      attachments({ name: "again", vpc: "legacy", subnets: ["legacy-a"] }),
      `${ATTACHMENTS}[3].vpc: expected one attachment of VPC legacy to tgw, got a second one beside legacy (DuplicateTransitGatewayAttachment); remove one of them`,
    ],
    [
      "a second attachment of a network",
      attachments({ name: "again", network: "office" }),
      `${ATTACHMENTS}[3].network: expected one attachment of network office, got tgw/again beside tgw/office; remove one of them`,
    ],
    [
      "attachment of an unknown VPC",
      attachments({ name: "far", vpc: "legcy", subnets: ["legacy-a"] }),
      `${ATTACHMENTS}[3].vpc: expected a VPC of the lab, got "legcy" (InvalidVpcID.NotFound); did you mean legacy?`,
    ],
    [
      "attachment of the internet",
      attachments({ name: "far", network: "internet" }),
      `${ATTACHMENTS}[3].network: expected a network of kind onPremises, got "internet"; there is office`,
    ],
    [
      "an association that is none",
      transitTable({ associations: ["cluster", "legacy", "office", "shared"] }),
      `${TABLE}.associations[3]: expected an attachment of tgw, got "shared" (InvalidTransitGatewayAttachmentID.NotFound); there is cluster, legacy, office`,
    ],
    [
      "a second association",
      transitTable({ associations: ["cluster", "legacy", "office", "office"] }),
      `${TABLE}.associations[3]: expected an attachment without a route table, got office, which is associated with main (Resource.AlreadyAssociated); remove one of them`,
    ],
    [
      "a propagation that is none",
      transitTable({ propagations: ["offices"] }),
      `${TABLE}.propagations[0]: expected an attachment of tgw, got "offices" (InvalidTransitGatewayAttachmentID.NotFound); did you mean office?`,
    ],
    [
      "two static routes to one destination",
      transitTable({
        routes: [
          { destinationCidrBlock: "10.9.0.0/16", blackhole: true },
          { destinationCidrBlock: "10.9.0.0/16", attachment: "office" },
        ],
      }),
      `${TABLE}.routes[1].destinationCidrBlock: expected one route to 10.9.0.0/16, got a second one (RouteAlreadyExists); remove one of them`,
    ],
    // Networks.
    [
      "a network whose transit gateway does not know it",
      severalVpcs({
        networks: [...NETWORKS, { name: "lab", kind: "onPremises", cidrBlocks: ["172.30.0.0/16"], target: "tgw" }],
      }),
      'spec.networks[3].target: expected a transit gateway with an attachment of network lab, got "tgw" without one; add { name: lab, network: lab } to its attachments',
    ],
    [
      "a network behind an unknown VPC",
      severalVpcs({
        networks: [
          ...NETWORKS,
          { name: "lab", kind: "onPremises", cidrBlocks: ["172.30.0.0/16"], target: "vgw", vpc: "x" },
        ],
      }),
      'spec.networks[3].vpc: expected a VPC of the lab, got "x"; there is cluster, legacy, shared',
    ],
    [
      "a VPC for a network that a transit gateway leads to",
      severalVpcs({
        networks: [NETWORKS[0], { ...NETWORKS[1], vpc: "shared" }, NETWORKS[2]],
      }),
      'spec.networks[1].vpc: expected no VPC for network office, which a transit gateway leads to, got "shared"; remove it',
    ],
    [
      "an AWS service behind a transit gateway",
      severalVpcs({ networks: [NETWORKS[0], NETWORKS[1], { ...NETWORKS[2], target: "tgw" }] }),
      'spec.networks[2].target: expected igw for an AWS service, got "tgw"; write igw',
    ],
    [
      "a VPN of another VPC",
      {
        ...withRoute("172.30.0.0/16", "lab"),
        networks: [
          ...NETWORKS,
          { name: "lab", kind: "onPremises", cidrBlocks: ["172.30.0.0/16"], target: "vgw", vpc: "shared" },
        ],
      },
      `${ROUTE}.target: expected a network behind the gateway of VPC cluster, got lab, which is behind that of shared; a VPC's gateway serves that VPC alone: attach both to a transit gateway`,
    ],
  ])("%s", (_, spec, message) => {
    expect(findings(spec)).toEqual([message]);
  });
});

describe("what the schema refuses", () => {
  const problems = (spec: Fields) =>
    readObjects(labDocument(spec)).problems.map((p) => `${pathText(p.path)}: ${p.message}`);

  it.each([
    [
      "a private NAT gateway with a public address",
      natGateway({ connectivityType: "private", publicIp: "198.51.100.9" }),
      "spec.vpc.natGateways[0].publicIp: a private NAT gateway takes no elastic IP address; remove publicIp, or write connectivityType: public",
    ],
    [
      "an attachment of nothing",
      attachments({ name: "x" }),
      "spec.transitGateways[0].attachments[3]: an attachment has either a vpc or a network; write one of them",
    ],
    [
      "a VPC's attachment without subnets",
      attachments({ name: "x", vpc: "shared" }),
      "spec.transitGateways[0].attachments[3].subnets: expected at least one subnet for a VPC's attachment, got nothing; add it",
    ],
    [
      "a transit route with two ends",
      transitTable({ routes: [{ destinationCidrBlock: "10.9.0.0/16", attachment: "office", blackhole: true }] }),
      "spec.transitGateways[0].routeTables[0].routes[0]: a route has either an attachment or blackhole: true; write one of them",
    ],
    [
      "a gateway endpoint without a network",
      endpoint({ name: "s3", type: "Gateway" }),
      "spec.vpc.vpcEndpoints[0].network: a gateway endpoint leads to a network; add network",
    ],
    [
      "a peering of three",
      severalVpcs({ peerings: [{ name: "p", vpcs: ["cluster", "shared", "legacy"] }] }),
      'spec.peerings[0].vpcs: expected at most 2 items, got ["cluster","shared","legacy"]',
    ],
    [
      "groups of a host that has no ENI",
      { hosts: [{ name: "web", address: "203.0.113.80", network: "internet", securityGroups: ["x"] }] },
      "spec.hosts[0].securityGroups: only a host in a subnet has security groups; remove them, or write subnet for network",
    ],
    [
      "a further VPC without a name",
      { vpcs: [{ cidrBlocks: ["10.1.0.0/16"] }] },
      "spec.vpcs[0].name: expected a DNS-1123 label (lower case letters, digits and '-', at most 63, such as node-1), got nothing; add it",
    ],
  ])("%s", (_, spec, message) => {
    expect(problems(spec)).toEqual([message]);
  });
});

describe("what EC2 takes and that carries nothing gets a note", () => {
  it.each([
    [
      "a peering route beyond the peer",
      withRoute("10.2.0.0/16", "to-shared"),
      `${ROUTE}.target: 10.2.0.0/16 is no block of VPC shared (10.1.0.0/16): peering is not transitive, and the route carries nothing`,
    ],
    [
      "a peering without a route back",
      severalVpcs({ vpcs: [sharedVpc({ routeTables: [] }), legacyVpc()] }),
      "spec.peerings[0]: no route table of VPC shared has a route to to-shared: nothing of shared gets to the other side, answers neither",
    ],
    [
      "a host that checks what it forwards",
      withRoute("10.9.0.0/16", "host/ecr"),
      `${ROUTE}.target: host/ecr checks source and destination: it gets none of these packets before sourceDestCheck is false`,
    ],
    [
      "a route of a gateway endpoint beyond its service",
      withRoute("52.0.0.0/8", "s3"),
      `${ROUTE}.target: 52.0.0.0/8 is not in the prefix list of endpoint s3 (52.216.0.0/15); EC2 routes that list alone to it`,
    ],
    [
      "a public NAT gateway in a private subnet",
      natGateway({ subnet: "nodes-b" }),
      "spec.vpc.natGateways[0].subnet: the route table of nodes-b has its default route to nat-a, not to igw: NAT gateway nat-a reaches no internet from there",
    ],
    [
      "a machine without public address in a public subnet",
      severalVpcs({
        nodes: [{ name: "node-1", instanceType: "m5.large", subnet: "public-a" }],
        vpc: clusterVpc({
          subnets: (clusterVpc().subnets as Fields[]).map((s) => ({ ...s, mapPublicIpOnLaunch: false })),
        }),
      }),
      "spec.vpc.subnets[0]: node-1 in public-a has no public address: the internet gateway drops what they send to the internet",
    ],
    [
      "51 routes",
      withRoute("0.0.0.0/0", "nat-a", {
        routeTables: [
          { name: "public", main: true, routes: [route("0.0.0.0/0", "igw"), route("10.1.0.0/16", "to-shared")] },
          { name: "private", routes: Array.from({ length: 51 }, (_, i) => route(`172.20.${i}.0/24`, "nat-a")) },
          { name: "pods" },
        ],
      }),
      "spec.vpc.routeTables[1].routes: 51 routes: EC2 takes 500 a table, and took 50 until June 2025, unless AWS raises the quota (RouteLimitExceeded)",
    ],
    [
      "a zone without attachment",
      clusterAttachment({ subnets: ["nodes-a"] }),
      `${ATTACHMENTS}[0].subnets: none in us-east-1b: EC2 lets nothing in those zones use the transit gateway, podplane does`,
    ],
    [
      "an attachment without association",
      transitTable({ associations: ["cluster", "legacy"] }),
      `${ATTACHMENTS}[2]: office is associated with no route table: what it sends goes nowhere`,
    ],
    [
      "a static route over a propagated one",
      transitTable({
        propagations: ["legacy"],
        routes: [{ destinationCidrBlock: "10.2.0.0/16", attachment: "office" }],
      }),
      `${TABLE}.routes[0].destinationCidrBlock: the static route wins over the one to 10.2.0.0/16 that legacy propagates`,
    ],
    [
      "an office with addresses of a VPC",
      severalVpcs({
        networks: [NETWORKS[0], { ...NETWORKS[1], cidrBlocks: ["192.168.0.0/16", "10.1.128.0/17"] }, NETWORKS[2]],
      }),
      "spec.networks[1].cidrBlocks[1]: 10.1.128.0/17 overlaps VPC shared (10.1.0.0/16): its local routes keep the addresses that both have",
    ],
  ])("%s", (_, spec, message) => {
    expect(findings(spec)).toEqual([]);
    expect(findings(spec, "notes")).toContain(message);
  });
});
