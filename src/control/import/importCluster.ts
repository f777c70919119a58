import { z } from "zod";
import { parseAddress } from "../../plane/wire/address.ts";
import { cniEnvSchema } from "../objects/cniEnv.ts";
import { cidrText } from "../vpc/cidr.ts";
import type { ObservedNode } from "./importMachines.ts";
import { type KubeObject, kubeConfigMapSchema, kubeDaemonEnvSchema, kubeServiceSchema } from "./kubeShapes.ts";
import type { LabSpec } from "./labInput.ts";
import type { ImportNotes } from "./notes.ts";
import type { Observed } from "./observed.ts";

type ClusterInput = NonNullable<LabSpec["cluster"]>;
type KubeProxyInput = NonNullable<ClusterInput["kubeProxy"]>;
type CniEnv = Record<string, string>;

const SYSTEM = "kube-system";
const CNI_DAEMON = "aws-node";
const POLICY_ARGUMENT = "--enable-network-policy=";
const PROXY_CONFIG = "kube-proxy-config";
const PROXY_CONFIG_KEY = "config";
const COMPUTE_TYPE = "eks.amazonaws.com/compute-type";
/** EKS's own choices for a cluster's services (EKS user guide, "Service IPv4 range"). */
const SERVICE_CIDRS = ["10.100.0.0/16", "172.20.0.0/16"];
const SERVICE_LENGTH = 16;
const SERVICE_MASK = -(2 ** (32 - SERVICE_LENGTH));

/** The parts of kube-proxy's configuration that a lab has (kubeproxy.config.k8s.io/v1alpha1). */
const proxyConfigSchema = z.object({
  mode: z.string().default(""),
  clusterCIDR: z.string().default(""),
  iptables: z.object({ masqueradeAll: z.boolean().default(false) }).prefault({}),
  ipvs: z.object({ scheduler: z.string().default("") }).prefault({}),
});
const PROXY_MODES = ["iptables", "ipvs", "nftables"] as const;
const IPVS_SCHEDULERS = ["rr", "wrr", "lc", "sh", "mh"] as const;

const inSystem = (object: KubeObject, name: string): boolean =>
  object.metadata.namespace === SYSTEM && object.metadata.name === name;

/** Whether the nodes are EKS Auto Mode's. */
export function isAutoMode(observed: Observed): boolean {
  return observed.ofKind("Node").some((node) => node.metadata.labels[COMPUTE_TYPE] === "auto");
}

type DaemonPod = z.output<typeof kubeDaemonEnvSchema>["spec"]["template"]["spec"];

/** The pods of the aws-node DaemonSet; null: it is not among the objects. */
function daemonPod(observed: Observed): DaemonPod | null {
  const daemon = observed.ofKind("DaemonSet").find((object) => inSystem(object, CNI_DAEMON));
  return kubeDaemonEnvSchema.safeParse(daemon).data?.spec.template.spec ?? null;
}

/** Whether the network policy agent beside aws-node enforces policies; null: nothing says so. */
function enforcesPolicies(pod: DaemonPod): boolean | null {
  const argument = pod.containers.flatMap((container) => container.args).find((a) => a.startsWith(POLICY_ARGUMENT));
  return argument === undefined ? null : argument.slice(POLICY_ARGUMENT.length) === "true";
}

