import type { DnsEndpoint, DnsPort, DnsService } from "../../../src/control/dns/objects.ts";
import type { ListedObjects } from "./world.ts";

/** What every name of a zone stands for, written out: a list of all names that there are, each with its records. */
export interface TwinRecord {
  name: string;
  type: string;
  data: string;
}

const ZONE = "cluster.local";

function hostname(e: DnsEndpoint): string {
  return e.hostname ?? e.address.split(".").join("-");
}

/** Every record of a cluster without ExternalNames, and every name that exists, by the rules of the specification. */
export function allRecords(objects: ListedObjects): { records: TwinRecord[]; names: Set<string> } {
  const records: TwinRecord[] = [];
  const names = new Set([ZONE, `svc.${ZONE}`, `pod.${ZONE}`, `dns.${ZONE}`, `ns.dns.${ZONE}`, `dns-version.${ZONE}`]);
  records.push({ name: `dns-version.${ZONE}`, type: "TXT", data: "1.1.0" });
  for (const namespace of objects.namespaces) {
    names.add(`${namespace}.svc.${ZONE}`);
    names.add(`${namespace}.pod.${ZONE}`);
  }
  const add = (name: string, type: string, data: string) => {
    names.add(name);
    if (!records.some((r) => r.name === name && r.type === type && r.data === data)) records.push({ name, type, data });
  };
  const withPorts = (name: string, owner: string, address: string, ports: readonly DnsPort[]) => {
    for (const p of ports) {
      add(name, "SRV", `${p.port} ${owner}`);
      if (p.name === "") continue;
      add(`_${p.name}._${p.protocol.toLowerCase()}.${name}`, "SRV", `${p.port} ${owner}`);
      add(`_${p.name}._${p.protocol.toLowerCase()}.${name}`, "A", address);
    }
  };
  for (const s of objects.services) {
    const own = `${s.name}.${s.namespace}.svc.${ZONE}`;
    if (s.clusterIP !== null) {
      add(own, "A", s.clusterIP);
      withPorts(own, own, s.clusterIP, s.ports);
    }
    for (const e of s.endpoints) {
      const name = `${hostname(e)}.${own}`;
      add(name, "A", e.address);
      for (const p of e.ports) add(name, "SRV", `${p.port} ${name}`);
      if (s.clusterIP !== null) continue;
      add(own, "A", e.address);
      withPorts(own, name, e.address, e.ports);
    }
  }
  for (const pod of objects.pods)
    add(`${pod.address.split(".").join("-")}.${pod.namespace}.pod.${ZONE}`, "A", pod.address);
  return { records, names };
}

/** Names of an address: the service whose ClusterIP it is, else the endpoints that have it. */
export function allPointers(services: readonly DnsService[], address: string): string[] {
  const own = services.filter((s) => s.clusterIP === address);
  if (own.length > 0) return own.map((s) => `${s.name}.${s.namespace}.svc.${ZONE}`);
  return services.flatMap((s) =>
    s.endpoints.filter((e) => e.address === address).map((e) => `${hostname(e)}.${s.name}.${s.namespace}.svc.${ZONE}`),
  );
}
