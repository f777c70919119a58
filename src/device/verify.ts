import { VNET_BEFORE } from "../plane/packet.ts";
import type { PacketVector } from "../plane/vector.ts";
import type { Device } from "./device.ts";
import { packetProblem } from "./packetProblem.ts";

/** How many bad packets are kept for people to look at. */
const KEPT = 10;

export interface BadPacket {
  /** What is wrong, in words. */
  problem: string;
  /** The bytes as written, virtio_net_hdr first, in hexadecimal. */
  hex: string;
}

/**
 * A device around another one that checks what is written to it, as the receiver would, with code of its own: slow,
 * obvious, and sharing nothing with the plane. It lets every packet through; it only counts.
 */
export class VerifyDevice implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly #inner: Device;
  /** Packets that were right. */
  verified = 0;
  bad = 0;
  /** The first bad packets. */
  readonly kept: BadPacket[] = [];

  constructor(inner: Device) {
    this.name = inner.name;
    this.mtu = inner.mtu;
    this.#inner = inner;
  }

  read(into: PacketVector, max: number): number {
    return this.#inner.read(into, max);
  }

  write(packets: PacketVector, from: number, to: number): number {
    for (let i = from; i < to; i++) {
      const start = packets.offset[i] - VNET_BEFORE;
      this.#check(packets.arena.slice(start, packets.offset[i] + packets.length[i]));
    }
    return this.#inner.write(packets, from, to);
  }

  #check(bytes: Uint8Array): void {
    const problem = packetProblem(bytes);
    if (problem === null) {
      this.verified++;
      return;
    }
    this.bad++;
    if (this.kept.length < KEPT) this.kept.push({ problem, hex: Buffer.from(bytes).toString("hex") });
  }

  close(): void {
    this.#inner.close();
  }
}
