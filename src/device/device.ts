import type { PacketVector } from "../plane/vector.ts";

/**
 * Where packets come from and go to. Calls never block; the vector and its bytes are the caller's again when a call
 * returns, and a device keeps no reference to either.
 */
export interface Device {
  readonly name: string;
  /** Largest IP packet, in bytes, that may be written without GSO. */
  readonly mtu: number;
  /**
   * Appends up to `max` packets to the vector, as many as are there; 0 means that a read would block (or failed, which
   * the device counts). The packet that becomes entry `i` of the vector is written to arena slot `i`: its IP header at
   * `slot + HEADROOM`, its virtio_net_hdr right before it. Entries before `into.count` are left alone.
   */
  read(into: PacketVector, max: number): number;
  /**
   * Writes the packets [from, to) of the vector, each with the virtio_net_hdr in front of it, from wherever in the
   * arena they lie. `status[i]` becomes the packet's length in bytes or a negated errno: -EMSGSIZE for a packet
   * above the MTU that is no GSO packet (a write to a TUN would not refuse it), -EBADF after close().
   * @returns how many were written.
   */
  write(packets: PacketVector, from: number, to: number): number;
  /** Idempotent. After it, read() returns 0 and write() fails. */
  close(): void;
}
