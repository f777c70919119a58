import { describe, expect, it } from "vitest";
import { labResolvers } from "../../../src/control/dns/clusterDns.ts";
import { implicitObjects, withImplicitObjects } from "../../../src/control/dns/implicitObjects.ts";
import { dnsAddresses, dnsListeners } from "../../../src/control/dns/listeners.ts";
import { hostNetworkHostsFile, podHostname, podHostsFile } from "../../../src/control/dns/podHosts.ts";
import { QueryMeter } from "../../../src/control/dns/queryMeter.ts";
import { podResolvConf, resolvConfText } from "../../../src/control/dns/resolvConf.ts";
import { dnsMode } from "../../../src/control/dns/settings.ts";
import { type LabObject, objectKey } from "../../../src/control/objects/kinds.ts";
import { type PodSpec, podSpecSchema } from "../../../src/control/objects/pod.ts";
import { formatAddress } from "../../../src/plane/wire/address.ts";
import {
  cluster,
  deploymentDocument,
  type Fields,
  podDocument,
  read,
  readLab,
  serviceDocument,
  sliceDocument,
} from "../control/objects.ts";
import { ask } from "./world.ts";

const dns = (settings: Fields, more: Fields = {}) => ({ cluster: { dns: settings, ...more } });
const headless = (name: string, spec: Fields = {}) => serviceDocument(name, { clusterIP: "None", ...spec });
const labelled = (name: string, app: string, spec: Fields = {}) => podDocument(name, spec, { labels: { app } });

function resolver(...documents: unknown[]) {
  const lab = cluster(dns({ mode: "node-local", pods: "verified" }), ...documents);
  return labResolvers(lab.state(), 1, ["lonely"]).cluster;
}

