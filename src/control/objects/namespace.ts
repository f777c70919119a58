import { z } from "zod";
import { clusterMeta } from "./meta.ts";

export const namespaceSchema = z.strictObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("Namespace"),
  metadata: clusterMeta,
});

export type Namespace = z.output<typeof namespaceSchema>;
