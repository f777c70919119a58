import { describe, expect, it } from "vitest";
import type { WhyQuestion } from "../../../src/lab/controlProtocol.ts";
import { loadLab } from "../../../src/lab/files/load.ts";
import { askOffline } from "../../../src/lab/question.ts";
import { answerTo } from "../../../src/lab/questionPacket.ts";
import { askPlane } from "../../../src/lab/trialQuestion.ts";
import { explain, type NameSource } from "../../../src/observe/explain.ts";
import { CT_ESTABLISHED } from "../../../src/plane/conntrack/info.ts";
import { Decision, VERDICT_DELIVERED } from "../../../src/plane/decision.ts";
import { Bench, DEV, VIP } from "../plane/bench.ts";
import { GATEWAY_NAMES } from "../plane/gatewayNames.ts";
import { ip, tcp, udp } from "../plane/packets.ts";
import { POLICY_NAMES } from "../plane/policyNames.ts";
import { SECURITY_NAMES } from "../plane/securityNames.ts";
import { build, cutUp, VNET } from "../plane/slowPacket.ts";
import { askedFlow } from "./asked.ts";

const NAMES: NameSource = {
  device: (i) => `device-${i}`,
  eni: (i) => `eni-${i}`,
  node: (i) => `node-${i}`,
  service: (i) => `svc/${i}`,
  endpoint: (service, i) => `svc/${service}#${i}`,
  routeTable: (i) => `table-${i}`,
  byAddress: () => null,
  ...SECURITY_NAMES,
  ...GATEWAY_NAMES,
  ...POLICY_NAMES,
};

const lab = (name: string) => loadLab(new URL(`../../../labs/${name}`, import.meta.url).pathname).cluster;
const quickstart = lab("quickstart");

function ask(protocol: string, source: string, destination: string, more: Partial<WhyQuestion> = {}) {
  return askOffline(quickstart, { protocol, source, destination, fromPort: null, ...more });
}

describe("the answer's way", () => {
  it.each([
    ["tcp", "pod/client", "svc/api:80"],
    ["udp", "pod/client", "host/web:53"],
    ["icmp", "pod/client", "host/web"],
    ["sctp", "pod/client", "pod/api-1:9000"],
    ["tcp", "pod/api-1", "host/rds:5432"],
  ])("of %s from %s to %s meets the connection that the question began, and comes back", (protocol, source, to) => {
    const e = ask(protocol, source, to, { both: true });
    expect(e).toMatchObject({
      verdict: "DELIVERED",
      comesBack: true,
      reply: { verdict: "DELIVERED" },
    });
    const tracked = e.reply?.steps.filter((s) => s.stage === "conntrack") ?? [];
    expect(tracked.length).toBeGreaterThan(0);
    for (const { detail } of tracked) expect(detail).toMatch(/^established connection, reply direction: entry /);
  });

  it("is told with the stored translation, both ends before and after it", () => {
    const { reply } = ask("tcp", "pod/client", "svc/api:80", { both: true, fromPort: 41_000 });
    const step = reply?.steps.find((s) => s.action === "translate");
    expect(step?.before?.destination).toEqual({ address: "10.0.1.16", port: 41_000 });
    expect(step?.before?.source.port).toBe(8080);
    expect(step?.after?.source.port).toBe(80);
    expect(step?.after?.destination).toEqual(step?.before?.destination);
  });

  it("is not there where nothing arrives, where nobody asks, and where nobody answers", () => {
    expect(ask("tcp", "pod/client", "10.0.3.3:80", { both: true })).toMatchObject({ reply: null, comesBack: null });
    expect(ask("tcp", "pod/client", "svc/api:80").reply).toBeNull();
    const reset = ask("tcp", "pod/client", "pod/api-1:80", { both: true, flags: "RST" });
    expect(reset.reply).toBeNull();
  });

  it("may not come back: a security group lets it go, but a network ACL keeps no state", () => {
    const e = askOffline(lab("random-ports-nacl"), {
      protocol: "tcp",
      source: "pod/client",
      destination: "host/web:80",
      fromPort: null,
      both: true,
    });
    expect([e.verdict, e.comesBack]).toContain("DELIVERED");
    if (e.comesBack === false) expect(e.reply?.reason).toBe("NETWORK_ACL_INGRESS");
  });
});

describe("a packet of a connection that there is", () => {
  /** A connection through the service: SYN, SYN-ACK, ACK. */
  function connected(): { b: Bench; receiver: number } {
    const b = new Bench();
    b.send(DEV.client, tcp("10.0.1.32:41000", `${VIP}:80`, "S", { seq: 1000 }));
    const { receiver } = b.decision;
    const server = receiver === DEV.api0 ? "10.0.2.32:8080" : "10.0.2.33:8080";
    b.send(receiver, tcp(server, "10.0.1.32:41000", "S.", { seq: 9000, ack: 1001 }));
    b.send(DEV.client, tcp("10.0.1.32:41000", `${VIP}:80`, ".", { seq: 1001, ack: 9001 }));
    return { b, receiver };
  }

  it("takes the connection's port and sequence numbers, and says how long it has left", () => {
    const { b, receiver } = connected();
    const before = b.plane.stateHash();
    const packet = tcp("10.0.1.32:40000", `${VIP}:80`, ".");
    const answer = askPlane(b.plane, { device: DEV.client, packet, both: true, seek: "any" });
    expect(b.plane.stateHash()).toBe(before);
    expect(answer.sport).toBe(41_000);
    expect(answer.forward).toMatchObject({ verdict: VERDICT_DELIVERED, receiver });
    expect(answer.forward.c[1]).toBe(CT_ESTABLISHED);
    const e = explain(answer.forward, askedFlow(packet), NAMES);
    expect(e.steps[1].detail).toBe(
      `established connection, 432000 s left: entry tcp 10.0.1.32:41000 -> ${VIP}:80 (ESTABLISHED after it)`,
    );
    expect(answer.reply).toMatchObject({ verdict: VERDICT_DELIVERED, receiver: DEV.client, sport: 80 });
  });

  it("keeps its own port where that is asked for, and is of no connection then", () => {
    const { b } = connected();
    const packet = tcp("10.0.1.32:40000", `${VIP}:80`, ".");
    const { forward, sport } = askPlane(b.plane, { device: DEV.client, packet, both: false, seek: "tuple" });
    expect(sport).toBe(40_000);
    expect(forward.c[1]).not.toBe(CT_ESTABLISHED);
  });
});

