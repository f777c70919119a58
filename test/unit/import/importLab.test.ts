import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { podViews } from "../../../src/control/views.ts";
import { importText, writeImport } from "../../../src/lab/files/importFiles.ts";
import { type LoadedLab, loadLab } from "../../../src/lab/files/load.ts";
import { askOffline } from "../../../src/lab/question.ts";
import { importFixture } from "./run.ts";

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

/** A fixture imported into a directory, and read from there as any lab. */
function imported(name: string): LoadedLab & { readonly notes: LoadedLab["notes"]; readonly said: string[] } {
  const directory = mkdtempSync(join(tmpdir(), "podplane-import-"));
  directories.push(directory);
  const done = importFixture(name);
  writeImport(directory, done, false);
  return { ...loadLab(directory), said: done.notes.lines() };
}

const places = ({ cluster }: LoadedLab) =>
  podViews(cluster.current()).map((p) =>
    [`${p.namespace}/${p.name}`, p.address, p.eni?.replace(/^.*\//, "")].join(" "),
  );

const why = ({ cluster }: LoadedLab, protocol: string, source: string, destination: string) => {
  const { verdict, reason, path, seen } = askOffline(cluster, { protocol, source, destination, fromPort: null });
  return { verdict, reason, path, seen: seen && `${seen.source.address} -> ${seen.destination.address}` };
};

const NODE_1 = "ip-10-0-1-20.us-west-2.compute.internal";
const NODE_2 = "ip-10-0-2-77.us-west-2.compute.internal";

describe("a cluster with prefix delegation", () => {
  it("has every pod on its observed address and ENI", () => {
    const lab = imported("shop");
    expect(places(lab)).toEqual([
      "shop/web-7c5ddbdf54-2xk9p 10.0.1.49 eth0",
      "shop/web-7c5ddbdf54-8wq4z 10.0.2.35 eth0",
      "shop/api-5b6fd8-k2v7t 10.0.1.163 eth1",
      "kube-system/coredns-6c857f5f8b-4mm7c 10.0.1.97 eth0",
      "kube-system/coredns-6c857f5f8b-zt2dq 10.0.2.40 eth0",
      "monitoring/node-exporter-x5c7p 10.0.2.77 eth0",
      // It waited when it was observed; here the node's daemon has an address for it.
      "shop/web-7c5ddbdf54-pend1 10.0.2.32 eth0",
    ]);
    const ids = lab.cluster.ipam.enis(NODE_1).map((eni) => `${eni.id} ${eni.slots.length}`);
    expect(ids).toEqual(["eni-0n1000000000000a 2", "eni-0n1000000000000b 1"]);
    expect(lab.cluster.ipam.violations()).toEqual([]);
    expect(lab.notes.map((n) => n.message).filter((m) => m.startsWith("ignored"))).toEqual([]);
  });

  it("answers why: through a Service to the other node, to the peered VPC, to the internet", () => {
    const lab = imported("shop");
    const web = "pod/shop/web-7c5ddbdf54-2xk9p";
    expect(why(lab, "tcp", web, "svc/shop/api:9000")).toMatchObject({
      verdict: "DELIVERED",
      seen: "10.0.1.49 -> 10.0.1.163",
    });
    expect(why(lab, "tcp", web, `node/${NODE_2}:9100`).seen).toBe("10.0.1.49 -> 10.0.2.77");
    // The node's address by the CNI's SNAT, then the peer's security group, which lets its own in alone.
    expect(why(lab, "tcp", web, "host/warehouse:5432").reason).toBe("SECURITY_GROUP_INGRESS");
    const outside = why(lab, "tcp", web, "203.0.113.9:443");
    expect([outside.path.at(-1), outside.reason]).toEqual(["nat/shop-nat-a", "OUTSIDE_UNREACHABLE"]);
  });

  it("keeps ids, and calls things by their Name tags", () => {
    const { cluster } = imported("shop");
    const { vpc, vpcs, hosts, nodes, cluster: settings } = cluster.lab.spec;
    expect([vpc.name, vpc.id, vpcs[0].name]).toEqual(["shop", "vpc-0a1b2c3d4e5f60001", "data-platform"]);
    expect(vpc.subnets.map((s) => `${s.name} ${s.id} ${s.routeTable}`)).toEqual([
      "private-a subnet-0aaa000000000001 private",
      "private-b subnet-0bbb000000000002 private",
      "public-a subnet-0ccc000000000003 public",
    ]);
    expect(hosts.map((h) => h.name)).toEqual([
      "amazon-eks-shop",
      "amazon-eks-shop-2",
      "orders-db",
      "k8s-shop-web-0123456789",
      "warehouse",
    ]);
    expect(nodes[1]).toMatchObject({
      id: "i-0a1b2c3d4e5f60022",
      maxPods: 110,
      labels: { "eks.amazonaws.com/nodegroup": "general" },
      taints: [{ key: "dedicated", value: "web", effect: "NoSchedule" }],
      securityGroups: ["eks-cluster-sg-shop-1234567", "shop-nodes"],
    });
    expect(settings.kubeProxy.mode).toBe("nftables");
    // The argument of the agent beside aws-node.
    expect(settings.networkPolicy.enabled).toBe(false);
    expect(settings.serviceCidr).toBe("172.20.0.0/16");
    expect(settings.cni.env).toMatchObject({ ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" });
    expect(settings.cni.env).not.toHaveProperty("ADDITIONAL_ENI_TAGS", "MY_NODE_NAME");
  });

  it("says what it left out, with the objects", () => {
    const { said } = imported("shop");
    expect(said).toEqual(
      expect.arrayContaining([
        "pod/kube-system/aws-node-9jx2s, pod/kube-system/kube-proxy-q8f5w: left out: podplane is aws-node and kube-proxy itself, and counts them",
        "pod/shop/report-29101-7gkpl: left out: its phase is Succeeded",
        "ingress/shop/web: left out: podplane does not act on its kind",
        "rtb-0priv00000000001: the route to the managed prefix list pl-68a54001 is left out: its blocks are in no answer",
        "sg-0nodes0000000002: rules with the managed prefix list pl-0f00000000000abcd are left out: its blocks are in no answer",
        "sg-0cluster00000001: IPv6 ranges of its rules are left out: podplane is IPv4 alone",
        "host/k8s-shop-web-0123456789: a load balancer's ENI is a host with its address: it balances nothing",
        "pod/shop/api-5b6fd8-k2v7t: init containers are left out: pods have no images",
        "pod/shop/api-5b6fd8-k2v7t: readiness probes that run a command or speak gRPC are left out: a stand-in has no such command",
        "deployment/shop/web, deployment/shop/api, deployment/kube-system/coredns: left out: its pods are written by themselves, with the names, nodes and addresses that were observed",
      ]),
    );
    expect(said.join("\n")).not.toMatch(/observed with|volumes/);
  });

  it("writes no secret and no image, and stand-ins that listen where clients and probes connect", () => {
    const text = importText(importFixture("shop"));
    expect(text).not.toMatch(/DB_PASSWORD|public\.ecr\.aws|managedFields|resourceVersion|uid:/);
    expect(text).toContain("        - stand-in.mjs\n        - 9000/tcp\n        - 8001/tcp\n");
  });

  it("keeps commands on request", () => {
    const { imported: kept } = importFixture("shop", { keepCommands: true });
    const api = kept.manifests.find((m) => (m.metadata as { name: string }).name === "api-5b6fd8-k2v7t");
    expect(JSON.stringify(api)).not.toContain("stand-in");
    expect(JSON.stringify(api)).toContain("livenessProbe");
  });

  it("goes into one stream with the stand-in in it", () => {
    const text = importText(importFixture("shop", { oneStream: true }));
    expect(text).toContain("- --input-type=module\n");
    expect(text.split("\n---\n")[0]).toMatch(/^apiVersion: podplane\.dev/);
  });
});

describe("a cluster with custom networking", () => {
  it("has its pods in the ENIConfigs' subnets, on the addresses that they had", () => {
    const lab = imported("custom");
    expect(places(lab).slice(0, 3)).toEqual([
      "shop/web-0 100.64.7.200 eth1",
      "shop/web-1 100.64.33.5 eth1",
      "shop/host 10.0.2.77 eth0",
    ]);
    expect(lab.cluster.ipam.enis(NODE_1).map((eni) => `${eni.forPods} ${eni.securityGroups}`)).toEqual([
      "false eks-cluster-sg-shop-1234567",
      "true pods",
    ]);
    expect(why(lab, "tcp", "pod/shop/web-0", "svc/shop/web:80").verdict).toBe("DELIVERED");
  });

  it("leaves out what refers to nothing", () => {
    expect(imported("custom").said.find((line) => line.startsWith("eniconfig/"))).toMatch(
      /^eniconfig\/us-west-2c: left out: spec\.subnet: expected a subnet of the VPC by name or id, got "subnet-0gone00000000009"/,
    );
  });

  it("takes the instance type from describe-instances where the node has no label", () => {
    expect(imported("custom").cluster.lab.spec.nodes.map((n) => n.instanceType)).toEqual(["m5.large", "m5.large"]);
  });
});

describe("a cluster of EKS Auto Mode", () => {
  it("has its pods in pod subnets, in prefixes and on single addresses", () => {
    const lab = imported("auto");
    expect(places(lab)).toEqual([
      "shop/web-0 100.64.2.49 eth1",
      "shop/web-1 100.64.50.50 eth1",
      "shop/web-2 100.64.33.30 eth1",
    ]);
    const { mode } = lab.cluster.lab.spec.cluster;
    expect([mode, lab.cluster.lab.spec.nodes[0].nodeClass]).toEqual(["auto", "isolated"]);
    expect(why(lab, "tcp", "pod/shop/web-0", "svc/shop/web:80").verdict).toBe("DELIVERED");
  });
});

describe("the directory", () => {
  it("comes to the same lab when it is read again", () => {
    for (const name of ["shop", "auto"]) {
      const directory = mkdtempSync(join(tmpdir(), "podplane-import-"));
      directories.push(directory);
      const done = importFixture(name);
      writeImport(directory, done, false);
      expect(readdirSync(directory).sort()).toEqual(["import-notes.md", "lab.yaml", "manifests.yaml", "stand-in.mjs"]);
      const loaded = loadLab(directory);
      const keys = loaded.objects.slice(1).map((o) => `${o.kind}/${o.metadata.name}`);
      expect(keys).toEqual(done.imported.manifests.map((m) => `${m.kind}/${(m.metadata as { name: string }).name}`));
      expect(readFileSync(join(directory, "import-notes.md"), "utf8")).toMatch(/^# What the import of shop left out/);
    }
  });

  it("is not written over", () => {
    const directory = mkdtempSync(join(tmpdir(), "podplane-import-"));
    directories.push(directory);
    const done = importFixture("auto");
    writeImport(directory, done, true);
    expect(() => writeImport(directory, done, false)).toThrow(/lab\.yaml is there already; name another directory/);
    expect(readdirSync(directory)).not.toContain("stand-in.mjs");
  });
});
