import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Podplane, SERVER } from "./podplane.ts";
import { deploymentDocument, labDocument, nodeDocument, podDocument, serviceDocument } from "./support/labObjects.ts";
import { CountedNamespaces } from "./support/namespaceCount.ts";

const NODES = 10;
const PODS = 300;
const UP_WITHIN_MS = 60_000;

let namespaces: CountedNamespaces;
let podplane: Podplane;
beforeEach(async () => {
  namespaces = await CountedNamespaces.make();
  podplane = new Podplane(namespaces.wrap);
});
afterEach(async () => {
  await podplane.dispose();
  namespaces.close();
});

describe("300 pods on 10 nodes", () => {
  it("come up within a minute, reach each other, and go away without a trace", async () => {
    const file = podplane.write("lab.yaml", [
      labDocument({ nodes: Array.from({ length: NODES }, (_, i) => nodeDocument(i + 1)) }),
      deploymentDocument("idle", PODS - 3),
      deploymentDocument("api", 2, { command: ["node", SERVER, "8080"] }),
      serviceDocument("api", [{ port: 80, targetPort: 8080 }]),
      podDocument("client", { spec: { nodeName: "node-7" } }),
    ]);
    const began = performance.now();
    await podplane.up(file);
    const took = performance.now() - began;
    expect(took, "ms until up").toBeLessThan(UP_WITHIN_MS);
    const pods = await podplane.get("pods");
    expect(pods).toHaveLength(PODS);
    expect(new Set(pods.map((p) => p.address)).size).toBe(PODS);
    expect(new Set(pods.map((p) => p.node)).size).toBe(NODES);
    await podplane.serving("pod/api-1", "pod/api-2");
    expect(JSON.parse(await podplane.sh("pod/client", "curl -sS http://api/"))).toHaveProperty("name");
    const far = pods.filter((p) => p.name.startsWith("idle-")).slice(-3);
    for (const { address } of far) await podplane.sh("pod/client", `ping -c 1 -W 5 ${address}`);

    await podplane.ledger();
    const down = podplane.spawn("down");
    const { status, stdout, stderr } = await down.ended;
    expect(status, stderr).toBe(0);
    expect(stdout).toContain("lab test is down");
    await podplane.expectNothingLeft();
    await namespaces.allGone();
  }, 180_000);
});
