import { C_DEVICES, C_DROPS, D_RX_PACKETS, D_TX_PACKETS, DEVICE_COUNTERS } from "../../plane/counters.ts";
import { REASONS } from "../../plane/reasons.ts";
import type { ObservationSummary } from "../controlStreams.ts";
import { S_LOST, S_MATCHED, S_SAMPLED_OUT, S_SEEN } from "./observationMessages.ts";

/** What a session's summary counts, by the difference of the plane's counters since it was made. */
export class ObservationTotals {
  readonly #plane: Float64Array;
  readonly #before: Float64Array;
  readonly #session: Float64Array;

  constructor(plane: Float64Array, session: Float64Array) {
    this.#plane = plane;
    this.#before = plane.slice();
    this.#session = session;
  }

  get lost(): number {
    return this.#session[S_LOST];
  }

  /** @param devices names of the devices by index */
  summary(devices: readonly { readonly index: number; readonly name: string }[]): ObservationSummary {
    const since = (at: number): number => this.#plane[at] - this.#before[at];
    return {
      seen: this.#session[S_SEEN],
      matched: this.#session[S_MATCHED],
      sampledOut: this.#session[S_SAMPLED_OUT],
      lost: this.#session[S_LOST],
      devices: devices
        .map(({ index, name }) => {
          const at = C_DEVICES + index * DEVICE_COUNTERS;
          return { name, read: since(at + D_RX_PACKETS), written: since(at + D_TX_PACKETS) };
        })
        .filter(({ read, written }) => read + written > 0),
      drops: REASONS.map(({ code }, i) => ({ reason: code, count: since(C_DROPS + i) })).filter((d) => d.count > 0),
    };
  }
}
