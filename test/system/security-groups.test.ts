import { afterEach, beforeEach, expect, it } from "vitest";
import { Podplane, type Program, SERVER } from "./podplane.ts";
import type { LabDocument } from "./support/labObjects.ts";
import { until } from "./support/wait.ts";

// Security groups and network ACLs with real packets, and what becomes of open connections when rules change.

let podplane: Podplane;

beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => {
  return podplane.dispose();
});

const PORT = 5432;
const DB = "10.0.1.200";
/** Asks twice a second over one connection: `answer 1`, `answer 2`, and `stalled` when none comes for two seconds. */
const ASK = `
const socket = require("node:net").connect(${PORT}, "${DB}");
let answers = 0;
let quiet;
socket.on("connect", () => setInterval(() => socket.write("GET / HTTP/1.1\\r\\nHost: db\\r\\n\\r\\n"), 500));
socket.on("data", (data) => {
  for (const _ of String(data).matchAll(/HTTP\\/1.1 200/g)) console.log("answer " + ++answers + ";");
  clearTimeout(quiet);
  quiet = setTimeout(() => console.log("stalled"), 2000);
});
socket.on("error", (error) => console.log(error.code));
`;

const POD = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "client" },
  spec: { nodeName: "node-1", containers: [{ name: "shell" }] },
};

/** A database in a subnet of its own, with these rules for who may come in. */
const lab = (ingress: object[], networkAcls: object[] = []) => ({
  apiVersion: "podplane.dev/v1alpha1",
  kind: "Lab",
  metadata: { name: "groups" },
  spec: {
    vpc: {
      cidrBlocks: ["10.0.0.0/16"],
      subnets: [
        { name: "data", availabilityZone: "us-east-1a", cidrBlock: "10.0.1.0/24" },
        { name: "nodes", availabilityZone: "us-east-1a", cidrBlock: "10.0.2.0/24" },
      ],
      securityGroups: [
        { name: "nodes", ingress: [{ protocol: "all", sources: ["nodes"] }] },
        { name: "db", ingress },
      ],
      networkAcls,
    },
    hosts: [
      {
        name: "db",
        address: DB,
        subnet: "data",
        securityGroups: ["db"],
        command: [process.execPath, SERVER, `${PORT}`],
      },
    ],
    nodes: [{ name: "node-1", instanceType: "m5.large", subnet: "nodes", securityGroups: ["nodes"] }],
  },
});
const from = (source: string) => ({ protocol: "tcp", fromPort: PORT, toPort: PORT, sources: [source] });

const connects = async (): Promise<boolean> => {
  const open = `timeout 2 bash -c 'exec 3<>/dev/tcp/${DB}/${PORT}' && echo yes || echo no`;
  return (await podplane.sh("pod/client", open)).trim() === "yes";
};
const apply = (file: string, document: LabDocument) => podplane.must("apply", "-f", podplane.write(file, [document]));
const answered = (program: Program): number => Number(/answer (\d+);\s*$/.exec(program.stdout)?.[1] ?? 0);

it("let a tracked connection go on when its rule goes, cut an untracked one, and obey ACLs at once", async () => {
  await podplane.up(podplane.write("lab.yaml", [lab([from("nodes")]), POD]));
  await until("the database to listen", connects);
  const ask = (): Program => podplane.background("pod/client", process.execPath, "-e", ASK);

  const tracked = ask();
  await tracked.says(/answer 2;/);
  await apply("closed.yaml", lab([]));
  expect(await connects()).toBe(false);
  await tracked.says(new RegExp(`answer ${answered(tracked) + 3};`));

  await apply("open.yaml", lab([from("0.0.0.0/0")]));
  const untracked = ask();
  await untracked.says(/answer 2;/);
  await apply("closed-again.yaml", lab([]));
  await untracked.says(/stalled/);
  expect(tracked.stdout).not.toContain("stalled");

  // An ACL remembers nothing: it ends what the groups let go on.
  await apply("acl.yaml", lab([], [{ name: "none", subnets: ["data"] }]));
  await tracked.says(/stalled/);

  const reasons = await podplane.get("reasons");
  const dropped = (code: string) => reasons.find((r) => r.code === code)?.count ?? 0;
  for (const code of ["SECURITY_GROUP_INGRESS", "NETWORK_ACL_INGRESS"]) expect(dropped(code)).toBeGreaterThan(0);
  await podplane.must("down");
  await podplane.expectNothingLeft();
});
