import { describe, expect, it } from "vitest";
import {
  C_DEVICES,
  D_NAT_COLLISION,
  D_NAT_PORTS_TAKEN,
  D_NAT_SNAT,
  DEVICE_COUNTERS,
} from "../../../src/plane/counters.ts";
import { cluster, type Fields, podDocument, serviceDocument, vpc } from "../control/objects.ts";
import { LabBench, type Walked } from "./labBench.ts";

/**
 * Pods with branch ENIs. In strict mode the rule list sends them by their VLAN both ways (driver.go,
 * setupIIFBasedContainerRouteRules); in standard mode as a secondary ENI's pods (setupIPBasedContainerRouteRules).
 */

const OFFICE = "192.168.7.7";
const EVERYONE = ["0.0.0.0/0"];

function lab(env: Fields = {}, mode = "iptables"): LabBench {
  const on = (name: string, node: string, eni: string | null) =>
    podDocument(
      name,
      { nodeName: node },
      {
        labels: { app: name, guarded: eni === null ? "yes" : "no" },
        ...(eni === null ? {} : { annotations: { "podplane.dev/eni": eni } }),
      },
    );
  const groups = [
    {
      name: "open",
      ingress: [{ protocol: "all", sources: EVERYONE }],
      egress: [{ protocol: "all", destinations: EVERYONE }],
    },
  ];
  const routes = [{ destinationCidrBlock: "192.168.0.0/16", target: "vgw" }];
  return new LabBench(
    cluster(
      {
        vpc: vpc({ securityGroups: groups, routeTables: [{ name: "main", main: true, routes }] }),
        networks: [{ name: "office", kind: "onPremises", cidrBlocks: ["192.168.0.0/16"], target: "vgw" }],
        hosts: [{ name: "office", address: OFFICE, network: "office" }],
        nodes: ["a", "b"].map((zone, i) => ({
          name: `node-${i + 1}`,
          instanceType: "m5.large",
          subnet: `nodes-${zone}`,
          securityGroups: ["open"],
        })),
        cluster: {
          dns: { mode: "none" },
          cni: { env: { ENABLE_POD_ENI: "true", ...env } },
          kubeProxy: { mode },
        },
      },
      {
        apiVersion: "vpcresources.k8s.aws/v1beta1",
        kind: "SecurityGroupPolicy",
        metadata: { name: "guarded" },
        spec: { podSelector: { matchLabels: { guarded: "yes" } }, securityGroups: { groupIds: ["open"] } },
      },
      on("a", "node-1", null),
      on("b", "node-1", null),
      on("plain", "node-1", "eth0"),
      on("remote", "node-2", "eth0"),
      serviceDocument("plain", { type: "NodePort", ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }] }),
      serviceDocument("a", { type: "NodePort", ports: [{ port: 80, targetPort: 8080, nodePort: 30081 }] }),
      serviceDocument("local", {
        selector: { app: "a" },
        type: "NodePort",
        externalTrafficPolicy: "Local",
        ports: [{ port: 80, targetPort: 8080, nodePort: 30082 }],
      }),
    ),
  );
}

const STANDARD = { POD_SECURITY_GROUP_ENFORCING_MODE: "standard" };
const NO_DEMUX = { DISABLE_TCP_EARLY_DEMUX: "true" };
const [A, B] = ["node-1/vlan.eth.1", "node-1/vlan.eth.2"];
/** ENIs alone. */
const enis = ({ path }: Walked) => path.filter((name) => !name.startsWith("node/"));
const port = (socket: string) => Number(socket.split(":")[1]);

/** A request and its answer, both delivered. */
function bothWays(b: LabBench, from: string, to: string): [Walked, Walked] {
  const request = b.ask(from, to);
  const answer = b.answer(request);
  return [request, answer];
}

