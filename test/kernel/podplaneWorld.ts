import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { DIST } from "../system/support/dist.ts";
import { Agent } from "./agent.ts";
import { HOSTS, kernelLabName, labText, type Mode, PODS } from "./labFile.ts";
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

/** The lab in podplane: `up --detach`, an agent in each namespace by `exec`, `down`. */
export class PodplaneWorld implements World {
  readonly plan: Plan;
  readonly #directory: string;
  readonly #agents = new Map<string, Agent>();

  private constructor(directory: string, plan: Plan) {
    this.#directory = directory;
    this.plan = plan;
  }

  static async start(mode: Mode): Promise<PodplaneWorld> {
    const directory = mkdtempSync(join(tmpdir(), "podplane-kernel-"));
    const env = { ...process.env, PODPLANE_STATE: join(directory, "state") };
    const podplane = async (...args: string[]) => (await run(process.execPath, [CLI, ...args], { env })).stdout;
    const file = join(directory, "lab.yaml");
    writeFileSync(file, labText(mode));
    try {
      await podplane("up", file, "--detach", "--metrics-port", "0");
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
    let world: PodplaneWorld | null = null;
    try {
      const [pods, enis] = await Promise.all(["pods", "enis"].map((what) => podplane("get", what, "-o", "json")));
      world = new PodplaneWorld(directory, planOf(JSON.parse(pods), JSON.parse(enis)));
      const ends = [
        ...PODS.map(({ name }) => `pod/${name}`),
        ...Object.keys(HOSTS).map((name) => `host/${name}`),
        "node/node-1",
        "node/node-2",
      ];
      const started = ends.map(async (end) => {
        const state = `PODPLANE_STATE=${env.PODPLANE_STATE}`;
        const enter = ["env", state, process.execPath, CLI, "exec", "--name", kernelLabName(mode), end, "--"];
        return Agent.start(end.slice(end.indexOf("/") + 1), enter);
      });
      for (const agent of await Promise.all(started)) world.#agents.set(agent.name, agent);
      return world;
    } catch (error) {
      if (world !== null) await world.close();
      else await podplane("down");
      throw error;
    }
  }

  agent(end: string): Agent {
    const agent = this.#agents.get(end);
    if (agent === undefined) throw new Error(`${end} has no agent`);
    return agent;
  }

  async close(): Promise<void> {
    const env = { ...process.env, PODPLANE_STATE: join(this.#directory, "state") };
    await Promise.all([...this.#agents.values()].map((agent) => agent.stop()));
    await run(process.execPath, [CLI, "down"], { env });
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function planOf(pods: PodRow[], rows: EniRow[]): Plan {
  const enis = rows.map(({ name, address, publicAddress }) => {
    const [node, device] = name.split("/");
    return { node, device, address, publicAddress };
  });
  const addresses = new Map([
    ...pods.map(({ name, address }): [string, string] => [name, address]),
    ...Object.entries(HOSTS).map(([name, { address }]): [string, string] => [name, address]),
    ...enis
      .filter(({ node, device }) => node.startsWith("node-") && device === "eth0")
      .map(({ node, address }): [string, string] => [node, address]),
  ]);
  const publicAddresses = new Map(
    enis.flatMap(({ address, publicAddress }) => (publicAddress === null ? [] : [[address, publicAddress] as const])),
  );
  return { addresses, enis: enis.filter(({ node }) => node.startsWith("node-")), publicAddresses };
}
