import * as craft from "./bytes.ts";
import { ANSWERED, connect, crafted, datagram, dgram, type Probe, ping, syn } from "./flows.ts";
import { type Mode, TCP_SERVER } from "./labFile.ts";
import {
  AWAY,
  AWAY_REFUSED,
  CASES,
  type EndpointState,
  HERE,
  HOST_PORT,
  MAPPED,
  OWN,
  POD_RANGES,
  POLICIES,
  RANGES,
  type ServiceCase,
  STICKY,
  THERE,
  UDP_ONLY,
} from "./serviceLab.ts";
import type { Stage } from "./stage.ts";

const ENDPOINTS = [HERE, THERE];
/** So many datagrams to a service of two endpoints miss one of them once in eight million times. */
const MANY = 24;
const FIRST_PORT = 61_000;
const PORTS = Array.from({ length: MANY }, (_, i) => FIRST_PORT + i);

/** A way to a service: who asks, by which address, at which of the case's ports. */
interface Way {
  from: string;
  to: string;
  nodePort: boolean;
}

const ANYTHING = /^/;

/** Who of the endpoints got datagrams, with which source, and from where the answers came. */
async function spread(stage: Stage, from: string, to: string, port: number): Promise<string[]> {
  await stage.agent(from).holdUdp(PORTS);
  await stage.clear(from, ...ENDPOINTS);
  const address = stage.at(to);
  const packets = PORTS.map((sport) => craft.udp({ src: stage.at(from), dst: address, sport, dport: port }));
  await stage.send(from, packets);
  const lines = new Set<string>();
  for (const [end, packet] of await stage.gotten(from, [...new Set([from, ...ENDPOINTS])])) {
    const b = Buffer.from(packet.hex, "hex");
    const source = [...b.subarray(12, 16)].join(".");
    if (b[9] === craft.ICMP) lines.add(`${end} got icmp type ${b[20]} code ${b[21]} from ${source}`);
    else if (PORTS.includes(b.readUInt16BE(22))) lines.add(`${end} was answered by ${source}:${b.readUInt16BE(20)}`);
    else lines.add(`${end} saw ${source}, ttl ${b[8]}`);
  }
  return lines.size === 0 ? ["nobody got anything"] : [...lines].sort();
}

const many = (from: string, to: string, port: number, sees = ANYTHING): Probe => ({
  name: `datagrams ${from} to ${to}:${port}`,
  sees,
  run: (stage) => spread(stage, from, to, port),
});

const one = (from: string, to: string, port: number, modes?: Mode[]): Probe =>
  crafted(
    `SYN ${from} to ${to}:${port}`,
    from,
    ENDPOINTS.filter((end) => end !== from),
    ANYTHING,
    (s) => [syn(s, from, to, port)],
    modes,
  );

/** Endpoints under a Cluster policy, and under a Local one on each node (CategorizeEndpoints, written down by hand). */
const SETS: Record<EndpointState, { cluster: string[]; here: string[]; there: string[] }> = {
  both: { cluster: [HERE, THERE], here: [HERE], there: [THERE] },
  remote: { cluster: [THERE], here: [], there: [THERE] },
  local: { cluster: [HERE], here: [HERE], there: [] },
  none: { cluster: [], here: [], there: [] },
  leaving: { cluster: [HERE, THERE], here: [HERE], there: [THERE] },
  localLeaving: { cluster: [THERE], here: [HERE], there: [THERE] },
  gone: { cluster: [THERE], here: [], there: [THERE] },
};

/** Who has to be seen to get something: what the twin itself is held to. */
function sees({ name, policy, state }: ServiceCase, { from, nodePort, to }: Way): RegExp {
  const { cluster, here, there } = SETS[state];
  const outside = from === "office";
  const asked = nodePort || outside || ![AWAY, AWAY_REFUSED].includes(from) ? "node-1" : "node-2";
  const local = asked === "node-1" ? here : there;
  const internal = to === `svc/${name}`;
  // Pods, and the asked node itself, are never under the external policy.
  const foreign = outside || (from === "node-2" && asked === "node-1");
  const isLocal = internal ? policy === "internal" : policy === "external" && foreign;
  // A pod of another node is not masqueraded: sent on to a third place, its packets leave with a source that is not the
  // node's, and the VPC's source check drops them.
  const strands = policy === "external" && from === AWAY && asked === "node-1";
  const met = isLocal ? local : strands ? cluster.filter((end) => end === HERE) : cluster;
  if (cluster.length === 0) return /unreachable code 3|type 3 code 3/;
  if (met.length === 0) return /^(nobody got anything)?$/;
  const all = met.map((end) => `(?=[^]*\\b${end} (saw|got))`).join("");
  const no = ENDPOINTS.filter((end) => !met.includes(end) && end !== from).map((end) => `(?![^]*\\b${end} (saw|got))`);
  return new RegExp(`^${all}${no.join("")}`);
}

