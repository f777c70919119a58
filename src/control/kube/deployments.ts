import type { DaemonSet } from "../objects/daemonSet.ts";
import type { Deployment, PodTemplate } from "../objects/deployment.ts";
import type { ObjectPath } from "../objects/finding.ts";
import { objectKey } from "../objects/kinds.ts";
import type { Pod, PodSpec } from "../objects/pod.ts";
import type { ReplicaSet } from "../objects/replicaSet.ts";
import type { StatefulSet } from "../objects/statefulSet.ts";

/** An object that has pods made from a template. */
export type PodController = Deployment | ReplicaSet | StatefulSet | DaemonSet;

/** A pod that should run, whatever object asks for it. */
export interface DesiredPod {
  /** `pod/NAMESPACE/NAME`. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
  /** The object that asks for it, and where in it the pod's metadata and spec are. */
  readonly owner: Pod | PodController;
  readonly at: ObjectPath;
}

export function podKey(namespace: string, name: string): string {
  return `pod/${namespace}/${name}`;
}

const CONTROLLERS: ReadonlySet<string> = new Set<PodController["kind"]>([
  "Deployment",
  "ReplicaSet",
  "StatefulSet",
  "DaemonSet",
]);

export function isPodController(object: { readonly kind: string }): object is PodController {
  return CONTROLLERS.has(object.kind);
}

export function barePod(pod: Pod): DesiredPod {
  const { namespace, name, labels, annotations } = pod.metadata;
  return { key: objectKey(pod), namespace, name, labels, annotations, spec: pod.spec, owner: pod, at: [] };
}

/** A pod of a controller's template, or of one that it had. @param labels of its own, besides the template's */
export function templatePod(
  owner: PodController,
  name: string,
  labels: Readonly<Record<string, string>>,
  template: PodTemplate = owner.spec.template,
): DesiredPod {
  const { namespace } = owner.metadata;
  const { metadata, spec } = template;
  return {
    key: podKey(namespace, name),
    namespace,
    name,
    labels: { ...metadata.labels, ...labels },
    annotations: metadata.annotations,
    spec,
    owner,
    at: ["spec", "template"],
  };
}
