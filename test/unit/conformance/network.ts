import { Cluster } from "../../../src/control/cluster.ts";
import type { Snapshot } from "../../../src/control/compile.ts";
import { diff } from "../../../src/control/diff.ts";
import { planeOptions } from "../../../src/lab/question.ts";
import * as C from "../../../src/plane/counters.ts";
import { PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../../../src/plane/packet.ts";
import { Plane } from "../../../src/plane/plane.ts";
import { REASONS } from "../../../src/plane/reasons.ts";
import { formatAddress } from "../../../src/plane/wire/address.ts";
import { type Fields, labDocument, read } from "../control/documents.ts";
import { INIT } from "../plane/nodeWalk.ts";
import { tcp, udp } from "../plane/packets.ts";
import { build, read16, read32, VNET } from "../plane/slowPacket.ts";
import { type Arrived, Line, SLOTS } from "../plane/wire.ts";

export type Protocol = "TCP" | "UDP" | "SCTP";
const NUMBERS = { TCP: PROTO_TCP, UDP: PROTO_UDP, SCTP: PROTO_SCTP };
const FIRST_PORT = 20_000;
const SECOND = 1000;
/** First sequence numbers of both sides. */
const [CLIENT_SEQ, SERVER_SEQ] = [1000, 9000];
/** Enough for each of four endpoints to be drawn, but for one time in two million. */
const TRIES = 60;

interface DialOptions {
  protocol?: Protocol;
  /** The client's port; a new one unless given. */
  sport?: number;
  /** The address that it sends from, if not the client's own. */
  source?: string;
}

/** An IPv4 packet's ends as text, `address:port`. */
function ends(bytes: Uint8Array): { source: string; target: string } {
  const l4 = VNET + (bytes[VNET] & 15) * 4;
  const end = (address: number, port: number) =>
    `${formatAddress(read32(bytes, VNET + address) | 0)}:${read16(bytes, l4 + port)}`;
  return { source: end(12, 0), target: end(16, 2) };
}

/** What became of one packet. */
export interface Outcome {
  /** Name of the device it arrived at; `REJECTED` or `DROPPED` with the reason. */
  readonly to: string;
  /** Where it arrived, `address:port` as the receiver sees them; empty: nowhere. */
  readonly source: string;
  readonly target: string;
}

/** A client's socket that talks to one address through the plane, told from the client's end. */
export class Flow {
  readonly #network: Network;
  readonly client: string;
  readonly protocol: Protocol;
  readonly socket: string;
  readonly target: string;
  /** Whether its first packet was answered. */
  opened = false;

  constructor(network: Network, client: string, to: string, o: DialOptions = {}) {
    this.#network = network;
    this.client = network.end(client).name;
    this.protocol = o.protocol ?? "TCP";
    const source = o.source ?? formatAddress(network.end(client).address);
    this.socket = `${source}:${o.sport ?? network.nextPort()}`;
    this.target = network.socket(to, this.protocol);
  }

  /** Sends the connection's first packet (again), a datagram, or a segment of a connection that was answered. */
  send(): Outcome {
    return this.#network.send(this.client, this.#packet());
  }

  /** The server answers what it got. @returns what the client sees: the address it answers from, or nothing */
  answer(server: Outcome): string {
    const [from, to] = [server.target, server.source];
    const seq = this.opened ? SERVER_SEQ + 1 : SERVER_SEQ;
    const segment = () => tcp(from, to, this.opened ? "." : "S.", { seq, ack: CLIENT_SEQ + 1 });
    const seen = this.#network.send(server.to, this.protocol === "UDP" ? udp(from, to) : segment());
    this.opened = true;
    return seen.to === this.client && seen.target === this.socket ? seen.source : seen.to;
  }

  /** Opens it: first packet, answer, and for TCP the handshake's last segment. @returns where that arrived */
  open(): Outcome {
    const first = this.send();
    if (first.source === "") return first;
    if (this.answer(first) !== this.target) throw new Error(`${this.client} hears nothing of ${this.target}`);
    return this.send();
  }

  #packet(): Uint8Array {
    if (this.protocol === "UDP") return udp(this.socket, this.target);
    if (this.protocol === "SCTP") return sctpInit(this.socket, this.target);
    if (!this.opened) return tcp(this.socket, this.target, "S", { seq: CLIENT_SEQ });
    return tcp(this.socket, this.target, ".", { seq: CLIENT_SEQ + 1, ack: SERVER_SEQ + 1 });
  }
}

