import type { Timeline } from "../../time/timeline.ts";
import type { Ec2Settings, NetworkInterface } from "./types.ts";

interface View {
  readonly time: number;
  readonly enis: readonly NetworkInterface[];
}

/**
 * What instances see of their ENIs (IMDS, `network/interfaces/macs`): later than EC2 knows it, and without branch ENIs,
 * which are no devices of the instance.
 */
export class InstanceMetadata {
  readonly #timeline: Timeline;
  readonly #settings: Ec2Settings;
  /** What each instance had, oldest first: the last view that everybody may see, and those after it. */
  readonly #views = new Map<string, View[]>();
  /** When an attached ENI comes in sight, milliseconds on the timeline. */
  readonly #appears = new Map<string, number>();

  constructor(timeline: Timeline, settings: Ec2Settings) {
    this.#timeline = timeline;
    this.#settings = settings;
  }

  /** Milliseconds until an instance sees an ENI that is attached now. */
  get attachDelay(): number {
    return Math.max(this.#settings.attachDelay, this.#settings.metadataDelay);
  }

  /** An ENI is attached from now on. */
  attached(eni: string): void {
    this.#appears.set(eni, this.#timeline.now + this.attachDelay);
  }

  deleted(eni: string): void {
    this.#appears.delete(eni);
  }

  /** An instance's ENIs are these from now on. */
  changed(instance: string, enis: readonly NetworkInterface[]): void {
    const { now } = this.#timeline;
    if (this.#settings.metadataDelay === 0) {
      this.#views.set(instance, [{ time: now, enis }]);
      return;
    }
    const views = this.#views.get(instance) ?? [];
    this.#views.set(instance, views);
    if (views.at(-1)?.time === now) views.pop();
    views.push({ time: now, enis });
    const known = now - this.#settings.metadataDelay;
    while (views.length > 1 && views[1].time <= known) views.shift();
  }

  forget(instance: string): void {
    this.#views.delete(instance);
  }

  /** An instance that has just come up sees what it came up with. */
  show(instance: string): readonly NetworkInterface[] {
    const { now } = this.#timeline;
    const known = now - this.#settings.metadataDelay;
    const views = this.#views.get(instance) ?? [];
    const view = views.findLast((v) => v.time <= known) ?? views.at(0);
    if (view === undefined) return [];
    return view.enis.filter((eni) => eni.interfaceType !== "branch" && (this.#appears.get(eni.id) ?? now) <= now);
  }
}
