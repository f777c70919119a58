import type { Snapshot } from "../../control/compile.ts";
import type { Names } from "../../control/names.ts";
import type { CaptureInterface, InterfaceAddress, NameRecord } from "../../observe/capture/captureFile.ts";
import { DEVICE_HOST, DEVICE_POD, type DeviceRow, type EniRow, type Row } from "../../plane/rows.ts";
import { maskOf } from "../../plane/wire/address.ts";
import type { Place } from "./observerMessages.ts";

/** Addresses of an interface that are written down: a node's ENI may have hundreds. */
const MOST_ADDRESSES = 64;
/** Names of a file. Our own choice: about a megabyte. */
const MOST_NAMES = 20_000;
const WHOLE = 32;

const ownAddress = (address: number): InterfaceAddress => ({ address, mask: maskOf(WHOLE) });

function devicePlace(row: DeviceRow, names: Names): Place {
  const node = row.node < 0 ? "" : names.node(row.node);
  const description =
    row.kind === DEVICE_POD ? `pod on ${node}` : row.kind === DEVICE_HOST ? "host" : `host namespace of ${node}`;
  return {
    kind: "device",
    index: row.id,
    interface: { name: names.device(row.id), description, addresses: [ownAddress(row.address)] },
  };
}

function eniPlace(row: EniRow, addresses: readonly InterfaceAddress[], names: Names): Place {
  const name = names.eni(row.id);
  const description = row.node < 0 ? "ENI" : `ENI of ${names.node(row.node)}`;
  const all = [ownAddress(row.address), ...addresses.filter((a) => a.address !== row.address)];
  const shown: CaptureInterface = { name, description, addresses: all.slice(0, MOST_ADDRESSES) };
  return { kind: "eni", index: row.id, interface: shown };
}

/** Addresses and prefixes by ENI. */
function eniAddresses(rows: Iterable<Row>): Map<number, InterfaceAddress[]> {
  const found = new Map<number, InterfaceAddress[]>();
  for (const row of rows) {
    if (row.t !== "eniAddress") continue;
    const list = found.get(row.eni) ?? [];
    list.push({ address: row.prefix, mask: maskOf(row.length) });
    found.set(row.eni, list);
  }
  return found;
}

/** Every place where packets are seen: devices of pods, nodes and hosts, and ENIs, by name. */
export function observedPlaces({ machines, names }: Snapshot): Place[] {
  const addresses = eniAddresses(machines.values());
  const places: Place[] = [];
  for (const row of machines.values()) {
    if (row.t === "device") places.push(devicePlace(row, names));
    else if (row.t === "eni") places.push(eniPlace(row, addresses.get(row.id) ?? [], names));
  }
  const key = (p: Place): string => p.interface.name;
  return places.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

/** A place by its index; one that has gone has a name nevertheless. */
export function observedPlace(all: readonly Place[], kind: Place["kind"], index: number): Place {
  const found = all.find((p) => p.kind === kind && p.index === index);
  if (found !== undefined) return found;
  const name = `${kind === "device" ? "device" : "ENI"} ${index} (gone)`;
  return { kind, index, interface: { name, description: null, addresses: [] } };
}

/** Names of the lab's addresses: machines, ENIs, services. Machines come first where not all find room. */
export function addressNames({ machines, names }: Snapshot): { names: NameRecord[]; leftOut: number } {
  const records: NameRecord[] = [];
  const seen = new Set<number>();
  const add = (address: number, name: string | null): void => {
    if (address === 0 || name === null || seen.has(address)) return;
    seen.add(address);
    records.push({ address, names: [name] });
  };
  for (const row of machines.values())
    if (row.t === "device" || row.t === "eni") {
      add(row.address, names.byAddress(row.address));
      if (row.t === "eni") add(row.publicAddress, names.byAddress(row.publicAddress));
    }
  const { services } = names.directory;
  for (const key of services.keys()) {
    const address = services.get(key)?.address ?? null;
    if (address !== null) add(address, key);
  }
  return { names: records.slice(0, MOST_NAMES), leftOut: Math.max(0, records.length - MOST_NAMES) };
}
