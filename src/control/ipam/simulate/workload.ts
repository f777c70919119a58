import type { Random } from "../../../plane/random.ts";
import type { Timeline } from "../../time/timeline.ts";
import { SimulatedDeployment } from "./deployment.ts";
import type { SimulatedPod } from "./podSet.ts";
import type { IntOrPercent } from "./rollingUpdate.ts";
import { Scheduler } from "./scheduler.ts";

/** What a workload asks of the cluster's addresses. */
export interface PodHost {
  /** A pod is bound to a node and asks for its address. It may get it within this call. */
  bind(pod: string, node: string): void;
  /** A pod is gone: its address is given back. */
  release(pod: string): void;
  /** A drained node has no pods any more. */
  drained(node: string): void;
}

/**
 * The deployments of a simulation and their pods: the deployment controller, the scheduler and evictions. All of them act
 * at once; a change is acted on at the same moment of the timeline, but not within the call that made it.
 */
export class Workload {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #host: PodHost;
  readonly #scheduler = new Scheduler();
  readonly #deployments = new Map<string, SimulatedDeployment>();
  readonly #pods = new Map<string, SimulatedPod>();
  readonly #onNode = new Map<string, Set<SimulatedPod>>();
  readonly #draining = new Set<string>();
  /** Pods without a node, in the order they came; those that were deleted meanwhile are skipped. */
  #queue: SimulatedPod[] = [];
  #queued = 0;
  readonly #dirty = new Set<SimulatedDeployment>();
  #awake = false;

  constructor(timeline: Timeline, random: Random, host: PodHost) {
    this.#timeline = timeline;
    this.#random = random;
    this.#host = host;
  }

  /** Pods that no node has room for. */
  get unscheduled(): number {
    return this.#queued;
  }

  /** A node that takes no pods before {@link nodeReady}. @param capacity Scheduler.addNode */
  addNode(name: string, capacity: number): void {
    this.#scheduler.addNode(name, capacity);
    this.#onNode.set(name, new Set());
  }

  nodeReady(name: string): void {
    if (this.#draining.has(name)) return;
    this.#scheduler.setOpen(name, true);
    this.#wake();
  }

  /** Cordons a node and deletes its pods; {@link PodHost.drained} when the last one is gone. */
  drain(name: string): void {
    const pods = this.#onNode.get(name);
    if (pods === undefined || this.#draining.has(name)) return;
    this.#draining.add(name);
    this.#scheduler.setOpen(name, false);
    if (pods.size === 0) this.#remove(name);
    for (const pod of [...pods]) if (!pod.going) this.#delete(pod);
  }

  /** Nodes that may go with the least fuss. */
  emptiestNodes(count: number): string[] {
    return this.#scheduler.emptiest(count);
  }

  deploy(name: string, replicas: number, readyAfter: number, gracePeriod: number): void {
    const deployment = new SimulatedDeployment(name, replicas, readyAfter, gracePeriod);
    this.#deployments.set(name, deployment);
    this.#touch(deployment);
  }

  scale(name: string, replicas: number): void {
    const deployment = this.#deployment(name);
    deployment.replicas = replicas;
    this.#touch(deployment);
  }

  rollout(name: string, maxSurge: IntOrPercent, maxUnavailable: IntOrPercent): void {
    const deployment = this.#deployment(name);
    deployment.rollout(maxSurge, maxUnavailable);
    this.#touch(deployment);
  }

  /** Deletes any available pod; its deployment makes another one at this moment. Nothing where there is none. */
  replaceOne(): void {
    const deployments = [...this.#deployments.values()];
    const total = deployments.reduce((sum, d) => sum + d.available, 0);
    if (total === 0) return;
    let at = this.#random.below(total);
    for (const deployment of deployments) {
      if (at < deployment.available) {
        this.#delete(deployment.drawAvailable(this.#random));
        return;
      }
      at -= deployment.available;
    }
  }

  /** The pod has its address. */
  started(key: string): void {
    const pod = this.#pods.get(key);
    if (pod === undefined) return;
    pod.started = true;
    const deployment = this.#deployment(pod.deployment);
    const available = (): void => {
      if (pod.going) return;
      deployment.becomeAvailable(pod);
      this.#touch(deployment);
    };
    if (deployment.readyAfter === 0) available();
    else this.#timeline.after(deployment.readyAfter, available);
  }

  #deployment(name: string): SimulatedDeployment {
    const deployment = this.#deployments.get(name);
    if (deployment === undefined) throw new RangeError(`no deployment ${name}`);
    return deployment;
  }

  #touch(deployment: SimulatedDeployment): void {
    this.#dirty.add(deployment);
    this.#wake();
  }

  #wake(): void {
    if (this.#awake) return;
    this.#awake = true;
    this.#timeline.after(0, () => {
      this.#awake = false;
      this.#sync();
    });
  }

  #sync(): void {
    for (const deployment of this.#dirty) {
      this.#dirty.delete(deployment);
      for (;;) {
        const step = deployment.step();
        const victims = deployment.victims(step, this.#random);
        for (const pod of victims) this.#delete(pod);
        for (let i = 0; i < step.create; i++) this.#create(deployment);
        if (victims.length === 0 && step.create === 0) break;
      }
    }
    this.#schedule();
  }

  #create(deployment: SimulatedDeployment): void {
    const pod = deployment.create();
    this.#pods.set(pod.key, pod);
    this.#queue.push(pod);
    this.#queued++;
  }

  #schedule(): void {
    let done = 0;
    for (const pod of this.#queue) {
      if (!pod.going) {
        const node = this.#scheduler.place();
        if (node === null) break;
        this.#queued--;
        pod.node = node;
        this.#onNode.get(node)?.add(pod);
        this.#host.bind(pod.key, node);
      }
      done++;
    }
    this.#queue = this.#queue.slice(done);
  }

  #delete(pod: SimulatedPod): void {
    const deployment = this.#deployment(pod.deployment);
    pod.going = true;
    deployment.forget(pod);
    this.#touch(deployment);
    if (pod.node === null) {
      this.#pods.delete(pod.key);
      this.#queued--;
    } else if (pod.started && deployment.gracePeriod > 0)
      this.#timeline.after(deployment.gracePeriod, () => this.#gone(pod));
    else this.#gone(pod);
  }

  #gone(pod: SimulatedPod): void {
    const { key, node } = pod;
    this.#pods.delete(key);
    this.#host.release(key);
    if (node === null) return;
    this.#scheduler.release(node);
    const pods = this.#onNode.get(node);
    pods?.delete(pod);
    if (this.#draining.has(node) && pods?.size === 0) this.#remove(node);
    if (this.#queued > 0) this.#wake();
  }

  #remove(node: string): void {
    this.#draining.delete(node);
    this.#scheduler.removeNode(node);
    this.#onNode.delete(node);
    this.#host.drained(node);
  }
}
