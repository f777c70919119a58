import { describe, expect, it } from "vitest";
import type { Snapshot } from "../../../src/control/compile.ts";
import {
  type Row,
  TARGET_BLACKHOLE,
  TARGET_ENI,
  TARGET_INTERNET_GATEWAY,
  TARGET_LOCAL,
  TARGET_NAT_GATEWAY,
  TARGET_NETWORK,
  TARGET_PEERING,
  TARGET_TRANSIT_GATEWAY,
  type VpcRouteRow,
} from "../../../src/plane/rows.ts";
import { formatAddress, formatCidr } from "../../../src/plane/wire/address.ts";
import { cluster, read } from "../control/objects.ts";
import {
  clusterVpc,
  HOSTS,
  PEERING,
  route,
  severalVpcs,
  severalVpcsDocument,
  sharedVpc,
  transitGateway,
} from "./lab.ts";

function ofType<T extends Row["t"]>(snapshot: Snapshot, t: T): Extract<Row, { t: T }>[] {
  return [...snapshot.rows.values()].filter((row): row is Extract<Row, { t: T }> => row.t === t);
}

/** A route's target in words: names by their indices. */
function targetText({ names }: Snapshot, { target, arg }: VpcRouteRow): string {
  switch (target) {
    case TARGET_LOCAL:
      return "local";
    case TARGET_INTERNET_GATEWAY:
      return "igw";
    case TARGET_BLACKHOLE:
      return "blackhole";
    case TARGET_NETWORK:
      return `network ${names.network(arg)}`;
    case TARGET_NAT_GATEWAY:
      return `nat ${names.natGateway(arg)}`;
    case TARGET_PEERING:
      return `peering ${names.peering(arg)}`;
    case TARGET_TRANSIT_GATEWAY:
      return `transit ${names.transitAttachment(arg)}`;
    case TARGET_ENI:
      return `eni ${names.eni(arg)}`;
    default:
      return "?";
  }
}

const routesOf = (s: Snapshot, table: string): string[] =>
  ofType(s, "vpcRoute")
    .filter((row) => s.names.routeTable(row.routeTable) === table)
    .map((row) => `${formatCidr(row.prefix, row.length)} ${targetText(s, row)}`);

