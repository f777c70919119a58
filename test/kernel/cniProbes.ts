import { SERVICES, UDP_NODE_PORT } from "./cniLab.ts";
import { ANSWERED, connect, crafted, datagram, dgram, type Probe, syn } from "./flows.ts";
import { type Mode, TCP_SERVER, UDP_SERVER } from "./labFile.ts";

const NOTHING = /^$/;
const nodePortOf = (name: string): number => SERVICES.find((s) => s.name === name)?.nodePort ?? 0;

interface Way {
  from: string;
  to: string;
  /** Of a service: by its NodePort at `to`. */
  service?: string;
  watch: string;
}

const portsOf = ({ service, to }: Way): [tcp: number, udp: number] => {
  if (service !== undefined) return [nodePortOf(service), nodePortOf(service) + UDP_NODE_PORT];
  return to.startsWith("svc/") ? [80, 53] : [TCP_SERVER, UDP_SERVER];
};

/** A TCP connection and a datagram, both answered. */
function answered(way: Way): Probe[] {
  const [tcp, udp] = portsOf(way);
  const flow = { from: way.from, to: way.to, watch: [way.watch] };
  return [connect({ ...flow, port: tcp }, ANSWERED), datagram({ ...flow, port: udp }, ANSWERED)];
}

/** First packets that reach nobody, and that nobody is told of. */
function lost(way: Way): Probe[] {
  const [tcp, udp] = portsOf(way);
  const { from, to, watch } = way;
  return [
    crafted(`syn ${from} to ${to}:${tcp}, lost`, from, [watch], NOTHING, (s) => [syn(s, from, to, tcp)]),
    crafted(`datagram ${from} to ${to}:${udp}, lost`, from, [watch], NOTHING, (s) => [dgram(s, from, to, udp)]),
  ];
}

/** A TCP connection that never comes about. */
function unheard(way: Way): Probe {
  const [port] = portsOf(way);
  const { from, to } = way;
  return {
    name: `tcp ${from} to ${to}:${port}, unheard`,
    sees: /^timeout$/,
    async run(stage) {
      const told = await stage.agent(from).tcp(stage.at(to), port, stage.port);
      await stage.clear(from, way.watch);
      return [told.failed ?? "answered"];
    },
  };
}

const way = (from: string, to: string, watch = to, service?: string): Way => ({
  from,
  to,
  watch,
  ...(service === undefined ? {} : { service }),
});

/** Pods of ordinary ENIs, before and after 1.23. */
function marks(old: boolean): Probe[] {
  const clusterIP = way("p1", "svc/remote", "remote");
  const outside = way("p1", "svc/outside", "office");
  return [
    ...[way("p0", "remote"), way("p1", "remote"), way("p1", "p0"), way("p1", "p2")].flatMap(answered),
    ...[way("p0", "office"), way("p1", "office"), way("p0", "svc/remote", "remote")].flatMap(answered),
    ...[way("p2", "svc/p1", "p1"), way("p0", "svc/outside", "office")].flatMap(answered),
    // The mark in front of the DNAT: a ClusterIP looks like an address outside the VPC (amazon-vpc-cni-k8s 3563, 3800).
    ...(old ? lost(clusterIP) : answered(clusterIP)),
    // An endpoint outside the VPC is never marked after it (1910).
    ...(old ? answered(outside) : lost(outside)),
    ...[way("office", "node-1", "p1", "p1"), way("rds", "node-1", "p1", "p1")].flatMap(answered),
    ...[way("office", "p1"), way("office", "node-1", "p0", "p0"), way("office", "node-1", "remote", "remote")].flatMap(
      answered,
    ),
  ];
}

/** Pods with branch ENIs in strict mode: one conntrack table sees their packets twice. */
function strict(old: boolean): Probe[] {
  const demuxed = [way("node-1", "strict"), way("strict", "node-1", "strict")];
  return [
    ...[way("strict", "p0"), way("p0", "strict"), way("p1", "strict"), way("strict", "strict-2")].flatMap(answered),
    ...[way("strict", "remote"), way("remote", "strict"), way("strict", "rds")].flatMap(answered),
    ...[way("strict", "office"), way("office", "strict")].flatMap(answered),
    ...[way("strict", "svc/remote", "remote"), way("strict", "svc/p0", "p0")].flatMap(answered),
    ...[way("p0", "svc/strict", "strict"), way("remote", "svc/strict", "strict")].flatMap(answered),
    ...[way("strict", "svc/strict", "strict"), way("strict-2", "svc/strict", "strict")].flatMap(answered),
    ...[way("strict", "svc/outside", "office"), way("node-2", "strict")].flatMap(answered),
    ...[way("office", "node-1", "strict", "strict"), way("rds", "node-2", "strict", "strict")].flatMap(answered),
    ...[way("office", "node-1", "strict", "strict-local"), way("strict", "node-1", "p0", "p0")].flatMap(lost),
    // tcp_early_demux: what has a socket is not forwarded.
    ...(old ? demuxed.flatMap(answered).filter(({ name }) => name.startsWith("tcp")) : demuxed.map(unheard)),
  ];
}

/** @param old the mark as before 1.23. What strict mode does follows from no mode of kube-proxy's: it is asked in one of two. */
export function cniProbes(mode: Mode, old: boolean): readonly Probe[] {
  return [...marks(old), ...((mode === "nftables") === old ? strict(old) : [])];
}
