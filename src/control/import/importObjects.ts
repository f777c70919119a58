import { MANAGED_BY_LABEL, SELECTOR_CONTROLLER, SERVICE_NAME_LABEL } from "../objects/endpointSlice.ts";
import { isKind } from "../objects/kinds.ts";
import { cleanMetadata, type ImportedPod, type PodImport } from "./importPods.ts";
import type { GroupNames } from "./importRules.ts";
import { type KubeObject, kubeServiceSchema, kubeWorkloadSchema } from "./kubeShapes.ts";
import type { ImportNotes } from "./notes.ts";
import { type Observed, objectName } from "./observed.ts";

type Document = Record<string, unknown>;

/** Kinds that make pods. */
const WORKLOADS = ["Deployment", "StatefulSet", "DaemonSet"];
/** Read for what they say of the nodes and the CNI; they are no objects of a lab. */
const READ_ONLY = ["Node", "Pod", "ConfigMap"];
/** Pods and endpoints of them are objects by themselves. */
const DERIVED = ["ReplicaSet", "Endpoints", "ControllerRevision", "Event", "Lease"];
/** Fields of a Service that mean nothing in a lab: EKS writes them, or they are IPv6's. */
const SERVICE_FIELDS = ["clusterIPs", "ipFamilies", "ipFamilyPolicy"];
const SYSTEM = "kube-system";
const COREDNS = "coredns";

const fieldsOf = (value: unknown): Document => (typeof value === "object" && value !== null ? { ...value } : {});

function matches(pods: readonly ImportedPod[], namespace: string, selector: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(selector);
  if (wanted.length === 0) return false;
  return pods.some((pod) => pod.namespace === namespace && wanted.every(([key, value]) => pod.labels[key] === value));
}

class ObjectImport {
  readonly #observed: Observed;
  readonly #pods: readonly ImportedPod[];
  readonly #podImport: PodImport;
  readonly #groups: GroupNames;
  readonly #notes: ImportNotes;

  constructor(
    observed: Observed,
    pods: readonly ImportedPod[],
    podImport: PodImport,
    groups: GroupNames,
    notes: ImportNotes,
  ) {
    this.#observed = observed;
    this.#pods = pods;
    this.#podImport = podImport;
    this.#groups = groups;
    this.#notes = notes;
  }

  run(): Document[] {
    const objects = this.#observed.objects.map((object) => this.#object(object)).filter((object) => object !== null);
    return [...objects, ...this.#serviceAccounts()];
  }

  #object(object: KubeObject): Document | null {
    const { kind } = object;
    if (READ_ONLY.includes(kind) || DERIVED.includes(kind) || kind === "Lab") return null;
    if (!isKind(kind)) {
      this.#notes.add(objectName(object), "left out: podplane does not act on its kind");
      return null;
    }
    if (WORKLOADS.includes(kind)) return this.#workload(object);
    if (kind === "Service") return this.#service(object);
    if (kind === "EndpointSlice") return this.#slice(object);
    const { status: _, ...rest } = object;
    // A namespace's finalizers are the server's business.
    if (kind === "Namespace") return { apiVersion: object.apiVersion, kind, metadata: cleanMetadata(object) };
    return {
      ...rest,
      metadata: cleanMetadata(object),
      ...(kind === "NodeClass" ? { spec: this.#nodeClassSpec(object) } : {}),
    };
  }

  /** Pods stand for themselves, with their names, nodes and addresses: what made them would make others beside them. */
  #workload(object: KubeObject): Document | null {
    const name = objectName(object);
    const namespace = object.metadata.namespace ?? "default";
    const { spec } = kubeWorkloadSchema.parse(object);
    if (namespace === SYSTEM && ["aws-node", "kube-proxy"].includes(object.metadata.name)) return null;
    const isDns = namespace === SYSTEM && object.metadata.name === COREDNS;
    if (matches(this.#pods, namespace, spec.selector.matchLabels)) {
      this.#notes.add(
        name,
        "left out: its pods are written by themselves, with the names, nodes and addresses that were observed",
      );
      // Without it a lab would have a Deployment of its own for cluster DNS.
      if (isDns) return this.#template(object, name, namespace, 0);
      return null;
    }
    if (this.#observed.ofKind("Pod").length > 0 && !isDns) {
      this.#notes.add(name, "left out: none of its pods was observed with an address");
      return null;
    }
    return this.#template(object, name, namespace, spec.replicas);
  }

  #template(object: KubeObject, name: string, namespace: string, replicas: number | undefined): Document {
    const { spec } = kubeWorkloadSchema.parse(object);
    const metadata = fieldsOf(spec.template.metadata);
    const labels = fieldsOf(metadata.labels) as Record<string, string>;
    const { apiVersion, kind } = object;
    return {
      apiVersion,
      kind,
      metadata: cleanMetadata(object),
      spec: {
        ...(kind === "DaemonSet" || replicas === undefined ? {} : { replicas }),
        ...(kind === "StatefulSet" ? { serviceName: spec.serviceName } : {}),
        selector: spec.selector,
        template: { metadata: { labels }, spec: this.#podImport.spec(name, namespace, labels, spec.template.spec) },
      },
    };
  }

  #service(object: KubeObject): Document {
    const name = objectName(object);
    const spec = fieldsOf(object.spec);
    if ((spec.ipFamilies as unknown[] | undefined)?.includes("IPv6") === true)
      this.#notes.add(name, "its IPv6 addresses are left out: podplane is IPv4 alone");
    for (const field of SERVICE_FIELDS) delete spec[field];
    return { apiVersion: object.apiVersion, kind: object.kind, metadata: cleanMetadata(object), spec };
  }

