import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { podViews } from "../../../src/control/views.ts";
import { LabError, problemText } from "../../../src/lab/files/labError.ts";
import { loadLab, loadObjects } from "../../../src/lab/files/load.ts";
import { readObjectFiles } from "../../../src/lab/files/readObjects.ts";
import { labDocument, podDocument, serviceDocument } from "../control/objects.ts";

/** What reading a text reports, as the command line shows it. */
function problems(text: string): string[] {
  try {
    readObjectFiles([{ file: "lab.yaml", text }]);
  } catch (error) {
    if (error instanceof LabError) return error.problems.map(problemText);
    throw error;
  }
  return [];
}

const notes = (text: string) => readObjectFiles([{ file: "lab.yaml", text }]).notes.map(problemText);

const LAB = `apiVersion: podplane.dev/v1alpha1
kind: Lab
metadata: { name: test }
spec:
  vpc:
    cidrBlocks: [10.0.0.0/16]
    subnets:
      - { name: nodes-a, availabilityZone: us-east-1a, cidrBlock: 10.0.1.0/24 }
  nodes:
    - name: node-1
      instanceType: m5.large
      subnet: nodes-a
`;

/** The lab with one line replaced. */
const changed = (from: string, to: string) => {
  expect(LAB).toContain(from);
  return LAB.replace(from, to);
};

describe("problems of the Lab document", () => {
  it.each([
    [
      "an unknown field",
      changed("cidrBlock: 10.0.1.0/24", "cidrBlok: 10.0.1.0/24"),
      [
        "lab.yaml:8:9: spec.vpc.subnets[0].cidrBlock: expected an IPv4 CIDR block such as 10.0.1.0/24, got nothing; add it",
        'lab.yaml:8:56: spec.vpc.subnets[0].cidrBlok: expected a known field, got "cidrBlok"; did you mean cidrBlock?',
      ],
    ],
    [
      "a bad value",
      changed("10.0.1.0/24", "10.0.1/24"),
      [
        'lab.yaml:8:56: spec.vpc.subnets[0].cidrBlock: expected an IPv4 CIDR block such as 10.0.1.0/24, got "10.0.1/24"',
      ],
    ],
    [
      "a value of the wrong type",
      changed("instanceType: m5.large", "instanceType: 5"),
      ["lab.yaml:11:7: spec.nodes[0].instanceType: expected a text that is not empty, got 5"],
    ],
    [
      "no such choice",
      `${LAB}  cluster: { mode: standart, kubeProxy: { mode: ebpf } }\n`,
      [
        'lab.yaml:13:14: spec.cluster.mode: expected one of standard, auto, got "standart"; did you mean standard?',
        'lab.yaml:13:43: spec.cluster.kubeProxy.mode: expected one of iptables, nftables, ipvs, cilium, got "ebpf"; write iptables or nftables or ipvs or cilium',
      ],
    ],
    [
      "a variable that is no text",
      `${LAB}  cluster: { cni: { env: { ENABLE_PREFIX_DELEGATION: true, WARM_IP_TARGET: 1, OTHER: 5 } } }\n`,
      [
        'lab.yaml:13:28: spec.cluster.cni.env.ENABLE_PREFIX_DELEGATION: expected "true" or "false", in quotes, got true',
        'lab.yaml:13:60: spec.cluster.cni.env.WARM_IP_TARGET: expected a whole number in quotes such as "1", got 1',
        'lab.yaml:13:79: spec.cluster.cni.env.OTHER: expected a string, got 5; write it in quotes: "5"',
      ],
    ],
    [
      "a rule of EC2",
      changed("10.0.1.0/24", "10.1.0.0/24"),
      [
        "lab.yaml:8:56: spec.vpc.subnets[0].cidrBlock: expected a block inside the VPC (10.0.0.0/16), got 10.1.0.0/24; change it, or add a block to the VPC",
      ],
    ],
    [
      "a host with a subnet and a network",
      `${LAB}  hosts:\n    - { name: h, address: 10.0.1.9, subnet: nodes-a, network: internet }\n`,
      [
        "lab.yaml:14:7: spec.hosts[0]: a host has either a subnet (in the VPC) or a network (beyond it); write one of them",
      ],
    ],
    ["a number out of range", `${LAB}  seed: -1\n`, ["lab.yaml:13:3: spec.seed: expected at least 0, got -1"]],
    [
      "an empty list",
      changed("[10.0.0.0/16]", "[]"),
      ["lab.yaml:6:5: spec.vpc.cidrBlocks: expected at least 1 item, got []"],
    ],
    [
      "another kind of ours",
      "apiVersion: podplane.dev/v1\nkind: Labb\n",
      ['lab.yaml:2:1: kind: expected Lab (podplane.dev/v1alpha1), got "Labb"'],
    ],
    [
      "another version",
      changed("podplane.dev/v1alpha1", "podplane.dev/v2"),
      ['lab.yaml:1:1: apiVersion: expected podplane.dev/v1alpha1, got "podplane.dev/v2"; write podplane.dev/v1alpha1'],
    ],
  ])("%s", (_, text, expected) => {
    expect(problems(text)).toEqual(expected);
  });
});