/** The environment of aws-node: variables that the CNI reads. */
function daemonEnv({ containers, initContainers }: DaemonPod): CniEnv {
  const variables = [...initContainers, ...containers].flatMap((container) => container.env);
  const known = variables.filter(({ name }) => Object.hasOwn(cniEnvSchema.shape, name));
  return Object.fromEntries(known.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
}

/** What the ENIs say of the CNI's settings where its DaemonSet is not there to be read. */
function guessedEnv(observed: Observed, nodes: readonly ObservedNode[], notes: ImportNotes): CniEnv {
  const env: CniEnv = {};
  const enis = nodes.flatMap((node) => node.enis);
  if (enis.some((eni) => eni.Ipv4Prefixes.length > 0)) env.ENABLE_PREFIX_DELEGATION = "true";
  if (enis.some((eni) => eni.InterfaceType === "trunk")) env.ENABLE_POD_ENI = "true";
  if (observed.ofKind("ENIConfig").length > 0) env.AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG = "true";
  const found = Object.keys(env).length === 0 ? "the CNI's defaults" : Object.keys(env).join(", ");
  notes.add(
    `daemonset/${SYSTEM}/${CNI_DAEMON}`,
    `not among the objects: its environment is guessed by the ENIs and ENIConfigs (${found}); give kubectl get daemonsets -A`,
  );
  return env;
}

function kubeProxy(observed: Observed, parseYaml: (text: string) => unknown, notes: ImportNotes): KubeProxyInput {
  const map = observed.ofKind("ConfigMap").find((object) => inSystem(object, PROXY_CONFIG));
  const text = kubeConfigMapSchema.safeParse(map).data?.data[PROXY_CONFIG_KEY];
  const name = `configmap/${SYSTEM}/${PROXY_CONFIG}`;
  if (text === undefined) {
    notes.add(name, "not among the objects: kube-proxy is taken to run in iptables mode");
    return {};
  }
  const parsed = proxyConfigSchema.safeParse(parseYaml(text));
  if (!parsed.success) {
    notes.add(name, "its config is no KubeProxyConfiguration: kube-proxy is taken to run in iptables mode");
    return {};
  }
  const { mode: modeText, clusterCIDR, iptables, ipvs } = parsed.data;
  const mode = PROXY_MODES.find((m) => m === modeText);
  const scheduler = IPVS_SCHEDULERS.find((s) => s === ipvs.scheduler);
  if (modeText !== "" && mode === undefined) notes.add(name, `mode ${modeText} is left out: podplane has no such mode`);
  const blocks = clusterCIDR.split(",").filter((block) => !block.includes(":") && block !== "");
  return {
    ...(mode === undefined ? {} : { mode }),
    ...(mode === "ipvs" && scheduler !== undefined ? { scheduler } : {}),
    ...(blocks.length === 0 ? {} : { clusterCIDR: blocks[0] }),
    ...(iptables.masqueradeAll ? { masqueradeAll: true } : {}),
  };
}

/** The /16 of the cluster IPs: no answer has the service CIDR itself. */
function serviceCidr(observed: Observed, notes: ImportNotes): string | null {
  const addresses = observed.ofKind("Service").flatMap((object) => {
    const address = parseAddress(kubeServiceSchema.safeParse(object).data?.spec.clusterIP ?? "");
    return address === null ? [] : [address];
  });
  if (addresses.length === 0) return null;
  const text = cidrText({ prefix: addresses[0] & SERVICE_MASK, length: SERVICE_LENGTH });
  if (!SERVICE_CIDRS.includes(text))
    notes.add(
      "",
      `the service CIDR is taken to be ${text}, by the Services' addresses; correct cluster.serviceCidr if it is not`,
    );
  return text;
}

/** How the cluster's nodes are set up. @param parseYaml reads a ConfigMap's text */
export function importCluster(
  observed: Observed,
  nodes: readonly ObservedNode[],
  parseYaml: (text: string) => unknown,
  notes: ImportNotes,
): ClusterInput {
  const auto = isAutoMode(observed);
  const cidr = serviceCidr(observed, notes);
  const proxy = auto ? {} : kubeProxy(observed, parseYaml, notes);
  const daemon = auto ? null : daemonPod(observed);
  const env = auto ? {} : daemon === null ? guessedEnv(observed, nodes, notes) : daemonEnv(daemon);
  const enforced = daemon === null ? null : enforcesPolicies(daemon);
  return {
    ...(auto ? { mode: "auto" as const } : {}),
    ...(cidr === null ? {} : { serviceCidr: cidr }),
    ...(Object.keys(env).length === 0 ? {} : { cni: { env } }),
    ...(enforced === null ? {} : { networkPolicy: { enabled: enforced } }),
    ...(Object.keys(proxy).length === 0 ? {} : { kubeProxy: proxy }),
  };
}

/** What the lab is called: after the cluster, where an object or a tag names it. */
export function clusterName(observed: Observed): string | null {
  const prefix = "kubernetes.io/cluster/";
  const { NetworkInterfaces, Subnets } = observed.ec2;
  const instances = observed.ec2.Reservations.flatMap((r) => r.Instances);
  const tags = [
    ...instances.flatMap((i) => i.Tags),
    ...NetworkInterfaces.flatMap((e) => e.TagSet),
    ...Subnets.flatMap((s) => s.Tags),
  ];
  const named = tags.find(
    ({ Key }) =>
      Key === "eks:cluster-name" || Key === "cluster.k8s.amazonaws.com/name" || Key === "aws:eks:cluster-name",
  );
  if (named !== undefined) return named.Value;
  return tags.find(({ Key }) => Key.startsWith(prefix))?.Key.slice(prefix.length) ?? null;
}
