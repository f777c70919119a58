import { describe, expect, it } from "vitest";
import { ClusterResolver } from "../../../src/control/dns/clusterResolver.ts";
import { ask, DNS_UDP, dnsService, endpoint, HTTP, NODATA, NXDOMAIN, objects, UPSTREAM, zone } from "./world.ts";

const API = "api.default.svc.cluster.local";
const WEB = "web.default.svc.cluster.local";

const api = dnsService("api", { endpoints: [endpoint("10.0.1.16"), endpoint("10.0.1.17")] });
const db = { clusterIP: null, endpoints: [endpoint("10.0.1.20", "db-0"), endpoint("10.0.1.21")] };
const headless = dnsService("web", db);
const alias = (externalName: string) => dnsService("ext", { clusterIP: null, ports: [], externalName });
const EXT = "ext.default.svc.cluster.local";

describe("dns-version", () => {
  it("is a TXT record that says which specification holds", () => {
    expect(ask(zone([]), "dns-version.cluster.local", "TXT")).toEqual(["dns-version.cluster.local 28800 TXT 1.1.0"]);
    expect(ask(zone([]), "dns-version.cluster.local", "A")).toEqual(NODATA);
  });
});

describe("a service with a ClusterIP", () => {
  it("is its address", () => expect(ask(zone([api]), API)).toEqual([`${API} 5 A 172.20.1.1`]));
  it("has no IPv6 address, which is NODATA", () => expect(ask(zone([api]), API, "AAAA")).toEqual(NODATA));
  it("has nothing of other types: NODATA", () => {
    for (const type of ["TXT", "MX", "CNAME", "NS", "SOA", "PTR", "HTTPS", "ANY"])
      expect(ask(zone([api]), API, type)).toEqual(NODATA);
  });
  it("that does not exist is NXDOMAIN", () => {
    expect(ask(zone([api]), "apo.default.svc.cluster.local")).toEqual(NXDOMAIN);
    expect(ask(zone([api]), "api.shop.svc.cluster.local")).toEqual(NXDOMAIN);
    expect(ask(zone([api]), "api.default.cluster.local")).toEqual(NXDOMAIN);
    expect(ask(zone([api]), "api.default.svc.cluster.local", "AAAA")).toEqual(NODATA);
    expect(ask(zone([api]), "apo.default.svc.cluster.local", "AAAA")).toEqual(NXDOMAIN);
  });
  it("has an SRV record for each named port, with its address", () => {
    const two = dnsService("api", { ports: [HTTP, { name: "admin", protocol: "TCP", port: 9000 }] });
    expect(ask(zone([two]), `_http._tcp.${API}`, "SRV")).toEqual([
      `_http._tcp.${API} 5 SRV 0 100 80 ${API}`,
      `+ ${API} 5 A 172.20.1.1`,
    ]);
    expect(ask(zone([two]), API, "SRV")).toEqual([
      `${API} 5 SRV 0 50 80 ${API}`,
      `${API} 5 SRV 0 50 9000 ${API}`,
      `+ ${API} 5 A 172.20.1.1`,
    ]);
    expect(ask(zone([two]), `_http._udp.${API}`, "SRV")).toEqual(NXDOMAIN);
    expect(ask(zone([two]), `_none._tcp.${API}`, "SRV")).toEqual(NXDOMAIN);
    expect(ask(zone([two]), `_http._tcp.${API}`, "A")).toEqual([`_http._tcp.${API} 5 A 172.20.1.1`]);
    expect(ask(zone([two]), `x._http._tcp.${API}`, "SRV")).toEqual(NXDOMAIN);
  });
  it("is named by its address", () => {
    expect(ask(zone([api]), "1.1.20.172.in-addr.arpa", "PTR")).toEqual([`1.1.20.172.in-addr.arpa 5 PTR ${API}`]);
  });
  it("has its endpoints by their addresses with dashes", () => {
    expect(ask(zone([api]), `10-0-1-17.${API}`)).toEqual([`10-0-1-17.${API} 5 A 10.0.1.17`]);
    expect(ask(zone([api]), `10-0-1-18.${API}`)).toEqual(NXDOMAIN);
  });
});

