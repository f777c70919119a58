import type { SoaAnswer } from "dns-packet";
import { type Alias, type Found, Lookup, type PodRecords, type Target } from "./lookup.ts";
import { canonicalName, isWithin, labelsBelow, reversedAddress } from "./names.ts";
import type { DnsObjects } from "./objects.ts";
import {
  answered,
  type DnsRecord,
  NOERROR,
  NXDOMAIN,
  negative,
  type Reply,
  type Resolver,
  refused,
  type Zone,
} from "./records.ts";

/** Version of the specification that the zone follows (kubernetes/dns, docs/specification.md). */
const SCHEMA_VERSION = "1.1.0";
const SCHEMA_TTL = 28_800;
/** CoreDNS's SOA (plugin/backend_lookup.go). */
const SOA_TTL_MAX = 300;
const SOA_REFRESH = 7200;
const SOA_RETRY = 1800;
const SOA_EXPIRE = 86_400;
/** CNAMEs that are followed. */
const MAX_ALIASES = 8;
/** What all SRV records of an answer have together. */
const TOTAL_WEIGHT = 100;

export interface ClusterZoneOptions {
  readonly objects: DnsObjects;
  /** Such as `cluster.local`. */
  readonly domain: string;
  /** Seconds. */
  readonly ttl: number;
  readonly pods: PodRecords;
  /** Counts the cluster's changes. */
  readonly serial: number;
  /** Who answers for the zone: name below it, and address; null: nobody. */
  readonly nameserver: { readonly name: string; readonly address: string } | null;
  /** Whom names of other zones are asked of, where a service stands for one. */
  readonly upstream: Resolver;
}

/**
 * The cluster's zone as the DNS specification of Kubernetes describes it and CoreDNS answers it. Pure: the same objects
 * give the same answers, in the same order.
 */
export class ClusterZone implements Zone {
  readonly #options: ClusterZoneOptions;
  readonly #domain: string;
  readonly #lookup: Lookup;

  constructor(options: ClusterZoneOptions) {
    this.#options = options;
    this.#domain = canonicalName(options.domain);
    this.#lookup = new Lookup({ objects: options.objects, zone: this.#domain, pods: options.pods });
  }

