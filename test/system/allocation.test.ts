import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { DIST } from "./support/dist.ts";

const SCRIPT = fileURLToPath(new URL("support/allocation.mjs", import.meta.url));
const PACKETS = 10_000_000;
/** A young generation of this many MB takes all that a run may allocate, so that no collection hides any of it. */
const SEMI_SPACE_MB = 64;
/** The smallest object there is has 16 bytes: one allocation in 160 packets is already too many. */
const MOST_BYTES_PER_PACKET = 0.1;
const MOST_BYTES_KEPT = 1 << 20;

describe("ten million packets through the plane", () => {
  it("allocate nothing: TCP over a ClusterIP, UDP between nodes, SNAT; 10/8, 172.20/16 and 192.168/16", () => {
    const flags = [
      "--expose-gc",
      "--trace-gc",
      `--min-semi-space-size=${SEMI_SPACE_MB}`,
      `--max-semi-space-size=${SEMI_SPACE_MB}`,
    ];
    const child = spawnSync(process.execPath, [...flags, SCRIPT, DIST.href, String(PACKETS)], { encoding: "utf8" });
    expect(child.stderr).toBe("");
    const [, measured = ""] = /^START$([\s\S]*)^END$/m.exec(child.stdout) ?? [];
    expect(measured.trim(), "collections during the run").toBe("");
    const result: unknown = JSON.parse(/^RESULT (.*)$/m.exec(child.stdout)?.[1] ?? "null");
    const { delivered, seconds, allocated, kept } = result as Record<string, number>;
    expect(delivered).toBe(PACKETS);
    const perPacket = allocated / PACKETS;
    console.log(`${Math.round(PACKETS / seconds)} packets/s, ${perPacket.toFixed(4)} bytes/packet, ${kept} bytes kept`);
    expect(perPacket).toBeLessThan(MOST_BYTES_PER_PACKET);
    expect(kept).toBeLessThan(MOST_BYTES_KEPT);
  });
});
