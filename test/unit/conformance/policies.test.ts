import { describe, expect, it } from "vitest";
import type { Fields } from "../control/documents.ts";
import { problemsOf } from "../control/objects.ts";
import { api, OUTSIDE, PODS, podOn, VIP } from "./labs.ts";
import { Network } from "./network.ts";

/** Traffic policies and load balancers that change while connections go on (service.go, loadbalancer.go). */

const NODE_1 = "10.0.1.4";
const NODE_2 = "10.0.2.4";
const NODE_PORT = 30_500;
const BALANCER = "192.0.2.10";
const NO_LOCAL = "DROPPED SERVICE_NO_LOCAL_ENDPOINT";

const web = (spec: Fields = {}, port: Fields = {}) =>
  api({ type: "NodePort", ports: [{ port: 80, targetPort: 8080, nodePort: NODE_PORT, ...port }], ...spec });

describe.each(["iptables", "nftables"])("internalTrafficPolicy Local, %s mode", (mode) => {
  const spec = { cluster: { kubeProxy: { mode } } };

  it("with a hostNetwork endpoint: pods of its node reach it, the node itself too, others nobody", () => {
    const host = podOn("node-2", "host", "api", { hostNetwork: true });
    const clients = PODS.slice(0, 2);
    const n = new Network(spec, ...clients, host, api({ internalTrafficPolicy: "Local" }));
    expect(n.reach("pod/other", VIP)).toBe("node/node-2");
    expect(n.dial("pod/other", VIP).target).toBe(`${NODE_2}:8080`);
    expect(n.reach("node/node-2", VIP)).toBe("node/node-2");
    expect(n.reach("pod/client", VIP)).toBe(NO_LOCAL);
    expect(n.reach("node/node-1", VIP)).toBe(NO_LOCAL);
    n.apply(api());
    expect(n.reach("pod/client", VIP)).toBe("node/node-2");
  });

  it("hostNetwork clients reach a pod of their own node alone", () => {
    const n = new Network(spec, ...PODS, api({ internalTrafficPolicy: "Local" }));
    expect([n.reach("node/node-1", VIP), n.reach("node/node-2", VIP)]).toEqual(["near", "far"]);
    n.remove("pod/near");
    expect([n.reach("node/node-1", VIP), n.reach("node/node-2", VIP)]).toEqual([NO_LOCAL, "far"]);
    n.remove("pod/far");
    expect(n.reach("node/node-1", VIP)).toBe("REJECTED SERVICE_NO_ENDPOINTS");
  });
});

describe.each(["iptables", "nftables", "ipvs", "cilium"])("updates of externalTrafficPolicy, %s mode", (mode) => {
  it("Cluster to Local and back: endpoints and the client's address follow, established flows do not", () => {
    const n = new Network({ ...OUTSIDE, cluster: { kubeProxy: { mode } } }, ...PODS, web());
    const to = `${NODE_1}:${NODE_PORT}`;
    const flows = Array.from({ length: 10 }, () => n.open("host/outside", to));
    const stay = () => {
      for (const { flow, at } of flows) {
        expect(flow.send()).toEqual(at);
        expect(flow.answer(at)).toBe(to);
      }
    };
    expect(n.reach("host/outside", to)).toBe("far near");
    const far = flows.find((f) => f.at.to === "pod/default/far");
    expect(far?.at.source).toMatch(new RegExp(`^${NODE_1}:`));

    n.apply(web({ externalTrafficPolicy: "Local" }));
    expect(n.reach("host/outside", to)).toBe("near");
    expect(n.reach("host/outside", `${NODE_2}:${NODE_PORT}`)).toBe("far");
    expect(n.dial("host/outside", to).source).toMatch(/^10\.0\.1\.200:/);
    expect(n.reach("pod/client", VIP)).toBe("far near");
    stay();

    n.apply(web({ externalTrafficPolicy: "Cluster" }));
    expect(n.reach("host/outside", to)).toBe("far near");
    stay();
  });
});

