import type { PacketDirection } from "./capturedPacket.ts";

/** Where IP starts in a frame, and which way the link layer says that it went. */
export interface IpInFrame {
  readonly at: number;
  readonly direction: PacketDirection | null;
}

/** IP in a frame, or what the frame is instead, as a note of a capture has it. */
export type FrameContent = IpInFrame | string;

/** So little was captured of a frame that nobody can say what it carries. */
export const CUT_OFF = "frame cut off inside its link-layer header";

/** A 16-bit protocol number for people. */
export function hex16(v: number): string {
  return `0x${v.toString(16).padStart(4, "0")}`;
}
