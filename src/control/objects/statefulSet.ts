import { z } from "zod";
import { labelSelectorSchema, podTemplateSchema } from "./deployment.ts";
import { objectMeta } from "./meta.ts";

export const statefulSetSchema = z.strictObject({
  apiVersion: z.literal("apps/v1"),
  kind: z.literal("StatefulSet"),
  metadata: objectMeta,
  spec: z.strictObject({
    replicas: z.int().min(0).default(1),
    minReadySeconds: z.int().min(0).default(0),
    /** The headless service in which the pods have names. */
    serviceName: z.string().default(""),
    podManagementPolicy: z.enum(["OrderedReady", "Parallel"]).default("OrderedReady"),
    updateStrategy: z
      .strictObject({
        type: z.enum(["RollingUpdate", "OnDelete"]).default("RollingUpdate"),
        /** Pods whose ordinal is so far from the first, and those after them, get a changed template; the others keep theirs. */
        rollingUpdate: z.strictObject({ partition: z.int().min(0).default(0) }).prefault({}),
      })
      .prefault({}),
    ordinals: z.strictObject({ start: z.int().min(0).default(0) }).prefault({}),
    selector: labelSelectorSchema,
    template: podTemplateSchema,
  }),
});

export type StatefulSet = z.output<typeof statefulSetSchema>;