describe("problems of files", () => {
  it.each([
    ["malformed YAML", "a: [1\nb: 2\n", /^lab.yaml:\d+:\d+: expected YAML, got an error: /],
    ["a key twice", "a: 1\na: 2\n", /^lab.yaml:2:1: expected YAML, got an error: Map keys must be unique/],
    ["a tab", "a:\n\tb: 1\n", /^lab.yaml:2:1: expected YAML, got an error: Tabs are not allowed/],
    ["malformed JSON", '{"a": }}', /^lab.yaml:1:\d+: expected YAML, got an error: /],
    ["a text alone", "hello\n", /^lab.yaml:1:1: expected an object with apiVersion and kind, got "hello"/],
    ["no kind", "apiVersion: v1\n", /^lab.yaml:1:1: kind: expected a string such as Pod, got nothing; add it/],
    [
      "a kind misspelt",
      "apiVersion: v1\nkind: Servise\n",
      /^lab.yaml:2:1: kind: expected a kind of v1, got "Servise"; did you mean Service\?/,
    ],
  ])("%s", (_, text, expected) => {
    const [first] = problems(text);
    expect(first).toMatch(expected);
  });

  it("come from all documents, in order, the second document's lines counted from the file's start", () => {
    const text = `${LAB.replace("m5.large", "m5.huge")}---
apiVersion: v1
kind: Pod
metadata: { name: Web }
spec: { containers: [] }
`;
    expect(problems(text)).toEqual([
      'lab.yaml:11:7: spec.nodes[0].instanceType: expected an EC2 instance type, got "m5.huge"; there are 1391, none like it',
      "lab.yaml:16:13: metadata.name: expected a DNS-1123 subdomain (lower case letters, digits, '-' and '.', such as web-1), got \"Web\"",
      "lab.yaml:17:9: spec.containers: expected at least 1 item, got []",
    ]);
  });

  it("shows 20 of many", () => {
    const hosts = Array.from({ length: 30 }, (_, i) => `    - { name: h${i}, address: bad }\n`).join("");
    let message = "";
    try {
      readObjectFiles([{ file: "lab.yaml", text: `${LAB}  hosts:\n${hosts}` }]);
    } catch (error) {
      message = (error as Error).message;
      expect((error as LabError).problems).toHaveLength(60);
    }
    expect(message.split("\n")).toHaveLength(21);
    expect(message).toMatch(/and 40 more problems$/);
  });
});

describe("what is accepted and ignored", () => {
  it("has one note for each kind, and for each field of a kind", () => {
    const ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: a }\n";
    const pod = (name: string) => `apiVersion: v1
kind: Pod
metadata: { name: ${name}, uid: x, creationTimestamp: null }
spec:
  priorityClassName: high
  containers:
    - { name: a, image: nginx, resources: { limits: { cpu: 1 } } }
    - { name: b, resources: {} }
status: { phase: Running }
`;
    expect(
      notes([ingress, ingress, "apiVersion: eks.amazonaws.com/v1\nkind: NodePool\n", pod("a"), pod("b")].join("---\n")),
    ).toEqual([
      "lab.yaml:2:1: kind: ignored: podplane does not act on Ingress yet",
      "lab.yaml:10:1: kind: ignored: podplane does not act on NodePool yet",
      "lab.yaml:18:32: spec.containers[0].resources: ignored: podplane does not act on Pod spec.containers[].resources",
      "lab.yaml:16:3: spec.priorityClassName: ignored: podplane does not act on Pod spec.priorityClassName",
    ]);
  });

  it("names what the Lab asks for and does not get yet", () => {
    const text = `${LAB}  cluster: { cni: { env: { WARM_ENI_TARGET: "1", ENABLE_BANDWIDTH_PLUGIN: "true", FOO: bar } } }\n`;
    expect(notes(text)).toEqual([
      "lab.yaml:13:50: spec.cluster.cni.env.ENABLE_BANDWIDTH_PLUGIN: ENABLE_BANDWIDTH_PLUGIN is accepted: podplane does not act on it",
      "lab.yaml:13:83: spec.cluster.cni.env.FOO: FOO is ignored: podplane does not know this variable",
    ]);
  });

  it("names fields of services that do nothing yet", () => {
    const text = JSON.stringify(
      serviceDocument("a", {
        type: "LoadBalancer",
        sessionAffinity: "ClientIP",
        internalTrafficPolicy: "Cluster",
        clusterIPs: ["1"],
      }),
    );
    expect(notes(text).map((n) => n.replace(/^[^ ]+ /, ""))).toEqual([
      "spec.type: no load balancer: nobody gives a LoadBalancer service an address here; its ClusterIP and node ports work, and addresses of status.loadBalancer.ingress or spec.loadBalancerIP do",
    ]);
  });
});

