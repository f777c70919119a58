import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Device } from "../../../src/device/device.ts";
import { EBADF, EMSGSIZE } from "../../../src/device/linux.ts";
import { VNET_BEFORE } from "../../../src/plane/packet.ts";
import { HEADROOM, PacketVector, SLOT_SIZE } from "../../../src/plane/vector.ts";

/** The device's own end and the end that the test plays. */
export const NEAR = [10, 9, 0, 1];
export const FAR = [10, 9, 0, 2];
/** RFC 3692: a protocol number for experiments, which no kernel answers. */
export const EXPERIMENT = 253;
export const DEVICE_INDEX = 7;
export const MTU = 1500;

const IP_HEADER = 20;
const GSO_TCPV4 = 1;
const CAPACITY = 8;

/** What a compliance run needs to know about a device. */
export interface Harness {
  /** Made with name "eth0", {@link MTU} and {@link DEVICE_INDEX}. */
  device: Device;
  /** Makes the device yield an IPv4 packet from {@link NEAR} to {@link FAR}, without offloads. */
  inject(packet: Uint8Array): void;
  /** IPv4 packets from FAR to NEAR that were written, in order. */
  drain(): Uint8Array[];
  dispose(): void;
}

/** An IPv4 packet of `length` bytes whose payload and identification tell it from others. */
function packet(from: number[], to: number[], length: number, id: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(id);
  bytes.set([0x45, 0, length >> 8, length & 255, id >> 8, id & 255, 0x40, 0, 64, EXPERIMENT, 0, 0, ...from, ...to]);
  let sum = 0;
  for (let i = 0; i < IP_HEADER; i += 2) sum += bytes[i] * 256 + bytes[i + 1];
  sum = (sum & 0xffff) + (sum >> 16);
  bytes.set([(~sum >> 8) & 255, ~sum & 255], 10);
  return bytes;
}

/** Puts a packet into the vector at a given place of the arena, behind a vnet header of zeros but for the GSO type. */
function put(vector: PacketVector, bytes: Uint8Array, offset: number, gsoType = 0): void {
  vector.arena.fill(0, offset - VNET_BEFORE, offset);
  vector.arena[offset - VNET_BEFORE + 1] = gsoType;
  vector.arena.set(bytes, offset);
  vector.push(0, offset, bytes.length);
}

const slot = (i: number) => i * SLOT_SIZE + HEADROOM;

function bytesOf(vector: PacketVector, i: number): Uint8Array {
  return vector.arena.slice(vector.offset[i], vector.offset[i] + vector.length[i]);
}

