import { randomBytes } from "node:crypto";
import type { Cluster } from "../control/cluster.ts";
import { diff } from "../control/diff.ts";
import type { Names } from "../control/names.ts";
import { conntrackTimeouts } from "../control/objects/conntrackTimeouts.ts";
import { NameError } from "../control/resolve.ts";
import type { AskedFlow, Explanation } from "../observe/explain.ts";
import { explain } from "../observe/explain.ts";
import type { ContextOptions } from "../plane/context.ts";
import { Decision } from "../plane/decision.ts";
import { PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP, VNET_BEFORE } from "../plane/packet.ts";
import { Plane } from "../plane/plane.ts";
import { setI32, setU16 } from "../plane/wire/bytes.ts";
import { checksum, pseudoHeaderSum, sum16 } from "../plane/wire/checksum.ts";
import { IP_HEADER_MIN, writeIpv4Header } from "../plane/wire/ipv4.ts";
import { writeSctpChecksum } from "../plane/wire/sctp.ts";
import type { WhyQuestion } from "./controlProtocol.ts";

/** Port that a question is asked from when it names none: any ephemeral one will do. */
const DEFAULT_PORT = 40_000;
const TTL = 64;
const DF = 0x4000;
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
}

/**
 * Builds the packet that a question is about: the first one of a connection.
 *
 * @throws NameError for names that mean nothing, or a source that sends nothing.
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
  return {
    device: source.device,
    bytes: firstPacket(protocol, source.address, sport, destination.address, dport),
    asked: {
      protocol,
      source: { address: source.address, port: sport, name: source.kind === "address" ? null : source.name },
      destination: {
        address: destination.address,
        port: dport,
        name: destination.kind === "address" ? null : destination.name,
      },
    },
  };
}

/** A SYN, a UDP datagram, an echo request or an INIT, with its virtio_net_hdr in front. */
function firstPacket(protocol: number, src: number, sport: number, dst: number, dport: number): Uint8Array {
  const sizes: Record<number, number> = { [PROTO_TCP]: 20, [PROTO_UDP]: 12, [PROTO_ICMP]: 12, [PROTO_SCTP]: 32 };
  const size = sizes[protocol] ?? 0;
  const bytes = new Uint8Array(VNET_BEFORE + IP_HEADER_MIN + size);
  const l4 = VNET_BEFORE + IP_HEADER_MIN;
  writeIpv4Header(bytes, VNET_BEFORE, 0, IP_HEADER_MIN + size, 1, DF, TTL, protocol, src, dst);
  if (protocol === PROTO_ICMP) {
    bytes[l4] = 8;
    setU16(bytes, l4 + 4, 1);
    setU16(bytes, l4 + 2, checksum(bytes, l4, size));
    return bytes;
  }
  setU16(bytes, l4, sport);
  setU16(bytes, l4 + 2, dport);
  let field = 16;
  if (protocol === PROTO_TCP) {
    bytes[l4 + 12] = 5 << 4;
    bytes[l4 + 13] = 2;
    setU16(bytes, l4 + 14, 0xffff);
  } else if (protocol === PROTO_UDP) {
    setU16(bytes, l4 + 4, size);
    field = 6;
  } else {
    // INIT chunk of 20 bytes: tag, window, streams, first TSN (RFC 9260, 3.3.2)
    bytes[l4 + 12] = 1;
    setU16(bytes, l4 + 14, 20);
    setI32(bytes, l4 + 16, 1);
    setI32(bytes, l4 + 20, 0xffff);
    setU16(bytes, l4 + 24, 1);
    setU16(bytes, l4 + 26, 1);
    setI32(bytes, l4 + 28, 1);
    writeSctpChecksum(bytes, l4, size);
    return bytes;
  }
  setU16(bytes, l4 + field, ~sum16(bytes, l4, size, pseudoHeaderSum(src, dst, protocol, size)) & 0xffff);
  return bytes;
}

/** Size and settings of the plane for a cluster. The hash key is secret when live, and the seed's in a what-if. */
export function planeOptions(cluster: Cluster, slots: number, live: boolean): ContextOptions {
  const { spec } = cluster.lab;
  const {
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
    udpCleanup: spec.cluster.kubeProxy.udpConntrackCleanup,
    // A question is one packet: nothing is remembered beyond it.
    ...(live ? {} : { policyFlows: OFFLINE_FLOWS }),
    policyCleanupPeriod: spec.cluster.networkPolicy.conntrackCacheCleanupPeriod * MILLISECONDS,
  };
}

/** Answers a question from lab files alone: nothing runs, and nothing is needed but the files. */
export function askOffline(cluster: Cluster, question: WhyQuestion): Explanation {
  const snapshot = cluster.snapshot();
  const plane = new Plane(planeOptions(cluster, 1, false));
  plane.apply(diff(null, snapshot));
  plane.tick(0);
  const { device, bytes, asked } = askedPacket(question, snapshot.names);
  const at = plane.slotOffset(0);
  plane.context.arena.set(bytes, at - VNET_BEFORE);
  const decision = new Decision();
  plane.whatIf(device, at, bytes.length - VNET_BEFORE, decision);
  return explain(decision, asked, snapshot.names);
}
