import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { DIST } from "../system/support/dist.ts";
import { Agent } from "./agent.ts";
import type { Mode } from "./labFile.ts";
import type { TestLab } from "./testLab.ts";
import type { Plan, World } from "./world.ts";

const CLI = fileURLToPath(new URL("cli/main.js", DIST));
const run = promisify(execFile);

interface PodRow {
  name: string;
  address: string;
}

interface EniRow {
  name: string;
  address: string;
  publicAddress: string | null;
}

/**
 * A lab file brought up by podplane, as the lab itself or as its kernel twin: `up --detach`, an agent in each namespace
 * by `exec`, `down`.
 */
export class LabWorld implements World {
  readonly lab: TestLab;
  readonly plan: Plan;
  readonly #directory: string;
  readonly #down: readonly string[];
  readonly #agents = new Map<string, Agent>();

  private constructor(lab: TestLab, directory: string, plan: Plan, down: readonly string[]) {
    this.lab = lab;
    this.#directory = directory;
    this.plan = plan;
    this.#down = down;
  }

  /** The lab in podplane. */
  static podplane(lab: TestLab, mode: Mode): Promise<LabWorld> {
    const plan = async (podplane: Podplane): Promise<Plan> => {
      const [pods, enis] = await Promise.all(["pods", "enis"].map((what) => podplane("get", what, "-o", "json")));
      return planOf(lab, JSON.parse(pods), JSON.parse(enis));
    };
    return LabWorld.#start(lab, mode, ["up"], ["--metrics-port", "0"], ["down"], plan);
  }

  /** The same lab in the kernel: its addresses have to be the plan's. */
  static kernel(lab: TestLab, mode: Mode, plan: Plan): Promise<LabWorld> {
    return LabWorld.#start(lab, mode, ["peer", "up"], ["--mode", mode], ["peer", "down"], async () => plan);
  }

  static async #start(
    lab: TestLab,
    mode: Mode,
    up: readonly string[],
    options: readonly string[],
    down: readonly string[],
    planned: (podplane: Podplane) => Promise<Plan>,
  ): Promise<LabWorld> {
    const directory = mkdtempSync(join(tmpdir(), "podplane-kernel-"));
    const podplane = podplaneIn(directory);
    const file = join(directory, "lab.yaml");
    writeFileSync(file, lab.text(mode));
    try {
      await podplane(...up, file, "--detach", ...options);
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
    let world: LabWorld | null = null;
    try {
      world = new LabWorld(lab, directory, await planned(podplane), down);
      await world.#enter(up[0] === "peer" ? `${lab.name(mode)}-peer` : lab.name(mode));
      return world;
    } catch (error) {
      if (world !== null) await world.close();
      else await podplane(...down);
      throw error;
    }
  }

  async #enter(name: string): Promise<void> {
    const { hosts, nodes, pods } = this.lab;
    const ends = [...pods.map((p) => `pod/${p}`), ...hosts.map((h) => `host/${h}`), ...nodes.map((n) => `node/${n}`)];
    const state = `PODPLANE_STATE=${stateIn(this.#directory)}`;
    const started = ends.map((end) =>
      Agent.start(end.slice(end.indexOf("/") + 1), [
        ...["env", state, process.execPath, CLI],
        ...["exec", "--name", name, end, "--"],
      ]),
    );
    for (const agent of await Promise.all(started)) this.#agents.set(agent.name, agent);
  }

  agent(end: string): Agent {
    const agent = this.#agents.get(end);
    if (agent === undefined) throw new Error(`${end} has no agent`);
    return agent;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.stop()));
    await podplaneIn(this.#directory)(...this.#down);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

type Podplane = (...args: string[]) => Promise<string>;

const stateIn = (directory: string): string => join(directory, "state");

function podplaneIn(directory: string): Podplane {
  const env = { ...process.env, PODPLANE_STATE: stateIn(directory) };
  return async (...args) => (await run(process.execPath, [CLI, ...args], { env })).stdout;
}

function planOf(lab: TestLab, pods: PodRow[], rows: EniRow[]): Plan {
  const own = (node: string) => lab.nodes.includes(node);
  const enis = rows.map(({ name, address, publicAddress }) => {
    const [node, device] = name.split("/");
    return { node, device, address, publicAddress };
  });
  const addresses = new Map([
    ...lab.addresses,
    ...pods.map(({ name, address }): [string, string] => [name, address]),
    ...enis
      .filter(({ node, device }) => own(node) && device === "eth0")
      .map(({ node, address }): [string, string] => [node, address]),
  ]);
  const publicAddresses = new Map(
    enis.flatMap(({ address, publicAddress }) => (publicAddress === null ? [] : [[address, publicAddress] as const])),
  );
  return { addresses, enis: enis.filter(({ node }) => own(node)), publicAddresses };
}
