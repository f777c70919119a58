import { parseAddress } from "../../plane/wire/address.ts";
import { DNS_APP, DNS_NAMESPACE } from "../dns/implicitObjects.ts";
import { containsAddress, toCidr } from "../vpc/cidr.ts";
import { interfaceName } from "../vpc/eni.ts";
import type { ObservedEni } from "./ec2Shapes.ts";
import type { ObservedNode } from "./importMachines.ts";
import { type KubeObject, type KubePodSpec, kubePodSchema, kubeServiceSchema } from "./kubeShapes.ts";
import type { ImportNotes } from "./notes.ts";
import { type Observed, objectName } from "./observed.ts";
import { importContainers, PINNED, type StandInOptions, type UsedPort } from "./standIns.ts";

/** Fields of a pod's spec that a lab reads, besides its containers. */
const SPEC_FIELDS = [
  "nodeName",
  "hostNetwork",
  "dnsPolicy",
  "dnsConfig",
  "hostname",
  "subdomain",
  "terminationGracePeriodSeconds",
  "serviceAccountName",
];
/** What the API server fills in, and a lab too. */
const SPEC_DEFAULTS = {
  hostNetwork: false,
  serviceAccountName: "default",
  dnsPolicy: "ClusterFirst",
  terminationGracePeriodSeconds: 30,
};
/** Every pod has one of these, put there by the API server. */
const TOKEN_VOLUME = "kube-api-access-";
/** Annotations that are the server's or the CNI's own. */
const SERVER_ANNOTATIONS =
  /^(kubectl\.kubernetes\.io\/|vpc\.amazonaws\.com\/|deployment\.kubernetes\.io\/|endpoints\.kubernetes\.io\/)/;
/** Pods of a node that podplane is itself: it counts them, and they need no address. */
const PODPLANE_ITSELF = ["aws-node", "kube-proxy"];

/** A pod with the address that it was observed with. */
export interface ImportedPod {
  readonly document: Record<string, unknown>;
  /** `pod/default/web-1` */
  readonly key: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Null: it had none, or its node's. */
  readonly address: string | null;
  /** Name of its ENI on the node, `eth1`; null: not known, or a branch ENI. */
  readonly eni: string | null;
}

/** metadata without what a server writes: name, namespace, labels and annotations. */
export function cleanMetadata({ metadata }: KubeObject, annotations: Record<string, string> = {}) {
  const { name, namespace, labels } = metadata;
  const kept = Object.entries(metadata.annotations).filter(([key]) => !SERVER_ANNOTATIONS.test(key));
  const all = { ...Object.fromEntries(kept), ...annotations };
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(Object.keys(all).length === 0 ? {} : { annotations: all }),
  };
}

/** Whether an ENI has an address for pods: in a prefix, or as a secondary one. */
function hasAddress(eni: ObservedEni, address: number): boolean {
  return (
    eni.Ipv4Prefixes.some(({ Ipv4Prefix }) => containsAddress(toCidr(Ipv4Prefix), address)) ||
    eni.PrivateIpAddresses.some((a) => !a.Primary && parseAddress(a.PrivateIpAddress) === address)
  );
}

export class PodImport {
  readonly #observed: Observed;
  readonly #nodes: readonly ObservedNode[];
  readonly #options: StandInOptions;
  readonly #notes: ImportNotes;

  constructor(observed: Observed, nodes: readonly ObservedNode[], options: StandInOptions, notes: ImportNotes) {
    this.#observed = observed;
    this.#nodes = nodes;
    this.#options = options;
    this.#notes = notes;
  }

  run(): ImportedPod[] {
    return this.#observed.ofKind("Pod").flatMap((object) => this.#pod(object) ?? []);
  }

