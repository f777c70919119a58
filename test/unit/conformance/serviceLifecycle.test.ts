import { describe, expect, it } from "vitest";
import { podDocument, problemsOf, read, serviceDocument } from "../control/objects.ts";
import { api, OUTSIDE, PODS, podOn, VIP } from "./labs.ts";
import { Network } from "./network.ts";

/** test/e2e/network/service.go: what packets see of services that come, change and go. */

const NODE = "node/node-1";
const NODE_PORT = 30_500;
const GONE = "DROPPED VPC_NO_ROUTE";

const named = (name: string, port: number, more = {}) => ({ name, port, targetPort: 8080, ...more });

describe("ports of a service that is updated", () => {
  it("are reachable from the moment they are added until they are deleted", () => {
    const n = new Network({}, ...PODS, api({ ports: [named("a", 80)] }));
    const old = n.open("pod/client", VIP);
    expect(n.reach("pod/client", VIP)).toBe("far near");
    const unknown = n.reach("pod/client", "172.20.0.10:81");
    expect(unknown).toBe(GONE);

    n.apply(api({ ports: [named("a", 80), named("b", 81, { targetPort: 9090 })] }));
    expect(n.reach("pod/client", "172.20.0.10:81")).toBe("far near");
    expect(n.dial("pod/client", "172.20.0.10:81").target).toMatch(/:9090$/);
    expect(n.reach("pod/client", VIP)).toBe("far near");

    n.apply(api({ ports: [named("b", 81, { targetPort: 9090 })] }));
    expect(n.reach("pod/client", VIP)).toBe(unknown);
    expect(n.reach("pod/client", "172.20.0.10:81")).toBe("far near");
    // A connection that is established outlives the port it came by.
    expect(old.flow.send()).toEqual(old.at);
    expect(old.flow.answer(old.at)).toBe(VIP);
  });

  it("lead new connections to another target port, and established ones where they were", () => {
    const n = new Network({}, ...PODS, api());
    const old = n.open("pod/client", VIP);
    n.apply(api({ ports: [{ port: 80, targetPort: 9090 }] }));
    expect(n.dial("pod/client", VIP).target).toMatch(/:9090$/);
    expect(old.flow.send().target).toBe(old.at.target);
    expect(old.at.target).toMatch(/:8080$/);
  });
});

describe("services that go up and down", () => {
  it("leave the others alone, and are reachable again when they come back", () => {
    const two = serviceDocument("two", { clusterIP: "172.20.0.11", selector: { app: "api" } });
    const three = serviceDocument("three", { clusterIP: "172.20.0.12", selector: { app: "api" } });
    const n = new Network({}, ...PODS, api(), two);
    const vips = [VIP, "172.20.0.11:80", "172.20.0.12:80"];
    const all = () => vips.map((vip) => n.reach("pod/other", vip));
    expect(all()).toEqual(["far near", "far near", GONE]);
    n.apply(three);
    expect(all()).toEqual(["far near", "far near", "far near"]);
    n.remove("svc/api");
    expect(all()).toEqual([GONE, "far near", "far near"]);
    n.apply(api());
    expect(all()).toEqual(["far near", "far near", "far near"]);
  });

  it("keep their established connections while they are gone, and take new ones once they are recreated", () => {
    for (const protocol of ["TCP", "UDP"] as const) {
      const service = api({ ports: [{ port: 80, targetPort: 8080, protocol }] });
      const n = new Network({}, ...PODS, service);
      const old = n.open("pod/client", VIP, { protocol });
      n.remove("svc/api");
      // TCP's entries are left alone, UDP's go with the service (kubernetes 141371).
      expect(old.flow.send().to).toBe(protocol === "TCP" ? old.at.to : GONE);
      n.apply(service);
      expect(n.reach("pod/client", VIP, protocol)).toBe("far near");
      expect(["pod/default/near", "pod/default/far"]).toContain(old.flow.send().to);
    }
  });
});

describe("a service that changes its type", () => {
  const web = (spec = {}) =>
    api({ type: "NodePort", ports: [{ port: 80, targetPort: 8080, nodePort: NODE_PORT }], ...spec });
  const nodePort = `${NODE}:${NODE_PORT}`;

  it("ClusterIP to NodePort and back: the port of the nodes comes and goes", () => {
    const n = new Network(OUTSIDE, ...PODS, api());
    const none = n.reach("host/outside", nodePort);
    expect(none).toBe(NODE);
    n.apply(web());
    expect(n.reach("host/outside", nodePort)).toBe("far near");
    expect(n.reach("pod/client", VIP)).toBe("far near");
    const old = n.open("host/outside", nodePort);
    n.apply(api());
    expect(n.reach("host/outside", nodePort)).toBe(none);
    expect(n.reach("pod/client", VIP)).toBe("far near");
    expect(old.flow.send()).toEqual(old.at);
  });

  it("ExternalName to ClusterIP and NodePort, and back: addresses come and go", () => {
    const external = serviceDocument("api", {
      type: "ExternalName",
      externalName: "example.com",
      selector: undefined,
      ports: [],
    });
    const n = new Network(OUTSIDE, ...PODS, external);
    expect(n.reach("pod/client", VIP)).toBe(GONE);
    n.apply(api());
    expect(n.reach("pod/client", VIP)).toBe("far near");
    n.apply(web());
    expect(n.reach("host/outside", nodePort)).toBe("far near");
    n.apply(external);
    expect(n.reach("pod/client", VIP)).toBe(GONE);
    expect(n.reach("host/outside", nodePort)).toBe(NODE);
  });

  it("NodePort with one number for two protocols: each leads to its own target", () => {
    const port = (protocol: string, targetPort: number) => ({
      name: protocol.toLowerCase(),
      port: 53,
      targetPort,
      protocol,
      nodePort: NODE_PORT,
    });
    const n = new Network(OUTSIDE, ...PODS, web({ ports: [port("TCP", 5353), port("UDP", 5454)] }));
    const target = (protocol: "TCP" | "UDP") => n.dial("host/outside", nodePort, { protocol });
    expect([target("TCP").target, target("UDP").target]).toEqual([
      expect.stringMatching(/:5353$/),
      expect.stringMatching(/:5454$/),
    ]);
    n.apply(web({ ports: [port("UDP", 5454)] }));
    expect(target("TCP").to).toBe(NODE);
    expect(target("UDP").target).toMatch(/:5454$/);
  });
});

