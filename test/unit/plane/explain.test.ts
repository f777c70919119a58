import { describe, expect, it } from "vitest";
import { explain, type NameSource } from "../../../src/observe/explain.ts";
import { askedFlow } from "../why/asked.ts";
import { Bench, type BenchOptions, DEV, DEVICE_NAMES } from "./bench.ts";
import { GATEWAY_NAMES } from "./gatewayNames.ts";
import { tcp, udp } from "./packets.ts";
import { POLICY_NAMES } from "./policyNames.ts";
import { SECURITY_NAMES } from "./securityNames.ts";

/** A decision as a person reads it: the path, then each step, then the outcome. */

const ENIS = ["node-0/eth0", "node-0/eth1", "node-1/eth0", "rds/eth0"];
const NAMES: NameSource = {
  device: (i) => DEVICE_NAMES[i],
  eni: (i) => ENIS[i],
  node: (i) => `node-${i}`,
  service: (i) => `svc/${i}`,
  endpoint: (service, i) => `svc/${service}#${i}`,
  routeTable: (i) => `table-${i}`,
  byAddress: () => null,
  ...SECURITY_NAMES,
  ...GATEWAY_NAMES,
  ...POLICY_NAMES,
};

function told(o: BenchOptions, device: number, bytes: Uint8Array): string {
  const b = new Bench(o);
  b.send(device, bytes);
  const e = explain(b.decision, askedFlow(bytes, "asked"), NAMES);
  const seen = e.seen;
  const outcome = seen
    ? `${e.verdict}: ${seen.by} sees ${seen.source.address}:${seen.source.port} -> ${seen.destination.address}:${seen.destination.port}`
    : `${e.verdict}: ${e.reason}`;
  const steps = e.steps.map((s) => `${s.at} | ${s.stage} ${s.action} | ${s.rule ?? "-"} | ${s.detail}`);
  return [e.path.join(" > "), ...steps, outcome].join("\n");
}

