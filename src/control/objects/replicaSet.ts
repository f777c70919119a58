import { z } from "zod";
import { labelSelectorSchema, podTemplateSchema } from "./deployment.ts";
import { objectMeta } from "./meta.ts";

const ownerSchema = z.object({ kind: z.string(), name: z.string(), controller: z.boolean().default(false) });

export const replicaSetSchema = z.strictObject({
  apiVersion: z.literal("apps/v1"),
  kind: z.literal("ReplicaSet"),
  metadata: objectMeta.extend({ ownerReferences: z.array(ownerSchema).optional() }),
  spec: z.strictObject({
    replicas: z.int().min(0).default(1),
    minReadySeconds: z.int().min(0).default(0),
    selector: labelSelectorSchema,
    template: podTemplateSchema,
  }),
});

export type ReplicaSet = z.output<typeof replicaSetSchema>;

/** The Deployment whose ReplicaSet it is, by name, or null. A lab's Deployments make their pods themselves. */
export function deploymentOf({ metadata }: ReplicaSet): string | null {
  return metadata.ownerReferences?.find((o) => o.controller && o.kind === "Deployment")?.name ?? null;
}

/** How many pods it has of its own: none where a Deployment has them. */
export function ownReplicas(set: ReplicaSet): number {
  return deploymentOf(set) === null ? set.spec.replicas : 0;
}
