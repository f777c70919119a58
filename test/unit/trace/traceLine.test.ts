import { describe, expect, it } from "vitest";
import { decisionComment } from "../../../src/observe/trace/decisionComment.ts";
import type { PacketEvent } from "../../../src/observe/trace/packetEvent.ts";
import { traceLine } from "../../../src/observe/trace/traceLine.ts";
import { traceStages } from "../../../src/observe/trace/traceStages.ts";
import { deniedEvent, end, event } from "./traceEvents.ts";

const NARROW = { width: 80, wrap: true, colour: false };
const WIDE = { ...NARROW, width: 140 };
const FILE = { width: 80, wrap: false, colour: false };

const flow = (source: string, destination: string, protocol = "tcp"): PacketEvent["flow"] => ({
  protocol,
  source: end(source),
  destination: end(destination),
});

describe("a line of trace", () => {
  it("has names, and both destinations of a packet that a service translated", () => {
    expect(traceLine(event(), NARROW)).toBe(
      "13:23:40.501 pod/client:40000 -> svc/api:80 => pod/api:8080 tcp S DELIVERED",
    );
  });

  it("has more where there is room", () => {
    expect(traceLine(event(), WIDE)).toBe(
      "13:23:40.501234 #17     00c0ffee pod/client:40000 -> svc/api:80 => pod/api:8080 tcp S 60 bytes DELIVERED",
    );
  });

  it("has the address that a source was translated to", () => {
    const e = event({
      flow: flow("pod/default/api 10.0.2.5:8080", "pod/default/client 10.0.1.5:40000"),
      translated: flow("svc/default/api 172.20.0.17:80", "pod/default/client 10.0.1.5:40000"),
      at: "pod/default/api",
      info: "S.",
    });
    expect(traceLine(e, NARROW)).toBe("13:23:40.501 pod/api:8080 (as svc/api:80) -> pod/client:40000 tcp S. DELIVERED");
  });

  it("has whose packet it is where the source does not say", () => {
    const e = event({ flow: flow("10.9.9.9:1", "pod/shop/api 10.0.2.5:80"), translated: null });
    expect(traceLine(e, NARROW)).toBe("13:23:40.501 pod/client: 10.9.9.9:1 -> pod/shop/api:80 tcp S DELIVERED");
  });

  it("is broken before the verdict on a narrow terminal, and never in a file", () => {
    expect(traceLine(deniedEvent(), NARROW)).toBe(
      [
        "13:23:40.501 pod/client:40000 -> svc/api:80 => pod/api:8080 tcp S",
        "             DROPPED POLICY_DENY_INGRESS",
      ].join("\n"),
    );
    expect(traceLine(deniedEvent(), FILE)).not.toContain("\n");
  });

  it("leaves the kind of a node out where that makes it fit", () => {
    const e = event({
      flow: flow("pod/default/client 10.0.1.5:43152", "host/web 203.0.113.10:80"),
      translated: flow("node/node-1 198.51.100.1:44639", "host/web 203.0.113.10:80"),
    });
    expect(traceLine(e, NARROW)).toBe("13:23:40.501 pod/client:43152 (as node-1:44639) -> host/web:80 tcp S DELIVERED");
    expect(traceLine(e, FILE)).toContain(" (as node/node-1:44639) -> ");
  });

  it("says where a packet ended, where there is room", () => {
    expect(traceLine(deniedEvent(), { ...WIDE, width: 200 })).toMatch(/ DROPPED POLICY_DENY_INGRESS at node-2$/);
  });

  it("fits, whatever the names", () => {
    const long = "a".repeat(30);
    const e = event({
      flow: flow(`pod/shop/${long} 10.0.1.5:40000`, `svc/shop/${long} 172.20.0.17:80`),
      translated: flow(`node/${long} 10.0.1.4:7025`, `pod/shop/${long} 10.0.2.5:8080`),
    });
    for (const style of [NARROW, WIDE])
      for (const line of traceLine(e, style).split("\n")) expect(line.length).toBeLessThanOrEqual(style.width);
  });

  it("has colours for verdicts alone, and only where they are wanted", () => {
    const coloured = traceLine(deniedEvent(), { ...NARROW, colour: true });
    const [red, plain] = ["\u001b[31m", "\u001b[0m"];
    expect(coloured).toContain(`\n             ${red}DROPPED POLICY_DENY_INGRESS${plain}`);
    expect(coloured.replace(red, "").replace(plain, "")).toBe(traceLine(deniedEvent(), NARROW));
  });

  it("has no ports where there are none, and says what is unreadable", () => {
    const ping = event({
      flow: flow("pod/default/a 10.0.1.5", "10.9.9.9", "icmp"),
      translated: null,
      info: "echo request",
    });
    expect(traceLine({ ...ping, at: "pod/default/a" }, NARROW)).toContain(
      " pod/a -> 10.9.9.9 icmp echo request DELIVERED",
    );
    const garbage = event({
      flow: flow("pod/default/client ", "", "unknown"),
      translated: null,
      info: "ip version 5",
      verdict: "DROPPED",
      reason: "IP_VERSION_BAD",
    });
    expect(traceLine(garbage, NARROW)).toBe("13:23:40.501 pod/client -> ? ip version 5 DROPPED IP_VERSION_BAD");
  });
});

describe("the stages of a packet", () => {
  it("stand below its line, with what follows from them", () => {
    expect(traceStages(deniedEvent(), NARROW)).toMatchInlineSnapshot(`
      "  node-1  device   accept  pod/client: read from its TUN device
        vpc     eni-out  accept  node-1/eth0
                eni-in   accept  node-2/eth0
        node-2  policy   drop    POLICY_DENY_INGRESS: ingress of pod/api: isolated by
                                   networkpolicy/api-ingress; no ingress rule allows
                                   pod/client (10.0.1.5) tcp 8080 (NETWORK_POLICY)
        because     A network policy isolates the receiving pod, and no ingress rule
                    allows the packet.
        change      networkpolicy/api-ingress spec.ingress: Allow tcp 8080.
        near miss   networkpolicy/api-ingress ingress[0]: the peer has not app=second
        decided by  networkpolicy/api-ingress"
    `);
    for (const line of traceStages(deniedEvent(), NARROW).split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe("a packet's comment", () => {
  it("is the decision in one line", () => {
    expect(decisionComment(event())).toMatchInlineSnapshot(
      `"DELIVERED to pod/api: tcp pod/client:40000 -> svc/api:80, DNAT to pod/api:8080 (10.0.2.5:8080), via node-1/eth0 > node-2/eth0"`,
    );
    expect(decisionComment(deniedEvent())).toMatchInlineSnapshot(
      `"DROPPED POLICY_DENY_INGRESS at node-2: tcp pod/client:40000 -> svc/api:80, DNAT to pod/api:8080 (10.0.2.5:8080), via node-1/eth0 > node-2/eth0, ingress of pod/api: isolated by networkpolicy/api-ingress; no ingress rule allows pod/client (10.0.1.5) tcp 8080 (NETWORK_POLICY)"`,
    );
  });

  it("is ASCII, and not too long", () => {
    const e = event({ path: [], text: `n\u00e4me ${"x".repeat(500)}` });
    expect(decisionComment(e)).toMatch(/^[ -~]{1,300}$/);
  });
});
