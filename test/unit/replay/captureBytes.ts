import type { Capture } from "../../../src/observe/capture/capture.ts";
import { FLAG_IN, FLAG_OUT, PacketBlock } from "../../../src/observe/capture/packetBlock.ts";
import { PcapngWriter } from "../../../src/observe/capture/pcapngWriter.ts";

const NS = 1_000_000_000n;

/** A capture in memory as the file that it would be. */
export function captureBytes({ packets }: Capture): Uint8Array {
  const chunks: Uint8Array[] = [];
  const section = { hardware: "", os: "", application: "test", comment: null };
  const writer = new PcapngWriter((bytes) => chunks.push(bytes.slice()), section, 262_144);
  const interfaces = new Map<string | null, number>();
  const block = new PacketBlock();
  for (const p of packets) {
    const name = p.interface ?? "eth0";
    const at = interfaces.get(name) ?? writer.addInterface({ name, description: null, addresses: [] });
    interfaces.set(name, at);
    block.interface = at;
    block.seconds = Number(p.time / NS);
    block.nanoseconds = Number(p.time % NS);
    block.bytes = p.bytes;
    block.offset = 0;
    block.captured = p.bytes.length;
    block.length = p.length;
    block.flags = p.direction === null ? 0 : p.direction === "out" ? FLAG_OUT : FLAG_IN;
    block.packetId = p.packetId ?? 0;
    block.dropped = p.dropped;
    writer.packet(block);
  }
  writer.flush();
  return Buffer.concat(chunks);
}
