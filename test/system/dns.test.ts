import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Podplane, SERVER } from "./podplane.ts";
import { deploymentDocument, labDocument, podDocument, serviceDocument } from "./support/labObjects.ts";

const HOSTS = [{ name: "rds", address: "10.0.63.200", subnet: "nodes-a", command: ["node", SERVER, "5432"] }];
const API = "api.default.svc.cluster.local";
const DB = "db.default.svc.cluster.local";
const ENDPOINTS = 40;

const headless = { clusterIP: "None" };
const OBJECTS = [
  podDocument("client", { spec: { nodeName: "node-1" } }),
  podDocument("plain", { spec: { nodeName: "node-1", dnsPolicy: "Default" } }),
  podDocument("onhost", { spec: { nodeName: "node-1", hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" } }),
  deploymentDocument("api", 1, { command: ["node", SERVER, "8080"], spec: { nodeName: "node-2" } }),
  serviceDocument("api", [{ name: "http", port: 80, targetPort: 8080 }]),
  {
    ...podDocument("db-0", { spec: { hostname: "db-0", subdomain: "db", nodeName: "node-2" } }),
    metadata: { name: "db-0", labels: { app: "db" } },
  },
  serviceDocument("db", [{ name: "pg", port: 5432 }], headless),
  serviceDocument("many", [{ port: 80 }], { ...headless, selector: undefined }),
  {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "many-1", labels: { "kubernetes.io/service-name": "many" } },
    addressType: "IPv4",
    ports: [{ port: 80 }],
    endpoints: Array.from({ length: ENDPOINTS }, (_, i) => ({ addresses: [`10.0.50.${i + 1}`] })),
  },
  podDocument("named", {
    spec: {
      hostname: "own",
      subdomain: "db",
      nodeName: "node-1",
      hostAliases: [{ ip: "10.9.9.9", hostnames: ["old.example", "old"] }],
    },
  }),
  serviceDocument("hosts", [{ name: "pg", port: 5432 }], { ...headless, selector: undefined }),
  {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "hosts-1", labels: { "kubernetes.io/service-name": "hosts" } },
    addressType: "IPv4",
    ports: [{ name: "pg", port: 5432 }],
    endpoints: [{ addresses: ["10.0.50.99"], hostname: "primary" }],
  },
  serviceDocument("ext", [], { type: "ExternalName", externalName: "rds", selector: undefined }),
];

describe.each([
  ["Standard mode", { dns: {} }],
  ["Auto Mode", { mode: "auto", dns: {} }],
])("cluster DNS in %s", (_, cluster) => {
  const podplane = new Podplane();
  const dig = (args: string, from = "pod/client") => podplane.sh(from, `dig +time=2 +tries=2 ${args}`);

  beforeAll(async () => {
    const env = "mode" in cluster ? { cluster: { ...cluster, cni: {} } } : { cluster };
    const lab = podplane.write("lab.yaml", [labDocument({ name: "dns", hosts: HOSTS, ...env }), ...OBJECTS]);
    await podplane.up(lab);
    await podplane.serving("pod/api-1", "host/rds");
  });
  afterAll(() => podplane.dispose());

  it("is what a pod asks", async () => {
    expect(await podplane.sh("pod/client", "cat /etc/resolv.conf")).toBe(
      "search default.svc.cluster.local svc.cluster.local cluster.local ec2.internal\nnameserver 172.20.0.10\noptions ndots:5",
    );
    expect(await podplane.sh("pod/client", "cat /etc/hosts")).not.toContain("api");
    const address = await podplane.clusterIP("api");
    expect(await podplane.sh("pod/client", "getent hosts api")).toMatch(new RegExp(`^${address}\\s+${API}$`));
    expect(await podplane.sh("pod/client", "curl -sSm 5 http://api/")).toContain('"name":"api-1"');
    expect(await podplane.sh("pod/client", "curl -sSm 5 http://api.default/")).toContain('"name":"api-1"');
  });

  it("goes through the search domains one after the other", async () => {
    const asked = (await dig("+search +showsearch rds")).match(/^;(\S+)\s+IN\s+A$/gm);
    expect(asked?.map((line) => line.slice(1).split(/\s/)[0])).toEqual([
      "rds.default.svc.cluster.local.",
      "rds.svc.cluster.local.",
      "rds.cluster.local.",
      "rds.ec2.internal.",
    ]);
    expect(await podplane.sh("pod/client", "curl -sSm 5 http://rds:5432/")).toContain('"name":"rds"');
  });

  it("names the pods of a headless service, and another name of a host", async () => {
    const [pod] = (await podplane.get("pods")).filter((p) => p.name === "db-0");
    expect(await dig(`+short db-0.${DB}`)).toBe(pod.address);
    expect(await dig(`+short SRV _pg._tcp.${DB}`)).toBe(`0 100 5432 db-0.${DB}.`);
    expect(await dig(`+short -x ${pod.address}`)).toBe(`db-0.${DB}.`);
    expect(await podplane.sh("pod/client", "curl -sSm 5 http://ext:5432/")).toContain('"name":"rds"');
    expect(await dig("+short ext.default.svc.cluster.local")).toBe("rds.\n10.0.63.200");
  });

  it("truncates what is too long for a datagram, and has it whole over TCP", async () => {
    const name = "many.default.svc.cluster.local";
    expect(await dig(`+noedns +ignore ${name}`)).toMatch(/flags: qr aa tc rd; QUERY: 1, ANSWER: 29,/);
    const whole = await dig(`+noedns ${name}`);
    expect(whole).toMatch(/Truncated, retrying in TCP mode/);
    expect(whole).toMatch(new RegExp(`ANSWER: ${ENDPOINTS},`));
  });

  it("tells names that do not exist from those that have nothing", async () => {
    expect(await dig(`nobody.default.svc.cluster.local`)).toMatch(
      /status: NXDOMAIN[\s\S]*SOA\s+ns\.dns\.cluster\.local\./,
    );
    expect(await dig(`AAAA ${API}`)).toMatch(/status: NOERROR[\s\S]*ANSWER: 0, AUTHORITY: 1/);
    expect(await dig("example.com")).toMatch(/status: NXDOMAIN/);
  });

  it("follows the cluster at once", async () => {
    const later = podplane.write("later.yaml", [serviceDocument("later", [{ port: 80 }])]);
    expect(await dig("later.default.svc.cluster.local")).toMatch(/NXDOMAIN/);
    await podplane.must("apply", "-f", later);
    expect(await dig("+short later.default.svc.cluster.local")).toBe(await podplane.clusterIP("later"));
  });

  it("is the VPC's resolver for nodes, hosts and pods that say so", async () => {
    for (const from of ["node/node-1", "host/rds", "pod/plain"]) {
      expect(await podplane.sh(from, "cat /etc/resolv.conf")).toBe("search ec2.internal\nnameserver 10.0.0.2");
      expect(await podplane.sh(from, "getent ahostsv4 node-2 | head -1")).toMatch(/^10\.0\.64\.\d+/);
      expect(await dig(`${API}`, from)).toMatch(/status: NXDOMAIN/);
      expect(await dig("+short @169.254.169.253 rds.ec2.internal", from)).toBe("10.0.63.200");
    }
    expect(await podplane.sh("pod/onhost", "cat /etc/resolv.conf")).toContain("nameserver 172.20.0.10\n");
    expect(await podplane.sh("pod/onhost", "getent hosts api")).toContain(API);
  });

  it("gives a pod its host name, and /etc/hosts with that and its aliases", async () => {
    const [{ address }] = (await podplane.get("pods")).filter((p) => p.name === "db-0");
    expect(await podplane.sh("pod/named", "hostname; uname -n; echo $HOSTNAME")).toBe("own\nown\nown");
    const named = await podplane.sh("pod/named", "cat /etc/hosts");
    expect(named).toMatch(/^# Kubernetes-managed hosts file\.\n127\.0\.0\.1\tlocalhost\n/);
    // Files come first: the answers are not the name server's.
    const own = (name: string) => podplane.sh("pod/named", `getent -s files hosts ${name}`);
    expect(await own("old.example")).toMatch(/^10\.9\.9\.9\s+old\.example old$/);
    expect(await own("own")).toMatch(/\s+own\.db\.default\.svc\.cluster\.local own$/);
    expect(await podplane.sh("pod/named", "getent ahostsv4 localhost | head -1")).toMatch(/^127\.0\.0\.1 /);
    expect(await podplane.sh("pod/named", "hostname -f")).toBe(`own.${DB}`);
    expect(await podplane.sh("pod/db-0", "getent hosts db-0")).toMatch(new RegExp(`^${address}\\s+db-0\\.${DB} db-0$`));
    // A hostNetwork pod is called as its node is.
    expect(await podplane.sh("pod/onhost", "hostname; cat /etc/hosts")).toMatch(
      /^node-1\n# Kubernetes-managed hosts file \(host network\)\.\n[\s\S]*10\.0\.0\.\d+ node-1$/,
    );
    expect(await podplane.sh("node/node-1", "hostname")).toBe("node-1");
  });

  it("has the host names that an EndpointSlice gives its endpoints", async () => {
    expect(await dig("+short primary.hosts.default.svc.cluster.local")).toBe("10.0.50.99");
    expect(await dig("+short SRV _pg._tcp.hosts.default.svc.cluster.local")).toBe(
      "0 100 5432 primary.hosts.default.svc.cluster.local.",
    );
    expect(await dig("+short -x 10.0.50.99")).toBe("primary.hosts.default.svc.cluster.local.");
  });

  it("answers at its own address, whatever Service a user puts there in Auto Mode", async () => {
    expect(await dig("+short kube-dns.kube-system.svc.cluster.local")).toBe("172.20.0.10");
    const file = podplane.write("own.yaml", [
      {
        ...serviceDocument("kube-dns", [{ name: "dns", port: 53, protocol: "UDP", targetPort: 5353 }], {
          clusterIP: "172.20.0.10",
          selector: { app: "db" },
        }),
        metadata: { name: "kube-dns", namespace: "kube-system" },
      },
    ]);
    if (!("mode" in cluster)) return;
    await podplane.must("apply", "-f", file);
    // No pod listens at the Service's target: the answer is the node's.
    expect(await dig(`+short ${API}`)).toBe(await podplane.clusterIP("api"));
    const flows = await podplane.get("conntrack");
    expect(flows.filter((c) => c.original.destination === "172.20.0.10")).toEqual([]);
    await podplane.must("delete", "-f", file);
  });

  it("leaves nothing behind", async () => {
    await podplane.finish();
  });
});

describe("the VPC resolver's limit", () => {
  const podplane = new Podplane();
  const LIMIT = 20;
  const QUERIES = 200;
  /** As fast as they go, without waiting for answers: how many were answered. */
  const ASK = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.5)
name = b"".join(bytes([len(l)]) + l.encode() for l in sys.argv[2].split(".")) + b"\\0"
for i in range(${QUERIES}):
    # Another name each time for those who keep answers: letters are repeated as they were asked.
    own = name[:1] + bytes(c ^ (0x20 if i >> n & 1 else 0) for n, c in enumerate(name[1:9])) + name[9:]
    s.sendto(i.to_bytes(2, "big") + b"\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + own + b"\\0\\1\\0\\1", (sys.argv[1], 53))
answers = 0
try:
    while True:
        s.recv(512)
        answers += 1
except TimeoutError:
    print(answers)
`;
  const ask = async (from: string, address: string, name: string) =>
    Number(await podplane.sh(from, `python3 -c '${ASK}' ${address} ${name}`));

  beforeAll(async () => {
    const lab = podplane.write("lab.yaml", [
      labDocument({ name: "limit", hosts: HOSTS, cluster: { dns: { queryLimit: LIMIT } } }),
      podDocument("client", { spec: { nodeName: "node-1" } }),
      podDocument("plain", { spec: { nodeName: "node-1", dnsPolicy: "Default" } }),
    ]);
    await podplane.up(lab);
  });
  afterAll(() => podplane.dispose());

  it("is on the packets of a pod, which are dropped by a reason of their own", async () => {
    const answered = await ask("pod/plain", "10.0.0.2", "abcdefgh.ec2.internal");
    const dropped = (await podplane.metrics()).drops.VPC_RESOLVER_LIMIT;
    expect(answered).toBeGreaterThanOrEqual(LIMIT);
    expect(answered + dropped).toBe(QUERIES);
    // The sending took less than a few seconds, in each of which so many pass.
    expect(answered).toBeLessThanOrEqual(4 * LIMIT);
  });

  it("is on CoreDNS's queries for names of others, and on a machine's own", async () => {
    const before = (await podplane.metrics()).sum("resolver_queries_dropped_total");
    expect(before).toBe(0);
    const answered = await ask("pod/client", "172.20.0.10", "abcdefgh.ec2.internal");
    const upstream = (await podplane.metrics()).sum("resolver_queries_dropped_total");
    expect(answered + upstream).toBe(QUERIES);
    expect(upstream).toBeGreaterThan(0);
    const own = await ask("node/node-1", "10.0.0.2", "abcdefgh.ec2.internal");
    const metrics = await podplane.metrics();
    expect(own + metrics.sum("resolver_queries_dropped_total")).toBe(QUERIES + upstream);
    expect(metrics.get('resolver_queries_dropped_total{eni="node-1/eth0"}')).toBeGreaterThanOrEqual(QUERIES - own);
  });

  it("is not on the cluster's own names", async () => {
    expect(await ask("pod/client", "172.20.0.10", "kube-dns.kube-system.svc.cluster.local")).toBe(QUERIES);
    await podplane.finish();
  });
});
