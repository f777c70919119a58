import type { CaptureTime, InterfaceStatistics } from "../../observe/capture/captureFile.ts";
import { C_DEVICES, D_RX_PACKETS, D_TX_PACKETS, DEVICE_COUNTERS } from "../../plane/counters.ts";
import { S_LOST_AT } from "./observationMessages.ts";

/** What one interface of a capture has counted in one file. */
interface Count {
  readonly device: number | null;
  delivered: number;
  received: number;
  lost: number;
}

/** Counts for the statistics blocks at the end of each file: what passed an interface, what is in the file, what was lost. */
export class CaptureStatistics {
  readonly #plane: Float64Array;
  readonly #session: Float64Array;
  readonly #counts: Count[] = [];

  /** @param plane the plane's counters @param session the session's */
  constructor(plane: Float64Array, session: Float64Array) {
    this.#plane = plane;
    this.#session = session;
  }

  /** The next interface. @param device null: an ENI, whose packets nobody counts */
  add(device: number | null): void {
    this.#counts.push({ device, delivered: 0, received: this.#received(device), lost: this.#lost(device) });
  }

  /** A packet was written for an interface. */
  deliver(number: number): void {
    this.#counts[number].delivered++;
  }

  /** An interface's numbers since the last call; null where there are none. */
  take(number: number, start: CaptureTime, end: CaptureTime): InterfaceStatistics | null {
    const count = this.#counts[number];
    const received = this.#received(count.device);
    const lost = this.#lost(count.device);
    const { delivered } = count;
    const since = { received: received - count.received, lost: lost - count.lost };
    count.delivered = 0;
    count.received = received;
    count.lost = lost;
    if (delivered + since.received + since.lost === 0) return null;
    return {
      at: end,
      start,
      end,
      received: count.device === null ? null : since.received,
      dropped: null,
      accepted: null,
      osDropped: count.device === null ? null : since.lost,
      delivered,
    };
  }

  #received(device: number | null): number {
    if (device === null) return 0;
    const at = C_DEVICES + device * DEVICE_COUNTERS;
    return this.#plane[at + D_RX_PACKETS] + this.#plane[at + D_TX_PACKETS];
  }

  #lost(device: number | null): number {
    return device === null ? 0 : this.#session[S_LOST_AT + device];
  }
}
