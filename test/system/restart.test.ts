import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Views } from "../../src/lab/controlProtocol.ts";
import { Podplane, SERVER } from "./podplane.ts";
import { deploymentDocument, labDocument, podDocument, serviceDocument } from "./support/labObjects.ts";
import { until } from "./support/wait.ts";

let podplane: Podplane;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

/** Listens on 8080, answers with its name, and ends with code 3 when someone connects to port 9999. */
const FRAGILE = [
  "node",
  "-e",
  `const net = require("node:net");
   net.createServer((s) => { s.on("error", () => {}); s.end(process.env.POD_NAME + "\\n"); })
     .listen(8080, () => console.log("listening"));
   net.createServer(() => process.exit(3)).listen(9999);`,
];

const ask = "socat -T 5 - TCP:api:80,connect-timeout=5 </dev/null";

describe("a pod whose command ends", () => {
  it("is no endpoint until it has been restarted, and the others take its connections", async () => {
    const file = podplane.write("lab.yaml", [
      labDocument(),
      podDocument("client", { spec: { nodeName: "node-1" } }),
      deploymentDocument("api", 2, { command: FRAGILE }),
      serviceDocument("api", [{ port: 80, targetPort: 8080 }]),
    ]);
    await podplane.up(file);
    await podplane.serving("pod/api-1", "pod/api-2");
    await podplane.endpoints("api", 2);
    const victim = (await podplane.get("pods")).find((p) => p.name === "api-1")?.address ?? "";

    const kill = `socat -T 1 - TCP:${victim}:9999,connect-timeout=5 </dev/null; true`;
    await podplane.sh("pod/client", kill);
    const [left] = await podplane.endpoints("api", 1);
    expect(left.pod).toBe("pod/default/api-2");
    const pods = (await podplane.ask("get", { what: "pods", name: null })) as Views["pods"];
    expect(pods.find((p) => p.name === "api-1")?.ready).toBe(false);
    // The first restart comes after a second; then it serves again.
    await podplane.endpoints("api", 2);
    await until("both to answer", async () => {
      const names = new Set<string>();
      for (let i = 0; i < 8; i++) names.add(await podplane.sh("pod/client", `${ask} || true`));
      return names.has("api-1") && names.has("api-2");
    });
    // The second time it waits for longer: it is still away when the other one has answered several times.
    await podplane.sh("pod/client", kill);
    await podplane.endpoints("api", 1);
    for (let i = 0; i < 5; i++) expect(await podplane.sh("pod/client", ask)).toBe("api-2");
    expect(await podplane.must("logs", "pod/api-1")).toMatch(/listening\nlistening/);
    await podplane.finish();
  });
});

describe("a change of the running lab", () => {
  it("leaves established flows on their endpoint, and new ones obey it", async () => {
    const file = podplane.write("lab.yaml", [
      labDocument(),
      podDocument("client", { spec: { nodeName: "node-1" } }),
      podDocument("old", { command: ["node", SERVER, "8080"], spec: { nodeName: "node-2" } }),
      serviceDocument("api", [{ port: 80, targetPort: 8080 }], { selector: { app: "old" } }),
    ]);
    await podplane.up(file);
    await podplane.serving("pod/old");
    // One connection, two requests: the second one after the service has moved on.
    const script =
      `exec 3<>/dev/tcp/$(getent hosts api | cut -d" " -f1)/80; ` +
      `req() { printf "GET / HTTP/1.1\\r\\nHost: api\\r\\n\\r\\n" >&3; while read -r line <&3; do case "$line" in {*) echo "$line"; break;; esac; done; }; ` +
      `req; until [ -e ${podplane.directory}/go ]; do read -r -t 0.05 <> <(:); done; req`;
    const flow = podplane.background("pod/client", "bash", "-c", script);
    await flow.says(/"name":"old"/);
    const change = podplane.write("change.yaml", [
      podDocument("new", { command: ["node", SERVER, "8080"], spec: { nodeName: "node-2" } }),
      serviceDocument("api", [{ port: 80, targetPort: 8080 }], { selector: { app: "new" } }),
    ]);
    const said = await podplane.must("apply", "-f", change);
    expect(said).toMatch(/pod\/default\/new created/);
    expect(said).toMatch(/svc\/default\/api configured/);
    await podplane.serving("pod/new");
    expect(JSON.parse(await podplane.sh("pod/client", "curl -sS http://api/"))).toMatchObject({ name: "new" });
    podplane.write("go", "");
    const { stdout } = await flow.ended;
    expect(stdout.match(/"name":"old"/g)).toHaveLength(2);

    await podplane.must("delete", "svc/api");
    const gone = await podplane.run("exec", "pod/client", "--", "curl", "-sS", "-m", "2", "http://172.20.1.1/");
    expect(gone.status).not.toBe(0);
    expect(await podplane.get("services")).toEqual([]);
    await podplane.must("delete", "pod/new");
    expect((await podplane.get("pods")).map((p) => p.name).sort()).toEqual(["client", "old"]);
    await podplane.finish();
  });

  it("places pods by nodeSelector, taints and tolerations", async () => {
    const lab = labDocument({
      nodes: [
        { name: "node-1", instanceType: "m5.large", subnet: "nodes-a", labels: { disk: "ssd" } },
        {
          name: "node-2",
          instanceType: "m5.large",
          subnet: "nodes-b",
          taints: [{ key: "dedicated", value: "db", effect: "NoSchedule" }],
        },
      ],
    });
    const file = podplane.write("lab.yaml", [
      lab,
      deploymentDocument("web", 3),
      podDocument("db", {
        spec: {
          tolerations: [{ key: "dedicated", operator: "Exists" }],
          nodeSelector: { "kubernetes.io/hostname": "node-2" },
        },
      }),
      podDocument("cache", { spec: { nodeSelector: { disk: "ssd" } } }),
    ]);
    await podplane.up(file);
    const where = Object.fromEntries((await podplane.get("pods")).map((p) => [p.name, p.node]));
    expect(where).toEqual({ "web-1": "node-1", "web-2": "node-1", "web-3": "node-1", db: "node-2", cache: "node-1" });
    await podplane.finish();
  });
});
