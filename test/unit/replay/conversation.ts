import type { Cluster } from "../../../src/control/cluster.ts";
import { ReplayPlane } from "../../../src/lab/replay/replayPlane.ts";
import type { Capture, ReadPacket } from "../../../src/observe/capture/capture.ts";
import { VNET_BEFORE } from "../../../src/plane/packet.ts";
import { formatAddress } from "../../../src/plane/wire/address.ts";
import { getI32, getU16 } from "../../../src/plane/wire/bytes.ts";
import { IP_SRC } from "../../../src/plane/wire/ipv4.ts";

/** A packet that came out at a device, from its IP header on. */
export interface Arrived {
  readonly device: string;
  readonly bytes: Uint8Array;
}

const START = 1_700_000_000_000_000_000n;
const NS_PER_MS = 1_000_000n;

/**
 * Ends of wires that talk to each other through a plane, and what tcpdump at each of them would have: captures whose replay
 * is known. The plane is another one than the replay's, with another seed.
 */
export class Conversation {
  readonly #plane: ReplayPlane;
  readonly #seen: (ReadPacket & { readonly interface: string })[] = [];
  #ms = 0;
  #id = 0;

  constructor(cluster: Cluster, seed = 99) {
    this.#plane = new ReplayPlane(cluster, 1000, seed);
  }

  /** Lets time pass. */
  wait(ms: number): this {
    this.#ms += ms;
    this.#plane.advance(this.#ms, () => undefined);
    return this;
  }

  /** Address of an end, as text. */
  address(name: string): string {
    return formatAddress(this.#plane.names.resolve(name).address);
  }

  /** Sends a packet from a device. @param bytes with a virtio_net_hdr in front @returns what came out, in order */
  send(from: string, bytes: Uint8Array): Arrived[] {
    const device = this.#plane.names.resolve(from).device;
    this.wait(1);
    const id = ++this.#id;
    this.#note(this.#plane.names.device(device), bytes.subarray(VNET_BEFORE), "out", id);
    const { outputs } = this.#plane.put(device, id, bytes);
    return outputs.map((o) => {
      const name = this.#plane.names.device(o.device);
      this.#note(name, o.bytes, "in", id);
      return { device: name, bytes: o.bytes };
    });
  }

  /** What was seen at a point, without what our own captures know beyond that: names, directions, numbers. */
  tcpdump(at: string): Capture {
    const name = this.#plane.names.device(this.#plane.names.resolve(at).device);
    const packets = this.#seen.filter((p) => p.interface === name);
    return captureOf(packets.map((p) => ({ ...p, interface: null, direction: null, packetId: null })));
  }

  /** What our own capture of all points has. */
  capture(): Capture {
    return captureOf(this.#seen);
  }

  #note(name: string, bytes: Uint8Array, direction: "in" | "out", packetId: number): void {
    this.#seen.push({
      number: 0,
      time: START + BigInt(this.#ms) * NS_PER_MS + BigInt(this.#seen.length),
      interface: name,
      bytes: bytes.slice(),
      length: bytes.length,
      direction,
      comment: null,
      packetId,
      dropped: false,
    });
  }
}

/** `10.0.1.16:40000`: who sent a TCP or UDP packet, as it arrived. */
export function senderOf({ bytes }: Arrived): string {
  return `${formatAddress(getI32(bytes, IP_SRC))}:${getU16(bytes, 20)}`;
}

/** Packets as a capture in memory, numbered anew. */
export function captureOf(packets: readonly ReadPacket[]): Capture {
  return {
    format: "pcapng",
    interfaces: [],
    packets: packets.map((p, i) => ({ ...p, number: i + 1 })),
    total: packets.length,
    notes: [],
    damage: null,
    names: new Map(),
  };
}
