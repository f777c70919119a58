import type { CapturedPacket } from "../../../src/observe/capture/capturedPacket.ts";
import { CaptureError } from "../../../src/observe/capture/captureError.ts";
import type { CaptureInterface, CaptureSection } from "../../../src/observe/capture/captureFile.ts";
import { encodeComment } from "../../../src/observe/capture/captureText.ts";
import { FLAG_IN, FLAG_OUT, PacketBlock } from "../../../src/observe/capture/packetBlock.ts";
import { build, type Spec, VNET } from "../plane/slowPacket.ts";

export const SECTION: CaptureSection = {
  hardware: "x86_64",
  os: "Linux 6.1",
  application: "podplane 0.1.0",
  comment: "lab quickstart",
};

const NANOSECONDS = 1_000_000_000n;

export function named(name: string): CaptureInterface {
  return { name, description: null, addresses: [] };
}

/** An IP packet without the virtio_net_hdr. */
export function packet(spec: Spec): Uint8Array {
  return build(spec).slice(VNET);
}

/** Gathers what a writer hands on, as a file. */
export class Gathered {
  readonly pieces: Uint8Array[] = [];
  readonly sink = (bytes: Uint8Array): void => {
    this.pieces.push(bytes.slice());
  };

  get bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.pieces));
  }
}

/** A packet for a writer, from one of a reader; its bytes stand in the midst of others. */
export function block(p: CapturedPacket, number: number): PacketBlock {
  const b = new PacketBlock();
  b.interface = number;
  b.seconds = Number(p.time / NANOSECONDS);
  b.nanoseconds = Number(p.time % NANOSECONDS);
  b.offset = 7;
  b.bytes = new Uint8Array(p.bytes.length + 20).fill(0xa5);
  b.bytes.set(p.bytes, b.offset);
  b.captured = p.bytes.length;
  b.length = p.length;
  b.flags = p.direction === "in" ? FLAG_IN : p.direction === "out" ? FLAG_OUT : 0;
  b.packetId = p.packetId ?? 0;
  b.dropped = p.dropped;
  b.comment = p.comment === null ? null : encodeComment(p.comment);
  return b;
}

/** What a call throws, if that is a CaptureError; anything else is thrown on. */
export function captureError(call: () => unknown): CaptureError | null {
  try {
    call();
  } catch (e) {
    if (e instanceof CaptureError) return e;
    throw e;
  }
  return null;
}
