import { describe, expect, it } from "vitest";
import type { Cluster } from "../../../src/control/cluster.ts";
import { loadLab } from "../../../src/lab/files/load.ts";
import { askOffline } from "../../../src/lab/question.ts";
import { serviceDocument } from "../control/documents.ts";
import { cluster, type Fields, podDocument, vpc } from "../control/objects.ts";

/** What almost let a packet pass, and what decided: by the names of what somebody would change. */

const lab = (name: string): Cluster => loadLab(new URL(`../../../labs/${name}`, import.meta.url).pathname).cluster;

function why(c: Cluster, protocol: string, source: string, destination: string) {
  return askOffline(c, { protocol, source, destination, fromPort: null });
}

const machines = (fields: Fields, host: Fields = {}) => ({
  nodes: [{ name: "node-1", instanceType: "m5.large", subnet: "nodes-a", ...fields }],
  hosts: [{ name: "rds", address: "10.0.1.200", subnet: "nodes-a", ...host }],
});

describe("near misses", () => {
  const groups = [
    { name: "nodes", egress: [{ protocol: "all", destinations: ["0.0.0.0/0"] }] },
    {
      name: "db",
      ingress: [
        { protocol: "udp", fromPort: 1, toPort: 9, sources: ["192.168.0.0/16"] },
        { protocol: "tcp", fromPort: 5432, toPort: 5432, sources: ["10.0.3.0/24"] },
        { protocol: "tcp", fromPort: 80, toPort: 90, sources: ["nodes"] },
      ],
    },
  ];
  const secured = cluster(
    {
      vpc: vpc({ securityGroups: groups }),
      ...machines({ securityGroups: ["nodes"] }, { securityGroups: ["db"] }),
    },
    podDocument("web"),
  );

  it("of security groups: the rule with the fewest conditions that do not hold, the first of those", () => {
    const e = why(secured, "tcp", "pod/web", "host/rds:5432");
    const source = e.flow.source.address;
    expect(e.nearMiss).toEqual({
      rule: "securitygroup/db ingress[1] tcp 5432 from 10.0.3.0/24",
      differs: [`source pod/default/web (${source}) is not in 10.0.3.0/24`],
    });
    expect(e.change).toMatchObject({ object: "securitygroup/db", field: "ingress" });
    expect(e.decidedBy).toContain("securitygroup/nodes egress[0]");
    expect(e.decidedBy.at(-1)).toBe("securitygroup/db ingress");
    expect(why(secured, "tcp", "pod/web", "host/rds:91").nearMiss).toEqual({
      rule: "securitygroup/db ingress[2] tcp 80-90 from nodes",
      differs: ["port 91 is not 80-90"],
    });
  });

  it("of network ACLs: an allow rule behind the one that denies", () => {
    const rule = (ruleNumber: number, ruleAction: string, cidrBlock: string): Fields => ({
      ruleNumber,
      protocol: "all",
      cidrBlock,
      ruleAction,
    });
    const all = rule(100, "allow", "0.0.0.0/0");
    const c = cluster(
      {
        vpc: vpc({
          networkAcls: [
            { name: "tight", subnets: ["nodes-b"], ingress: [rule(50, "deny", "10.0.1.0/24"), all], egress: [all] },
          ],
        }),
        nodes: [{ name: "node-1", instanceType: "m5.large", subnet: "nodes-a" }],
        hosts: [{ name: "rds", address: "10.0.2.200", subnet: "nodes-b" }],
      },
      podDocument("web"),
    );
    const e = why(c, "tcp", "pod/web", "host/rds:80");
    expect(e.reason).toBe("NETWORK_ACL_INGRESS");
    expect(e.nearMiss).toEqual({
      rule: "networkacl/tight ingress rule 100 allow all from 0.0.0.0/0",
      differs: ["rule 50 denies before it"],
    });
    expect(e.decidedBy).toContain("networkacl/tight ingress rule 50");
  });

  it("of services: the port that there is, the endpoint that is not ready, the label that is missing", () => {
    const c = cluster(
      machines({}),
      podDocument("client"),
      podDocument("api-1", {}, { labels: { app: "api", tier: "back" } }),
      serviceDocument("api", { selector: { app: "api" } }),
      serviceDocument("none", { selector: { app: "api", tier: "front" } }),
    );
    const wrong = why(c, "tcp", "pod/client", "svc/api:81");
    expect(wrong.nearMiss).toEqual({ rule: "svc/default/api:80", differs: ["port 81 is not 80"] });
    expect(wrong.change).toMatchObject({ object: "svc/default/api", field: "spec.ports" });
    const none = why(c, "tcp", "pod/client", "svc/none:80");
    expect(none).toMatchObject({ reason: "SERVICE_NO_ENDPOINTS", change: { object: "svc/default/none:80" } });
    expect(none.nearMiss).toEqual({ rule: "pod/default/api-1", differs: ["label tier is back, not front"] });
  });

  it("of addresses: the one that differs in a single octet", () => {
    const c = cluster(machines({}), podDocument("client"));
    const e = why(c, "tcp", "pod/client", "10.0.2.200:80");
    expect(e.reason).toBe("VPC_ADDRESS_UNASSIGNED");
    expect(e.nearMiss).toEqual({ rule: "host/rds has 10.0.1.200", differs: ["10.0.2.200 is not 10.0.1.200"] });
  });

  it("of policies: the rule that names the peer, but another port", () => {
    const c = cluster(
      machines({}),
      podDocument("web", {}, { labels: { app: "web" } }),
      podDocument("api", {}, { labels: { app: "api" } }),
      {
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: { name: "api" },
        spec: {
          podSelector: { matchLabels: { app: "api" } },
          policyTypes: ["Ingress"],
          ingress: [{ from: [{ podSelector: { matchLabels: { app: "web" } } }], ports: [{ port: 8080 }] }],
        },
      },
    );
    const e = why(c, "tcp", "pod/web", "pod/api:80");
    expect(e.reason).toBe("POLICY_DENY_INGRESS");
    expect(e.nearMiss).toEqual({
      rule: "networkpolicy/default/api ingress[0]",
      differs: ["port 80 is not 8080"],
    });
    expect(e.change).toMatchObject({ object: "networkpolicy/default/api", field: "spec.ingress" });
    expect(why(c, "tcp", "pod/web", "pod/api:8080").decidedBy).toContain("networkpolicy/default/api ingress[0]");
  });

  it("of the internet gateway: the address that has a public one, and the setting that decided", () => {
    const e = why(lab("externalsnat-public-subnet"), "tcp", "pod/client", "host/web:80");
    expect(e.reason).toBe("IGW_NO_PUBLIC_ADDRESS");
    expect(e.nearMiss?.rule).toMatch(/^eni\/node-1\/eth\d maps 10\.0\.1\.\d+ to /);
    expect(e.decidedBy).toContain("node/node-1 env AWS_VPC_K8S_CNI_EXTERNALSNAT");
  });

  it("of nothing that is delivered", () => {
    const e = why(lab("quickstart"), "tcp", "pod/client", "svc/api:80");
    expect([e.nearMiss, e.change, e.reason]).toEqual([null, null, null]);
    expect(e.decidedBy[0]).toBe("svc/default/api:80");
  });
});
