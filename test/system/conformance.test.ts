import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Views } from "../../src/lab/controlProtocol.ts";
import { Podplane, type Program, SERVER } from "./podplane.ts";
import { type LabDocument, labDocument, podDocument, serviceDocument } from "./support/labObjects.ts";
import { until } from "./support/wait.ts";

/** What upstream's network e2e tests check with real traffic (docs/conformance.md), in one lab. */

const support = (file: string) => fileURLToPath(new URL(`support/${file}`, import.meta.url));
const NAMES = support("udpNames.mjs");
const BALANCER = support("balancer.mjs");

const UDP_PORT = 8000;
const udpPort: LabDocument = { port: 80, targetPort: UDP_PORT, protocol: "UDP" };
const nodePort = (number: number): LabDocument => ({ port: 80, targetPort: 8080, nodePort: number });
const DNS_NODE_PORT = 30_080;
const WEB = { cluster: 30_081, local: 30_082, health: 30_083 };
const ROLLING = { cluster: 30_084, local: 30_085, health: 30_086 };
const PROXY_HEALTH = 10_256;
/** In the node ports' range: a program of the node reaches 127.0.0.1 at these ports through the plane. */
const HOST_PORT = 30_500;
const HTTP_OK = 200;
const HTTP_UNAVAILABLE = 503;

const podplane = new Podplane();
const onNode = (name: string, node: string, app: string, container: LabDocument, spec: LabDocument = {}) => ({
  ...podDocument(name, { spec: { nodeName: node, containers: [{ name: "main", ...container }], ...spec } }),
  metadata: { name, labels: { app } },
});
/** A UDP server, deleted without a word when it goes. */
const udpServer = (name: string, node: string, app: string, container: LabDocument = {}) =>
  onNode(
    name,
    node,
    app,
    { command: ["node", NAMES, "serve", String(UDP_PORT)], ...container },
    { terminationGracePeriodSeconds: 0 },
  );
const file = (name: string) => `${podplane.directory}/${name}`;
const exists = (name: string) => ["test", "-e", file(name)];
/** Waits in a preStop hook until a file of the test is there. */
const heldBy = (name: string) => ({
  preStop: { exec: { command: ["sh", "-c", `until [ -e ${file(name)} ]; do sleep 0.1; done`] } },
});

const loadBalancer = (name: string, app: string, ports: { cluster: number; local: number; health: number }) => [
  serviceDocument(`${name}-cluster`, [nodePort(ports.cluster)], { selector: { app }, type: "LoadBalancer" }),
  serviceDocument(`${name}-local`, [nodePort(ports.local)], {
    selector: { app },
    type: "LoadBalancer",
    externalTrafficPolicy: "Local",
    healthCheckNodePort: ports.health,
  }),
];

const daemonSet = (version: string): LabDocument => ({
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  metadata: { name: "rolling" },
  spec: {
    selector: { matchLabels: { app: "rolling" } },
    updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    template: {
      metadata: { labels: { app: "rolling" } },
      spec: {
        containers: [
          {
            name: "main",
            command: ["node", SERVER, "8080"],
            env: [{ name: "VERSION", value: version }],
            readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
            lifecycle: { preStop: { sleep: { seconds: 1 } } },
          },
        ],
      },
    },
  },
});

const nodes = new Map<string, string>();
const node = (name: string) => nodes.get(name) ?? "";
// Asked at the control socket: sooner than by the command line.
const podsNow = async () => (await podplane.ask("get", { what: "pods", name: null })) as Views["pods"];
const apply = async (...objects: LabDocument[]) =>
  await podplane.ask("apply", { path: podplane.write("more.yaml", objects) });
const remove = async (name: string, wait = true) => await podplane.ask("delete", { path: null, names: [name], wait });

