import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Podplane, QUICKSTART } from "./podplane.ts";

// A lab's kernel twin as a user has it: beside the lab, asked the same way, and gone without a trace.

let podplane: Podplane;

beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => {
  return podplane.dispose();
});

const TWIN = ["--name", "quickstart-peer"];

describe.each(["iptables", "nftables"])("a kernel twin in %s mode", (mode) => {
  it("answers as the lab does, with its addresses, and leaves nothing behind", async () => {
    await podplane.must("peer", "up", QUICKSTART, "--mode", mode, "--detach");
    await podplane.up(QUICKSTART);
    const address = "ip -4 -o address show dev eth0 | awk '{ print $4 }'";
    const inTwin = (script: string) => podplane.must("exec", ...TWIN, "pod/client", "--", "sh", "-c", script);
    expect((await inTwin(address)).trim()).toBe(await podplane.sh("pod/client", address));
    const servers = new Set<string>();
    for (let i = 0; i < 40 && servers.size < 3; i++)
      servers.add(JSON.parse(await inTwin("curl -sS --retry 10 --retry-connrefused --retry-delay 1 api")).name);
    expect([...servers].sort()).toEqual(["api-1", "api-2", "api-3"]);
    const rules = await podplane.must("exec", ...TWIN, "node/node-1", "--", "nft", "list", "ruleset");
    expect(rules).toContain(mode === "nftables" ? "service-nodeports" : "KUBE-MARK-MASQ");
    // The lab is meant where no name says otherwise.
    expect(await podplane.must("down")).toBe("lab quickstart is down\n");
    expect(await podplane.must("peer", "down")).toContain("quickstart-peer is down");
    await podplane.expectNothingLeft();
  });
});

/** A PATH that has all programs but some. */
function pathWithout(directory: string, missing: readonly string[]): string {
  const bin = join(directory, "bin");
  mkdirSync(bin);
  for (const program of ["sh", "unshare", "setpriv", "nsenter", "mount", "ip", "nft", "iptables-restore"]) {
    const found = (process.env.PATH ?? "").split(":").map((place) => join(place, program));
    const target = found.find((file) => existsSync(file));
    if (target !== undefined && !missing.includes(program)) symlinkSync(target, join(bin, program));
  }
  return bin;
}

it.each([
  [["nft"], "nft, which this machine does not have: apt-get install -y nftables"],
  [["iptables-restore"], "iptables-restore, which this machine does not have: apt-get install -y iptables"],
  [["ip"], "ip, which this machine does not have: apt-get install -y iproute2"],
  [
    ["nft", "iptables-restore"],
    "nft and iptables-restore, which this machine does not have: apt-get install -y nftables iptables",
  ],
])("without %s one line says what to install, and nothing is left", async (missing, message) => {
  podplane.env.PATH = pathWithout(podplane.directory, missing);
  for (const detach of [[], ["--detach"]]) {
    const { status, stderr, stdout } = await podplane.run("peer", "up", QUICKSTART, "--mode", "nftables", ...detach);
    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toBe(`a kernel twin needs ${message}\n`);
  }
  await podplane.expectNothingLeft();
});

it("names of services, headless ones and their pods included, of nodes and hosts are in a twin's /etc/hosts", async () => {
  const file = podplane.write("lab.yaml", [
    {
      apiVersion: "podplane.dev/v1alpha1",
      kind: "Lab",
      metadata: { name: "names" },
      spec: {
        vpc: {
          cidrBlocks: ["10.0.0.0/16"],
          subnets: [{ name: "nodes", availabilityZone: "us-east-1a", cidrBlock: "10.0.1.0/24" }],
        },
        hosts: [{ name: "rds", address: "10.0.1.200", subnet: "nodes" }],
        nodes: [{ name: "node-1", instanceType: "m5.large", subnet: "nodes" }],
      },
    },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "db-0", labels: { app: "db" } },
      spec: { hostname: "first", subdomain: "db", nodeName: "node-1", containers: [{ name: "c" }] },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "db" },
      spec: { clusterIP: "None", selector: { app: "db" }, ports: [{ port: 5432 }] },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web" },
      spec: { clusterIP: "172.20.0.80", selector: { app: "db" }, ports: [{ port: 80 }] },
    },
  ]);
  await podplane.must("peer", "up", file, "--detach");
  const resolve = async (name: string) => {
    const script = `getent ahostsv4 ${name} | awk '{ print $1 }' | sort -u`;
    return (await podplane.must("exec", "--name", "names-peer", "pod/db-0", "--", "sh", "-c", script)).trim();
  };
  const own = "ip -4 -o address show dev eth0 | awk '{ print $4 }' | cut -d/ -f1";
  const pod = (await podplane.must("exec", "--name", "names-peer", "pod/db-0", "--", "sh", "-c", own)).trim();
  for (const name of ["db", "first.db", "first.db.default.svc.cluster.local"])
    expect(await resolve(name), name).toBe(pod);
  for (const name of ["web", "web.default", "web.default.svc.cluster.local"])
    expect(await resolve(name)).toBe("172.20.0.80");
  expect(await resolve("rds")).toBe("10.0.1.200");
  expect(await resolve("node-1")).toMatch(/^10\.0\.1\./);
  await podplane.must("peer", "down");
  await podplane.expectNothingLeft();
});

it("a twin that is killed takes all of it along", async () => {
  const twin = podplane.spawn("peer", "up", QUICKSTART, "--mode", "nftables");
  await twin.says(/ is up in /);
  await twin.stop("SIGKILL");
  await podplane.expectNothingLeft(["quickstart-peer.sock"]);
});

it("rules are those of a lab that runs and of its files alike", async () => {
  await podplane.up(QUICKSTART);
  const live = await podplane.must("get", "rules", "--mode", "nftables", "--node", "node-1");
  expect(live).toContain("chain ip kube-proxy services");
  expect(await podplane.must("get", "rules", "--mode", "nftables", "--node", "node-1", "--lab", QUICKSTART)).toBe(live);
  const { status, stderr } = await podplane.run("get", "rules", "--node", "nod-1");
  expect(status).toBe(1);
  expect(stderr).toContain("there is no node nod-1");
  await podplane.must("down");
});
