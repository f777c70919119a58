import type { CaptureTime } from "../../observe/capture/captureFile.ts";
import { FLAG_IN, FLAG_OUT, PacketBlock } from "../../observe/capture/packetBlock.ts";
import { PcapngWriter } from "../../observe/capture/pcapngWriter.ts";
import { PcapWriter } from "../../observe/capture/pcapWriter.ts";
import { finishChecksum, SegmentCutter } from "../../observe/capture/segments.ts";
import { VNET_F_NEEDS_CSUM, VNET_GSO_NONE } from "../../plane/packet.ts";
import { CaptureClock } from "./captureClock.ts";
import { CaptureFiles } from "./captureFiles.ts";
import { CaptureStatistics } from "./captureStatistics.ts";
import { eventJson } from "./eventLines.ts";
import type { KeptText, ObservedPacket, ObservedPackets, Sighting } from "./observedPacket.ts";
import type { CaptureSettings, ObserverData, Place, Progress } from "./observerMessages.ts";
import { ENI_IN, ENI_OUT, IN } from "./records.ts";

/** Sidecar lines that are gathered before they are written. */
const LINES_BYTES = 1 << 18;

/**
 * Writes what an observer reads as a capture: into files of its own, or into chunks that somebody takes. Interfaces are seen
 * as tcpdump in the pod would see them: what a pod sends is outbound there, what it gets inbound; the same for a node's host
 * namespace, a host, and an instance at its ENI.
 */
export class CaptureOutput implements ObservedPackets {
  readonly #settings: CaptureSettings;
  readonly #origin: bigint;
  readonly #files: CaptureFiles | null;
  readonly #pcapng: PcapngWriter | null;
  readonly #writer: PcapngWriter | PcapWriter;
  readonly #block = new PacketBlock();
  readonly #clock: CaptureClock;
  readonly #cutter = new SegmentCutter();
  readonly #statistics: CaptureStatistics;
  readonly #deviceNumbers: number[] = [];
  readonly #eniNumbers: number[] = [];
  /** Numbers of the interfaces. */
  readonly #byName = new Map<string, number>();
  #lines = "";
  #began: CaptureTime;
  /** Bytes of the files before this one. */
  #bytesBefore = 0;
  #packets = 0;
  #written = 0;
  /** Last packet that is written, where there is a limit. */
  #lastId = Number.POSITIVE_INFINITY;

  /** @param chunk takes bytes when there is no file; they change after the call */
  constructor(data: ObserverData, settings: CaptureSettings, chunk: (bytes: Uint8Array) => void) {
    this.#settings = settings;
    this.#origin = data.origin;
    this.#clock = new CaptureClock(data.origin);
    this.#statistics = new CaptureStatistics(new Float64Array(data.planeCounters), new Float64Array(data.counters));
    const rotates = settings.rotateBytes !== null || settings.rotateSeconds !== null;
    this.#files =
      settings.file === null ? null : new CaptureFiles(settings.file, rotates, settings.rotateKeep, settings.sidecar);
    const files = this.#files;
    const sink = files === null ? chunk : (bytes: Uint8Array) => files.write(bytes);
    const { application, comment, snaplen } = settings;
    this.#pcapng =
      settings.format === "pcapng"
        ? new PcapngWriter(sink, { hardware: process.arch, os: process.platform, application, comment }, snaplen)
        : null;
    this.#writer = this.#pcapng ?? new PcapWriter(sink, snaplen);
    this.#began = this.#now();
    for (const place of settings.places) this.addPlace(place);
    this.#pcapng?.addNames(settings.names);
    this.#writer.flush();
  }

  /** A device or ENI that packets may be seen at from now on. */
  addPlace({ kind, index, interface: description }: Place): void {
    const numbers = kind === "device" ? this.#deviceNumbers : this.#eniNumbers;
    const known = this.#byName.get(description.name);
    numbers[index] = known ?? this.#byName.size;
    if (known !== undefined) return;
    this.#byName.set(description.name, this.#byName.size);
    this.#statistics.add(kind === "device" ? index : null);
    this.#pcapng?.addInterface(description);
  }

