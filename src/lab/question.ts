import { randomBytes } from "node:crypto";
import type { Cluster } from "../control/cluster.ts";
import { diff } from "../control/diff.ts";
import type { Names } from "../control/names.ts";
import { nearMisses } from "../control/nearMiss/nearMisses.ts";
import { conntrackTimeouts } from "../control/objects/conntrackTimeouts.ts";
import { NameError } from "../control/resolve.ts";
import type { AskedFlow, NearMisses, WhyAnswer } from "../observe/explain.ts";
import { explain } from "../observe/explain.ts";
import type { ContextOptions } from "../plane/context.ts";
import { VERDICT_DELIVERED } from "../plane/decision.ts";
import { PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../plane/packet.ts";
import { Plane } from "../plane/plane.ts";
import type { WhyQuestion } from "./controlProtocol.ts";
import { buildPacket, type PacketSpec, QUESTION_FLAGS, smallestSize } from "./questionPacket.ts";
import { askPlane, type PlaneAnswer, type PlaneQuestion } from "./trialQuestion.ts";

/** Port that a question is asked from when it names none: any ephemeral one will do. */
const DEFAULT_PORT = 40_000;
const DEFAULT_TTL = 64;
const MAX_SIZE = 65_535;
const ICMP_ECHO = 8;
const DEVICES = 4096;
const MAX_CONNTRACK = 1 << 20;
const MILLISECONDS = 1000;
const OFFLINE_FLOWS = 1024;

const PROTOCOL_NUMBERS: Record<string, number> = { tcp: PROTO_TCP, udp: PROTO_UDP, icmp: PROTO_ICMP, sctp: PROTO_SCTP };

/** A question made into a packet and the device that sends it. */
export interface AskedPacket {
  device: number;
  bytes: Uint8Array;
  asked: AskedFlow;
  seek: PlaneQuestion["seek"];
}

/**
 * Builds the packet that a question is about: the first one of a connection unless it says otherwise.
 *
 * @throws NameError for names that mean nothing, a source that sends nothing, or a packet that cannot be.
 */
export function askedPacket(question: WhyQuestion, names: Names): AskedPacket {
  const protocol = PROTOCOL_NUMBERS[question.protocol.toLowerCase()];
  if (protocol === undefined)
    throw new NameError(`"${question.protocol}" is no protocol: write tcp, udp, icmp or sctp`);
  const source = names.resolve(question.source, protocol);
  const destination = names.resolve(question.destination, protocol);
  if (source.device < 0)
    throw new NameError(
      `${source.name} sends no packets: the source is a pod, a host, a node or one of their addresses`,
    );
  const ports = protocol !== PROTO_ICMP;
  if (ports && destination.port === null)
    throw new NameError(`"${question.destination}" needs a port, such as ${question.destination}:80`);
  const sport = ports ? (question.fromPort ?? source.port ?? DEFAULT_PORT) : 0;
  const dport = ports ? (destination.port ?? 0) : 0;
  const spec: PacketSpec = {
    protocol,
    src: source.address,
    sport,
    dst: destination.address,
    dport,
    flags: QUESTION_FLAGS[question.flags ?? "SYN"],
    seq: 0,
    ack: 0,
    size: question.size ?? 0,
    df: question.df ?? true,
    ttl: question.ttl ?? DEFAULT_TTL,
    icmpType: question.icmp?.type ?? ICMP_ECHO,
    icmpCode: question.icmp?.code ?? 0,
  };
  check(question, spec);
  return {
    device: source.device,
    bytes: buildPacket(spec),
    asked: {
      protocol,
      source: { address: source.address, port: sport, name: source.kind === "address" ? null : source.name },
      destination: {
        address: destination.address,
        port: dport,
        name: destination.kind === "address" ? null : destination.name,
      },
    },
    seek: seekOf(question, protocol, source.port !== null),
  };
}

function check(question: WhyQuestion, { protocol, size, icmpType }: PacketSpec): void {
  if (question.flags !== undefined && protocol !== PROTO_TCP)
    throw new NameError(`${question.protocol} has no flags: --flags is for tcp`);
  if (question.icmp !== undefined && protocol !== PROTO_ICMP)
    throw new NameError(`${question.protocol} has no ICMP type: --icmp is for icmp`);
  const least = smallestSize(protocol, icmpType);
  if (question.size !== undefined && (size < least || size > MAX_SIZE))
    throw new NameError(
      `a ${question.protocol} packet has ${least} to ${MAX_SIZE} bytes with its headers, not ${question.size}`,
    );
}

/** Whether the packet is to be one of a connection that there is: of TCP what is no SYN, of UDP what asks for its size or TTL. */
function seekOf(question: WhyQuestion, protocol: number, hasPort: boolean): PlaneQuestion["seek"] {
  const inConnection =
    protocol === PROTO_TCP
      ? question.flags !== undefined && question.flags !== "SYN"
      : protocol === PROTO_UDP && (question.size ?? question.ttl ?? question.df) !== undefined;
  if (!inConnection) return "no";
  return question.fromPort === null && !hasPort ? "any" : "tuple";
}

/** What the plane said of a question, in words. */
export function explainAnswer(asked: AskedFlow, answer: PlaneAnswer, source: ExplainSource): WhyAnswer {
  const { forward, reply, sport } = answer;
  const { names, near } = source;
  // ICMP has an identifier where others have a port.
  const from = asked.protocol === PROTO_ICMP ? asked : { ...asked, source: { ...asked.source, port: sport } };
  const explanation = explain(forward, from, names, near);
  if (reply === null) return { ...explanation, reply: null, comesBack: null };
  const port = (n: number): number => (asked.protocol === PROTO_ICMP ? 0 : n);
  const back: AskedFlow = {
    protocol: forward.protocol,
    source: { address: forward.dst, port: port(forward.dport), name: null },
    destination: { address: forward.src, port: port(forward.sport), name: null },
  };
  const comesBack =
    reply.verdict === VERDICT_DELIVERED &&
    reply.src === from.destination.address &&
    reply.dst === from.source.address &&
    port(reply.sport) === from.destination.port &&
    port(reply.dport) === from.source.port;
  return { ...explanation, reply: explain(reply, back, names, near), comesBack };
}

/** Size and settings of the plane for a cluster. The hash key is secret when live, and the seed's in a what-if. */
export function planeOptions(cluster: Cluster, slots: number, live: boolean): ContextOptions {
  const { spec } = cluster.lab;
  const {
    accounting,
    checksum: checks,
    max,
    resolveClashes,
    tcpBeLiberal,
    tcpLoose,
    timeouts,
    unconfirmedWindow,
  } = spec.cluster.conntrack;
  const nodes = Math.max(1, spec.nodes.length);
  const key = live ? new Int32Array(new Uint8Array(randomBytes(16)).buffer) : Int32Array.of(spec.seed, 1, 2, 3);
  return {
    slots,
    devices: DEVICES,
    nodes,
    conntrackCapacity: live ? Math.min(MAX_CONNTRACK, max * nodes) : 1024,
    hashKey: key,
    seed: spec.seed,
    settings: { ...conntrackTimeouts(timeouts), checksum: checks, resolveClashes, tcpBeLiberal, tcpLoose },
    unconfirmedWindow,
    ...(live ? { accounting } : {}),
    udpCleanup: spec.cluster.kubeProxy.udpConntrackCleanup,
    // A question is one packet: nothing is remembered beyond it.
    ...(live ? {} : { policyFlows: OFFLINE_FLOWS }),
    policyCleanupPeriod: spec.cluster.networkPolicy.conntrackCacheCleanupPeriod * MILLISECONDS,
  };
}

/** Answers a question from lab files alone: nothing runs, and nothing is needed but the files. */
export function askOffline(cluster: Cluster, question: WhyQuestion): WhyAnswer {
  const snapshot = cluster.snapshot();
  const plane = new Plane(planeOptions(cluster, 1, false));
  plane.apply(diff(null, snapshot));
  plane.tick(0);
  const { device, bytes, asked, seek } = askedPacket(question, snapshot.names);
  const answer = askPlane(plane, { device, packet: bytes, both: question.both ?? false, seek });
  return explainAnswer(asked, answer, explainSource(cluster));
}

/** What explanations of a cluster's packets are told in. */
export interface ExplainSource {
  readonly names: Names;
  readonly near: NearMisses;
}

export function explainSource(cluster: Cluster): ExplainSource {
  const snapshot = cluster.snapshot();
  return { names: snapshot.names, near: nearMisses(snapshot, cluster.state()) };
}
