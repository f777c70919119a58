import type { ContextOptions } from "../../../src/plane/context.ts";
import * as C from "../../../src/plane/counters.ts";
import { Plane } from "../../../src/plane/plane.ts";
import { REASONS } from "../../../src/plane/reasons.ts";
import * as R from "../../../src/plane/rows.ts";
import { type BenchOptions, DEVICE_NAMES, rows, VIP } from "./bench.ts";
import { describe, ip, VNET } from "./packets.ts";

/** Slots that packets arrive in, in turn: what was delivered is read at once. */
export const SLOTS = 4;
/** Packets that a wire holds between two looks at it. */
const MAX_WAIT = 1000;

/** One UDP or TCP port of the bench's ClusterIP. */
export function port(id: number, protocol: number, number: number, endpoints: string[], nodePort = 0): R.ServiceRow {
  const targets = endpoints.map((e) => {
    const [address, target] = e.split(":");
    return { address: ip(address), port: Number(target), weight: 1 };
  });
  const frontends: R.Frontend[] = [{ kind: R.FRONTEND_CLUSTER_IP, address: ip(VIP), port: number }];
  if (nodePort !== 0) frontends.push({ kind: R.FRONTEND_NODE_PORT, address: 0, port: nodePort });
  return {
    t: "service",
    id,
    protocol,
    frontends,
    endpoints: targets,
    cluster: targets.map((_, i) => i),
    nodes: [],
    hasEndpoints: targets.length > 0,
    internalLocal: false,
    externalLocal: false,
    affinity: 0,
    scheduler: R.SCHEDULER_RANDOM,
    sourceRanges: [],
  };
}

/** What arrived somewhere. */
export interface Arrived {
  device: string;
  line: string;
  bytes: Uint8Array;
}

type WireOptions = BenchOptions & Pick<ContextOptions, "unconfirmedWindow" | "udpCleanup">;

/** A plane with a clock, where packets may stay on their way for a while: what goes in, and what comes out. */
export class Line {
  readonly plane: Plane;
  readonly #deviceName: (device: number) => string;
  #arrived: Arrived[] = [];
  #slot = 0;
  now = 0;

  /** @param plane with slots for a turn of packets ({@link SLOTS}) */
  constructor(plane: Plane, deviceName: (device: number) => string) {
    this.plane = plane;
    this.#deviceName = deviceName;
  }

  apply(patch: R.Patch): void {
    this.plane.apply(patch);
    this.#collect();
  }

  /** Sends a packet; what has arrived anywhere until then, of this packet or others, is what the call returns. */
  send(device: number, bytes: Uint8Array): Arrived[] {
    const at = this.plane.slotOffset(this.#slot++ % SLOTS);
    this.plane.context.arena.set(bytes, at - VNET);
    this.plane.process(device, at, bytes.length - VNET);
    this.#collect();
    return this.take();
  }

  /** Lets time pass, in steps that the plane asks for. @returns what arrived meanwhile */
  wait(ms: number): Arrived[] {
    const end = this.now + ms;
    for (let i = 0; this.now < end && i < MAX_WAIT; i++) {
      this.now = Math.min(end, this.now + Math.max(1, this.plane.nextTick(this.now)));
      this.plane.tick(this.now);
      this.#collect();
    }
    return this.take();
  }

  take(): Arrived[] {
    const arrived = this.#arrived;
    this.#arrived = [];
    return arrived;
  }

  drops(code: string): number {
    return this.plane.context.counters[C.C_DROPS + REASONS.findIndex((r) => r.code === code)];
  }

  /** One of the counters of `conntrack -S`. */
  stat(index: number): number {
    return this.plane.context.counters[C.C_CONNTRACK + index];
  }

  /** Packets that are in the plane's hands by its own account. */
  get queued(): number {
    return this.plane.context.counters[C.C_QUEUED];
  }

  /** read + generated + split - (written + merged + dropped + queued): 0 when no packet is lost or made up. */
  imbalance(): number {
    const c = this.plane.context.counters;
    const dropped = c.subarray(C.C_DROPS, C.C_DROPS + REASONS.length).reduce((sum, n) => sum + n, 0);
    const taken = c[C.C_WRITTEN] + c[C.C_MERGED] + dropped + c[C.C_QUEUED];
    return c[C.C_READ] + c[C.C_GENERATED] + c[C.C_SPLIT] - taken;
  }

  #collect(): void {
    const { out } = this.plane.context;
    for (let i = 0; i < out.count; i++) {
      const from = out.offset[i] - VNET;
      const bytes = out.arena.slice(from, from + VNET + out.length[i]);
      this.#arrived.push({ device: this.#deviceName(out.device[i]), line: describe(bytes), bytes });
      out.status[i] = out.length[i];
    }
    this.plane.written();
  }
}

/** The bench's lab with services of the test's own. */
export class Wire extends Line {
  constructor(services: R.ServiceRow[], o: WireOptions = {}) {
    const plane = new Plane({
      slots: SLOTS,
      devices: 16,
      nodes: 2,
      conntrackCapacity: o.capacity ?? 4096,
      hashKey: Int32Array.of(1, 2, 3, 4),
      seed: o.seed ?? 7,
      settings: o.settings,
      unconfirmedWindow: o.unconfirmedWindow ?? 0,
      ...(o.udpCleanup === undefined ? {} : { udpCleanup: o.udpCleanup }),
    });
    super(plane, (device) => DEVICE_NAMES[device]);
    this.apply({ put: [...rows(o).filter((row) => row.t !== "service"), ...services], gone: [] });
    plane.tick(0);
  }

  put(...changed: R.Row[]): void {
    this.apply({ put: changed, gone: [] });
  }

  gone(...removed: R.Row[]): void {
    this.apply({ put: [], gone: removed });
  }
}
