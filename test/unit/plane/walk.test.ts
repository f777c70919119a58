import { describe, expect, it } from "vitest";
import { packetProblem } from "../../../src/device/packetProblem.ts";
import { SERVICE_MODE_NFTABLES, SNAT_EXTERNAL, SNAT_NONE } from "../../../src/plane/rows.ts";
import { Bench, DEV, service, VIP } from "./bench.ts";
import { echo, icmpError, quoted, tcp, udp } from "./packets.ts";

const lines = (sent: { device: string; line: string }[]): string[] => sent.map((s) => `${s.device}: ${s.line}`);

describe("a pod's packet", () => {
  it("reaches a pod of another node through a ClusterIP, and the answer comes back from the ClusterIP", () => {
    const b = new Bench();
    const [out] = b.send(DEV.client, tcp("10.0.1.32:40000", `${VIP}:80`, "S", { seq: 100 }));
    expect(out.line).toMatch(/^10\.0\.1\.32\.40000 > 10\.0\.2\.3[23]\.8080: .*S/);
    expect(packetProblem(out.bytes)).toBeNull();
    const api = out.device === "api0" ? DEV.api0 : DEV.api1;
    const address = out.device === "api0" ? "10.0.2.32" : "10.0.2.33";
    const [back] = b.send(api, tcp(`${address}:8080`, "10.0.1.32:40000", "S.", { seq: 900, ack: 101 }));
    expect(back.device).toBe("client");
    expect(back.line).toMatch(/^172\.20\.0\.17\.80 > 10\.0\.1\.32\.40000: /);
    expect(packetProblem(back.bytes)).toBeNull();
    expect(b.imbalance()).toBe(0);
  });

  it("decrements the TTL on each node", () => {
    const b = new Bench();
    const [out] = b.send(DEV.client, udp("10.0.1.32:1000", "10.0.2.32:7", "x", { ttl: 64 }));
    expect(out.bytes[10 + 8]).toBe(62);
  });

  it("keeps its address inside the VPC and takes the node's on the way to the internet, then the gateway's", () => {
    const b = new Bench();
    expect(lines(b.send(DEV.client, udp("10.0.1.32:1000", "10.0.1.200:5432")))[0]).toMatch(
      /^rds: 10\.0\.1\.32\.1000 > 10\.0\.1\.200\.5432/,
    );
    const [out] = b.send(DEV.client, udp("10.0.1.32:41000", "203.0.113.10:53"));
    expect(out.device).toBe("web");
    expect(out.line).toMatch(/^198\.51\.100\.10\.\d+ > 203\.0\.113\.10\.53/);
    const port = Number(/10\.(\d+) >/.exec(out.line)?.[1]);
    expect(port).toBeGreaterThanOrEqual(1024);
    const [back] = b.send(DEV.web, udp("203.0.113.10:53", `198.51.100.10:${port}`));
    expect(back.device).toBe("client");
    expect(back.line).toMatch(/^203\.0\.113\.10\.53 > 10\.0\.1\.32\.41000/);
    expect(packetProblem(back.bytes)).toBeNull();
  });

  it("of a secondary ENI leaves the VPC by the primary ENI, marked, and other VPC traffic by its own", () => {
    const b = new Bench();
    const [out] = b.send(DEV.second, udp("10.0.1.48:1000", "203.0.113.10:53"));
    expect(out.line).toMatch(/^198\.51\.100\.10\./);
    const steps = [...b.decision.ruleKind.slice(0, b.decision.count)].map((k, i) =>
      k === 2 ? b.decision.rule[i] : -1,
    );
    expect(steps).toContain(1024);
    b.send(DEV.second, udp("10.0.1.48:1000", "10.0.2.32:7"));
    expect([...b.decision.rule.slice(0, b.decision.count)]).toContain(1536);
  });

  it("with SNAT left to others is stopped at the internet gateway, which has no public address for a pod", () => {
    const b = new Bench({ snatMode: SNAT_EXTERNAL });
    expect(b.send(DEV.client, udp("10.0.1.32:1000", "203.0.113.10:53"))).toEqual([]);
    expect(b.reason).toBe("IGW_NO_PUBLIC_ADDRESS");
  });

  it("keeps its port with RANDOMIZESNAT=none, and two pods with one port do not collide", () => {
    const b = new Bench({ snatMode: SNAT_NONE });
    const [one] = b.send(DEV.client, udp("10.0.1.32:1000", "192.168.7.7:53"));
    expect(one.line).toMatch(/^10\.0\.1\.10\.1000 > 192/);
    const [two] = b.send(DEV.second, udp("10.0.1.48:1000", "192.168.7.7:53"));
    expect(two.line).toMatch(/^10\.0\.1\.10\.\d+ > 192/);
    expect(two.line).not.toMatch(/^10\.0\.1\.10\.1000 /);
  });

  it("may not use another source address", () => {
    const b = new Bench();
    expect(b.send(DEV.client, udp("10.0.1.99:1000", "10.0.2.32:7"))).toEqual([]);
    expect(b.reason).toBe("SOURCE_NOT_OWN");
    expect(b.imbalance()).toBe(0);
  });

  it("to an address that nobody has is dropped by the VPC without a word", () => {
    const b = new Bench();
    expect(b.send(DEV.client, udp("10.0.1.32:1000", "10.0.3.3:7"))).toEqual([]);
    expect(b.reason).toBe("VPC_ADDRESS_UNASSIGNED");
    expect(b.send(DEV.client, udp("10.0.1.32:1000", "198.18.0.1:7"))).toEqual([]);
    expect(b.reason).toBe("VPC_BLACKHOLE");
  });

  it("that reaches itself through its service is masqueraded", () => {
    const b = new Bench();
    b.plane.apply({ put: [service(0, 80, ["10.0.2.32:8080"], 0)], gone: [] });
    const [out] = b.send(DEV.api0, tcp("10.0.2.32:40000", `${VIP}:80`, "S"));
    expect(out.device).toBe("api0");
    expect(out.line).toMatch(/^10\.0\.2\.10\.\d+ > 10\.0\.2\.32\.8080/);
    const port = Number(/10\.(\d+) >/.exec(out.line)?.[1]);
    const [back] = b.send(DEV.api0, tcp("10.0.2.32:8080", `10.0.2.10:${port}`, "S.", { ack: 1 }));
    expect(back.line).toMatch(/^172\.20\.0\.17\.80 > 10\.0\.2\.32\.40000/);
  });
});

