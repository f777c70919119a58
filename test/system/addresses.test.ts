import { afterEach, beforeEach, expect, it } from "vitest";
import { Podplane, SERVER } from "./podplane.ts";
import { deploymentDocument, labDocument, nodeDocument, podDocument, serviceDocument } from "./support/labObjects.ts";
import { until } from "./support/wait.ts";

let podplane: Podplane;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

/** Secondary addresses on one node, ENIs that come quickly: 2 ENIs with 3 slots each (t3.small has 3 ENIs). */
function lab(replicas: number) {
  const document = labDocument({
    nodes: [nodeDocument(1, { instanceType: "t3.small", maxPods: 30 }), nodeDocument(2)],
    env: { ENABLE_PREFIX_DELEGATION: "false", MAX_ENI: "2" },
  });
  return [
    document,
    podDocument("client", { spec: { nodeName: "node-2" } }),
    deploymentDocument("api", replicas, { command: ["node", SERVER, "8080"], spec: { nodeName: "node-1" } }),
    serviceDocument("api", [{ port: 80, targetPort: 8080 }]),
  ];
}

const api = async () => (await podplane.get("pods")).filter((p) => p.name.startsWith("api-"));
const enisOf = async (node: string) => (await podplane.get("enis")).filter((e) => e.name.startsWith(`${node}/`));

it("replicas that are added wait for an ENI, get addresses of it and serve; the last one is refused as the CNI refuses", async () => {
  const file = podplane.write("lab.yaml", lab(0));
  await podplane.up(file);
  // No pod: one ENI, full of warm addresses.
  expect((await enisOf("node-1")).map((e) => e.assigned.length)).toEqual([3]);
  const before = await podplane.metrics();

  podplane.write("more.yaml", [
    deploymentDocument("api", 7, { command: ["node", SERVER, "8080"], spec: { nodeName: "node-1" } }),
  ]);
  await podplane.must("apply", "-f", `${podplane.directory}/more.yaml`);
  const first = await api();
  expect(first).toHaveLength(7);
  expect(first.filter((p) => p.address !== null)).toHaveLength(3);
  const waiting = first.filter((p) => p.address === null);
  expect(new Set(waiting.map((p) => `${p.status}: ${p.reason}`))).toEqual(
    new Set(["ContainerCreating: add cmd: failed to assign an IP address to container"]),
  );

  // EC2 takes 7 s for the second ENI, kubelet asks again after 10 to 15 s.
  await until(
    "six pods to have addresses",
    async () => (await api()).filter((p) => p.address !== null).length === 6,
    40_000,
  );
  const enis = await enisOf("node-1");
  expect(enis.map((e) => [e.kind, e.assigned.length, e.pods])).toEqual([
    ["primary", 3, 3],
    ["secondary", 3, 3],
  ]);
  const late = (await api()).filter((p) => p.eni === "node-1/eth1");
  expect(late).toHaveLength(3);
  await podplane.serving(...late.map((p) => `pod/${p.name}`));
  for (const { address, name } of late)
    expect(await podplane.sh("pod/client", `curl -sS http://${address}:8080/`)).toContain(`"name":"${name}"`);

  const after = await podplane.metrics();
  const node = 'node="node-1"';
  expect(after.text).toContain(`awscni_eni_allocated{${node}} 2\n`);
  expect(after.text).toContain(`awscni_assigned_ip_addresses{${node}} 6\n`);
  expect(before.text).toContain(`awscni_no_available_ip_addresses{${node}} 0\n`);
  expect(after.text).not.toContain(`awscni_no_available_ip_addresses{${node}} 0\n`);
  expect(after.text).toContain("podplane_pods_waiting 1\n");
  expect(after.text).toMatch(/podplane_pod_start_delay_seconds_count\S* 6\n/);

  await podplane.finish();
});
