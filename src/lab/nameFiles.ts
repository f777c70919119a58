import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ClusterState } from "../control/clusterState.ts";
import { aliasLines, hostNetworkHostsFile, podHostsFile, podHostsLine } from "../control/dns/podHosts.ts";
import { machineResolvConf, podResolvConf, resolvConfText } from "../control/dns/resolvConf.ts";
import { dnsMode } from "../control/dns/settings.ts";
import { hostName, nodeName } from "../control/entityNames.ts";
import { type ServiceView, serviceViews } from "../control/views.ts";
import { formatAddress } from "../plane/wire/address.ts";
import { namespaceFileName } from "./netSpec.ts";
import type { PodEntry } from "./podEntry.ts";

/** What a process of a pod, host or node sees of names. */
interface NameSources {
  readonly hosts: string;
  readonly resolv: string;
  /** Whether names are asked of a name server at all. */
  readonly asksDns: boolean;
}

const NSSWITCH = ["hosts: files", "hosts: files dns"];
const LOCALHOST = "127.0.0.1 localhost";

/**
 * /etc/hosts, /etc/resolv.conf and /etc/nsswitch.conf of pods, nodes and hosts, written in place, so that a running process
 * sees a change. With cluster DNS they are what kubelet and EC2 make them; without (`dns: {mode: none}`) services and hosts
 * are in /etc/hosts under the names that DNS would give them.
 */
export class NameFiles {
  readonly #directory: string;
  readonly #written = new Map<string, string>();

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
  }

  /** Files of a pod, host or node, as mounts for {@link PodEntry}. */
  mounts(name: string): PodEntry["files"] {
    return ["hosts", "resolv.conf", "nsswitch.conf"].map((file) => ({
      source: this.#path(name, file),
      target: `/etc/${file}`,
    }));
  }

  /** Writes the files of everything that a process can run in. */
  match(state: ClusterState): void {
    const sources = nameSources(state);
    const paths = new Set<string>();
    for (const [name, { hosts, resolv, asksDns }] of sources) {
      const nsswitch = `passwd: files\ngroup: files\n${NSSWITCH[Number(asksDns)]}\n`;
      const files = { hosts, "resolv.conf": resolv, "nsswitch.conf": nsswitch };
      for (const [file, text] of Object.entries(files)) {
        const path = this.#path(name, file);
        paths.add(path);
        if (this.#written.get(path) === text) continue;
        writeFileSync(path, text);
        this.#written.set(path, text);
      }
    }
    for (const path of this.#written.keys())
      if (!paths.has(path)) {
        rmSync(path, { force: true });
        this.#written.delete(path);
      }
  }

  #path(name: string, file: string): string {
    return join(this.#directory, `${namespaceFileName(name)}.${file}`);
  }
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("");
}

function nameSources(state: ClusterState): Map<string, NameSources> {
  return dnsMode(state.lab) === "none" ? fileSources(state) : dnsSources(state);
}

/** With cluster DNS: /etc/hosts has a pod's or machine's own name and the pod's aliases alone. */
function dnsSources(state: ClusterState): Map<string, NameSources> {
  const { lab } = state;
  const sources = new Map<string, NameSources>();
  const machine = resolvConfText(machineResolvConf(lab));
  const nodeHosts = new Map<string, string[]>();
  const domain = lab.spec.cluster.dns.clusterDomain;
  for (const { spec, address } of state.nodes) {
    const hosts = [LOCALHOST, `${formatAddress(address)} ${spec.name}`];
    nodeHosts.set(spec.name, hosts);
    sources.set(nodeName(spec.name), { hosts: lines(hosts), resolv: machine, asksDns: true });
  }
  for (const { desired, place } of state.pods) {
    const resolv = resolvConfText(podResolvConf(lab, desired.namespace, desired.spec));
    const hosts = place.hostNetwork
      ? hostNetworkHostsFile(desired, nodeHosts.get(place.node) ?? [])
      : podHostsFile(desired, formatAddress(place.address), domain);
    sources.set(desired.key, { hosts, resolv, asksDns: true });
  }
  for (const { spec } of state.hosts) {
    // Beyond the VPC nobody answers for the lab's names.
    const isInVpc = spec.subnet !== undefined;
    const hosts = lines([LOCALHOST, `${spec.address} ${spec.name}`, ...(isInVpc ? [] : otherHosts(state, spec.name))]);
    sources.set(hostName(spec.name), { hosts, resolv: isInVpc ? machine : "", asksDns: isInVpc });
  }
  return sources;
}

/** Without cluster DNS. */
function fileSources(state: ClusterState): Map<string, NameSources> {
  const domain = state.lab.spec.cluster.dns.clusterDomain;
  const services = serviceViews(state);
  const sources = new Map<string, NameSources>();
  const add = (key: string, name: string, own: readonly string[], namespace: string | null) => {
    const names = namespace === null ? [] : services.flatMap((service) => serviceLine(service, namespace, domain));
    const hosts = lines([LOCALHOST, ...own, ...names, ...otherHosts(state, name)]);
    const search = namespace === null ? [] : [`search ${namespace}.svc.${domain} svc.${domain} ${domain}`];
    sources.set(key, { hosts, resolv: lines([...search, "options ndots:5"]), asksDns: false });
  };
  for (const { spec, address } of state.nodes)
    add(nodeName(spec.name), spec.name, [`${formatAddress(address)} ${spec.name}`], "default");
  for (const { desired, place } of state.pods) {
    const own = podHostsLine(desired, formatAddress(place.address), domain);
    add(desired.key, desired.name, [own, ...aliasLines(desired.spec)], desired.namespace);
  }
  for (const { spec } of state.hosts) add(hostName(spec.name), spec.name, [`${spec.address} ${spec.name}`], null);
  return sources;
}

function otherHosts(state: ClusterState, own: string): string[] {
  return state.hosts.filter((h) => h.spec.name !== own).map((h) => `${h.spec.address} ${h.spec.name}`);
}

function serviceLine(service: ServiceView, namespace: string, domain: string): string[] {
  const { name, clusterIP } = service;
  if (clusterIP === null) return [];
  const full = `${name}.${service.namespace}`;
  const names = [full, `${full}.svc`, `${full}.svc.${domain}`];
  return [`${clusterIP} ${(service.namespace === namespace ? [name, ...names] : names).join(" ")}`];
}
