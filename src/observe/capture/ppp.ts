import { getU16 } from "../../plane/wire/bytes.ts";
import type { PacketDirection } from "./capturedPacket.ts";
import { CUT_OFF, type FrameContent, hex16 } from "./frameContent.ts";

/** Address and control field of PPP in HDLC framing: all stations, unnumbered information (RFC 1662, section 3.1). */
const ADDRESS_CONTROL = 0xff03;
const PROTOCOL_FIELD = 2;

// Protocol numbers (iana.org/assignments/ppp-numbers). One with an odd first byte is one byte long: RFC 1661, section 2.
const PPP_IPV4 = 0x21;
const PPP_IPV6 = 0x57;
const COMPRESSED = 1;
const NAMES: ReadonlyMap<number, string> = new Map([
  [0x8021, "PPP IPCP"],
  [0x8057, "PPP IPV6CP"],
  [0x80fd, "PPP CCP"],
  [0xc021, "PPP LCP"],
  [0xc023, "PPP PAP"],
  [0xc223, "PPP CHAP"],
]);

/** Finds IP in PPP whose address and control field, or protocol, stands at `at`. */
export function inPpp(frame: Uint8Array, at: number, direction: PacketDirection | null): FrameContent {
  let field = at;
  if (field + 2 <= frame.length && getU16(frame, field) === ADDRESS_CONTROL) field += 2;
  if (field >= frame.length) return CUT_OFF;
  const short = (frame[field] & COMPRESSED) !== 0;
  if (!short && field + PROTOCOL_FIELD > frame.length) return CUT_OFF;
  const protocol = short ? frame[field] : getU16(frame, field);
  if (protocol === PPP_IPV4 || protocol === PPP_IPV6) return { at: field + (short ? 1 : PROTOCOL_FIELD), direction };
  return NAMES.get(protocol) ?? `PPP protocol ${hex16(protocol)}`;
}