describe("a pod with a branch ENI, strict", () => {
  it("reaches a pod of its own node by the VPC, and so do the answers", () => {
    const b = lab();
    const [out, back] = bothWays(b, "pod/a", "pod/plain:8080");
    expect([out.path, out.end, out.from]).toEqual([
      [A, "node-1/eth0"],
      "pod/default/plain",
      `${b.address("pod/a")}:40000`,
    ]);
    expect([back.path, back.end]).toEqual([["node-1/eth0", A], "pod/default/a"]);
    const [there, again] = bothWays(b, "pod/a", "pod/b:8080");
    expect([there.path, again.path]).toEqual([
      [A, B],
      [B, A],
    ]);
    const [forth] = bothWays(b, "pod/plain", "pod/a:8080");
    expect(forth.path).toEqual(["node-1/eth0", A]);
    expect(
      forth.explanation.steps.filter(({ rule }) => rule?.startsWith("10 iif")).map(({ detail }) => detail),
    ).toEqual([`table 101: ${b.address("pod/a")}/32 -> pod/default/a, next best default`]);
  });

  it("is a connection of one entry, which sees every packet twice", () => {
    const b = lab();
    bothWays(b, "pod/a", "pod/plain:8080");
    expect(b.plane.context.ct.total).toBe(1);
    const [, established] = [
      0,
      b.tcp("pod/a", `${b.address("pod/a")}:40000`, `${b.address("pod/plain")}:8080`, ".", { seq: 1, ack: 901 }),
    ];
    expect(established.end).toBe("pod/default/plain");
  });

  it("asks a service with an endpoint on its node: the second pass would have the first one's reply tuple, and takes another port", () => {
    const b = lab();
    const out = b.ask("pod/a", "svc/plain:80");
    expect([out.path, out.end]).toEqual([[A, "node-1/eth0"], "pod/default/plain"]);
    const [address] = out.from.split(":");
    expect(address).toBe(b.address("pod/a"));
    expect(port(out.from)).not.toBe(40_000);
    const back = b.answer(out);
    expect([back.path, back.end, back.from, back.to]).toEqual([
      ["node-1/eth0", A],
      "pod/default/a",
      `${b.address("svc/plain")}:80`,
      `${b.address("pod/a")}:40000`,
    ]);
    expect(b.plane.context.ct.total).toBe(2);
    const node = C_DEVICES + b.cluster.snapshot().names.resolve("node/node-1").device * DEVICE_COUNTERS;
    const { counters } = b.plane.context;
    expect([D_NAT_SNAT, D_NAT_COLLISION].map((field) => counters[node + field])).toEqual([1, 1]);
    expect(counters[node + D_NAT_PORTS_TAKEN]).toBeGreaterThanOrEqual(1);
  });

  it("leaves the VPC with its own address, unmarked (network.go: ! -o vlan+; sgpp/utils.go: its veth is vlan..., not eni...)", () => {
    const b = lab();
    const [out, back] = bothWays(b, "pod/a", "host/office:80");
    expect([out.path, out.end, out.from]).toEqual([[A], "host/office", `${b.address("pod/a")}:40000`]);
    expect(out.explanation.steps.find(({ stage }) => stage === "snat")?.rule).toBe("AWS-SNAT-CHAIN-0 (! -o vlan+)");
    expect(out.explanation.steps.some(({ stage }) => stage === "mark")).toBe(false);
    expect(back.end).toBe("pod/default/a");
  });

  it("is reached by a NodePort under the policy Cluster, through the VPC; the answer comes the same way", () => {
    const b = lab();
    const [out, back] = bothWays(b, "host/office", "node/node-1:30081");
    expect([out.path, out.end, out.from.split(":")[0]]).toEqual([
      ["node-1/eth0", "node-1/eth0", A],
      "pod/default/a",
      b.address("node/node-1"),
    ]);
    expect([back.path, back.end, back.from]).toEqual([
      [A, "node-1/eth0", "node-1/eth0"],
      "host/office",
      `${b.address("node/node-1")}:30081`,
    ]);
  });

  it("is not reached by a NodePort under the policy Local: the client's address leaves by eth0 (best practices, SGPP)", () => {
    expect(lab().ask("host/office", "node/node-1:30082").end).toBe("SOURCE_DEST_CHECK");
  });

  it("asks a NodePort of its node in vain: masqueraded to the node's address, it leaves by the branch ENI", () => {
    const b = lab();
    // It goes out untranslated, and is translated where it comes in: at the node's primary ENI.
    const out = b.ask("pod/a", "node/node-2:30080");
    expect(out.end).toBe("pod/default/plain");
    expect(b.ask("pod/a", "node/node-1:30080", 40_001).end).toBe("SOURCE_DEST_CHECK");
  });

  it("is probed by its node in vain, unless DISABLE_TCP_EARLY_DEMUX (README): ip_forward drops what has a socket", () => {
    const b = lab();
    const probe = b.ask("node/node-1", "pod/a:8080");
    expect([enis(probe), probe.end]).toEqual([["node-1/eth0", A], "pod/default/a"]);
    expect(b.answer(probe).end).toBe("TCP_EARLY_DEMUX");
    const [, answered] = bothWays(lab(NO_DEMUX), "node/node-1", "pod/a:8080");
    expect([enis(answered), answered.end]).toEqual([[A, "node-1/eth0"], "node/node-1"]);
    // Its own SYN arrives, whatever follows does not.
    const request = b.ask("pod/a", "node/node-1:10250");
    expect([enis(request), request.end]).toEqual([[A, "node-1/eth0"], "node/node-1"]);
    expect(b.answer(request).end).toBe("pod/default/a");
    expect(b.tcp("pod/a", request.from, request.to, ".", { seq: 1, ack: 901 }).end).toBe("TCP_EARLY_DEMUX");
  });

  it("reaches no service in IPVS mode, whose addresses are the node's (README: use standard)", () => {
    expect(lab({}, "ipvs").ask("pod/a", "svc/plain:80").end).toBe("VPC_NO_ROUTE");
    expect(lab(STANDARD, "ipvs").ask("pod/a", "svc/plain:80").end).toBe("pod/default/plain");
  });
});

describe("a pod with a branch ENI, standard", () => {
  it("reaches the pods of its node directly, others by its branch ENI, and what is outside by eth0", () => {
    const b = lab(STANDARD);
    expect(b.ask("pod/a", "pod/plain:8080").path).toEqual([]);
    expect(b.ask("pod/a", "pod/b:8080").path).toEqual([]);
    expect(enis(b.ask("node/node-1", "pod/a:8080"))).toEqual([]);
    const remote = b.ask("pod/a", "pod/remote:80");
    expect([remote.path[0], remote.end]).toEqual([A, "pod/default/remote"]);
    const [out, back] = bothWays(b, "pod/a", "host/office:80");
    expect([out.path, out.from.split(":")[0], back.end]).toEqual([
      ["node-1/eth0"],
      b.address("node/node-1"),
      "pod/default/a",
    ]);
    const [request, answer] = bothWays(b, "host/office", "node/node-1:30082");
    expect([request.end, answer.path, answer.end]).toEqual(["pod/default/a", ["node-1/eth0"], "host/office"]);
  });

  it("keeps its address outside the VPC with EXTERNALSNAT", () => {
    const b = lab({ ...STANDARD, AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" });
    const out = b.ask("pod/a", "host/office:80");
    expect([out.path, out.from]).toEqual([[A], `${b.address("pod/a")}:40000`]);
  });
});
