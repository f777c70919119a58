import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { type Captured, packetNumbers } from "./packetSet.ts";

/** What libpcap says of an expression: the numbers of the packets that match, or why it is none. */
export type Answer = { readonly matches: readonly number[] } | { readonly error: string };

/** Asks tcpdump's library, for many expressions at once. */
export function askLibpcap(packets: readonly Captured[], expressions: readonly string[]): Answer[] {
  const input = JSON.stringify({
    packets: packets.map((p) => [Buffer.from(p.bytes).toString("hex"), p.length]),
    expressions,
  });
  const out = execFileSync("python3", [join(import.meta.dirname, "pcapOracle.py")], { input, maxBuffer: 1 << 28 });
  return JSON.parse(out.toString("utf8"));
}

/**
 * Asks tcpdump itself about a file. Not optimized (-O): the optimizer tests an address before it asks for the next one, so
 * that a packet that ends between them may match, or not, as the rest of the expression happens to be.
 */
export function askTcpdump(file: string, expression: string): Answer {
  const run = spawnSync("tcpdump", ["-O", "-r", file, "-w", "-", "--", expression], { maxBuffer: 1 << 26 });
  const said = run.stderr.toString("utf8");
  return run.status === 0 ? { matches: packetNumbers(run.stdout) } : { error: said.trim() };
}
