import type { Agent, Seen, Told } from "./agent.ts";
import * as craft from "./bytes.ts";
import { describe, type Known, opens } from "./describe.ts";
import {
  CLIENTS,
  CLOSED,
  HOSTS,
  type Mode,
  PODS,
  SERVER_PORTS,
  SERVICES,
  TCP_SERVER,
  UDP_SERVER,
  UNALLOCATED,
  UNSERVED,
} from "./labFile.ts";
import type { World } from "./world.ts";

/** One thing that is done in both worlds. */
export interface Probe {
  name: string;
  /** Part of what has to be seen, so that a probe that reaches nobody does not count as agreement. */
  sees: RegExp;
  modes?: Mode[];
  run(stage: Stage): Promise<string[]>;
}

const FIRST_PORT = 40_001;
const BARRIER_ID = 0xba00;
const API = ["api-1", "api-2", "api-3"];
const POD_NAMES = PODS.map(({ name }) => name);
/** Who tells when all has arrived: a pod that can reach every end. */
const WITNESS = CLIENTS[0];

/** A world as a probe sees it: ends by name, and a source port of its own. */
export class Stage {
  readonly port: number;
  readonly #world: World;
  readonly #number: number;

  constructor(world: World, number: number) {
    this.#world = world;
    this.#number = number;
    this.port = FIRST_PORT + number;
  }

  agent(end: string): Agent {
    return this.#world.agent(end);
  }

  /** Address of a pod, host, node (`node-1`), ENI (`node-1/eth1`), public address (`public/node-1`) or service. */
  at(name: string): string {
    const { addresses, enis, publicAddresses } = this.#world.plan;
    const service = SERVICES.find((s) => `svc/${s.name}` === name);
    const eni = enis.find(({ node, device }) => `${node}/${device}` === name);
    const open = name.startsWith("public/")
      ? publicAddresses.get(addresses.get(name.slice("public/".length)) ?? "")
      : undefined;
    return service?.clusterIP ?? eni?.address ?? open ?? addresses.get(name) ?? name;
  }

  /** Waits until whatever `from` sent has arrived, then says what each of `watched` got. */
  async arrived(from: string, watched: readonly string[], keep = (_: Seen) => true): Promise<string[]> {
    await this.settle(from);
    await Promise.all(watched.map((end) => this.agent(end).serve()));
    await this.settle(from);
    const lines: string[] = [];
    for (const end of watched) {
      const known: Known = { port: this.port, servers: SERVER_PORTS, sender: end === from };
      const seen = (await this.agent(end).packets()).filter(keep);
      lines.push(...seen.map((packet) => `${end} got ${describe(packet, known)}`));
    }
    return lines;
  }

  /** Forgets what was seen. */
  async clear(...ends: string[]): Promise<void> {
    await Promise.all(ends.map((end) => this.agent(end).packets()));
  }

