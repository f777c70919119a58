import type { NamespaceSpec as LabNamespace } from "../control/workloads.ts";
import { close } from "../device/libc.ts";
import type { DeviceStats, Namespaces } from "./namespaces.ts";
import { namespaceFileName, netSpec } from "./netSpec.ts";
import type { PlaneClient } from "./planeClient.ts";

/** A pod's, host's or node's namespace that is there, with its device attached to the plane. */
export interface Placed {
  readonly spec: LabNamespace;
  /** File that it is bound to. */
  readonly file: string;
}

export interface PlacedNamespacesOptions {
  readonly namespaces: Namespaces;
  readonly plane: PlaneClient;
  /** TUN queues of each device. */
  readonly queues: number;
  readonly onProgress: (what: string, done: number, total: number) => void;
}

/** The namespaces of a lab that are there, each with a TUN that the plane reads. */
export class PlacedNamespaces {
  readonly #options: PlacedNamespacesOptions;
  readonly #placed = new Map<string, Placed>();

  constructor(options: PlacedNamespacesOptions) {
    this.#options = options;
  }

  get(name: string): Placed | undefined {
    return this.#placed.get(name);
  }

  has(name: string): boolean {
    return this.#placed.has(name);
  }

  all(): Placed[] {
    return [...this.#placed.values()];
  }

  /** Makes namespaces, one after the other. @throws Error as soon as `isOver` says that nobody wants them any more. */
  async make(specs: readonly LabNamespace[], offload: boolean, isOver: () => boolean): Promise<void> {
    const { namespaces, plane, queues, onProgress } = this.#options;
    let done = 0;
    for (const spec of specs) {
      if (isOver()) throw new Error("the lab is going down");
      const made = await namespaces.create(netSpec(spec, { offload, queues }));
      try {
        await plane.attach(spec.device, made.fds, spec.mtu, spec.name);
      } catch (error) {
        made.fds.forEach(close);
        throw error;
      }
      this.#placed.set(spec.name, { spec, file: made.file });
      onProgress("namespaces", ++done, specs.length);
    }
  }

  /** Lets a namespace go, which the kernel frees with its last process. */
  async remove({ spec }: Placed): Promise<void> {
    this.#placed.delete(spec.name);
    await this.#options.plane.detach(spec.device);
    await this.#options.namespaces.remove(namespaceFileName(spec.name));
  }

  /** Lets all go. */
  async removeAll(): Promise<void> {
    const total = this.#placed.size;
    let done = 0;
    for (const placed of this.all()) {
      await this.remove(placed);
      this.#options.onProgress("namespaces removed", ++done, total);
    }
  }

  /** The kernel's counters of every TUN, by the device's name. */
  async deviceStats(): Promise<Map<string, DeviceStats>> {
    const names = [...this.#placed.keys()];
    const byFile = await this.#options.namespaces.readDeviceStats(names.map(namespaceFileName));
    const stats = new Map<string, DeviceStats>();
    for (const name of names) {
      const s = byFile.get(namespaceFileName(name));
      if (s !== undefined) stats.set(name, s);
    }
    return stats;
  }
}
