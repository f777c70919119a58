import { AssignOrder } from "../../../../src/control/ipam/standard/assignOrder.ts";
import { type Checkpoint, NodeCheckpoint } from "../../../../src/control/ipam/standard/checkpoint.ts";
import { DataStore } from "../../../../src/control/ipam/standard/dataStore.ts";
import { coolingAddresses, poolCounts } from "../../../../src/control/ipam/standard/storeCounts.ts";
import { toCidr } from "../../../../src/control/vpc/cidr.ts";
import type { InterfaceType } from "../../../../src/control/vpc/ec2/types.ts";
import type { Slot } from "../../../../src/control/vpc/eni.ts";
import { Random } from "../../../../src/plane/random.ts";
import { formatAddress } from "../../../../src/plane/wire/address.ts";

/** A checkpoint file that can be made unwritable. */
export class FlakyCheckpoint extends NodeCheckpoint {
  broken = false;

  override put(entry: Parameters<Checkpoint["put"]>[0]): void {
    if (this.broken) throw new Error("fake checkpoint error");
    super.put(entry);
  }

  override remove(pod: string): void {
    if (this.broken) throw new Error("fake checkpoint error");
    super.remove(pod);
  }
}

/** A slot: `1.1.1.1` or `10.0.0.0/28`. */
export function slot(text: string): Slot {
  return toCidr(text.includes("/") ? text : `${text}/32`);
}

/** A data store with a clock that the test moves. */
export class TestStore {
  now = 1_000_000;
  readonly checkpoint = new FlakyCheckpoint();
  readonly counters = { noAvailableAddress: 0, forceRemovedEnis: 0, forceRemovedIps: 0 };
  readonly store: DataStore;

  constructor(
    options: { prefixDelegation?: boolean; cooldown?: number; order?: "lowest" | "random"; seed?: number } = {},
  ) {
    const { prefixDelegation = false, cooldown = 30_000, order = "lowest", seed = 1 } = options;
    this.store = new DataStore({
      now: () => this.now,
      order: new AssignOrder(order, new Random(seed)),
      checkpoint: this.checkpoint,
      counters: this.counters,
      prefixDelegation,
      cooldown,
    });
  }

  eni(
    id: string,
    deviceNumber: number,
    slots: readonly string[] = [],
    interfaceType: InterfaceType = "interface",
  ): void {
    this.store.addEni({ id, deviceNumber, interfaceType, subnet: "a", address: deviceNumber + 1, securityGroups: [] });
    for (const text of slots) this.store.addCidr(id, slot(text));
  }

  assign(pod: string, deviceNumber: number | null = null): string {
    return formatAddress(this.store.assign(pod, deviceNumber).address);
  }

  /** What the checkpoint has: `pod-1 1.1.1.1`. */
  written(): string[] {
    return this.checkpoint.entries().map(({ pod, address }) => `${pod} ${formatAddress(address)}`);
  }

  stats(): { total: number; assigned: number; cooling: number; prefixes: number } {
    const { total, assigned, prefixes } = poolCounts(this.store);
    return { total, assigned, cooling: coolingAddresses(this.store), prefixes };
  }
}
