import type { DiffPacket, DiffSide } from "./diffPacket.ts";

/** The same packet of two traces, or one that only one of them has. */
export interface Pair {
  readonly a: DiffPacket | null;
  readonly b: DiffPacket | null;
  /** They have different ports: their flows were matched without the asking end's. */
  readonly otherPort: boolean;
}

function end({ name, address }: DiffPacket["flow"]["source"]): string {
  return name ?? address;
}

/**
 * Whose packet to whom, without the port that the asking end's kernel chose: of the two ports the higher one, as services
 * have the lower ones.
 */
function pathOf({ at, flow: { protocol, source, destination } }: DiffPacket): string {
  const asks = source.port >= destination.port;
  const port = Math.min(source.port, destination.port);
  return `${at ?? end(source)}|${protocol}|${end(source)}|${end(destination)}|${asks ? "to" : "from"} ${port}`;
}

function flowOf(packet: DiffPacket): string {
  return `${packet.flow.source.port}|${packet.flow.destination.port}|${pathOf(packet)}`;
}

function grouped(packets: readonly DiffPacket[], key: (packet: DiffPacket) => string): Map<string, DiffPacket[]> {
  const groups = new Map<string, DiffPacket[]>();
  for (const packet of packets) {
    const group = groups.get(key(packet));
    if (group === undefined) groups.set(key(packet), [packet]);
    else group.push(packet);
  }
  return groups;
}

/** Whether two traces are replays of one capture: their packets have its numbers and its times. */
function isOneCapture(a: DiffSide, b: DiffSide): boolean {
  if (a.packets.length !== b.packets.length) return false;
  return a.packets.every((packet, i) => {
    const other = b.packets[i];
    const replayed = packet.against !== null && other.against !== null;
    return replayed && packet.id === other.id && packet.time === other.time;
  });
}

/**
 * Finds the packets of two traces that are the same: by their flow and their order in it, as numbers and times are others in
 * each trace. Flows that only one side has are matched once more without the asking end's port, in the order in which they began:
 * the same command run again has another one. Packets of one capture are matched by their numbers there.
 *
 * @param ignorePorts match without it at once
 */
export function pairPackets(a: DiffSide, b: DiffSide, ignorePorts: boolean): Pair[] {
  if (isOneCapture(a, b)) return a.packets.map((packet, i) => ({ a: packet, b: b.packets[i], otherPort: false }));
  return pairFlows(onlyWalked(a), onlyWalked(b), ignorePorts);
}

/** A trace of packets as they were sent has none of those that a replay only compares. */
function onlyWalked({ name, packets }: DiffSide): DiffSide {
  return { name, packets: packets.filter((p) => p.walked) };
}

function pairFlows(a: DiffSide, b: DiffSide, ignorePorts: boolean): Pair[] {
  const partners = new Map<DiffPacket, DiffPacket>();
  if (!ignorePorts) {
    const flows = grouped(b.packets, flowOf);
    for (const [key, packets] of grouped(a.packets, flowOf)) match(packets, flows.get(key) ?? [], partners);
  }
  const taken = new Set(partners.values());
  const rest = (packets: readonly DiffPacket[], has: (p: DiffPacket) => boolean) => packets.filter((p) => !has(p));
  const wholeFlows = (packets: readonly DiffPacket[], all: readonly DiffPacket[]): DiffPacket[][] => {
    // Only flows of which nothing was matched: what is left of the others is more of one side.
    const count = grouped(all, flowOf);
    return [...grouped(packets, flowOf)]
      .filter(([key, list]) => count.get(key)?.length === list.length)
      .map(([, l]) => l);
  };
  const left = wholeFlows(
    rest(a.packets, (p) => partners.has(p)),
    a.packets,
  );
  const right = wholeFlows(
    rest(b.packets, (p) => taken.has(p)),
    b.packets,
  );
  for (const flow of left) {
    const at = right.findIndex((other) => pathOf(other[0]) === pathOf(flow[0]));
    if (at < 0) continue;
    const [other] = right.splice(at, 1);
    match(flow, other, partners);
  }
  return ordered(a, b, partners);
}

function match(a: readonly DiffPacket[], b: readonly DiffPacket[], into: Map<DiffPacket, DiffPacket>): void {
  for (let i = 0; i < Math.min(a.length, b.length); i++) into.set(a[i], b[i]);
}

function hasOtherPort({ flow: a }: DiffPacket, { flow: b }: DiffPacket): boolean {
  return a.source.port !== b.source.port || a.destination.port !== b.destination.port;
}

/** In the order of the first trace; what only the second one has stands behind. */
function ordered(a: DiffSide, b: DiffSide, partners: ReadonlyMap<DiffPacket, DiffPacket>): Pair[] {
  const taken = new Set(partners.values());
  const pairs = a.packets.map((packet): Pair => {
    const other = partners.get(packet) ?? null;
    return { a: packet, b: other, otherPort: other !== null && hasOtherPort(packet, other) };
  });
  const onlyB = b.packets.filter((p) => !taken.has(p)).map((p): Pair => ({ a: null, b: p, otherPort: false }));
  return [...pairs, ...onlyB];
}
