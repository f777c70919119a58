import { describe, expect, it } from "vitest";
import { checkedServices, healthCheckAnswer, proxyHealthAnswer } from "../../../src/control/kube/healthCheck.ts";
import { cluster, deploymentDocument, read, serviceDocument } from "./objects.ts";
import { proxyEndpoint, proxyPort } from "./proxyObjects.ts";

describe("services that load balancers ask nodes about", () => {
  const local = { type: "LoadBalancer", externalTrafficPolicy: "Local" };

  it("are those of the policy Local that kube-proxy programs, with the number they got", () => {
    const c = cluster(
      {},
      deploymentDocument("api", 2),
      serviceDocument("api", { ...local, healthCheckNodePort: 30_100 }),
      serviceDocument("given", local),
      serviceDocument("plain", { type: "LoadBalancer" }),
      serviceDocument("other", local, { labels: { "service.kubernetes.io/service-proxy-name": "mine" } }),
    );
    const [api, given, ...more] = checkedServices(c.state());
    expect(more).toEqual([]);
    expect(api).toMatchObject({ key: "svc/default/api", healthCheckNodePort: 30_100 });
    expect(given.healthCheckNodePort).toBeGreaterThanOrEqual(30_000);
    c.apply(read(serviceDocument("api", { type: "LoadBalancer" })));
    expect(checkedServices(c.state()).map((s) => s.key)).toEqual(["svc/default/given"]);
  });

  it("have an endpoint of several ports once", () => {
    const ports = [80, 81].map((port) => proxyPort([proxyEndpoint(1, { port }), proxyEndpoint(port, { port })]));
    const answer = healthCheckAnswer([ports[0], ports[1]], "here");
    expect(answer.headers["X-Load-Balancing-Endpoint-Weight"]).toBe("3");
  });
});

describe("kube-proxy's own health", () => {
  const now = Date.UTC(2026, 0, 2, 3, 4, 5);
  const time = "2026-01-02T03:04:05.000Z";
  const taint = (key: string) => ({ key, value: "", effect: "NoSchedule" as const });

  it("is good wherever the node is to stay", () => {
    for (const taints of [[], [taint("dedicated")]]) {
      const { status, body } = proxyHealthAnswer({ taints }, "/healthz", now);
      expect(status).toBe(200);
      expect(JSON.parse(body)).toEqual({ lastUpdated: time, currentTime: time, nodeEligible: true });
    }
  });

  it("fails for load balancers, not for the kubelet, on a node that is to be deleted", () => {
    const taints = [taint("ToBeDeletedByClusterAutoscaler")];
    const { status, body } = proxyHealthAnswer({ taints }, "/healthz", now);
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({ nodeEligible: false });
    expect(proxyHealthAnswer({ taints }, "/livez", now).status).toBe(200);
    expect(proxyHealthAnswer({ taints: [] }, "/", now).status).toBe(404);
  });
});