describe("rows of several VPCs", () => {
  const s = cluster(severalVpcs()).snapshot();

  it("subnets and route tables, with indices of their own across VPCs", () => {
    expect(
      ofType(s, "subnet").map((r) => [r.id, r.vpc, s.names.subnet(r.id), s.names.routeTable(r.routeTable)]),
    ).toEqual([
      [0, 0, "public-a", "cluster/public"],
      [1, 0, "nodes-a", "cluster/private"],
      [2, 0, "nodes-b", "cluster/private"],
      [3, 0, "pods-a", "cluster/pods"],
      [4, 1, "db-a", "shared/main"],
      [5, 2, "legacy-a", "legacy/main"],
    ]);
  });

  it("routes to every kind of gateway", () => {
    expect(routesOf(s, "cluster/public")).toEqual(["10.0.0.0/16 local", "100.64.0.0/16 local", "0.0.0.0/0 igw"]);
    expect(routesOf(s, "cluster/private")).toEqual([
      "10.0.0.0/16 local",
      "100.64.0.0/16 local",
      "0.0.0.0/0 nat nat-a",
      "10.1.0.0/16 peering to-shared",
      "10.2.0.0/16 transit tgw/cluster",
      "192.168.0.0/16 transit tgw/cluster",
      "52.216.0.0/15 network s3",
    ]);
    expect(routesOf(s, "legacy/main")).toEqual([
      "10.2.0.0/16 local",
      "10.0.0.0/16 transit tgw/legacy",
      "192.168.0.0/16 transit tgw/legacy",
    ]);
  });

  it("NAT gateways with an ENI each, unchecked, with their addresses", () => {
    const enis = new Map(ofType(s, "eni").map((r) => [r.id, r]));
    expect(
      ofType(s, "natGateway").map((row) => {
        const eni = enis.get(row.eni);
        return [
          s.names.natGateway(row.id),
          row.isPrivate,
          eni && [s.names.eni(eni.id), s.names.subnet(eni.subnet), formatAddress(eni.address)],
          eni && formatAddress(eni.publicAddress),
          eni && [eni.vpc, eni.node, eni.hostDevice, eni.sourceDestCheck],
        ];
      }),
    ).toEqual([
      ["nat-a", false, ["nat/nat-a", "public-a", "10.0.0.4"], "198.51.100.7", [0, -1, -1, false]],
      ["nat-private", true, ["nat/nat-private", "nodes-a", "10.0.1.250"], "0.0.0.0", [0, -1, -1, false]],
    ]);
  });

  it("the peering, attachments and the transit gateway's default route table", () => {
    expect(ofType(s, "peering")).toEqual([{ t: "peering", id: 0, a: 0, b: 1, mtu: 9001 }]);
    expect(
      ofType(s, "transitAttachment").map((r) => [s.names.transitAttachment(r.id), r.vpc, r.network, r.subnet]),
    ).toEqual([
      ["tgw/cluster", 0, -1, 1],
      ["tgw/legacy", 2, -1, 5],
      ["tgw/office", -1, 1, -1],
    ]);
    expect(new Set(ofType(s, "transitAttachment").map((r) => r.routeTable))).toEqual(
      new Set(ofType(s, "transitRoute").map((r) => r.routeTable)),
    );
    expect(
      ofType(s, "transitRoute").map((r) => [formatCidr(r.prefix, r.length), s.names.transitAttachment(r.attachment)]),
    ).toEqual([
      ["10.0.0.0/16", "tgw/cluster"],
      ["100.64.0.0/16", "tgw/cluster"],
      ["10.2.0.0/16", "tgw/legacy"],
      ["192.168.0.0/16", "tgw/office"],
    ]);
  });

  it("networks with their attachment and link, and the hosts in them", () => {
    expect(ofType(s, "network").map((r) => [s.names.network(r.id), r.attachment, r.mtu])).toEqual([
      ["internet", -1, 1500],
      ["office", 2, 1500],
      ["s3", -1, 9001],
    ]);
    // What an AWS service has is on the internet, too.
    expect(ofType(s, "outside").map((r) => [s.names.network(r.network), formatAddress(r.address), r.vpc])).toEqual([
      ["internet", "203.0.113.80", 0],
      ["office", "192.168.1.10", 0],
      ["internet", "52.216.1.1", 0],
      ["s3", "52.216.1.1", 0],
    ]);
  });

  it("ENIs of hosts in the VPCs that they are in", () => {
    const hosts = ofType(s, "eni").filter((r) => r.hostDevice >= 0);
    expect(hosts.map((r) => [s.names.eni(r.id), r.vpc, s.names.subnet(r.subnet), r.mtu])).toEqual([
      ["db/eth0", 1, "db-a", 9001],
      ["old/eth0", 2, "legacy-a", 9001],
      ["ecr/eth0", 0, "nodes-a", 9001],
    ]);
  });

  it("leaves the blocks of the cluster's VPC alone untranslated, as the CNI does", () => {
    expect(ofType(s, "snatExempt").map((r) => [r.vpc, formatCidr(r.prefix, r.length)])).toEqual([
      [0, "10.0.0.0/16"],
      [0, "100.64.0.0/16"],
    ]);
  });
});