describe("options of a question", () => {
  it("size and DF meet the MTU of the way, or are cut for it", () => {
    const large = ask("udp", "pod/client", "host/web:53", { size: 2000 });
    expect(large).toMatchObject({ verdict: "REJECTED", reason: "FRAGMENTATION_NEEDED" });
    expect(large.change?.text).toMatch(/at most 1500 bytes, not 2000/);
    expect(large.nearMiss).toEqual({
      rule: "MTU 1500 on the way to 203.0.113.10",
      differs: ["2000 bytes are 500 too many"],
    });
    const cut = ask("udp", "pod/client", "host/web:53", { size: 2000, df: false });
    expect(cut.steps.filter((s) => s.action === "cut")).toHaveLength(1);
    expect(ask("udp", "pod/client", "host/web:53", { size: 1500 }).verdict).toBe("DELIVERED");
  });

  it("a TTL runs out where it does", () => {
    expect(ask("udp", "pod/client", "pod/api-1:53", { ttl: 1 }).steps.find((s) => s.reason !== null)).toMatchObject({
      at: "node-1",
      stage: "ttl",
      reason: "TTL_EXCEEDED",
    });
    expect(ask("udp", "pod/client", "pod/api-1:53", { ttl: 3 }).verdict).toBe("DELIVERED");
  });

  it("an ICMP type and code is what is sent: an error about nothing is INVALID", () => {
    expect(ask("icmp", "pod/client", "pod/api-1", { icmp: { type: 13, code: 0 }, both: true }).comesBack).toBe(true);
    const error = ask("icmp", "pod/client", "pod/api-1", { icmp: { type: 3, code: 4 } });
    expect(error.steps.find((s) => s.stage === "conntrack")?.detail).toMatch(/^INVALID: /);
    expect(error.reason).toBe("INVALID_STATE");
  });

  it.each([
    [{ flags: "ACK" }, "udp", /udp has no flags/],
    [{ icmp: { type: 8, code: 0 } }, "tcp", /tcp has no ICMP type/],
    [{ size: 20 }, "tcp", /a tcp packet has 40 to 65535 bytes with its headers, not 20/],
  ] as const)("that do not fit are refused: %o of %s", (more, protocol, message) => {
    expect(() => ask(protocol, "pod/client", "pod/api-1:80", more)).toThrow(message);
  });
});

describe("a fragment", () => {
  it("that waits for the others is QUEUED, and asking leaves it none", () => {
    const b = new Bench();
    const whole = build({
      protocol: 17,
      src: ip("10.0.1.32"),
      dst: ip("10.0.2.32"),
      sport: 1,
      dport: 2,
      payload: new Uint8Array(3000),
    });
    const [first, ...rest] = cutUp(whole, 1480);
    const decision = new Decision();
    const before = b.plane.stateHash();
    const load = (bytes: Uint8Array): number => {
      const at = b.plane.slotOffset(2);
      b.plane.context.arena.set(bytes, at - VNET);
      return at;
    };
    b.plane.whatIf(DEV.client, load(first), first.length - VNET, decision);
    expect(b.plane.stateHash()).toBe(before);
    const e = explain(decision, askedFlow(udp("10.0.1.32:1", "10.0.2.32:2")), NAMES);
    expect(e).toMatchObject({ verdict: "QUEUED", reason: null, text: null, change: null, seen: null });
    expect(e.steps.at(-1)).toMatchObject({ stage: "reassembly", action: "wait" });
    // In one trial the others find it.
    const joined = b.plane.trial(() => {
      for (const piece of [first, ...rest]) b.plane.ask(DEV.client, load(piece), piece.length - VNET, decision);
      return decision.verdict;
    });
    expect(joined).toBe(VERDICT_DELIVERED);
    expect(b.plane.stateHash()).toBe(before);
  });
});

describe("answers", () => {
  it("acknowledge what came, and swap the ends", () => {
    const syn = tcp("10.0.1.1:1000", "10.0.1.2:80", "S", { seq: 5 });
    const back = answerTo(syn);
    expect(back?.subarray(VNET + 20)).toEqual(
      tcp("10.0.1.2:80", "10.0.1.1:1000", "S.", { ack: 6 }).subarray(VNET + 20),
    );
    expect(answerTo(tcp("10.0.1.1:1000", "10.0.1.2:80", "R"))).toBeNull();
  });
});
