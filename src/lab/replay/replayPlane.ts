import type { Cluster } from "../../control/cluster.ts";
import { diff } from "../../control/diff.ts";
import type { Names } from "../../control/names.ts";
import { Decision } from "../../plane/decision.ts";
import { type Packet, VNET_BEFORE, VNET_F_NEEDS_CSUM } from "../../plane/packet.ts";
import { Plane } from "../../plane/plane.ts";
import type { Tap } from "../../plane/tap.ts";
import { completeChecksum } from "../../plane/wire/checksum.ts";
import { vnetFlags } from "../../plane/wire/virtio.ts";
import { planeOptions } from "../question.ts";

/** Entries that one packet may leave in conntrack: one on each node that it crosses. */
const ENTRIES_PER_PACKET = 4;
const LEAST_ENTRIES = 1024;
/** Ticks at one millisecond, each with a bounded amount of work, before the clock moves on nevertheless. */
const TICKS_AT_ONCE = 64;

/** A packet that the plane put out. */
export interface Output {
  /** Number of the packet that it is, or that the plane answered with it (Context.packetId). */
  readonly id: number;
  readonly device: number;
  /** From its IP header on, with complete checksums. */
  readonly bytes: Uint8Array;
}

/** A packet as it stood at an ENI. */
export interface Tapped {
  readonly eni: number;
  /** It left its instance there; otherwise it came in. */
  readonly out: boolean;
  readonly bytes: Uint8Array;
}

/** What became of a packet that was put into the plane. */
export interface Walked {
  /** Reused for the next packet. */
  readonly decision: Decision;
  readonly outputs: readonly Output[];
  readonly tapped: readonly Tapped[];
}

/** Takes what came out by time alone. @param tick of the plane's clock */
export type OnOutput = (tick: number, outputs: readonly Output[]) => void;

class TapList implements Tap {
  list: Tapped[] = [];

  atEni(p: Packet, eni: number, out: boolean): void {
    this.list.push({ eni, out, bytes: p.buf.slice(p.off, p.off + p.len) });
  }
}

/**
 * A lab's plane in memory, with nothing but its files behind it: no device, no wall clock. Hash keys and random choices come
 * from the seed.
 */
export class ReplayPlane {
  readonly plane: Plane;
  readonly names: Names;
  readonly #decision = new Decision();
  readonly #taps = new TapList();
  #now = 0;

  /**
   * @param packets that it is going to see at most, for the size of its tables
   * @param seed in place of the lab's, or null
   */
  constructor(cluster: Cluster, packets: number, seed: number | null) {
    const live = cluster.lab.spec.cluster.conntrack.max * Math.max(1, cluster.lab.spec.nodes.length);
    const { policyFlows: _, ...options } = planeOptions(cluster, 1, false);
    const snapshot = cluster.snapshot();
    this.names = snapshot.names;
    this.plane = new Plane({
      ...options,
      conntrackCapacity: Math.min(live, Math.max(LEAST_ENTRIES, packets * ENTRIES_PER_PACKET)),
      ...(seed === null ? {} : { seed, hashKey: Int32Array.of(seed, 1, 2, 3) }),
    });
    this.plane.apply(diff(null, snapshot));
    this.plane.tick(0);
    this.#decision.tap = this.#taps;
  }

  /** The plane's clock, in milliseconds since the replay began. */
  get now(): number {
    return this.#now;
  }

  /** Moves the clock on, as the thread of a running lab does: it wakes when there is something to do. */
  advance(tick: number, onOutput: OnOutput): void {
    while (((tick - this.#now) | 0) > 0) {
      const wait = Math.max(1, this.plane.nextTick(this.#now));
      const left = (tick - this.#now) | 0;
      this.#now = (this.#now + Math.min(wait, left)) | 0;
      this.#tick(onOutput);
    }
  }

  /**
   * Puts a packet in at a device.
   *
   * @param id its number, above 0: what comes out of it has it
   * @param bytes the packet with its virtio_net_hdr in front
   */
  put(device: number, id: number, bytes: Uint8Array): Walked {
    const { plane } = this;
    const { context } = plane;
    const at = plane.slotOffset(0);
    context.arena.set(bytes, at - VNET_BEFORE);
    this.#decision.clear();
    this.#taps.list = [];
    context.decision = this.#decision;
    context.packetId = id;
    plane.process(device, at, bytes.length - VNET_BEFORE);
    context.packetId = 0;
    context.decision = null;
    return { decision: this.#decision, outputs: this.#take(), tapped: this.#taps.list };
  }

  #tick(onOutput: OnOutput): void {
    for (let i = 0; i < TICKS_AT_ONCE; i++) {
      this.plane.tick(this.#now);
      const outputs = this.#take();
      if (outputs.length > 0) onOutput(this.#now, outputs);
      if (this.plane.nextTick(this.#now) > 0) return;
    }
  }

  #take(): Output[] {
    const { context } = this.plane;
    const { arena, out, outIds } = context;
    const outputs: Output[] = [];
    for (let i = 0; i < out.count; i++) {
      const at = out.offset[i];
      const length = out.length[i];
      if ((vnetFlags(arena, at - VNET_BEFORE) & VNET_F_NEEDS_CSUM) !== 0)
        completeChecksum(arena, at - VNET_BEFORE, at, length);
      outputs.push({ id: outIds[i], device: out.device[i], bytes: arena.slice(at, at + length) });
      out.status[i] = length;
    }
    this.plane.written();
    return outputs;
  }
}
