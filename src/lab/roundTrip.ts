import { Decision, VERDICT_DELIVERED } from "../plane/decision.ts";
import { PROTO_TCP, VNET_BEFORE } from "../plane/packet.ts";
import type { Plane } from "../plane/plane.ts";
import { setI32, setU16 } from "../plane/wire/bytes.ts";
import { pseudoHeaderSum, sum16 } from "../plane/wire/checksum.ts";
import { IP_HEADER_MIN, writeIpv4Header } from "../plane/wire/ipv4.ts";

const TCP_HEADER = 20;
const TTL = 64;
const DF = 0x4000;
const SYN_ACK = 0x12;
const WINDOW = 0xffff;
/** Of a question's SYN, whose sequence number is 0 (question.ts). */
const ACKNOWLEDGED = 1;

/** What becomes of a packet and of its answer. */
export interface RoundTrip {
  readonly forward: Decision;
  /** null: the packet did not arrive. */
  readonly answer: Decision | null;
}

/** The SYN-ACK that a receiver answers a SYN with, as it saw it, with its virtio_net_hdr in front. */
function synAck(seen: Decision): Uint8Array {
  const { src, sport, dst, dport } = seen;
  const bytes = new Uint8Array(VNET_BEFORE + IP_HEADER_MIN + TCP_HEADER);
  const l4 = VNET_BEFORE + IP_HEADER_MIN;
  writeIpv4Header(bytes, VNET_BEFORE, 0, IP_HEADER_MIN + TCP_HEADER, 1, DF, TTL, PROTO_TCP, dst, src);
  setU16(bytes, l4, dport);
  setU16(bytes, l4 + 2, sport);
  setI32(bytes, l4 + 8, ACKNOWLEDGED);
  bytes[l4 + 12] = (TCP_HEADER / 4) << 4;
  bytes[l4 + 13] = SYN_ACK;
  setU16(bytes, l4 + 14, WINDOW);
  const pseudo = pseudoHeaderSum(dst, src, PROTO_TCP, TCP_HEADER);
  setU16(bytes, l4 + 16, ~sum16(bytes, l4, TCP_HEADER, pseudo) & 0xffff);
  return bytes;
}

/** Walks a packet and takes down what becomes of it; what the plane puts out is discarded. */
function walk(plane: Plane, device: number, bytes: Uint8Array): Decision {
  const { context } = plane;
  const decision = new Decision();
  const at = plane.slotOffset(0);
  context.arena.set(bytes, at - VNET_BEFORE);
  context.decision = decision;
  plane.process(device, at, bytes.length - VNET_BEFORE);
  context.decision = null;
  context.reset();
  return decision;
}

/**
 * Sends a SYN through a plane, and the answer to it, which meets the connections that the SYN has left in conntrack, in
 * gateways and in security groups. They stay: the plane is one for questions alone, which needs no trial (trialQuestion.ts),
 * and each question has a source port of its own. The generator is as before, so that all draw alike.
 *
 * @param bytes the SYN, with its virtio_net_hdr in front.
 */
export function roundTrip(plane: Plane, device: number, bytes: Uint8Array): RoundTrip {
  const { random } = plane.context;
  const before = new Int32Array(4);
  random.save(before);
  const forward = walk(plane, device, bytes);
  const arrived = forward.verdict === VERDICT_DELIVERED;
  const answer = arrived ? walk(plane, forward.receiver, synAck(forward)) : null;
  random.restore(before);
  return { forward, answer };
}
