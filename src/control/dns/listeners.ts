import { formatAddress } from "../../plane/wire/address.ts";
import type { ClusterState, PodState } from "../clusterState.ts";
import { eniName, hostEniName, hostName, nodeName } from "../entityNames.ts";
import { DNS_APP, DNS_NAMESPACE } from "./implicitObjects.ts";
import { clusterDnsAddress, dnsMode, vpcResolverAddresses } from "./settings.ts";

/** A place where a lab answers DNS: port 53 of an address in a network namespace. */
export interface DnsListener {
  /** `pod/kube-system/coredns-1`, `node/node-1`, `host/rds` */
  readonly namespace: string;
  readonly address: string;
  readonly resolver: "cluster" | "vpc";
  /** ENI by which queries to the VPC's resolver leave. */
  readonly eni: string;
  /** Key of the pod that is ready when it listens; null: no pod. */
  readonly pod: string | null;
}

/** Whether podplane answers DNS for a pod: CoreDNS's, unless it has a command of its own. */
function isDnsPod({ desired }: PodState): boolean {
  const { namespace, labels, spec } = desired;
  const isApp = namespace === DNS_NAMESPACE && labels[DNS_APP.key] === DNS_APP.value;
  return isApp && spec.containers.every((c) => c.command === undefined);
}

function podListener({ desired, place }: PodState): DnsListener {
  return {
    namespace: place.hostNetwork ? nodeName(place.node) : desired.key,
    address: formatAddress(place.address),
    resolver: "cluster",
    eni: place.eni,
    pod: desired.key,
  };
}

/** The addresses that a namespace has for DNS besides its own, by the namespace's name: the node answers at them itself. */
export function dnsAddresses(state: ClusterState): Map<string, string[]> {
  const addresses = new Map<string, string[]>();
  const { lab } = state;
  const mode = dnsMode(lab);
  if (mode === "none") return addresses;
  const vpc = vpcResolverAddresses(lab);
  const own = mode === "node-local" ? [clusterDnsAddress(lab)] : [];
  for (const { spec } of state.nodes) addresses.set(nodeName(spec.name), [...own, ...vpc]);
  for (const { spec } of state.hosts) if (spec.subnet !== undefined) addresses.set(hostName(spec.name), vpc);
  return addresses;
}

/**
 * Where a lab answers DNS: in CoreDNS's pods or on every node, and for the VPC's resolver on every node and host of the
 * VPC, since it is behind no ENI of its own.
 */
export function dnsListeners(state: ClusterState): DnsListener[] {
  const { lab } = state;
  const mode = dnsMode(lab);
  const pods = mode === "none" ? [] : state.pods.filter(isDnsPod).map(podListener);
  const cluster = mode === "node-local" ? clusterDnsAddress(lab) : null;
  const enis = new Map([
    ...state.nodes.map(({ spec }): [string, string] => [nodeName(spec.name), eniName(spec.name, 0)]),
    ...state.hosts.map(({ spec }): [string, string] => [hostName(spec.name), hostEniName(spec.name)]),
  ]);
  const local = [...dnsAddresses(state)].flatMap(([namespace, addresses]) =>
    addresses.map((address): DnsListener => {
      const resolver = address === cluster ? "cluster" : "vpc";
      return { namespace, address, resolver, eni: enis.get(namespace) ?? namespace, pod: null };
    }),
  );
  return [...pods, ...local];
}