it("a node without an endpoint under externalTrafficPolicy Local drops, and serves again once one comes", () => {
  const n = new Network(OUTSIDE, ...PODS, web({ externalTrafficPolicy: "Local" }));
  const to = `${NODE_1}:${NODE_PORT}`;
  n.remove("pod/near");
  expect(n.reach("host/outside", to)).toBe(NO_LOCAL);
  expect(n.reach("host/outside", `${NODE_2}:${NODE_PORT}`)).toBe("far");
  n.apply(podOn("node-1", "near", "api"));
  expect(n.reach("host/outside", to)).toBe("near");
});

describe("load balancers", () => {
  const balanced = (spec: Fields = {}, port: Fields = {}) =>
    web({ type: "LoadBalancer", status: undefined, loadBalancerIP: BALANCER, ...spec }, port);
  const vip = `${BALANCER}:80`;

  it("without node ports work by their addresses", () => {
    const without = { allocateLoadBalancerNodePorts: false };
    const n = new Network(OUTSIDE, ...PODS, balanced(without, { nodePort: undefined }));
    expect(n.reach("pod/client", vip)).toBe("far near");
    expect(n.reach("node/node-1", vip)).toBe("far near");
    expect(n.cluster.state().services.flatMap((s) => s.ports.map((p) => p.nodePort))).toEqual([0]);
    for (const port of [30_086, NODE_PORT]) expect(n.reach("host/outside", `${NODE_1}:${port}`)).toBe("node/node-1");
    n.apply(balanced(without));
    expect(n.reach("host/outside", `${NODE_1}:${NODE_PORT}`)).toBe("far near");
  });

  it.each(["TCP", "UDP"] as const)("change type and ports, %s", (protocol) => {
    const n = new Network(OUTSIDE, ...PODS, api({ ports: [{ port: 80, targetPort: 8080, protocol }] }));
    const nowhere = n.reach("pod/client", vip, protocol);
    const nodePort = (number: number) => n.reach("host/outside", `${NODE_1}:${number}`, protocol);
    expect(nowhere).toBe("DROPPED VPC_NO_ROUTE");
    n.apply(web({}, { protocol }));
    expect([nodePort(NODE_PORT), n.reach("pod/client", vip, protocol)]).toEqual(["far near", nowhere]);
    n.apply(balanced({}, { protocol }));
    expect([nodePort(NODE_PORT), n.reach("pod/client", vip, protocol)]).toEqual(["far near", "far near"]);
    // Another node port, then another port.
    n.apply(balanced({}, { protocol, nodePort: NODE_PORT + 1 }));
    expect([nodePort(NODE_PORT), nodePort(NODE_PORT + 1)]).toEqual(["node/node-1", "far near"]);
    n.apply(balanced({}, { protocol, port: 81 }));
    expect(n.reach("pod/client", vip, protocol)).toBe(nowhere);
    expect(n.reach("pod/client", `${BALANCER}:81`, protocol)).toBe("far near");
    // Back to a ClusterIP.
    n.apply(api({ ports: [{ port: 81, targetPort: 8080, protocol }] }));
    expect([nodePort(NODE_PORT), n.reach("pod/client", `${BALANCER}:81`, protocol)]).toEqual(["node/node-1", nowhere]);
    expect(n.reach("pod/client", "172.20.0.10:81", protocol)).toBe("far near");
  });

  it("have the address that their status says, and another one when it changes", () => {
    const at = (ip: string) => ({
      ...web({ type: "LoadBalancer" }),
      status: { loadBalancer: { ingress: [{ ip }] } },
    });
    const n = new Network({}, ...PODS, at(BALANCER));
    const old = n.open("pod/client", vip);
    n.apply(at("192.0.2.11"));
    expect(n.reach("pod/client", vip)).toBe("DROPPED VPC_NO_ROUTE");
    expect(n.reach("pod/client", "192.0.2.11:80")).toBe("far near");
    expect(old.flow.send()).toEqual(old.at);
  });

  it("cannot be asked for with what the API server refuses", () => {
    expect(problemsOf(() => new Network({}, api({ allocateLoadBalancerNodePorts: false })))).toHaveLength(1);
  });
});
