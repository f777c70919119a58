import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Cluster } from "../../../src/control/cluster.ts";
import type { Snapshot } from "../../../src/control/compile.ts";
import { diff } from "../../../src/control/diff.ts";
import { withSettings } from "../../../src/control/seen/settings.ts";
import { readObjectFiles } from "../../../src/lab/files/readObjects.ts";
import { explainSource, planeOptions } from "../../../src/lab/question.ts";
import type { NearMisses } from "../../../src/observe/explain.ts";
import { packetEvent } from "../../../src/observe/trace/explainedDecision.ts";
import type { PacketEvent } from "../../../src/observe/trace/packetEvent.ts";
import { packetFacts } from "../../../src/observe/trace/packetFacts.ts";
import { C_DROPS } from "../../../src/plane/counters.ts";
import { Decision } from "../../../src/plane/decision.ts";
import { FlowIds, packetFlow } from "../../../src/plane/flowIds.ts";
import { Plane } from "../../../src/plane/plane.ts";
import { REASONS } from "../../../src/plane/reasons.ts";
import type { Row } from "../../../src/plane/rows.ts";
import { parseAddress } from "../../../src/plane/wire/address.ts";
import { VNET } from "../plane/slowPacket.ts";
import type { GoldenDocument } from "./goldenDocument.ts";

/** What came out to a device. */
export interface Written {
  readonly device: number;
  /** With its virtio_net_hdr. */
  readonly bytes: Uint8Array;
}

/** The plane's sizes: more than any of these labs needs, and quick to make. */
const CONNTRACK_MOST = 1 << 14;
const DEVICES = 64;
/** More than any of these labs has. */
const ENIS = 64;
const NS_PER_MS = 1_000_000n;
/** Write errors are negative error numbers: -EIO. */
const WRITE_FAILED = -5;

/** The lab of a document, with its plane in memory and a clock that begins at 0. */
export class GoldenLab {
  readonly #cluster: Cluster;
  readonly #plane: Plane;
  readonly #document: GoldenDocument;
  readonly #flows = new FlowIds();
  readonly #decision = new Decision();
  /** Who there was once, by name: a packet of a pod that is gone is possible too. */
  readonly #machines = new Map<string, { device: number; address: number }>();
  #snapshot: Snapshot;
  #near: NearMisses;
  #now = 0;
  #id = 0;

  constructor(file: string, document: GoldenDocument) {
    this.#document = document;
    const texts = document.lab === null ? [] : [readFileSync(join(dirname(file), document.lab), "utf8")];
    const own = document.objects.get("");
    if (own !== undefined) texts.push(own);
    const { objects } = readObjectFiles(texts.map((text, i) => ({ file: `${i}.yaml`, text })));
    const plain = document.settings.filter((setting) => !setting.startsWith("plane."));
    this.#cluster = new Cluster(withSettings(objects, plain));
    const options = planeOptions(this.#cluster, 1, false);
    const { max } = this.#cluster.lab.spec.cluster.conntrack;
    const settings = { ...options.settings, ...this.#planeSettings() };
    this.#plane = new Plane({
      ...options,
      devices: DEVICES,
      conntrackCapacity: Math.min(CONNTRACK_MOST, 2 * max),
      settings,
    });
    this.#snapshot = this.#cluster.snapshot();
    this.#near = explainSource(this.#cluster).near;
    this.#plane.apply(diff(null, this.#snapshot));
    this.#plane.tick(0);
  }

  get names(): Snapshot["names"] {
    return this.#snapshot.names;
  }

  /** Device and address of a name, also of one that is gone. */
  machine(name: string): { device: number; address: number } {
    const known = this.#machines.get(name);
    if (known !== undefined) return known;
    const found = this.names.resolve(name);
    this.#machines.set(name, found);
    return found;
  }

  /** Packets dropped so far. */
  get dropped(): number {
    const { counters } = this.#plane.context;
    let sum = 0;
    for (let i = 0; i < REASONS.length; i++) sum += counters[C_DROPS + i];
    return sum;
  }

