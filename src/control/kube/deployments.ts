import type { Deployment } from "../objects/deployment.ts";
import type { ObjectPath } from "../objects/finding.ts";
import { objectKey } from "../objects/kinds.ts";
import type { Pod, PodSpec } from "../objects/pod.ts";

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
  readonly owner: Pod | Deployment;
  readonly at: ObjectPath;
}

function podKey(namespace: string, name: string): string {
  return `pod/${namespace}/${name}`;
}

export function barePod(pod: Pod): DesiredPod {
  const { namespace, name, labels, annotations } = pod.metadata;
  return { key: objectKey(pod), namespace, name, labels, annotations, spec: pod.spec, owner: pod, at: [] };
}

/**
 * The pods of a Deployment: `NAME-1` to `NAME-n`. A cluster gives them random names; a lab's have to be the same every
 * time, so that commands, tests and captures can name them. There is no rolling update: a pod whose template changed
 * keeps its name and, where it may, its node and address.
 */
export function deploymentPods(deployment: Deployment): DesiredPod[] {
  const { namespace, name } = deployment.metadata;
  const { template, replicas } = deployment.spec;
  return Array.from({ length: replicas }, (_, i) => ({
    key: podKey(namespace, `${name}-${i + 1}`),
    namespace,
    name: `${name}-${i + 1}`,
    labels: template.metadata.labels,
    annotations: template.metadata.annotations,
    spec: template.spec,
    owner: deployment,
    at: ["spec", "template"],
  }));
}
