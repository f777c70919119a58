import { describe, expect, it } from "vitest";
import { explain, type NameSource } from "../../../src/observe/explain.ts";
import { GATEWAY_NAMES } from "../plane/gatewayNames.ts";
import { tcp, udp } from "../plane/packets.ts";
import { POLICY_NAMES } from "../plane/policyNames.ts";
import { SECURITY_NAMES } from "../plane/securityNames.ts";
import { askedFlow } from "../why/asked.ts";
import { threeVpcs } from "./threeVpcs.ts";
import { VpcBench } from "./vpcBench.ts";

/** What is told of a way through gateways. */

function namesOf(b: VpcBench): NameSource {
  return {
    device: (i) => b.v.devices[i],
    eni: (i) => b.v.enis[i],
    node: String,
    service: String,
    endpoint: String,
    routeTable: (i) => `table-${i}`,
    byAddress: () => null,
    ...SECURITY_NAMES,
    ...GATEWAY_NAMES,
    ...POLICY_NAMES,
  };
}

function told(b: VpcBench, from: string, bytes: Uint8Array): string[] {
  b.send(from, bytes);
  const e = explain(b.decision, askedFlow(bytes, "asked"), namesOf(b));
  const steps = e.steps.map((s) => `${s.stage} ${s.action} | ${s.rule ?? "-"} | ${s.detail}`);
  return [e.path.join(" > "), ...steps.map((s) => s.replace(/10\.0\.2\.50:\d+/, "10.0.2.50:PORT")), e.reason ?? "NONE"];
}

describe("why, through gateways", () => {
  it("a NAT gateway, there and back", () => {
    const b = new VpcBench(threeVpcs());
    expect(told(b, "app", udp("10.0.1.10:1000", "203.0.113.10:53"))).toEqual([
      "app > app > nat > web",
      "device accept | app | read from its TUN device",
      "eni-out accept | app | source/destination check: 10.0.1.10 belongs to the ENI",
      "vpc-route route | table-0 | default -> NAT gateway nat-0",
      "eni-in accept | nat | its source/destination check is off",
      "ttl pass | - | 64 -> 63",
      "mtu pass | nat-0 | 33 bytes, MTU 8500: fits",
      "gateway snat | nat-0 | source 10.0.1.10:1000 -> 10.0.2.50:PORT, destination 203.0.113.10:53 stays; new connection, port drawn at random",
      "vpc-route route | table-1 | default -> internet gateway",
      "mtu pass | internet gateway | 33 bytes, MTU 1500: fits",
      "gateway snat | internet gateway | source 10.0.2.50 -> 198.51.100.50 (1:1)",
      "device deliver | web | written to its TUN device",
      "NONE",
    ]);
    const port = b.decision.sport;
    expect(told(b, "web", udp("203.0.113.10:53", `198.51.100.50:${port}`))).toEqual([
      "web > nat > app > app",
      "device accept | web | read from its TUN device",
      "gateway dnat | internet gateway | destination 198.51.100.50 -> 10.0.2.50 (1:1)",
      "eni-in accept | nat | its source/destination check is off",
      "ttl pass | - | 64 -> 63",
      "mtu pass | nat-0 | 33 bytes, MTU 8500: fits",
      "gateway translate | nat-0 | stored translation: 203.0.113.10:53 -> 10.0.2.50:PORT is now 203.0.113.10:53 -> 10.0.1.10:1000",
      "vpc-route route | table-1 | 10.0.0.0/16 -> local, next best default",
      "eni-in accept | app | 10.0.1.10 is an address of the ENI",
      "device deliver | app | written to its TUN device",
      "NONE",
    ]);
  });

  it("a NAT gateway that knows nothing", () => {
    const b = new VpcBench(threeVpcs());
    expect(told(b, "app", tcp("10.0.1.10:1000", "203.0.113.10:80", "."))).toEqual([
      "app > app > nat",
      "device accept | app | read from its TUN device",
      "eni-out accept | app | source/destination check: 10.0.1.10 belongs to the ENI",
      "vpc-route route | table-0 | default -> NAT gateway nat-0",
      "eni-in accept | nat | its source/destination check is off",
      "ttl pass | - | 64 -> 63",
      "mtu pass | nat-0 | 40 bytes, MTU 8500: fits",
      "gateway reject | nat-0 | The NAT gateway knows no such connection (350 s idle end one): it answers with a reset.",
      "gateway answer | nat-0 | TCP reset 203.0.113.10:80 -> 10.0.1.10:1000",
      "eni-out accept | nat | its source/destination check is off",
      "vpc-route route | table-1 | 10.0.0.0/16 -> local, next best default",
      "eni-in accept | app | 10.0.1.10 is an address of the ENI",
      "device deliver | app | written to its TUN device",
      "NAT_GATEWAY_RESET",
    ]);
  });

  it("a peering, and a transit gateway that lowers the MSS", () => {
    const b = new VpcBench(threeVpcs());
    expect(told(b, "app", udp("10.0.1.10:1000", "10.1.1.10:53")).slice(3, 7)).toEqual([
      "vpc-route route | table-0 | 10.1.0.0/16 -> peering peering-0, next best default",
      "mtu pass | peering-0 | 33 bytes, MTU 9001: fits",
      "gateway route | peering-0 | to the other VPC, at most 9001 bytes",
      "eni-in accept | db | 10.1.1.10 is an address of the ENI",
    ]);
    const syn = tcp("10.0.1.10:1000", "10.2.1.10:80", "S", { payload: Uint8Array.of(2, 4, 0x23, 0x28) });
    syn[10 + 32] = 0x60;
    expect(told(b, "app", syn).slice(3, 9)).toEqual([
      "vpc-route route | table-0 | 10.2.0.0/17 -> transit gateway, attachment attachment-0, next best 10.2.0.0/16",
      "mtu pass | attachment-0 | 44 bytes, MTU 8500: fits",
      "gateway route | attachment-0 | 10.2.0.0/16 -> attachment-1",
      "gateway clamp | - | MSS 9000 -> 8460",
      "vpc-route route | table-4 | 10.2.0.0/16 -> local, next best default",
      "eni-in accept | far | 10.2.1.10 is an address of the ENI",
    ]);
  });

  it("a route to an ENI whose check is on", () => {
    const b = new VpcBench(threeVpcs());
    expect(told(b, "boxed", udp("10.0.6.10:1", "198.18.0.1:2")).slice(3)).toEqual([
      "vpc-route route | table-5 | 198.18.0.0/15 -> ENI strict, next best default",
      expect.stringMatching(/^eni-in drop \| strict \| The ENI's source\/destination check/),
      "SOURCE_DEST_CHECK",
    ]);
  });
});
