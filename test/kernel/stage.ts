import type { Agent, Seen } from "./agent.ts";
import { describe, type Known } from "./describe.ts";
import type { World } from "./world.ts";

const FIRST_PORT = 40_001;
const BARRIER_ID = 0xba00;

/** A world as a probe sees it: ends by name, and a source port of its own. */
export class Stage {
  readonly port: number;
  readonly #world: World;
  readonly #number: number;
  #crafted = false;

  constructor(world: World, number: number) {
    this.#world = world;
    this.#number = number;
    this.port = FIRST_PORT + number;
  }

  agent(end: string): Agent {
    return this.#world.agent(end);
  }

  /** Address of a pod, host, node (`node-1`), ENI (`node-1/eth1`), public address (`public/node-1`) or service. */
  at(name: string): string {
    const { addresses, enis, publicAddresses } = this.#world.plan;
    const eni = enis.find(({ node, device }) => `${node}/${device}` === name);
    const open = name.startsWith("public/")
      ? publicAddresses.get(addresses.get(name.slice("public/".length)) ?? "")
      : undefined;
    return eni?.address ?? open ?? addresses.get(name) ?? name;
  }

  /** Has an end send crafted packets. */
  async send(from: string, packets: readonly Uint8Array[]): Promise<void> {
    this.#crafted = true;
    await this.agent(from).raw(packets);
  }

  /** Waits until whatever `from` sent has arrived, then says what each of `watched` got. */
  async arrived(from: string, watched: readonly string[], keep = (_: Seen) => true): Promise<string[]> {
    return (await this.gotten(from, watched))
      .filter(([, packet]) => keep(packet))
      .map(([end, packet]) => {
        const known: Known = {
          port: this.port,
          servers: this.#world.lab.serverPorts,
          sender: end === from,
          crafted: this.#crafted,
        };
        return `${end} got ${describe(packet, known)}`;
      });
  }

  /** As {@link arrived}: the packets themselves, with who got them. */
  async gotten(from: string, watched: readonly string[]): Promise<[end: string, packet: Seen][]> {
    await this.settle(from);
    const served = await Promise.all(watched.map((end) => this.agent(end).serve()));
    // The answers that this made are on their way.
    if (served.some((count) => count > 0)) await this.settle(from);
    const all: [string, Seen][] = [];
    for (const end of watched) for (const packet of await this.agent(end).packets()) all.push([end, packet]);
    return all;
  }

  /** Forgets what was seen. */
  async clear(...ends: string[]): Promise<void> {
    await Promise.all(ends.map((end) => this.agent(end).packets()));
  }

  /**
   * Pings along the ways that a probe's packets took, out and back: from the sender, and from a pod that reaches every
   * end. What was sent before is there when the answers are.
   */
  async settle(from: string): Promise<void> {
    const { hosts, near, pods, witness } = this.#world.lab;
    const inside = [...pods, ...hosts].filter((end) => end !== witness).map((end) => this.at(end));
    const others = near.filter((end) => end !== from).map((end) => this.at(end));
    const known = from === "web" ? [this.at("public/node-1")] : others;
    await this.agent(from).barrier(known, BARRIER_ID + this.#number);
    await this.agent(witness).barrier(inside, BARRIER_ID + this.#number);
  }
}