  /**
   * Sends a packet (virtio_net_hdr in front).
   *
   * @param writes whether what comes out is written: "no" leaves it there
   * @returns its event, which can be had until the next packet is sent
   */
  send(
    device: number,
    bytes: Uint8Array,
    writes: "yes" | "fails" | "no" = "yes",
  ): { event: () => PacketEvent; out: Written[] } {
    const { context } = this.#plane;
    const at = this.#plane.slotOffset(0);
    const length = bytes.length - VNET;
    context.arena.set(bytes, at - VNET);
    const facts = packetFacts(bytes, VNET, length);
    this.#decision.clear();
    context.decision = this.#decision;
    this.#plane.process(device, at, length);
    context.decision = null;
    const own = packetFlow(facts.protocol, facts.src, facts.sport, facts.dst, facts.dport);
    const flow = this.#flows.of(this.#decision, own);
    const live = { time: BigInt(this.#now) * NS_PER_MS, id: ++this.#id, flow };
    const event = () => packetEvent(this.#decision, facts, live, this.names, this.#near);
    return { event, out: writes === "no" ? [] : this.#written(writes === "yes") };
  }

  /** Lets time pass. */
  advance(milliseconds: number): void {
    this.#now += milliseconds;
    if (this.#cluster.advance(this.#cluster.now + milliseconds)) this.#follow();
    this.#plane.tick(this.#now);
    this.#written(true);
  }

  /** Applies a block of the document. */
  apply(block: string): void {
    const text = this.#document.objects.get(block);
    if (text === undefined) throw new Error(`there is no block "yaml ${block}"`);
    this.#cluster.apply(readObjectFiles([{ file: `${block}.yaml`, text }], true).objects);
    this.#follow();
  }

  /** Puts a block of rows into the plane: JSON, with addresses as text and ENIs by name (`eni node-2/eth0`). */
  rows(block: string): void {
    const text = this.#document.rows.get(block);
    if (text === undefined) throw new Error(`there is no block "json ${block}"`);
    const put = JSON.parse(text, (_, value: unknown) => {
      if (typeof value !== "string") return value;
      if (value.startsWith("eni ")) return this.#eni(value.slice("eni ".length));
      return parseAddress(value) ?? value;
    }) as Row[];
    this.#plane.apply({ put, gone: [] });
  }

  delete(name: string): void {
    this.machine(name);
    this.#cluster.remove([name]);
    this.#follow();
  }

  /** Packets dropped so far, by reason code. */
  drops(): Map<string, number> {
    const { counters } = this.#plane.context;
    return new Map(REASONS.map(({ code }, i) => [code, counters[C_DROPS + i]]));
  }

  #eni(name: string): number {
    for (let i = 0; i < ENIS; i++) if (this.names.eni(i) === name) return i;
    throw new Error(`there is no ENI ${name}`);
  }

  #follow(): void {
    const next = this.#cluster.snapshot();
    this.#plane.apply(diff(this.#snapshot, next));
    this.#snapshot = next;
    this.#near = explainSource(this.#cluster).near;
  }

  #written(isTaken: boolean): Written[] {
    const { out } = this.#plane.context;
    const written: Written[] = [];
    for (let i = 0; i < out.count; i++) {
      const from = out.offset[i] - VNET;
      written.push({ device: out.device[i], bytes: out.arena.slice(from, from + VNET + out.length[i]) });
      out.status[i] = isTaken ? out.length[i] : WRITE_FAILED;
    }
    this.#plane.written();
    return written;
  }

  /** `plane.maxChain=0`: what no lab file can say. */
  #planeSettings(): Record<string, number> {
    const own = this.#document.settings.filter((setting) => setting.startsWith("plane."));
    return Object.fromEntries(
      own.map((setting) => {
        const [name, value] = setting.slice("plane.".length).split("=");
        return [name, Number(value)];
      }),
    );
  }
}
