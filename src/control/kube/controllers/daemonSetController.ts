import type { DaemonSet } from "../../objects/daemonSet.ts";
import type { IntOrPercent } from "../../objects/intOrPercent.ts";
import { objectKey } from "../../objects/kinds.ts";
import type { PodSpec } from "../../objects/pod.ts";
import { type DesiredPod, podKey, templatePod } from "../deployments.ts";
import { nodeRefusal, type SchedulerNode } from "../scheduler.ts";
import type { LivePod } from "./livePod.ts";
import type { PodWork } from "./podWork.ts";
import { templateHash } from "./templateHash.ts";

/** Taints that every DaemonSet's pods tolerate (kubernetes pkg/controller/daemon/util, AddOrUpdateDaemonPodTolerations). */
const TOLERATED = [
  ["not-ready", "NoExecute"],
  ["unreachable", "NoExecute"],
  ["disk-pressure", "NoSchedule"],
  ["memory-pressure", "NoSchedule"],
  ["pid-pressure", "NoSchedule"],
  ["unschedulable", "NoSchedule"],
] as const;

function daemonSpec(set: DaemonSet): PodSpec {
  const { spec } = set.spec.template;
  const added = TOLERATED.map(([name, effect]) => ({
    key: `node.kubernetes.io/${name}`,
    operator: "Exists" as const,
    value: "",
    effect,
  }));
  return { ...spec, tolerations: [...spec.tolerations, ...added] };
}

/** The nodes that a DaemonSet has a pod on. */
export function daemonNodes(set: DaemonSet, nodes: readonly SchedulerNode[]): SchedulerNode[] {
  const spec = daemonSpec(set);
  return nodes.filter((n) => (spec.nodeName ?? n.name) === n.name && nodeRefusal(spec, n) === null);
}

/** The name that a DaemonSet's pod on a node has: a cluster would draw it. */
export function daemonPodKey(set: DaemonSet, node: string): string {
  return podKey(set.metadata.namespace, `${set.metadata.name}-${node}`);
}

/** Further name of a node's pod: of the one that comes beside another, as maxSurge has it. */
const SURGE_SUFFIX = "-2";

function nodePod(set: DaemonSet, node: string, revision: string, name: string): DesiredPod {
  const spec = { ...daemonSpec(set), nodeName: node };
  return templatePod(set, name, { "controller-revision-hash": revision }, { ...set.spec.template, spec });
}

/** A node's pods that do not terminate: the oldest of the current template, and of earlier ones. */
interface NodePods {
  readonly current: LivePod | null;
  readonly old: LivePod | null;
}

/** One pass over a DaemonSet's pods: what both ways of updating them share. */
class DaemonPass {
  readonly #set: DaemonSet;
  readonly #work: PodWork;
  readonly #revision: string;
  /** The nodes' places in their list, which number their pods. */
  readonly #places: ReadonlyMap<string, number>;
  readonly #wanted: readonly string[];

  constructor(set: DaemonSet, nodes: readonly SchedulerNode[], work: PodWork) {
    this.#set = set;
    this.#work = work;
    this.#revision = templateHash(set.spec.template);
    this.#places = new Map(nodes.map((n, i) => [n.name, i]));
    this.#wanted = daemonNodes(set, nodes).map((n) => n.name);
  }

