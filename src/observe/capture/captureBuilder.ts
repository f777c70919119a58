import { getU16 } from "../../plane/wire/bytes.ts";
import { IP_HEADER_MIN, IP_TOTAL_LENGTH, IP_VERSION_4 } from "../../plane/wire/ipv4.ts";
import type { Capture, CaptureDamage, CaptureNote, ReadInterface, ReadPacket } from "./capture.ts";
import type { PacketDirection } from "./capturedPacket.ts";
import type { InterfaceAddress } from "./captureFile.ts";
import { ipInFrame } from "./linkLayer.ts";

/** The last nanosecond of the year 9999: what RFC 3339 can write. */
const TIME_MAX = 253_402_300_799_999_999_999n;
const TIME_NOTE = "time before 1970 or after 9999, taken as the nearest in between";

// The IPv6 header (RFC 8200, section 3).
const IP_VERSION_6 = 6;
const IPV6_PAYLOAD_LENGTH = 4;
const IPV6_HEADER = 40;

/** An interface while its file is read. */
export class InterfaceBuilder {
  readonly linkType: number;
  readonly snapLength: number;
  name: string | null = null;
  description: string | null = null;
  readonly addresses: InterfaceAddress[] = [];
  /** Lost packets as the packets themselves count them, and as the last statistics block says. */
  lostBetween = 0;
  lostInAll = 0;

  constructor(linkType: number, snapLength: number) {
    this.linkType = linkType;
    this.snapLength = snapLength;
  }

  finish(): ReadInterface {
    const { name, description, addresses, linkType, snapLength } = this;
    return { name, description, addresses, linkType, snapLength, lost: Math.max(this.lostBetween, this.lostInAll) };
  }
}

/** A packet as its file has it, link-layer header and all. */
export interface Frame {
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly interface: InterfaceBuilder;
  readonly bytes: Uint8Array;
  /** Bytes that it had on the wire. */
  readonly length: number;
  readonly direction: PacketDirection | null;
  readonly comment: string | null;
  readonly packetId: number | null;
  readonly dropped: boolean;
}

/** Gathers what a reader finds in a file. */
export class CaptureBuilder {
  readonly interfaces: InterfaceBuilder[] = [];
  readonly names = new Map<number, string[]>();
  damage: CaptureDamage | null = null;
  readonly #packets: ReadPacket[] = [];
  readonly #notes = new Map<string, { count: number; firstPacket: number }>();
  #total = 0;

  /** Takes the next packet, which becomes a note if it is not IP. */
  frame(f: Frame): void {
    this.#total++;
    const found = ipInFrame(f.interface.linkType, f.bytes);
    if (typeof found === "string") {
      this.note(found);
      return;
    }
    const ip = f.bytes.subarray(found.at);
    const length = ipLength(ip, Math.max(f.length - found.at, ip.length));
    this.#packets.push({
      number: this.#total,
      time: this.#time(f.time),
      interface: f.interface.name,
      bytes: ip.subarray(0, length),
      length,
      direction: f.direction ?? found.direction,
      comment: f.comment,
      packetId: f.packetId,
      dropped: f.dropped,
    });
  }

  /** Takes the next packet, which cannot be used. */
  unusable(what: string): void {
    this.#total++;
    this.note(what);
  }

  /** Notes something of the packet that was taken last. */
  note(what: string): void {
    const note = this.#notes.get(what);
    if (note === undefined) this.#notes.set(what, { count: 1, firstPacket: this.#total });
    else note.count++;
  }

  /** Reading ends here. @param what a sentence that the offset is put behind */
  damaged(what: string, offset: number): void {
    this.damage = { message: `${what}, at byte ${offset}`, offset };
  }

  finish(format: Capture["format"]): Capture {
    const notes: CaptureNote[] = [];
    for (const [what, { count, firstPacket }] of this.#notes) notes.push({ what, count, firstPacket });
    return {
      format,
      interfaces: this.interfaces.map((one) => one.finish()),
      packets: this.#packets,
      total: this.#total,
      notes,
      damage: this.damage,
      names: this.names,
    };
  }

  #time(time: bigint): bigint {
    if (time >= 0n && time <= TIME_MAX) return time;
    this.note(TIME_NOTE);
    return time < 0n ? 0n : TIME_MAX;
  }
}

/**
 * Length of an IP packet by its own header, which leaves out the padding of a short frame. A header that claims more than
 * the wire had, less than itself, or nothing (super-packets of a kernel with offloads have 0) does not count.
 *
 * @param ip as much as was captured; @param onWire bytes behind the link-layer header
 */
function ipLength(ip: Uint8Array, onWire: number): number {
  let claimed = 0;
  const version = ip.length > 0 ? ip[0] >> 4 : 0;
  if (version === IP_VERSION_4 && ip.length >= IP_TOTAL_LENGTH + 2) {
    claimed = getU16(ip, IP_TOTAL_LENGTH);
    if (claimed < IP_HEADER_MIN) return onWire;
  } else if (version === IP_VERSION_6 && ip.length >= IPV6_PAYLOAD_LENGTH + 2) {
    claimed = getU16(ip, IPV6_PAYLOAD_LENGTH);
    if (claimed === 0) return onWire;
    claimed += IPV6_HEADER;
  } else {
    return onWire;
  }
  return Math.min(claimed, onWire);
}