  /** What the zone says; null: another resolver's name, as are addresses that no service has. */
  reply(name: string, type: string): Reply | null {
    const asked = canonicalName(name);
    if (!isWithin(asked, this.#domain)) return type === "PTR" ? this.#pointers(name, asked) : null;
    if (type === "AXFR" || type === "IXFR") return refused();
    const labels = labelsBelow(asked, this.#domain);
    const special = this.#special(name, labels, type);
    if (special !== null) return special;
    const found = this.#lookup.find(labels) ?? this.#serverItself(labels);
    if (found === null) return this.#negative(NXDOMAIN);
    if (type === "SRV") return this.#services(name, found);
    const records = this.#records(name, asked, type, found, []);
    return records.length === 0 ? this.#negative(NOERROR) : answered(records, true);
  }

  /** Names that stand for no object. */
  #special(name: string, labels: readonly string[], type: string): Reply | null {
    const { ttl, nameserver } = this.#options;
    const path = labels.join(".");
    const none = () => this.#negative(NOERROR);
    if (path === "dns-version")
      return type === "TXT" ? answered([{ type, name, ttl: SCHEMA_TTL, data: SCHEMA_VERSION }], true) : none();
    if (path === "dns") return none();
    if (path === "ns.dns") {
      if (type !== "A" || nameserver === null) return none();
      return answered([{ type, name, ttl, data: nameserver.address }], true);
    }
    if (path !== "") return null;
    if (type === "SOA") return answered([this.#soa()], true);
    if (type !== "NS" || nameserver === null) return none();
    const data = `${nameserver.name}.${this.#domain}`;
    return answered([{ type, name, ttl, data }], true, [{ type: "A", name: data, ttl, data: nameserver.address }]);
  }

  /** The name server's own name, which on EKS Auto Mode has no Service behind it. */
  #serverItself(labels: readonly string[]): Found | null {
    const { nameserver } = this.#options;
    if (nameserver === null || labels.join(".") !== nameserver.name) return null;
    return [{ kind: "address", address: nameserver.address, owner: `${nameserver.name}.${this.#domain}`, port: null }];
  }

  /** Records of one name, and of the names that it stands for. @param before aliases that led here */
  #records(name: string, asked: string, type: string, found: Found, before: readonly DnsRecord[]): DnsRecord[] {
    const { ttl } = this.#options;
    const records: DnsRecord[] = [];
    const seen = new Set<string>();
    for (const item of found) {
      if (item.kind === "alias") records.push(...this.#alias(name, asked, type, item, before));
      else if (type === "A" && !seen.has(item.address)) {
        seen.add(item.address);
        records.push({ type, name, ttl, data: item.address });
      }
    }
    return records;
  }

  /** A CNAME with what its target has. One whose target is in the zone and has nothing is left out, as in CoreDNS. */
  #alias(name: string, asked: string, type: string, { target }: Alias, before: readonly DnsRecord[]): DnsRecord[] {
    const cname: DnsRecord = { type: "CNAME", name, ttl: this.#options.ttl, data: target };
    if (type === "CNAME") return [cname];
    const again = before.some((r) => canonicalName(r.name) === asked);
    if (isWithin(target, asked) || again || before.length >= MAX_ALIASES) return [];
    if (!isWithin(target, this.#domain)) return [cname, ...this.#options.upstream.reply(target, type).answers];
    const found = this.#lookup.find(labelsBelow(target, this.#domain));
    const rest = found === null ? [] : this.#records(target, target, type, found, [...before, cname]);
    return rest.length === 0 ? [] : [cname, ...rest];
  }

  /** SRV records share a weight of 100, and their targets' addresses come along (RFC 2782). */
  #services(name: string, found: Found): Reply {
    const targets = found.filter((f): f is Target => f.kind === "address");
    const weight = Math.max(1, Math.floor(TOTAL_WEIGHT / targets.length));
    const { ttl } = this.#options;
    const answers: DnsRecord[] = [];
    const glue: DnsRecord[] = [];
    const seen = new Set<string>();
    const isNew = (key: string) => !seen.has(key) && seen.add(key);
    for (const { owner, port, address } of targets) {
      if (port === null) continue;
      const data = { priority: 0, weight, port, target: owner };
      if (isNew(`${owner}:${port}`)) answers.push({ type: "SRV", name, ttl, data });
      if (isNew(`${owner} ${address}`)) glue.push({ type: "A", name: owner, ttl, data: address });
    }
    return answers.length === 0 ? this.#negative(NOERROR) : answered(answers, true, glue);
  }

  /** The names of an address; null: the address is no service's, whoever is upstream may know it. */
  #pointers(name: string, asked: string): Reply | null {
    const address = reversedAddress(asked);
    const names = address === null ? [] : this.#lookup.names(address);
    if (names.length === 0) return null;
    return answered(
      names.map((data): DnsRecord => ({ type: "PTR", name, ttl: this.#options.ttl, data })),
      true,
    );
  }

  #negative(rcode: typeof NOERROR | typeof NXDOMAIN): Reply {
    return negative(rcode, true, this.#soa());
  }

  #soa(): SoaAnswer {
    const { ttl, serial } = this.#options;
    const zone = this.#domain;
    return {
      type: "SOA",
      name: zone,
      ttl: Math.min(SOA_TTL_MAX, ttl),
      data: {
        mname: `ns.dns.${zone}`,
        rname: `hostmaster.${zone}`,
        serial,
        refresh: SOA_REFRESH,
        retry: SOA_RETRY,
        expire: SOA_EXPIRE,
        minimum: ttl,
      },
    };
  }
}
