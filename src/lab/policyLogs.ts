import { appendFileSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { ClusterState } from "../control/clusterState.ts";
import { agentLine, cloudWatchMessage, policyEvents } from "../observe/policyLog.ts";
import { POLICY_LOG_NOTHING } from "../plane/rows.ts";

/** How often the plane's ring is emptied: it has room for 4096 verdicts. */
const DRAIN_MS = 1000;
/** A node's file begins anew beyond this, the one before is kept: the agent's rotates by size too. */
const MAX_BYTES = 8 << 20;
const AGENT_LOG = "network-policy-agent.log";
const CLOUDWATCH_LOG = "cloudwatch.log";

export type PolicyLogFormat = "agent" | "cloudwatch";

export interface PolicyLogsOptions {
  /** Directory of the logs: each node has one of its own in it. */
  readonly directory: string;
  readonly drain: () => Promise<{ events: Int32Array; dropped: number }>;
  readonly state: () => ClusterState;
}

/** The nodes' policy event logs: what their agents would have written, in files. */
export class PolicyLogs {
  readonly #options: PolicyLogsOptions;
  readonly #sizes = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  /** Verdicts that found the ring full and are in no file. */
  dropped = 0;

  constructor(options: PolicyLogsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      // The plane has ended: so will the lab.
      if (this.#isLogging()) this.collect().catch(() => {});
    }, DRAIN_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Writes what the plane has noted since the last time. */
  async collect(): Promise<void> {
    const { events, dropped } = await this.#options.drain();
    this.dropped = dropped;
    const names = this.#options.state().nodes.map((n) => n.spec.name);
    const time = new Date();
    const lines = new Map<string, { agent: string; cloudwatch: string }>();
    for (const event of policyEvents(events)) {
      const node = names[event.node];
      if (node === undefined) continue;
      const text = lines.get(node) ?? { agent: "", cloudwatch: "" };
      text.agent += `${agentLine(event, time)}\n`;
      text.cloudwatch += `${cloudWatchMessage(event, node)}\n`;
      lines.set(node, text);
    }
    for (const [node, { agent, cloudwatch }] of lines) {
      this.#append(node, AGENT_LOG, agent);
      this.#append(node, CLOUDWATCH_LOG, cloudwatch);
    }
  }

  /** What a node's log has by now; empty: nothing was logged. */
  async read(node: string, format: PolicyLogFormat): Promise<string> {
    await this.collect();
    const path = join(this.#options.directory, node, format === "agent" ? AGENT_LOG : CLOUDWATCH_LOG);
    return this.#sizes.has(path) ? readFileSync(path, "utf8") : "";
  }

  #isLogging(): boolean {
    const { policy } = this.#options.state();
    return policy.enabled && [...policy.nodes.values()].some((n) => n.log !== POLICY_LOG_NOTHING);
  }

  #append(node: string, file: string, text: string): void {
    const directory = join(this.#options.directory, node);
    mkdirSync(directory, { recursive: true });
    const path = join(directory, file);
    let size = this.#sizes.get(path) ?? 0;
    if (size > MAX_BYTES) {
      renameSync(path, `${path}.1`);
      size = 0;
    }
    appendFileSync(path, text);
    this.#sizes.set(path, size + Buffer.byteLength(text));
  }
}
