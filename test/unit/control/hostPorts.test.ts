import { describe, expect, it } from "vitest";
import { Cluster } from "../../../src/control/cluster.ts";
import { hostPortsOf, UsedHostPorts } from "../../../src/control/kube/hostPorts.ts";
import { podViews } from "../../../src/control/views.ts";
import { cluster, type Fields, labDocument, podDocument, read } from "./objects.ts";

const NO_PORTS = "node(s) didn't have free ports for the requested pod ports";

const web = (name: string, port: Fields = {}, spec: Fields = {}) =>
  podDocument(name, {
    containers: [{ name: "main", ports: [{ containerPort: 8080, hostPort: 8080, ...port }] }],
    ...spec,
  });

const placed = (c: ReturnType<typeof cluster>) =>
  Object.fromEntries(podViews(c.state()).map((p) => [p.name, p.node ?? p.status]));

/** Kubernetes' own table: pkg/scheduler/framework/types_test.go, TestHostPortInfo_Check. */
describe("a host port", () => {
  const any = (port: number, protocol = "TCP") => ({ ip: "0.0.0.0", protocol, port });
  const at = (ip: string, port: number, protocol = "TCP") => ({ ip, protocol, port });
  const existing = [at("127.0.0.1", 80), at("127.0.0.1", 79), any(79, "UDP")];

  it.each([
    [at("127.0.0.1", 80), true],
    [at("127.0.0.1", 80, "UDP"), false],
    [at("127.0.0.1", 81), false],
    [at("192.168.0.1", 80), false],
    [any(80), true],
    [any(80, "UDP"), false],
    [any(79), true],
    [at("127.0.0.1", 79, "UDP"), true],
  ])("%j beside others: conflict %s", (port, conflicts) => {
    const used = new UsedHostPorts();
    used.take(existing);
    expect(used.conflict([port])).toBe(conflicts ? `${NO_PORTS} (${port.port}/${port.protocol})` : null);
  });

  it("of a hostNetwork pod is its container port", () => {
    const ports = (document: Fields) => {
      const [pod] = read(document);
      return pod.kind === "Pod" ? hostPortsOf(pod.spec) : [];
    };
    const container = { containers: [{ name: "main", ports: [{ containerPort: 53, protocol: "UDP" }] }] };
    expect(ports(podDocument("dns", { ...container, hostNetwork: true }))).toEqual([any(53, "UDP")]);
    expect(ports(podDocument("dns", container))).toEqual([]);
  });
});

describe("the scheduler", () => {
  it("keeps pods of one host port apart; the last one waits until there is a node", () => {
    const c = cluster({}, web("a"), web("b"), web("c"));
    expect(placed(c)).toEqual({ a: "node-1", b: "node-2", c: "Pending" });
    const [waiting] = podViews(c.state()).filter((p) => p.status === "Pending");
    expect(waiting.reason).toBe(
      `0/2 nodes are available: node-1: ${NO_PORTS} (8080/TCP); node-2: ${NO_PORTS} (8080/TCP)`,
    );
    c.remove(["pod/b"]);
    expect(placed(c)).toEqual({ a: "node-1", c: "node-2" });
  });

  it("has them wait for a pod that terminates", () => {
    const nodes = [{ name: "node-1", instanceType: "m5.large", subnet: "nodes-a" }];
    const c = new Cluster(read(labDocument({ nodes }), web("a")), { manual: true });
    c.remove(["pod/a"]);
    c.apply(read(web("b")));
    expect(placed(c)).toEqual({ a: "node-1", b: "Pending" });
    c.report([{ pod: "pod/default/a", state: "stopped" }]);
    expect(placed(c)).toEqual({ b: "node-1" });
  });

  it("lets other addresses, protocols and ports share a node", () => {
    const on = { nodeName: "node-1" };
    const c = cluster(
      {},
      web("a", { hostIP: "10.0.1.4" }, on),
      web("b", { hostIP: "127.0.0.1" }, on),
      web("c", { hostIP: "10.0.1.4", protocol: "UDP" }, on),
      web("d", { hostPort: 8081 }, on),
      web("any", {}, { nodeSelector: {} }),
    );
    expect(placed(c)).toEqual({ a: "node-1", b: "node-1", c: "node-1", d: "node-1", any: "node-2" });
  });

  it("knows the ports of hostNetwork pods", () => {
    const host = web("host", { hostPort: 8080 }, { hostNetwork: true, nodeName: "node-1" });
    expect(placed(cluster({}, web("a"), host))).toEqual({ a: "node-2", host: "node-1" });
  });

  it("has a pod that names its node wait, as kubelet would refuse it", () => {
    const on = { nodeName: "node-1" };
    const c = cluster({}, web("a", {}, on), web("b", {}, on));
    expect(podViews(c.state()).map((p) => [p.name, p.status, p.reason])).toEqual([
      ["a", "Running", null],
      ["b", "Pending", `node-1: ${NO_PORTS} (8080/TCP)`],
    ]);
  });
});
