import { createHash } from "node:crypto";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Podplane, SERVER, UDP } from "./podplane.ts";
import { deploymentDocument, labDocument, podDocument, serviceDocument } from "./support/labObjects.ts";
import type { Metrics } from "./support/metrics.ts";

const MEGABYTE = 1_000_000;
/** server.mjs: byte i is i modulo 251. */
const PERIOD = 251;
const CHUNK = Buffer.from(Array.from({ length: PERIOD * 4096 }, (_, i) => i % PERIOD));

/** What server.mjs gives for /bytes/N, as pieces. */
function* pattern(length: number): Generator<Buffer> {
  for (let left = length; left > 0; left -= CHUNK.length) yield CHUNK.subarray(0, Math.min(left, CHUNK.length));
}

function sha256(length: number): string {
  const hash = createHash("sha256");
  for (const piece of pattern(length)) hash.update(piece);
  return hash.digest("hex");
}

let podplane: Podplane;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

interface Settings {
  offload: boolean;
  mtu: number;
}

/** A client on node-1; api (three pods) and self (one pod) on node-2 and node-1; a web server on the internet. */
async function startLab(settings: Settings, ...options: string[]): Promise<void> {
  const lab = labDocument({
    ...settings,
    hosts: [
      { name: "web", address: "203.0.113.10", network: "internet", command: ["node", SERVER, "80"] },
      { name: "udp", address: "203.0.113.11", network: "internet", command: ["node", UDP, "echo", "9000"] },
    ],
  });
  const file = podplane.write("lab.yaml", [
    lab,
    podDocument("client", { spec: { nodeName: "node-1" } }),
    deploymentDocument("api", 3, { command: ["node", SERVER, "8080"], spec: { nodeName: "node-2" } }),
    serviceDocument("api", [{ port: 80, targetPort: 8080, nodePort: 30080 }], { type: "NodePort" }),
    podDocument("self", { command: ["node", SERVER, "8080"], spec: { nodeName: "node-1" } }),
    serviceDocument("self", [{ port: 80, targetPort: 8080 }]),
    podDocument("echo", { command: ["node", UDP, "echo", "9000"], spec: { nodeName: "node-2" } }),
    serviceDocument("echo", [{ port: 53, targetPort: 9000, nodePort: 30053, protocol: "UDP" }], { type: "NodePort" }),
  ]);
  await podplane.up(file, ...options);
  await podplane.serving("host/web", "host/udp", "pod/api-1", "pod/api-2", "pod/api-3", "pod/self", "pod/echo");
}

async function download(from: string, url: string, length: number): Promise<void> {
  const digest = await podplane.sh(from, `curl -sS http://${url}/bytes/${length} | sha256sum`);
  expect(digest.split(" ")[0], `download of ${length} bytes from ${url} by ${from}`).toBe(sha256(length));
}

/** @returns path of a file with the pattern in it. */
function writePattern(name: string, length: number): string {
  const file = join(podplane.directory, name);
  const fd = openSync(file, "w");
  for (const piece of pattern(length)) writeSync(fd, piece);
  closeSync(fd);
  return file;
}

/** @returns the client's address as the server saw it. */
async function upload(from: string, url: string, length: number): Promise<string> {
  const file = writePattern("upload", length);
  const answer = JSON.parse(await podplane.sh(from, `curl -sS -T ${file} http://${url}/`));
  expect(answer, `upload to ${url} by ${from}`).toMatchObject({ length, sha256: sha256(length) });
  return String(answer.client).split(":")[0];
}

interface Asked {
  answered: number;
  origins: string[];
}

async function ask(from: string, address: string, port: number, count: number, ...sizes: number[]): Promise<Asked> {
  return JSON.parse(await podplane.sh(from, `node ${UDP} ask ${address} ${port} ${count} ${sizes.join(" ")}`));
}

function expectVerified(metrics: Metrics): void {
  expect(metrics.get("verify_failures_total")).toBe(0);
  expect(metrics.get("verified_packets_total")).toBe(metrics.get("packets_written_total"));
  expect(metrics.get("verified_packets_total")).toBeGreaterThan(0);
}

const SETTINGS: Settings[] = [
  { offload: true, mtu: 9001 },
  { offload: true, mtu: 1500 },
  { offload: false, mtu: 9001 },
  { offload: false, mtu: 1500 },
];