describe("directories and files", () => {
  let directory = "";
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "lab-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text);

  it("reads *.yaml and *.yml by name, Lists and JSON in them", () => {
    write(
      "b.yml",
      JSON.stringify({ apiVersion: "v1", kind: "List", items: [podDocument("p2"), podDocument("p3")] }, null, "\t"),
    );
    write("a.yaml", `${LAB}---\n---\n${JSON.stringify(podDocument("p1"))}\n`);
    write(
      "c.yaml",
      JSON.stringify({
        apiVersion: "v1",
        kind: "PodList",
        items: [{ metadata: { name: "p4" }, spec: { containers: [{ name: "a" }] } }],
      }),
    );
    write("notes.txt", "kind: [");
    const lab = loadLab(directory);
    expect(lab.directory).toBe(directory);
    const own = podViews(lab.cluster.state()).filter((p) => p.namespace === "default");
    expect(own.map((p) => p.name)).toEqual(["p1", "p2", "p3", "p4"]);
  });

  it("follows anchors and merges", () => {
    write(
      "lab.yaml",
      LAB.replace(
        "    - name: node-1\n      instanceType: m5.large\n      subnet: nodes-a\n",
        "    - &n { name: node-1, instanceType: m5.large, subnet: nodes-a }\n    - { <<: *n, name: node-2 }\n    - *n\n",
      ),
    );
    expect(() => loadLab(directory)).toThrow(
      `${join(directory, "lab.yaml")}:12:7: spec.nodes[2].name: expected a name among nodes and hosts of its own, got node-1`,
    );
  });

  it("puts problems between objects on their lines, in whatever file", () => {
    write("a.yaml", LAB);
    write(
      "b.yaml",
      `{"apiVersion": "v1", "kind": "List", "items": [\n  ${JSON.stringify(podDocument("a"))},\n  ${JSON.stringify(podDocument("b", { nodeName: "node-2" }))}\n]}\n`,
    );
    write("c.yaml", "apiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec:\n  ports:\n    - port: 80\n");
    expect(() => loadLab(directory)).toThrow(
      new LabError([
        {
          file: join(directory, "b.yaml"),
          line: 3,
          column: 98,
          path: "items[1].spec.nodeName",
          message: 'expected a node of the lab, got "node-2"; did you mean node-1?',
        },
        {
          file: join(directory, "c.yaml"),
          line: 4,
          column: 1,
          path: "spec",
          message: "expected a selector, or an EndpointSlice for this service, got neither; add spec.selector",
        },
      ]),
    );
  });

  it("reads objects for a running lab, and says where what it refuses stands", () => {
    write("lab.yaml", JSON.stringify(labDocument()));
    write("more.json", JSON.stringify(podDocument("x", { nodeName: "node-9" })));
    const { cluster } = loadLab(join(directory, "lab.yaml"));
    const files = loadObjects(join(directory, "more.json"));
    try {
      cluster.apply(files.objects);
      expect.unreachable();
    } catch (error) {
      expect(files.located(error as never).message).toMatch(
        /more\.json:1:\d+: spec.nodeName: expected a node of the lab/,
      );
    }
  });

  it.each([
    ["", /: expected \*.yaml files in the directory, got none; add lab.yaml$/],
    ["missing", /missing: expected a file or a directory that can be read, got ENOENT/],
  ])("refuses %j", (name, message) => {
    expect(() => loadLab(join(directory, name))).toThrow(message);
  });

  it("refuses a directory without a Lab", () => {
    write("a.yaml", JSON.stringify(podDocument("x")));
    expect(() => loadLab(directory)).toThrow(
      /expected one document of kind Lab \(podplane.dev\/v1alpha1\), got none; add it$/,
    );
  });
});
