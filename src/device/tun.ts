import { VNET_BEFORE, VNET_GSO_NONE } from "../plane/packet.ts";
import { HEADROOM, type PacketVector, SLOT_SIZE } from "../plane/vector.ts";
import type { Device } from "./device.ts";
import { close, ioctlBuffer, ioctlNumber, open, read, SystemError, write } from "./libc.ts";
import {
  EAGAIN,
  EBADF,
  EINTR,
  EIO,
  EMSGSIZE,
  IFF_MULTI_QUEUE,
  IFF_NO_PI,
  IFF_TUN,
  IFF_VNET_HDR,
  IFNAMSIZ,
  IFREQ_FLAGS,
  IFREQ_SIZE,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  TUN_F_CSUM,
  TUN_F_TSO_ECN,
  TUN_F_TSO4,
  TUN_F_TSO6,
  TUN_F_USO4,
  TUN_F_USO6,
  TUNSETIFF,
  TUNSETOFFLOAD,
  TUNSETPERSIST,
  TUNSETVNETHDRSZ,
} from "./linux.ts";

const TUN_PATH = "/dev/net/tun";
/** Offset of gso_type in virtio_net_hdr. */
const GSO_TYPE = 1;
/** From the vnet header of a slot to its end. */
const READ_LENGTH = SLOT_SIZE - HEADROOM + VNET_BEFORE;

const TCP_OFFLOAD = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
/** Linux 6.2 and later; the kernel takes the two only together (drivers/net/tun.c, set_offload). */
const UDP_OFFLOAD = TUN_F_USO4 | TUN_F_USO6;

export interface TunOptions {
  /** Interface name in the calling thread's network namespace: 1 to 15 characters. */
  name: string;
  /** Descriptors to open; more than one makes a multi-queue device. */
  queues: number;
  /** Whether the kernel may hand over unfinished checksums and packets still to be segmented. */
  offload: boolean;
  /**
   * Whether the interface stays when its descriptors are closed, until its namespace ends. Destroying it at the close
   * holds the closing thread, or the exiting process, 16 to 30 ms (net/core/dev.c, unregister_netdevice and its
   * synchronize_net); the interfaces of a namespace that ends are removed by the kernel in batches, by itself.
   */
  persistent?: boolean;
}

/** What the kernel granted: no offload, checksum and TCP segmentation, or UDP segmentation as well. */
export type TunOffload = "none" | "csum,tso" | "csum,tso,uso";

export interface OpenedTun {
  /** One descriptor a queue; plain numbers, good in every thread of the process. */
  fds: number[];
  offload: TunOffload;
}

/**
 * Creates a TUN interface in the network namespace of the calling thread. It carries IP packets, each behind a 10-byte
 * virtio_net_hdr (IFF_VNET_HDR), and lives until its descriptors are closed, or with its namespace when persistent. The descriptors are non-blocking and
 * close-on-exec. UFO is never asked for: Linux has not produced it since 4.14.
 * @throws SystemError ENOENT without the tun module, EACCES or EPERM without the right, EBUSY when the name is taken.
 */
export function openTun(options: TunOptions): OpenedTun {
  const fds: number[] = [];
  try {
    let offload: TunOffload = "none";
    for (let queue = 0; queue < options.queues; queue++) {
      const fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
      fds.push(fd);
      attach(fd, options);
      offload = setOffload(fd, options.offload);
      if (options.persistent === true) ioctlNumber(fd, TUNSETPERSIST, 1);
    }
    return { fds, offload };
  } catch (error) {
    fds.forEach(close);
    throw error;
  }
}

function attach(fd: number, options: TunOptions): void {
  const name = Buffer.from(options.name);
  if (name.length === 0 || name.length >= IFNAMSIZ) throw new RangeError(`interface name '${options.name}'`);
  const request = new Uint8Array(IFREQ_SIZE);
  request.set(name);
  const flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | (options.queues > 1 ? IFF_MULTI_QUEUE : 0);
  new DataView(request.buffer).setUint16(IFREQ_FLAGS, flags, true);
  ioctlBuffer(fd, TUNSETIFF, request, `TUNSETIFF ${options.name}`);
  ioctlBuffer(fd, TUNSETVNETHDRSZ, Int32Array.of(VNET_BEFORE), "TUNSETVNETHDRSZ");
}

