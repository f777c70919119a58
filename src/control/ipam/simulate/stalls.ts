import type { Appointment, Timeline } from "../../time/timeline.ts";
import type { AddressStats } from "../types.ts";
import type { Stall } from "./result.ts";

/** What {@link StallWatch} looks at. */
export interface StallView {
  stats(node: string): AddressStats;
  /** When the next cooling address of a node becomes assignable, milliseconds; null: none cools. */
  nextAssignable(node: string): number | null;
  /** Whether the pod is there and has no address. */
  waits(pod: string): boolean;
}

interface Open {
  readonly node: string;
  readonly from: number;
  readonly available: number;
  readonly pods: Set<string>;
  check: Appointment | null;
}

const available = (s: AddressStats): number => s.total - s.assigned;
const assignable = (s: AddressStats): number => s.total - s.assigned - s.cooling;

/**
 * Finds the times in which a node's addresses count as available and are not assignable. A stall begins with an ADD that
 * is refused so. It ends when that is no longer so; the pod gets its address when kubelet asks again.
 */
export class StallWatch {
  readonly #timeline: Timeline;
  readonly #view: StallView;
  readonly #open = new Map<string, Open>();
  readonly #pods = new Set<string>();
  readonly stalls: Stall[] = [];

  constructor(timeline: Timeline, view: StallView) {
    this.#timeline = timeline;
    this.#view = view;
  }

  /** Pods that some stall held up. */
  get pods(): number {
    return this.#pods.size;
  }

  /** An ADD was refused. */
  refused(node: string, pod: string): void {
    let open = this.#open.get(node);
    if (open === undefined) {
      const stats = this.#view.stats(node);
      if (available(stats) <= 0 || assignable(stats) > 0) return;
      open = { node, from: this.#timeline.now, available: available(stats), pods: new Set(), check: null };
      this.#open.set(node, open);
      this.#appoint(open);
    }
    open.pods.add(pod);
    this.#pods.add(pod);
  }

  /** Something changed on the node. */
  changed(node: string): void {
    const open = this.#open.get(node);
    if (open !== undefined) this.#check(open);
  }

  /** The node is gone, and whatever held its pods up. */
  removed(node: string): void {
    const open = this.#open.get(node);
    if (open !== undefined) this.#close(open);
  }

  end(): void {
    for (const open of [...this.#open.values()]) this.#close(open);
  }

  #check(open: Open): void {
    const stats = this.#view.stats(open.node);
    const waits = [...open.pods].some((pod) => this.#view.waits(pod));
    if (available(stats) <= 0 || assignable(stats) > 0 || !waits) this.#close(open);
    else this.#appoint(open);
  }

  /** Cooling ends without anything happening on the node. */
  #appoint(open: Open): void {
    if (open.check !== null) this.#timeline.cancel(open.check);
    const next = this.#view.nextAssignable(open.node);
    open.check = null;
    if (next === null) return;
    // Not within the moment that is under way, or it would be looked at again and again.
    const time = Math.max(next, this.#timeline.now + 1);
    open.check = this.#timeline.at(time, () => {
      open.check = null;
      if (this.#open.get(open.node) === open) this.#check(open);
    });
  }

  #close(open: Open): void {
    this.#open.delete(open.node);
    if (open.check !== null) this.#timeline.cancel(open.check);
    const { node, from, available: count, pods } = open;
    this.stalls.push({ node, from, to: this.#timeline.now, pods: pods.size, available: count });
  }
}
