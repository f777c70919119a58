import { describe, expect, it } from "vitest";
import { Network } from "../conformance/network.ts";
import type { Fields } from "../control/documents.ts";
import { create, egress, labelled } from "./cases.ts";
import { documentsOf, type Engine, specOf } from "./policyLab.ts";
import { type Port, pod, worldOf } from "./world.ts";

/** Services of several endpoints and ports, which the twins leave out: what an egress rule to the pods opens of them. */

const CLIENT = "pod/x/client";
const DENIED = "DROPPED POLICY_DENY_EGRESS";
const web = (id: string, number: number) =>
  pod(id, { labels: { app: "web" }, ports: [{ name: "http", number, protocol: "TCP" }] });

function lab(engine: Engine, backends: readonly number[], servicePorts: Fields[], rule: Port): Network {
  const pods = backends.map((number, i) => web(`x/web${i}`, number));
  const world = { ...worldOf([pod("x/client", { labels: { app: "client" } }), ...pods]), services: [] };
  const to = [{ podSelector: labelled({ app: "web" }) }];
  const policy = create("x", "p", egress(labelled({ app: "client" }), { to, ports: [rule] }));
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "x" },
    spec: { selector: { app: "web" }, ports: servicePorts },
  };
  return new Network(specOf(engine), ...documentsOf(policy(world)).values(), service);
}

describe("a service whose target port is a name", () => {
  const PORTS = [{ port: 80, targetPort: "http" }];

  it.each([
    ["upstream", [80, 80], "pod/x/web0 pod/x/web1"],
    ["aws", [80, 80], "pod/x/web0 pod/x/web1"],
    ["upstream", [80, 81], `${DENIED} pod/x/web0`],
    ["aws", [80, 81], DENIED],
  ] as const)("engine %s, endpoints at %j: %s", (engine, backends, reached) => {
    expect(lab(engine, backends, PORTS, { port: 80 }).reach(CLIENT, "svc/x/web:80")).toBe(reached);
  });
});

describe("a range of ports, and a service that listens within it for a port that is not", () => {
  const PORTS = [
    { name: "http", port: 80, targetPort: 80 },
    { name: "admin", port: 85, targetPort: 9000 },
  ];

  it.each([
    ["upstream", DENIED],
    ["aws", "pod/x/web0"],
  ] as const)("engine %s: %s", (engine, admin) => {
    const network = lab(engine, [80], PORTS, { port: 80, endPort: 90 });
    expect(network.reach(CLIENT, "svc/x/web:80")).toBe("pod/x/web0");
    expect(network.reach(CLIENT, "svc/x/web:85")).toBe(admin);
    expect(network.dial(CLIENT, "pod/x/web0:9000").to).toBe(DENIED);
  });
});