describe("what holds of several", () => {
  const privateRoutes = (c: ReturnType<typeof cluster>) => routesOf(c.snapshot(), "private");
  const oneVpc = (fields: object) => ({ vpc: clusterVpc({ vpcEndpoints: [], ...fields }), hosts: [] });
  const vgw = { name: "office", kind: "onPremises", cidrBlocks: ["192.168.0.0/16", "172.30.0.0/16"], target: "vgw" };

  it("a static route wins over a propagated one to the same block, and both stand beside longer ones", () => {
    const tables = [
      { name: "public", main: true, routes: [route("0.0.0.0/0", "igw")] },
      { name: "private", routes: [route("192.168.0.0/16", "nat-a")], propagatingVgws: ["office"] },
      { name: "pods" },
    ];
    expect(privateRoutes(cluster({ ...oneVpc({ routeTables: tables }), networks: [vgw] }))).toEqual([
      "10.0.0.0/16 local",
      "100.64.0.0/16 local",
      "192.168.0.0/16 nat nat-a",
      "172.30.0.0/16 network office",
    ]);
  });

  it("a gateway endpoint's prefix list wins over a propagated route, and a written route over both", () => {
    const s3 = { name: "s3", kind: "awsService", cidrBlocks: ["52.216.0.0/15", "3.5.0.0/16"] };
    const both = { ...vgw, cidrBlocks: ["52.216.0.0/15", "3.5.0.0/16"] };
    const tables = [
      { name: "public", main: true, routes: [route("0.0.0.0/0", "igw")] },
      { name: "private", routes: [route("3.5.0.0/16", "nat-a")], propagatingVgws: ["office"] },
      { name: "pods" },
    ];
    const vpcEndpoints = [{ name: "s3", type: "Gateway", network: "s3", routeTables: ["private"] }];
    const c = cluster({ ...oneVpc({ routeTables: tables, vpcEndpoints }), networks: [s3, both] });
    expect(privateRoutes(c)).toEqual([
      "10.0.0.0/16 local",
      "100.64.0.0/16 local",
      "3.5.0.0/16 nat nat-a",
      "52.216.0.0/15 network s3",
    ]);
  });

  it("a route to a whole subnet of the VPC by a host's ENI stands beside the local one", () => {
    const tables = [
      { name: "public", main: true },
      { name: "private", routes: [route("10.0.2.0/24", "host/firewall")] },
      { name: "pods" },
    ];
    const hosts = [{ name: "firewall", subnet: "public-a", address: "10.0.0.50", sourceDestCheck: false }];
    const c = cluster({ ...oneVpc({ routeTables: tables }), hosts });
    expect(privateRoutes(c)).toContain("10.0.2.0/24 eni firewall/eth0");
    expect(ofType(c.snapshot(), "eni").filter((r) => !r.sourceDestCheck)).toHaveLength(3);
  });

  it("a node may have no source/destination check on its primary ENI", () => {
    const nodes = [{ name: "node-1", instanceType: "m5.large", subnet: "nodes-a", sourceDestCheck: false }];
    const [eni] = ofType(cluster(severalVpcs({ nodes })).snapshot(), "eni");
    expect(eni.sourceDestCheck).toBe(false);
  });

  it("static routes of a transit gateway win over propagated ones; black holes and tables of their own", () => {
    const routeTables = [
      {
        name: "main",
        associations: ["cluster", "legacy"],
        propagations: ["cluster", "legacy", "office"],
        routes: [
          { destinationCidrBlock: "10.2.0.0/16", attachment: "office" },
          { destinationCidrBlock: "10.9.0.0/16", blackhole: true },
        ],
      },
    ];
    const s = cluster(severalVpcs({ transitGateways: [transitGateway({ routeTables })] })).snapshot();
    const name = (id: number) => (id < 0 ? "blackhole" : s.names.transitAttachment(id));
    expect(ofType(s, "transitRoute").map((r) => `${formatCidr(r.prefix, r.length)} ${name(r.attachment)}`)).toEqual([
      "10.2.0.0/16 tgw/office",
      "10.9.0.0/16 blackhole",
      "10.0.0.0/16 tgw/cluster",
      "100.64.0.0/16 tgw/cluster",
      "192.168.0.0/16 tgw/office",
    ]);
    // The office is associated with no table: its packets go nowhere.
    expect(ofType(s, "transitAttachment").map((r) => r.routeTable)).toEqual([0, 0, -1]);
  });

  it("of two VPCs that propagate the same block the first one attached has the route", () => {
    const twin = { ...sharedVpc({ name: "twin", cidrBlocks: ["10.2.0.0/16"] }), subnets: [], routeTables: [] };
    const twinSubnets = [{ name: "twin-a", availabilityZone: "us-east-1a", cidrBlock: "10.2.1.0/24" }];
    const gateway = transitGateway();
    const attachments = [...(gateway.attachments as object[]), { name: "twin", vpc: "twin", subnets: ["twin-a"] }];
    const spec = severalVpcs({ transitGateways: [{ ...gateway, attachments }] });
    const c = cluster({ ...spec, vpcs: [...(spec.vpcs as object[]), { ...twin, subnets: twinSubnets }] });
    const s = c.snapshot();
    const [found] = ofType(s, "transitRoute").filter((r) => formatCidr(r.prefix, r.length) === "10.2.0.0/16");
    expect(s.names.transitAttachment(found.attachment)).toBe("tgw/legacy");
  });

  it("a peering between regions carries 1500 bytes", () => {
    const s = cluster(severalVpcs({ peerings: [{ ...PEERING, interRegion: true }] })).snapshot();
    expect(ofType(s, "peering").map((r) => r.mtu)).toEqual([1500]);
  });

  it("VPCs that are not connected may have the same addresses; a name is the cluster's first", () => {
    const twin = {
      name: "twin",
      cidrBlocks: ["10.0.0.0/16"],
      subnets: [{ name: "twin-a", availabilityZone: "us-east-1a", cidrBlock: "10.0.1.0/24" }],
    };
    const hosts = [...HOSTS, { name: "double", address: "10.0.1.240", subnet: "twin-a" }];
    const spec = severalVpcs({ hosts });
    const { names } = cluster({ ...spec, vpcs: [...(spec.vpcs as object[]), twin] }).snapshot();
    expect(names.byAddress(0x0a0001f0)).toBe("host/ecr");
  });

  it("one VPC's route tables keep their short names", () => {
    const s = cluster({}).snapshot();
    expect(ofType(s, "subnet").map((r) => s.names.routeTable(r.routeTable))).toEqual(["main", "main"]);
  });
});

it("the same document gives the same rows", () => {
  const rows = () => [...cluster(severalVpcs()).snapshot().rows.values()];
  expect(rows()).toEqual(rows());
  expect(read(severalVpcsDocument())).toHaveLength(1);
});