describe("a headless service", () => {
  it("is one address for each endpoint", () => {
    expect(ask(zone([headless]), WEB)).toEqual([`${WEB} 5 A 10.0.1.20`, `${WEB} 5 A 10.0.1.21`]);
    expect(ask(zone([headless]), WEB, "AAAA")).toEqual(NODATA);
  });
  it("without endpoints is NXDOMAIN", () => {
    expect(ask(zone([dnsService("web", { clusterIP: null })]), WEB)).toEqual(NXDOMAIN);
  });
  it("has endpoints by hostname, and by address with dashes where they have none", () => {
    expect(ask(zone([headless]), `db-0.${WEB}`)).toEqual([`db-0.${WEB} 5 A 10.0.1.20`]);
    expect(ask(zone([headless]), `10-0-1-21.${WEB}`)).toEqual([`10-0-1-21.${WEB} 5 A 10.0.1.21`]);
    expect(ask(zone([headless]), `10-0-1-20.${WEB}`)).toEqual(NXDOMAIN);
    expect(ask(zone([headless]), `db-1.${WEB}`)).toEqual(NXDOMAIN);
  });
  it("has an SRV record for each port of each endpoint, named by the endpoint", () => {
    const ports = [HTTP, DNS_UDP];
    const endpoints = [endpoint("10.0.1.20", "db-0", ports), endpoint("10.0.1.21", null, ports)];
    const two = zone([dnsService("web", { clusterIP: null, endpoints, ports })]);
    expect(ask(two, `_http._tcp.${WEB}`, "SRV")).toEqual([
      `_http._tcp.${WEB} 5 SRV 0 50 80 db-0.${WEB}`,
      `_http._tcp.${WEB} 5 SRV 0 50 80 10-0-1-21.${WEB}`,
      `+ db-0.${WEB} 5 A 10.0.1.20`,
      `+ 10-0-1-21.${WEB} 5 A 10.0.1.21`,
    ]);
    expect(ask(two, WEB, "SRV").filter((line) => line.includes(" SRV 0 25 "))).toHaveLength(4);
  });
  it("without a port has addresses and no SRV record", () => {
    const bare = zone([
      dnsService("web", { clusterIP: null, ports: [], endpoints: [endpoint("10.0.1.20", null, [])] }),
    ]);
    expect(ask(bare, WEB)).toEqual([`${WEB} 5 A 10.0.1.20`]);
    expect(ask(bare, WEB, "SRV")).toEqual(NODATA);
    expect(ask(bare, `_http._tcp.${WEB}`, "SRV")).toEqual(NXDOMAIN);
  });
  it("is in no address: its endpoints are, one name for each service", () => {
    const both = zone([headless, dnsService("more", { clusterIP: null, endpoints: [endpoint("10.0.1.20")] })]);
    const name = "20.1.0.10.in-addr.arpa";
    expect(ask(both, name, "PTR")).toEqual([
      `${name} 5 PTR db-0.${WEB}`,
      `${name} 5 PTR 10-0-1-20.more.default.svc.cluster.local`,
    ]);
  });
});

describe("an ExternalName service", () => {
  it("is another name of a service, followed to its address", () => {
    const z = zone([api, alias("API.default.svc.cluster.local.")]);
    expect(ask(z, EXT)).toEqual([`${EXT} 5 CNAME ${API}`, `${API} 5 A 172.20.1.1`]);
    expect(ask(z, EXT, "CNAME")).toEqual([`${EXT} 5 CNAME ${API}`]);
    expect(ask(z, EXT, "AAAA")).toEqual(NODATA);
    expect(ask(z, EXT, "SRV")).toEqual(NODATA);
    expect(ask(z, `x.${EXT}`)).toEqual(NXDOMAIN);
    expect(ask(z, `_http._tcp.${EXT}`)).toEqual(NXDOMAIN);
  });
  it("is another name of a host of the lab", () => {
    expect(ask(zone([alias("rds")]), EXT)).toEqual([`${EXT} 5 CNAME rds`, "rds 60 A 10.0.1.200"]);
    expect(ask(zone([alias("rds")]), EXT, "AAAA")).toEqual([`${EXT} 5 CNAME rds`]);
  });
  it("of a name outside that nobody has is the CNAME alone", () => {
    expect(ask(zone([alias("example.com")]), EXT)).toEqual([`${EXT} 5 CNAME example.com`]);
  });
  it("of a name inside that nobody has is NODATA", () => {
    expect(ask(zone([alias("apo.default.svc.cluster.local")]), EXT)).toEqual(NODATA);
  });
  it("that is an address is nothing", () => expect(ask(zone([alias("10.0.0.1")]), EXT)).toEqual(NXDOMAIN));
  it("that leads back to itself ends", () => {
    const ring = ["b", "c", "ext"].map((to, i) =>
      dnsService(["ext", "b", "c"][i], {
        clusterIP: null,
        ports: [],
        externalName: `${to}.default.svc.cluster.local`,
      }),
    );
    expect(ask(zone(ring), EXT)).toEqual(NODATA);
    expect(ask(zone([alias(EXT)]), EXT)).toEqual(NODATA);
  });
  it("is followed eight times", () => {
    const chain = (length: number) => [
      ...Array.from({ length }, (_, i) =>
        dnsService(i === 0 ? "ext" : `n${i}`, {
          clusterIP: null,
          ports: [],
          externalName: i === length - 1 ? API : `n${i + 1}.default.svc.cluster.local`,
        }),
      ),
      api,
    ];
    expect(ask(zone(chain(8)), EXT)).toHaveLength(9);
    expect(ask(zone(chain(9)), EXT)).toEqual(NODATA);
  });
});