beforeAll(async () => {
  await podplane.up(
    podplane.write("lab.yaml", [
      labDocument({ hosts: [{ name: "office", address: "10.0.63.200", subnet: "nodes-a" }] }),
      podDocument("client", { spec: { nodeName: "node-1" } }),
      serviceDocument("at-node", [{ ...udpPort, nodePort: DNS_NODE_PORT }], { type: "NodePort" }),
      serviceDocument("at-cluster", [udpPort]),
      serviceDocument("from-host", [udpPort]),
      serviceDocument("leaving", [udpPort]),
      serviceDocument("late", [udpPort]),
      serviceDocument("local", [udpPort], { internalTrafficPolicy: "Local" }),
      ...loadBalancer("web", "web", WEB),
      ...loadBalancer("rolling", "rolling", ROLLING),
      daemonSet("1"),
    ]),
  );
  for (const { name, address } of await podplane.get("nodes")) nodes.set(name, address);
});
afterAll(() => podplane.dispose());

describe("UDP from one source port", () => {
  it.each([
    ["a NodePort", "at-node", "pod/client", 5001],
    ["a ClusterIP", "at-cluster", "pod/client", 5002],
    ["a ClusterIP, from a node", "from-host", "node/node-1", 5003],
  ])("goes on when the server's pod cycles: %s", async (_, service, from, port) => {
    const [first, second] = [`${service}-1`, `${service}-2`];
    const at = service === "at-node" ? [DNS_NODE_PORT, node("node-1")] : [80, await podplane.clusterIP(service)];
    const asks = podplane.background(from, "node", NAMES, "ask", String(port), ...at.map(String));
    await apply(udpServer(first, "node-2", service));
    await asks.says(new RegExp(` ${first} `));
    await apply(udpServer(second, "node-2", service));
    await podplane.endpoints(service, 2);
    await remove(`pod/default/${first}`);
    await asks.says(new RegExp(` ${second} `));
    await asks.stop();
    // The second one was no reason to leave the first.
    expect(asks.stdout.match(/server|at-\w+-\d|from-host-\d/g)).toEqual([first, second]);
  });

  it("stays with a server that terminates for as long as that serves", async () => {
    const command = ["node", NAMES, "serve", String(UDP_PORT)];
    const address = await podplane.clusterIP("leaving");
    const ask = (port: string) => podplane.background("pod/client", "node", NAMES, "ask", port, "80", address);
    await apply(onNode("leaving-1", "node-2", "leaving", { command, lifecycle: heldBy("left") }));
    await podplane.serving("pod/leaving-1");
    const old = ask("5006");
    await old.says(/ leaving-1 /);
    await apply(udpServer("leaving-2", "node-2", "leaving"));
    await podplane.endpoints("leaving", 2);
    await remove("pod/default/leaving-1", false);
    const young = ask("5007");
    await young.says(/ leaving-2 /);
    await young.stop();
    expect(old.stdout).not.toMatch(/leaving-2/);
    podplane.write("left", "");
    await old.says(/ leaving-2 /);
    await old.stop();
  });

  it("reaches a pod that becomes ready after the client began", async () => {
    const asks = podplane.background(
      "pod/client",
      "node",
      NAMES,
      "ask",
      "5004",
      "80",
      await podplane.clusterIP("late"),
    );
    const rejected = async () => (await podplane.metrics()).drops.SERVICE_NO_ENDPOINTS ?? 0;
    const before = await rejected();
    await until("a rejected packet", async () => (await rejected()) > before);
    const readinessProbe = { exec: { command: exists("ready") }, periodSeconds: 1 };
    await apply(udpServer("late-1", "node-2", "late", { readinessProbe }));
    await podplane.serving("pod/late-1");
    const unready = await rejected();
    await until("one that the unready pod does not get", async () => (await rejected()) > unready);
    expect(asks.stdout).toBe("");
    podplane.write("ready", "");
    await asks.says(/ late-1 /);
    await asks.stop();
  });

  it("reaches the node's own endpoint again under internalTrafficPolicy Local (kubernetes 126934)", async () => {
    const asks = podplane.background(
      "pod/client",
      "node",
      NAMES,
      "ask",
      "5005",
      "80",
      await podplane.clusterIP("local"),
    );
    await apply(udpServer("local-1", "node-1", "local"), udpServer("local-2", "node-2", "local"));
    await asks.says(/ local-1 /);
    await podplane.endpoints("local", 2);
    await remove("pod/default/local-1");
    const dropped = async () => (await podplane.metrics()).drops.SERVICE_NO_LOCAL_ENDPOINT ?? 0;
    const before = await dropped();
    await until("a packet without a local endpoint", async () => (await dropped()) > before);
    await apply(udpServer("local-3", "node-1", "local"));
    await asks.says(/ local-3 /);
    await asks.stop();
    expect(asks.stdout).not.toMatch(/local-2/);
  });
});

