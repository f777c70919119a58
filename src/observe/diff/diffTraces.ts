import type { DiffPacket, DiffSide, DiffStep } from "./diffPacket.ts";
import { type Pair, pairPackets } from "./pairPackets.ts";

/** Where two packets part: the first step that is not the same. */
export interface Parting {
  /** What happens there, as both sides have it: `snat on node-1`. */
  readonly where: string;
  /** null: that side has no further step. */
  readonly a: DiffStep | null;
  readonly b: DiffStep | null;
}

/** A packet that is not the same on both sides. */
export interface PacketDifference {
  readonly a: DiffPacket;
  readonly b: DiffPacket;
  /** null: their steps are the same, something else differs. */
  readonly parting: Parting | null;
  /** What differs: "rule", "translation", "verdict" and so on. */
  readonly what: readonly string[];
  /** Packets that differ alike have the same text: `part at snat on node-1: AWS-SNAT-CHAIN-0 -> none`. */
  readonly kind: string;
}

export interface TraceDiff {
  readonly a: string;
  readonly b: string;
  /** Packets that are the same on both sides, and of these such that differ in a port that was drawn at random. */
  readonly same: number;
  readonly drawn: number;
  /** Packets that were matched though their source ports differ. */
  readonly otherPorts: number;
  readonly differences: readonly PacketDifference[];
  /** Kinds of differences, the most frequent first, with the number of the first packet of each. */
  readonly kinds: readonly { readonly text: string; readonly count: number; readonly first: number }[];
  readonly onlyA: readonly DiffPacket[];
  readonly onlyB: readonly DiffPacket[];
}

/** Whether nothing differs but random ports. */
export function isSame({ differences, onlyA, onlyB }: TraceDiff): boolean {
  return differences.length === 0 && onlyA.length === 0 && onlyB.length === 0;
}

/**
 * Compares two traces, packet by packet.
 *
 * @param ignorePorts packets are the same whatever their source ports
 */
export function diffTraces(a: DiffSide, b: DiffSide, ignorePorts = false): TraceDiff {
  const pairs = pairPackets(a, b, ignorePorts);
  const ports = drawnPorts(pairs);
  const differences: PacketDifference[] = [];
  let same = 0;
  let drawn = 0;
  for (const pair of pairs) {
    if (pair.a === null || pair.b === null) continue;
    const found = difference(pair.a, pair.b, ports);
    if (found === null) {
      same++;
      if (!pair.otherPort && hasDrawnPort(pair.a, pair.b)) drawn++;
    } else differences.push(found);
  }
  return {
    a: a.name,
    b: b.name,
    same,
    drawn,
    otherPorts: pairs.filter((p) => p.otherPort).length,
    differences,
    kinds: kindsOf(differences),
    onlyA: pairs.flatMap((p) => (p.a !== null && p.b === null ? [p.a] : [])),
    onlyB: pairs.flatMap((p) => (p.b !== null && p.a === null ? [p.b] : [])),
  };
}

function kindsOf(differences: readonly PacketDifference[]): TraceDiff["kinds"] {
  const kinds = new Map<string, { text: string; count: number; first: number }>();
  for (const { kind, a } of differences) {
    const known = kinds.get(kind);
    if (known === undefined) kinds.set(kind, { text: kind, count: 1, first: a.id });
    else known.count++;
  }
  return [...kinds.values()].sort((x, y) => y.count - x.count || x.first - y.first);
}

/** Ports of both traces that say nothing: drawn for a translation, or by the asking end's kernel where they are not compared. */
function drawnPorts(pairs: readonly Pair[]): { a: ReadonlySet<number>; b: ReadonlySet<number> } {
  const [a, b] = [new Set<number>(), new Set<number>()];
  const translated = (packet: DiffPacket, into: Set<number>): void => {
    for (const { action, before, after } of packet.steps)
      if (action === "snat" && before !== null && after !== null && before.source.port !== after.source.port)
        into.add(after.source.port);
  };
  for (const pair of pairs) {
    if (pair.a === null || pair.b === null) continue;
    translated(pair.a, a);
    translated(pair.b, b);
    if (!pair.otherPort) continue;
    const [x, y] = [pair.a.flow, pair.b.flow];
    for (const end of ["source", "destination"] as const) {
      if (x[end].port === y[end].port) continue;
      a.add(x[end].port);
      b.add(y[end].port);
    }
  }
  return { a, b };
}