/** The tests that every Device passes. */
export function deviceCompliance(name: string, open: () => Harness): void {
  describe(`${name} as a Device`, () => {
    let harness: Harness;
    let vector: PacketVector;

    beforeEach(() => {
      harness = open();
      vector = new PacketVector(new Uint8Array(CAPACITY * SLOT_SIZE), CAPACITY);
    });
    afterEach(() => harness.dispose());

    it("says its name and MTU", () => {
      expect(harness.device).toMatchObject({ name: "eth0", mtu: MTU });
    });

    it("yields nothing when nothing is there", () => {
      expect(harness.device.read(vector, CAPACITY)).toBe(0);
      expect(vector.count).toBe(0);
    });

    it("reads a packet into the slot of its index, behind a vnet header", () => {
      const sent = packet(NEAR, FAR, 100, 1);
      harness.inject(sent);
      vector.arena.fill(0xee);
      expect(harness.device.read(vector, CAPACITY)).toBe(1);
      expect(vector.count).toBe(1);
      expect(vector.offset[0]).toBe(slot(0));
      expect(vector.length[0]).toBe(100);
      expect(vector.device[0]).toBe(DEVICE_INDEX);
      expect(bytesOf(vector, 0)).toEqual(sent);
      expect(vector.arena.slice(slot(0) - VNET_BEFORE, slot(0))).toEqual(new Uint8Array(VNET_BEFORE));
      expect(vector.arena[slot(0) - VNET_BEFORE - 1], "bytes before the vnet header are not touched").toBe(0xee);
      expect(vector.arena[slot(0) + 100], "nor are those behind the packet").toBe(0xee);
    });

    it("appends, in order, no more than max", () => {
      const sent = [1, 2, 3, 4].map((id) => packet(NEAR, FAR, 40 + id, id));
      for (const bytes of sent) harness.inject(bytes);
      put(vector, packet(FAR, NEAR, 30, 99), slot(0));
      expect(harness.device.read(vector, 3)).toBe(3);
      expect(vector.count).toBe(4);
      expect([1, 2, 3].map((i) => bytesOf(vector, i))).toEqual(sent.slice(0, 3));
      expect([...vector.offset.slice(1, 4)]).toEqual([slot(1), slot(2), slot(3)]);
      expect(bytesOf(vector, 0), "what stood in the vector stays").toEqual(packet(FAR, NEAR, 30, 99));
      expect(harness.device.read(vector, 3)).toBe(1);
      expect(bytesOf(vector, 4)).toEqual(sent[3]);
    });

    it("stops at the vector's capacity and keeps the rest", () => {
      for (let id = 1; id <= CAPACITY + 1; id++) harness.inject(packet(NEAR, FAR, 40, id));
      expect(harness.device.read(vector, CAPACITY + 5)).toBe(CAPACITY);
      expect(harness.device.read(vector, 1)).toBe(0);
      vector.count = 0;
      expect(harness.device.read(vector, CAPACITY)).toBe(1);
      expect(bytesOf(vector, 0)).toEqual(packet(NEAR, FAR, 40, CAPACITY + 1));
    });

    it("writes only the range, wherever in the arena the packets lie", () => {
      const sent = [1, 2, 3, 4].map((id) => packet(FAR, NEAR, 50 + id, id));
      put(vector, sent[0], slot(0));
      put(vector, sent[1], slot(5));
      put(vector, sent[2], slot(2) + 28);
      put(vector, sent[3], slot(3));
      vector.status.fill(77);
      expect(harness.device.write(vector, 1, 3)).toBe(2);
      expect(harness.drain()).toEqual([sent[1], sent[2]]);
      expect([...vector.status.slice(0, 4)]).toEqual([77, 52, 53, 77]);
    });

    it("writes a packet of the MTU and refuses a longer one, but not what follows", () => {
      put(vector, packet(FAR, NEAR, MTU + 1, 1), slot(0));
      put(vector, packet(FAR, NEAR, MTU, 2), slot(1));
      expect(harness.device.write(vector, 0, 2)).toBe(1);
      expect([...vector.status.slice(0, 2)]).toEqual([-EMSGSIZE, MTU]);
      expect(harness.drain()).toEqual([packet(FAR, NEAR, MTU, 2)]);
    });

    it("does not refuse a GSO packet for its length", () => {
      const large = packet(FAR, NEAR, 4000, 1);
      put(vector, large, slot(0), GSO_TCPV4);
      harness.device.write(vector, 0, 1);
      expect(vector.status[0]).not.toBe(-EMSGSIZE);
    });

    it("keeps no reference to the caller's bytes", () => {
      const sent = packet(FAR, NEAR, 60, 1);
      put(vector, sent, slot(0));
      harness.device.write(vector, 0, 1);
      vector.arena.fill(0);
      expect(harness.drain()).toEqual([sent]);
    });

    it("is silent after close, twice over", () => {
      harness.inject(packet(NEAR, FAR, 40, 1));
      harness.device.close();
      harness.device.close();
      expect(harness.device.read(vector, CAPACITY)).toBe(0);
      put(vector, packet(FAR, NEAR, 40, 1), slot(0));
      expect(harness.device.write(vector, 0, 1)).toBe(0);
      expect(vector.status[0]).toBe(-EBADF);
    });
  });
}