describe("node ports", () => {
  const web = (name: string, nodePort: number, app: string) =>
    serviceDocument(name, { type: "NodePort", selector: { app }, ports: [{ port: 80, targetPort: 8080, nodePort }] });

  it("that another service has or that are out of range are refused, and packets go on as before", () => {
    const n = new Network(OUTSIDE, ...PODS, web("one", NODE_PORT, "api"));
    for (const [nodePort, why] of [
      [NODE_PORT, "a node port that no other service has"],
      [29_999, "a node port from 30000 to 32767"],
      [32_768, "a node port from 30000 to 32767"],
    ] as const) {
      expect(problemsOf(() => n.apply(web("two", nodePort, "client")))[0]).toContain(why);
      expect(n.reach("host/outside", `${NODE}:${nodePort}`)).toBe(nodePort === NODE_PORT ? "far near" : NODE);
    }
  });

  it("are free for another service as soon as theirs is deleted", () => {
    const n = new Network(OUTSIDE, ...PODS, web("one", NODE_PORT, "api"));
    const old = n.open("host/outside", `${NODE}:${NODE_PORT}`);
    n.remove("svc/one");
    expect(n.reach("host/outside", `${NODE}:${NODE_PORT}`)).toBe(NODE);
    n.apply(web("two", NODE_PORT, "client"));
    expect(n.reach("host/outside", `${NODE}:${NODE_PORT}`)).toBe("client other");
    expect(old.flow.send()).toEqual(old.at);
  });
});

describe.each(["iptables", "nftables", "ipvs", "cilium"])("kube-proxy's labels, %s mode", (mode) => {
  it.each(["service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"])(
    "%s: packets are not translated while a service has it",
    (label) => {
      const n = new Network({ cluster: { kubeProxy: { mode } } }, ...PODS, api());
      const labelled = api({}, { labels: { [label]: "mine" } });
      const never = n.reach("pod/client", "172.20.0.99:80");
      expect(n.reach("pod/client", VIP)).toBe("far near");
      n.apply(labelled);
      expect(n.reach("pod/client", VIP)).toBe(never);
      n.apply(api());
      expect(n.reach("pod/client", VIP)).toBe("far near");
    },
  );
});

describe("a pod that was evicted", () => {
  const spec = { nodeName: "node-1" };
  const evicted = (name: string) => ({
    ...podDocument(name, spec, { labels: { app: "api" } }),
    status: {
      phase: "Failed",
      reason: "Evicted",
      message: "The node was low on resource: ephemeral-storage.",
      podIP: "10.0.1.9",
    },
  });

  it.each(["iptables", "nftables", "ipvs", "cilium"])(
    "%s: is no endpoint, and the last one's service rejects",
    (mode) => {
      const n = new Network({ ...OUTSIDE, cluster: { kubeProxy: { mode } } }, ...PODS, api({ type: "NodePort" }));
      n.remove("pod/near");
      expect(n.reach("pod/client", VIP)).toBe("far");
      n.remove("pod/far");
      n.apply(evicted("near"));
      expect(n.reach("pod/client", VIP)).toBe("REJECTED SERVICE_NO_ENDPOINTS");
      expect(n.reach(NODE, VIP)).toBe("REJECTED SERVICE_NO_ENDPOINTS");
      expect(n.reach("host/outside", `${NODE}:30086`)).toBe("REJECTED SERVICE_NO_ENDPOINTS");
    },
  );

  it("while it serves: it has no address from then on, publishNotReadyAddresses or not", () => {
    const n = new Network({}, ...PODS, api({ publishNotReadyAddresses: true }));
    n.remove("pod/far");
    expect(n.reach("pod/client", VIP)).toBe("near");
    n.apply(evicted("near"));
    expect(n.reach("pod/client", VIP)).toBe("REJECTED SERVICE_NO_ENDPOINTS");
    expect(n.cluster.state().pods.map((p) => p.desired.name)).toEqual(["client", "other"]);
    // The same name may run again, as when a person deletes it and makes a new one.
    n.remove("pod/near");
    n.apply(podOn("node-2", "near", "api"));
    expect(n.reach("pod/client", VIP)).toBe("near");
  });

  it("of whatever phase is read without a note", () => {
    for (const phase of ["Pending", "Running"]) {
      const [pod] = read({ ...podDocument("a"), status: { phase, conditions: [], hostIP: "10.0.1.4" } });
      expect(pod).toMatchObject({ status: { phase } });
    }
  });
});