describe.each(SETTINGS)("offload $offload, MTU $mtu", (settings) => {
  it("gives every checksum right and every byte back, translated in every way", async () => {
    await startLab(settings, "--verify");
    const api = await podplane.clusterIP("api");
    const self = await podplane.clusterIP("self");
    const echo = await podplane.clusterIP("echo");
    const nodes = await podplane.get("nodes");
    const [node1, node2] = nodes.map((node) => node.address);
    const pods = new Map((await podplane.get("pods")).map((pod) => [pod.name, pod.address]));

    // Destination: a ClusterIP, across nodes.
    await download("pod/client", api, 20 * MEGABYTE);
    expect(await upload("pod/client", api, 20 * MEGABYTE)).toBe(pods.get("client"));
    // Source: the internet sees the node's public address.
    await download("pod/client", "203.0.113.10", 5 * MEGABYTE);
    expect(await upload("pod/client", "203.0.113.10", 5 * MEGABYTE)).toBe(nodes[0].publicAddress);
    // Both: a node to another one's NodePort and to its own, and a pod to itself by its service.
    await download("node/node-1", `${node1}:30080`, 5 * MEGABYTE);
    expect(await upload("node/node-1", `${node2}:30080`, 5 * MEGABYTE)).toBe(node2);
    await download("pod/self", self, 5 * MEGABYTE);
    expect(await upload("pod/self", self, 5 * MEGABYTE)).toBe(node1);

    // UDP in the same ways, whole, and in fragments that the node puts together to translate them.
    const sizes = [1, 1000, 20_000];
    expect(await ask("pod/client", echo, 53, 50, ...sizes)).toEqual({ answered: 150, origins: [`${echo}:53`] });
    expect(await ask("pod/client", "203.0.113.11", 9000, 50, ...sizes)).toMatchObject({ answered: 150 });
    expect(await ask("node/node-1", node1, 30053, 50, ...sizes)).toEqual({
      answered: 150,
      origins: [`${node1}:30053`],
    });
    const metrics = await podplane.finish();
    expectVerified(metrics);
    expect(metrics.drops).toEqual({});
    for (const count of ["nat_dnat_total", "nat_snat_total", "packets_merged_total", "packets_split_total"])
      expect(metrics.get(count), count).toBeGreaterThan(0);
  });

  it("carries 200 MB through a ClusterIP, both ways", async () => {
    await startLab(settings);
    const api = await podplane.clusterIP("api");
    await download("pod/client", api, 200 * MEGABYTE);
    await upload("pod/client", api, 200 * MEGABYTE);
    const metrics = await podplane.finish();
    expect(metrics.drops).toEqual({});
  });
});

describe("UDP in bulk", () => {
  it("of iperf3 arrives through a ClusterIP", async () => {
    const file = podplane.write("lab.yaml", [
      labDocument(),
      podDocument("client", { spec: { nodeName: "node-1" } }),
      podDocument("iperf", { command: ["iperf3", "-s", "--forceflush"], spec: { nodeName: "node-2" } }),
      serviceDocument("iperf", [
        { name: "control", port: 5201 },
        { name: "data", port: 5201, protocol: "UDP" },
      ]),
    ]);
    await podplane.up(file, "--verify");
    const address = await podplane.clusterIP("iperf");
    await podplane.serving("pod/iperf");
    const report = await podplane.sh(
      "pod/client",
      `iperf3 -c ${address} -u -b 50M -l 1400 -t 2 -J --get-server-output`,
    );
    const { sum } = JSON.parse(report).end;
    expect(sum.packets).toBeGreaterThan(5000);
    expect(sum.lost_packets).toBe(0);
    expectVerified(await podplane.finish());
  });

  it("in super-packets of many datagrams (UDP_SEGMENT) keeps every byte", async () => {
    const SEGMENT = 1400;
    const PACKET = 30 * SEGMENT;
    const PACKETS = 10;
    const file = podplane.write("lab.yaml", [
      labDocument(),
      podDocument("client", { spec: { nodeName: "node-1" } }),
      podDocument("sink", { spec: { nodeName: "node-2" } }),
      serviceDocument("sink", [{ port: 9000, protocol: "UDP" }]),
    ]);
    await podplane.up(file, "--verify");
    const address = await podplane.clusterIP("sink");
    const source = writePattern("source", PACKETS * PACKET);
    const sunk = join(podplane.directory, "sunk");
    const sink = podplane.background("pod/sink", "socat", "-dd", "-u", "UDP4-RECV:9000", `CREATE:${sunk}`);
    await sink.says(/starting data transfer loop/);
    // One write of socat is one super-packet (SOL_UDP, UDP_SEGMENT: include/uapi/linux/udp.h). UDP has nobody to slow the
    // sender down, so it waits for what it sent to be written.
    await podplane.sh(
      "pod/client",
      `for i in $(seq ${PACKETS}); do
         socat -u -b ${PACKET} OPEN:${source},seek=$(((i - 1) * ${PACKET})),readbytes=${PACKET} \
           UDP4-SENDTO:${address}:9000,setsockopt-int=17:103:${SEGMENT}
         until [ $(stat -c %s ${sunk}) -eq $((i * ${PACKET})) ]; do :; done
       done`,
    );
    await sink.stop();
    expect(createHash("sha256").update(readFileSync(sunk)).digest("hex")).toBe(sha256(PACKETS * PACKET));
    const metrics = await podplane.finish();
    expectVerified(metrics);
    // As one packet each: TUNs take USO since Linux 6.2.
    expect(metrics.get("packets_written_total")).toBe(PACKETS);
  });
});
