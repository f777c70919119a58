import type { ExplainedStep } from "../../../src/observe/explain.ts";
import type { PacketEvent } from "../../../src/observe/trace/packetEvent.ts";

/** An end of a flow: `pod/default/client 10.0.1.5:40000`; an address alone has no name. */
export function end(text: string): PacketEvent["flow"]["source"] {
  const [, name, address, port] = /^(?:(\S+) )?([\d.a-f:]*?)(?::(\d+))?$/.exec(text) ?? [];
  return { name: name ?? null, address: address ?? "", port: Number(port ?? 0) };
}

export function step(at: string, stage: string, action: string, more: Partial<ExplainedStep> = {}): ExplainedStep {
  return { at, stage, action, rule: null, detail: "", reason: null, before: null, after: null, ...more };
}

/** A SYN of pod/client to the service api, delivered to pod/api. */
export function event(more: Partial<PacketEvent> = {}): PacketEvent {
  return {
    time: "2026-01-02T13:23:40.501234567Z",
    id: 17,
    flowId: "00c0ffee",
    at: "pod/default/client",
    length: 60,
    info: "S",
    verdict: "DELIVERED",
    reason: null,
    text: null,
    flow: {
      protocol: "tcp",
      source: end("pod/default/client 10.0.1.5:40000"),
      destination: end("svc/default/api 172.20.0.17:80"),
    },
    translated: {
      source: end("pod/default/client 10.0.1.5:40000"),
      destination: end("pod/default/api 10.0.2.5:8080"),
    },
    seen: {
      by: "pod/default/api",
      source: { address: "10.0.1.5", port: 40000 },
      destination: { address: "10.0.2.5", port: 8080 },
    },
    path: ["pod/default/client", "node-1/eth0", "node-2/eth0", "pod/default/api"],
    steps: [
      step("node-1", "device", "accept", { rule: "pod/default/client", detail: "read from its TUN device" }),
      step("vpc", "eni-out", "accept", { rule: "node-1/eth0" }),
      step("vpc", "eni-in", "accept", { rule: "node-2/eth0" }),
      step("node-2", "device", "deliver", { rule: "pod/default/api" }),
    ],
    decidedBy: [],
    change: null,
    nearMiss: null,
    ...more,
  };
}

/** The same, denied by a policy of the receiver. */
export function deniedEvent(): PacketEvent {
  const detail =
    "ingress of pod/default/api: isolated by networkpolicy/default/api-ingress; no ingress rule allows pod/default/client (10.0.1.5) tcp 8080 (NETWORK_POLICY)";
  const steps = event().steps.slice(0, -1);
  return event({
    verdict: "DROPPED",
    reason: "POLICY_DENY_INGRESS",
    text: "A network policy isolates the receiving pod, and no ingress rule allows the packet.",
    seen: null,
    steps: [...steps, step("node-2", "policy", "drop", { reason: "POLICY_DENY_INGRESS", detail })],
    decidedBy: ["networkpolicy/default/api-ingress"],
    change: { object: "networkpolicy/default/api-ingress", field: "spec.ingress", text: "Allow tcp 8080." },
    nearMiss: { rule: "networkpolicy/default/api-ingress ingress[0]", differs: ["the peer has not app=second"] },
  });
}
