import type { DnsObjects, DnsService } from "../../../src/control/dns/objects.ts";
import type { DnsRecord, Reply, Resolver } from "../../../src/control/dns/records.ts";
import { VpcResolver } from "../../../src/control/dns/vpcResolver.ts";
import { ClusterZone, type ClusterZoneOptions } from "../../../src/control/dns/zone.ts";

export const HTTP = { name: "http", protocol: "TCP", port: 80 };
export const DNS_UDP = { name: "dns", protocol: "UDP", port: 53 };

/** A ClusterIP service of one port; `more` replaces fields. */
export function dnsService(name: string, more: Partial<DnsService> = {}): DnsService {
  return {
    namespace: "default",
    name,
    clusterIP: "172.20.1.1",
    externalName: null,
    ports: [HTTP],
    endpoints: [],
    ...more,
  };
}

export function endpoint(address: string, hostname: string | null = null, ports = [{ ...HTTP, port: 8080 }]) {
  return { address, hostname, ports };
}

export const UPSTREAM = new VpcResolver("ec2.internal", [
  { name: "rds", address: "10.0.1.200", inVpc: true },
  { name: "web", address: "203.0.113.10", inVpc: false },
  { name: "node-1", address: "10.0.1.4", inVpc: true },
]);

/** A cluster's objects as lists: what twins read. */
export interface ListedObjects extends Pick<DnsObjects, "pods"> {
  readonly namespaces: ReadonlySet<string>;
  readonly services: readonly DnsService[];
}

/** The same as a zone takes them: all services, looked through each time. */
export function listed({ services, ...others }: ListedObjects): DnsObjects {
  return {
    ...others,
    services: {
      get: (namespace, name) => services.find((s) => s.namespace === namespace && s.name === name),
      at: () => services,
    },
  };
}

export function objects(services: DnsService[], more: Partial<DnsObjects> = {}): DnsObjects {
  return { ...listed({ namespaces: new Set(["default", "empty", "shop"]), services, pods: [] }), ...more };
}

export function zone(services: DnsService[], more: Partial<ClusterZoneOptions> = {}): ClusterZone {
  return new ClusterZone({
    objects: objects(services),
    domain: "cluster.local",
    ttl: 5,
    pods: "disabled",
    serial: 7,
    nameserver: { name: "kube-dns.kube-system.svc", address: "172.20.0.10" },
    upstream: UPSTREAM,
    ...more,
  });
}

const RCODES: Record<number, string> = { 0: "NOERROR", 3: "NXDOMAIN", 5: "REFUSED" };

function dataText(record: DnsRecord): string {
  if (record.type === "SRV") {
    const { priority, weight, port, target } = record.data;
    return `${priority} ${weight} ${port} ${target}`;
  }
  return record.type === "SOA" ? record.data.mname : String(record.data);
}

const text = (record: DnsRecord) => `${record.name} ${record.ttl} ${record.type} ${dataText(record)}`;

/** An answer as dig would print it: answers, then the authority's zone after `!`, then additional records after `+`. */
export function shown(reply: Reply | null): string[] {
  if (reply === null) return ["not ours"];
  const { rcode, answers, authorities, additionals } = reply;
  return [
    ...(rcode === 0 && answers.length > 0 ? [] : [RCODES[rcode]]),
    ...answers.map(text),
    ...authorities.map((r) => `! ${r.name} ${r.type}`),
    ...additionals.map((r) => `+ ${text(r)}`),
  ];
}

/** Asks as dig does: `ask(zone, "api.default.svc.cluster.local", "A")`. */
export function ask(resolver: Resolver | ClusterZone, name: string, type = "A"): string[] {
  return shown(resolver.reply(name, type));
}

export const NXDOMAIN = ["NXDOMAIN", "! cluster.local SOA"];
export const NODATA = ["NOERROR", "! cluster.local SOA"];
