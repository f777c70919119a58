import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What conntrack(8) prints, the kernel's lines and podplane's read alike. */

const SCRIPT = fileURLToPath(new URL("conntrackLines.py", import.meta.url));
/** Debian's own, whatever else comes first in PATH. */
const PYTHON = "/usr/bin/python3";

/** A line in its fields. A field that the line does not have is null. */
export interface ConntrackLine {
  readonly event: string | null;
  /** `-o extended` */
  readonly family: string | null;
  readonly protocol: string;
  readonly number: number;
  readonly timeout: number | null;
  readonly state: string | null;
  /** As they are written: `src=10.0.1.32 dst=172.20.0.17 sport=40000 dport=80`. */
  readonly original: string;
  readonly reply: string;
  readonly counts: readonly [string, string] | null;
  readonly unreplied: boolean;
  readonly assured: boolean;
  readonly mark: string | null;
  readonly zone: string | null;
  readonly use: string | null;
}

const TUPLE = "src=\\S+ dst=\\S+(?: sport=\\d+ dport=\\d+| type=\\d+ code=\\d+ id=\\d+| srckey=\\S+ dstkey=\\S+)?";
const COUNTS = "packets=\\d+ bytes=\\d+";
const LINE = new RegExp(
  `^(?: {0,4}\\[(?<event>NEW|UPDATE|DESTROY)\\] )?(?<family>ipv4     2 )?(?<protocol>\\S+) +(?<number>\\d+)` +
    `(?: (?<timeout>\\d+))?(?: (?<state>[A-Z_0-9]+))? (?<original>${TUPLE})(?: (?<there>${COUNTS}))?` +
    `(?<unreplied> \\[UNREPLIED\\])? (?<reply>${TUPLE})(?: (?<back>${COUNTS}))?(?<assured> \\[ASSURED\\])?` +
    `(?: mark=(?<mark>\\d+))?(?: zone=(?<zone>\\d+))?(?: use=(?<use>\\d+))?(?: \\[USERSPACE\\].*)?$`,
);

/** @throws Error for a line that conntrack(8) does not print */
export function parseConntrackLine(line: string): ConntrackLine {
  const g = LINE.exec(line)?.groups;
  if (g === undefined) throw new Error(`no line of conntrack(8): ${line}`);
  const { event = null, family = null, state = null, mark = null, zone = null, use = null } = g;
  return {
    event,
    family,
    protocol: g.protocol,
    number: Number(g.number),
    timeout: g.timeout === undefined ? null : Number(g.timeout),
    state,
    original: g.original,
    reply: g.reply,
    counts: g.there === undefined || g.back === undefined ? null : [g.there, g.back],
    unreplied: g.unreplied !== undefined,
    assured: g.assured !== undefined,
    mark,
    zone,
    use,
  };
}

export interface KernelLines {
  readonly list: string[];
  readonly extended: string[];
  readonly events: string[];
}

/** A packet, without a virtio_net_hdr, and the side that it comes from. */
export type SidedPacket = readonly [device: "inside" | "outside", bytes: Uint8Array];

/** Sends packets through a namespace of Linux, and asks conntrack(8) about them. */
export function throughConntrack(packets: readonly SidedPacket[]): KernelLines {
  const input = JSON.stringify({
    packets: packets.map(([device, bytes]) => [device, Buffer.from(bytes).toString("hex")]),
  });
  const run = spawnSync("unshare", ["--net", PYTHON, SCRIPT], { input, encoding: "utf8" });
  if (run.status !== 0) throw new Error(`conntrackLines.py: ${run.stderr}`);
  return JSON.parse(run.stdout) as KernelLines;
}
