import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { importFiles } from "../../../src/lab/files/importFiles.ts";
import { fixtureFiles } from "./run.ts";

const directory = mkdtempSync(join(tmpdir(), "podplane-import-"));
afterAll(() => rmSync(directory, { recursive: true }));

const SHOP = fixtureFiles("shop");
const without = (files: readonly string[], name: string) => files.filter((file) => !file.endsWith(`/${name}`));
const of = (name: string) => [...SHOP.kubectl, ...SHOP.ec2].find((file) => file.endsWith(`/${name}`)) ?? "";

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

/** The fixture with other files in place of one; paths in the message without the directory. */
function refusal({ kubectl = SHOP.kubectl, ec2 = SHOP.ec2 }: { kubectl?: string[]; ec2?: string[] }): string {
  try {
    importFiles({ kubectl, ec2, keepCommands: false, oneStream: false, name: null });
  } catch (error) {
    return (error as Error).message.replaceAll(`${directory}/`, "");
  }
  return "";
}

/** A fixture's file with a text in place of another. */
function changed(name: string, from: string | RegExp, to: string): string {
  const text = readFileSync(of(name), "utf8");
  const result = text.replace(from, to);
  if (result === text) throw new Error(`${name} has no ${from}`);
  return file(name, result);
}

const swapKubectl = (name: string, path: string) => ({ kubectl: [...without(SHOP.kubectl, name), path] });
const swapEc2 = (name: string, path: string) => ({ ec2: [...without(SHOP.ec2, name), path] });

describe("input that cannot be a cluster", () => {
  it("is one message with file, line and column", () => {
    expect(refusal(swapKubectl("nodes.json", file("bad.json", '{ "kind": "List",\n  "items": [ }')))).toMatch(
      /^bad\.json:2:\d+: expected YAML, got an error: /,
    );
    expect(refusal(swapEc2("subnets.json", changed("subnets.json", '"CidrBlock": "10.0.2.0/24",\n', "")))).toMatch(
      /^subnets\.json:\d+:5: Subnets\[1\]\.CidrBlock: expected an IPv4 CIDR block such as 10\.0\.1\.0\/24, got nothing; add it$/,
    );
    expect(refusal(swapEc2("subnets.json", changed("subnets.json", "10.0.2.0/24", "10.0.2/24")))).toMatch(
      /^subnets\.json:\d+:7: Subnets\[1\]\.CidrBlock: expected an IPv4 CIDR block such as 10\.0\.1\.0\/24, got "10\.0\.2\/24"$/,
    );
    expect(refusal(swapEc2("subnets.json", file("s.json", '{ "Subnets": {} }')))).toBe(
      "s.json:1:3: Subnets: expected a list, got {}",
    );
    expect(
      refusal(swapKubectl("nodes.json", file("n.yaml", "apiVersion: v1\nkind: List\nitems:\n- kind: Node\n"))),
    ).toMatch(/^n\.yaml:4:3: items\[0\]\.apiVersion: expected a string, got nothing; add it\n/);
    expect(refusal(swapKubectl("nodes.json", file("empty.json", "")))).toBe(
      "empty.json: expected JSON or YAML, got an empty file",
    );
    expect(refusal(swapKubectl("nodes.json", join(directory, "none.json")))).toMatch(
      /^none\.json: expected a file that can be read, got ENOENT/,
    );
  });

  it("says which option a file belongs to", () => {
    expect(refusal({ kubectl: [...SHOP.kubectl, of("subnets.json")] })).toMatch(
      /subnets\.json:1:1: expected Kubernetes objects, got an answer of aws ec2; give the file with --ec2$/,
    );
    expect(refusal({ ec2: [...SHOP.ec2, of("nodes.json")] })).toMatch(
      /nodes\.json:1:1: expected an answer of aws ec2, got Kubernetes objects; give the file with --kubectl$/,
    );
    expect(refusal({ ec2: [...SHOP.ec2, file("other.json", '{ "Volumes": [] }')] })).toMatch(
      /^other\.json:1:1: expected an answer of aws ec2 describe-\.\.\. with one of Vpcs, .*, got \["Volumes"\]$/,
    );
  });

  it("says which answers are missing", () => {
    expect(refusal({ kubectl: without(SHOP.kubectl, "nodes.json") })).toMatch(/^no nodes: expected kubectl get nodes/);
    expect(refusal({ ec2: without(SHOP.ec2, "vpcs.json") })).toMatch(
      /^no VPC: expected .* describe-vpcs and describe-subnets/,
    );
    const other = changed("vpcs.json", '"vpc-0a1b2c3d4e5f60001"', '"vpc-other"');
    expect(refusal(swapEc2("vpcs.json", other))).toMatch(
      /^no VPC of describe-vpcs has the nodes \(vpc-other 10\.0\.0\.0\/16; /,
    );
  });

  it("says what is wrong with a node", () => {
    const type = changed(
      "nodes.json",
      '"node.kubernetes.io/instance-type": "m5.large"',
      '"node.kubernetes.io/instance-type": "m5.larg"',
    );
    expect(refusal(swapKubectl("nodes.json", type))).toMatch(
      /^node\/ip-10-0-1-20\.us-west-2\.compute\.internal: expected an EC2 instance type that podplane knows, got "m5\.larg"; did you mean m5\.large/,
    );
  });

  it("reads standard input once", () => {
    expect(refusal({ kubectl: ["-"], ec2: ["-"] })).toBe(
      "standard input (-) can be read once; name a file for the others",
    );
  });
});

describe("input with gaps", () => {
  const notes = (question: { kubectl?: string[]; ec2?: string[] }) => {
    const { kubectl = SHOP.kubectl, ec2 = SHOP.ec2 } = question;
    return importFiles({ kubectl, ec2, keepCommands: false, oneStream: false, name: null }).notes.lines().join("\n");
  };

  it("leaves out what refers to nothing, and says so", () => {
    const said = notes({ ec2: without(SHOP.ec2, "nat-gateways.json") });
    expect(said).toContain(
      "rtb-0priv00000000001: the route to 0.0.0.0/0 is left out: podplane has no nat-0abc000000000001, or it is in no answer",
    );
    expect(notes({ ec2: without(SHOP.ec2, "security-groups.json") })).toContain(
      "its security group sg-0cluster00000001 is in no answer and left out",
    );
  });

  it("has nodes without ENIs, whose pods get other addresses", () => {
    const said = notes({ ec2: without(SHOP.ec2, "network-interfaces.json") });
    expect(said).toContain("no answer has its ENIs: it starts with its primary ENI alone");
    expect(said).toContain("no ENI of its node has its address in the answers");
  });

  it("guesses the CNI's settings by the ENIs where its DaemonSet is not there", () => {
    const text = readFileSync(of("workloads.json"), "utf8").replace(
      '"name": "aws-node",\n        "namespace"',
      '"name": "other",\n        "namespace"',
    );
    expect(notes(swapKubectl("workloads.json", file("w.json", text)))).toContain(
      "daemonset/kube-system/aws-node: not among the objects: its environment is guessed by the ENIs and ENIConfigs (ENABLE_PREFIX_DELEGATION)",
    );
  });
});