describe("a cluster's objects", () => {
  it("are answered from: services, their pods, ports by name", () => {
    const r = resolver(
      deploymentDocument("api", 2, { containers: [{ name: "main", ports: [{ name: "http", containerPort: 8080 }] }] }),
      serviceDocument("api", { ports: [{ name: "web", port: 80, targetPort: "http" }] }),
    );
    expect(ask(r, "api.default.svc.cluster.local")[0]).toMatch(/ A 172\.20\.\d+\.\d+$/);
    expect(ask(r, "_web._tcp.api.default.svc.cluster.local", "SRV")[0]).toMatch(/ SRV 0 100 80 api\./);
  });
  it("pods have names in the service that is their subdomain, and in no other", () => {
    const r = resolver(
      labelled("one", "db", { hostname: "db-0", subdomain: "db", nodeName: "node-1" }),
      labelled("two", "db", { hostname: "db-1", subdomain: "other", nodeName: "node-1" }),
      headless("db", { ports: [{ name: "pg", port: 5432 }] }),
    );
    const db = "db.default.svc.cluster.local";
    const all = ask(r, db);
    expect(all).toHaveLength(2);
    expect(ask(r, `db-0.${db}`)).toHaveLength(1);
    expect(ask(r, `db-1.${db}`)[0]).toBe("NXDOMAIN");
    const other = (all[1].split(" ").at(-1) ?? "").replaceAll(".", "-");
    expect(ask(r, `_pg._tcp.${db}`, "SRV").slice(0, 2)).toEqual([
      `_pg._tcp.${db} 5 SRV 0 50 5432 db-0.${db}`,
      `_pg._tcp.${db} 5 SRV 0 50 5432 ${other}.${db}`,
    ]);
  });
  it("a headless service needs no port, and may take pods that are not ready", () => {
    const documents = [labelled("one", "db"), labelled("two", "web")];
    const open = { ports: [], publishNotReadyAddresses: true };
    const lab = cluster(dns({ mode: "none" }), ...documents, headless("db", { ports: [] }), headless("web", open));
    const count = (name: string) =>
      labResolvers(lab.state(), 1, []).cluster.reply(`${name}.default.svc.cluster.local`, "A").answers.length;
    expect([count("db"), count("web")]).toEqual([1, 1]);
    lab.setReady("pod/default/one", false);
    lab.setReady("pod/default/two", false);
    expect([count("db"), count("web")]).toEqual([0, 1]);
  });
  it("slices name addresses", () => {
    const r = resolver(headless("pg", { selector: undefined }), sliceDocument("pg", ["10.0.1.200", "10.0.1.201"], 80));
    expect(ask(r, "pg.default.svc.cluster.local")).toHaveLength(2);
  });
  it("slices name addresses' hosts, and DNS has them forwards and backwards", () => {
    const slice = (name: string, ...endpoints: [string, string | undefined][]) => ({
      ...sliceDocument("pg", [], 5432),
      metadata: { name, labels: { "kubernetes.io/service-name": "pg" } },
      ports: [{ name: "pg", port: 5432 }],
      endpoints: endpoints.map(([address, hostname]) => ({ addresses: [address], hostname })),
    });
    const r = resolver(
      headless("pg", { selector: undefined, ports: [{ name: "pg", port: 5432 }] }),
      slice("pg-1", ["10.0.9.1", "primary"], ["10.0.9.2", undefined], ["10.0.9.3", "replica"]),
      slice("pg-2", ["10.0.9.4", "replica"]),
    );
    const pg = "pg.default.svc.cluster.local";
    expect(ask(r, `primary.${pg}`)).toEqual([`primary.${pg} 5 A 10.0.9.1`]);
    expect(ask(r, `replica.${pg}`)).toEqual([`replica.${pg} 5 A 10.0.9.3`, `replica.${pg} 5 A 10.0.9.4`]);
    expect(ask(r, `10-0-9-2.${pg}`)).toEqual([`10-0-9-2.${pg} 5 A 10.0.9.2`]);
    expect(ask(r, `10-0-9-1.${pg}`)[0]).toBe("NXDOMAIN");
    expect(ask(r, `_pg._tcp.${pg}`, "SRV").slice(0, 3)).toEqual([
      `_pg._tcp.${pg} 5 SRV 0 25 5432 primary.${pg}`,
      `_pg._tcp.${pg} 5 SRV 0 25 5432 10-0-9-2.${pg}`,
      `_pg._tcp.${pg} 5 SRV 0 25 5432 replica.${pg}`,
    ]);
    const back = (last: number) => ask(r, `${last}.9.0.10.in-addr.arpa`, "PTR").map((l) => l.split(" ").at(-1));
    expect([back(1), back(2), back(4)]).toEqual([[`primary.${pg}`], [`10-0-9-2.${pg}`], [`replica.${pg}`]]);
  });
  it("namespaces exist by their object, or by what is in them", () => {
    const r = resolver(podDocument("one", {}, { namespace: "shop" }));
    const rcode = (name: string) => r.reply(`${name}.svc.cluster.local`, "A").rcode;
    expect(["default", "kube-system", "shop", "lonely", "none"].map(rcode)).toEqual([0, 0, 0, 0, 3]);
  });
  it("hosts and nodes are the VPC's", () => {
    const r = labResolvers(
      cluster({
        ...dns({}),
        hosts: [{ name: "rds", address: "10.0.1.200", subnet: "nodes-a" }],
      }).state(),
      1,
      [],
    ).cluster;
    expect(ask(r, "rds")).toEqual(["rds 60 A 10.0.1.200"]);
    expect(ask(r, "node-1.ec2.internal")).toEqual(["node-1.ec2.internal 60 A 10.0.1.4"]);
    expect(ask(r, "200.1.0.10.in-addr.arpa", "PTR")).toEqual([
      "200.1.0.10.in-addr.arpa 60 PTR ip-10-0-1-200.ec2.internal",
    ]);
  });
});

describe("the name server's own name", () => {
  const name = "kube-dns.kube-system.svc.cluster.local";
  it("is answered without a Service of that name, as in Auto Mode", () => {
    expect(ask(resolver(), name)).toEqual([`${name} 5 A 172.20.0.10`]);
    expect(ask(resolver(), name, "AAAA")[0]).toBe("NOERROR");
  });
  it("is a Service's where there is one, and nobody's without DNS", () => {
    const own = serviceDocument("kube-dns", { clusterIP: "172.20.0.99" }, { namespace: "kube-system" });
    expect(ask(resolver(own), name)).toEqual([`${name} 5 A 172.20.0.99`]);
    const none = labResolvers(cluster(dns({ mode: "none" })).state(), 1, []).cluster;
    expect(ask(none, name)[0]).toBe("NXDOMAIN");
  });
});

