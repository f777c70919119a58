/** Which way a packet passes an interface, as seen from the end that it belongs to: a pod sends "out", and gets "in". */
export type PacketDirection = "in" | "out";

/** A packet as a capture file has it, or is to have it: IP, from its header on. */
export interface CapturedPacket {
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  /** Name of the interface, such as `pod/default/web-1` or `node-1/eth0`; null where the file names none. */
  readonly interface: string | null;
  /** IPv4 or IPv6, as much as was captured of it, without any link-layer header. */
  readonly bytes: Uint8Array;
  /** Bytes that it had on the wire, from its IP header on; never under `bytes.length`. */
  readonly length: number;
  readonly direction: PacketDirection | null;
  /** opt_comment: the decision in one line. */
  readonly comment: string | null;
  /** epb_packetid: one number for a packet wherever it is seen. */
  readonly packetId: number | null;
  /** epb_verdict: the packet went no further from here. */
  readonly dropped: boolean;
}