describe("a load balancer's health check", () => {
  /** What both nodes say of web-local, asked from somewhere: status, weight and body. */
  async function health(from: string, path = "/") {
    const urls = ["node-1", "node-2"].map((name) => `http://${node(name)}:${WEB.health}${path}`);
    const answers = (await podplane.sh(from, `curl -sSi -m 5 '${urls.join("' '")}'`)).split(/(?=HTTP\/1\.1 )/);
    return answers.map((answer) => {
      const [head, body] = answer.split("\r\n\r\n");
      return {
        status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]),
        weight: /^X-Load-Balancing-Endpoint-Weight: (\d+)\r?$/im.exec(head)?.[1],
        body: JSON.parse(body) as unknown,
      };
    });
  }
  const service = { namespace: "default", name: "web-local" };
  const well = { status: HTTP_OK, weight: "1", body: { service, localEndpoints: 1, serviceProxyHealthy: true } };
  const ill = {
    status: HTTP_UNAVAILABLE,
    weight: "0",
    body: { service, localEndpoints: 0, serviceProxyHealthy: true },
  };

  it("follows the endpoints of each node, and does not count those that terminate", async () => {
    expect(await health("host/office")).toEqual([ill, ill]);
    await apply(onNode("web-1", "node-2", "web", { command: ["node", SERVER, "8080"], lifecycle: heldBy("stop") }));
    await podplane.serving("pod/web-1");
    await podplane.endpoints("web-local", 1);
    for (const from of ["host/office", "node/node-2"])
      expect(await health(from, "/whatever?x=1"), from).toEqual([ill, well]);

    await remove("pod/default/web-1", false);
    expect(await health("host/office")).toEqual([ill, ill]);
    // Traffic falls back to it, all the same.
    const urls = [WEB.local, WEB.cluster].map((port) => `http://${node("node-2")}:${port}/`);
    expect(await podplane.sh("host/office", `curl -sS -m 5 ${urls.join(" ")}`)).toMatch(/"web-1"[\s\S]*"web-1"/);
  });

  it("leaves pods that terminate their network, both ways", async () => {
    const pods = await podsNow();
    expect(pods.find((p) => p.name === "web-1")?.status).toBe("Terminating");
    const addressOf = (name: string) => pods.find((p) => p.name.startsWith(name))?.address;
    expect(await podplane.sh("pod/client", `curl -sS -m 5 http://${addressOf("web-1")}:8080/`)).toMatch(/"web-1"/);
    expect(await podplane.sh("pod/web-1", `curl -sS -m 5 http://${addressOf("rolling-")}:8080/`)).toMatch(/"rolling-/);
    podplane.write("stop", "");
    await until("the pod to be gone", async () => !(await podsNow()).some((p) => p.name === "web-1"));
    expect(await health("host/office")).toEqual([ill, ill]);
  });

  it("ends with its service; kube-proxy's own stays", async () => {
    await remove("svc/default/web-local");
    const status = await podplane.sh("host/office", `curl -s -m 5 http://${node("node-2")}:${WEB.health}/ || echo $?`);
    expect(status).toBe("7");
    const own = await podplane.sh("host/office", `curl -sS -m 5 http://${node("node-2")}:${PROXY_HEALTH}/healthz`);
    expect(JSON.parse(own)).toMatchObject({ nodeEligible: true });
  });
});

