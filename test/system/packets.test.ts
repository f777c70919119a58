import { statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Podplane, Program, SERVER } from "./podplane.ts";
import { labDocument, podDocument, serviceDocument } from "./support/labObjects.ts";
import { until } from "./support/wait.ts";

let podplane: Podplane;
let clientIP: string;
let serverIP: string;
let node1: string;
let node2: string;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

const WEB = "203.0.113.10";
// curl(1), exit codes
const CURL_COULD_NOT_CONNECT = 7;
const CURL_TIMED_OUT = 28;

/** A client and a neighbour on node-1, a server on node-2, whose UDP service leads to a port that nobody listens on. */
async function startLab(offload: boolean): Promise<void> {
  const lab = labDocument({
    offload,
    mtu: 1500,
    hosts: [{ name: "web", address: WEB, network: "internet", command: ["node", SERVER, "80"] }],
  });
  const file = podplane.write("lab.yaml", [
    lab,
    podDocument("client", { spec: { nodeName: "node-1" } }),
    podDocument("neighbour", { spec: { nodeName: "node-1" } }),
    podDocument("server", { command: ["node", SERVER, "8080"], spec: { nodeName: "node-2" } }),
    serviceDocument("server", [
      { name: "http", port: 80, targetPort: 8080 },
      { name: "closed", port: 53, targetPort: 9053, protocol: "UDP" },
    ]),
    serviceDocument("nobody", [{ port: 80 }]),
  ]);
  await podplane.up(file, "--verify");
  await podplane.serving("pod/server", "host/web");
  const pods = new Map((await podplane.get("pods")).map((pod) => [pod.name, pod.address]));
  clientIP = pods.get("client") ?? "";
  serverIP = pods.get("server") ?? "";
  [node1, node2] = (await podplane.get("nodes")).map((node) => node.address);
}

/** Hops of a traceroute, as addresses; `*` where none answered. */
async function traceroute(to: string, ...options: string[]): Promise<string[]> {
  const text = await podplane.sh("pod/client", `traceroute -n -q 1 -w 2 -m 6 ${options.join(" ")} ${to}`);
  return text
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/)[1]);
}

describe("without offload", () => {
  it("echoes pings of every size, counts hops, and gives no receiver a bad checksum", async () => {
    await startLab(false);
    const service = await podplane.clusterIP("server");
    const dumps = await Promise.all(
      ["pod/server", "pod/client", "node/node-2", "host/web"].map((name) => tcpdump(name, "-vv", "-l")),
    );
    const neighbour = (await podplane.get("pods")).find((pod) => pod.name === "neighbour")?.address;
    const pings = [serverIP, neighbour, node1, node2, WEB].flatMap((to) =>
      [0, 56, 1472, 20_000].map((size) => `ping -n -q -c 1 -W 5 -s ${size} ${to}`),
    );
    const pinged = await podplane.sh("pod/client", pings.join("; "));
    expect(pinged.match(/ 1 received/g), pinged).toHaveLength(pings.length);
    expect(await podplane.sh("node/node-1", `ping -n -q -c 1 -W 5 ${serverIP}`)).toContain(" 1 received");
    // Each node is a hop; the VPC and the internet gateway are none, as on AWS.
    expect(await traceroute(serverIP)).toEqual([node1, node2, serverIP]);
    expect(await traceroute(serverIP, "-I")).toEqual([node1, node2, serverIP]);
    expect(await traceroute(serverIP, "-T", "-p", "8080")).toEqual([node1, node2, serverIP]);
    expect(await traceroute(String(neighbour))).toEqual([node1, neighbour]);
    expect(await traceroute(WEB)).toEqual([node1, WEB]);
    expect((await traceroute(service, "-T", "-p", "80")).at(-1)).toBe(service);
    await podplane.sh("pod/client", `curl -sS -o /dev/null http://${service}/bytes/3000000`);
    await podplane.sh("pod/client", `curl -sS -o /dev/null http://${WEB}/bytes/3000000`);

    const [atServer, atClient, ...others] = await Promise.all(dumps.map(linesAndStop));
    const matching = (lines: string[], pattern: RegExp) => lines.filter((line) => pattern.test(line));
    for (const lines of [atServer, atClient, ...others])
      expect(matching(lines, /\b(incorrect|bad|wrong)\b/).slice(0, 5)).toEqual([]);
    expect(matching(atServer, /cksum 0x[0-9a-f]{4} \(correct\)/).length).toBeGreaterThan(500);
    // The packet that just fits, and the first fragment of the largest.
    expect(matching(atServer, /ICMP echo request.* length 1480/)).toHaveLength(2);
    expect(matching(atServer, /\[udp sum ok\]/)).not.toEqual([]);
    expect(matching(atClient, /ICMP time exceeded in-transit/)).not.toEqual([]);
    const metrics = await podplane.finish();
    expect(metrics.get("verify_failures_total")).toBe(0);
    expect(Object.keys(metrics.drops)).toEqual(["TTL_EXCEEDED"]);
  });

  it("brings an endpoint's ICMP error to the client, translated inside and out", async () => {
    await startLab(false);
    const service = await podplane.clusterIP("server");
    const sniffers = await Promise.all(["pod/server", "pod/client"].map((name) => sniff(name, "icmp")));
    const send = `echo question | socat -t 5 - UDP4:${service}:53,sourceport=5353`;
    const { stderr } = await podplane.run("exec", "pod/client", "--", "sh", "-c", send);
    expect(stderr, "what the client's socket says").toContain("Connection refused");
    const fields = ["ip.src", "ip.dst", "udp.srcport", "udp.dstport", "icmp.checksum.status", "ip.checksum.status"];
    const [atServer, atClient] = await Promise.all(sniffers.map((sniffer) => dissect(sniffer, fields)));
    // The outer header and, behind the comma, the one that the error quotes.
    expect(atServer).toEqual([[`${serverIP},${clientIP}`, `${clientIP},${serverIP}`, "5353", "9053", "1", "1,1"]]);
    expect(atClient).toEqual([[`${service},${clientIP}`, `${clientIP},${service}`, "5353", "53", "1", "1,1"]]);
    const metrics = await podplane.finish();
    expect(metrics.get("verify_failures_total")).toBe(0);
  });

  it("refuses a service without endpoints at once, and an address that nobody has not at all", async () => {
    await startLab(false);
    const curl = (to: string) => podplane.run("exec", "pod/client", "--", "curl", "-sS", "-m", "1", `http://${to}/`);
    expect((await curl(await podplane.clusterIP("nobody"))).status).toBe(CURL_COULD_NOT_CONNECT);
    expect((await curl("10.0.63.254")).status).toBe(CURL_TIMED_OUT);
    const { drops } = await podplane.finish();
    expect(drops).toMatchObject({ SERVICE_NO_ENDPOINTS: 1, VPC_ADDRESS_UNASSIGNED: expect.any(Number) });
  });
});