function setOffload(fd: number, wanted: boolean): TunOffload {
  if (wanted && ioctlNumber(fd, TUNSETOFFLOAD, TCP_OFFLOAD | UDP_OFFLOAD) === 0) return "csum,tso,uso";
  if (wanted && ioctlNumber(fd, TUNSETOFFLOAD, TCP_OFFLOAD) === 0) return "csum,tso";
  const result = ioctlNumber(fd, TUNSETOFFLOAD, 0);
  if (result < 0) throw new SystemError("ioctl TUNSETOFFLOAD", -result);
  return "none";
}

/**
 * One view a slot, from its vnet header to its end. koffi takes the address of a view's first byte, so reading at a
 * fixed place of the arena without allocating needs a view that begins there (README.md has what that costs).
 * The last arena is remembered: a thread mostly has one.
 */
const viewsOfArena = new WeakMap<Uint8Array, Uint8Array[]>();
let lastArena: Uint8Array | null = null;
let lastViews: Uint8Array[] = [];

function slotViews(arena: Uint8Array): Uint8Array[] {
  if (arena === lastArena) return lastViews;
  let views = viewsOfArena.get(arena);
  if (views === undefined) {
    views = Array.from({ length: Math.floor(arena.length / SLOT_SIZE) }, (_, slot) => {
      const start = slot * SLOT_SIZE + HEADROOM - VNET_BEFORE;
      return arena.subarray(start, start + READ_LENGTH);
    });
    viewsOfArena.set(arena, views);
  }
  lastArena = arena;
  lastViews = views;
  return views;
}

/** One queue of a TUN interface. */
export class TunDevice implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly #index: number;
  #fd: number;
  /** Reads that did not hold a vnet header and one byte. */
  shortReads = 0;
  /** Reads that failed for another reason than that nothing was there; `lastReadError` is that errno. */
  failedReads = 0;
  lastReadError = 0;

  /**
   * @param fd descriptor from {@link openTun}; close() closes it.
   * @param index device index that read packets get in their vector.
   */
  constructor(name: string, mtu: number, index: number, fd: number) {
    this.name = name;
    this.mtu = mtu;
    this.#index = index;
    this.#fd = fd;
  }

  read(into: PacketVector, max: number): number {
    if (this.#fd < 0) return 0;
    const slots = slotViews(into.arena);
    const before = into.count;
    const end = Math.min(before + max, into.offset.length, slots.length);
    // A bound on attempts, so that a device that yields only rubbish cannot hold the thread.
    for (let attempts = end - before; attempts > 0; attempts--) {
      const slot = into.count;
      const got = read(this.#fd, slots[slot], READ_LENGTH);
      if (got > VNET_BEFORE) {
        into.push(this.#index, slot * SLOT_SIZE + HEADROOM, got - VNET_BEFORE);
      } else if (got >= 0) {
        this.shortReads++;
      } else {
        if (got !== -EAGAIN && got !== -EINTR) {
          this.failedReads++;
          this.lastReadError = -got;
        }
        break;
      }
    }
    return into.count - before;
  }

  write(packets: PacketVector, from: number, to: number): number {
    const arena = packets.arena;
    const slots = slotViews(arena);
    let sent = 0;
    for (let i = from; i < to; i++) {
      const start = packets.offset[i] - VNET_BEFORE;
      const length = packets.length[i];
      if (this.#fd < 0) {
        packets.status[i] = -EBADF;
        continue;
      }
      if (length > this.mtu && arena[start + GSO_TYPE] === VNET_GSO_NONE) {
        packets.status[i] = -EMSGSIZE;
        continue;
      }
      // A packet that grew or shrank at its head no longer begins where its slot's view does; those are few.
      const slot = (start / SLOT_SIZE) | 0;
      const atSlotStart = start - slot * SLOT_SIZE === HEADROOM - VNET_BEFORE;
      const bytes = atSlotStart ? slots[slot] : arena.subarray(start, start + VNET_BEFORE + length);
      const written = write(this.#fd, bytes, VNET_BEFORE + length);
      if (written === VNET_BEFORE + length) {
        packets.status[i] = length;
        sent++;
      } else {
        // A TUN takes a packet whole or not at all; a part would be a kernel fault.
        packets.status[i] = written < 0 ? written : -EIO;
      }
    }
    return sent;
  }

  close(): void {
    if (this.#fd < 0) return;
    close(this.#fd);
    this.#fd = -1;
  }
}
