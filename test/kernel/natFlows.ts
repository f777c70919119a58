import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Plane } from "../../src/plane/plane.ts";
import * as R from "../../src/plane/rows.ts";
import { maskOf } from "../../src/plane/wire/address.ts";
import { getI32, getU16, setI32, setU16 } from "../../src/plane/wire/bytes.ts";
import { ip, udp, VNET } from "../unit/plane/packets.ts";

/** The same UDP flows through the kernel's source NAT and through podplane's: which address and port each leaves with. */

const SCRIPT = fileURLToPath(new URL("natFlows.py", import.meta.url));
/** Debian's own, whatever else comes first in PATH. */
const PYTHON = "/usr/bin/python3";
const FLOW_BYTES = 12;
const LEFT_BYTES = 6;

export type SnatMode = "none" | "hashrandom" | "prng";

/** What iptables' SNAT is given for each (pkg/networkutils/network.go, buildIptablesSNATRules). */
const OPTIONS: Record<SnatMode, string[]> = { none: [], hashrandom: ["--random"], prng: ["--random-fully"] };
const MODES: Record<SnatMode, number> = {
  none: R.SNAT_NONE,
  hashrandom: R.SNAT_HASHRANDOM,
  prng: R.SNAT_PRNG,
};

export interface Flow {
  /** Which of the hosts 10.0.0.1 and following sends it. */
  host: number;
  sport: number;
  /** Which of the servers 203.0.113.1 and following gets it. */
  server: number;
  dport: number;
}

const HOSTS = ip("10.0.0.1");
const SERVERS = ip("203.0.113.1");
const PUBLIC = "198.51.100.1";

/** External ports of flows, in their order; 0: the flow was dropped. */
export type Ports = number[];

/** Through a namespace of Linux between two TUNs. */
export async function throughKernel(mode: SnatMode, flows: readonly Flow[]): Promise<Ports> {
  const input = new Uint8Array(flows.length * FLOW_BYTES);
  flows.forEach(({ dport, host, server, sport }, i) => {
    const at = i * FLOW_BYTES;
    setI32(input, at, HOSTS + host);
    setU16(input, at + 4, sport);
    setI32(input, at + 6, SERVERS + server);
    setU16(input, at + 10, dport);
  });
  const child = spawn("unshare", ["--net", PYTHON, SCRIPT, ...OPTIONS[mode]], { stdio: ["pipe", "pipe", "pipe"] });
  const chunks: Buffer[] = [];
  let complaint = "";
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  // A child that has ended says why.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const status = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const output = Buffer.concat(chunks);
  if (status !== 0 || output.length !== flows.length * LEFT_BYTES) throw new Error(`natFlows.py: ${complaint}`);
  return flows.map((_, i) => {
    const address = getI32(output, i * LEFT_BYTES);
    if (address !== 0 && address !== ip(PUBLIC)) throw new Error(`flow ${i} left with another address`);
    return getU16(output, i * LEFT_BYTES + 4);
  });
}

/** A node with that many pods in front of that many servers beyond the VPC. */
function rows(mode: SnatMode, hosts: number, servers: number, flows: number): R.Row[] {
  const cidr = (address: string, length: number) => ({ prefix: ip(address) & maskOf(length), length });
  return [
    {
      t: "node",
      id: 0,
      vpc: 0,
      hostDevice: 0,
      primaryEni: 0,
      primaryAddress: ip(PUBLIC),
      serviceMode: R.SERVICE_MODE_IPTABLES,
      snatMode: MODES[mode],
      masqueradeAll: false,
      clusterCidr: null,
      nodePortAddresses: [],
      serviceCidr: cidr("172.20.0.0", 16),
      conntrackLimit: flows + 1,
    },
    {
      t: "eni",
      id: 0,
      node: 0,
      deviceNumber: 0,
      subnet: 0,
      vpc: 0,
      address: ip(PUBLIC),
      mtu: 9001,
      publicAddress: 0,
      sourceDestCheck: true,
      hostDevice: -1,
    },
    { t: "subnet", id: 0, vpc: 0, ...cidr("198.51.100.0", 24), routeTable: 0 },
    { t: "vpcRoute", routeTable: 0, ...cidr("0.0.0.0", 0), target: R.TARGET_NETWORK, arg: 1 },
    { t: "network", id: 1, attachment: -1, mtu: 1500 },
    { t: "device", id: 0, kind: R.DEVICE_NODE, node: 0, eni: 0, address: ip(PUBLIC), mtu: 9001 },
    ...Array.from(
      { length: hosts },
      (_, i): R.Row => ({
        t: "device",
        id: 1 + i,
        kind: R.DEVICE_POD,
        node: 0,
        eni: 0,
        address: HOSTS + i,
        mtu: 9001,
      }),
    ),
    ...Array.from({ length: servers }, (_, i): R.Row[] => {
      const device = 1 + hosts + i;
      return [
        { t: "device", id: device, kind: R.DEVICE_HOST, node: -1, eni: -1, address: SERVERS + i, mtu: 1500 },
        { t: "outside", network: 1, address: SERVERS + i, device, vpc: 0 },
      ];
    }).flat(),
  ];
}

/** Through a plane in memory. */
export function throughPlane(mode: SnatMode, flows: readonly Flow[], seed: number): Ports {
  const hosts = 1 + Math.max(...flows.map((f) => f.host));
  const servers = 1 + Math.max(...flows.map((f) => f.server));
  const plane = new Plane({
    slots: 1,
    devices: 1 + hosts + servers,
    nodes: 1,
    conntrackCapacity: flows.length + 1,
    hashKey: Int32Array.of(seed, 2, 3, 4),
    seed,
    settings: undefined,
  });
  plane.apply({ put: rows(mode, hosts, servers, flows.length), gone: [] });
  plane.tick(0);
  const c = plane.context;
  const at = plane.slotOffset(0);
  return flows.map(({ dport, host, server, sport }) => {
    const bytes = udp(`10.0.0.${1 + host}:${sport}`, `203.0.113.${1 + server}:${dport}`);
    c.arena.set(bytes, at - VNET);
    plane.process(1 + host, at, bytes.length - VNET);
    const { arena, offset, count, status, length } = c.out;
    const port = count === 1 ? getU16(arena, offset[0] + 20) : 0;
    if (count === 1) {
      if (getI32(arena, offset[0] + 12) !== ip(PUBLIC)) throw new Error("a flow left with another address");
      status[0] = length[0];
    }
    plane.written();
    return port;
  });
}
