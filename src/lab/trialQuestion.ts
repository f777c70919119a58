import { DIR_ORIGINAL } from "../plane/conntrack/info.ts";
import type { Conntrack } from "../plane/conntrack/table.ts";
import { ACT_TRACK, Decision, VERDICT_DELIVERED } from "../plane/decision.ts";
import { PROTO_TCP, VNET_BEFORE } from "../plane/packet.ts";
import type { Plane } from "../plane/plane.ts";
import { getI32, setI32, setU16 } from "../plane/wire/bytes.ts";
import { IP_DST, IP_HEADER_MIN, IP_PROTOCOL, IP_SRC } from "../plane/wire/ipv4.ts";
import { TCP_ACK_NUMBER, TCP_SEQ, TCP_SPORT, writeTcpChecksum } from "../plane/wire/tcp.ts";
import { answerTo } from "./questionPacket.ts";

/** A question as the plane is asked it: a packet of a device. It crosses threads. */
export interface PlaneQuestion {
  device: number;
  /** With its virtio_net_hdr in front. */
  packet: Uint8Array;
  /** Whether the receiver's answer is asked for as well. */
  both: boolean;
  /**
   * Whether the packet is one of a connection that there is: "tuple" takes its ports as they are, "any" takes the source port
   * of a connection to the same destination. "no": it is asked as it is.
   */
  seek: "no" | "tuple" | "any";
}

export interface PlaneAnswer {
  forward: Decision;
  /** null: nobody asked, nothing arrived, or the receiver answers nothing. */
  reply: Decision | null;
  /** Source port that the packet was sent from. */
  sport: number;
}

const PORT_MASK = 0xffff;
const PORT_SHIFT = 16;
const L4 = VNET_BEFORE + IP_HEADER_MIN;

/** Asks a plane, of which nothing changes: connections that the question begins are there for its answer, and nowhere else. */
export function askPlane(plane: Plane, { device, packet, both, seek }: PlaneQuestion): PlaneAnswer {
  if (seek !== "no") join(plane, device, packet, seek === "any");
  const forward = new Decision();
  const answer = new Decision();
  const answered = plane.trial(() => {
    ask(plane, device, packet, forward);
    if (!both || forward.verdict !== VERDICT_DELIVERED) return false;
    const seen = received(plane, forward.receiver);
    const bytes = seen === null ? null : answerTo(seen);
    if (bytes === null) return false;
    ask(plane, forward.receiver, bytes, answer);
    return true;
  });
  return { forward, reply: answered ? answer : null, sport: sourcePort(packet) };
}

function ask(plane: Plane, device: number, packet: Uint8Array, decision: Decision): void {
  const at = plane.slotOffset(0);
  plane.context.arena.set(packet, at - VNET_BEFORE);
  plane.ask(device, at, packet.length - VNET_BEFORE, decision);
}

/** The packet, or its first piece, as it was put out to a device. */
function received({ context }: Plane, device: number): Uint8Array | null {
  const { out } = context;
  for (let i = 0; i < out.count; i++)
    if (out.device[i] === device)
      return context.arena.slice(out.offset[i] - VNET_BEFORE, out.offset[i] + out.length[i]);
  return null;
}

function sourcePort(packet: Uint8Array): number {
  return (packet[L4 + TCP_SPORT] << 8) | packet[L4 + TCP_SPORT + 1];
}

/**
 * Makes the packet one of a connection that there is: its source port where any will do, and of TCP the sequence numbers that
 * come next. Where there is none it stays as it is.
 */
function join(plane: Plane, device: number, packet: Uint8Array, anyPort: boolean): void {
  const { ct } = plane.context;
  const scout = new Decision();
  plane.trial(() => ask(plane, device, packet, scout));
  // Where conntrack first sees it, its tuple may be another one: an internet gateway's translation stands before.
  const i = scout.action.subarray(0, scout.count).indexOf(ACT_TRACK);
  if (i < 0) return;
  const [zone, protocol] = [scout.node[i], packet[VNET_BEFORE + IP_PROTOCOL]];
  const [src, dst, ports] = [scout.e[i], scout.f[i], scout.g[i]];
  const sport = ports >>> PORT_SHIFT;
  let found = ct.lookUp(zone, protocol, src, sport, dst, ports & PORT_MASK);
  if (found < 0 && anyPort) found = fromAnyPort(ct, zone, protocol, src, dst, ports & PORT_MASK, plane.context.now);
  if (found < 0) return;
  const [entry, dir] = [found >> 1, found & 1];
  if (anyPort) setU16(packet, L4 + TCP_SPORT, ct.sport(entry, dir));
  if (protocol !== PROTO_TCP) return;
  setI32(packet, L4 + TCP_SEQ, ct.nextSequence(entry, dir));
  setI32(packet, L4 + TCP_ACK_NUMBER, ct.nextSequence(entry, 1 - dir));
  const [from, to] = [getI32(packet, VNET_BEFORE + IP_SRC), getI32(packet, VNET_BEFORE + IP_DST)];
  writeTcpChecksum(packet, L4, packet.length - L4, from, to);
}

/** Of the connections from an address to a socket the one that lives longest; of those that live alike that of the lowest port. */
function fromAnyPort(
  ct: Conntrack,
  zone: number,
  protocol: number,
  src: number,
  dst: number,
  dport: number,
  now: number,
): number {
  let best = -1;
  let left = 0;
  ct.forEach((e) => {
    if (ct.zone(e) !== zone || ct.protocol(e) !== protocol || ct.isGone(e, now)) return;
    if (ct.src(e, DIR_ORIGINAL) !== src || ct.dst(e, DIR_ORIGINAL) !== dst) return;
    if (ct.dport(e, DIR_ORIGINAL) !== dport) return;
    const time = ct.timeoutLeft(e, now);
    const isLower = best >= 0 && time === left && ct.sport(e, DIR_ORIGINAL) < ct.sport(best >> 1, DIR_ORIGINAL);
    if (time <= left && !isLower) return;
    best = e * 2 + DIR_ORIGINAL;
    left = time;
  });
  return best;
}
