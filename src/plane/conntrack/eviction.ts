import {
  DIR_ORIGINAL,
  DIR_REPLY,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_NAT_CLASH,
  STAT_EARLY_DROP,
} from "./info.ts";
import { Insertion } from "./insertion.ts";
import { CHAIN, ENTRY_SHIFT, META, META_ZONE_MASK, STATUS } from "./layout.ts";

const NONE = -1;
/** Hash buckets that are searched for something to evict (NF_CT_EVICTION_RANGE). */
const EVICTION_RANGE = 8;

/** How a full table makes room for a new entry. */
export class Eviction extends Insertion {
  /** Of the entries that the trial has confirmed, those that would be in a chain. @returns how many were deleted */
  #earlyDropInTrial(head: number, zone: number): number {
    let dropped = 0;
    for (let entry = this.capacity; entry < this.trialEnd; entry++) {
      const status = this.words[(entry << ENTRY_SHIFT) + STATUS];
      if ((status & (IPS_CONFIRMED | IPS_DYING | IPS_ASSURED)) !== IPS_CONFIRMED || this.zone(entry) !== zone) continue;
      const byOriginal = (status & IPS_NAT_CLASH) === 0 && this.tupleBucket(entry, DIR_ORIGINAL) === head;
      if (!byOriginal && this.tupleBucket(entry, DIR_REPLY) !== head) continue;
      this.remove(entry);
      dropped++;
    }
    return dropped;
  }

  /** early_drop: deletes what is not ASSURED in the first of a few buckets that has any. False when none has. */
  protected earlyDrop(zone: number, bucket: number): boolean {
    for (let i = 0; i < EVICTION_RANGE; i++) {
      const head = (bucket + i) & this.mask;
      let dropped = 0;
      let ref = this.heads[head];
      while (ref !== NONE) {
        const entry = ref >> 1;
        const o = entry << ENTRY_SHIFT;
        ref = this.words[o + CHAIN + (ref & 1)];
        const evictable = (this.words[o + STATUS] & IPS_ASSURED) === 0 || this.isGone(entry, this.now);
        // In a trial what was removed is still in its chain.
        if ((this.words[o + STATUS] & IPS_DYING) !== 0) continue;
        if (!evictable || (this.words[o + META] & META_ZONE_MASK) !== zone) continue;
        this.remove(entry);
        dropped++;
        // Both tuples of the entry may have been in this chain.
        ref = this.heads[head];
      }
      if (this.trial) dropped += this.#earlyDropInTrial(head, zone);
      if (dropped > 0) {
        this.counters[STAT_EARLY_DROP] += dropped;
        return true;
      }
    }
    return false;
  }
}
