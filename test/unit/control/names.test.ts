import { describe, expect, it } from "vitest";
import { compareNames, nearMatches, suggestion } from "../../../src/control/near.ts";
import { NameError } from "../../../src/control/resolve.ts";
import { formatAddress, parseAddress } from "../../../src/plane/wire/address.ts";
import { cluster, deploymentDocument, PREFIXES, podDocument, serviceDocument } from "./objects.ts";

const dns = [
  { name: "dns", port: 53, protocol: "UDP" },
  { name: "dns-tcp", port: 53 },
];
const c = cluster(
  { ...PREFIXES, hosts: [{ name: "rds", address: "10.0.1.200", subnet: "nodes-a" }] },
  deploymentDocument("api", 2),
  serviceDocument("api"),
  serviceDocument("dns", { ports: dns }, { namespace: "kube-system" }),
  serviceDocument("headless", { clusterIP: "None" }),
  podDocument("agent", { hostNetwork: true, nodeName: "node-2" }),
  podDocument("web", { nodeName: "node-1" }, { namespace: "shop", annotations: { "podplane.dev/eni": "eth1" } }),
);
const { names } = c.snapshot();

describe("resolve", () => {
  it.each([
    ["pod/api-1", "pod/default/api-1 10.0.1.16 null"],
    ["pod/default/api-1:8080", "pod/default/api-1 10.0.1.16 8080"],
    ["pods/shop/web", "pod/shop/web 10.0.1.32 null"],
    ["pod/agent", "pod/default/agent 10.0.2.4 null"],
    ["svc/api:80", "svc/default/api:80 172.20.1.1 80"],
    ["service/api", "svc/default/api:80 172.20.1.1 80"],
    ["svc/api:8443", "svc/default/api:8443 172.20.1.1 8443"],
    ["svc/kube-system/dns:dns-tcp", "svc/kube-system/dns:53 172.20.1.2 53"],
    ["host/rds:5432", "host/rds 10.0.1.200 5432"],
    ["node/node-2:30080", "node/node-2 10.0.2.4 30080"],
    ["10.0.1.200", "host/rds 10.0.1.200 null"],
    ["10.0.1.16:80", "pod/default/api-1 10.0.1.16 80"],
    ["8.8.8.8:53", "8.8.8.8 8.8.8.8 53"],
  ])("%s", (text, expected) => {
    const { name, address, port } = names.resolve(text);
    expect(`${name} ${formatAddress(address)} ${port}`).toBe(expected);
  });

  it("knows devices and services", () => {
    expect(names.device(names.resolve("pod/api-2").device)).toBe("pod/default/api-2");
    expect(names.resolve("pod/agent").device).toBe(names.resolve("node/node-2").device);
    expect(names.resolve("8.8.8.8")).toMatchObject({ kind: "address", device: -1 });
    const udp = names.resolve("svc/kube-system/dns", 17);
    const tcp = names.resolve("svc/kube-system/dns:53", 6);
    expect(udp.service).not.toBe(tcp.service);
    expect(names.service(udp.service)).toBe("svc/kube-system/dns:53");
    expect(names.resolve("svc/api:8443").service).toBe(-1);
  });

  it.each([
    ["pod/ap-1", "there is no pod/ap-1; did you mean pod/default/api-1?"],
    ["pod/web", "there is no pod/web; did you mean pod/shop/web?"],
    ["svc/dsn:53", "there is no svc/dsn:53; did you mean svc/kube-system/dns?"],
    ["host/database", "there is no host/database"],
    ["svc/kube-system/dns", '"svc/kube-system/dns" needs a port: svc/kube-system/dns:53'],
    ["svc/api:https", 'svc/default/api has no port "https": there is svc/default/api:80'],
    ["svc/headless:80", "svc/default/headless has no ClusterIP: it is a name in DNS only; name one of its pods"],
    ["host/rds:99999", '"host/rds:99999": expected a port from 1 to 65535, got "99999"'],
    ["node/default/node-1", '"node/default/node-1" is no name: a node has no namespace'],
    [
      "api",
      '"api" is no name: write pod/[NAMESPACE/]NAME, svc/[NAMESPACE/]NAME:PORT, host/NAME, node/NAME or an address',
    ],
  ])("%s is refused", (text, message) => {
    expect(() => names.resolve(text)).toThrow(new NameError(message));
  });
});

describe("names of addresses", () => {
  it.each([
    ["10.0.1.16", "pod/default/api-1"],
    ["10.0.1.4", "node/node-1"],
    ["10.0.1.5", "node-1/eth1"],
    ["10.0.1.200", "host/rds"],
    ["172.20.1.1", "svc/default/api"],
    ["10.0.9.9", "10.0.9.9"],
  ])("%s", (address, expected) => {
    expect(names.show(parseAddress(address) ?? 0)).toBe(expected);
  });

  it("nothing is called what it is not", () => {
    expect([names.device(99), names.eni(99), names.node(99), names.service(99), names.endpoint(0, 99)]).toEqual(
      Array(5).fill("(gone)"),
    );
    expect(names.byAddress(1)).toBeNull();
    expect([names.node(1), names.eni(1), names.routeTable(0), names.subnet(1)]).toEqual([
      "node-2",
      "node-1/eth1",
      "main",
      "nodes-b",
    ]);
  });
});

describe("near names", () => {
  it("counts swapped letters as one slip and gives up on strangers", () => {
    expect(nearMatches("mian", ["main", "private"])).toEqual(["main"]);
    expect(nearMatches("zzz", ["main"])).toEqual([]);
    expect(suggestion("zzz", ["b", "a"])).toBe("there is a, b");
    expect(suggestion("zzz", [])).toBe("there is none");
  });

  it("sorts as a person counts", () => {
    expect(["a-10", "a-9", "b-1", "a", "a-9b"].sort(compareNames)).toEqual(["a", "a-9", "a-9b", "a-10", "b-1"]);
  });
});