describe("what every cluster has", () => {
  const keys = (objects: Iterable<LabObject>) => [...objects].map(objectKey);
  it("is CoreDNS in Standard mode, nothing in Auto Mode or without DNS", () => {
    const standard = readLab(dns({}));
    expect(dnsMode(standard)).toBe("coredns");
    expect(keys(implicitObjects(standard))).toEqual([
      "namespace/kube-system",
      "deployment/kube-system/coredns",
      "svc/kube-system/kube-dns",
    ]);
    expect(dnsMode(readLab({ cluster: { mode: "auto", dns: {} } }))).toBe("node-local");
    expect(implicitObjects(readLab({ cluster: { mode: "auto", dns: {} } }))).toEqual([]);
    expect(implicitObjects(readLab(dns({ mode: "none" })))).toEqual([]);
  });
  it("has the service at the tenth address, and a lab's own object stands in for it", () => {
    const [, , service] = implicitObjects(readLab(dns({}, { serviceCidr: "10.100.0.0/16" })));
    expect(service).toMatchObject({ spec: { clusterIP: "10.100.0.10", ports: [{ port: 53 }, { port: 53 }] } });
    const own = read(serviceDocument("kube-dns", {}, { namespace: "kube-system" }));
    const all = withImplicitObjects(readLab(dns({})), new Map(own.map((o) => [objectKey(o), o])));
    expect(keys(all.values())).toEqual([
      "svc/kube-system/kube-dns",
      "namespace/kube-system",
      "deployment/kube-system/coredns",
    ]);
    expect(all.get("svc/kube-system/kube-dns")).toBe(own[0]);
  });
});

describe("where a lab answers", () => {
  const hosts = [
    { name: "rds", address: "10.0.1.200", subnet: "nodes-a" },
    { name: "web", address: "203.0.113.10", network: "internet" },
  ];
  const networks = [{ name: "internet", kind: "internet", cidrBlocks: ["0.0.0.0/0"], target: "igw" }];
  const shown = (settings: Fields, ...objects: LabObject[]) => {
    const lab = cluster({ ...settings, hosts, networks });
    lab.apply(objects);
    return dnsListeners(lab.state()).map((l) => `${l.namespace} ${l.address} ${l.resolver} ${l.eni} ${l.pod ?? ""}`);
  };
  const vpc = ["node/node-1 10.0.0.2", "node/node-1 169.254.169.253", "host/rds 10.0.0.2"];

  it("is in CoreDNS's pods, at their addresses, and for the VPC's resolver on every machine of the VPC", () => {
    const [, deployment] = implicitObjects(readLab(dns({})));
    const found = shown(dns({ mode: "coredns" }), deployment);
    const pods = found.filter((l) => l.startsWith("pod/"));
    expect(new Set(pods.map((l) => l.split(" ")[0])).size).toBe(2);
    for (const pod of pods)
      expect(pod).toMatch(/^(pod\/kube-system\/coredns\S*) 10\.0\.[12]\.\d+ cluster node-[12]\/eth0 \1$/);
    for (const place of vpc) expect(found.some((l) => l.startsWith(`${place} vpc `))).toBe(true);
    expect(found.some((l) => l.includes("172.20.0.10"))).toBe(false);
    expect(found.some((l) => l.startsWith("host/web"))).toBe(false);
  });
  it("is on every node itself, at the cluster DNS address", () => {
    const found = shown(dns({ mode: "node-local" }));
    expect(found.filter((l) => l.includes(" cluster "))).toEqual([
      "node/node-1 172.20.0.10 cluster node-1/eth0 ",
      "node/node-2 172.20.0.10 cluster node-2/eth0 ",
    ]);
    expect(dnsAddresses(cluster(dns({ mode: "node-local" })).state()).get("node/node-1")).toEqual([
      "172.20.0.10",
      "10.0.0.2",
      "169.254.169.253",
    ]);
  });
  it("is nowhere without DNS", () => expect(shown(dns({ mode: "none" }))).toEqual([]));
  it("is not where a pod answers by itself", () => {
    const own = podDocument(
      "coredns",
      { containers: [{ name: "main", command: ["coredns"] }] },
      { namespace: "kube-system", labels: { "k8s-app": "kube-dns" } },
    );
    const found = shown(dns({ mode: "coredns" }), ...read(own));
    expect(found.filter((l) => l.startsWith("pod/kube-system/coredns "))).toEqual([]);
  });
});

