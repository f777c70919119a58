import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Cluster } from "../../../src/control/cluster.ts";
import { loadLab } from "../../../src/lab/files/load.ts";
import { askOffline } from "../../../src/lab/question.ts";

const LABS = new URL("../../../labs/", import.meta.url).pathname;
const directory = mkdtempSync(join(tmpdir(), "podplane-labs-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** A lab of labs/, with texts replaced as its README says. */
function lab(name: string, ...edits: [from: string, to: string][]): Cluster {
  let text = readFileSync(join(LABS, name, "lab.yaml"), "utf8");
  for (const [from, to] of edits) {
    if (!text.includes(from)) throw new Error(`${name} has no ${from}`);
    text = text.replace(from, to);
  }
  const file = join(directory, "lab.yaml");
  writeFileSync(file, text);
  return loadLab(file).cluster;
}

function why(cluster: Cluster, source: string, destination: string): string {
  const { verdict, reason, seen, steps } = askOffline(cluster, {
    protocol: "tcp",
    source,
    destination,
    fromPort: null,
  });
  if (reason !== null) return `${verdict} ${reason} at ${steps.at(-1)?.stage}`;
  return `${verdict}, seen as ${seen?.source.address}`;
}

describe("pod-subnet-security-group", () => {
  const NAME = "pod-subnet-security-group";
  const ends = (cluster: Cluster) => [
    why(cluster, "pod/client", "host/rds:5432"),
    why(cluster, "pod/agent", "host/rds:5432"),
    why(cluster, "node/node-1", "pod/web:8080"),
    why(cluster, "pod/client", "pod/web:8080"),
  ];
  const REFUSED = "DROPPED SECURITY_GROUP_INGRESS at security-group";

  it("lets pods reach one another alone", () => {
    expect(ends(lab(NAME))).toEqual([
      REFUSED,
      "DELIVERED, seen as 10.0.1.4",
      REFUSED,
      expect.stringMatching(/^DELIVERED, seen as 100\.64\.0\./),
    ]);
  });

  it.each<[string, [string, string][]]>([
    ["an ENIConfig without groups", [["  securityGroups: [pods]\n", ""]]],
    ["an ENIConfig with both", [["securityGroups: [pods]", "securityGroups: [nodes, pods]"]]],
    [
      "rules for the pods' group",
      [
        ["toPort: 5432, sources: [nodes]", "toPort: 5432, sources: [nodes, pods]"],
        ["ingress: [{ protocol: all, sources: [pods] }]", "ingress: [{ protocol: all, sources: [nodes, pods] }]"],
      ],
    ],
  ])("is put right by %s", (_, edits) => {
    for (const end of ends(lab(NAME, ...edits))) expect(end).toMatch(/^DELIVERED/);
  });
});

describe("100-64-behind-peering", () => {
  const NAME = "100-64-behind-peering";
  const EXTERNAL: [string, string] = ['EXTERNALSNAT: "false"', 'EXTERNALSNAT: "true"'];
  const PODS =
    "      - name: pods\n        routes:\n          - { destinationCidrBlock: 10.20.0.0/16, target: to-shared }";
  const there = (cluster: Cluster) => why(cluster, "pod/client", "host/orders:80");
  const back = (cluster: Cluster) => why(cluster, "host/orders", "pod/client:8080");
  const NO_ROUTE = "DROPPED VPC_NO_ROUTE at vpc-route";

  it("shows the peer the node by default", () => {
    const cluster = lab(NAME);
    expect(there(cluster)).toBe("DELIVERED, seen as 10.0.1.4");
    expect(back(cluster)).toBe(NO_ROUTE);
  });

  it("shows it the pod with external SNAT, whom it cannot answer", () => {
    const cluster = lab(NAME, EXTERNAL);
    expect(there(cluster)).toMatch(/^DELIVERED, seen as 100\.64\.0\./);
    expect(back(cluster)).toBe(NO_ROUTE);
  });

  it("shows it the private NAT gateway, where the pods' route table leads there", () => {
    const cluster = lab(NAME, EXTERNAL, [PODS, PODS.replace("to-shared", "private-nat")]);
    expect(there(cluster)).toBe("DELIVERED, seen as 10.0.9.10");
  });

  it("lets both ways pass where the peer has a route", () => {
    const to = "{ destinationCidrBlock: 10.0.0.0/16, target: to-shared }";
    const cluster = lab(NAME, EXTERNAL, [to, `${to}\n            - ${to.replace("10.0.0.0/16", "100.64.0.0/16")}`]);
    expect(there(cluster)).toMatch(/^DELIVERED, seen as 100\.64\.0\./);
    expect(back(cluster)).toMatch(/^DELIVERED, seen as 10\.20\.1\.50/);
  });
});
