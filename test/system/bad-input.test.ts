import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Podplane, QUICKSTART, type Result } from "./podplane.ts";
import { type LabDocument, labDocument, nodeDocument, podDocument, serviceDocument } from "./support/labObjects.ts";

let podplane: Podplane;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

/** What a person sees of a refusal: one message on stderr, nothing on stdout, no stack, exit code 1, nothing left. */
async function expectRefused(result: Result, message: RegExp): Promise<void> {
  expect(result.status, result.stdout + result.stderr).toBe(1);
  expect(result.stdout).toBe("");
  expect(result.stderr).toMatch(message);
  expect(result.stderr).not.toMatch(/^\s+at .*:\d+:\d+/m);
  await podplane.expectNothingLeft();
}

/** A lab with something changed in its document. */
function changed(
  edit: (spec: Record<string, LabDocument[]> & { vpc: Record<string, LabDocument[]> }) => void,
): LabDocument {
  const lab = labDocument();
  edit(lab.spec as never);
  return lab;
}

const CASES: [what: string, objects: () => LabDocument[] | string, message: RegExp][] = [
  [
    "an unknown instance type",
    () => [labDocument({ nodes: [nodeDocument(1, { instanceType: "m5.lrage" })] })],
    /^\S*lab\.yaml:\d+:\d+: spec\.nodes\[0\]\.instanceType: expected .*got "m5\.lrage"; did you mean m5\.large/,
  ],
  [
    "overlapping subnets",
    () => [
      changed(({ vpc }) => {
        vpc.subnets[1].cidrBlock = "10.0.32.0/20";
      }),
    ],
    /^\S*lab\.yaml:\d+:\d+: spec\.vpc\.subnets\[1\]\.cidrBlock: .*overlaps nodes-a 10\.0\.0\.0\/18/,
  ],
  [
    "host bits that make a subnet another one",
    () => [
      changed(({ vpc }) => {
        vpc.subnets[1].cidrBlock = "10.0.66.0/20";
        vpc.subnets.push({ name: "third", availabilityZone: "us-east-1b", cidrBlock: "10.0.64.0/20" });
      }),
    ],
    /lab\.yaml:\d+:\d+: .*10\.0\.64\.0\/20/,
  ],
  [
    "a Service without selector and endpoints",
    () => [labDocument(), serviceDocument("api", [{ port: 80 }], { selector: undefined })],
    /^\S*lab\.yaml:\d+:\d+: spec: expected a selector, or an EndpointSlice/,
  ],
  [
    "a pod on a missing node",
    () => [labDocument(), podDocument("web", { spec: { nodeName: "node-7" } })],
    /^\S*lab\.yaml:\d+:\d+: spec\.nodeName: .*node-7/,
  ],
  [
    "a pod that fits no node, with the reason for each",
    () => [labDocument(), podDocument("web", { spec: { nodeSelector: { disk: "ssd" } } })],
    /lab\.yaml:\d+:\d+: .*node-1: .*\bnode-2: /s,
  ],
  [
    "a duplicate address",
    () => [
      labDocument({
        hosts: [
          { name: "a", address: "10.0.0.200", subnet: "nodes-a" },
          { name: "b", address: "10.0.0.200", subnet: "nodes-a" },
        ],
      }),
    ],
    /^\S*lab\.yaml:\d+:\d+: spec\.hosts\[1\]\.address: .*10\.0\.0\.200/,
  ],
  [
    "an address that EC2 keeps for itself",
    () => [labDocument({ hosts: [{ name: "a", address: "10.0.0.2", subnet: "nodes-a" }] })],
    /^\S*lab\.yaml:\d+:\d+: spec\.hosts\[0\]\.address: .*10\.0\.0\.2/,
  ],
  [
    "an unknown field of ours",
    () => [
      changed((spec) => {
        spec.nodez = [];
      }),
    ],
    /^\S*lab\.yaml:\d+:\d+: spec.*nodez/,
  ],
  ["malformed YAML", () => "kind: Lab\nspec: [1,\nvpc: 2\n", /^\S*lab\.yaml:\d+:\d+: expected YAML/],
  ["a file without a Lab", () => [podDocument("web")], /^\S*lab\.yaml: expected one document of kind Lab/],
  [
    "a service CIDR inside the VPC",
    () => [
      changed((spec) => {
        (spec as unknown as { cluster: LabDocument }).cluster.serviceCidr = "10.0.128.0/20";
      }),
    ],
    /^\S*lab\.yaml:\d+:\d+: spec\.cluster\.serviceCidr: .*10\.0\.0\.0\/16/,
  ],
];

