import type { ClusterNetworkPolicy } from "./clusterNetworkPolicy.ts";
import { cniNotes } from "./cniNotes.ts";
import type { Finding, ObjectPath } from "./finding.ts";
import type { LabObject } from "./kinds.ts";
import type { Lab } from "./lab.ts";
import type { NetworkPolicy, PolicyPeer } from "./networkPolicy.ts";
import { isDownwardField, type PodSpec } from "./pod.ts";
import { isIPv6Block } from "./policyFields.ts";
import { deploymentOf, type ReplicaSet } from "./replicaSet.ts";
import type { SecurityGroupPolicy } from "./securityGroupPolicy.ts";
import { loadBalancerIPs, type Service } from "./service.ts";

function labNotes(lab: Lab): Finding[] {
  const notes: Finding[] = [];
  const { cluster } = lab.spec;
  for (const { name, message } of cniNotes(cluster.cni.env, cluster.mode))
    notes.push({ path: ["spec", "cluster", "cni", "env", name], message });
  return notes;
}

function serviceNotes({ spec, status }: Service): Finding[] {
  const notes: Finding[] = [];
  if (spec.type === "LoadBalancer" && loadBalancerIPs({ spec, status }).length === 0)
    notes.push({
      path: ["spec", "type"],
      message:
        "no load balancer: nobody gives a LoadBalancer service an address here; its ClusterIP and node ports work, " +
        "and addresses of status.loadBalancer.ingress or spec.loadBalancerIP do",
    });
  if ([...spec.externalIPs, ...spec.loadBalancerSourceRanges].some((text) => text.includes(":")))
    notes.push({ path: ["spec"], message: "ignored: IPv6 addresses of a Service, as kube-proxy for IPv4 does" });
  (status?.loadBalancer.ingress ?? []).forEach((ingress, i) => {
    if (ingress.hostname !== undefined)
      notes.push({
        path: ["status", "loadBalancer", "ingress", i, "hostname"],
        message: "ignored: kube-proxy acts on the addresses of a load balancer alone, never on its hostname",
      });
  });
  return notes;
}

function podNotes(kind: string, at: ObjectPath, spec: PodSpec): Finding[] {
  const notes: Finding[] = [];
  spec.containers.forEach((container, i) => {
    const path = [...at, "spec", "containers", i];
    if (container.args !== undefined && container.command === undefined)
      notes.push({
        path: [...path, "args"],
        message: `ignored: ${kind} args without a command have nothing to run, because pods have no images`,
      });
    container.env.forEach(({ valueFrom }, j) => {
      const field = valueFrom?.fieldRef?.fieldPath;
      if (field !== undefined && !isDownwardField(field))
        notes.push({
          path: [...path, "env", j, "valueFrom", "fieldRef", "fieldPath"],
          message: `ignored: podplane has no value for the field ${field}`,
        });
    });
  });
  return notes;
}

function replicaSetNotes(set: ReplicaSet): Finding[] {
  const deployment = deploymentOf(set);
  if (deployment === null) return podNotes(set.kind, ["spec", "template"], set.spec.template.spec);
  const message = `ignored: the pods of a Deployment's ReplicaSet are made by the Deployment itself (${deployment})`;
  return [{ path: ["metadata", "ownerReferences"], message }];
}

function policyNotes({ spec }: SecurityGroupPolicy): Finding[] {
  if (spec.podSelector !== undefined || spec.serviceAccountSelector !== undefined) return [];
  return [
    {
      path: ["spec"],
      message: "ignored: a SecurityGroupPolicy without podSelector and serviceAccountSelector matches no pod",
    },
  ];
}

const IPV6_BLOCK = "ignored: podplane is IPv4 alone";

/** IPv6 blocks: paths of the blocks of a policy's rules that no packet has anything to do with. */
function blockNotes(at: ObjectPath, blocks: readonly string[]): Finding[] {
  return blocks.flatMap((block, i) => (isIPv6Block(block) ? [{ path: [...at, i], message: IPV6_BLOCK }] : []));
}

function networkPolicyNotes({ spec }: NetworkPolicy): Finding[] {
  const peerNotes = (at: ObjectPath, peers: readonly PolicyPeer[]) =>
    peers.flatMap(({ ipBlock }, i): Finding[] => {
      if (ipBlock === undefined) return [];
      const path = [...at, i, "ipBlock"];
      return isIPv6Block(ipBlock.cidr)
        ? [{ path: [...path, "cidr"], message: IPV6_BLOCK }]
        : blockNotes([...path, "except"], ipBlock.except);
    });
  return [
    ...spec.ingress.flatMap(({ from }, i) => peerNotes(["spec", "ingress", i, "from"], from)),
    ...spec.egress.flatMap(({ to }, i) => peerNotes(["spec", "egress", i, "to"], to)),
  ];
}

function clusterNetworkPolicyNotes({ spec }: ClusterNetworkPolicy): Finding[] {
  return spec.egress.flatMap(({ to }, i) =>
    to.flatMap(({ networks = [], domainNames }, j): Finding[] => {
      const path = ["spec", "egress", i, "to", j];
      if (domainNames === undefined) return blockNotes([...path, "networks"], networks);
      return [{ path: [...path, "domainNames"], message: "ignored: podplane does not act on domainNames yet" }];
    }),
  );
}

/** What an object asks for that podplane reads and does not act on. */
export function objectNotes(object: LabObject): Finding[] {
  switch (object.kind) {
    case "Lab":
      return labNotes(object);
    case "Service":
      return serviceNotes(object);
    case "Pod":
      return podNotes("Pod", [], object.spec);
    case "Deployment":
    case "StatefulSet":
    case "DaemonSet":
      return podNotes(object.kind, ["spec", "template"], object.spec.template.spec);
    case "ReplicaSet":
      return replicaSetNotes(object);
    case "SecurityGroupPolicy":
      return policyNotes(object);
    case "NetworkPolicy":
      return networkPolicyNotes(object);
    case "ClusterNetworkPolicy":
      return clusterNetworkPolicyNotes(object);
    case "EndpointSlice":
      return object.addressType === "IPv4"
        ? []
        : [
            {
              path: ["addressType"],
              message: `ignored: podplane does not act on ${object.addressType} EndpointSlices yet`,
            },
          ];
    default:
      return [];
  }
}
