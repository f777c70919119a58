import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { loadLab } from "../../../src/lab/files/load.ts";
import { LabBench } from "./labBench.ts";

/** The labs of the CNI's rules: each shows its problem, and each way out of its README works. */

const LABS = fileURLToPath(new URL("../../../labs", import.meta.url));
const DIRECTORY = mkdtempSync(join(tmpdir(), "podplane-labs-"));
afterAll(() => rmSync(DIRECTORY, { recursive: true, force: true }));

/** A lab as it is, or with texts of its lab.yaml replaced. */
function lab(name: string, ...changes: [from: string, to: string][]): LabBench {
  const directory = join(DIRECTORY, name);
  cpSync(join(LABS, name), directory, { recursive: true });
  const file = join(directory, "lab.yaml");
  let text = readFileSync(file, "utf8");
  for (const [from, to] of changes) {
    expect(text, `${name} has ${from}`).toContain(from);
    text = text.replace(from, to);
  }
  writeFileSync(file, text);
  const { cluster, notes } = loadLab(directory);
  expect(notes).toEqual([]);
  return new LabBench(cluster);
}

/** The first ENI that a packet crosses. */
const eni = (path: readonly string[]): string | undefined => path.find((name) => name.includes("/eth"));

describe("labs/nodeport-secondary-eni", () => {
  const NAME = "nodeport-secondary-eni";
  it("answers for the pod of the primary ENI, and loses the other's answer", () => {
    const b = lab(NAME);
    expect(b.address("node/node-1")).toBe("10.0.1.4");
    expect(b.answer(b.ask("host/office", "node/node-1:30080")).end).toBe("host/office");
    const request = b.ask("host/office", "node/node-1:30081");
    expect([request.end, b.answer(request).end]).toEqual(["pod/default/side", "SOURCE_DEST_CHECK"]);
  });

  it("answers for both with AWS_VPC_CNI_NODE_PORT_SUPPORT, by eth0", () => {
    const b = lab(NAME, ['NODE_PORT_SUPPORT: "false"', 'NODE_PORT_SUPPORT: "true"']);
    for (const port of [30080, 30081]) {
      const answer = b.answer(b.ask("host/office", `node/node-1:${port}`));
      expect([answer.end, eni(answer.path)]).toEqual(["host/office", "node-1/eth0"]);
    }
  });
});

describe("labs/clusterip-marked-before-dnat", () => {
  const NAME = "clusterip-marked-before-dnat";
  it("loses what the pod of the secondary ENI asks the service, and that alone", () => {
    const b = lab(NAME);
    expect(b.ask("pod/first", "svc/api:80").end).toBe("pod/default/api");
    expect(b.ask("pod/second", "svc/api:80").end).toBe("SOURCE_DEST_CHECK");
    expect(b.ask("pod/second", "pod/api:8080").end).toBe("pod/default/api");
  });

  it.each<[string, [string, string]]>([
    ["the CNI 1.23", ["markBeforeDnat: true", "markBeforeDnat: false"]],
    ["the workaround", ["env: {}", "env: { AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: 172.20.0.0/16 }"]],
  ])("is well with %s", (_, change) => {
    const b = lab(NAME, change);
    const walked = b.ask("pod/second", "svc/api:80");
    expect([walked.end, eni(walked.path)]).toEqual(["pod/default/api", "node-1/eth1"]);
    expect(b.answer(walked).from).toBe("172.20.0.20:80");
  });
});

describe("labs/externalsnat-public-subnet", () => {
  const NAME = "externalsnat-public-subnet";
  it("has no way to the internet for the pod, and one for the node", () => {
    const b = lab(NAME);
    expect(b.ask("pod/client", "host/web:80").end).toBe("IGW_NO_PUBLIC_ADDRESS");
    expect(b.ask("node/node-1", "host/web:80").end).toBe("host/web");
  });

  it("has one behind a NAT gateway", () => {
    const b = lab(NAME, [
      "name: nodes\n        routes:\n          - { destinationCidrBlock: 0.0.0.0/0, target: igw }",
      "name: nodes\n        routes:\n          - { destinationCidrBlock: 0.0.0.0/0, target: nat-a }",
    ]);
    const walked = b.ask("pod/client", "host/web:80");
    expect(walked.end).toBe("host/web");
    expect(b.answer(walked).end).toBe("pod/default/client");
  });

  it("has one with the CNI's own source NAT", () => {
    const b = lab(NAME, ['EXTERNALSNAT: "true"', 'EXTERNALSNAT: "false"']);
    const walked = b.ask("pod/client", "host/web:80");
    expect([walked.end, b.answer(walked).end]).toEqual(["host/web", "pod/default/client"]);
  });
});

describe("labs/external-endpoint-secondary-eni", () => {
  const NAME = "external-endpoint-secondary-eni";
  it("loses what the pod of the secondary ENI asks the service", () => {
    const b = lab(NAME);
    expect(b.ask("pod/first", "svc/ldap:80").end).toBe("host/ldap");
    expect(b.ask("pod/second", "host/ldap:8080").end).toBe("host/ldap");
    const { end, explanation } = b.ask("pod/second", "svc/ldap:80");
    expect(end).toBe("SOURCE_DEST_CHECK");
    const rules = explanation.steps.map(({ rule }) => rule);
    expect(rules).toContain("AWS-SNAT-CHAIN-0");
    expect(rules).toContain("1536 from pod lookup its ENI's table");
  });

  it("is well with AWS_EXTERNAL_SERVICE_CIDRS", () => {
    const b = lab(NAME, ['AWS_EXTERNAL_SERVICE_CIDRS: ""', "AWS_EXTERNAL_SERVICE_CIDRS: 192.168.0.0/16"]);
    const walked = b.ask("pod/second", "svc/ldap:80");
    expect([walked.end, eni(walked.path)]).toEqual(["host/ldap", "node-1/eth0"]);
    expect(b.answer(walked).end).toBe("pod/default/second");
  });
});
