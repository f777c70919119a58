import type { Cluster } from "../../control/cluster.ts";
import { C_DEVICES, DEVICE_COUNTERS } from "../../plane/counters.ts";
import type { OutStream } from "../controlStream.ts";
import type { CaptureQuestion, CaptureSummary, ObservationSummary, PacketQuestion } from "../controlStreams.ts";
import type { PlaneClient } from "../planeClient.ts";
import { captureSettings } from "./captureQuestion.ts";
import { Observation } from "./observation.ts";
import { createSessionCounters, MAX_SESSIONS, type SessionFilter, type SessionSetup } from "./observationMessages.ts";
import { ObservationTotals } from "./observationTotals.ts";
import { observedPlace, observedPlaces } from "./observedPlaces.ts";
import type { CaptureSettings, Progress, TraceSettings } from "./observerMessages.ts";
import { packetFilter } from "./packetFilter.ts";
import { createRing } from "./ring.ts";
import { WallClock } from "./wallClock.ts";

/** Our own choice: a tenth of a second of everything that one plane forwards, at every place and with 128 bytes each. */
const CAPTURE_RING_BYTES = 16 << 20;
const TRACE_RING_BYTES = 4 << 20;
/** A trace needs a packet's headers. */
const TRACE_SNAPLEN = 128;
/** How long observers have at the lab's end to hand on what is left. */
const CLOSE_WITHIN_MS = 2000;

export interface ObservationsOptions {
  readonly cluster: Cluster;
  readonly plane: PlaneClient;
  /** Names of the devices that are attached. */
  readonly devices: () => readonly { readonly index: number; readonly name: string }[];
}

/** A session at work. */
interface Live {
  readonly question: PacketQuestion;
  filter: SessionFilter;
  readonly end: () => void;
  observation: Observation | null;
}

/** Who watches packets of a running lab: `trace` and `capture`. */
export class Observations {
  readonly #options: ObservationsOptions;
  readonly #live = new Map<number, Live>();
  readonly #clock = new WallClock();
  readonly #running = new Set<Promise<unknown>>();

  constructor(options: ObservationsOptions) {
    this.#options = options;
  }

  /** Sends the events of packets until the command or the lab ends it. @throws FilterError, NameError */
  async trace(question: PacketQuestion, out: OutStream): Promise<ObservationSummary> {
    let told = 0;
    const { summary } = await this.#observe(question, { kind: "trace" }, out, (_, totals) => {
      const { lost } = totals;
      if (lost > told) out.message({ lost: lost - told });
      told = lost;
    });
    return summary;
  }

  /** Writes packets into a file or the stream until the command or the lab ends it. @throws FilterError, NameError, Error */
  async capture(question: CaptureQuestion, out: OutStream): Promise<CaptureSummary> {
    const { cluster } = this.#options;
    const settings = captureSettings(question, cluster.lab.metadata.name, cluster.snapshot());
    const { summary, progress } = await this.#observe(question, settings, out, ({ packets, bytes }, { lost }) =>
      out.message({ packets, bytes, lost }),
    );
    return { ...summary, ...progress };
  }

  /** What names stand for may have changed: questions are about the same names as before. */
  renamed(): void {
    const { names } = this.#options.cluster.snapshot();
    for (const [session, live] of this.#live) {
      let filter: SessionFilter;
      try {
        filter = packetFilter(live.question, names);
      } catch {
        // A name has gone, for a while maybe: the old packets are still meant.
        continue;
      }
      if (sameFilter(filter, live.filter)) continue;
      live.filter = filter;
      this.#options.plane.refineObservation(session, filter).catch(() => {});
    }
  }

  /** Ends all of them. Their commands get what is left. */
  async close(): Promise<void> {
    for (const { end } of this.#live.values()) end();
    const late = setTimeout(() => {
      for (const { observation } of this.#live.values()) observation?.abandon();
    }, CLOSE_WITHIN_MS);
    await Promise.allSettled(this.#running);
    clearTimeout(late);
  }

  #observe(
    question: PacketQuestion,
    settings: CaptureSettings | TraceSettings,
    out: OutStream,
    onProgress: (progress: Progress, totals: ObservationTotals) => void,
  ): Promise<{ summary: ObservationSummary; progress: Progress }> {
    const run = this.#run(question, settings, out, onProgress);
    this.#running.add(run);
    const done = (): void => {
      this.#running.delete(run);
    };
    run.then(done, done);
    return run;
  }

  async #run(
    question: PacketQuestion,
    settings: CaptureSettings | TraceSettings,
    out: OutStream,
    onProgress: (progress: Progress, totals: ObservationTotals) => void,
  ): Promise<{ summary: ObservationSummary; progress: Progress }> {
    const { cluster, plane, devices } = this.#options;
    const filter = packetFilter(question, cluster.snapshot().names);
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    void out.ended.then(end);
    const live: Live = { question, filter, end, observation: null };
    const session = this.#take(live);
    try {
      const setup = sessionSetup(session, question, settings, filter, deviceCapacity(plane.counters));
      const totals = new ObservationTotals(plane.counters, new Float64Array(setup.counters));
      const began = await plane.observe(setup);
      const observation = new Observation({
        data: {
          ring: setup.ring,
          counters: setup.counters,
          planeCounters: plane.counters.buffer as SharedArrayBuffer,
          origin: began + this.#clock.origin(),
          settings,
        },
        names: () => cluster.snapshot().names,
        place: (kind, index) => observedPlace(observedPlaces(cluster.snapshot()), kind, index),
        onChunk: (bytes) => {
          const more = settings.kind === "trace" ? out.frames(bytes) : out.bytes(bytes);
          return more ? null : out.drained();
        },
        onProgress: (progress) => onProgress(progress, totals),
        onOver: end,
      });
      live.observation = observation;
      await ended;
      // The plane may have ended: then nothing is recorded any more, either.
      await plane.endObservation(session).catch(() => {});
      await observation.end();
      const { problem, progress } = observation;
      if (problem !== null) throw new Error(`${problem}; ${progress.packets} packets were written until then`);
      return { summary: totals.summary(devices()), progress };
    } finally {
      this.#live.delete(session);
    }
  }

  #take(live: Live): number {
    for (let session = 0; session < MAX_SESSIONS; session++)
      if (!this.#live.has(session)) {
        this.#live.set(session, live);
        return session;
      }
    throw new Error(`${MAX_SESSIONS} commands trace or capture packets of this lab; end one of them first`);
  }
}

function sessionSetup(
  session: number,
  question: PacketQuestion,
  settings: CaptureSettings | TraceSettings,
  filter: SessionFilter,
  devices: number,
): SessionSetup {
  const isCapture = settings.kind === "capture";
  return {
    session,
    ring: createRing(isCapture ? CAPTURE_RING_BYTES : TRACE_RING_BYTES),
    counters: createSessionCounters(devices),
    snaplen: isCapture ? settings.snaplen : TRACE_SNAPLEN,
    everywhere: isCapture,
    outline: isCapture && !settings.sidecar,
    filter,
    sample: question.sample,
  };
}

/** Devices that the plane's counters have room for. */
function deviceCapacity(counters: Float64Array): number {
  return (counters.length - C_DEVICES) / DEVICE_COUNTERS;
}

function sameFilter(a: SessionFilter, b: SessionFilter): boolean {
  const text = ({ expression, addresses, objects }: SessionFilter): string =>
    JSON.stringify([expression, [...addresses], objects]);
  return text(a) === text(b);
}
