import type { TimelineEvent } from "../../objects/ipamTimeline.ts";

/** One time at which an event of the timeline happens. */
export interface Occurrence {
  /** Milliseconds since the beginning. */
  readonly time: number;
  /** Place of the event in the timeline. */
  readonly index: number;
}

/** How often an event happens until the end, that moment included. */
export function occurrenceCount(event: TimelineEvent, duration: number): number {
  const { at, every, from, until } = event;
  if (every === undefined) return at !== undefined && at <= duration ? 1 : 0;
  const first = from ?? every;
  return Math.max(0, Math.floor((Math.min(until ?? duration, duration) - first) / every) + 1);
}

/** All times of all events in their order; those of one moment in the order in which they are written. */
export function occurrences(timeline: readonly TimelineEvent[], duration: number): Occurrence[] {
  const all: Occurrence[] = [];
  timeline.forEach((event, index) => {
    const first = event.at ?? event.from ?? event.every ?? 0;
    const count = occurrenceCount(event, duration);
    for (let i = 0; i < count; i++) all.push({ time: first + i * (event.every ?? 0), index });
  });
  return all.sort((a, b) => a.time - b.time || a.index - b.index);
}