describe("a packet from a pod to 127.0.0.1", () => {
  it("is a martian", () => {
    const b = new Bench();
    expect(b.send(DEV.client, udp("10.0.1.32:1000", "127.0.0.1:53"))).toEqual([]);
    expect(b.reason).toBe("MARTIAN_LOOPBACK");
  });
});

describe("ping", () => {
  it("goes both ways and keeps its identifier", () => {
    const b = new Bench();
    expect(lines(b.send(DEV.client, echo("10.0.1.32", "10.0.2.32", 77)))[0]).toMatch(/^api0: .*echo request.*id 77/i);
    expect(lines(b.send(DEV.api0, echo("10.0.2.32", "10.0.1.32", 77, { reply: true })))[0]).toMatch(/^client: /);
  });

  it("to the internet is source-translated, its identifier too, and comes back", () => {
    const b = new Bench();
    const [out] = b.send(DEV.client, echo("10.0.1.32", "203.0.113.10", 77));
    expect(out.device).toBe("web");
    expect(packetProblem(out.bytes)).toBeNull();
    const id = (out.bytes[10 + 24] << 8) | out.bytes[10 + 25];
    const [back] = b.send(DEV.web, echo("203.0.113.10", "198.51.100.10", id, { reply: true }));
    expect(back.line).toMatch(/203\.0\.113\.10 > 10\.0\.1\.32: .*id 77/);
    expect(packetProblem(back.bytes)).toBeNull();
  });
});

