import { getI32, getU16 } from "../../plane/wire/bytes.ts";
import type { PacketDirection } from "./capturedPacket.ts";
import { inEtherType } from "./etherTypes.ts";
import { CUT_OFF, type FrameContent } from "./frameContent.ts";
import { inPpp } from "./ppp.ts";

/*
 * What stands in front of IP, by link type (tcpdump.org/linktypes.html). A frame is as much as was captured of it.
 */
const LINKTYPE_NULL = 0;
const LINKTYPE_ETHERNET = 1;
const LINKTYPE_PPP = 9;
/** LINKTYPE_RAW's value as DLT_RAW has it, on most systems and on OpenBSD: some programs write it into files. */
const DLT_RAW = 12;
const DLT_RAW_OPENBSD = 14;
const LINKTYPE_PPP_HDLC = 50;
const LINKTYPE_RAW = 101;
const LINKTYPE_LOOP = 108;
const LINKTYPE_LINUX_SLL = 113;
const LINKTYPE_PPP_WITH_DIR = 204;
const LINKTYPE_IPV4 = 228;
const LINKTYPE_IPV6 = 229;
const LINKTYPE_LINUX_SLL2 = 276;

/** Ethernet: destination, source, type. */
const ETHERNET_TYPE_AT = 12;
const ETHERNET_HEADER = 14;

// LINKTYPE_LINUX_SLL: the packet's type comes first, the protocol last.
const SLL_PROTOCOL_AT = 14;
const SLL_HEADER = 16;
const SLL_OTHER_HOST = 3;
const SLL_OUTGOING = 4;
// LINKTYPE_LINUX_SLL2: the protocol comes first; the packet types are the same.
const SLL2_TYPE_AT = 10;
const SLL2_HEADER = 20;

const FAMILY_HEADER = 4;
const FAMILY_IPV4 = 2;
/** AF_INET6 on Linux; NetBSD and OpenBSD; FreeBSD; macOS. */
const FAMILIES_IPV6: readonly number[] = [10, 24, 28, 30];

/** LINKTYPE_PPP_WITH_DIR: the first byte is 0 for a frame that was received. */
const PPP_RECEIVED = 0;

/** Finds IP in a frame of a link type. */
export function ipInFrame(linkType: number, frame: Uint8Array): FrameContent {
  switch (linkType) {
    case LINKTYPE_RAW:
    case DLT_RAW:
    case DLT_RAW_OPENBSD:
    case LINKTYPE_IPV4:
    case LINKTYPE_IPV6:
      return { at: 0, direction: null };
    case LINKTYPE_ETHERNET:
      if (frame.length < ETHERNET_HEADER) return CUT_OFF;
      return inEtherType(frame, getU16(frame, ETHERNET_TYPE_AT), ETHERNET_HEADER, null);
    case LINKTYPE_LINUX_SLL:
      if (frame.length < SLL_HEADER) return CUT_OFF;
      return inEtherType(frame, getU16(frame, SLL_PROTOCOL_AT), SLL_HEADER, cookedDirection(getU16(frame, 0)));
    case LINKTYPE_LINUX_SLL2:
      if (frame.length < SLL2_HEADER) return CUT_OFF;
      return inEtherType(frame, getU16(frame, 0), SLL2_HEADER, cookedDirection(frame[SLL2_TYPE_AT]));
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
      return inFamily(frame);
    case LINKTYPE_PPP:
    case LINKTYPE_PPP_HDLC:
      return inPpp(frame, 0, null);
    case LINKTYPE_PPP_WITH_DIR:
      return inPpp(frame, 1, frame[0] === PPP_RECEIVED ? "in" : "out");
    default:
      return `link type ${linkType}, which is not read`;
  }
}

function cookedDirection(type: number): PacketDirection | null {
  if (type === SLL_OTHER_HOST) return null;
  return type === SLL_OUTGOING ? "out" : "in";
}

/** The family is in the byte order of the machine that captured (NULL), or big endian (LOOP): one of them is small. */
function inFamily(frame: Uint8Array): FrameContent {
  if (frame.length < FAMILY_HEADER) return CUT_OFF;
  const family = frame[0] === 0 ? getI32(frame, 0) : frame[0] | (frame[1] << 8) | (frame[2] << 16) | (frame[3] << 24);
  if (family === FAMILY_IPV4 || FAMILIES_IPV6.includes(family)) return { at: FAMILY_HEADER, direction: null };
  return `address family ${family >>> 0}`;
}
