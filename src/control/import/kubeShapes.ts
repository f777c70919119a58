import { z } from "zod";

/** Parts of Kubernetes objects that an import reads. All other fields stay as they are, to be read as a lab's. */

const text = z.string().min(1);
const strings = z.record(z.string(), z.string()).default({});
const list = <T extends z.ZodType>(item: T) => z.array(item).default([]);

/** What every object must have to be one. */
export const kubeObjectSchema = z.looseObject({
  apiVersion: text,
  kind: text,
  metadata: z.looseObject({
    name: text,
    namespace: text.optional(),
    labels: strings,
    annotations: strings,
    deletionTimestamp: z.string().optional(),
  }),
});
export type KubeObject = z.output<typeof kubeObjectSchema>;

export const kubeNodeSchema = z.object({
  spec: z
    .object({
      providerID: z.string().default(""),
      taints: list(z.object({ key: text, value: z.string().optional(), effect: text })),
    })
    .prefault({}),
  status: z
    .object({
      addresses: list(z.object({ type: text, address: text })),
      capacity: strings,
      allocatable: strings,
    })
    .prefault({}),
});

const portOrName = z.union([z.int(), text]);
export const kubeContainerSchema = z.looseObject({
  name: text,
  image: z.string().optional(),
  ports: list(
    z.looseObject({ containerPort: z.int(), protocol: z.string().default("TCP"), hostPort: z.int().optional() }),
  ),
  readinessProbe: z
    .looseObject({
      httpGet: z.looseObject({ port: portOrName, scheme: z.string().default("HTTP") }).optional(),
      tcpSocket: z.looseObject({ port: portOrName }).optional(),
    })
    .optional(),
});
export type KubeContainer = z.output<typeof kubeContainerSchema>;

export const kubePodSpecSchema = z.looseObject({
  nodeName: text.optional(),
  hostNetwork: z.boolean().default(false),
  serviceAccountName: text.optional(),
  containers: list(kubeContainerSchema),
  initContainers: list(z.looseObject({ name: text })),
  volumes: list(z.looseObject({ name: text })),
});
export type KubePodSpec = z.output<typeof kubePodSpecSchema>;

export const kubePodSchema = z.object({
  spec: kubePodSpecSchema,
  status: z
    .object({
      phase: z.string().default("Running"),
      podIP: z.string().default(""),
      conditions: list(z.object({ type: text, status: z.string() })),
    })
    .prefault({}),
});

export const kubeServiceSchema = z.object({
  spec: z
    .object({
      type: z.string().default("ClusterIP"),
      clusterIP: z.string().default(""),
      selector: strings,
      ports: list(z.object({ port: z.int(), targetPort: portOrName.optional(), protocol: z.string().default("TCP") })),
    })
    .prefault({}),
});

/** A Deployment, StatefulSet, DaemonSet or ReplicaSet. */
export const kubeWorkloadSchema = z.object({
  spec: z.looseObject({
    replicas: z.int().optional(),
    selector: z.object({ matchLabels: strings }).prefault({}),
    template: z.looseObject({ spec: kubePodSpecSchema }),
  }),
});

const daemonContainer = z.object({
  name: z.string(),
  args: list(z.string()),
  env: list(z.object({ name: text, value: z.string().optional() })),
});

/** The aws-node DaemonSet: the VPC CNI's settings are its environment. */
export const kubeDaemonEnvSchema = z.object({
  spec: z.object({
    template: z.object({
      spec: z.object({ containers: list(daemonContainer), initContainers: list(daemonContainer) }),
    }),
  }),
});

export const kubeConfigMapSchema = z.object({ data: strings });

/** What an object of a kind must be like, as far as an import reads it. */
export const KUBE_SHAPES: ReadonlyMap<string, z.ZodType> = new Map<string, z.ZodType>([
  ["Node", kubeNodeSchema],
  ["Pod", kubePodSchema],
  ["Service", kubeServiceSchema],
  ["Deployment", kubeWorkloadSchema],
  ["StatefulSet", kubeWorkloadSchema],
  ["DaemonSet", kubeWorkloadSchema],
]);
