import type { z } from "zod";
import { type ClusterNetworkPolicy, clusterNetworkPolicySchema } from "./clusterNetworkPolicy.ts";
import { type DaemonSet, daemonSetSchema } from "./daemonSet.ts";
import { type Deployment, deploymentSchema } from "./deployment.ts";
import { type EndpointSlice, endpointSliceSchema } from "./endpointSlice.ts";
import { type EniConfig, eniConfigSchema } from "./eniConfig.ts";
import { LAB_API_VERSION, type Lab, labSchema } from "./lab.ts";
import { type Namespace, namespaceSchema } from "./namespace.ts";
import { type NetworkPolicy, networkPolicySchema } from "./networkPolicy.ts";
import { type NodeClass, nodeClassSchema } from "./nodeClass.ts";
import { type Pod, podSchema } from "./pod.ts";
import { type ReplicaSet, replicaSetSchema } from "./replicaSet.ts";
import { type SecurityGroupPolicy, securityGroupPolicySchema } from "./securityGroupPolicy.ts";
import { type Service, serviceSchema } from "./service.ts";
import { type ServiceAccount, serviceAccountSchema } from "./serviceAccount.ts";
import { type StatefulSet, statefulSetSchema } from "./statefulSet.ts";

/** An object that podplane acts on, checked and with its defaults filled in. */
export type LabObject =
  | Lab
  | Namespace
  | Pod
  | Deployment
  | ReplicaSet
  | StatefulSet
  | DaemonSet
  | Service
  | EndpointSlice
  | ServiceAccount
  | EniConfig
  | SecurityGroupPolicy
  | NetworkPolicy
  | ClusterNetworkPolicy
  | NodeClass;
export type ObjectKind = LabObject["kind"];

/** Objects by their key, in the order they were applied. */
export type Objects = ReadonlyMap<string, LabObject>;

interface KindRow {
  readonly apiVersion: string;
  readonly schema: z.ZodType<LabObject>;
  /** As kubectl writes it in front of a name. */
  readonly prefix: string;
  /** Whether its objects are in a namespace. */
  readonly namespaced: boolean;
}

/** The closed list of kinds that podplane acts on. */
export const KINDS: Readonly<Record<ObjectKind, KindRow>> = {
  Lab: { apiVersion: LAB_API_VERSION, schema: labSchema, prefix: "lab", namespaced: false },
  Namespace: { apiVersion: "v1", schema: namespaceSchema, prefix: "namespace", namespaced: false },
  Pod: { apiVersion: "v1", schema: podSchema, prefix: "pod", namespaced: true },
  Deployment: { apiVersion: "apps/v1", schema: deploymentSchema, prefix: "deployment", namespaced: true },
  ReplicaSet: { apiVersion: "apps/v1", schema: replicaSetSchema, prefix: "replicaset", namespaced: true },
  StatefulSet: { apiVersion: "apps/v1", schema: statefulSetSchema, prefix: "statefulset", namespaced: true },
  DaemonSet: { apiVersion: "apps/v1", schema: daemonSetSchema, prefix: "daemonset", namespaced: true },
  Service: { apiVersion: "v1", schema: serviceSchema, prefix: "svc", namespaced: true },
  EndpointSlice: {
    apiVersion: "discovery.k8s.io/v1",
    schema: endpointSliceSchema,
    prefix: "endpointslice",
    namespaced: true,
  },
  ServiceAccount: { apiVersion: "v1", schema: serviceAccountSchema, prefix: "serviceaccount", namespaced: true },
  ENIConfig: {
    apiVersion: "crd.k8s.amazonaws.com/v1alpha1",
    schema: eniConfigSchema,
    prefix: "eniconfig",
    namespaced: false,
  },
  SecurityGroupPolicy: {
    apiVersion: "vpcresources.k8s.aws/v1beta1",
    schema: securityGroupPolicySchema,
    prefix: "securitygrouppolicy",
    namespaced: true,
  },
  NetworkPolicy: {
    apiVersion: "networking.k8s.io/v1",
    schema: networkPolicySchema,
    prefix: "networkpolicy",
    namespaced: true,
  },
  ClusterNetworkPolicy: {
    apiVersion: "networking.k8s.aws/v1alpha1",
    schema: clusterNetworkPolicySchema,
    prefix: "clusternetworkpolicy",
    namespaced: false,
  },
  NodeClass: { apiVersion: "eks.amazonaws.com/v1", schema: nodeClassSchema, prefix: "nodeclass", namespaced: false },
};

export function isKind(kind: string): kind is ObjectKind {
  return Object.hasOwn(KINDS, kind);
}

/** An object never changes: its key is made once. */
const KEYS = new WeakMap<LabObject, string>();

/** `pod/default/web-1`, `lab/quickstart`: one name for each object, whatever it changes to. */
export function objectKey(object: LabObject): string {
  const known = KEYS.get(object);
  if (known !== undefined) return known;
  const { prefix } = KINDS[object.kind];
  const { metadata } = object;
  const key =
    "namespace" in metadata ? `${prefix}/${metadata.namespace}/${metadata.name}` : `${prefix}/${metadata.name}`;
  KEYS.set(object, key);
  return key;
}
