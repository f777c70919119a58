import { formatAddress } from "../../plane/wire/address.ts";
import type { ClusterState } from "../clusterState.ts";
import { lazily } from "../lazily.ts";
import { ClusterResolver } from "./clusterResolver.ts";
import { DNS_NAMESPACE, DNS_SERVICE } from "./implicitObjects.ts";
import type { DnsObjects } from "./objects.ts";
import type { Resolver } from "./records.ts";
import { clusterDnsAddress, dnsMode, vpcDomain } from "./settings.ts";
import { StateServices } from "./stateServices.ts";
import { type NamedMachine, VpcResolver } from "./vpcResolver.ts";
import { ClusterZone } from "./zone.ts";

/** Namespaces that every cluster has. */
const BUILT_IN_NAMESPACES = ["default", "kube-node-lease", "kube-public", DNS_NAMESPACE];

/**
 * What DNS answers from; every part of it is made when it is first asked for, because a cluster changes more often than all
 * its services are asked for.
 *
 * @param namespaces names of the Namespace objects; those that hold something exist without one.
 */
export function dnsObjects(state: ClusterState, namespaces: readonly string[]): DnsObjects {
  const existing = lazily(
    () =>
      new Set([
        ...BUILT_IN_NAMESPACES,
        ...namespaces,
        ...state.services.map((s) => s.object.metadata.namespace),
        ...[...state.pods, ...state.waiting].map((p) => p.desired.namespace),
      ]),
  );
  return {
    namespaces: { has: (name) => existing().has(name) },
    services: new StateServices(state),
    pods: state.pods.map(({ desired, place }) => ({
      namespace: desired.namespace,
      address: formatAddress(place.address),
    })),
  };
}

/** Hosts first: a name that a host and a node have is the host's. */
function machines(state: ClusterState): NamedMachine[] {
  return [
    ...state.hosts.map(({ spec, address }) => ({
      name: spec.name,
      address: formatAddress(address),
      inVpc: spec.subnet !== undefined,
    })),
    ...state.nodes.map(({ spec, address }) => ({ name: spec.name, address: formatAddress(address), inVpc: true })),
  ];
}

/** The two resolvers of a lab. */
export interface LabResolvers {
  /** At the cluster DNS address. */
  readonly cluster: Resolver;
  /** The VPC's. */
  readonly vpc: Resolver;
}

/**
 * @param serial counts the cluster's changes
 * @param namespaces names of the Namespace objects
 */
export function labResolvers(state: ClusterState, serial: number, namespaces: readonly string[]): LabResolvers {
  const { lab } = state;
  const { clusterDomain, ttl, pods } = lab.spec.cluster.dns;
  const vpc = new VpcResolver(vpcDomain(lab), machines(state));
  const nameserver =
    dnsMode(lab) === "none" ? null : { name: `${DNS_SERVICE}.${DNS_NAMESPACE}.svc`, address: clusterDnsAddress(lab) };
  const zone = new ClusterZone({
    objects: dnsObjects(state, namespaces),
    domain: clusterDomain,
    ttl,
    pods,
    serial,
    nameserver,
    upstream: vpc,
  });
  return { cluster: new ClusterResolver(zone, vpc), vpc };
}