describe("names of pods", () => {
  const name = "10-0-1-16.shop.pod.cluster.local";
  const pods = [{ namespace: "shop", address: "10.0.1.16" }];
  const of = (setting: "disabled" | "insecure" | "verified") =>
    zone([], { objects: objects([], { pods }), pods: setting });
  it("are not there: disabled", () => {
    expect(ask(of("disabled"), name)).toEqual(NXDOMAIN);
    expect(ask(of("disabled"), "shop.pod.cluster.local")).toEqual(NXDOMAIN);
  });
  it("are whatever they say: insecure", () => {
    expect(ask(of("insecure"), name)).toEqual([`${name} 5 A 10.0.1.16`]);
    expect(ask(of("insecure"), "1-2-3-4.shop.pod.cluster.local")).toEqual([
      "1-2-3-4.shop.pod.cluster.local 5 A 1.2.3.4",
    ]);
    expect(ask(of("insecure"), "1-2-3-4.none.pod.cluster.local")).toEqual(NXDOMAIN);
    expect(ask(of("insecure"), "1-2-3-256.shop.pod.cluster.local")).toEqual(NXDOMAIN);
    expect(ask(of("insecure"), "web-0.shop.pod.cluster.local")).toEqual(NXDOMAIN);
    expect(ask(of("insecure"), name, "AAAA")).toEqual(NODATA);
    expect(ask(of("insecure"), "shop.pod.cluster.local")).toEqual(NODATA);
  });
  it("are those of pods that there are: verified", () => {
    expect(ask(of("verified"), name)).toEqual([`${name} 5 A 10.0.1.16`]);
    expect(ask(of("verified"), "10-0-1-16.default.pod.cluster.local")).toEqual(NXDOMAIN);
    expect(ask(of("verified"), "10-0-1-17.shop.pod.cluster.local")).toEqual(NXDOMAIN);
  });
});

describe("names between the zone and its objects", () => {
  it.each(["cluster.local", "svc.cluster.local", "pod.cluster.local", "empty.svc.cluster.local"])(
    "%s exists and has nothing",
    (name) => expect(ask(zone([api]), name)).toEqual(NODATA),
  );
  it.each([
    "none.svc.cluster.local",
    "default.cluster.local",
    "x.y.z.api.default.svc.cluster.local",
    "a.cluster.local",
  ])("%s does not exist", (name) => expect(ask(zone([api]), name)).toEqual(NXDOMAIN));
  it("a wildcard is a name like any other", () =>
    expect(ask(zone([api]), "*.default.svc.cluster.local")).toEqual(NXDOMAIN));
});