  /** Slices of Services with a selector are podplane's own work. */
  #slice(object: KubeObject): Document | null {
    const name = objectName(object);
    const { labels, namespace = "default" } = object.metadata;
    const service = this.#observed
      .ofKind("Service")
      .find((s) => s.metadata.name === labels[SERVICE_NAME_LABEL] && (s.metadata.namespace ?? "default") === namespace);
    if (object.addressType === "IPv6") {
      this.#notes.add(name, "left out: podplane is IPv4 alone");
      return null;
    }
    const selects = service !== undefined && Object.keys(kubeServiceSchema.parse(service).spec.selector).length > 0;
    if (selects && labels[MANAGED_BY_LABEL] === SELECTOR_CONTROLLER) return null;
    if (service === undefined) {
      this.#notes.add(name, `left out: its Service ${labels[SERVICE_NAME_LABEL] ?? "(none)"} is not among the objects`);
      return null;
    }
    const { metadata: _, ...rest } = object;
    const endpoints = (Array.isArray(object.endpoints) ? object.endpoints : []).map((endpoint: unknown) => {
      const { targetRef: __, ...kept } = fieldsOf(endpoint);
      return kept;
    });
    return { ...rest, metadata: cleanMetadata(object), endpoints };
  }

  /** A term that selects by a group's name means the name in the lab. */
  #nodeClassSpec(object: KubeObject): Document {
    const spec = fieldsOf(object.spec);
    const groups = this.#observed.ec2.SecurityGroups;
    for (const field of ["securityGroupSelectorTerms", "podSecurityGroupSelectorTerms"]) {
      const terms = spec[field];
      if (!Array.isArray(terms)) continue;
      spec[field] = terms.map((term: unknown) => {
        const { name, ...rest } = fieldsOf(term);
        const group = groups.find((g) => g.GroupName === name);
        const renamed = this.#groups.get(group?.GroupId ?? "")?.name;
        return name === undefined ? rest : { ...rest, name: renamed ?? name };
      });
    }
    return spec;
  }

  /** Service accounts that pods name where a policy selects by them: without one Kubernetes takes no such pod. */
  #serviceAccounts(): Document[] {
    const selecting = this.#observed
      .ofKind("SecurityGroupPolicy")
      .filter((policy) => fieldsOf(policy.spec).serviceAccountSelector !== undefined)
      .map((policy) => policy.metadata.namespace ?? "default");
    const key = (namespace: string, name: string) => `${namespace}/${name}`;
    const known = new Set(
      this.#observed.ofKind("ServiceAccount").map((a) => key(a.metadata.namespace ?? "default", a.metadata.name)),
    );
    return this.#pods.flatMap(({ namespace, document }) => {
      const name = fieldsOf(document.spec).serviceAccountName;
      if (typeof name !== "string" || !selecting.includes(namespace) || known.has(key(namespace, name))) return [];
      known.add(key(namespace, name));
      this.#notes.add(`serviceaccount/${namespace}/${name}`, "not among the objects: it is written without labels");
      return [{ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } }];
    });
  }
}

/** The objects of a lab that are no pods, without what a server writes. */
export function importObjects(
  observed: Observed,
  pods: readonly ImportedPod[],
  podImport: PodImport,
  groups: GroupNames,
  notes: ImportNotes,
): Document[] {
  return new ObjectImport(observed, pods, podImport, groups, notes).run();
}
