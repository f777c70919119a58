import { expect, it } from "vitest";
import { viewTable } from "../../../src/cli/get.ts";
import { metricsRegistry } from "../../../src/observe/metrics.ts";
import { natViews } from "../../../src/observe/natView.ts";
import { cluster, podDocument, vpc } from "../control/objects.ts";
import { LabBench } from "./labBench.ts";

/** A node with two pods that ask one server in the office from the same ports, which both keep where they can. */
function collided(): LabBench {
  const b = new LabBench(
    cluster(
      {
        vpc: vpc({
          routeTables: [
            { name: "main", main: true, routes: [{ destinationCidrBlock: "192.168.0.0/16", target: "vgw" }] },
          ],
        }),
        networks: [{ name: "office", kind: "onPremises", cidrBlocks: ["192.168.0.0/16"], target: "vgw" }],
        hosts: [{ name: "office", address: "192.168.7.7", network: "office" }],
        cluster: { dns: { mode: "none" }, cni: { env: { AWS_VPC_K8S_CNI_RANDOMIZESNAT: "none" } } },
      },
      podDocument("a", { nodeName: "node-1" }),
      podDocument("b", { nodeName: "node-1" }),
    ),
  );
  for (const pod of ["pod/a", "pod/b"])
    for (const port of [40_001, 40_002, 40_003]) expect(b.ask(pod, "host/office:443", port).end).toBe("host/office");
  b.ask("pod/a", "host/office:80", 40_001);
  return b;
}

it("collisions of ports are counted by node, and the busiest destination is named", async () => {
  const b = collided();
  const { names } = b.cluster.snapshot();
  const { counters } = b.plane.context;
  const nodes = ["node-1", "node-2"].map((name) => ({ name, device: names.resolve(`node/${name}`).device }));
  const views = natViews(counters, nodes, b.conntrack(), names);
  const [first, second] = views;
  expect(first).toMatchObject({ node: "node-1", translated: 7, collisions: 3, failures: 0 });
  expect(first).toMatchObject({ busiest: "tcp host/office:443", ports: 6 });
  expect(first.portsTaken).toBeGreaterThanOrEqual(3);
  expect(second).toMatchObject({ translated: 0, collisions: 0, busiest: null, ports: 0 });
  expect(viewTable("nat", views, false)).toMatch(/node-1 +7 +3 +\d+ +0 +tcp host\/office:443 +6\/64512/);
  const registry = metricsRegistry({
    counters,
    devices: () => nodes.map(({ device, name }) => ({ index: device, name: `node/${name}` })),
    kernel: async () => new Map(),
  });
  const text = await registry.metrics();
  expect(text).toContain('podplane_node_nat_port_collisions_total{node="node-1"} 3');
  expect(text).toContain('podplane_node_nat_port_collisions_total{node="node-2"} 0');
  expect(text).toContain("podplane_nat_port_collisions_total 3");
});
