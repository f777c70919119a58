import { collisions, refusedForTtl, sizes, strays, ttls } from "./craftedProbes.ts";
import { ANSWERED, API, bytes, connect, crafted, datagram, dgram, type Flow, type Probe, ping, syn } from "./flows.ts";
import { CLOSED, type Mode, TCP_SERVER, UDP_SERVER, UNALLOCATED, UNSERVED } from "./labFile.ts";

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
    connect(flow("node-1", "node-1/eth1", 30180, ["api-1"]), ANSWERED, iptables),
    connect(flow("node-1", "node-1/eth1", 30180, ["api-1"]), refused, nftables),
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
    crafted("ten datagrams client-7 to a service without endpoints", "client-7", [], /^(.*unreachable.*\n?){6}$/, (s) =>
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
