import type { Agent, Seen } from "./agent.ts";
import { describe, type Known } from "./describe.ts";
import { CLIENTS, HOSTS, PODS, SERVER_PORTS, SERVICES } from "./labFile.ts";
import type { World } from "./world.ts";

const FIRST_PORT = 40_001;
const BARRIER_ID = 0xba00;
const POD_NAMES = PODS.map(({ name }) => name);
/** Who tells when all has arrived: a pod that can reach every end. */
const WITNESS = CLIENTS[0];

/** A world as a probe sees it: ends by name, and a source port of its own. */
export class Stage {
  readonly port: number;
  readonly #world: World;
  readonly #number: number;

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
    const service = SERVICES.find((s) => `svc/${s.name}` === name);
    const eni = enis.find(({ node, device }) => `${node}/${device}` === name);
    const open = name.startsWith("public/")
      ? publicAddresses.get(addresses.get(name.slice("public/".length)) ?? "")
      : undefined;
    return service?.clusterIP ?? eni?.address ?? open ?? addresses.get(name) ?? name;
  }

  /** Waits until whatever `from` sent has arrived, then says what each of `watched` got. */
  async arrived(from: string, watched: readonly string[], keep = (_: Seen) => true): Promise<string[]> {
    await this.settle(from);
    const served = await Promise.all(watched.map((end) => this.agent(end).serve()));
    // The answers that this made are on their way.
    if (served.some((count) => count > 0)) await this.settle(from);
    const lines: string[] = [];
    for (const end of watched) {
      const known: Known = { port: this.port, servers: SERVER_PORTS, sender: end === from };
      const seen = (await this.agent(end).packets()).filter(keep);
      lines.push(...seen.map((packet) => `${end} got ${describe(packet, known)}`));
    }
    return lines;
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
    const inside = [...POD_NAMES, ...Object.keys(HOSTS)].filter((end) => end !== WITNESS).map((end) => this.at(end));
    const near = from === "web" ? [this.at("public/node-1")] : [this.at("rds"), this.at("api-1")];
    if (from !== "rds") await this.agent(from).barrier(near, BARRIER_ID + this.#number);
    await this.agent(WITNESS).barrier(inside, BARRIER_ID + this.#number);
  }
}
