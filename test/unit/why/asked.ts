import type { AskedFlow } from "../../../src/observe/explain.ts";
import { VNET } from "../plane/packets.ts";

/** The flow of a packet without IP options, for an explanation of it. */
export function askedFlow(bytes: Uint8Array, name: string | null = null): AskedFlow {
  const view = new DataView(bytes.buffer, bytes.byteOffset + VNET);
  const protocol = bytes[VNET + 9];
  const port = (at: number): number => (protocol === 1 ? 0 : view.getUint16(20 + at));
  return {
    protocol,
    source: { address: view.getInt32(12), port: port(0), name },
    destination: { address: view.getInt32(16), port: port(2), name },
  };
}