describe("what the plane is told of these addresses", () => {
  const rows = (settings: Fields) =>
    [...cluster(dns(settings)).snapshot().machines.values()]
      .filter((row) => row.t === "localAddress" && row.node === 0)
      .map((row) => ({ ...row, address: "address" in row ? formatAddress(row.address) : "" }));
  const own = { t: "localAddress", node: 0, eni: expect.any(Number) };
  const vpc = [
    { ...own, address: "10.0.0.2" },
    { ...own, address: "169.254.169.253" },
  ];

  it("conntrack leaves the node's own DNS alone", () => {
    expect(rows({ mode: "node-local" })).toEqual([{ ...own, address: "172.20.0.10", untracked: true }, ...vpc]);
    expect(rows({ mode: "coredns" })).toEqual(vpc);
  });
  it("the VPC's resolver has a limit where the lab sets one", () => {
    const limited = vpc.map((row) => ({ ...row, limit: 1024 }));
    expect(rows({ mode: "coredns", queryLimit: 1024 })).toEqual(limited);
    expect(rows({ mode: "node-local", queryLimit: 1024 }).slice(1)).toEqual(limited);
  });
});

describe("a pod's host name and /etc/hosts", () => {
  const pod = (spec: Fields = {}, name = "web-1") => {
    const [found] = cluster(dns({}), podDocument(name, { nodeName: "node-1", ...spec }, { namespace: "shop" })).state()
      .pods;
    return found.desired;
  };
  const text = (spec: Fields) => podHostsFile(pod(spec), "10.0.1.16", "cluster.local");
  const managed = [
    "# Kubernetes-managed hosts file.",
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::0\tip6-localnet",
    "fe00::0\tip6-mcastprefix",
    "fe00::1\tip6-allnodes",
    "fe00::2\tip6-allrouters",
  ];

  it("is its name, or its hostname, of 63 characters at most", () => {
    expect(podHostname(pod())).toBe("web-1");
    expect(podHostname(pod({ hostname: "db-0" }))).toBe("db-0");
    const long = `${"x".repeat(62)}-${"y".repeat(20)}`;
    expect(podHostname(pod({}, long))).toBe("x".repeat(62));
  });
  it("are what kubelet writes", () => {
    expect(text({})).toBe([...managed, "10.0.1.16\tweb-1", ""].join("\n"));
    expect(text({ hostname: "db-0", subdomain: "db" })).toBe(
      [...managed, "10.0.1.16\tdb-0.db.shop.svc.cluster.local\tdb-0", ""].join("\n"),
    );
    expect(text({ subdomain: "db" })).toContain("\n10.0.1.16\tweb-1.db.shop.svc.cluster.local\tweb-1\n");
  });
  it("has the pod's aliases at the end, and of a hostNetwork pod the node's lines before them", () => {
    const hostAliases = [
      { ip: "10.9.9.9", hostnames: ["old.example", "old"] },
      { ip: "10.9.9.8", hostnames: ["one"] },
    ];
    const aliases = ["", "# Entries added by HostAliases.", "10.9.9.9\told.example\told", "10.9.9.8\tone", ""];
    expect(text({ hostAliases })).toBe([...managed, "10.0.1.16\tweb-1", ...aliases].join("\n"));
    expect(hostNetworkHostsFile(pod({ hostNetwork: true, hostAliases }), ["10.0.1.4 node-1"])).toBe(
      ["# Kubernetes-managed hosts file (host network).", "10.0.1.4 node-1", ...aliases].join("\n"),
    );
  });
  it("is the node's name for a hostNetwork pod", () => {
    const [workload] = cluster(
      dns({ mode: "none" }),
      podDocument("agent", { nodeName: "node-1", hostNetwork: true, hostname: "mine" }),
    ).workloads();
    expect(workload.hostname).toBe("node-1");
  });
});