describe("the zone itself", () => {
  it("has a SOA", () => {
    expect(zone([]).reply("cluster.local", "SOA")?.answers).toEqual([
      {
        type: "SOA",
        name: "cluster.local",
        ttl: 5,
        data: {
          mname: "ns.dns.cluster.local",
          rname: "hostmaster.cluster.local",
          serial: 7,
          refresh: 7200,
          retry: 1800,
          expire: 86400,
          minimum: 5,
        },
      },
    ]);
  });
  it("names its name server", () => {
    const server = "kube-dns.kube-system.svc.cluster.local";
    expect(ask(zone([]), "cluster.local", "NS")).toEqual([
      `cluster.local 5 NS ${server}`,
      `+ ${server} 5 A 172.20.0.10`,
    ]);
    expect(ask(zone([]), "ns.dns.cluster.local")).toEqual(["ns.dns.cluster.local 5 A 172.20.0.10"]);
  });
  it("is transferred to nobody", () => {
    for (const type of ["AXFR", "IXFR"]) expect(ask(zone([]), "cluster.local", type)).toEqual(["REFUSED"]);
  });
  it("can have another name, and another TTL", () => {
    const other = zone([api], { domain: "Example.org.", ttl: 30 });
    expect(ask(other, "api.default.svc.example.org")).toEqual(["api.default.svc.example.org 30 A 172.20.1.1"]);
    expect(ask(other, API)).toEqual(["not ours"]);
    expect(other.reply("example.org", "SOA")?.answers[0].ttl).toBe(30);
  });
});

describe("letters", () => {
  it("are alike, large or small, and the answer repeats them as they were asked", () => {
    const asked = "aPi.DEFAULT.svc.cLuster.Local";
    expect(ask(zone([api]), asked)).toEqual([`${asked} 5 A 172.20.1.1`]);
    expect(ask(zone([api]), `${asked}.`)).toEqual([`${asked}. 5 A 172.20.1.1`]);
    expect(ask(zone([api]), `_HTTP._Tcp.${asked}`, "SRV")[0]).toBe(`_HTTP._Tcp.${asked} 5 SRV 0 100 80 ${API}`);
    expect(ask(zone([headless]), `DB-0.${WEB}`)).toEqual([`DB-0.${WEB} 5 A 10.0.1.20`]);
    expect(ask(zone([api]), "1.1.20.172.IN-ADDR.arpa", "PTR")).toEqual([`1.1.20.172.IN-ADDR.arpa 5 PTR ${API}`]);
  });
});

describe("names of others", () => {
  const resolver = new ClusterResolver(zone([api]), UPSTREAM);
  it("are the VPC resolver's: machines by name, by EC2's name, and back", () => {
    expect(ask(resolver, "rds")).toEqual(["rds 60 A 10.0.1.200"]);
    expect(ask(resolver, "RDS.ec2.internal")).toEqual(["RDS.ec2.internal 60 A 10.0.1.200"]);
    expect(ask(resolver, "web")).toEqual(["web 60 A 203.0.113.10"]);
    expect(ask(resolver, "ip-10-0-1-4.ec2.internal")).toEqual(["ip-10-0-1-4.ec2.internal 60 A 10.0.1.4"]);
    expect(ask(resolver, "4.1.0.10.in-addr.arpa", "PTR")).toEqual([
      "4.1.0.10.in-addr.arpa 60 PTR ip-10-0-1-4.ec2.internal",
    ]);
    expect(ask(resolver, "ip-203-0-113-10.ec2.internal")).toEqual(["NXDOMAIN", "! ec2.internal SOA"]);
    expect(resolver.reply("rds", "A").authoritative).toBe(false);
    expect(resolver.reply(API, "A").authoritative).toBe(true);
  });
  it("have no IPv6 address: NODATA", () => {
    expect(ask(resolver, "rds.ec2.internal", "AAAA")).toEqual(["NOERROR", "! ec2.internal SOA"]);
    expect(ask(resolver, "ec2.internal", "A")).toEqual(["NOERROR", "! ec2.internal SOA"]);
  });
  it("that nobody has do not exist: nothing is asked of the world outside", () => {
    expect(ask(resolver, "example.com")).toEqual(["NXDOMAIN", "! . SOA"]);
    expect(ask(resolver, "5.1.0.10.in-addr.arpa", "PTR")).toEqual(["NXDOMAIN", "! in-addr.arpa SOA"]);
    expect(ask(resolver, "01.1.20.172.in-addr.arpa", "PTR")).toEqual(["NXDOMAIN", "! in-addr.arpa SOA"]);
    expect(ask(resolver, "api.default.svc")).toEqual(["NXDOMAIN", "! . SOA"]);
    expect(ask(resolver, "mycluster.local")).toEqual(["NXDOMAIN", "! . SOA"]);
  });
});
