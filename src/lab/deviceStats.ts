import type { DeviceStats } from "./namespaceProtocol.ts";

/** Columns of /proc/net/dev behind the name (net/core/net-procfs.c): eight of receiving, then eight of sending. */
const COLUMNS = {
  rxBytes: 0,
  rxPackets: 1,
  rxErrors: 2,
  rxDropped: 3,
  txBytes: 8,
  txPackets: 9,
  txErrors: 10,
  txDropped: 11,
} as const;

/** The counters of one device out of /proc/net/dev's text, or null where it has no such device. */
export function parseDeviceStats(text: string, device: string): DeviceStats | null {
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 0 || line.slice(0, colon).trim() !== device) continue;
    const numbers = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number);
    const at = (column: keyof typeof COLUMNS) => numbers[COLUMNS[column]];
    return {
      rxBytes: at("rxBytes"),
      rxPackets: at("rxPackets"),
      rxErrors: at("rxErrors"),
      rxDropped: at("rxDropped"),
      txBytes: at("txBytes"),
      txPackets: at("txPackets"),
      txErrors: at("txErrors"),
      txDropped: at("txDropped"),
    };
  }
  return null;
}
