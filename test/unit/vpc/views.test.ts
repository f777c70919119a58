import { describe, expect, it } from "vitest";
import { viewTable } from "../../../src/cli/get.ts";
import { subnetViews } from "../../../src/control/views.ts";
import { gatewayViews, routeViews, vpcViews } from "../../../src/control/vpcViews.ts";
import { cluster, read } from "../control/objects.ts";
import { clusterVpc, severalVpcs, severalVpcsDocument } from "./lab.ts";

const c = cluster(severalVpcs());
const state = c.state();
const text = {
  routes: viewTable("routes", routeViews(state), false),
  gateways: viewTable("gateways", gatewayViews(state), false),
  vpcs: viewTable("vpcs", vpcViews(state), false),
  subnets: viewTable("subnets", subnetViews(state), false),
};

describe("views of several VPCs", () => {
  it.each(Object.entries(text))("get %s fits 80 columns", (_, table) => {
    expect(Math.max(...table.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it("get routes has those of VPCs and of transit gateways", () => {
    expect(text.routes).toMatchInlineSnapshot(`
      "TABLE                  DESTINATION     TARGET       STATE       SUBNETS
      cluster/public (main)  10.0.0.0/16     local        -           public-a
      cluster/public (main)  100.64.0.0/16   local        -           public-a
      cluster/public (main)  0.0.0.0/0       igw          -           public-a
      cluster/private        10.0.0.0/16     local        -           nodes-a +1
      cluster/private        100.64.0.0/16   local        -           nodes-a +1
      cluster/private        0.0.0.0/0       nat-a        -           nodes-a +1
      cluster/private        10.1.0.0/16     to-shared    -           nodes-a +1
      cluster/private        10.2.0.0/16     tgw          -           nodes-a +1
      cluster/private        192.168.0.0/16  tgw          -           nodes-a +1
      cluster/private        52.216.0.0/15   s3           -           nodes-a +1
      cluster/pods           10.0.0.0/16     local        -           pods-a
      cluster/pods           100.64.0.0/16   local        -           pods-a
      cluster/pods           0.0.0.0/0       nat-a        -           pods-a
      cluster/pods           192.168.0.0/16  nat-private  -           pods-a
      cluster/pods           10.1.0.0/16     to-shared    -           pods-a
      shared/main (main)     10.1.0.0/16     local        -           db-a
      shared/main (main)     10.0.0.0/16     to-shared    -           db-a
      shared/main (main)     100.64.0.0/16   to-shared    -           db-a
      legacy/main (main)     10.2.0.0/16     local        -           legacy-a
      legacy/main (main)     10.0.0.0/16     tgw          -           legacy-a
      legacy/main (main)     192.168.0.0/16  tgw          -           legacy-a
      tgw/default            10.0.0.0/16     tgw/cluster  propagated  cluster +2
      tgw/default            100.64.0.0/16   tgw/cluster  propagated  cluster +2
      tgw/default            10.2.0.0/16     tgw/legacy   propagated  cluster +2
      tgw/default            192.168.0.0/16  tgw/office   propagated  cluster +2"
    `);
  });

  it("get gateways has every way out of a VPC", () => {
    expect(text.gateways).toMatchInlineSnapshot(`
      "NAME         TYPE       VPC      SUBNETS     ADDRESS     PUBLIC        LEADS-TO
      nat-a        nat        cluster  public-a    10.0.0.4    198.51.100.7  -
      nat-private  private    cluster  nodes-a     10.0.1.250  -             -
      to-shared    peering    cluster  -           -           -             shared
      tgw/cluster  transit    cluster  nodes-a +1  -           -             default
      tgw/legacy   transit    legacy   legacy-a    -           -             default
      tgw/office   transit    -        -           -           -             office
      s3           endpoint   cluster  -           -           -             s3
      ecr          interface  cluster  nodes-a     10.0.1.240  -             host/ecr"
    `);
  });

  it("get vpcs", () => {
    expect(text.vpcs).toMatchInlineSnapshot(`
      "NAME     CIDRS                      SUBNETS  TABLES  NATS  PEERS    TRANSIT
      cluster  10.0.0.0/16,100.64.0.0/16        4       3     2  shared   tgw
      shared   10.1.0.0/16                      1       1     0  cluster
      legacy   10.2.0.0/16                      1       1     0           tgw"
    `);
  });

  it("a subnet says which VPC it is of", () => {
    expect(subnetViews(state).map((s) => `${s.name} ${s.vpc}`)).toContain("db-a shared");
  });

  it("a route whose target is gone is a black hole, under the target's name", () => {
    const changed = cluster(severalVpcs());
    changed.apply(read(severalVpcsDocument({ vpc: clusterVpc({ natGateways: [] }) })));
    expect(routeViews(changed.state()).filter((r) => r.state === "blackhole")).toEqual([
      {
        routeTable: "cluster/private",
        vpc: "cluster",
        main: false,
        destination: "0.0.0.0/0",
        target: "nat-a",
        origin: "static",
        state: "blackhole",
        subnets: ["nodes-a", "nodes-b"],
      },
      expect.objectContaining({ routeTable: "cluster/pods", target: "nat-a" }),
      expect.objectContaining({ routeTable: "cluster/pods", target: "nat-private" }),
    ]);
  });

  it("gateways without fields say so", () => {
    expect(viewTable("gateways", gatewayViews(cluster({}).state()), false)).toBe(
      "no gateways but the internet gateway",
    );
  });
});
