import { z } from "zod";
import { notEmpty, port } from "./fields.ts";
import { objectMeta, protocolName } from "./meta.ts";

/** Label that ties a slice to its service. */
export const SERVICE_NAME_LABEL = "kubernetes.io/service-name";
/** Label of the slices that a controller keeps; the value below is the one that follows selectors. */
export const MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by";
export const SELECTOR_CONTROLLER = "endpointslice-controller.k8s.io";

const names = z.array(z.strictObject({ name: notEmpty })).default([]);

const endpointSchema = z.strictObject({
  addresses: z.array(notEmpty).min(1),
  /** kube-proxy takes an absent `ready` or `serving` as true, an absent `terminating` as false. */
  conditions: z
    .strictObject({
      ready: z.boolean().default(true),
      serving: z.boolean().default(true),
      terminating: z.boolean().default(false),
    })
    .prefault({}),
  hostname: z.string().optional(),
  nodeName: z.string().optional(),
  zone: z.string().optional(),
  hints: z.strictObject({ forZones: names, forNodes: names }).optional(),
});

export const endpointSliceSchema = z.strictObject({
  apiVersion: z.literal("discovery.k8s.io/v1"),
  kind: z.literal("EndpointSlice"),
  metadata: objectMeta,
  addressType: z.enum(["IPv4", "IPv6", "FQDN"]),
  endpoints: z.array(endpointSchema).default([]),
  ports: z
    .array(
      z.strictObject({
        name: z.string().default(""),
        protocol: protocolName.default("TCP"),
        port,
        appProtocol: z.string().optional(),
      }),
    )
    .default([]),
});

export type EndpointSlice = z.output<typeof endpointSliceSchema>;
export type SliceEndpoint = EndpointSlice["endpoints"][number];