describe("ICMP errors", () => {
  it("about a translated packet reach the client with the quoted packet translated back", () => {
    const b = new Bench();
    const [out] = b.send(DEV.client, udp("10.0.1.32:1000", `${VIP}:53`));
    expect(out.line).toMatch(/> 10\.0\.2\.32\.5353/);
    const [error] = b.send(DEV.api0, icmpError("10.0.2.32", "10.0.1.32", 3, 3, out.bytes));
    expect(error.device).toBe("client");
    expect(error.line).toMatch(/^172\.20\.0\.17 > 10\.0\.1\.32: /);
    expect(error.line).toMatch(/10\.0\.1\.32\.1000 > 172\.20\.0\.17\.53/);
    expect(packetProblem(error.bytes)).toBeNull();
    expect(packetProblem(quoted(error.bytes))).toBeNull();
  });

  it("may quote only eight bytes of layer 4", () => {
    const b = new Bench();
    const [out] = b.send(DEV.client, tcp("10.0.1.32:1000", "203.0.113.10:80", "S"));
    const [error] = b.send(DEV.web, icmpError("203.0.113.10", "198.51.100.10", 3, 1, out.bytes, 28));
    expect(error.line).toMatch(/10\.0\.1\.32\.1000 > 203\.0\.113\.10\.80/);
    expect(packetProblem(error.bytes)).toBeNull();
  });

  it("answers a TTL that runs out with the address that the client used, and keeps no connection", () => {
    const b = new Bench();
    const [error] = b.send(DEV.client, tcp("10.0.1.32:1000", `${VIP}:80`, "S", { ttl: 1 }));
    expect(error.device).toBe("client");
    expect(error.line).toMatch(/^172\.20\.0\.17 > 10\.0\.1\.32: .*time exceeded/i);
    expect(error.line).toMatch(/10\.0\.1\.32\.1000 > 172\.20\.0\.17\.80/);
    expect(b.plane.context.ct.total).toBe(0);
    expect(b.reason).toBe("TTL_EXCEEDED");
    expect(lines(b.send(DEV.client, udp("10.0.1.32:1000", "10.0.2.32:7", "x", { ttl: 2 })))[0]).toMatch(
      /^client: 10\.0\.2\.10 > 10\.0\.1\.32: .*time exceeded/i,
    );
    expect(b.imbalance()).toBe(0);
  });

  it("answers time exceeded at TTL 1 even for a service without endpoints, and port unreachable at TTL 2", () => {
    const b = new Bench();
    expect(lines(b.send(DEV.client, tcp("10.0.1.32:1", `${VIP}:81`, "S", { ttl: 1 })))[0]).toMatch(/time exceeded/i);
    const [error] = b.send(DEV.client, tcp("10.0.1.32:1", `${VIP}:81`, "S", { ttl: 2 }));
    expect(error.line).toMatch(/^10\.0\.1\.10 > 10\.0\.1\.32: .*port.*unreachable/i);
    expect(b.reason).toBe("SERVICE_NO_ENDPOINTS");
    expect(b.plane.context.ct.total).toBe(0);
  });

  it("are limited to six in a burst for one destination", () => {
    const b = new Bench();
    let answers = 0;
    for (let i = 0; i < 10; i++) answers += b.send(DEV.client, tcp(`10.0.1.32:${i + 1}`, `${VIP}:81`, "S")).length;
    expect(answers).toBe(6);
    b.plane.tick(1000);
    expect(b.send(DEV.client, tcp("10.0.1.32:99", `${VIP}:81`, "S"))).toHaveLength(1);
  });
});

describe("ClusterIP corner cases by mode", () => {
  it("iptables mode routes other ports on; nftables mode rejects them and drops unknown addresses", () => {
    const iptables = new Bench();
    iptables.send(DEV.client, tcp("10.0.1.32:1", `${VIP}:9999`, "S"));
    expect(iptables.reason).toBe("OUTSIDE_UNREACHABLE");
    const nft = new Bench({ serviceMode: SERVICE_MODE_NFTABLES });
    expect(nft.send(DEV.client, tcp("10.0.1.32:1", `${VIP}:9999`, "S"))).toHaveLength(1);
    expect(nft.reason).toBe("SERVICE_PORT_UNKNOWN");
    expect(nft.send(DEV.client, echo("10.0.1.32", VIP, 5))).toHaveLength(1);
    expect(nft.send(DEV.client, tcp("10.0.1.32:1", "172.20.9.9:80", "S"))).toEqual([]);
    expect(nft.reason).toBe("SERVICE_ADDRESS_UNKNOWN");
  });
});