/** Where a packet can end at one endpoint alone: then it can be compared whole. */
const SINGLE = ["remote", "local", "gone"];

/** Every way to a service: pods of both nodes, nodes, hosts outside, the endpoint itself. */
function waysTo({ name, state, policy }: ServiceCase): Way[] {
  // A node sends one client only so many ICMP errors a second.
  const client = `client-${POLICIES.indexOf(policy) + 1}`;
  const way = (from: string, to: string, nodePort = false): Way => ({ from, to, nodePort });
  const own = [
    way(client, `svc/${name}`),
    way(client, "node-1", true),
    way(client, `lb/${name}`),
    way(client, `ext/${name}`),
  ];
  const other = [
    way(AWAY, `svc/${name}`),
    way(AWAY, `lb/${name}`),
    way(AWAY, "node-1", true),
    way("office", "node-1", true),
    way("office", "node-1"),
    way("node-1", `svc/${name}`),
    way("node-1", `lb/${name}`),
    way("node-1", "node-1", true),
    way("node-1", "node-1"),
    way("node-2", "node-1", true),
  ];
  if (state === "none") {
    if (policy === "internal") return own;
    // A node that would have redirected a client of its subnet, had NAT not kept it from that, has fewer errors for it.
    const away = other.filter((w) => w.from === AWAY).map((w) => ({ ...w, from: AWAY_REFUSED }));
    return [...own, ...away, ...other.filter((w) => w.from === "office")];
  }
  const hairpin = state === "remote" || state === "gone" ? [] : [way(HERE, `svc/${name}`), way(HERE, `lb/${name}`)];
  return [...own, ...other, ...hairpin];
}

/** How a way reaches its service: by which kind of address. */
function kindOf({ nodePort, to }: Way): string {
  if (nodePort) return "NodePort";
  if (to.startsWith("svc/")) return "ClusterIP";
  if (to.startsWith("lb/")) return "load balancer's IP";
  return to.startsWith("ext/") ? "external IP" : "external IP of the node's own";
}

/** Where a client is, seen from the node that is asked. */
function positionOf({ from, nodePort, to }: Way): string {
  const away = [AWAY, AWAY_REFUSED].includes(from);
  if (away) return nodePort || to === "node-1" ? "another node's pod" : "pod";
  if (from === HERE) return "endpoint";
  if (from === "office") return "outside";
  return from === "node-1" ? "node" : from === "node-2" ? "another node" : "pod";
}

function table(): Probe[] {
  return CASES.flatMap((service) =>
    waysTo(service).flatMap((way) => {
      const { from, nodePort, to } = way;
      const named = (probe: Probe): Probe => ({
        ...probe,
        // The case, which ports alone would not tell.
        name: `${service.name}: ${probe.name}`,
        sees: sees(service, way),
        serviceCase: [kindOf(way), service.policy, positionOf(way), service.state].join(", "),
      });
      if (from === to) return [named(asked(from, to, nodePort ? service.udpNode : service.udp))];
      const single = SINGLE.includes(service.state);
      const probes: Probe[] = [];
      if (service.state === "none" || single)
        probes.push(named(one(from, to, nodePort ? service.tcpNode : service.tcp)));
      if (service.state !== "none") probes.push(named(many(from, to, nodePort ? service.udpNode : service.udp)));
      return probes;
    }),
  );
}

/** As {@link many}, by sockets: what a node sends to itself is routed by its ports, which raw packets do not show. */
const asked = (from: string, to: string, port: number): Probe => ({
  name: `sockets ${from} to ${to}:${port}`,
  sees: /saw/,
  async run(stage) {
    const lines = new Set<string>();
    for (const sport of PORTS.map((p) => p + MANY)) {
      const told = await stage.agent(from).udp(stage.at(to), port, sport, 16);
      lines.add(told.failed ?? `${told.name} saw ${told.peer[0]}, ${told.intact ? "intact" : "DAMAGED"}`);
    }
    await stage.clear(from, ...ENDPOINTS);
    return [...lines].sort();
  },
});

