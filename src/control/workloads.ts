import { DEVICE_HOST, DEVICE_NODE, DEVICE_POD, type DeviceRow } from "../plane/rows.ts";
import { formatAddress } from "../plane/wire/address.ts";
import type { ClusterState, PodState } from "./clusterState.ts";
import type { Snapshot } from "./compile.ts";
import { podHostname } from "./dns/podHosts.ts";
import { hostName, nodeName } from "./entityNames.ts";
import { type Container, type DownwardField, isDownwardField, type PodSpec } from "./objects/pod.ts";
import { type ContainerProbes, containerProbes } from "./probes.ts";

/** A network namespace with a TUN: one for each device. */
export interface NamespaceSpec {
  /** `pod/default/web-1`, `node/node-1`, `host/rds` */
  readonly name: string;
  /** Index of the device that the TUN is. */
  readonly device: number;
  readonly kind: "pod" | "node" | "host";
  /** Name of the node of a pod or host namespace; null for a host. */
  readonly node: string | null;
  readonly address: string;
  /** bytes */
  readonly mtu: number;
  /** An appliance: a host whose ENI has no source/destination check forwards what is not for it. */
  readonly forwards?: true;
}

/** What runs before a container gets SIGTERM: a command in the pod, or nothing for so many milliseconds. */
export type PreStop = { readonly command: readonly string[] } | { readonly sleep: number };

/** A process that runs in a workload's namespace. */
export interface ProcessSpec {
  /** Name of the container; `main` for a host. */
  readonly name: string;
  /** Never empty: program, then arguments. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** As the container has it; null: the lab's directory. */
  readonly workingDir: string | null;
  readonly preStop: PreStop | null;
  readonly probes: ContainerProbes;
}

const NO_PROBES: ContainerProbes = { readiness: null, liveness: null, startup: null };
const SECOND = 1000;

/** What runs: a pod or a host, with no process where it names no command. */
export interface Workload {
  /** `pod/default/web-1`, `host/rds` */
  readonly name: string;
  readonly kind: "pod" | "host";
  /** Name of the {@link NamespaceSpec} it runs in: its own, or its node's for a hostNetwork pod. */
  readonly namespace: string;
  readonly address: string;
  /** What `hostname` says in it: a hostNetwork pod has its node's. */
  readonly hostname: string;
  /** Name of the {@link NamespaceSpec} that its kubelet probes it from; null for a host. */
  readonly kubelet: string | null;
  /** From deletion to SIGKILL, milliseconds. */
  readonly grace: number;
  readonly processes: readonly ProcessSpec[];
}

const KIND_NAMES = { [DEVICE_POD]: "pod", [DEVICE_NODE]: "node", [DEVICE_HOST]: "host" } as const;

/** The namespaces of a snapshot, in the order of its rows. */
export function namespaceSpecs(snapshot: Snapshot): NamespaceSpec[] {
  const { names, machines } = snapshot;
  const unchecked = new Set<number>();
  for (const row of machines.values()) if (row.t === "eni" && !row.sourceDestCheck) unchecked.add(row.id);
  return [...machines.values()]
    .filter((row): row is DeviceRow => row.t === "device")
    .map((row) => ({
      name: names.device(row.id),
      device: row.id,
      kind: KIND_NAMES[row.kind],
      node: row.node < 0 ? null : names.node(row.node),
      address: formatAddress(row.address),
      mtu: row.mtu,
      ...(row.kind === DEVICE_HOST && unchecked.has(row.eni) ? { forwards: true as const } : {}),
    }));
}

/** Values of the fields that `valueFrom.fieldRef` may name (the downward API): those of DOWNWARD_FIELDS. */
function downwardFields(state: ClusterState, pod: PodState): Record<DownwardField, string> {
  const node = state.nodes.find((n) => n.spec.name === pod.place.node);
  return {
    "metadata.name": pod.desired.name,
    "metadata.namespace": pod.desired.namespace,
    "spec.nodeName": pod.place.node,
    "status.podIP": formatAddress(pod.place.address),
    "status.hostIP": formatAddress(node?.address ?? 0),
  };
}

function preStopOf({ lifecycle }: Container): PreStop | null {
  const { exec, sleep } = lifecycle.preStop ?? {};
  if (exec !== undefined) return { command: exec.command };
  return sleep === undefined ? null : { sleep: sleep.seconds * SECOND };
}

function containerProcess(
  container: Container,
  spec: PodSpec,
  fields: Readonly<Record<DownwardField, string>>,
): ProcessSpec | null {
  if (container.command === undefined || container.command.length === 0) return null;
  const env: Record<string, string> = {
    POD_NAME: fields["metadata.name"],
    POD_NAMESPACE: fields["metadata.namespace"],
    POD_IP: fields["status.podIP"],
    NODE_NAME: fields["spec.nodeName"],
  };
  for (const { name, value, valueFrom } of container.env) {
    const field = valueFrom?.fieldRef?.fieldPath;
    if (field === undefined) env[name] = value ?? "";
    else if (isDownwardField(field)) env[name] = fields[field];
  }
  const command = [...container.command, ...(container.args ?? [])];
  return {
    name: container.name,
    command,
    env,
    workingDir: container.workingDir ?? null,
    preStop: preStopOf(container),
    probes: containerProbes(container, spec, fields["status.podIP"]),
  };
}

/** Pods in the order of their objects, then hosts. Environment: POD_NAME, POD_NAMESPACE, POD_IP, NODE_NAME; HOST_NAME. */
export function workloads(state: ClusterState): Workload[] {
  const pods = state.pods.map((pod): Workload => {
    const fields = downwardFields(state, pod);
    const { desired, place } = pod;
    return {
      name: desired.key,
      kind: "pod",
      namespace: place.hostNetwork ? nodeName(place.node) : desired.key,
      address: formatAddress(place.address),
      hostname: place.hostNetwork ? place.node : podHostname(desired),
      kubelet: nodeName(place.node),
      grace: desired.spec.terminationGracePeriodSeconds * SECOND,
      processes: desired.spec.containers
        .map((c) => containerProcess(c, desired.spec, fields))
        .filter((p) => p !== null),
    };
  });
  const hosts = state.hosts.map(({ spec }): Workload => {
    const name = hostName(spec.name);
    const command = [...(spec.command ?? []), ...(spec.args ?? [])];
    const process = {
      name: "main",
      command,
      env: { HOST_NAME: spec.name },
      workingDir: null,
      preStop: null,
      probes: NO_PROBES,
    };
    return {
      name,
      kind: "host",
      namespace: name,
      address: spec.address,
      hostname: spec.name,
      kubelet: null,
      grace: 0,
      processes: command.length > 0 ? [process] : [],
    };
  });
  return [...pods, ...hosts];
}