describe("a node's host namespace", () => {
  it("reaches pods, services and its own NodePort by 127.0.0.1 in iptables mode", () => {
    const b = new Bench();
    expect(lines(b.send(DEV.host0, tcp("10.0.1.10:5000", "10.0.1.32:80", "S")))[0]).toMatch(
      /^client: 10\.0\.1\.10\.5000 >/,
    );
    expect(lines(b.send(DEV.host0, tcp("10.0.1.10:5000", `${VIP}:80`, "S")))[0]).toMatch(
      /^api\d: 10\.0\.1\.10\.5000 > /,
    );
    const [out] = b.send(DEV.host0, tcp("127.0.0.1:5000", "127.0.0.1:30080", "S"));
    expect(out.line).toMatch(/^10\.0\.1\.10\.\d+ > 10\.0\.2\.3[23]\.8080/);
    const port = Number(/10\.(\d+) >/.exec(out.line)?.[1]);
    const api = out.device === "api0" ? DEV.api0 : DEV.api1;
    const address = out.device === "api0" ? "10.0.2.32" : "10.0.2.33";
    expect(lines(b.send(api, tcp(`${address}:8080`, `10.0.1.10:${port}`, "S.", { ack: 1 })))[0]).toMatch(
      /^host0: 127\.0\.0\.1\.30080 > 127\.0\.0\.1\.5000/,
    );
  });

  it("nftables mode has no NodePort at 127.0.0.1: the packet stays on the node", () => {
    const b = new Bench({ serviceMode: SERVICE_MODE_NFTABLES });
    expect(lines(b.send(DEV.host0, tcp("127.0.0.1:5000", "127.0.0.1:30080", "S")))[0]).toMatch(
      /^host0: 127\.0\.0\.1\.5000/,
    );
  });

  it("gets what is sent to the node's address", () => {
    const b = new Bench();
    expect(lines(b.send(DEV.client, tcp("10.0.1.32:1", "10.0.2.10:10250", "S")))[0]).toMatch(
      /^host1: 10\.0\.1\.32\.1 > /,
    );
  });

  it("a NodePort from outside is masqueraded and answered from the node's address", () => {
    const b = new Bench();
    const [out] = b.send(DEV.web, tcp("203.0.113.10:999", "198.51.100.10:30080", "S"));
    expect(out.line).toMatch(/^10\.0\.1\.10\.\d+ > 10\.0\.2\.3[23]\.8080/);
    const port = Number(/10\.(\d+) >/.exec(out.line)?.[1]);
    const api = out.device === "api0" ? DEV.api0 : DEV.api1;
    const address = out.device === "api0" ? "10.0.2.32" : "10.0.2.33";
    const [back] = b.send(api, tcp(`${address}:8080`, `10.0.1.10:${port}`, "S.", { ack: 1 }));
    expect(back.device).toBe("web");
    expect(back.line).toMatch(/^198\.51\.100\.10\.30080 > 203\.0\.113\.10\.999/);
  });
});

describe("conntrack in the walk", () => {
  it("keeps an established flow on its endpoint after the service changed", () => {
    const b = new Bench();
    b.plane.apply({ put: [service(0, 80, ["10.0.2.32:8080"], 0)], gone: [] });
    const flow = ["10.0.1.32:40000", `${VIP}:80`] as const;
    b.send(DEV.client, tcp(...flow, "S", { seq: 1 }));
    b.send(DEV.api0, tcp("10.0.2.32:8080", "10.0.1.32:40000", "S.", { seq: 1, ack: 2 }));
    b.plane.apply({ put: [service(0, 80, ["10.0.2.33:8080"], 0)], gone: [] });
    expect(b.send(DEV.client, tcp(...flow, ".", { seq: 2, ack: 2 }))[0].device).toBe("api0");
    expect(b.send(DEV.client, tcp("10.0.1.32:40001", `${VIP}:80`, "S", { seq: 1 }))[0].device).toBe("api1");
  });

  it("passes INVALID packets untranslated when liberal is off only in nftables mode", () => {
    const b = new Bench();
    b.send(DEV.client, tcp("10.0.1.32:1", "10.0.2.32:80", "SF"));
    expect(b.reason).toBe("INVALID_STATE");
    const nft = new Bench({ serviceMode: SERVICE_MODE_NFTABLES });
    expect(nft.send(DEV.client, tcp("10.0.1.32:1", "10.0.2.32:80", "SF"))).toHaveLength(1);
  });

  it("drops new flows when the node's table is full of assured ones, and evicts others", () => {
    const b = new Bench({ limit: 4 });
    for (let i = 0; i < 8; i++) b.send(DEV.client, udp(`10.0.1.32:${1000 + i}`, "10.0.1.48:7"));
    expect(b.plane.context.ct.count(0)).toBeLessThanOrEqual(4);
    expect(b.imbalance()).toBe(0);
  });

  it("a what-if changes nothing, and its draw is the next packet's", () => {
    const b = new Bench();
    const p = b.plane;
    const syn = tcp("10.0.1.32:40000", `${VIP}:80`, "S");
    const hash = p.context.ct.stateHash();
    const counters = p.context.counters.slice();
    const at = p.slotOffset(0);
    p.context.arena.set(syn, at - 10);
    p.whatIf(DEV.client, at, syn.length - 10, b.decision);
    const seen = b.decision.dst;
    expect(p.context.ct.stateHash()).toBe(hash);
    expect(p.context.counters).toEqual(counters);
    b.send(DEV.client, syn);
    expect(b.decision.dst).toBe(seen);
  });
});
