import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ClusterState } from "../../control/clusterState.ts";
import { formatAddress } from "../../plane/wire/address.ts";
import type { PodEntry } from "../podEntry.ts";

const DOMAIN = "svc.cluster.local";

/**
 * A twin has no name server: /etc/hosts has services under all their names, hosts and nodes under their own, the same for
 * every namespace.
 *
 * @param directory of the files, made if need be.
 * @returns the mounts of every entry.
 */
export function twinFiles(directory: string, state: ClusterState): PodEntry["files"] {
  const services = state.services.flatMap(({ clusterIP, object }) => {
    const { name, namespace } = object.metadata;
    const short = namespace === "default" ? [name] : [];
    const names = [...short, `${name}.${namespace}`, `${name}.${namespace}.svc`, `${name}.${namespace}.${DOMAIN}`];
    return clusterIP === null ? [] : [`${formatAddress(clusterIP)} ${names.join(" ")}`];
  });
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
