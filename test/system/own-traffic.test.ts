import { afterEach, beforeEach, expect, it } from "vitest";
import { Podplane, SERVER } from "./podplane.ts";

// What a node sends to itself is translated as what it sends to others, and follows what is applied while the lab runs.

let podplane: Podplane;

beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => {
  return podplane.dispose();
});

const LAB = {
  apiVersion: "podplane.dev/v1alpha1",
  kind: "Lab",
  metadata: { name: "own" },
  spec: {
    vpc: {
      cidrBlocks: ["10.0.0.0/16"],
      subnets: [{ name: "nodes", availabilityZone: "us-east-1a", cidrBlock: "10.0.1.0/24" }],
    },
    nodes: [{ name: "node-1", instanceType: "m5.large", subnet: "nodes" }],
  },
};
const container = { name: "http", command: [process.execPath, SERVER, "8080"] };
const pod = (name: string, spec: object, hostPort?: number) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, labels: { app: name } },
  spec: {
    nodeName: "node-1",
    containers: [{ ...container, ports: [{ containerPort: 8080, ...(hostPort === undefined ? {} : { hostPort }) }] }],
    ...spec,
  },
});
const service = (name: string, spec: object) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name },
  spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
});

it("by an external IP of its own, a host port, and a service that it answers itself, as they come and go", async () => {
  const file = podplane.write("lab.yaml", [LAB, pod("web", {}), service("web", {})]);
  await podplane.up(file);
  const address = await podplane.sh(
    "node/node-1",
    "ip -4 -o address show dev eth0 | awk 'NR==1 { print $4 }' | cut -d/ -f1",
  );
  const code = async (at: string): Promise<string> => {
    const curl = `curl -s -o /dev/null -w '%{http_code}' --max-time 5 http://${at}/ || :`;
    return (await podplane.sh("node/node-1", curl)).trim();
  };
  const answers = async (at: string): Promise<void> => {
    const curl = `curl -sS -o /dev/null --retry 30 --retry-all-errors --retry-delay 1 --max-time 5 http://${at}/`;
    await podplane.sh("node/node-1", curl);
  };
  expect(await code(`${address}:80`)).toBe("000");
  await podplane.must("apply", "-f", podplane.write("external.yaml", [service("web", { externalIPs: [address] })]));
  await answers(`${address}:80`);
  await podplane.must("apply", "-f", podplane.write("none.yaml", [service("web", { externalIPs: [] })]));
  expect(await code(`${address}:80`)).toBe("000");

  expect(await code("127.0.0.1:8088")).toBe("000");
  await podplane.must("apply", "-f", podplane.write("mapped.yaml", [pod("mapped", {}, 8088)]));
  for (const at of [address, "127.0.0.1"]) await answers(`${at}:8088`);
  await podplane.must("delete", "pod/mapped");
  expect(await code(`${address}:8088`)).toBe("000");

  const own = [pod("own", { hostNetwork: true }), service("own", { clusterIP: "172.20.0.99" })];
  await podplane.must("apply", "-f", podplane.write("own.yaml", own));
  await answers("172.20.0.99");
  await answers(`${address}:8080`);
  await podplane.must("down");
  await podplane.expectNothingLeft();
});
