import { describe, expect, it } from "vitest";
import type { Fields } from "../control/documents.ts";
import { api, OUTSIDE, PODS, VIP } from "./labs.ts";
import { Network, type Protocol } from "./network.ts";

/** Session affinity that is switched on and off while connections go on (service.go, loadbalancer.go, networking.go). */

const NODE_PORT = 30_500;
const ADDRESS = "172.20.0.10";
const BALANCER = "192.0.2.10";
const PROTOCOLS: Protocol[] = ["TCP", "UDP"];

const service = (protocol: Protocol, affinity: boolean, spec: Fields = {}) =>
  api({
    type: "LoadBalancer",
    loadBalancerIP: BALANCER,
    ports: [{ port: 80, targetPort: 8080, protocol, nodePort: NODE_PORT }],
    sessionAffinity: affinity ? "ClientIP" : "None",
    ...spec,
  });

/** From whom, and to what. */
const WAYS = {
  "a ClusterIP": ["pod/client", VIP],
  "a NodePort": ["host/outside", `10.0.1.4:${NODE_PORT}`],
  "a load balancer's address": ["pod/client", `${BALANCER}:80`],
} as const;

const MODES = ["iptables", "nftables", "ipvs", "cilium"] as const;

describe.each(MODES)("%s mode", (mode) => {
  const network = (...documents: unknown[]) =>
    new Network({ ...OUTSIDE, cluster: { kubeProxy: { mode } } }, ...PODS, ...documents);

  describe.each(PROTOCOLS)("%s", (protocol) => {
    it.each(Object.entries(WAYS))("affinity of clients of %s works, and is switched off and on", (_, [from, to]) => {
      const n = network(service(protocol, false));
      expect(n.reach(from, to, protocol)).toBe("far near");
      n.apply(service(protocol, true));
      const kept = n.reach(from, to, protocol);
      expect(["far", "near"]).toContain(kept);
      n.apply(service(protocol, false));
      expect(n.reach(from, to, protocol)).toBe("far near");
      n.apply(service(protocol, true));
      expect(["far", "near"]).toContain(n.reach(from, to, protocol));
    });

    it.each(Object.entries(WAYS))("no switch moves a flow that is established, by %s", (_, [from, to]) => {
      const n = network(service(protocol, false));
      const flows = Array.from({ length: 12 }, () => n.open(from, to, { protocol }));
      const stay = () => {
        for (const { flow, at } of flows) expect(flow.send()).toEqual(at);
      };
      expect(new Set(flows.map((f) => f.at.to)).size).toBe(2);
      for (const affinity of [true, false, true]) {
        n.apply(service(protocol, affinity));
        stay();
        flows.push(n.open(from, to, { protocol }));
        stay();
      }
    });

    it("ends with the client's time, and with its endpoint", () => {
      const n = network(service(protocol, true, { sessionAffinityConfig: { clientIP: { timeoutSeconds: 100 } } }));
      const kept = () => n.dial("pod/client", VIP, { protocol }).to;
      const first = kept();
      const others = new Set<string>();
      for (let i = 0; i < 20; i++) {
        n.wait(99);
        expect(kept()).toBe(first);
      }
      for (let i = 0; i < 20; i++) {
        n.wait(101);
        others.add(kept());
      }
      expect(others.size).toBe(2);
      const last = kept();
      n.ready(last, false);
      const left = last === "pod/default/near" ? "pod/default/far" : "pod/default/near";
      expect(kept()).toBe(left);
      n.ready(last, true);
      expect(n.reach("pod/client", VIP, protocol)).toBe(left.replace("pod/default/", ""));
    });
  });

  it("under externalTrafficPolicy Local (ESIPP) and Cluster, through the node port that a load balancer uses", () => {
    const local = { externalTrafficPolicy: "Local", clusterIP: ADDRESS };
    const n = network(service("TCP", true, local));
    const [from, to] = WAYS["a NodePort"];
    const at = n.open(from, to);
    expect(n.reach(from, to)).toBe("near");
    expect(at.at.source).toMatch(/^10\.0\.1\.200:/);
    n.apply(service("TCP", true));
    // Of those clients that were kept before the change, each stays where it was.
    expect(n.reach(from, to)).toBe("near");
    expect(at.flow.send()).toEqual(at.at);
    n.apply(service("TCP", false));
    expect(n.reach(from, to)).toBe("far near");
    n.apply(service("TCP", false, local));
    expect(n.reach(from, to)).toBe("near");
  });
});