  /** A pod on every node that takes one and has none, not even one that terminates; none on others (manage). */
  manage(): void {
    const wanted = new Set(this.#wanted);
    for (const [node, pods] of this.#byNode())
      for (const pod of pods) {
        if (!wanted.has(node)) this.#work.delete(pod);
        else if (pod.deletedAt === null && pod.revision === this.#revision && pod.desired.owner !== this.#set)
          this.#work.describe(pod, nodePod(this.#set, node, this.#revision, pod.desired.name));
      }
    const has = this.#byNode();
    for (const node of this.#wanted) if (!has.has(node)) this.#create(node);
  }

  /** Old pods go first: those that are not available, and of the others as many as maxUnavailable leaves. */
  replace(most: number): void {
    const candidates: LivePod[] = [];
    let missing = 0;
    for (const [, { current, old }] of this.#running()) {
      if (old === null) {
        if (current === null || !this.#isAvailable(current)) missing++;
      } else if (current !== null) {
        // Both are left by a surge that was called off: the older one stays.
        this.#work.delete(current);
        missing++;
      } else if (this.#isAvailable(old)) candidates.push(old);
      else this.#work.delete(old);
    }
    for (const pod of candidates.slice(0, Math.max(0, most - missing))) this.#work.delete(pod);
  }

  /** New pods come first, beside as many available ones as maxSurge says; those go when the new ones are available. */
  surge(most: number): void {
    const candidates: string[] = [];
    let surging = 0;
    for (const [node, { current, old }] of this.#running()) {
      if (old === null) continue;
      if (current === null) {
        if (this.#isAvailable(old)) candidates.push(node);
        else this.#create(node);
      } else if (old.readySince === null || this.#isAvailable(current)) this.#work.delete(old);
      else surging++;
    }
    for (const node of candidates.slice(0, Math.max(0, most - surging))) this.#create(node);
  }

  get size(): number {
    return this.#wanted.length;
  }

  #isAvailable(pod: LivePod): boolean {
    return this.#work.isAvailable(pod, this.#set.spec.minReadySeconds);
  }

  #byNode(): Map<string, LivePod[]> {
    const byNode = new Map<string, LivePod[]>();
    for (const pod of this.#work.of(objectKey(this.#set))) {
      const node = pod.desired.spec.nodeName ?? "";
      const list = byNode.get(node);
      if (list === undefined) byNode.set(node, [pod]);
      else list.push(pod);
    }
    return byNode;
  }

  /** What runs on every node that takes a pod; of several of one kind the oldest, the others are deleted. */
  #running(): Map<string, NodePods> {
    const byNode = this.#byNode();
    const running = new Map<string, NodePods>();
    for (const node of this.#wanted) {
      const pods = (byNode.get(node) ?? []).filter((p) => p.deletedAt === null).sort((a, b) => a.uid - b.uid);
      const current = pods.filter((p) => p.revision === this.#revision);
      const old = pods.filter((p) => p.revision !== this.#revision);
      for (const pod of [...current.slice(1), ...old.slice(1)]) this.#work.delete(pod);
      running.set(node, { current: current.at(0) ?? null, old: old.at(0) ?? null });
    }
    return running;
  }

  #create(node: string): void {
    const key = daemonPodKey(this.#set, node);
    const name = `${this.#set.metadata.name}-${node}${this.#work.get(key) === undefined ? "" : SURGE_SUFFIX}`;
    this.#work.create({
      desired: nodePod(this.#set, node, this.#revision, name),
      owner: objectKey(this.#set),
      revision: this.#revision,
      number: this.#places.get(node) ?? 0,
    });
  }
}

/** Both steps of a DaemonSet are rounded up (kubernetes pkg/controller/daemon/util: SurgeCount, UnavailableCount). */
function scaledUp(value: IntOrPercent, nodes: number): number {
  return typeof value === "number" ? value : Math.ceil((Number.parseInt(value, 10) * nodes) / 100);
}

/** One pass of the DaemonSet controller (kubernetes pkg/controller/daemon: manage, then rollingUpdate of update.go). */
export function stepDaemonSet(set: DaemonSet, nodes: readonly SchedulerNode[], work: PodWork): void {
  const pass = new DaemonPass(set, nodes, work);
  pass.manage();
  const { type, rollingUpdate } = set.spec.updateStrategy;
  if (type === "OnDelete") return;
  const surge = scaledUp(rollingUpdate.maxSurge, pass.size);
  if (surge > 0) pass.surge(surge);
  else pass.replace(scaledUp(rollingUpdate.maxUnavailable, pass.size));
}
