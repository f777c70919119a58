import { z } from "zod";
import { objectMeta } from "./meta.ts";

/** Name of the service account that every namespace has and pods run as unless they name another. */
export const DEFAULT_SERVICE_ACCOUNT = "default";

/** Of a service account only the labels matter: a SecurityGroupPolicy selects by them. */
export const serviceAccountSchema = z.strictObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("ServiceAccount"),
  metadata: objectMeta,
});

export type ServiceAccount = z.output<typeof serviceAccountSchema>;