function sctpInit(from: string, to: string): Uint8Array {
  const bytes = udp(from, to);
  const { source, target } = ends(bytes);
  const number = (end: string) => Number(end.split(":")[1]);
  const spec = { src: read32(bytes, VNET + 12), dst: read32(bytes, VNET + 16), tag: 0, payload: INIT };
  return build({ protocol: PROTO_SCTP, sport: number(source), dport: number(target), ...spec });
}

/**
 * A cluster and the plane that forwards by it, as a running lab has them: a change of an object is a patch of the plane, and
 * packets are bytes that go in at a device and come out at another.
 */
export class Network {
  readonly cluster: Cluster;
  readonly line: Line;
  #snapshot: Snapshot;
  #port = FIRST_PORT;

  /** @param spec fields of the lab's spec: of two nodes, node-1 and node-2, unless it says otherwise */
  constructor(spec: Fields, ...documents: unknown[]) {
    this.cluster = new Cluster(read(labDocument(spec), ...documents));
    this.#snapshot = this.cluster.snapshot();
    const plane = new Plane({ ...planeOptions(this.cluster, SLOTS, false), conntrackCapacity: 1 << 14 });
    this.line = new Line(plane, (device) => this.#snapshot.names.device(device));
    this.line.apply(diff(null, this.#snapshot));
    plane.tick(0);
  }

  apply(...documents: unknown[]): void {
    this.cluster.apply(read(...documents));
    this.#follow();
  }

  remove(...names: string[]): void {
    this.cluster.remove(names);
    this.#follow();
  }

  /** Whether a pod's readiness probe succeeds. */
  ready(pod: string, ready: boolean): void {
    this.cluster.setReady(pod, ready);
    this.#follow();
  }

  wait(seconds: number): void {
    this.line.wait(seconds * SECOND);
  }

  nextPort(): number {
    return this.#port++;
  }

  /** A machine by its name. */
  end(name: string): { name: string; device: number; address: number } {
    return this.#snapshot.names.resolve(name);
  }

  /** `svc/api:80`, `node/node-1:30080` or `10.0.1.4:80` as `address:port`. */
  socket(name: string, protocol: Protocol = "TCP"): string {
    const { address, port } = this.#snapshot.names.resolve(name, NUMBERS[protocol]);
    return `${formatAddress(address)}:${port}`;
  }

  /** Sends a packet from a machine. */
  send(from: string, bytes: Uint8Array): Outcome {
    const { device, name } = this.end(from);
    const before = this.#dropCounts();
    const arrived = this.line.send(device, bytes);
    const after = this.#dropCounts();
    const reason = REASONS.find((_, i) => after[i] !== before[i]);
    if (reason !== undefined) {
      const told = arrived.some((a) => a.device === name && a.line.includes("port unreachable"));
      return { to: `${told ? "REJECTED" : "DROPPED"} ${reason.code}`, source: "", target: "" };
    }
    const [packet]: (Arrived | undefined)[] = arrived;
    if (packet === undefined || arrived.length > 1) throw new Error(`${arrived.length} packets came of one`);
    return { to: packet.device, ...ends(packet.bytes) };
  }

  /** Sends a first packet from a new socket. */
  dial(from: string, to: string, o: DialOptions = {}): Outcome {
    return new Flow(this, from, to, o).send();
  }

  /** Opens a connection, or an exchange of datagrams. @returns it, and where it arrived */
  open(from: string, to: string, o: DialOptions = {}): { flow: Flow; at: Outcome } {
    const flow = new Flow(this, from, to, o);
    return { flow, at: flow.open() };
  }

  /** Names of all that many first packets from new sockets arrive at, in alphabetical order, without `pod/default/`. */
  reach(from: string, to: string, protocol: Protocol = "TCP"): string {
    const found = new Set<string>();
    for (let i = 0; i < TRIES; i++) {
      const { to: device } = this.dial(from, to, { protocol });
      found.add(device.replace("pod/default/", ""));
      // A node sends a client one ICMP error a second.
      if (device.startsWith("REJECTED")) this.wait(1);
    }
    return [...found].sort().join(" ");
  }

  #follow(): void {
    const next = this.cluster.snapshot();
    const patch = diff(this.#snapshot, next);
    this.#snapshot = next;
    this.line.apply(patch);
  }

  #dropCounts(): Float64Array {
    return this.line.plane.context.counters.slice(C.C_DROPS, C.C_DROPS + REASONS.length);
  }
}
