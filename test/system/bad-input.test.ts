import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Podplane, QUICKSTART, type Result } from "./podplane.ts";
import { labDocument, nodeDocument, podDocument, serviceDocument } from "./support/labObjects.ts";

let podplane: Podplane;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

/** One clear message on stderr, nothing on stdout, and a lab that never was. */
async function expectRefused(result: Result, message: string | RegExp): Promise<void> {
  const text = result.stderr.trimEnd();
  if (typeof message === "string") expect(text).toBe(message);
  else expect(text).toMatch(message);
  expect(text.split("\n"), "lines").toHaveLength(1);
  expect(text, "no stack").not.toMatch(/^\s+at /m);
  expect(result.stdout).toBe("");
  expect(result.status).toBe(1);
}

const LAB = `apiVersion: podplane.dev/v1alpha1
kind: Lab
metadata: { name: bad }
spec:
  vpc:
    cidrBlocks: [10.0.0.0/16]
    subnets:
      - { name: a, availabilityZone: us-east-1a, cidrBlock: 10.0.1.0/24 }
      - { name: b, availabilityZone: us-east-1b, cidrBlock: 10.0.2.0/24 }
  hosts:
    - { name: rds, address: 10.0.1.200, subnet: a }
    - { name: redis, address: 10.0.1.201, subnet: a }
  nodes:
    - { name: node-1, instanceType: m5.large, subnet: a }
`;

const POD = `---
apiVersion: v1
kind: Pod
metadata: { name: web }
spec:
  nodeName: node-1
  containers: [{ name: web }]
`;

describe("a lab file", () => {
  // What is wrong, as a change of a good lab, and the line, path and words that must be said of it.
  const CASES: [string, (good: string) => string, RegExp][] = [
    [
      "an unknown instance type",
      (good) => good.replace("m5.large", "m5.lrage"),
      /^FILE:14:\d+: spec\.nodes\[0\]\.instanceType: expected an EC2 instance type, got "m5\.lrage"; did you mean m5\.large\?$/,
    ],
    [
      "overlapping subnets",
      (good) => good.replace("10.0.2.0/24", "10.0.1.128/25"),
      /^FILE:9:\d+: spec\.vpc\.subnets\[1\]\.cidrBlock: .*overlaps.*10\.0\.1\.128\/25.*a 10\.0\.1\.0\/24/,
    ],
    [
      "a duplicate address",
      (good) => good.replace("10.0.1.201", "10.0.1.200"),
      /^FILE:12:\d+: spec\.hosts\[1\]\.address: .*10\.0\.1\.200/,
    ],
    ["an unknown field", (good) => good.replace("hosts:", "host:"), /^FILE:10:\d+: spec(\.host)?: .*host/],
    [
      "a value of the wrong kind",
      (good) => good.replace("name: bad }", "name: bad }\n  ").replace("spec:\n", "spec:\n  seed: many\n"),
      /^FILE:6:\d+: spec\.seed: expected/,
    ],
    [
      "a pod on a node that is not there",
      (good) => good + POD.replace("node-1", "node-9"),
      /^FILE:20:\d+: spec\.nodeName: .*node-9/,
    ],
    [
      "a service with neither selector nor endpoints",
      (good) => `${good}---\n${JSON.stringify(serviceDocument("db", [{ port: 5432 }], { selector: {} }))}\n`,
      /^FILE:16:\d+: spec: expected a selector, or an EndpointSlice for this service, got neither; add spec\.selector$/,
    ],
    ["malformed YAML", (good) => good.replace("[10.0.0.0/16]", "[10.0.0.0/16"), /^FILE:\d+:\d+: expected YAML, got an error: /],
  ];

  it.each(CASES)("with %s is refused in one sentence with its place", async (_, change, message) => {
    const file = podplane.write("lab.yaml", change(LAB));
    const place = new RegExp(message.source.replace("FILE", file.replaceAll(".", "\\.")));
    await expectRefused(await podplane.run("up", file, "--detach"), place);
    await podplane.expectNothingLeft();
  });

  it("with several problems is refused with all of them, in the order of their lines", async () => {
    const file = podplane.write("lab.yaml", LAB.replace("m5.large", "m5.lrage").replace("10.0.1.201", "10.0.1.200"));
    const { status, stderr } = await podplane.run("up", file);
    expect(status).toBe(1);
    expect(stderr.trimEnd().split("\n").map((line) => Number(line.split(":")[1]))).toEqual([12, 14]);
    await podplane.expectNothingLeft();
  });

  it("that is not there, or has no Lab in it, is refused", async () => {
    await expectRefused(await podplane.run("up", "/no/such/lab"), /^\/no\/such\/lab: .*ENOENT/);
    const file = podplane.write("pods.yaml", [podDocument("web")]);
    await expectRefused(await podplane.run("up", file), /pods\.yaml: expected one document of kind Lab .*add it$/);
    await podplane.expectNothingLeft();
  });

  it("of a running lab's change is refused, and the lab goes on as it was", async () => {
    await podplane.up(podplane.write("lab.yaml", [labDocument(), podDocument("web")]));
    const before = await podplane.get("pods");
    const file = podplane.write("change.yaml", [
      podDocument("good"),
      podDocument("stray", { spec: { nodeName: "node-9" } }),
    ]);
    await expectRefused(await podplane.run("apply", "-f", file), /change\.yaml:\d+:\d+: spec\.nodeName: .*node-9/);
    expect(await podplane.get("pods")).toEqual(before);
    await expectRefused(await podplane.run("delete", "pod/nobody"), /nobody/);
    expect(await podplane.get("pods")).toEqual(before);
    await podplane.finish();
  });
});