describe("with offload", () => {
  it("leaves a receiver checksums that are right, or that its kernel knows to be still to finish", async () => {
    await startLab(true);
    const service = await podplane.clusterIP("server");
    const sniffer = await sniff("pod/server", "tcp");
    await podplane.sh("pod/client", `curl -sS -o /dev/null http://${service}/bytes/1000000`);
    const fields = ["ip.src", "ip.dst", "ip.len", "ip.checksum.status", "tcp.checksum.status", "tcp.checksum"];
    const packets = await dissect(sniffer, fields);
    let unfinished = 0;
    for (const [source, destination, length, ip, tcp, checksum] of packets) {
      expect(ip).toBe(GOOD);
      if (tcp === GOOD) continue;
      unfinished++;
      expect(Number(checksum)).toBe(pseudoHeaderSum(source, destination, Number(length) - IP_HEADER));
    }
    expect(unfinished).toBeGreaterThan(0);
    expect((await podplane.finish()).get("verify_failures_total")).toBe(0);
  });
});

/** tshark's status of a checksum. */
const GOOD = "1";
const IP_HEADER = 20;
const TCP = 6;

/** What CHECKSUM_PARTIAL leaves in the checksum field: the folded sum of the pseudo-header (RFC 9293, 3.1). */
function pseudoHeaderSum(source: string, destination: string, length: number): number {
  const words = [source, destination].flatMap((address) => {
    const [a, b, c, d] = address.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
  let sum = [...words, TCP, length].reduce((a, b) => a + b, 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

async function tcpdump(name: string, ...options: string[]): Promise<Program> {
  // As root: a process that changes its user outlives the one that started it (prctl(2), PR_SET_PDEATHSIG).
  const all = ["-i", "eth0", "-n", "--immediate-mode", "-Z", "root", ...options];
  const dump = podplane.background(name, "tcpdump", ...all);
  await dump.says(/listening on/);
  return dump;
}

interface Sniffer {
  dump: Program;
  file: string;
}

/** Writes what a filter lets through to a file. */
async function sniff(name: string, filter: string): Promise<Sniffer> {
  const file = join(podplane.directory, `${name.replace("/", ".")}.pcap`);
  return { file, dump: await tcpdump(name, "-U", "-w", file, filter) };
}

/** Stops a sniffer. @returns fields of each packet, as tshark sees them with all its checks on. */
async function dissect({ dump, file }: Sniffer, fields: string[]): Promise<string[][]> {
  await quiet(() => statSync(file).size);
  await dump.stop();
  const checks = ["ip", "tcp", "udp"].flatMap((protocol) => ["-o", `${protocol}.check_checksum:TRUE`]);
  const columns = fields.flatMap((field) => ["-e", field]);
  const tshark = new Program(["tshark", "-n", "-r", file, ...checks, "-T", "fields", ...columns], podplane.env);
  const { stdout } = await tshark.ended;
  return stdout
    .trim()
    .split("\n")
    .map((line) => line.split("\t"));
}

/** Waits until a size has not changed for a while: a sniffer's last packets come late. */
async function quiet(size: () => number): Promise<void> {
  const QUIET_MS = 300;
  let seen = -1;
  let since = performance.now();
  await until("the sniffer to have seen the last packet", () => {
    if (size() !== seen) since = performance.now();
    seen = size();
    return performance.now() - since > QUIET_MS;
  });
}

/** Stops a sniffer. @returns the lines that it wrote. */
async function linesAndStop(dump: Program): Promise<string[]> {
  await quiet(() => dump.stdout.length);
  return (await dump.stop()).stdout.split("\n");
}
