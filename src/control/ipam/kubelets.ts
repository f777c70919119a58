import type { Random } from "../../plane/random.ts";
import type { Appointment, Timeline } from "../time/timeline.ts";
import { AddError, type NodeAgent, type PodAddress, type PodRequest } from "./types.ts";

/**
 * When kubelet tries a pod's sandbox again after CNI ADD failed: after its back-off, 10 s and up to half of that more
 * (kubernetes pkg/kubelet/pod_workers.go, completeWork: backOffPeriod and workerBackOffPeriodJitterFactor).
 */
export interface KubeletSettings {
  /** Milliseconds. */
  readonly backOff: number;
  /** Part of the back-off that is added at random, at most. */
  readonly jitter: number;
}

export const DEFAULT_KUBELET: KubeletSettings = { backOff: 10_000, jitter: 0.5 };

/** What the CNI plugin says while the daemon's socket does not answer (cmd/routed-eni-cni-plugin/cni.go). */
const AGENT_DOWN = "add cmd: Error received from AddNetwork gRPC call: connection error: ipamd does not answer yet";

/** A pod that has no address yet. */
export interface WaitingPod {
  readonly node: string;
  /** When kubelet first asked, milliseconds on the timeline. */
  readonly since: number;
  readonly attempts: number;
  /** What the last ADD answered. */
  readonly message: string;
}

interface PodEntry {
  readonly request: PodRequest;
  readonly node: string;
  readonly since: number;
  attempts: number;
  address: PodAddress | null;
  message: string;
  retry: Appointment | null;
}

/** Who answers a node's CNI plugin; null: the daemon is not up. */
export type AgentOf = (node: string) => NodeAgent | null;

/** How long a pod waited for its address. */
export type OnStarted = (pod: string, node: string, milliseconds: number) => void;

/** The kubelets of all nodes, as far as pods' addresses go: they ask the CNI for one, again and again, and give it back. */
export class Kubelets {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #settings: KubeletSettings;
  readonly #agentOf: AgentOf;
  readonly #onStarted: OnStarted;
  readonly #pods = new Map<string, PodEntry>();
  /** DELs by node that found no daemon: kubelet repeats them until one answers. */
  readonly #deletions = new Map<string, Set<string>>();
  #waiting = 0;

  constructor(input: {
    timeline: Timeline;
    random: Random;
    settings: KubeletSettings;
    agentOf: AgentOf;
    onStarted: OnStarted;
  }) {
    this.#timeline = input.timeline;
    this.#random = input.random;
    this.#settings = input.settings;
    this.#agentOf = input.agentOf;
    this.#onStarted = input.onStarted;
  }

  /** Pods without address. */
  get waitingPods(): number {
    return this.#waiting;
  }

  /** A pod is bound to a node: its first ADD happens within this call. */
  add(request: PodRequest, node: string): void {
    if (this.#pods.has(request.key)) throw new RangeError(`${request.key} is there already`);
    const since = this.#timeline.now;
    const entry = { request, node, since, attempts: 0, address: null, message: "", retry: null };
    this.#pods.set(request.key, entry);
    this.#waiting++;
    this.#try(entry);
  }

  /** A pod goes: DEL, at once or when the daemon is up again. */
  remove(pod: string): void {
    const entry = this.#pods.get(pod);
    if (entry === undefined) return;
    this.#pods.delete(pod);
    if (entry.retry !== null) this.#timeline.cancel(entry.retry);
    if (entry.address === null) this.#waiting--;
    const agent = this.#agentOf(entry.node);
    if (agent !== null) agent.del(pod);
    else {
      const deletions = this.#deletions.get(entry.node) ?? new Set();
      this.#deletions.set(entry.node, deletions.add(pod));
    }
  }

  /** The node's daemon answers again: what was put off is asked now, DELs first. */
  agentReady(node: string): void {
    const deletions = this.#deletions.get(node);
    if (deletions === undefined) return;
    this.#deletions.delete(node);
    for (const pod of deletions) this.#agentOf(node)?.del(pod);
  }

  /** The node is gone, and its pods with it. */
  removeNode(node: string): void {
    for (const [pod, entry] of this.#pods) {
      if (entry.node !== node) continue;
      this.#pods.delete(pod);
      if (entry.retry !== null) this.#timeline.cancel(entry.retry);
      if (entry.address === null) this.#waiting--;
    }
    this.#deletions.delete(node);
  }

  has(pod: string): boolean {
    return this.#pods.has(pod);
  }

  nodeOf(pod: string): string | null {
    return this.#pods.get(pod)?.node ?? null;
  }

  address(pod: string): PodAddress | null {
    return this.#pods.get(pod)?.address ?? null;
  }

  /** Why a pod has no address; null: it has one, or there is no such pod. */
  waiting(pod: string): WaitingPod | null {
    const entry = this.#pods.get(pod);
    if (entry === undefined || entry.address !== null) return null;
    const { node, since, attempts, message } = entry;
    return { node, since, attempts, message };
  }

  /** Pods with their addresses, in the order they were added. */
  *addresses(): Generator<{ readonly pod: string; readonly node: string; readonly address: PodAddress }> {
    for (const [pod, { node, address }] of this.#pods) if (address !== null) yield { pod, node, address };
  }

  #try(entry: PodEntry): void {
    entry.retry = null;
    entry.attempts++;
    try {
      const agent = this.#agentOf(entry.node);
      if (agent === null) throw new AddError(AGENT_DOWN);
      // A DEL that was put off comes first: it may be for a pod of the same name.
      this.agentReady(entry.node);
      entry.address = agent.add(entry.request);
      this.#waiting--;
      this.#onStarted(entry.request.key, entry.node, this.#timeline.now - entry.since);
    } catch (error) {
      if (!(error instanceof AddError)) throw error;
      entry.message = error.message;
      const { backOff, jitter } = this.#settings;
      const share = this.#random.below(JITTER_STEPS) / JITTER_STEPS;
      entry.retry = this.#timeline.after(Math.round(backOff * (1 + jitter * share)), () => this.#try(entry));
    }
  }
}

/** The back-off's random part comes in thousandths. */
const JITTER_STEPS = 1000;
