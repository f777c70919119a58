import type { z } from "zod";
import { type Deployment, deploymentSchema } from "./deployment.ts";
import { type EndpointSlice, endpointSliceSchema } from "./endpointSlice.ts";
import { LAB_API_VERSION, type Lab, labSchema } from "./lab.ts";
import { type Namespace, namespaceSchema } from "./namespace.ts";
import { type Pod, podSchema } from "./pod.ts";
import { type Service, serviceSchema } from "./service.ts";

/** An object that podplane acts on, checked and with its defaults filled in. */
export type LabObject = Lab | Namespace | Pod | Deployment | Service | EndpointSlice;
export type ObjectKind = LabObject["kind"];

interface KindRow {
  readonly apiVersion: string;
  readonly schema: z.ZodType<LabObject>;
  /** As kubectl writes it in front of a name. */
  readonly prefix: string;
}

/** The closed list of kinds that podplane acts on. */
export const KINDS: Readonly<Record<ObjectKind, KindRow>> = {
  Lab: { apiVersion: LAB_API_VERSION, schema: labSchema, prefix: "lab" },
  Namespace: { apiVersion: "v1", schema: namespaceSchema, prefix: "namespace" },
  Pod: { apiVersion: "v1", schema: podSchema, prefix: "pod" },
  Deployment: { apiVersion: "apps/v1", schema: deploymentSchema, prefix: "deployment" },
  Service: { apiVersion: "v1", schema: serviceSchema, prefix: "svc" },
  EndpointSlice: { apiVersion: "discovery.k8s.io/v1", schema: endpointSliceSchema, prefix: "endpointslice" },
};

export function isKind(kind: string): kind is ObjectKind {
  return Object.hasOwn(KINDS, kind);
}

/** `pod/default/web-1`, `lab/quickstart`: one name for each object, whatever it changes to. */
export function objectKey(object: LabObject): string {
  const { prefix } = KINDS[object.kind];
  if (object.kind === "Lab" || object.kind === "Namespace") return `${prefix}/${object.metadata.name}`;
  return `${prefix}/${object.metadata.namespace}/${object.metadata.name}`;
}
