import type { Cluster } from "../../../src/control/cluster.ts";
import { diff } from "../../../src/control/diff.ts";
import { askedPacket, planeOptions } from "../../../src/lab/question.ts";
import { type Explanation, explain } from "../../../src/observe/explain.ts";
import type { ConntrackEntry } from "../../../src/observe/tables.ts";
import { Decision } from "../../../src/plane/decision.ts";
import { Plane } from "../../../src/plane/plane.ts";
import { formatAddress, parseAddress } from "../../../src/plane/wire/address.ts";
import { tcp, VNET } from "../plane/packets.ts";

/** What became of one packet: which ENIs it crossed, and what who got it saw. */
export interface Walked {
  /** ENIs and devices in the order it met them. */
  readonly path: readonly string[];
  /** `pod/default/p1`, or why nobody. */
  readonly end: string;
  /** `10.0.1.4:40000`, what the receiver saw; "": nobody did. */
  readonly from: string;
  readonly to: string;
  readonly explanation: Explanation;
}

/** A lab's plane in memory: packets of its machines, both ways. */
export class LabBench {
  readonly cluster: Cluster;
  readonly plane: Plane;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
    this.plane = new Plane({ ...planeOptions(cluster, 1, false), conntrackCapacity: 4096 });
    this.plane.apply(diff(null, cluster.snapshot()));
    this.plane.tick(0);
  }

  /** The first packet of a connection. */
  ask(source: string, destination: string, fromPort = 40_000, protocol = "tcp"): Walked {
    const question = { protocol, source, destination, fromPort };
    const { device, bytes, asked } = askedPacket(question, this.cluster.snapshot().names);
    return this.#walk(device, bytes, asked);
  }

  /** The answer to a SYN that was delivered, as its receiver sends it. */
  answer({ end, from, to }: Walked): Walked {
    return this.tcp(end, to, from, "S.", { seq: 900, ack: 1 });
  }

  /** A TCP packet from a machine. */
  tcp(sender: string, from: string, to: string, flags: string, more: { seq?: number; ack?: number } = {}): Walked {
    const { device } = this.cluster.snapshot().names.resolve(sender);
    const [src, sport] = from.split(":");
    const [dst, dport] = to.split(":");
    const side = (address: string, port: string) => ({ address: parseAddress(address) ?? 0, port: +port, name: null });
    const asked = { protocol: 6, source: side(src, sport), destination: side(dst, dport) };
    return this.#walk(device, tcp(from, to, flags, more), asked);
  }

  address(name: string): string {
    return formatAddress(this.cluster.snapshot().names.resolve(name).address);
  }

  /** All connections, as the plane's thread tells them. */
  conntrack(): ConntrackEntry[] {
    const { ct } = this.plane.context;
    const entries: ConntrackEntry[] = [];
    ct.forEach((e) => {
      const tuple = (dir: number) => [ct.src(e, dir), ct.dst(e, dir), ct.sport(e, dir), ct.dport(e, dir)] as const;
      entries.push({
        node: ct.zone(e),
        protocol: ct.protocol(e),
        state: 0,
        status: ct.status(e),
        mark: ct.mark(e),
        timeout: 0,
        service: ct.service(e),
        endpoint: ct.endpoint(e),
        original: tuple(0),
        reply: tuple(1),
      });
    });
    return entries;
  }

  #walk(device: number, bytes: Uint8Array, asked: Parameters<typeof explain>[1]): Walked {
    const { context } = this.plane;
    const at = this.plane.slotOffset(0);
    context.arena.set(bytes, at - VNET);
    const decision = new Decision();
    context.decision = decision;
    this.plane.process(device, at, bytes.length - VNET);
    context.decision = null;
    for (let i = 0; i < context.out.count; i++) context.out.status[i] = context.out.length[i];
    this.plane.written();
    const explanation = explain(decision, asked, this.cluster.snapshot().names);
    const { path, reason, seen } = explanation;
    const socket = (s: { address: string; port: number }) => `${s.address}:${s.port}`;
    return {
      path: path.filter((name) => !name.includes("/default/") && !name.startsWith("host/")),
      end: seen?.by ?? reason ?? "",
      from: seen === null ? "" : socket(seen.source),
      to: seen === null ? "" : socket(seen.destination),
      explanation,
    };
  }
}
