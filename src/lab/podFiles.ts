import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ServiceView } from "../control/views.ts";
import type { PodEntry } from "./podEntry.ts";

const CLUSTER_DOMAIN = "cluster.local";

/**
 * /etc/hosts, /etc/resolv.conf and /etc/nsswitch.conf of pods and hosts. There is no name server in a lab: services and
 * hosts are in /etc/hosts under the names that cluster DNS would give them, written in place, so that a running process
 * sees a change.
 */
export class PodFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files\n");
  }

  /** Files of one pod or host, as mounts for {@link PodEntry}. */
  mounts(name: string): PodEntry["files"] {
    return [
      { source: this.#hostsFile(name), target: "/etc/hosts" },
      { source: this.#resolvFile(name), target: "/etc/resolv.conf" },
      { source: join(this.#directory, "nsswitch.conf"), target: "/etc/nsswitch.conf" },
    ];
  }

  /**
   * Writes the files of one pod or host.
   *
   * @param namespace Kubernetes namespace whose short names it may use; null for a host, which knows no services.
   */
  write(
    name: string,
    hostname: string,
    address: string,
    namespace: string | null,
    services: readonly ServiceView[],
    hosts: readonly { name: string; address: string }[],
  ): void {
    const lines = ["127.0.0.1 localhost", `${address} ${hostname}`];
    if (namespace !== null)
      for (const s of services)
        if (s.clusterIP !== null) lines.push(`${s.clusterIP} ${serviceNames(s, namespace).join(" ")}`);
    for (const h of hosts) if (h.name !== hostname) lines.push(`${h.address} ${h.name}`);
    writeFileSync(this.#hostsFile(name), `${lines.join("\n")}\n`);
    const search =
      namespace === null ? "" : `search ${namespace}.svc.${CLUSTER_DOMAIN} svc.${CLUSTER_DOMAIN} ${CLUSTER_DOMAIN}\n`;
    writeFileSync(this.#resolvFile(name), `${search}options ndots:5\n`);
  }

  #hostsFile(name: string): string {
    return join(this.#directory, `${name}.hosts`);
  }

  #resolvFile(name: string): string {
    return join(this.#directory, `${name}.resolv.conf`);
  }
}

function serviceNames(s: ServiceView, namespace: string): string[] {
  const full = [
    `${s.name}.${s.namespace}`,
    `${s.name}.${s.namespace}.svc`,
    `${s.name}.${s.namespace}.svc.${CLUSTER_DOMAIN}`,
  ];
  return s.namespace === namespace ? [s.name, ...full] : full;
}
