import { z } from "zod";
import { ipv4, notEmpty, port, stringMap } from "./fields.ts";
import { labelMeta, protocolName } from "./meta.ts";

const clusterIP = z.union([z.literal("None"), z.literal(""), ipv4], {
  error: 'expected an IPv4 address, None or ""',
});
const targetPort = z.union([port, notEmpty], { error: "expected a port from 1 to 65535 or a port's name" });

const servicePortSchema = z.strictObject({
  name: notEmpty.optional(),
  protocol: protocolName.default("TCP"),
  port,
  targetPort: targetPort.optional(),
  nodePort: port.optional(),
});

export const serviceSchema = z.strictObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("Service"),
  metadata: labelMeta,
  spec: z.strictObject({
    type: z.enum(["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]).default("ClusterIP"),
    clusterIP: clusterIP.default(""),
    selector: stringMap.optional(),
    ports: z.array(servicePortSchema).default([]),
    externalName: z.string().optional(),
    publishNotReadyAddresses: z.boolean().default(false),
    sessionAffinity: z.enum(["None", "ClientIP"]).default("None"),
    internalTrafficPolicy: z.enum(["Cluster", "Local"]).default("Cluster"),
    externalTrafficPolicy: z.enum(["Cluster", "Local"]).default("Cluster"),
  }),
});

export type Service = z.output<typeof serviceSchema>;
export type ServicePort = Service["spec"]["ports"][number];

/** Whether packets to the service are translated at all: headless and ExternalName services are names in DNS only. */
export function hasDataPath(service: Service): boolean {
  return service.spec.type !== "ExternalName" && service.spec.clusterIP !== "None";
}

/** Whether the service's ports have node ports. */
export function hasNodePorts(service: Service): boolean {
  return hasDataPath(service) && (service.spec.type === "NodePort" || service.spec.type === "LoadBalancer");
}
