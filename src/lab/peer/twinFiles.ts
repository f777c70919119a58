import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ClusterState, PodState } from "../../control/clusterState.ts";
import type { ServiceState } from "../../control/serviceStates.ts";
import { formatAddress } from "../../plane/wire/address.ts";
import type { PodEntry } from "../podEntry.ts";

/** Under which names a service is found in a file that all namespaces share: the short one where it is in `default`. */
function namesOf({ object }: ServiceState, domain: string): string[] {
  const { name, namespace } = object.metadata;
  const full = `${name}.${namespace}`;
  return [...(namespace === "default" ? [name] : []), full, `${full}.svc`, `${full}.svc.${domain}`];
}

/** A service's ClusterIP; for a headless one its ready endpoints, each with its own name as well where it has one. */
function serviceLines(service: ServiceState, pods: ReadonlyMap<string, PodState>, domain: string): string[] {
  const { clusterIP, object, ports } = service;
  const names = namesOf(service, domain);
  if (clusterIP !== null) return [`${formatAddress(clusterIP)} ${names.join(" ")}`];
  if (object.spec.type === "ExternalName") return [];
  const ready = new Map(ports.flatMap(({ endpoints }) => endpoints.filter((e) => e.ready)).map((e) => [e.address, e]));
  return [...ready.values()].map(({ address, hostname: given, pod }) => {
    const spec = pods.get(pod ?? "")?.desired.spec;
    const hostname = given ?? (spec?.subdomain === object.metadata.name ? spec.hostname : undefined);
    const own = hostname === undefined ? [] : names.map((name) => `${hostname}.${name}`);
    return `${formatAddress(address)} ${[...names, ...own].join(" ")}`;
  });
}

/**
 * A twin has no name server: /etc/hosts has services under all their names, hosts and nodes under their own, as they were
 * when the twin was made, the same for every namespace.
 *
 * @param directory of the files, made if need be.
 * @returns the mounts of every entry.
 */
export function twinFiles(directory: string, state: ClusterState): PodEntry["files"] {
  const domain = state.lab.spec.cluster.dns.clusterDomain;
  const pods = new Map(state.pods.map((pod) => [pod.desired.key, pod]));
  const services = state.services.flatMap((service) => serviceLines(service, pods, domain));
  const machines = [...state.hosts, ...state.nodes].map(
    ({ address, spec }) => `${formatAddress(address)} ${spec.name}`,
  );
  const texts: Record<string, readonly string[]> = {
    hosts: ["127.0.0.1 localhost", ...services, ...machines],
    "resolv.conf": ["options ndots:5"],
    "nsswitch.conf": ["passwd: files", "group: files", "hosts: files"],
  };
  mkdirSync(directory, { recursive: true });
  return Object.entries(texts).map(([name, lines]) => {
    const source = join(directory, name);
    writeFileSync(source, `${lines.join("\n")}\n`);
    return { source, target: `/etc/${name}` };
  });
}
