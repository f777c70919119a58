import { VNET_BEFORE, VNET_GSO_NONE } from "../plane/packet.ts";
import { type PacketVector, slotOffset } from "../plane/vector.ts";
import type { Device } from "./device.ts";
import { EBADF, EMSGSIZE } from "./linux.ts";

/** Offset of gso_type in virtio_net_hdr. */
const GSO_TYPE = 1;

/** A device of two queues: what the plane will read, and what it wrote. For tests and for `why`. */
export class MemoryDevice implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly #index: number;
  #incoming: Uint8Array[] = [];
  #written: Uint8Array[] = [];
  #closed = false;

  /** @param index device index that read packets get in their vector. */
  constructor(name: string, mtu: number, index: number) {
    this.name = name;
    this.mtu = mtu;
    this.#index = index;
  }

  /** Queues a packet, virtio_net_hdr first, for read(). The bytes are copied. */
  inject(bytes: Uint8Array): void {
    this.#incoming.push(bytes.slice());
  }

  /** Takes all packets that were written, virtio_net_hdr first, in order. */
  drain(): Uint8Array[] {
    const written = this.#written;
    this.#written = [];
    return written;
  }

  read(into: PacketVector, max: number): number {
    const room = Math.min(max, into.capacity - into.count);
    const batch = this.#incoming.splice(0, room);
    for (const bytes of batch) {
      const offset = slotOffset(into.count);
      into.arena.set(bytes, offset - VNET_BEFORE);
      into.push(this.#index, offset, bytes.length - VNET_BEFORE);
    }
    return batch.length;
  }

  write(packets: PacketVector, from: number, to: number): number {
    let sent = 0;
    for (let i = from; i < to; i++) {
      const start = packets.offset[i] - VNET_BEFORE;
      const length = packets.length[i];
      if (this.#closed) {
        packets.status[i] = -EBADF;
      } else if (length > this.mtu && packets.arena[start + GSO_TYPE] === VNET_GSO_NONE) {
        packets.status[i] = -EMSGSIZE;
      } else {
        this.#written.push(packets.arena.slice(start, start + VNET_BEFORE + length));
        packets.status[i] = length;
        sent++;
      }
    }
    return sent;
  }

  close(): void {
    this.#closed = true;
    this.#incoming = [];
  }
}
