import { type Deployment, deploymentSchema } from "../objects/deployment.ts";
import { type LabObject, type Objects, objectKey } from "../objects/kinds.ts";
import type { Lab } from "../objects/lab.ts";
import { type Namespace, namespaceSchema } from "../objects/namespace.ts";
import { type Service, serviceSchema } from "../objects/service.ts";
import { clusterDnsAddress, dnsMode } from "./settings.ts";

export const DNS_NAMESPACE = "kube-system";
export const DNS_SERVICE = "kube-dns";
const DNS_DEPLOYMENT = "coredns";
/** Replicas of EKS's add-on. */
const REPLICAS = 2;
/** Pods with this label answer DNS: `podplane` itself answers for them, they have no process. */
export const DNS_APP = { key: "k8s-app", value: "kube-dns" } as const;
const LABELS = { [DNS_APP.key]: DNS_APP.value };
const DNS_PORT = 53;

function namespace(): Namespace {
  return namespaceSchema.parse({ apiVersion: "v1", kind: "Namespace", metadata: { name: DNS_NAMESPACE } });
}

function deployment(): Deployment {
  return deploymentSchema.parse({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: DNS_DEPLOYMENT, namespace: DNS_NAMESPACE, labels: LABELS },
    spec: {
      replicas: REPLICAS,
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS },
        spec: {
          dnsPolicy: "Default",
          serviceAccountName: DNS_DEPLOYMENT,
          tolerations: [{ key: "CriticalAddonsOnly", operator: "Exists" }],
          containers: [
            {
              name: DNS_DEPLOYMENT,
              ports: [
                { name: "dns", containerPort: DNS_PORT, protocol: "UDP" },
                { name: "dns-tcp", containerPort: DNS_PORT, protocol: "TCP" },
              ],
            },
          ],
        },
      },
    },
  });
}

function service(lab: Lab): Service {
  return serviceSchema.parse({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: DNS_SERVICE, namespace: DNS_NAMESPACE, labels: LABELS },
    spec: {
      clusterIP: clusterDnsAddress(lab),
      selector: LABELS,
      ports: [
        { name: "dns", port: DNS_PORT, protocol: "UDP", targetPort: "dns" },
        { name: "dns-tcp", port: DNS_PORT, protocol: "TCP", targetPort: "dns-tcp" },
      ],
    },
  });
}

/** What a cluster has beside a lab's own objects: EKS's CoreDNS add-on where two pods answer its DNS. */
export function implicitObjects(lab: Lab): LabObject[] {
  return dnsMode(lab) === "coredns" ? [namespace(), deployment(), service(lab)] : [];
}

/**
 * A lab's objects with the implicit ones after them, so that a lab's pods are placed as if there were none; one of the same
 * name is the lab's own.
 */
export function withImplicitObjects(lab: Lab, objects: Objects): Objects {
  const implicit = implicitObjects(lab).map((object): [string, LabObject] => [objectKey(object), object]);
  const all = new Map(objects);
  for (const [key, object] of implicit) if (!all.has(key)) all.set(key, object);
  return all;
}