/** Source ranges hold for load balancers' addresses alone. */
function ranges(): Probe[] {
  const at = RANGES.tcp;
  const { name } = RANGES;
  const pods = POD_RANGES;
  return [
    one("office", "node-1", at),
    one("rds", "node-1", at),
    one("web", "public/node-1", at),
    one("client-4", `lb/${name}`, at),
    one(AWAY, `lb/${name}`, at),
    one("node-1", `lb/${name}`, at),
    one("client-4", `svc/${name}`, at),
    one("client-4", `ext/${name}`, at),
    one("web", "public/node-1", RANGES.tcpNode),
    one("client-4", "node-1", RANGES.tcpNode),
    one("client-5", `lb/${pods.name}`, pods.tcp),
    one("node-1", `lb/${pods.name}`, pods.tcp),
    one("office", "node-1", pods.tcp),
    one("office", "node-1", pods.tcpNode),
  ];
}

/** How many endpoints a client meets, by one address and by another. */
const meets = (name: string, from: string, asked: [to: string, port: number][]): Probe => ({
  name,
  sees: /1 endpoint/,
  async run(stage) {
    const met = new Set<string>();
    for (const [to, port] of asked)
      for (const line of await spread(stage, from, to, port)) if (line.includes(" saw ")) met.add(line.split(" ")[0]);
    return [`${from} met ${met.size} endpoint${met.size === 1 ? "" : "s"}`];
  },
});

function affinity(): Probe[] {
  const { name, udp, udpNode } = STICKY;
  return [
    ...["client-5", "client-6", AWAY, HERE].map((from) =>
      meets(`affinity ${from} to a ClusterIP`, from, [[`svc/${name}`, udp]]),
    ),
    meets("affinity office to a NodePort", "office", [["node-1", udpNode]]),
    meets("affinity node-1 to a ClusterIP", "node-1", [[`svc/${name}`, udp]]),
    meets("affinity client-7 by every address", "client-7", [
      [`svc/${name}`, udp],
      [`lb/${name}`, udp],
      [`ext/${name}`, udp],
      ["node-1", udpNode],
    ]),
  ];
}

function others(): Probe[] {
  const { name, tcp, udp, udpNode } = UDP_ONLY;
  const flow = (from: string, to: string, port: number) => ({ from, to, port, watch: [MAPPED] });
  return [
    one("client-6", `svc/${name}`, udp),
    one("client-6", `svc/${name}`, tcp),
    one("client-6", "node-1", udpNode),
    many("client-6", `svc/${name}`, udp, /saw/),
    crafted("ping client-6 to a load balancer's IP", "client-6", [], ANYTHING, (s) => [
      ping(s, "client-6", `lb/${name}`),
    ]),
    crafted("ping client-6 to an external IP", "client-6", [], ANYTHING, (s) => [ping(s, "client-6", `ext/${name}`)]),
    crafted("datagram client-6 to another port of a load balancer's IP", "client-6", [], ANYTHING, (s) => [
      dgram(s, "client-6", `lb/${name}`, udp + 1),
    ]),
    // The node's second address has NodePorts in iptables mode alone.
    many("client-7", "node-1/eth1", udpNode),
    // Host ports: from the node's pods, another node's, outside, and the pod itself.
    ...["client-7", AWAY, "rds", "office", "node-1", "node-2", MAPPED].map((from) =>
      connect(flow(from, "node-1", HOST_PORT), ANSWERED),
    ),
    connect(flow("node-1", "node-1/eth1", HOST_PORT), ANSWERED),
    connect(flow("node-1", "127.0.0.1", HOST_PORT), ANSWERED),
  ];
}

/** A node's own connections to a service whose endpoint it is itself; and others' to the same. */
function own(): Probe[] {
  const { name, tcp, tcpNode, udp } = OWN;
  const flow = (from: string, to: string, port: number) => ({ from, to, port, watch: [] });
  return [
    connect(flow("node-1", `svc/${name}`, tcp), ANSWERED),
    connect(flow("node-1", `lb/${name}`, tcp), ANSWERED),
    connect(flow("node-1", "node-1", tcp), ANSWERED),
    connect(flow("node-1", "node-1", tcpNode), ANSWERED),
    connect(flow("node-1", "node-1", TCP_SERVER), ANSWERED),
    datagram(flow("node-1", `svc/${name}`, udp), ANSWERED),
    datagram(flow("node-1", "node-1", udp), ANSWERED),
    ...["client-7", AWAY, "node-2"].map((from) => connect(flow(from, `svc/${name}`, tcp), ANSWERED)),
    connect(flow("office", "node-1", tcpNode), ANSWERED),
    connect(flow("client-7", "node-1", tcpNode), ANSWERED),
  ];
}

export const SERVICE_PROBES: readonly Probe[] = [...table(), ...ranges(), ...affinity(), ...others(), ...own()];