  /**
   * Pings along the ways that a probe's packets took, out and back: from the sender, and from a pod that reaches every
   * end. What was sent before is there when the answers are.
   */
  async settle(from: string): Promise<void> {
    const inside = [...POD_NAMES, ...Object.keys(HOSTS)].filter((end) => end !== WITNESS).map((end) => this.at(end));
    const near = from === "web" ? [this.at("public/node-1")] : [this.at("rds"), this.at("api-1")];
    if (from !== "rds") await this.agent(from).barrier(near, BARRIER_ID + this.#number);
    await this.agent(WITNESS).barrier(inside, BARRIER_ID + this.#number);
  }
}

/** The choice of a service's endpoint is not compared. */
function anyApi(stage: Stage, { watch }: Flow, lines: string[]): string[] {
  if (watch !== API) return lines;
  const names = lines.map((line) =>
    API.reduce(
      (text, api) => text.replaceAll(new RegExp(`${stage.at(api).replaceAll(".", "\\.")}\\b`, "g"), "API-N"),
      line,
    ).replaceAll(/\bapi-[123]\b/g, "api-N"),
  );
  return names;
}

function told(stage: Stage, from: string, { failed, name, peer, mine, intact, size }: Told): string[] {
  if (failed !== undefined) return [`${from}: ${failed}`];
  const port = peer[1] === stage.port ? "kept" : peer[1] >= 1024 ? "random>=1024" : "random<1024";
  return [
    `${from} at ${mine[0]}: answered by ${name}`,
    `${name}: client is ${peer[0]}, port ${port}`,
    `${size} bytes ${intact ? "intact" : "DAMAGED"}`,
  ];
}

interface Flow {
  from: string;
  to: string;
  port: number;
  /** Ends whose packets are shown besides the sender's. */
  watch: string[];
  size?: number;
}

const shown = ({ from, to, port }: Flow): string => `${from} to ${to}:${port}`;

/** A connection of the kernel's own TCP: what both sockets say, and the handshake's packets. */
const connect = (flow: Flow, sees: RegExp, modes?: Mode[]): Probe => ({
  name: `tcp ${shown(flow)}${flow.size === undefined ? "" : ` ${flow.size} bytes`}`,
  sees,
  ...(modes === undefined ? {} : { modes }),
  async run(stage) {
    await stage.clear(flow.from, ...flow.watch);
    const answer = await stage.agent(flow.from).tcp(stage.at(flow.to), flow.port, stage.port, flow.size);
    const lines = await stage.arrived(flow.from, [flow.from, ...flow.watch], opens);
    return anyApi(stage, flow, [...told(stage, flow.from, answer), ...lines]);
  },
});

/** A datagram of the kernel's own UDP and its answer. */
const datagram = (flow: Flow, sees: RegExp, modes?: Mode[]): Probe => ({
  name: `udp ${shown(flow)}${flow.size === undefined ? "" : ` ${flow.size} bytes`}`,
  sees,
  ...(modes === undefined ? {} : { modes }),
  async run(stage) {
    await stage.clear(flow.from, ...flow.watch);
    const answer = await stage.agent(flow.from).udp(stage.at(flow.to), flow.port, stage.port, flow.size ?? 16);
    const lines = await stage.arrived(flow.from, [flow.from, ...flow.watch]);
    return anyApi(stage, flow, [...told(stage, flow.from, answer), ...lines]);
  },
});

/** Crafted packets; what arrived is told once everything has. */
const crafted = (
  name: string,
  from: string,
  watch: string[],
  sees: RegExp,
  packets: (stage: Stage) => Uint8Array[],
  modes?: Mode[],
): Probe => ({
  name,
  sees,
  ...(modes === undefined ? {} : { modes }),
  async run(stage) {
    await stage.agent(from).holdUdp([stage.port]);
    await stage.clear(from, ...watch);
    const all = packets(stage);
    // A TCP packet is answered by the kernel's own: then one after the other, so that their order is always the same.
    const groups = all.every((packet) => packet[9] === craft.TCP) ? all.map((packet) => [packet]) : [all];
    const lines: string[] = [];
    for (const group of groups) {
      await stage.agent(from).raw(group);
      lines.push(...(await stage.arrived(from, [from, ...watch])));
    }
    return lines;
  },
});

const syn = (stage: Stage, from: string, to: string, dport: number, more = {}) =>
  craft.tcp({ src: stage.at(from), dst: stage.at(to), sport: stage.port, dport, flags: craft.SYN, ...more });
const dgram = (stage: Stage, from: string, to: string, dport: number, more = {}, payload?: Uint8Array<ArrayBuffer>) =>
  craft.udp({ src: stage.at(from), dst: stage.at(to), sport: stage.port, dport, ...more }, payload);
const ping = (stage: Stage, from: string, to: string, more = {}, payload?: Uint8Array<ArrayBuffer>) =>
  craft.ping({ src: stage.at(from), dst: stage.at(to), echo: stage.port, ...more }, payload);

const bytes = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => i % 251);

const ANSWERED = /answered by .*\n.*\n.* intact/;

function connections(): Probe[] {
  const c = "client-1";
  const flows: [string, string, number, number, string[]][] = [
    [c, "svc/api", 80, 53, API],
    [c, "svc/solo", 80, 53, ["api-1"]],
    [c, "svc/near", 80, 53, ["near"]],
    [c, "svc/side", 80, 53, ["side"]],
    [c, "api-1", TCP_SERVER, UDP_SERVER, ["api-1"]],
    [c, "near", TCP_SERVER, UDP_SERVER, ["near"]],
    [c, "side", TCP_SERVER, UDP_SERVER, ["side"]],
    [c, "rds", TCP_SERVER, UDP_SERVER, ["rds"]],
    [c, "web", TCP_SERVER, UDP_SERVER, ["web"]],
    [c, "office", TCP_SERVER, UDP_SERVER, ["office"]],
    [c, "node-1", TCP_SERVER, UDP_SERVER, []],
    [c, "node-2", TCP_SERVER, UDP_SERVER, []],
    ["side", "svc/solo", 80, 53, ["api-1"]],
    ["side", "svc/near", 80, 53, ["near"]],
    ["side", "api-1", TCP_SERVER, UDP_SERVER, ["api-1"]],
    ["side", "rds", TCP_SERVER, UDP_SERVER, ["rds"]],
    ["side", "web", TCP_SERVER, UDP_SERVER, ["web"]],
    ["side", "office", TCP_SERVER, UDP_SERVER, ["office"]],
    ["node-1", "svc/solo", 80, 53, ["api-1"]],
    ["node-1", "svc/near", 80, 53, ["near"]],
    ["node-1", "svc/side", 80, 53, ["side"]],
    ["node-1", "api-1", TCP_SERVER, UDP_SERVER, ["api-1"]],
    ["node-1", "near", TCP_SERVER, UDP_SERVER, ["near"]],
    ["node-1", "node-2", TCP_SERVER, UDP_SERVER, []],
    ["node-1", "rds", TCP_SERVER, UDP_SERVER, ["rds"]],
    ["node-1", "web", TCP_SERVER, UDP_SERVER, ["web"]],
    ["node-1", "office", TCP_SERVER, UDP_SERVER, ["office"]],
    ["rds", "api-1", TCP_SERVER, UDP_SERVER, ["api-1"]],
    ["office", "side", TCP_SERVER, UDP_SERVER, ["side"]],
    ["office", "node-1", TCP_SERVER, UDP_SERVER, []],
    ["web", "public/node-1", TCP_SERVER, UDP_SERVER, []],
    // Hairpin: an endpoint asks its own service.
    ["api-1", "svc/solo", 80, 53, ["api-1"]],
    ["near", "svc/near", 80, 53, ["near"]],
    ["side", "svc/side", 80, 53, ["side"]],
    // NodePorts: from pods, nodes, inside the VPC and outside it; the endpoint elsewhere, here, and on the second ENI.
    [c, "node-1", 30180, 30153, ["api-1"]],
    [c, "node-2", 30180, 30153, ["api-1"]],
    [c, "node-1", 30280, 30253, ["near"]],
    ["side", "node-1", 30180, 30153, ["api-1"]],
    ["near", "node-1", 30280, 30253, ["near"]],
    ["node-1", "node-1", 30180, 30153, ["api-1"]],
    ["node-1", "node-1", 30280, 30253, ["near"]],
    ["node-1", "node-2", 30180, 30153, ["api-1"]],
    ["rds", "node-1", 30180, 30153, ["api-1"]],
    ["office", "node-1", 30180, 30153, ["api-1"]],
    ["office", "node-1", 30280, 30253, ["near"]],
    ["office", "node-1", 30380, 30353, ["side"]],
    ["office", "node-2", 30080, 30053, API],
    ["web", "public/node-1", 30180, 30153, ["api-1"]],
    ["web", "public/node-1", 30380, 30353, ["side"]],
    ["web", "public/node-2", 30280, 30253, ["near"]],
  ];
  return flows.flatMap(([from, to, tcpPort, udpPort, watch]) => [
    connect({ from, to, port: tcpPort, watch }, ANSWERED),
    datagram({ from, to, port: udpPort, watch }, ANSWERED),
  ]);
}

function bulk(): Probe[] {
  return [
    ...["svc/solo", "rds", "web", "office"].map((to) => {
      const watch = [to === "svc/solo" ? "api-1" : to];
      return connect(
        { from: "client-1", to, port: to === "svc/solo" ? 80 : TCP_SERVER, watch, size: 5_000_000 },
        ANSWERED,
      );
    }),
    connect({ from: "office", to: "node-1", port: 30180, watch: ["api-1"], size: 3_000_000 }, ANSWERED),
    datagram({ from: "client-1", to: "svc/solo", port: 53, watch: ["api-1"], size: 8000 }, ANSWERED),
    datagram({ from: "client-1", to: "svc/solo", port: 53, watch: ["api-1"], size: 30_000 }, ANSWERED),
    datagram({ from: "client-1", to: "near", port: UDP_SERVER, watch: ["near"], size: 30_000 }, ANSWERED),
    datagram({ from: "client-1", to: "office", port: UDP_SERVER, watch: ["office"], size: 8000 }, ANSWERED),
    datagram({ from: "client-1", to: "office", port: UDP_SERVER, watch: ["office"], size: 30_000 }, ANSWERED),
    datagram({ from: "client-1", to: "web", port: UDP_SERVER, watch: ["web"], size: 8000 }, ANSWERED),
    datagram({ from: "office", to: "node-1", port: 30153, watch: ["api-1"], size: 8000 }, ANSWERED),
  ];
}

/** Where there is nobody: who says so, and in which words. */
function refusals(): Probe[] {
  const iptables: Mode[] = ["iptables"];
  const nftables: Mode[] = ["nftables"];
  const refused = /: Connection refused/;
  const flow = (from: string, to: string, port: number, watch: string[] = []): Flow => ({ from, to, port, watch });
  return [
    connect(flow("client-2", "svc/none", 80), refused),
    datagram(flow("client-2", "svc/none", 53), refused),
    connect(flow("client-2", "node-1", 30980), refused),
    datagram(flow("client-2", "node-2", 30953), refused),
    connect(flow("node-1", "svc/none", 80), refused),
    datagram(flow("node-1", "svc/none", 53), /Connection refused|Operation not permitted/),
    connect(flow("node-1", "node-1", 30980), refused),
    connect(flow("office", "node-1", 30980), refused),
    datagram(flow("office", "node-1", 30953), refused),
    datagram(flow("web", "public/node-1", 30953), refused),
    // Nobody listens at the endpoint: its RST or its ICMP error comes back translated.
    connect(flow("client-3", "svc/solo", 81, ["api-1"]), refused),
    datagram(flow("client-3", "svc/solo", 54, ["api-1"]), refused),
    connect(flow("client-3", "api-1", CLOSED, ["api-1"]), refused),
    datagram(flow("client-3", "api-1", CLOSED, ["api-1"]), refused),
    datagram(flow("client-3", "web", CLOSED, ["web"]), refused),
    datagram(flow("side", "web", CLOSED, ["web"]), refused),
    datagram(flow("side", "office", CLOSED, ["office"]), refused),
    datagram(flow("node-1", "svc/solo", 54, ["api-1"]), refused),
    datagram(flow("office", "node-1", 30154, ["api-1"]), refused),
    datagram(flow("web", "public/node-1", 30154, ["api-1"]), refused),
    connect(flow("client-3", "node-1", CLOSED), refused),
    datagram(flow("client-3", "node-1", CLOSED), refused),
    // The node's second address has NodePorts in iptables mode alone.
    connect(flow("client-3", "node-1/eth1", 30180, ["api-1"]), ANSWERED, iptables),
    crafted("crafted SYN client-14 to a NodePort at the second ENI", "client-14", [], / RA | SA /, (s) => [
      syn(s, "client-14", "node-1/eth1", 30180),
    ]),
    connect(flow("node-1", "127.0.0.1", 30180, ["api-1"]), ANSWERED, iptables),
    datagram(flow("node-1", "127.0.0.1", 30153, ["api-1"]), ANSWERED, iptables),
    connect(flow("node-1", "127.0.0.1", 30280, ["near"]), ANSWERED, iptables),
    connect(flow("node-1", "127.0.0.1", 30180, ["api-1"]), refused, nftables),
    // The answer leaves by the first ENI with the second one's address: the VPC's source check drops it.
    crafted("crafted SYN office to a NodePort at the second ENI", "office", ["api-1"], /^/, (s) => [
      syn(s, "office", "node-1/eth1", 30180),
    ]),
    // Another port of a ClusterIP, and a ping to one.
    connect(flow("client-4", "svc/solo", UNSERVED), refused, nftables),
    datagram(flow("client-4", "svc/solo", UNSERVED), refused, nftables),
    connect(flow("node-1", "svc/solo", UNSERVED), refused, nftables),
    ...["client-4"].flatMap((from) => [
      crafted(`crafted SYN ${from} to another port of a ClusterIP`, from, ["web"], /^/, (s) => [
        syn(s, from, "svc/solo", UNSERVED),
      ]),
      crafted(`ping ${from} to a ClusterIP`, from, ["web"], /^/, (s) => [ping(s, from, "svc/solo")]),
      crafted(`crafted SYN ${from} to an address that no service has`, from, ["web"], /^/, (s) => [
        syn(s, from, UNALLOCATED, 80),
      ]),
    ]),
    crafted("crafted SYN client-5 to a service without endpoints", "client-5", [], /unreachable code 3/, (s) => [
      syn(s, "client-5", "svc/none", 80),
    ]),
    crafted("crafted UDP client-5 to a service without endpoints, tos and long", "client-5", [], /unreachable/, (s) => [
      dgram(s, "client-5", "svc/none", 53, { tos: 0xb8 }, bytes(1200)),
    ]),
    crafted("crafted SYN client-5 to a closed port of an endpoint", "client-5", ["api-1"], /RA/, (s) => [
      syn(s, "client-5", "svc/solo", 81),
    ]),
    crafted("crafted UDP client-5 to a closed port of an endpoint", "client-5", ["api-1"], /quotes/, (s) => [
      dgram(s, "client-5", "svc/solo", 54),
    ]),
    crafted("crafted UDP client-5 to a closed port of an endpoint, long", "client-5", ["api-1"], /quotes/, (s) => [
      dgram(s, "client-5", "svc/solo", 54, {}, bytes(1200)),
    ]),
    crafted("ten datagrams client-7 to a service without endpoints", "client-7", [], /(unreachable.*\n?){6}/, (s) =>
      Array.from({ length: 10 }, () => dgram(s, "client-7", "svc/none", 53)),
    ),
  ];
}

function pings(): Probe[] {
  const pairs: [string, string, string[]][] = [
    ["client-1", "api-1", ["api-1"]],
    ["client-1", "near", ["near"]],
    ["client-1", "rds", ["rds"]],
    ["client-1", "web", ["web"]],
    ["client-1", "office", ["office"]],
    ["client-1", "node-1", []],
    ["client-1", "node-2", []],
    ["client-1", "node-1/eth1", []],
    ["side", "web", ["web"]],
    ["side", "node-1", []],
    ["side", "node-2", []],
    ["node-1", "api-1", ["api-1"]],
    ["node-1", "node-2", []],
    ["node-1", "web", ["web"]],
    ["office", "api-1", ["api-1"]],
    ["office", "node-1", []],
    ["office", "node-1/eth1", []],
    ["web", "public/node-1", []],
  ];
  return pairs.map(([from, to, watch]) =>
    crafted(`ping ${from} to ${to}`, from, watch, /echo-reply/, (s) => [ping(s, from, to, { tos: 0x28 })]),
  );
}

/** Who says "time exceeded" at each step, in which words. */
function ttls(): Probe[] {
  // A client of its own for each target: node-1 and node-2 send six errors a second to one address.
  const targets: [string, string, string, string[]][] = [
    ["client-8", "svc/solo", "clusterIP", ["api-1"]],
    ["client-9", "api-1", "direct", ["api-1"]],
    ["client-10", "near", "same node", ["near"]],
    ["client-11", "web", "outside", ["web"]],
    ["client-12", "svc/near", "clusterIP same node", ["near"]],
    ["side", "office", "second ENI", ["office"]],
    ["node-1", "svc/solo", "from node", ["api-1"]],
    ["office", "side", "from outside", ["side"]],
  ];
  return targets.flatMap(([from, to, what, watch]) => {
    const service = to.startsWith("svc/");
    return [1, 2, 3].flatMap((ttl) => {
      const name = (kind: string) => `ttl ${ttl} ${kind} ${what}`;
      return [
        crafted(name("tcp"), from, watch, /got/, (s) => [syn(s, from, to, service ? 80 : TCP_SERVER, { ttl })]),
        crafted(name("udp"), from, watch, /got/, (s) => [dgram(s, from, to, service ? 53 : UDP_SERVER, { ttl })]),
        ...(service ? [] : [crafted(name("icmp"), from, watch, /got/, (s) => [ping(s, from, to, { ttl })])]),
      ];
    });
  });
}

function refusedForTtl(): Probe[] {
  return [
    crafted("ttl 1 to a service without endpoints", "client-13", [], /time-exceeded|unreachable/, (s) => [
      syn(s, "client-13", "svc/none", 80, { ttl: 1 }),
    ]),
    crafted("ttl 1 to the own node", "client-13", [], /echo-reply/, (s) => [
      ping(s, "client-13", "node-1", { ttl: 1 }),
    ]),
    crafted("ttl 1 to the other node", "client-13", [], /time-exceeded/, (s) => [
      ping(s, "client-13", "node-2", { ttl: 1 }),
    ]),
    crafted("ttl 2 to the other node", "client-13", [], /echo-reply/, (s) => [
      ping(s, "client-13", "node-2", { ttl: 2 }),
    ]),
    crafted("ttl 1 to a NodePort", "client-13", ["api-1"], /time-exceeded/, (s) => [
      syn(s, "client-13", "node-1", 30180, { ttl: 1 }),
    ]),
    crafted("ttl 2 to a NodePort", "client-13", ["api-1"], /time-exceeded/, (s) => [
      syn(s, "client-13", "node-1", 30180, { ttl: 2 }),
    ]),
  ];
}

function sizes(): Probe[] {
  const tooBig = /unreachable code 4 rest 000005dc/;
  const pieces = (s: Stage, from: string, to: string, dport: number, size: number, part: number) => {
    const fields = { src: s.at(from), dst: s.at(to), sport: s.port, dport };
    return craft.fragments(craft.UDP, fields, craft.udpDatagram(fields, bytes(size)), part);
  };
  return [
    crafted("df 8000 bytes client-4 to office", "client-4", ["office"], tooBig, (s) => [
      dgram(s, "client-4", "office", UDP_SERVER, {}, bytes(7972)),
    ]),
    crafted("df 8000 bytes client-5 to web", "client-5", ["web"], tooBig, (s) => [
      dgram(s, "client-5", "web", UDP_SERVER, {}, bytes(7972)),
    ]),
    crafted("df 1501 bytes side to office", "side", ["office"], tooBig, (s) => [
      dgram(s, "side", "office", UDP_SERVER, {}, bytes(1473)),
    ]),
    crafted("df 1501 bytes ping client-14 to web", "client-14", ["web"], tooBig, (s) => [
      ping(s, "client-14", "web", {}, bytes(1473)),
    ]),
    crafted("df 9001 bytes client-4 to a ClusterIP", "client-4", ["api-1"], /api-1 got/, (s) => [
      dgram(s, "client-4", "svc/solo", 53, {}, bytes(8973)),
    ]),
    crafted("no df 9001 bytes client-6 to web", "client-6", ["web"], /fragment 0\+1480 more/, (s) => [
      dgram(s, "client-6", "web", UDP_SERVER, { frag: 0 }, bytes(8973)),
    ]),
    crafted("fragments to a ClusterIP", "client-4", ["api-1"], /fragment 0\+1400 more/, (s) =>
      pieces(s, "client-4", "svc/solo", 53, 4000, 1400),
    ),
    crafted("fragments to a ClusterIP, the last first", "client-4", ["api-1"], /fragment/, (s) =>
      pieces(s, "client-4", "svc/solo", 53, 4000, 1400).reverse(),
    ),
    crafted("fragments to a ClusterIP, all but one", "client-4", ["api-1"], /^/, (s) =>
      pieces(s, "client-4", "svc/solo", 53, 4000, 1400).toSpliced(1, 1),
    ),
    crafted("fragments to a ClusterIP, one twice", "client-4", ["api-1"], /^/, (s) => {
      const all = pieces(s, "client-4", "svc/solo", 53, 4000, 1400);
      return [all[0], all[1], all[1], all[2]];
    }),
    crafted("fragments of different sizes to a pod", "client-4", ["api-1"], /fragment/, (s) => {
      const fields = { src: s.at("client-4"), dst: s.at("api-1"), sport: s.port, dport: UDP_SERVER };
      const whole = craft.udpDatagram(fields, bytes(4000));
      const cut = (from: number, to: number, more: number) =>
        craft.ipv4(craft.UDP, { ...fields, frag: more | (from / 8) }, whole.subarray(from, to));
      return [cut(0, 1600, craft.MF), cut(1600, 2000, craft.MF), cut(2000, whole.length, 0)];
    }),
    crafted("fragments with df to office", "client-6", ["office"], /got/, (s) => {
      const fields = { src: s.at("client-6"), dst: s.at("office"), sport: s.port, dport: UDP_SERVER };
      const whole = craft.udpDatagram(fields, bytes(4000));
      const cut = (from: number, to: number, more: number) =>
        craft.ipv4(craft.UDP, { ...fields, frag: craft.DF | more | (from / 8) }, whole.subarray(from, to));
      return [cut(0, 2000, craft.MF), cut(2000, whole.length, 0)];
    }),
    crafted("fragments with df to a ClusterIP", "client-6", ["api-1"], /got/, (s) => {
      const fields = { src: s.at("client-6"), dst: s.at("svc/solo"), sport: s.port, dport: 53 };
      const whole = craft.udpDatagram(fields, bytes(4000));
      const cut = (from: number, to: number, more: number) =>
        craft.ipv4(craft.UDP, { ...fields, frag: craft.DF | more | (from / 8) }, whole.subarray(from, to));
      return [cut(0, 2000, craft.MF), cut(2000, whole.length, 0)];
    }),
    crafted("fragments of a ping to web", "client-6", ["web"], /echo-reply/, (s) => {
      const whole = ping(s, "client-6", "web", { frag: 0 }, bytes(3000)).subarray(20);
      return craft.fragments(craft.ICMP, { src: s.at("client-6"), dst: s.at("web") }, whole, 1480);
    }),
    crafted("fragments with ttl 1 to a ClusterIP", "client-6", ["api-1"], /time-exceeded/, (s) => {
      const fields = { src: s.at("client-6"), dst: s.at("svc/solo"), sport: s.port, dport: 53, ttl: 1 };
      return craft.fragments(craft.UDP, fields, craft.udpDatagram(fields, bytes(2000)), 1000);
    }),
  ];
}

/** Packets that no connection began with, and packets that are none at all. */
function strays(): Probe[] {
  const from = "client-6";
  const flags = (name: string, to: string, dport: number, bits: number, sees: RegExp) =>
    crafted(`stray ${name} to ${to}`, from, ["api-1"], sees, (s) => [
      syn(s, from, to, dport, { flags: bits, ack: 0x20000000 }),
    ]);
  return [
    flags("ACK", "svc/solo", 80, craft.ACK, /api-1 got .* A .*|client-6 got/),
    flags("ACK", "api-1", TCP_SERVER, craft.ACK, /api-1 got .* A /),
    flags("SYN/ACK", "svc/solo", 80, craft.SYN_ACK, /^/),
    flags("SYN/ACK", "api-1", TCP_SERVER, craft.SYN_ACK, /^/),
    flags("RST", "api-1", TCP_SERVER, craft.RST, /^/),
    flags("RST", "svc/solo", 80, craft.RST, /^/),
    flags("FIN/ACK", "svc/solo", 80, 0x11, /^/),
    flags("null", "api-1", TCP_SERVER, 0, /^/),
    flags("null", "svc/solo", 80, 0, /^/),
    flags("SYN/FIN", "api-1", TCP_SERVER, 0x03, /^/),
    flags("xmas", "svc/solo", 80, 0x29, /^/),
    crafted("stray echo reply to a pod", from, ["api-1"], /^/, (s) => [
      craft.ipv4(craft.ICMP, { src: s.at(from), dst: s.at("api-1") }, craft.icmpMessage(0, 0, [1, 2, 0, 1], bytes(8))),
    ]),
    crafted("stray ICMP error to a pod", from, ["api-1"], /^/, (s) => [
      craft.ipv4(
        craft.ICMP,
        { src: s.at(from), dst: s.at("api-1") },
        craft.icmpMessage(3, 3, [0, 0, 0, 0], dgram(s, "api-1", from, 7)),
      ),
    ]),
    crafted("timestamp request to a pod", from, ["api-1"], /api-1 got/, (s) => [
      craft.ipv4(
        craft.ICMP,
        { src: s.at(from), dst: s.at("api-1") },
        craft.icmpMessage(13, 0, [s.port >> 8, s.port & 255, 0, 1], new Uint8Array(12)),
      ),
    ]),
    crafted("a protocol without ports to a pod", from, ["api-1"], /api-1 got/, (s) => [
      craft.ipv4(253, { src: s.at(from), dst: s.at("api-1") }, bytes(40)),
    ]),
    crafted("a protocol without ports to web", from, ["web"], /web got/, (s) => [
      craft.ipv4(253, { src: s.at(from), dst: s.at("web") }, bytes(40)),
    ]),
    crafted("wrong UDP checksum to a ClusterIP", from, ["api-1", "web"], /^/, (s) => {
      const packet = dgram(s, from, "svc/solo", 53);
      packet[26] ^= 0x55;
      return [packet];
    }),
    crafted("wrong UDP checksum to a pod", from, ["api-1"], /^/, (s) => {
      const packet = dgram(s, from, "api-1", UDP_SERVER);
      packet[26] ^= 0x55;
      return [packet];
    }),
    crafted("no UDP checksum to a ClusterIP", from, ["api-1"], /api-1 got/, (s) => {
      const packet = dgram(s, from, "svc/solo", 53);
      packet.fill(0, 26, 28);
      return [packet];
    }),
    crafted("a cut TCP header to a ClusterIP", from, ["api-1"], /^/, (s) => [
      craft.ipv4(craft.TCP, { src: s.at(from), dst: s.at("svc/solo") }, syn(s, from, "svc/solo", 80).subarray(20, 32)),
    ]),
    crafted("no-op options to a ClusterIP", from, ["api-1"], /options 01010100/, (s) => [
      dgram(s, from, "svc/solo", 53, { options: [1, 1, 1, 0] }),
    ]),
    crafted("record route to a pod", from, ["api-1"], /options 07/, (s) => [
      dgram(s, from, "api-1", UDP_SERVER, { options: [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0] }),
    ]),
    crafted("source route to a pod", from, ["api-1"], /^/, (s) => [
      dgram(s, from, "api-1", UDP_SERVER, { options: [0x83, 7, 4, ...s.at("near").split(".").map(Number), 0] }),
    ]),
    crafted("privileged source port to web", from, ["web"], /web got/, (s) => [
      dgram(s, from, "web", UDP_SERVER, { sport: 700 }, undefined),
    ]),
    crafted("very privileged source port to web", from, ["web"], /web got/, (s) => [
      dgram(s, from, "web", UDP_SERVER, { sport: 400 }, undefined),
    ]),
    crafted("another's source address", from, ["api-1", "near"], /^/, (s) => [
      craft.udp({ src: "10.9.9.9", dst: s.at("api-1"), sport: s.port, dport: UDP_SERVER }),
    ]),
  ];
}

/** Two flows that meet at one endpoint with one source port: the second has to give way. */
function collisions(): Probe[] {
  const from = "client-4";
  return [
    crafted("two ways to one endpoint from one port", from, ["api-1"], /random/, (s) => [
      dgram(s, from, "svc/solo", 53),
      dgram(s, from, "api-1", UDP_SERVER),
    ]),
    crafted("the same ping twice", from, ["api-1"], /echo-reply/, (s) => [
      ping(s, from, "api-1"),
      ping(s, from, "api-1"),
    ]),
    crafted("a SYN again", from, ["api-1"], /api-1 got/, (s) => [
      syn(s, from, "svc/solo", 80),
      syn(s, from, "svc/solo", 80),
    ]),
    crafted("RST closes, SYN opens anew", from, ["api-1"], /api-1 got/, (s) => [
      syn(s, from, "svc/solo", 80),
      syn(s, from, "svc/solo", 80, { flags: craft.RST, seq: 0x10000001 }),
      syn(s, from, "svc/solo", 80, { seq: 0x20000000 }),
    ]),
  ];
}

/** Everything that is done, in order. Its number gives a probe its source port. */
export const PROBES: readonly Probe[] = [
  ...connections(),
  ...bulk(),
  ...pings(),
  ...refusals(),
  ...collisions(),
  ...ttls(),
  ...sizes(),
  ...strays(),
  ...refusedForTtl(),
];
