import { afterEach, beforeEach, expect, it } from "vitest";
import { clusterVpc, HOSTS, route, severalVpcs } from "../unit/vpc/lab.ts";
import { Podplane, SERVER } from "./podplane.ts";
import { type LabDocument, labDocument, podDocument } from "./support/labObjects.ts";

// Three VPCs, a peering, a transit gateway with an office, NAT gateways, endpoints and an appliance: real clients and servers.

let podplane: Podplane;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

const PORT = 80;
const SERVERS = HOSTS.map((host) => ({ ...host, command: [process.execPath, SERVER, String(PORT)] }));
const CLIENTS = [
  { name: "worker", address: "100.64.0.10", subnet: "pods-a" },
  { name: "firewall", address: "10.0.0.50", subnet: "public-a", sourceDestCheck: false },
];

/** What goes to node-2's subnet passes the firewall. */
function vpc(fields: LabDocument = {}): LabDocument {
  const whole = clusterVpc();
  const routeTables = (whole.routeTables as LabDocument[]).map((table) =>
    table.name === "private"
      ? { ...table, routes: [...(table.routes as LabDocument[]), route("10.0.2.0/24", "host/firewall")] }
      : table,
  );
  return { ...whole, routeTables, ...fields };
}

function lab(fields: LabDocument = {}): LabDocument {
  const document = labDocument();
  const spec = severalVpcs({ vpc: vpc(fields), hosts: [...SERVERS, ...CLIENTS] });
  return { ...document, spec: { ...(document.spec as LabDocument), ...spec } };
}

const pods = ["client", "far"].map((name, i) => podDocument(name, { spec: { nodeName: `node-${i + 1}` } }));

/** Whom the server at a host of the lab takes for its client, without the port. */
async function seenBy(address: string, from = "pod/client"): Promise<string> {
  const answer = JSON.parse(await podplane.sh(from, `curl -sS --max-time 5 ${address}`)) as { client: string };
  return answer.client.replace(/:\d+$/, "");
}

const dropped = async (code: string) => (await podplane.get("reasons")).find((r) => r.code === code)?.count ?? 0;

it("real clients reach every kind of destination, and every destination sees the address that AWS shows it", async () => {
  await podplane.up(podplane.write("lab.yaml", [lab(), ...pods]));
  await podplane.serving(...HOSTS.map((host) => `host/${host.name}`));

  // By the NAT gateway, the peering, the transit gateway to a VPC and to the office, the endpoint of S3, and in the VPC.
  expect(await seenBy("203.0.113.80")).toBe("198.51.100.7");
  expect(await seenBy("10.1.1.20")).toBe("10.0.1.4");
  expect(await seenBy("10.2.1.20")).toBe("10.0.1.4");
  expect(await seenBy("192.168.1.10")).toBe("10.0.1.4");
  expect(await seenBy("52.216.1.1")).toBe("10.0.1.4");
  expect(await seenBy("10.0.1.240")).toMatch(/^10\.0\.1\./);
  // From the pods' subnet: the office sees the private NAT gateway, S3 the public one, the peered VPC the host itself.
  expect(await seenBy("192.168.1.10", "host/worker")).toBe("10.0.1.250");
  expect(await seenBy("52.216.1.1", "host/worker")).toBe("198.51.100.7");
  expect(await seenBy("10.1.1.20", "host/worker")).toBe("100.64.0.10");
  // More than a segment, by gateways with small MTUs.
  for (const address of ["203.0.113.80", "10.2.1.20", "192.168.1.10"])
    expect(await podplane.sh("pod/client", `curl -sS --max-time 10 ${address}/bytes/300000 | wc -c`)).toBe("300000");
  // The other way round; the office's ping is answered by the node that it names.
  await podplane.sh("host/desk", "ping -c 1 -W 5 10.0.1.4");
  await podplane.sh("host/db", "ping -c 1 -W 5 10.0.1.4");
  await podplane.sh("pod/client", "ping -c 1 -W 5 203.0.113.80");
  await podplane.finish();
});

it("an appliance forwards, and gateways go and come while the lab runs", async () => {
  await podplane.up(podplane.write("lab.yaml", [lab(), ...pods]));
  await podplane.serving("host/web");
  const far = (await podplane.get("pods")).find((p) => p.name === "far")?.address;
  const forwarded = async () =>
    Number((await podplane.sh("host/firewall", "awk '/^Ip: [0-9]/ { print $7 }' /proc/net/snmp")) || "0");
  expect(await forwarded()).toBe(0);
  await podplane.sh("pod/client", `ping -c 3 -i 0.2 -W 5 ${far}`);
  expect(await forwarded()).toBeGreaterThanOrEqual(3);

  expect(await seenBy("203.0.113.80")).toBe("198.51.100.7");
  const without = podplane.write("without.yaml", [lab({ natGateways: [clusterVpc().natGateways].flat().slice(1) })]);
  await podplane.must("apply", "-f", without);
  const wrong = podplane.write("wrong.yaml", [lab({ natGateways: [{ name: "nat-a", subnet: "db-a" }] })]);
  expect((await podplane.run("apply", "-f", wrong)).stderr).toMatch(
    /wrong\.yaml:\d+:\d+: spec\.vpc\.natGateways\[0\]\.subnet: expected a subnet of VPC cluster, got "db-a"/,
  );
  const failed = await podplane.run("exec", "pod/client", "--", "curl", "-sS", "--max-time", "1", "203.0.113.80");
  expect(failed.status).not.toBe(0);
  expect(await dropped("VPC_BLACKHOLE")).toBeGreaterThan(0);
  expect((await podplane.get("routes")).filter((r) => r.state === "blackhole").map((r) => r.target)).toEqual([
    "nat-a",
    "nat-a",
  ]);
  await podplane.must("apply", "-f", podplane.write("again.yaml", [lab()]));
  expect(await seenBy("203.0.113.80")).toBe("198.51.100.7");
  await podplane.finish();
});
