import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { labJsonSchema } from "../../../src/control/objects/lab.ts";
import { endpointViews, podViews } from "../../../src/control/views.ts";
import { loadLab } from "../../../src/lab/files/load.ts";

it("the quickstart lab loads without a note, its pods where its README has them", () => {
  const lab = loadLab(fileURLToPath(new URL("../../../labs/quickstart", import.meta.url)));
  expect(lab.notes).toEqual([]);
  const state = lab.cluster.state();
  expect(podViews(state).map((p) => `${p.name} ${p.node} ${p.address}`)).toEqual([
    "client node-1 10.0.1.16",
    "api-1 node-2 10.0.2.16",
    "api-2 node-2 10.0.2.17",
    "api-3 node-2 10.0.2.18",
    "coredns-1 node-1 10.0.1.17",
    "coredns-2 node-2 10.0.2.19",
  ]);
  expect(endpointViews(state).filter((e) => e.service.startsWith("svc/default/"))).toHaveLength(3);
  expect(lab.cluster.workloads().map((w) => [w.name, w.processes.length])).toEqual([
    ["pod/default/client", 0],
    ["pod/default/api-1", 1],
    ["pod/default/api-2", 1],
    ["pod/default/api-3", 1],
    ["pod/kube-system/coredns-1", 0],
    ["pod/kube-system/coredns-2", 0],
    ["host/rds", 1],
    ["host/web", 1],
  ]);
});

it("the schema for editors describes what a user writes", () => {
  const schema = labJsonSchema();
  expect(schema).toMatchObject({
    title: "podplane lab",
    required: ["apiVersion", "kind", "metadata", "spec"],
    additionalProperties: false,
    properties: {
      apiVersion: { const: "podplane.dev/v1alpha1" },
      spec: {
        required: ["vpc"],
        properties: {
          cluster: { properties: { cni: { properties: { env: { additionalProperties: { type: "string" } } } } } },
          nodes: { items: { required: ["name", "instanceType", "subnet"] } },
        },
      },
    },
  });
});