describe("a pod's resolv.conf", () => {
  const lab = readLab({ ...dns({}), region: "eu-west-1" });
  const text = (spec: Fields, of = lab) => {
    const full: PodSpec = podSpecSchema.parse({ containers: [{ name: "main" }], ...spec });
    return resolvConfText(podResolvConf(of, "shop", full));
  };
  const clusterFirst = [
    "search shop.svc.cluster.local svc.cluster.local cluster.local eu-west-1.compute.internal",
    "nameserver 172.20.0.10",
    "options ndots:5",
    "",
  ].join("\n");
  const node = "search eu-west-1.compute.internal\nnameserver 10.0.0.2\n";

  it("asks the cluster first", () => expect(text({})).toBe(clusterFirst));
  it("has the domain of the first region by its own name, and the cluster's by its setting", () => {
    expect(text({}, readLab(dns({ clusterDomain: "corp.example" })))).toContain(
      "search shop.svc.corp.example svc.corp.example corp.example ec2.internal\n",
    );
  });
  it("is the node's for hostNetwork, unless it asks for the cluster's", () => {
    expect(text({ hostNetwork: true })).toBe(node);
    expect(text({ hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" })).toBe(clusterFirst);
    expect(text({ dnsPolicy: "ClusterFirstWithHostNet" })).toBe(clusterFirst);
  });
  it("is the node's with policy Default, and what the pod says with None", () => {
    expect(text({ dnsPolicy: "Default" })).toBe(node);
    expect(text({ dnsPolicy: "None" })).toBe("");
    const dnsConfig = { nameservers: ["1.1.1.1"], searches: ["a.example"], options: [{ name: "edns0" }] };
    expect(text({ dnsPolicy: "None", dnsConfig })).toBe("search a.example\nnameserver 1.1.1.1\noptions edns0\n");
  });
  it("takes more of the pod's, whose options win", () => {
    const dnsConfig = {
      nameservers: ["172.20.0.10", "1.1.1.1"],
      searches: ["cluster.local", "a.example"],
      options: [{ name: "ndots", value: "2" }, { name: "single-request-reopen" }],
    };
    expect(text({ dnsConfig })).toBe(
      [
        "search shop.svc.cluster.local svc.cluster.local cluster.local eu-west-1.compute.internal a.example",
        "nameserver 172.20.0.10",
        "nameserver 1.1.1.1",
        "options ndots:2 single-request-reopen",
        "",
      ].join("\n"),
    );
  });
  it("has three name servers, 32 search domains and 2048 characters at most", () => {
    const nameservers = ["1.0.0.1", "1.0.0.2", "1.0.0.3"];
    const searches = Array.from({ length: 40 }, (_, i) => `s${i}.example`);
    const lines = text({ dnsConfig: { nameservers, searches } }).split("\n");
    expect(lines.filter((l) => l.startsWith("nameserver"))).toHaveLength(3);
    expect(lines[0].split(" ")).toHaveLength(1 + 32);
    const long = Array.from({ length: 20 }, (_, i) => `${"x".repeat(198)}${i % 10}.e${i}`);
    const [search] = text({ dnsConfig: { searches: long } }).split("\n");
    expect(search.length - "search ".length).toBeLessThanOrEqual(2048);
    expect(search.length).toBeGreaterThan(2048 - 205);
  });
});

describe("the limit of the VPC's resolver", () => {
  it("lets so many through in each second of each ENI", () => {
    const meter = new QueryMeter();
    meter.limit = 2;
    const at = (eni: string, now: number) => meter.admits(eni, now);
    expect([at("a", 0), at("a", 1), at("a", 999), at("b", 999), at("a", 1000)]).toEqual([
      true,
      true,
      false,
      true,
      true,
    ]);
    expect([...meter.dropped]).toEqual([["a", 1]]);
    meter.limit = 3;
    expect([at("a", 1001), at("a", 1002), at("a", 1003)]).toEqual([true, true, false]);
    expect([...meter.dropped]).toEqual([["a", 2]]);
  });
  it("is off with 0", () => {
    const meter = new QueryMeter();
    expect(Array.from({ length: 5000 }, () => meter.admits("a", 0)).every(Boolean)).toBe(true);
  });
});
