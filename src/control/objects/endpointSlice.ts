import { z } from "zod";
import { notEmpty, port } from "./fields.ts";
import { objectMeta, protocolName } from "./meta.ts";

/** Label that ties a slice to its service. */
export const SERVICE_NAME_LABEL = "kubernetes.io/service-name";
/** Label of the slices that a controller keeps; the value below is the one that follows selectors. */
export const MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by";
export const SELECTOR_CONTROLLER = "endpointslice-controller.k8s.io";

export const endpointSliceSchema = z.strictObject({
  apiVersion: z.literal("discovery.k8s.io/v1"),
  kind: z.literal("EndpointSlice"),
  metadata: objectMeta,
  addressType: z.enum(["IPv4", "IPv6", "FQDN"]),
  endpoints: z
    .array(
      z.strictObject({
        addresses: z.array(notEmpty).min(1),
        conditions: z
          .strictObject({
            ready: z.boolean().default(true),
            serving: z.boolean().optional(),
            terminating: z.boolean().default(false),
          })
          .prefault({}),
        nodeName: z.string().optional(),
      }),
    )
    .default([]),
  ports: z
    .array(z.strictObject({ name: z.string().default(""), protocol: protocolName.default("TCP"), port }))
    .default([]),
});

export type EndpointSlice = z.output<typeof endpointSliceSchema>;
