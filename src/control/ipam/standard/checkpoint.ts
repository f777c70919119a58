/** A row of the checkpoint: which pod has which address. */
export interface CheckpointEntry {
  readonly pod: string;
  /** int32. */
  readonly address: number;
  /** Milliseconds on the timeline. */
  readonly assignedAt: number;
}

/**
 * What ipamd writes down so that it knows its pods after a restart: /var/run/aws-node/ipam.json, `vpc-cni-ipam/1`. The file
 * is written anew at every change; here only the row that changes is named. Cooldowns are not in it (issue #1127).
 */
export interface Checkpoint {
  /** @throws Error where the file cannot be written. */
  put(entry: CheckpointEntry): void;
  /** @throws Error where the file cannot be written. */
  remove(pod: string): void;
  /** In the order in which the pods came. */
  entries(): CheckpointEntry[];
}

/** A node's checkpoint, which outlives the daemon. */
export class NodeCheckpoint implements Checkpoint {
  readonly #entries = new Map<string, CheckpointEntry>();

  put(entry: CheckpointEntry): void {
    this.#entries.set(entry.pod, entry);
  }

  remove(pod: string): void {
    this.#entries.delete(pod);
  }

  /** As on a node whose disk was wiped. */
  clear(): void {
    this.#entries.clear();
  }

  entries(): CheckpointEntry[] {
    return [...this.#entries.values()];
  }
}
