import type { CaptureSink } from "../../observe/capture/captureFile.ts";
import { encodeComment } from "../../observe/capture/captureText.ts";
import { FLAG_IN, FLAG_OUT, PacketBlock } from "../../observe/capture/packetBlock.ts";
import { PcapngWriter } from "../../observe/capture/pcapngWriter.ts";
import type { NameSource } from "../../observe/explain.ts";
import { decisionComment } from "../../observe/trace/decisionComment.ts";
import type { PacketEvent } from "../../observe/trace/packetEvent.ts";
import type { Tables } from "../../plane/tables.ts";
import { getI32 } from "../../plane/wire/bytes.ts";
import { IP_DST, IP_HEADER_MIN, IP_SRC, IP_VERSION_4 } from "../../plane/wire/ipv4.ts";
import type { ReplayEvent, ReplayRecorder } from "./replayEvent.ts";

/** libpcap's largest snap length, in bytes. */
const SNAP_LENGTH = 262_144;
const NS_PER_S = 1_000_000_000n;
const HOST_MASK = -1;

/** What the file says that it is of. */
export interface ReplayFileTitle {
  readonly lab: string;
  readonly seed: number;
}

/**
 * The capture file of a replay: what a capture of a running lab has, on the virtual clock. Nothing in it depends on the
 * machine, on Node or on the day.
 */
export class ReplayFile implements ReplayRecorder {
  readonly #writer: PcapngWriter;
  readonly #tables: Tables;
  readonly #names: NameSource;
  readonly #block = new PacketBlock();
  readonly #interfaces = new Map<string, number>();
  readonly #named = new Set<number>();
  /** Comment of each packet that was put in, for where it comes out. */
  readonly #comments = new Map<number, Int32Array>();

  constructor(sink: CaptureSink, tables: Tables, names: NameSource, { lab, seed }: ReplayFileTitle) {
    const comment = `replay through lab ${lab}, seed ${seed}`;
    this.#writer = new PcapngWriter(
      sink,
      { hardware: "", os: "", application: "podplane replay", comment },
      SNAP_LENGTH,
    );
    this.#tables = tables;
    this.#names = names;
  }

  /** Hands over what is left. */
  end(): void {
    this.#writer.flush();
  }

  sent(time: bigint, device: number, bytes: Uint8Array, captured: number, event: ReplayEvent & PacketEvent): void {
    const comment = encodeComment(decisionComment(event));
    this.#comments.set(event.id, comment);
    const isDropped = event.verdict === "DROPPED" || event.verdict === "REJECTED";
    this.#write(time, this.#device(device), bytes, captured, FLAG_OUT, event.id, comment, isDropped);
  }

  atEni(time: bigint, eni: number, out: boolean, bytes: Uint8Array, captured: number, id: number): void {
    const comment = this.#comments.get(id) ?? null;
    this.#write(time, this.#eni(eni), bytes, captured, out ? FLAG_OUT : FLAG_IN, id, comment, false);
  }

  received(time: bigint, device: number, bytes: Uint8Array, captured: number, id: number): void {
    const comment = this.#comments.get(id) ?? null;
    this.#write(time, this.#device(device), bytes, captured, FLAG_IN, id, comment, false);
  }

  #write(
    time: bigint,
    at: number,
    bytes: Uint8Array,
    captured: number,
    flags: number,
    id: number,
    comment: Int32Array | null,
    dropped: boolean,
  ): void {
    this.#name(bytes);
    const block = this.#block;
    block.interface = at;
    block.seconds = Number(time / NS_PER_S);
    block.nanoseconds = Number(time % NS_PER_S);
    block.bytes = bytes;
    block.offset = 0;
    block.captured = Math.min(bytes.length, captured);
    block.length = bytes.length;
    block.flags = flags;
    block.packetId = id;
    block.dropped = dropped;
    block.comment = comment;
    this.#writer.packet(block);
  }

  #device(device: number): number {
    return this.#interface(this.#names.device(device), this.#tables.deviceAddress[device]);
  }

  #eni(eni: number): number {
    return this.#interface(this.#names.eni(eni), this.#tables.eniAddress[eni]);
  }

  #interface(name: string, address: number): number {
    const known = this.#interfaces.get(name);
    if (known !== undefined) return known;
    const number = this.#writer.addInterface({ name, description: null, addresses: [{ address, mask: HOST_MASK }] });
    this.#interfaces.set(name, number);
    return number;
  }

  /** Names of a packet's addresses, once. */
  #name(bytes: Uint8Array): void {
    if (bytes.length < IP_HEADER_MIN || bytes[0] >> 4 !== IP_VERSION_4) return;
    for (const at of [IP_SRC, IP_DST]) {
      const address = getI32(bytes, at);
      if (this.#named.has(address)) continue;
      this.#named.add(address);
      const name = this.#names.byAddress(address);
      if (name !== null) this.#writer.addNames([{ address, names: [name] }]);
    }
  }
}
