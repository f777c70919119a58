import { describe, expect, it } from "vitest";
import { readObjects } from "../../../src/control/objects/read.ts";
import { cluster, type Fields, labDocument, problemsOf, serviceDocument, sliceDocument } from "../control/objects.ts";
import { VNET } from "../plane/slowPacket.ts";
import { api, PODS, VIP } from "./labs.ts";
import { Network } from "./network.ts";

/** Service CIDRs, IPv6 and dual stack: what there is of them (service_cidrs.go, dual_stack.go). */

const notesOf = (document: unknown) => readObjects(document).notes.map((n) => `${n.path.join(".")}: ${n.message}`);
const problemsIn = (document: unknown) => readObjects(document).problems.map((p) => p.message);

describe("the service CIDR", () => {
  const spec = { cluster: { serviceCidr: "10.100.0.0/24" } };

  it("is where services get their addresses from, and packets for them are translated", () => {
    const n = new Network(spec, ...PODS, serviceDocument("api", { selector: { app: "api" } }));
    const vip = n.socket("svc/api:80");
    expect(vip).toMatch(/^10\.100\.0\.\d+:80$/);
    expect(n.reach("pod/client", vip)).toBe("far near");
  });

  it("that is full refuses one service more, and gives it the address of one that is deleted", () => {
    const some = Array.from({ length: 254 }, (_, i) => serviceDocument(`s${i}`, { selector: { app: "api" } }));
    const n = new Network(spec, ...PODS, ...some);
    const more = serviceDocument("more", { selector: { app: "client" } });
    expect(problemsOf(() => n.apply(more))[0]).toContain("expected a free address in the service CIDR 10.100.0.0/24");
    const freed = n.socket("svc/s3:80");
    n.remove("svc/s3");
    n.apply(more);
    expect(n.socket("svc/more:80")).toBe(freed);
    expect(n.reach("pod/client", freed)).toBe("client other");
  });

  it("is one: a second one, which a ServiceCIDR object would add, is not acted on, and the addresses are refused", () => {
    const added = {
      apiVersion: "networking.k8s.io/v1",
      kind: "ServiceCIDR",
      metadata: { name: "more" },
      spec: { cidrs: ["10.101.0.0/24"] },
    };
    expect(notesOf(added)).toEqual(["kind: ignored: podplane does not act on ServiceCIDR yet"]);
    const fromIt = serviceDocument("api", { clusterIP: "10.101.0.1" });
    expect(problemsOf(() => cluster(spec, added, fromIt))[0]).toContain("an address of the service CIDR 10.100.0.0/24");
  });

  it("cannot change while the lab runs", () => {
    const n = new Network(spec, ...PODS, api({ clusterIP: "" }));
    const other = labDocument({ cluster: { serviceCidr: "10.102.0.0/24" } });
    expect(problemsOf(() => n.apply(other))).toHaveLength(1);
    expect(n.reach("pod/client", n.socket("svc/api:80"))).toBe("far near");
  });
});

describe("IPv6", () => {
  it("packets are dropped at the device that they come from, and the reason says so", () => {
    const n = new Network({}, ...PODS, api());
    const bytes = new Uint8Array(VNET + 40);
    bytes[VNET] = 0x60;
    expect(n.send("pod/client", bytes).to).toBe("DROPPED IPV6_NOT_SUPPORTED");
    expect(n.line.imbalance()).toBe(0);
  });

  it.each([
    { ipFamilies: ["IPv4", "IPv6"], ipFamilyPolicy: "PreferDualStack", clusterIPs: ["172.20.0.10", "2001:db8::10"] },
    { ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack", clusterIPs: ["172.20.0.10"] },
  ])("a dual-stack service is its IPv4 half: %j", (fields) => {
    const document = api(fields);
    expect(notesOf(document)).toEqual([]);
    const n = new Network({}, ...PODS, document);
    expect(n.reach("pod/client", VIP)).toBe("far near");
  });

  it("a service with an IPv6 ClusterIP is refused", () => {
    expect(problemsIn(api({ clusterIP: "2001:db8::10", ipFamilies: ["IPv6"] }))).toEqual([
      'expected an IPv4 address such as 10.0.1.200, got "2001:db8::10"',
    ]);
  });

  it("externalIPs, source ranges and slices of the other family are left out with a note, as kube-proxy for IPv4 does", () => {
    const mixed = api({ externalIPs: ["2001:db8::1", "192.0.2.5"] });
    expect(notesOf(mixed)).toEqual(["spec: ignored: IPv6 addresses of a Service, as kube-proxy for IPv4 does"]);
    const slice: Fields = { ...sliceDocument("api", ["2001:db8::7"], 8080), addressType: "IPv6" };
    expect(notesOf(slice)).toEqual(["addressType: ignored: podplane does not act on IPv6 EndpointSlices yet"]);
    const n = new Network({}, ...PODS, mixed, slice);
    expect(n.reach("pod/client", "192.0.2.5:80")).toBe("far near");
    expect(n.reach("pod/client", VIP)).toBe("far near");
  });

  it.each([
    [{ vpc: { cidrBlocks: ["2001:db8::/56"], subnets: [] } }],
    [{ cluster: { serviceCidr: "fd00:10:100::/108" } }],
    [{ hosts: [{ name: "h", address: "2001:db8::5", network: "internet" }] }],
  ])("a lab of IPv6 addresses is refused: %j", (spec) => {
    expect(problemsIn(labDocument(spec)).join()).toMatch(/expected an IPv4 (address|CIDR block)/);
  });
});
