import { describe, expect, it } from "vitest";
import type { Cluster } from "../../../src/control/cluster.ts";
import { eniViews, subnetViews } from "../../../src/control/views.ts";
import { gatewayViews } from "../../../src/control/vpcViews.ts";
import { askOffline } from "../../../src/lab/question.ts";
import { cluster, cni, podDocument, read } from "../control/objects.ts";
import {
  clusterVpc,
  HOSTS,
  legacyVpc,
  NETWORKS,
  route,
  severalVpcs,
  severalVpcsDocument,
  sharedVpc,
  transitGateway,
} from "./lab.ts";

const EXTERNAL = cni({ AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" });
const pod = podDocument("client", { nodeName: "node-1" });

/** What becomes of a first packet, in a line: who sees which source, or where it dies. */
function ask(c: Cluster, source: string, destination: string): string {
  const { verdict, reason, path, seen } = askOffline(c, { protocol: "tcp", source, destination, fromPort: 40000 });
  const way = path.join(" > ");
  return seen === null ? `${way}: ${verdict} ${reason}` : `${way}: ${seen.by} sees ${seen.source.address}`;
}

const CLIENT = "pod/default/client";

describe("a pod of the cluster's VPC, translated by its node", () => {
  const c = cluster(severalVpcs(), pod);

  it.each([
    ["host/web:80", `${CLIENT} > node-1/eth0 > nat/nat-a > host/web: host/web sees 198.51.100.7`],
    ["host/db:5432", `${CLIENT} > node-1/eth0 > db/eth0 > host/db: host/db sees 10.0.1.4`],
    ["host/old:80", `${CLIENT} > node-1/eth0 > old/eth0 > host/old: host/old sees 10.0.1.4`],
    ["host/desk:22", `${CLIENT} > node-1/eth0 > host/desk: host/desk sees 10.0.1.4`],
    ["host/bucket:443", `${CLIENT} > node-1/eth0 > host/bucket: host/bucket sees 10.0.1.4`],
    ["host/ecr:443", `${CLIENT} > node-1/eth0 > ecr/eth0 > host/ecr: host/ecr sees 10.0.1.5`],
  ])("to %s", (destination, expected) => {
    expect(ask(c, "pod/client", destination)).toBe(expected);
  });
});

describe("a pod whose SNAT is left to the VPC", () => {
  const c = cluster(severalVpcs(EXTERNAL), pod);

  it.each([
    ["host/web:80", `${CLIENT} > node-1/eth0 > nat/nat-a > host/web: host/web sees 198.51.100.7`],
    ["host/db:5432", `${CLIENT} > node-1/eth0 > db/eth0 > host/db: host/db sees 10.0.1.5`],
    ["host/desk:22", `${CLIENT} > node-1/eth0 > host/desk: host/desk sees 10.0.1.5`],
    ["host/bucket:443", `${CLIENT} > node-1/eth0 > host/bucket: host/bucket sees 10.0.1.5`],
  ])("to %s", (destination, expected) => {
    expect(ask(c, "pod/client", destination)).toBe(expected);
  });
});

describe("a host in the pods' subnet of 100.64.0.0/16", () => {
  const hosts = [...HOSTS, { name: "worker", address: "100.64.0.10", subnet: "pods-a" }];
  const c = cluster(severalVpcs({ hosts }));

  it("reaches the office by the private NAT gateway, whose address the office sees", () => {
    expect(ask(c, "host/worker", "host/desk:22")).toBe(
      "host/worker > worker/eth0 > nat/nat-private > host/desk: host/desk sees 10.0.1.250",
    );
  });

  it("reaches a peered VPC as itself", () => {
    expect(ask(c, "host/worker", "host/db:5432")).toBe(
      "host/worker > worker/eth0 > db/eth0 > host/db: host/db sees 100.64.0.10",
    );
  });

  it("reaches S3 by the public NAT gateway, because its route table has no route to the endpoint", () => {
    expect(ask(c, "host/worker", "host/bucket:443")).toBe(
      "host/worker > worker/eth0 > nat/nat-a > host/bucket: host/bucket sees 198.51.100.7",
    );
  });
});

describe("the way back and in from outside", () => {
  const c = cluster(severalVpcs(), pod);

  it.each([
    ["host/db", "node/node-1:10250", "host/db > db/eth0 > node-1/eth0 > node/node-1: node/node-1 sees 10.1.1.20"],
    ["host/desk", "node/node-1:10250", "host/desk > node-1/eth0 > node/node-1: node/node-1 sees 192.168.1.10"],
    ["host/old", "node/node-1:10250", "host/old > old/eth0 > node-1/eth0 > node/node-1: node/node-1 sees 10.2.1.20"],
    // Nobody on the internet gets in by a NAT gateway, and S3 answers to it there.
    ["host/web", "198.51.100.7:80", "host/web: DROPPED NAT_GATEWAY_NO_CONNECTION"],
    ["host/bucket", "198.51.100.7:80", "host/bucket: DROPPED NAT_GATEWAY_NO_CONNECTION"],
  ])("from %s to %s", (source, destination, expected) => {
    expect(ask(c, source, destination)).toContain(expected.split(":")[0]);
    expect(ask(c, source, destination)).toContain(expected.slice(expected.indexOf(": ") + 2));
  });

  it("S3 answers to the VPC that has an endpoint, wherever it is in the lab", () => {
    const vpcEndpoints = [{ name: "s3", type: "Gateway", network: "s3", routeTables: ["main"] }];
    const several = cluster(severalVpcs({ vpcs: [sharedVpc({ vpcEndpoints }), legacyVpc()] }), pod);
    expect(ask(several, "host/db", "host/bucket:443")).toContain("host/bucket sees 10.1.1.20");
    expect(ask(several, "host/bucket", "host/db:40000")).toContain("host/db sees 52.216.1.1");
  });
});

describe("what dies", () => {
  it("a peering does not lead to the other VPC's gateways", () => {
    const routes = [route("0.0.0.0/0", "to-shared"), route("10.1.0.0/16", "to-shared")];
    const vpc = clusterVpc({
      routeTables: [{ name: "public", main: true, routes }, { name: "private", routes }, { name: "pods" }],
    });
    const c = cluster(severalVpcs({ vpc }), pod);
    expect(ask(c, "pod/client", "host/web:80")).toBe(`${CLIENT} > node-1/eth0: DROPPED PEERING_NOT_TRANSITIVE`);
  });

  it("an answer without a route back", () => {
    const c = cluster(severalVpcs({ vpcs: [sharedVpc({ routeTables: [] }), legacyVpc()] }), pod);
    expect(ask(c, "host/db", "node/node-1:10250")).toBe("host/db > db/eth0: DROPPED VPC_NO_ROUTE");
  });

  it("a transit gateway that drops a block, and one that knows none", () => {
    const routeTables = [
      {
        name: "main",
        associations: ["cluster", "legacy", "office"],
        propagations: ["cluster", "office"],
        routes: [{ destinationCidrBlock: "192.168.1.0/24", blackhole: true }],
      },
    ];
    const c = cluster(severalVpcs({ transitGateways: [transitGateway({ routeTables })] }), pod);
    expect(ask(c, "pod/client", "host/desk:22")).toBe(`${CLIENT} > node-1/eth0: DROPPED TRANSIT_GATEWAY_BLACKHOLE`);
    expect(ask(c, "pod/client", "host/old:80")).toBe(`${CLIENT} > node-1/eth0: DROPPED TRANSIT_GATEWAY_NO_ROUTE`);
  });

  it("EXTERNALSNAT in a public subnet: the internet gateway has no address for a pod", () => {
    const nodes = [{ name: "node-1", instanceType: "m5.large", subnet: "public-a" }];
    const c = cluster(severalVpcs({ nodes, ...EXTERNAL }), pod);
    expect(ask(c, "pod/client", "host/web:80")).toBe(`${CLIENT} > node-1/eth0: DROPPED IGW_NO_PUBLIC_ADDRESS`);
  });

  it("a private NAT gateway leads nowhere by the internet gateway", () => {
    const routes = [route("0.0.0.0/0", "nat-private"), route("10.1.0.0/16", "to-shared")];
    const vpc = clusterVpc({
      routeTables: [
        { name: "public", main: true, routes: [route("0.0.0.0/0", "igw")] },
        { name: "private", routes },
        { name: "pods" },
      ],
      natGateways: [{ name: "nat-private", subnet: "public-a", connectivityType: "private" }],
    });
    expect(ask(cluster(severalVpcs({ vpc }), pod), "pod/client", "host/web:80")).toBe(
      `${CLIENT} > node-1/eth0 > nat/nat-private: DROPPED IGW_NO_PUBLIC_ADDRESS`,
    );
  });
});

describe("an appliance", () => {
  const hosts = (sourceDestCheck: boolean) => [
    ...HOSTS,
    { name: "firewall", address: "10.0.0.50", subnet: "public-a", sourceDestCheck },
  ];
  const vpc = clusterVpc({
    routeTables: [
      { name: "public", main: true, routes: [route("0.0.0.0/0", "igw"), route("10.1.0.0/16", "to-shared")] },
      { name: "private", routes: [route("10.0.2.0/24", "host/firewall")] },
      { name: "pods" },
    ],
  });

  it("gets what is for another subnet of the VPC once it no longer checks", () => {
    const c = cluster(severalVpcs({ vpc, hosts: hosts(false) }), pod);
    expect(ask(c, "pod/client", "node/node-2:10250")).toBe(
      `${CLIENT} > node-1/eth0 > firewall/eth0 > host/firewall: host/firewall sees 10.0.1.5`,
    );
  });

  it("gets nothing as long as it checks", () => {
    const c = cluster(severalVpcs({ vpc, hosts: hosts(true) }), pod);
    expect(ask(c, "pod/client", "node/node-2:10250")).toBe(`${CLIENT} > node-1/eth0: DROPPED SOURCE_DEST_CHECK`);
  });
});

describe("while the lab runs", () => {
  const change = (c: Cluster, fields: object) => c.apply(read(severalVpcsDocument({ ...fields })));

  it("a NAT gateway that goes leaves a black hole, and one that comes back is a way again", () => {
    const c = cluster(severalVpcs(), pod);
    change(c, { vpc: clusterVpc({ natGateways: [] }) });
    expect(ask(c, "pod/client", "host/web:80")).toBe(`${CLIENT} > node-1/eth0: DROPPED VPC_BLACKHOLE`);
    // A route that stays a black hole may be applied again, with other changes.
    change(c, { vpc: clusterVpc({ natGateways: [] }), peerings: [] });
    expect(ask(c, "pod/client", "host/db:80")).toBe(`${CLIENT} > node-1/eth0: DROPPED VPC_BLACKHOLE`);
    change(c, {});
    expect(ask(c, "pod/client", "host/web:80")).toContain("host/web sees 198.51.100.7");
    expect(ask(c, "pod/client", "host/db:80")).toContain("host/db sees 10.0.1.4");
  });

  it("transit gateways and attachments come and go", () => {
    const c = cluster(severalVpcs(), pod);
    const networks = NETWORKS.map((n) => (n.name === "office" ? { ...n, target: "tgw" } : n));
    expect(() => change(c, { networks })).toThrow(/expected a change of routes/);
    change(c, { transitGateways: [] });
    expect(ask(c, "pod/client", "host/old:80")).toBe(`${CLIENT} > node-1/eth0: DROPPED VPC_BLACKHOLE`);
    expect(ask(c, "pod/client", "host/desk:80")).toBe(`${CLIENT} > node-1/eth0: DROPPED VPC_BLACKHOLE`);
    const [first] = transitGateway().attachments as object[];
    change(c, { transitGateways: [transitGateway({ attachments: [first] })] });
    expect(ask(c, "pod/client", "host/old:80")).toBe(`${CLIENT} > node-1/eth0: DROPPED TRANSIT_GATEWAY_NO_ROUTE`);
    expect(ask(c, "host/old", "node/node-1:80")).toBe("host/old > old/eth0: DROPPED VPC_BLACKHOLE");
    change(c, {});
    expect(ask(c, "pod/client", "host/old:80")).toContain("host/old sees 10.0.1.4");
    expect(ask(c, "pod/client", "host/desk:80")).toContain("host/desk sees 10.0.1.4");
  });

  it("a NAT gateway that comes has an address that nobody has, and gives it back when it goes", () => {
    const c = cluster(severalVpcs(), pod);
    const more = (fields: object) => {
      const natGateways = [...(clusterVpc().natGateways as object[]), { name: "nat-b", ...fields }];
      change(c, { vpc: clusterVpc({ natGateways }) });
    };
    more({ subnet: "nodes-a", connectivityType: "private" });
    const [eni] = eniViews(c.state()).filter((e) => e.name === "nat/nat-b");
    const others = eniViews(c.state()).filter((e) => e.name !== "nat/nat-b");
    const taken = others.flatMap((e) => [e.address, ...e.assigned]);
    expect(taken).toContain("10.0.1.5");
    expect(taken).not.toContain(eni.address);
    const free = subnetViews(c.state()).map((s) => s.freeAddresses);
    change(c, {});
    expect(subnetViews(c.state()).map((s) => s.freeAddresses)).toEqual(free.map((n, i) => (i === 1 ? n + 1 : n)));
    expect(() => more({ subnet: "nodes-a", connectivityType: "private", privateIp: "10.0.1.5" })).toThrow(
      /expected an address that nobody has, got 10.0.1.5 of .* \(InvalidIPAddress.InUse\)/,
    );
  });

  it("a NAT gateway of another VPC, too", () => {
    const c = cluster(severalVpcs());
    const natGateways = [{ name: "nat-db", subnet: "db-a", connectivityType: "private" }];
    const free = () => subnetViews(c.state()).find((s) => s.name === "db-a")?.freeAddresses;
    expect(free()).toBe(250);
    change(c, { vpcs: [sharedVpc({ natGateways }), legacyVpc()] });
    expect(free()).toBe(249);
    expect(eniViews(c.state()).find((e) => e.name === "nat/nat-db")?.address).toBe("10.1.1.4");
    change(c, {});
    expect(free()).toBe(250);
  });

  it("public addresses stay with whom they are", () => {
    const c = cluster(severalVpcs());
    const second = { name: "nat-c", subnet: "public-a" };
    const withMore = (...more: object[]) =>
      change(c, { vpc: clusterVpc({ natGateways: [...more, ...(clusterVpc().natGateways as object[])] }) });
    const addressOf = (name: string) => gatewayViews(c.state()).find((g) => g.name === name)?.publicAddress;
    withMore(second);
    expect(addressOf("nat-c")).toBe("198.51.100.1");
    withMore({ name: "nat-d", subnet: "public-a" }, second);
    expect([addressOf("nat-c"), addressOf("nat-d")]).toEqual(["198.51.100.1", "198.51.100.2"]);
  });
});
