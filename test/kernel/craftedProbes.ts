import * as craft from "./bytes.ts";
import { bytes, crafted, dgram, type Probe, ping, syn } from "./flows.ts";
import { TCP_SERVER, UDP_SERVER } from "./labFile.ts";
import type { Stage } from "./stage.ts";

/** Who says "time exceeded" at each step, in which words. */
export function ttls(): Probe[] {
  // A client of its own for each target: node-1 and node-2 send six errors a second to one address.
  const targets: [string, string, string, string[]][] = [
    ["client-8", "svc/solo", "clusterIP", ["api-1"]],
    ["client-9", "api-1", "direct", ["api-1"]],
    ["client-10", "near", "same node", ["near"]],
    ["client-11", "web", "outside", ["web"]],
    ["client-12", "svc/near", "clusterIP same node", ["near"]],
    ["side-2", "office", "second ENI", ["office"]],
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

export function refusedForTtl(): Probe[] {
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

export function sizes(): Probe[] {
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
export function strays(): Probe[] {
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
    crafted("wrong TCP checksum to a ClusterIP", from, ["api-1", "web"], /^/, (s) => {
      const packet = syn(s, from, "svc/solo", 80);
      packet[36] ^= 0x55;
      return [packet];
    }),
    crafted("wrong ICMP checksum to a pod", from, ["api-1"], /^/, (s) => {
      const packet = ping(s, from, "api-1");
      packet[22] ^= 0x55;
      return [packet];
    }),
    crafted("wrong UDP checksum in fragments to a ClusterIP", from, ["api-1", "web"], /^/, (s) => {
      const fields = { src: s.at(from), dst: s.at("svc/solo"), sport: s.port, dport: 53 };
      const whole = craft.udpDatagram(fields, bytes(2000));
      whole[1999] ^= 0x55;
      return craft.fragments(craft.UDP, fields, whole, 1000);
    }),
    crafted("wrong UDP checksum office to a NodePort", "office", ["api-1"], /^$/, (s) => {
      const packet = dgram(s, "office", "node-1", 30153);
      packet[26] ^= 0x55;
      return [packet];
    }),
    crafted("wrong UDP checksum node-1 to a ClusterIP", "node-1", ["api-1"], /^/, (s) => {
      const packet = dgram(s, "node-1", "svc/solo", 53);
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
    ...[0x83, 0x89].map((type) =>
      crafted(`${type === 0x83 ? "loose" : "strict"} source route to a pod`, from, ["api-1"], /^$/, (s) => [
        dgram(s, from, "api-1", UDP_SERVER, { options: [type, 7, 4, ...s.at("near").split(".").map(Number), 0] }),
      ]),
    ),
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
export function collisions(): Probe[] {
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
