import { describe, expect, it } from "vitest";
import { Decision, RULE_NETWORK_ACL, STAGE_NETWORK_ACL } from "../../../src/plane/decision.ts";
import type { Row } from "../../../src/plane/rows.ts";
import { cutUp } from "../plane/slowPacket.ts";
import { ACK, aclRule, bytesOf, IN, icmp, OUT, SecurityBench, tcp, udp } from "./securityBench.ts";

const SUBNET = 0;
const inside = "10.0.0.10";
const outside = "203.0.113.5";

const acl = (ingress: string[], egress: string[]): Row[] => [
  { t: "networkAcl", id: 2, ingress: ingress.map(aclRule), egress: egress.map(aclRule) },
  { t: "subnetAcl", subnet: SUBNET, acl: 2 },
];

describe("network ACLs", () => {
  it("let everything pass at a subnet that has none", () => {
    const b = new SecurityBench(acl([], []));
    expect(b.subnet(1, IN, tcp(`${outside}:1`, `${inside}:80`))).toBe(true);
    expect(b.subnet(SUBNET, IN, tcp(`${outside}:1`, `${inside}:80`))).toBe(false);
    expect(b.subnet(SUBNET, OUT, tcp(`${inside}:1`, `${outside}:80`))).toBe(false);
    expect([b.dropped("NETWORK_ACL_INGRESS"), b.dropped("NETWORK_ACL_EGRESS")]).toEqual([1, 1]);
  });

  it("take the first rule that matches, by number and not by place", () => {
    const b = new SecurityBench(acl(["200 allow tcp 80 0.0.0.0/0", "100 deny tcp 80 203.0.113.0/24"], []));
    expect(b.subnet(SUBNET, IN, tcp(`${outside}:1`, `${inside}:80`))).toBe(false);
    expect(b.subnet(SUBNET, IN, tcp("198.51.100.1:1", `${inside}:80`))).toBe(true);
  });

  it("remember nothing: an answer needs a rule for its own port", () => {
    const b = new SecurityBench(acl(["100 allow tcp 80 0.0.0.0/0"], ["100 allow tcp 32768-61000 0.0.0.0/0"]));
    expect(b.subnet(SUBNET, IN, tcp(`${outside}:40000`, `${inside}:80`))).toBe(true);
    expect(b.subnet(SUBNET, OUT, tcp(`${inside}:80`, `${outside}:40000`, ACK))).toBe(true);
    // The CNI's random-fully SNAT takes ports from 1024 on, outside Linux' ephemeral range.
    expect(b.subnet(SUBNET, IN, tcp(`${outside}:1025`, `${inside}:80`))).toBe(true);
    expect(b.subnet(SUBNET, OUT, tcp(`${inside}:80`, `${outside}:1025`, ACK))).toBe(false);
  });

  it("know ICMP types and codes", () => {
    const b = new SecurityBench(acl(["100 allow icmp 3/4 0.0.0.0/0", "110 allow icmp 8 0.0.0.0/0"], []));
    expect(b.subnet(SUBNET, IN, icmp(outside, inside, 3, 0, 4))).toBe(true);
    expect(b.subnet(SUBNET, IN, icmp(outside, inside, 3, 0, 1))).toBe(false);
    expect(b.subnet(SUBNET, IN, icmp(outside, inside, 8))).toBe(true);
    expect(b.subnet(SUBNET, IN, icmp(outside, inside, 0))).toBe(false);
  });

  it("leave link-local services alone", () => {
    const b = new SecurityBench(acl([], []));
    expect(b.subnet(SUBNET, OUT, udp(`${inside}:1`, "169.254.169.253:53"))).toBe(true);
    expect(b.subnet(SUBNET, IN, udp("169.254.169.253:53", `${inside}:1`))).toBe(true);
  });

  it("judge later fragments by addresses and protocol", () => {
    const pieces = (port: number) =>
      cutUp(bytesOf({ ...udp(`${outside}:1`, `${inside}:${port}`), payload: new Uint8Array(100) }), 48);
    const allowed = new SecurityBench(acl(["100 deny udp 54 0.0.0.0/0", "110 allow udp 53 203.0.113.0/24"], []));
    expect(pieces(53).map((piece) => allowed.subnet(SUBNET, IN, piece))).toEqual([true, true, true]);
    expect(pieces(54).map((piece) => allowed.subnet(SUBNET, IN, piece))).toEqual([false, true, true]);
    const denied = new SecurityBench(acl(["100 deny all any 203.0.113.0/24", "110 allow udp 53 0.0.0.0/0"], []));
    expect(pieces(53).map((piece) => denied.subnet(SUBNET, IN, piece))).toEqual([false, false, false]);
    // A protocol without ports has none to look at.
    const esp = cutUp(bytesOf({ protocol: 50, src: outside, dst: inside, payload: new Uint8Array(100) }), 48);
    const noEsp = new SecurityBench(acl(["100 deny 50 any 0.0.0.0/0", "110 allow all any 0.0.0.0/0"], []));
    expect(esp.map((piece) => noEsp.subnet(SUBNET, IN, piece))).toEqual([false, false, false]);
  });

  it("change with their rows", () => {
    const b = new SecurityBench(acl([], []));
    b.put({ t: "networkAcl", id: 2, ingress: [aclRule("100 allow all any 0.0.0.0/0")], egress: [] });
    expect(b.subnet(SUBNET, IN, tcp(`${outside}:1`, `${inside}:80`))).toBe(true);
    b.put({ t: "networkAcl", id: 3, ingress: [], egress: [] }, { t: "subnetAcl", subnet: SUBNET, acl: 3 });
    expect(b.subnet(SUBNET, IN, tcp(`${outside}:1`, `${inside}:80`))).toBe(false);
    b.gone({ t: "subnetAcl", subnet: SUBNET, acl: 2 });
    expect(b.subnet(SUBNET, IN, tcp(`${outside}:1`, `${inside}:80`))).toBe(false);
    b.gone({ t: "subnetAcl", subnet: SUBNET, acl: 3 });
    expect(b.subnet(SUBNET, IN, tcp(`${outside}:1`, `${inside}:80`))).toBe(true);
  });

  it("say by which rule of which ACL a packet passed or not", () => {
    const b = new SecurityBench(acl(["100 allow tcp 80 0.0.0.0/0"], []));
    const d = new Decision();
    b.plane.context.decision = d;
    b.subnet(SUBNET, IN, tcp(`${outside}:1`, `${inside}:80`));
    b.subnet(SUBNET, OUT, tcp(`${inside}:80`, `${outside}:1`, ACK));
    const steps = [0, 1].map((i) => [d.stage[i], d.ruleKind[i], d.rule[i], d.a[i], d.b[i]]);
    expect(steps).toEqual([
      [STAGE_NETWORK_ACL, RULE_NETWORK_ACL, 2, 100, 0],
      [STAGE_NETWORK_ACL, RULE_NETWORK_ACL, 2, 0, 1],
    ]);
  });
});
