import type { ServiceRow } from "./rows.ts";

const EMPTY = -1;
const TOMBSTONE = -2;
const INITIAL_SLOTS = 1024;

/**
 * Service lookup: (address, protocol, port) to service index in one probe sequence of an open-addressing table, whatever
 * the number of services. NodePorts are entries with address 0, and an address that any service owns is an entry with
 * protocol and port 0, counted, so that "is this a ClusterIP?" is the same lookup.
 */
export class ServiceTable {
  #slots = INITIAL_SLOTS;
  #used = 0;
  #address = new Int32Array(INITIAL_SLOTS);
  /** protocol << 16 | port */
  #key = new Int32Array(INITIAL_SLOTS);
  #value = new Int32Array(INITIAL_SLOTS).fill(EMPTY);
  /** Endpoints of each service: address and port in turn. */
  #endpoints: Int32Array[] = [];
  #rows: (ServiceRow | null)[] = [];

  /** Service index for a packet to `address`, or -1. */
  lookup(address: number, protocol: number, port: number): number {
    return this.#find(address, (protocol << 16) | port);
  }

  /** Service index of a NodePort, or -1. */
  lookupNodePort(protocol: number, port: number): number {
    return this.#find(0, (protocol << 16) | port);
  }

  /** Whether any service has this ClusterIP. */
  hasAddress(address: number): boolean {
    return this.#find(address, 0) >= 0;
  }

  endpointCount(service: number): number {
    return this.#endpoints[service].length >> 1;
  }

  endpointAddress(service: number, index: number): number {
    return this.#endpoints[service][index << 1];
  }

  endpointPort(service: number, index: number): number {
    return this.#endpoints[service][(index << 1) + 1];
  }

  put(row: ServiceRow): void {
    this.remove(row.id);
    const flat = new Int32Array(row.endpoints.length * 2);
    row.endpoints.forEach((e, i) => {
      flat[i * 2] = e.address;
      flat[i * 2 + 1] = e.port;
    });
    while (this.#rows.length <= row.id) {
      this.#rows.push(null);
      this.#endpoints.push(new Int32Array(0));
    }
    this.#rows[row.id] = row;
    this.#endpoints[row.id] = flat;
    this.#set(row.address, (row.protocol << 16) | row.port, row.id);
    if (row.nodePort !== 0) this.#set(0, (row.protocol << 16) | row.nodePort, row.id);
    this.#set(row.address, 0, Math.max(this.#find(row.address, 0), 0) + 1);
  }

  remove(id: number): void {
    const row = this.#rows[id] ?? null;
    if (row === null) return;
    this.#rows[id] = null;
    this.#endpoints[id] = new Int32Array(0);
    this.#delete(row.address, (row.protocol << 16) | row.port, id);
    if (row.nodePort !== 0) this.#delete(0, (row.protocol << 16) | row.nodePort, id);
    const users = this.#find(row.address, 0) - 1;
    if (users > 0) this.#set(row.address, 0, users);
    else this.#delete(row.address, 0, users + 1);
  }

  #slot(address: number, key: number): number {
    let h = Math.imul(address ^ Math.imul(key, 0x9e3779b1), 0x85ebca6b);
    h ^= h >>> 15;
    return h & (this.#slots - 1);
  }

  #find(address: number, key: number): number {
    const mask = this.#slots - 1;
    let i = this.#slot(address, key);
    for (;;) {
      const v = this.#value[i];
      if (v === EMPTY) return -1;
      if (v !== TOMBSTONE && this.#address[i] === address && this.#key[i] === key) return v;
      i = (i + 1) & mask;
    }
  }

  #set(address: number, key: number, value: number): void {
    if (this.#used * 2 >= this.#slots) this.#grow();
    const mask = this.#slots - 1;
    let i = this.#slot(address, key);
    let free = -1;
    for (;;) {
      const v = this.#value[i];
      if (v === EMPTY) break;
      if (v === TOMBSTONE) {
        if (free < 0) free = i;
      } else if (this.#address[i] === address && this.#key[i] === key) {
        this.#value[i] = value;
        return;
      }
      i = (i + 1) & mask;
    }
    if (free < 0) {
      free = i;
      this.#used++;
    }
    this.#address[free] = address;
    this.#key[free] = key;
    this.#value[free] = value;
  }

  /** Removes an entry if it still holds `value` (another service may have taken the address over meanwhile). */
  #delete(address: number, key: number, value: number): void {
    const mask = this.#slots - 1;
    let i = this.#slot(address, key);
    for (;;) {
      const v = this.#value[i];
      if (v === EMPTY) return;
      if (v === value && this.#address[i] === address && this.#key[i] === key) {
        this.#value[i] = TOMBSTONE;
        return;
      }
      i = (i + 1) & mask;
    }
  }

  #grow(): void {
    const address = this.#address;
    const key = this.#key;
    const value = this.#value;
    let live = 0;
    for (const v of value) if (v >= 0) live++;
    // Tombstones alone do not make the table larger.
    this.#slots = live * 4 > this.#slots ? this.#slots * 2 : this.#slots;
    this.#address = new Int32Array(this.#slots);
    this.#key = new Int32Array(this.#slots);
    this.#value = new Int32Array(this.#slots).fill(EMPTY);
    this.#used = 0;
    for (let i = 0; i < value.length; i++) if (value[i] >= 0) this.#set(address[i], key[i], value[i]);
  }
}