  get progress(): Progress {
    return {
      packets: this.#packets,
      written: this.#written,
      bytes: this.#bytesBefore + this.#writer.written,
      files: [...(this.#files?.names ?? [])],
      removed: this.#files?.removed ?? 0,
    };
  }

  /** Whether there are as many packets as were asked for. */
  get isFull(): boolean {
    return this.#lastId !== Number.POSITIVE_INFINITY;
  }

  packet(packet: ObservedPacket): void {
    if (packet.id > this.#lastId) return;
    const { count } = packet;
    const comment = packet.text?.encoded ?? null;
    this.#clock.set(packet.sightings[0].time);
    this.#rotate();
    for (let i = 0; i < count; i++) this.#sighting(packet.sightings[i], comment, false);
    // Where it was seen last, once more: it went no further from there.
    if (packet.dropped && this.#settings.drops) this.#sighting(packet.sightings[count - 1], comment, true);
    if (this.#settings.sidecar) this.#line(packet);
    if (++this.#packets === this.#settings.count) this.#lastId = packet.id;
  }

  output(sighting: Sighting, text: KeptText | null): void {
    if (sighting.id > this.#lastId) return;
    const failed = sighting.status < 0;
    // Its device did not take it: it was on no wire.
    if (failed && !this.#settings.drops) return;
    this.#clock.set(sighting.time);
    this.#sighting(sighting, text?.encoded ?? null, failed);
  }

  /** Hands on what there is. */
  flush(): void {
    this.#writer.flush();
    this.#flushLines();
  }

  /** Ends the capture: statistics, and everything to the disk. */
  finish(): void {
    this.#writeStatistics();
    this.flush();
    this.#files?.close();
  }

  #sighting(s: Sighting, comment: Int32Array | null, dropped: boolean): void {
    const block = this.#block;
    const isAtEni = s.kind === ENI_OUT || s.kind === ENI_IN;
    block.interface = (isAtEni ? this.#eniNumbers : this.#deviceNumbers)[s.place];
    block.seconds = this.#clock.seconds;
    block.nanoseconds = this.#clock.nanoseconds;
    block.flags = s.kind === IN || s.kind === ENI_OUT ? FLAG_OUT : FLAG_IN;
    block.packetId = s.id;
    block.dropped = dropped;
    block.comment = comment;
    if (!this.#settings.segments) {
      this.#write(s.bytes, s.offset, s.kept, s.length);
      return;
    }
    if (s.gsoType !== VNET_GSO_NONE) {
      this.#cutter.cut(s.bytes, s.offset, s.kept, s.length, s.gsoType, s.gsoSize, this.#segment);
      return;
    }
    if ((s.flags & VNET_F_NEEDS_CSUM) !== 0) finishChecksum(s.bytes, s.offset, s.kept, s.length);
    this.#write(s.bytes, s.offset, s.kept, s.length);
  }

  readonly #segment = (bytes: Uint8Array, offset: number, captured: number, length: number): void =>
    this.#write(bytes, offset, captured, length);

  #write(bytes: Uint8Array, offset: number, captured: number, length: number): void {
    const block = this.#block;
    block.bytes = bytes;
    block.offset = offset;
    block.captured = captured;
    block.length = length;
    this.#writer.packet(block);
    this.#statistics.deliver(block.interface);
    this.#written++;
  }

  #line(packet: ObservedPacket): void {
    this.#lines += `${eventJson(packet, this.#origin)}\n`;
    if (this.#lines.length >= LINES_BYTES) this.#flushLines();
  }

  #flushLines(): void {
    if (this.#lines === "") return;
    this.#files?.writeSidecar(Buffer.from(this.#lines));
    this.#lines = "";
  }

  /** Begins another file where this one is full or old enough; called in front of a packet, whose time the clock has. */
  #rotate(): void {
    const { rotateBytes, rotateSeconds } = this.#settings;
    const isFull = rotateBytes !== null && this.#writer.written >= rotateBytes;
    const isOld = rotateSeconds !== null && this.#clock.seconds - this.#began.seconds >= rotateSeconds;
    if (this.#files === null || (!isFull && !isOld)) return;
    this.#writeStatistics();
    this.flush();
    this.#bytesBefore += this.#writer.written;
    this.#files.next();
    this.#writer.beginFile();
    this.#began = { seconds: this.#clock.seconds, nanoseconds: this.#clock.nanoseconds };
  }

  #writeStatistics(): void {
    if (this.#pcapng === null) return;
    const now = this.#now();
    for (let number = 0; number < this.#byName.size; number++) {
      const statistics = this.#statistics.take(number, this.#began, now);
      if (statistics !== null) this.#pcapng.statistics(number, statistics);
    }
  }

  #now(): CaptureTime {
    const MS = 1000;
    const now = Date.now();
    return { seconds: Math.floor(now / MS), nanoseconds: (now % MS) * 1_000_000 };
  }
}
