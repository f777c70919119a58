import { Controllers } from "../../../../src/control/kube/controllers/controllers.ts";
import type { LivePod, PodReport } from "../../../../src/control/kube/controllers/livePod.ts";
import type { SchedulerNode } from "../../../../src/control/kube/scheduler.ts";
import { type LabObject, objectKey } from "../../../../src/control/objects/kinds.ts";
import { type Fields, read } from "../documents.ts";

export function node(name: string, more: Partial<SchedulerNode> = {}): SchedulerNode {
  return {
    name,
    labels: {},
    taints: [],
    instanceType: "m5.large",
    maxEnis: 3,
    maxPods: 110,
    systemPods: 2,
    branchEnis: 0,
    ...more,
  };
}

/** Controllers with the clock and the reports in a test's hand. */
export class World {
  now = 0;
  nodes: readonly SchedulerNode[] = [node("node-1"), node("node-2")];
  readonly #objects = new Map<string, LabObject>();
  #controllers = Controllers.NONE;

  apply(...documents: Fields[]): this {
    for (const object of read(...documents)) this.#objects.set(objectKey(object), object);
    return this.#step();
  }

  remove(key: string): this {
    this.#objects.delete(key);
    return this.#step();
  }

  /** Names as `api-1` or `pod/default/api-1`. */
  ready(...names: string[]): this {
    return this.#report("ready", names);
  }

  unready(...names: string[]): this {
    return this.#report("unready", names);
  }

  stopped(...names: string[]): this {
    return this.#report("stopped", names);
  }

  deleted(...names: string[]): this {
    return this.#report("deleted", names);
  }

  after(milliseconds: number): this {
    this.now += milliseconds;
    return this.#step();
  }

  get next(): number | null {
    return this.#controllers.next;
  }

  get pods(): readonly LivePod[] {
    return this.#controllers.pods;
  }

  get running(): LivePod[] {
    return this.pods.filter((p) => p.deletedAt === null);
  }

  /** `api-1` as it comes, `api-1+` ready, `api-1-` terminating. */
  get show(): string {
    return this.pods
      .map((p) => `${p.desired.name}${p.deletedAt !== null ? "-" : p.readySince !== null ? "+" : ""}`)
      .join(" ");
  }

  #report(state: PodReport["state"], names: readonly string[]): this {
    const reports = names.map((name) => ({ pod: name.includes("/") ? name : `pod/default/${name}`, state }));
    this.#controllers = this.#controllers.report(reports, this.now);
    return this.#step();
  }

  #step(): this {
    this.#controllers = this.#controllers.reconcile({
      objects: this.#objects,
      nodes: this.nodes,
      now: this.now,
      manual: true,
    });
    return this;
  }
}

/** A Deployment, ReplicaSet, StatefulSet or DaemonSet `api`; `version` is what changes its template. */
export function controllerDocument(kind: string, version: string, spec: Fields = {}, podSpec: Fields = {}): Fields {
  const labels = { app: "api" };
  return {
    apiVersion: "apps/v1",
    kind,
    metadata: { name: "api" },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations: { version } },
        spec: { containers: [{ name: "main" }], ...podSpec },
      },
      ...spec,
    },
  };
}
