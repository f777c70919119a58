import { z } from "zod";
import { ipv4, notEmpty, port, stringMap, words } from "./fields.ts";
import { labelMeta, protocolName } from "./meta.ts";

/** With any value: kube-proxy leaves the service (and slices that have it) to somebody else. */
export const SERVICE_PROXY_LABEL = "service.kubernetes.io/service-proxy-name";
/** With any value: kube-proxy leaves the service (and slices that have it) alone. */
export const HEADLESS_LABEL = "service.kubernetes.io/headless";
/** Hints of zones: by its name since Kubernetes 1.27, and by the one before. */
export const TOPOLOGY_MODE_ANNOTATION = "service.kubernetes.io/topology-mode";
export const TOPOLOGY_HINTS_ANNOTATION = "service.kubernetes.io/topology-aware-hints";

/** timeoutSeconds of ClientIP affinity where none is written (core/v1 DefaultClientIPServiceAffinitySeconds). */
const DEFAULT_AFFINITY_SECONDS = 10_800;

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
  /** A hint for whoever looks into the packets: accepted, never read. */
  appProtocol: z.string().optional(),
});

/** One way to a load balancer. Only addresses reach the data path: kube-proxy never looks a host name up. */
const ingressSchema = z.strictObject({
  ip: z.string().optional(),
  ipMode: z.enum(["VIP", "Proxy"]).default("VIP"),
  hostname: z.string().optional(),
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
    externalIPs: words.default([]),
    loadBalancerIP: z.string().optional(),
    loadBalancerSourceRanges: words.default([]),
    loadBalancerClass: z.string().optional(),
    allocateLoadBalancerNodePorts: z.boolean().optional(),
    publishNotReadyAddresses: z.boolean().default(false),
    sessionAffinity: z.enum(["None", "ClientIP"]).default("None"),
    sessionAffinityConfig: z
      .strictObject({ clientIP: z.strictObject({ timeoutSeconds: z.int().optional() }).optional() })
      .optional(),
    internalTrafficPolicy: z.enum(["Cluster", "Local"]).default("Cluster"),
    externalTrafficPolicy: z.enum(["Cluster", "Local"]).optional(),
    healthCheckNodePort: z.int().min(0).max(65535).default(0),
    trafficDistribution: z.enum(["PreferClose", "PreferSameZone", "PreferSameNode"]).optional(),
  }),
  status: z
    .strictObject({ loadBalancer: z.strictObject({ ingress: z.array(ingressSchema).default([]) }).prefault({}) })
    .optional(),
});

export type Service = z.output<typeof serviceSchema>;
export type ServicePort = Service["spec"]["ports"][number];

/** Whether packets to the service are translated at all: headless and ExternalName services are names in DNS only. */
export function hasDataPath(service: Service): boolean {
  return service.spec.type !== "ExternalName" && service.spec.clusterIP !== "None";
}

/** Whether kube-proxy looks at an object: its informers leave out what has one of these labels (cmd/kube-proxy/app/server.go). */
export function isProxied(labels: Readonly<Record<string, string>>): boolean {
  return labels[SERVICE_PROXY_LABEL] === undefined && labels[HEADLESS_LABEL] === undefined;
}

/** Whether the service's ports may have node ports. */
export function hasNodePorts(service: Service): boolean {
  return hasDataPath(service) && (service.spec.type === "NodePort" || service.spec.type === "LoadBalancer");
}

/** Whether ports without a node port get one (registry/core/service, needsNodePort). */
export function allocatesNodePorts(service: Service): boolean {
  const { type, allocateLoadBalancerNodePorts } = service.spec;
  return hasNodePorts(service) && !(type === "LoadBalancer" && allocateLoadBalancerNodePorts === false);
}

/** Whether the service can be reached from outside at all (pkg/api/service, ExternallyAccessible). */
export function isExternallyAccessible(service: Service): boolean {
  const { type, externalIPs } = service.spec;
  return type === "NodePort" || type === "LoadBalancer" || (type === "ClusterIP" && externalIPs.length > 0);
}

/** Whether kube-proxy answers a load balancer's health checks for it (pkg/api/service, NeedsHealthCheck). */
export function needsHealthCheck(service: Service): boolean {
  return service.spec.type === "LoadBalancer" && service.spec.externalTrafficPolicy === "Local";
}

/**
 * VIPs of the service's load balancer, as text: what the status says of mode VIP (KEP-1860), else spec.loadBalancerIP, as
 * if a load balancer controller had taken it.
 */
export function loadBalancerIPs({ spec, status }: Pick<Service, "spec" | "status">): string[] {
  if (spec.type !== "LoadBalancer") return [];
  const ingress = status?.loadBalancer.ingress ?? [];
  if (ingress.length === 0) return spec.loadBalancerIP ? [spec.loadBalancerIP] : [];
  return ingress.filter((i) => i.ipMode === "VIP").flatMap((i) => (i.ip ? [i.ip] : []));
}

/** Seconds that ClientIP affinity lasts; 0: none. */
export function affinitySeconds(service: Service): number {
  if (service.spec.sessionAffinity === "None") return 0;
  return service.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
}

/** What the topology-mode annotation says, by either of its names; empty: nothing. */
function topologyMode(service: Service): string {
  const { annotations } = service.metadata;
  return annotations[TOPOLOGY_MODE_ANNOTATION] ?? annotations[TOPOLOGY_HINTS_ANNOTATION] ?? "";
}

/** Whether the EndpointSlice controller computes hints from the zones' CPUs (endpointslice, hintsEnabled). */
export function computesZoneHints(service: Service): boolean {
  return ["Auto", "auto"].includes(topologyMode(service));
}

/** By what kube-proxy follows hints: the annotation wins over trafficDistribution. */
export function topologyOf(service: Service): "none" | "zone" | "near" {
  const mode = topologyMode(service);
  if (mode !== "" && mode.toLowerCase() !== "disabled") return "zone";
  return service.spec.trafficDistribution === undefined ? "none" : "near";
}