describe("why", () => {
  it("a connection to a ClusterIP reaches an endpoint on another node", () => {
    expect(told({ seed: 1 }, DEV.client, udp("10.0.1.32:4000", "172.20.0.17:53"))).toMatchInlineSnapshot(`
      "client > node-0/eth0 > node-1/eth0 > api0
      node-0 | device accept | client | read from its TUN device
      node-0 | conntrack track | - | NEW: no entry for udp 10.0.1.32:4000 -> 172.20.0.17:53; one begins
      node-0 | service dnat | svc/2 | endpoint 1 of 1: svc/2#0; destination 172.20.0.17:53 -> 10.0.2.32:5353, source 10.0.1.32:4000 stays
      node-0 | route route | 32766 from all lookup main | table main: default -> node-0/eth0
      node-0 | ttl pass | - | 64 -> 63
      node-0 | mtu pass | node-0/eth0 | 33 bytes, MTU 9001: fits
      node-0 | snat pass | AWS-SNAT-CHAIN-0 (VPC CIDR) | source kept: 10.0.0.0/16 is a CIDR block of the VPC
      node-0 | confirm insert | - | new entry udp 10.0.1.32:4000 -> 172.20.0.17:53, answered 10.0.2.32:5353 -> 10.0.1.32:4000
      vpc | eni-out accept | node-0/eth0 | source/destination check: 10.0.1.32 belongs to the ENI
      vpc | vpc-route route | table-0 | 10.0.0.0/16 -> local, next best default
      vpc | eni-in accept | node-1/eth0 | 10.0.2.32 is an address of the ENI
      node-1 | conntrack track | - | NEW: no entry for udp 10.0.1.32:4000 -> 10.0.2.32:5353; one begins
      node-1 | route route | 512 to pod lookup main | table main: 10.0.2.32/32 -> api0, next best default
      node-1 | ttl pass | - | 63 -> 62
      node-1 | mtu pass | api0 | 33 bytes, MTU 9001: fits
      node-1 | snat pass | AWS-SNAT-CHAIN-0 (VPC CIDR) | source kept: 10.0.0.0/16 is a CIDR block of the VPC
      node-1 | confirm insert | - | new entry udp 10.0.1.32:4000 -> 10.0.2.32:5353, answered 10.0.2.32:5353 -> 10.0.1.32:4000
      node-1 | device deliver | api0 | written to its TUN device
      DELIVERED: api0 sees 10.0.1.32:4000 -> 10.0.2.32:5353"
    `);
  });

  it("a pod of a secondary ENI leaves the VPC by the primary ENI", () => {
    const text = told({ snatMode: 0 }, DEV.second, udp("10.0.1.48:4000", "203.0.113.10:53"));
    expect(text).toMatchInlineSnapshot(`
      "second > node-0/eth0 > web
      node-0 | device accept | second | read from its TUN device
      node-0 | conntrack track | - | NEW: no entry for udp 10.0.1.48:4000 -> 203.0.113.10:53; one begins
      node-0 | mark mark | AWS-CONNMARK-CHAIN-0 | 0x0 -> 0x80: bit 7 set (mark and connmark 0x80: leaves the VPC, by the primary ENI)
      node-0 | route route | 1024 fwmark 0x80/0x80 lookup main | table main: default -> node-0/eth0
      node-0 | ttl pass | - | 64 -> 63
      node-0 | mtu pass | node-0/eth0 | 33 bytes, MTU 9001: fits
      node-0 | snat snat | AWS-SNAT-CHAIN-0 | source 10.0.1.48:4000 -> 10.0.1.10:4000, destination 203.0.113.10:53 stays; port kept
      node-0 | confirm insert | - | new entry udp 10.0.1.48:4000 -> 203.0.113.10:53, answered 203.0.113.10:53 -> 10.0.1.10:4000
      vpc | eni-out accept | node-0/eth0 | source/destination check: 10.0.1.10 belongs to the ENI
      vpc | vpc-route route | table-0 | default -> internet gateway
      vpc | mtu pass | internet gateway | 33 bytes, MTU 1500: fits
      vpc | gateway snat | internet gateway | source 10.0.1.10 -> 198.51.100.10 (1:1)
      vpc | device deliver | web | written to its TUN device
      DELIVERED: web sees 198.51.100.10:4000 -> 203.0.113.10:53"
    `);
  });

  it("a service without endpoints rejects", () => {
    expect(told({}, DEV.client, tcp("10.0.1.32:4000", "172.20.0.17:81", "S"))).toMatchInlineSnapshot(`
      "client
      node-0 | device accept | client | read from its TUN device
      node-0 | conntrack track | - | NEW: no entry for tcp 10.0.1.32:4000 -> 172.20.0.17:81; one begins
      node-0 | service pass | svc/1 | no usable endpoint
      node-0 | mark mark | AWS-CONNMARK-CHAIN-0 | 0x0 -> 0x80: bit 7 set (mark and connmark 0x80: leaves the VPC, by the primary ENI)
      node-0 | route route | 1024 fwmark 0x80/0x80 lookup main | table main: default -> node-0/eth0
      node-0 | ttl pass | - | 64 -> 63
      node-0 | mtu pass | node-0/eth0 | 40 bytes, MTU 9001: fits
      node-0 | filter reject | svc/1 | The service has no usable endpoint: kube-proxy rejects.
      node-0 | icmp answer | - | ICMP port unreachable from 10.0.1.10 to 10.0.1.32
      node-0 | route route | 512 to pod lookup main | table main: 10.0.1.32/32 -> client, next best default
      node-0 | device deliver | client | written to its TUN device
      REJECTED: SERVICE_NO_ENDPOINTS"
    `);
  });

  it("a TTL runs out on the first node", () => {
    const text = told({}, DEV.client, udp("10.0.1.32:4000", "10.0.2.32:7", "x", { ttl: 1 }));
    expect(text).toContain("\nnode-0 | icmp answer | - | ICMP time exceeded from 10.0.1.10 to 10.0.1.32\n");
    expect(text).toContain("\nnode-0 | ttl reject | - | The TTL ran out on this node: ICMP time exceeded went back.\n");
    expect(text).toMatch(/^client\n/);
    expect(text).toMatch(/\nREJECTED: TTL_EXCEEDED$/);
  });

  it("a packet with DF is too large for the way to the ENI", () => {
    const text = told({ eniMtu: 1500 }, DEV.client, udp("10.0.1.32:4000", "10.0.2.32:7", new Uint8Array(2000)));
    expect(text).toContain("\nnode-0 | icmp answer | - | ICMP fragmentation needed from 10.0.1.10 to 10.0.1.32\n");
    expect(text).toContain("\nnode-0 | mtu reject | node-0/eth0 | DF is set and the packet is over the MTU");
    expect(text).toMatch(/\nREJECTED: FRAGMENTATION_NEEDED$/);
  });

  it("an address that nobody has is dropped by the VPC", () => {
    expect(told({}, DEV.client, udp("10.0.1.32:4000", "10.0.3.3:7"))).toMatchInlineSnapshot(`
      "client > node-0/eth0
      node-0 | device accept | client | read from its TUN device
      node-0 | conntrack track | - | NEW: no entry for udp 10.0.1.32:4000 -> 10.0.3.3:7; one begins
      node-0 | route route | 32766 from all lookup main | table main: default -> node-0/eth0
      node-0 | ttl pass | - | 64 -> 63
      node-0 | mtu pass | node-0/eth0 | 33 bytes, MTU 9001: fits
      node-0 | snat pass | AWS-SNAT-CHAIN-0 (VPC CIDR) | source kept: 10.0.0.0/16 is a CIDR block of the VPC
      node-0 | confirm insert | - | new entry udp 10.0.1.32:4000 -> 10.0.3.3:7, answered 10.0.3.3:7 -> 10.0.1.32:4000
      vpc | eni-out accept | node-0/eth0 | source/destination check: 10.0.1.32 belongs to the ENI
      vpc | vpc-route route | table-0 | 10.0.0.0/16 -> local, next best default
      vpc | eni-in drop | - | No ENI of the VPC has the destination address: the VPC drops silently.
      DROPPED: VPC_ADDRESS_UNASSIGNED"
    `);
  });
});