describe("what the machine does not give", () => {
  it("a metrics port that is in use is named, and nothing is left", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    try {
      const lab = podplane.write("lab.yaml", [labDocument({ metrics: { port } })]);
      const result = await podplane.run("up", lab, "--detach");
      await expectRefused(result, new RegExp(`spec\\.metrics\\.port: 127\\.0\\.0\\.1:${port} is in use: .*--metrics-port`));
      await podplane.expectNothingLeft();
      // The other lab's listener is as it was, and another port will do.
      await podplane.must("up", lab, "--detach", "--metrics-port", "0");
      await podplane.finish();
    } finally {
      server.close();
    }
  });

  it("a second lab of the same name is refused, and the first one goes on", async () => {
    const lab = podplane.write("lab.yaml", [labDocument(), podDocument("web")]);
    await podplane.up(lab);
    const result = await podplane.run("up", lab, "--detach", "--metrics-port", "0");
    await expectRefused(result, /a lab is running at .*test\.sock: take it down with `podplane down`/);
    expect(await podplane.get("pods")).toHaveLength(1);
    expect(podplane.left()).toEqual(["test.sock"]);
    await podplane.finish();
  });

  it("no user namespaces: the sentence names the setting that forbids them", async () => {
    // In a user namespace of its own, where the limit is 0 and this process is nobody: the machine's setting stays.
    const script = `echo 0 > /proc/sys/user/max_user_namespaces &&
      exec setpriv --bounding-set -all --inh-caps -all --no-new-privs "$@"`;
    const wrap = ["unshare", "--user", "--map-user=1000", "sh", "-c", script, "sh"];
    const limited = new Podplane(wrap);
    try {
      const result = await limited.run("up", QUICKSTART);
      await expectRefused(
        result,
        /^Unprivileged user namespaces are not allowed here \(.*\): run podplane as root, or allow them \(sysctl -w user\.max_user_namespaces=10000\); in a container, .*\.$/,
      );
      await limited.expectNothingLeft();
    } finally {
      await limited.dispose();
    }
  });

  it("no /dev/net/tun: the sentence says how to get it", async () => {
    const hide = new Podplane(["unshare", "--mount", "sh", "-c", 'mount --bind /dev/null /dev/net/tun && exec "$@"', "sh"]);
    try {
      await expectRefused(
        await hide.run("up", QUICKSTART),
        /^\/dev\/net\/tun cannot be used \(.*\): load the module \(modprobe tun\), .*--device \/dev\/net\/tun\.$/,
      );
      await hide.expectNothingLeft();
    } finally {
      await hide.dispose();
    }
  });
});

describe("a command", () => {
  it("that needs a lab says that none runs", async () => {
    for (const command of [["get", "pods"], ["why", "icmp", "pod/a", "pod/b"], ["exec", "a", "--", "true"], ["logs", "a"], ["down"]])
      await expectRefused(await podplane.run(...command), "no lab is running: start one with `podplane up`");
    await expectRefused(
      await podplane.run("get", "pods", "-n", "other"),
      "lab other is not running: start it with `podplane up`",
    );
    await podplane.expectNothingLeft();
  });

  it("with a name that nothing has says so, with a near one where there is one", async () => {
    const file = podplane.write("lab.yaml", [
      labDocument({ nodes: [nodeDocument(1)] }),
      podDocument("web"),
      serviceDocument("web", [{ port: 80 }]),
    ]);
    await podplane.up(file);
    const CASES: [string[], RegExp][] = [
      [["why", "tcp", "pod/wbe", "svc/web:80"], /^there is no pod\/wbe; did you mean pod\/default\/web\?$/],
      [["why", "tcp", "pod/web", "svc/wob:80"], /^there is no svc\/wob:80; did you mean svc\/default\/web\?$/],
      [["why", "tcp", "pod/web", "svc/web:http"], /^svc\/default\/web has no port "http": there is svc\/default\/web:80$/],
      [["why", "tcp", "pod/web", "pod/web"], /needs a port, such as pod\/web:80$/],
      [["why", "gre", "pod/web", "pod/web"], /^"gre" is no protocol: write tcp, udp, icmp or sctp$/],
      [["why", "tcp", "svc/web:80", "pod/web:80"], /sends no packets/],
      [["why", "icmp", "web", "pod/web"], /^"web" is no name: write pod\//],
      [["exec", "wbe", "--", "true"], /^there is no pod\/wbe; did you mean pod\/default\/web\?$/],
      [["exec", "svc/web", "--", "true"], /svc\/(default\/)?web.* has no network namespace: name a pod, a host or a node$/],
      [["logs", "host/nobody"], /^there is no host\/nobody$/],
      [["get", "pods", "nobody"], /^get pods: nothing is called "nobody"$/],
      [["get", "podz"], /^there is no view "podz": choose one of pods, /],
      [["delete"], /^name the objects to delete, or give a file with -f$/],
    ];
    for (const [command, message] of CASES) await expectRefused(await podplane.run(...command), message);
    await podplane.finish();
  });

  it("with bad options is refused with what it expects", async () => {
    const port = await podplane.run("up", QUICKSTART, "--metrics-port", "70000");
    expect(port.stderr).toMatch(/expected a whole number from 0 to 65535, got "70000"/);
    expect(port.status).toBe(1);
    expect((await podplane.run("up", QUICKSTART, "--qeues", "2")).stderr).toContain("unknown option");
    expect((await podplane.run("upp")).stderr).toContain("unknown command 'upp'");
    await podplane.expectNothingLeft();
  });
});