/** A step with stars for ports that say nothing. */
function masked(step: DiffStep, ports: ReadonlySet<number>): string {
  const { at, stage, action, rule, detail, reason, before, after } = step;
  // How long the packet is, a live trace does not say.
  const said = stage === "mtu" && reason === null ? detail.replace(/^\d+ bytes, /, "") : detail;
  const text = JSON.stringify([at, stage, action, rule, said, reason, before, after]);
  return text.replace(/(:|"port":)(\d+)\b/g, (whole, head: string, port: string) =>
    ports.has(Number(port)) ? `${head}*` : whole,
  );
}

const NO_PORTS: ReadonlySet<number> = new Set();

function hasDrawnPort(a: DiffPacket, b: DiffPacket): boolean {
  return a.steps.some((step, i) => masked(step, NO_PORTS) !== masked(b.steps[i], NO_PORTS));
}

function difference(a: DiffPacket, b: DiffPacket, ports: ReturnType<typeof drawnPorts>): PacketDifference | null {
  const count = Math.max(a.steps.length, b.steps.length);
  let parting: Parting | null = null;
  for (let i = 0; i < count && parting === null; i++) {
    const [x, y] = [a.steps[i] ?? null, b.steps[i] ?? null];
    if (x !== null && y !== null && masked(x, ports.a) === masked(y, ports.b)) continue;
    parting = { where: whereOf(x, y), a: x, b: y };
  }
  const what = whatDiffers(a, b, parting);
  if (what.length === 0) return null;
  return { a, b, parting, what, kind: kindOf(a, b, parting, what) };
}

function whereOf(a: DiffStep | null, b: DiffStep | null): string {
  const one = a ?? b;
  if (one === null) return "";
  const sameStage = a === null || b === null || a.stage === b.stage;
  const sameNode = a === null || b === null || a.at === b.at;
  if (sameStage) return sameNode ? `${one.stage} on ${one.at}` : one.stage;
  return sameNode ? one.at : "";
}

/** What people look for: the verdict, the rule, the translation. */
function whatDiffers(a: DiffPacket, b: DiffPacket, parting: Parting | null): string[] {
  const what: string[] = [];
  if (a.verdict !== b.verdict) what.push("verdict");
  if (a.reason !== b.reason) what.push("reason");
  if (a.seen?.by !== b.seen?.by) what.push("receiver");
  if (parting !== null) {
    const { a: x, b: y } = parting;
    if (isFirst(a, x) && isFirst(b, y)) what.push("sender");
    else if (x?.stage !== y?.stage || x?.at !== y?.at) what.push("stage");
    else {
      if (x?.action !== y?.action) what.push("action");
      if (x?.rule !== y?.rule) what.push("rule");
      if (addresses(x) !== addresses(y)) what.push("translation");
      if (what.length === 0) what.push("detail");
    }
  }
  if (what.length === 0 && a.against !== b.against && withoutPorts(a.against) !== withoutPorts(b.against))
    what.push("capture");
  return what;
}

/** The first step is the device that sent the packet. */
function isFirst({ steps }: DiffPacket, step: DiffStep | null): boolean {
  return step !== null && steps[0] === step;
}

function addresses(step: DiffStep | null): string {
  const after = step?.after ?? null;
  if (after === null) return "";
  return `${after.source.address} ${after.destination.address}:${after.destination.port}`;
}

function withoutPorts(text: string | null): string {
  return (text ?? "").replace(/ port \d+/g, " port");
}

function kindOf(a: DiffPacket, b: DiffPacket, parting: Parting | null, what: readonly string[]): string {
  if (parting === null) {
    if (what.includes("capture")) return `against the capture: ${a.against || "-"} -> ${b.against || "-"}`;
    return `${outcome(a)} -> ${outcome(b)}`;
  }
  const [x, y] = [sideText(parting, parting.a), sideText(parting, parting.b)];
  return `part at ${parting.where}: ${x} -> ${y}`;
}

function outcome({ verdict, reason }: DiffPacket): string {
  return reason === null ? verdict : `${verdict} ${reason}`;
}

/** One side of a parting, as short as it tells the two apart. */
function sideText({ a, b }: Parting, step: DiffStep | null): string {
  if (step === null) return "nothing";
  const head = a !== null && b !== null && a.stage !== b.stage ? `${step.stage} ` : "";
  if (step.reason !== null) return `${head}${step.reason}`;
  const other = step === a ? b : a;
  const sameRule =
    other !== null && other.rule === step.rule && other.action === step.action && other.stage === step.stage;
  if (!sameRule) return `${head}${step.action}${step.rule === null ? "" : ` ${step.rule}`}`;
  return step.after === null || addresses(a) === addresses(b) ? step.detail : translationText(step);
}

function translationText({ action, rule, after }: DiffStep): string {
  if (after === null) return action;
  const { source, destination } = after;
  const to = action === "snat" ? source.address : `${destination.address}:${destination.port}`;
  return `${rule ?? action} ${to}`;
}