describe("up refuses", () => {
  it.each(CASES)("%s", async (_, objects, message) => {
    const file = podplane.write("lab.yaml", objects());
    await expectRefused(await podplane.run("up", file), message);
    // The same without privileges and without a lab, from `why`.
    await expectRefused(await podplane.run("why", "tcp", "pod/web", "svc/api:80", "--lab", file), message);
  });

  it("says everything that is wrong at once, each with its line", async () => {
    const file = podplane.write("lab.yaml", [
      labDocument({ nodes: [nodeDocument(1, { instanceType: "x" }), nodeDocument(2, { subnet: "nowhere" })] }),
    ]);
    const result = await podplane.run("up", file);
    await expectRefused(result, /nodes\[0\]\.instanceType/);
    expect(result.stderr).toMatch(/nodes\[1\]\.subnet: .*nowhere/);
    expect(result.stderr.trim().split("\n")).toHaveLength(2);
  });

  it("a metrics port in use", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    try {
      const result = await podplane.run("up", QUICKSTART, "--metrics-port", String(port));
      await expectRefused(result, new RegExp(`127\\.0\\.0\\.1:${port} is in use: .*--metrics-port`));
      const detached = await podplane.run("up", QUICKSTART, "--detach", "--metrics-port", String(port));
      await expectRefused(detached, /is in use/);
    } finally {
      server.close();
    }
  });

  it("a lab that is running already, and leaves that one alone", async () => {
    await podplane.up(QUICKSTART);
    const second = await podplane.run("up", QUICKSTART, "--metrics-port", "0");
    expect(second.status).toBe(1);
    expect(second.stderr).toMatch(/a lab is running at .*quickstart\.sock: take it down with `podplane down`/);
    expect(await podplane.get("pods")).toHaveLength(6);
    await podplane.finish();
  });
});

describe("a running lab refuses", () => {
  it("unknown names and bad objects, and goes on as it was", async () => {
    await podplane.up(QUICKSTART);
    const refuse = async (message: RegExp, ...args: string[]): Promise<void> => {
      const { status, stdout, stderr } = await podplane.run(...args);
      expect(status, `${args.join(" ")}: ${stdout}${stderr}`).toBe(1);
      expect(stdout).toBe("");
      expect(stderr).toMatch(message);
      expect(stderr.trim().split("\n")).toHaveLength(1);
    };
    await refuse(/there is no pod\/clint; did you mean pod\/default\/client\?/, "exec", "pod/clint", "--", "true");
    await refuse(
      /svc\/default\/api has no port "x": there is svc\/default\/api:80/,
      "why",
      "tcp",
      "pod/client",
      "svc/api:x",
    );
    await refuse(/"tpc" is no protocol/, "why", "tpc", "pod/client", "svc/api:80");
    await refuse(/svc\/default\/api:80 sends no packets/, "why", "tcp", "svc/api:80", "pod/client:80");
    await refuse(/there is no view "pds": choose one of pods/, "get", "pds");
    await refuse(/nothing is called "nobody"/, "get", "pods", "nobody");
    await refuse(/there is no svc\/default\/nothing/, "delete", "svc/nothing");
    await refuse(/there is no pod\/default\/api-9/, "delete", "pod/api-9");
    const bad = podplane.write("bad.yaml", [podDocument("web", { spec: { nodeName: "node-9" } })]);
    await refuse(/bad\.yaml:\d+:\d+: spec\.nodeName: .*node-9/, "apply", "-f", bad);
    expect(await podplane.get("pods")).toHaveLength(6);
    await podplane.serving("pod/api-1", "pod/api-2", "pod/api-3");
    expect(await podplane.sh("pod/client", "curl -sS http://api/")).toContain("api-");
    await podplane.finish();
  });

  it("to be asked when none runs, or one of several that is not named", async () => {
    await expectRefused(await podplane.run("get", "pods"), /no lab is running: start one with `podplane up LAB`/);
    await podplane.up(podplane.write("one.yaml", [labDocument({ name: "one" })]));
    await podplane.up(podplane.write("two.yaml", [labDocument({ name: "two" })]));
    const { status, stderr } = await podplane.run("get", "nodes");
    expect(status).toBe(1);
    expect(stderr).toMatch(/several labs are running \(one, two\): choose one with --name/);
    await podplane.must("down", "--name", "one");
    await podplane.finish();
  });
});
