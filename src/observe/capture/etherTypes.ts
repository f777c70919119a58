import { getU16 } from "../../plane/wire/bytes.ts";
import type { PacketDirection } from "./capturedPacket.ts";
import { CUT_OFF, type FrameContent, hex16 } from "./frameContent.ts";
import { inPpp } from "./ppp.ts";

// EtherTypes (iana.org/assignments/ieee-802-numbers).
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_PPPOE_SESSION = 0x8864;
/** 802.1Q, 802.1ad (QinQ), and three that switches used for QinQ before it. */
const VLAN_TAGS: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100, 0x9200, 0x9300]);
const NAMES: ReadonlyMap<number, string> = new Map([
  [0x0806, "ARP"],
  [0x8035, "RARP"],
  [0x8137, "IPX"],
  [0x8847, "MPLS"],
  [0x8848, "MPLS"],
  [0x8863, "PPPoE discovery"],
  [0x888e, "EAPOL (802.1X)"],
  [0x8809, "LACP and other slow protocols"],
  [0x88cc, "LLDP"],
  [0x88e5, "MACsec"],
  [0x88f7, "PTP"],
  [0x9000, "Ethernet loopback test"],
]);

const TYPE_FIELD = 2;
/** Tag control information, before the next type. */
const TAG_CONTROL = 2;
/** Up to this the field is not a type but the length of an 802.2 frame (IEEE 802.3, 3.2.6). */
const LENGTH_MAX = 1500;
/** Version and type, code, session, length. */
const PPPOE_HEADER = 6;

// 802.2 with SNAP: DSAP, SSAP, control, OUI of Ethernet, type (RFC 1042).
const SNAP = [0xaa, 0xaa, 0x03, 0, 0, 0];

/**
 * Finds IP in what an EtherType describes, through any number of VLAN tags.
 *
 * @param type the first type; @param start where what it describes begins
 */
export function inEtherType(
  frame: Uint8Array,
  type: number,
  start: number,
  direction: PacketDirection | null,
): FrameContent {
  let at = start;
  let current = type;
  for (;;) {
    if (current === ETHERTYPE_IPV4 || current === ETHERTYPE_IPV6) return { at, direction };
    if (current === ETHERTYPE_PPPOE_SESSION) return inPpp(frame, at + PPPOE_HEADER, direction);
    if (VLAN_TAGS.has(current)) at += TAG_CONTROL;
    else if (current <= LENGTH_MAX && startsWithSnap(frame, at)) at += SNAP.length;
    else return describe(current);
    if (at + TYPE_FIELD > frame.length) return CUT_OFF;
    current = getU16(frame, at);
    at += TYPE_FIELD;
  }
}

function startsWithSnap(frame: Uint8Array, at: number): boolean {
  return SNAP.every((byte, i) => frame[at + i] === byte);
}

function describe(type: number): string {
  if (type <= LENGTH_MAX) return "802.2 LLC (spanning tree and the like)";
  return NAMES.get(type) ?? `EtherType ${hex16(type)}`;
}
