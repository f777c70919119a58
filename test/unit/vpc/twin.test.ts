import { expect, it } from "vitest";
import { namespaceSpecs } from "../../../src/control/workloads.ts";
import { netSpec } from "../../../src/lab/netSpec.ts";
import { twinOf } from "../../../src/lab/peer/twinOf.ts";
import { cluster } from "../control/objects.ts";
import { HOSTS, severalVpcs } from "./lab.ts";

it("a kernel twin refuses gateways that it cannot build, all in one message", () => {
  expect(() => twinOf(cluster(severalVpcs()), null)).toThrow(
    "a kernel twin has one VPC with an internet gateway and its own gateway; this lab has several VPCs, NAT gateways, transit gateways, networks of AWS services as well: ask the lab itself (podplane why), or take them out of a copy of it",
  );
  expect(twinOf(cluster({}), null).ends.length).toBeGreaterThan(0);
});

it("an appliance's namespace forwards, others do not", () => {
  const hosts = [...HOSTS, { name: "firewall", address: "10.0.0.50", subnet: "public-a", sourceDestCheck: false }];
  const specs = namespaceSpecs(cluster(severalVpcs({ hosts })).snapshot());
  const forwarding = specs.filter(
    (spec) => netSpec(spec, { offload: true, queues: 1 }).sysctls["net.ipv4.ip_forward"] === "1",
  );
  expect(forwarding.map((spec) => spec.name)).toEqual(["host/firewall"]);
});

it("hosts of other VPCs have the VPC's MTU, those beyond a gateway its own", () => {
  const specs = namespaceSpecs(cluster(severalVpcs()).snapshot());
  const mtus = specs.filter((s) => s.kind === "host").map((s) => `${s.name} ${s.mtu}`);
  expect(mtus).toEqual([
    "host/web 1500",
    "host/desk 1500",
    "host/bucket 1500",
    "host/db 9001",
    "host/old 9001",
    "host/ecr 9001",
  ]);
});