  /** A pod's spec as a lab has it. @param name in the report. */
  spec(name: string, namespace: string, labels: Readonly<Record<string, string>>, spec: KubePodSpec) {
    if (spec.initContainers.length > 0) this.#notes.add(name, "init containers are left out: pods have no images");
    if (spec.volumes.some((volume) => !volume.name.startsWith(TOKEN_VOLUME)))
      this.#notes.add(name, "volumes are left out: pods have the machine's files");
    if (this.#options.command !== null && spec.containers.some((c) => c.image !== undefined))
      this.#notes.add(
        "",
        "images are left out: in their place a stand-in listens on the containers' ports and says who it is, to HTTP and " +
          "UDP; it is always ready",
      );
    const kept = Object.fromEntries(SPEC_FIELDS.flatMap((key) => (spec[key] === undefined ? [] : [[key, spec[key]]])));
    for (const [key, value] of Object.entries(SPEC_DEFAULTS)) if (kept[key] === value) delete kept[key];
    // podplane answers for CoreDNS's pods itself.
    const dns = namespace === DNS_NAMESPACE && labels[DNS_APP.key] === DNS_APP.value;
    const used = dns ? [] : this.#usedPorts(namespace, labels);
    const options = dns && this.#options.command !== null ? { command: null } : this.#options;
    const containers = dns
      ? spec.containers
          .slice(0, 1)
          .map((c) => ({ name: c.name, ports: c.ports.map(({ hostPort: _, ...port }) => port) }))
      : importContainers(name, spec, used, options, this.#notes);
    return { ...kept, containers };
  }

  #pod(object: KubeObject): ImportedPod | null {
    const name = objectName(object);
    const { spec, status } = kubePodSchema.parse(object);
    const { labels } = object.metadata;
    const namespace = object.metadata.namespace ?? "default";
    const leaveOut = (why: string) => {
      this.#notes.add(name, why);
      return null;
    };
    if (namespace === DNS_NAMESPACE && PODPLANE_ITSELF.includes(labels["k8s-app"] ?? "") && spec.hostNetwork)
      return leaveOut("left out: podplane is aws-node and kube-proxy itself, and counts them");
    if (status.phase === "Succeeded" || status.phase === "Failed")
      return leaveOut(`left out: its phase is ${status.phase}`);
    if (object.metadata.deletionTimestamp !== undefined) return leaveOut("left out: it was terminating");
    if (spec.nodeName !== undefined && !this.#nodes.some((n) => n.object.metadata.name === spec.nodeName))
      return leaveOut(`left out: its node ${spec.nodeName} is not among the objects`);
    if (status.podIP.includes(":")) return leaveOut("left out: it has an IPv6 address alone");
    const ready = status.conditions.find((c) => c.type === "Ready")?.status ?? "True";
    if (ready !== "True") this.#notes.add(name, "was not ready when it was observed: its stand-in is");
    const pinned = this.#place(name, spec, status.podIP);
    const annotations = {
      ...(pinned.address === null ? {} : { [PINNED.address]: pinned.address }),
      ...(pinned.eni === null ? {} : { [PINNED.eni]: pinned.eni }),
    };
    return {
      key: `pod/${namespace}/${object.metadata.name}`,
      namespace,
      labels,
      ...pinned,
      document: {
        apiVersion: "v1",
        kind: "Pod",
        metadata: cleanMetadata(object, annotations),
        spec: this.spec(name, namespace, labels, spec),
      },
    };
  }

  /** Its address and the ENI that has it. */
  #place(name: string, spec: KubePodSpec, podIP: string): { address: string | null; eni: string | null } {
    const address = parseAddress(podIP);
    if (spec.hostNetwork) return { address: null, eni: null };
    if (address === null) {
      this.#notes.add(name, "had no address when it was observed: it gets one here if there is one");
      return { address: null, eni: null };
    }
    const node = this.#nodes.find((n) => n.object.metadata.name === spec.nodeName);
    const eni = node?.enis.find((e) => hasAddress(e, address));
    if (eni !== undefined) return { address: podIP, eni: interfaceName(eni.Attachment?.DeviceIndex ?? 0) };
    const branch = this.#observed.ec2.NetworkInterfaces.find(
      (e) => e.InterfaceType === "branch" && e.PrivateIpAddress === podIP,
    );
    if (branch !== undefined) {
      this.#notes.add(name, "its branch ENI has the observed address; its id and VLAN are others");
      return { address: podIP, eni: null };
    }
    this.#notes.add(
      name,
      "no ENI of its node has its address in the answers (they are of another moment, or not all): it gets another one",
    );
    return { address: null, eni: null };
  }

  /** Ports by number that Services send to the pods with these labels. */
  #usedPorts(namespace: string, labels: Readonly<Record<string, string>>): UsedPort[] {
    return this.#observed.ofKind("Service").flatMap((service) => {
      if ((service.metadata.namespace ?? "default") !== namespace) return [];
      const { selector, ports } = kubeServiceSchema.parse(service).spec;
      const selected = Object.entries(selector);
      if (selected.length === 0 || selected.some(([key, value]) => labels[key] !== value)) return [];
      return ports.flatMap(({ port, targetPort = port, protocol }) =>
        typeof targetPort === "number" ? [{ port: targetPort, protocol }] : [],
      );
    });
  }
}