it("a rolling update loses no request of a load balancer, under either policy", async () => {
  const rolling = async () => (await podsNow()).filter((p) => p.name.startsWith("rolling-"));
  await podplane.endpoints("rolling-local", 2);
  await podplane.serving(...(await rolling()).map((p) => `pod/${p.name}`));
  const addresses = [node("node-1"), node("node-2")];
  const start = (port: number, ...health: string[]) =>
    podplane.background("host/office", "node", BALANCER, String(port), ...health, ...addresses);
  const balancers = [
    start(ROLLING.cluster, String(PROXY_HEALTH), "/healthz"),
    start(ROLLING.local, String(ROLLING.health), "/"),
  ];
  for (const b of balancers) for (const address of addresses) await b.says(new RegExp(`answered ${address} `));
  const before = new Set((await rolling()).map((p) => p.address));
  await apply(daemonSet("2"));
  await until("the rollout to end", async () => {
    const pods = await rolling();
    return pods.length === 2 && pods.every((p) => p.ready && !before.has(p.address));
  });
  // What came last has to have answered.
  const said = balancers.map((b) => b.stdout.length);
  await until("answers of the new pods", () => balancers.every((b, i) => /answered/.test(b.stdout.slice(said[i]))));
  for (const balancer of balancers) {
    await balancer.stop();
    expect(balancer.stdout).not.toMatch(/lost|none/);
    expect(new Set(balancer.stdout.match(/"name":"rolling-[^"]+"/g)).size).toBe(4);
  }
});

it("pods have the same hostPort at different addresses and protocols", async () => {
  const web = (name: string, hostIP: string) =>
    onNode(name, "node-2", name, {
      command: ["node", SERVER, "8080"],
      ports: [{ containerPort: 8080, hostPort: HOST_PORT, hostIP }],
    });
  const own = node("node-2");
  await apply(
    web("host-1", "127.0.0.1"),
    web("host-2", own),
    udpServer("host-3", "node-2", "host-3", {
      ports: [{ containerPort: UDP_PORT, hostPort: HOST_PORT, hostIP: own, protocol: "UDP" }],
    }),
  );
  await podplane.serving("pod/host-1", "pod/host-2", "pod/host-3");
  const curl = (address: string) => `curl -sS -m 5 http://${address}:${HOST_PORT}/`;
  expect(await podplane.sh("node/node-2", curl("127.0.0.1"))).toMatch(/"host-1"/);
  for (const from of ["node/node-2", "node/node-1", "pod/client", "host/office"])
    expect(await podplane.sh(from, curl(own)), from).toMatch(/"host-2"/);
  const asks = podplane.background("pod/client", "node", NAMES, "ask", "0", String(HOST_PORT), own);
  await asks.says(/ host-3 /);
  await asks.stop();
});

it("a service answers soon after it was made", async () => {
  const count = 20;
  await apply(udpServer("latency-1", "node-2", "latency"));
  await podplane.serving("pod/latency-1");
  const addresses = Array.from({ length: count }, (_, i) => `172.20.3.${i + 1}`);
  const asks = podplane.background("pod/client", "node", NAMES, "ask", "0", "80", ...addresses);
  const took: number[] = [];
  for (const clusterIP of addresses) {
    const name = `latency-${clusterIP.split(".").at(-1)}`;
    const began = Date.now();
    await apply(serviceDocument(name, [udpPort], { selector: { app: "latency" }, clusterIP }));
    took.push((await answeredAt(asks, clusterIP)) - began);
  }
  await asks.stop();
  took.sort((a, b) => a - b);
  console.info(`${count} services answered after ${took[count >> 1]} ms (median), ${took.at(-1)} ms (longest)`);
  expect(took.every((ms) => ms >= 0)).toBe(true);
});

/** When a client heard of an address first, milliseconds since 1970. */
async function answeredAt(asks: Program, address: string): Promise<number> {
  const answer = new RegExp(`^${address} \\S+ (\\d+)$`, "m");
  await asks.says(answer);
  return Number(answer.exec(asks.stdout)?.[1]);
}

it("every packet is accounted for, and nothing is left", async () => {
  await podplane.finish();
});
