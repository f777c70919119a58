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

  it("leaves nothing behind", async () => {
    await podplane.finish();
  });
});
