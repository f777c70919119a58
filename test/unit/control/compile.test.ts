import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Cluster } from "../../../src/control/cluster.ts";
import type { Snapshot } from "../../../src/control/compile.ts";
import { diff } from "../../../src/control/diff.ts";
import { rowKey } from "../../../src/control/rowKey.ts";
import { eniViews, nodeViews } from "../../../src/control/views.ts";
import { containsAddress } from "../../../src/control/vpc/cidr.ts";
import {
  type DeviceRow,
  type EniAddressRow,
  type EniRow,
  type Row,
  type ServiceRow,
  TARGET_BLACKHOLE,
  TARGET_INTERNET_GATEWAY,
  TARGET_LOCAL,
  TARGET_NETWORK,
} from "../../../src/plane/rows.ts";
import { formatAddress, formatCidr } from "../../../src/plane/wire/address.ts";
import { cluster, cni, deploymentDocument, PREFIXES, podDocument, read, serviceDocument, vpc } from "./objects.ts";

function ofType<T extends Row["t"]>(snapshot: Snapshot, t: T): Extract<Row, { t: T }>[] {
  return [...snapshot.rows.values()].filter((row): row is Extract<Row, { t: T }> => row.t === t);
}

const office = { name: "office", kind: "onPremises", cidrBlocks: ["192.168.0.0/16"], target: "vgw" };
const routes = [
  { destinationCidrBlock: "0.0.0.0/0", target: "igw" },
  { destinationCidrBlock: "192.168.0.0/16", target: "vgw" },
  { destinationCidrBlock: "8.8.8.8/32", target: "blackhole" },
];

describe("rows", () => {
  it("of the VPC: local routes in every table, targets, subnets", () => {
    const c = cluster({
      networks: [office],
      vpc: vpc({
        cidrBlocks: ["10.0.0.0/16", "100.64.0.0/16"],
        routeTables: [{ name: "private" }, { name: "main", main: true, routes }],
        subnets: [
          { name: "nodes-a", availabilityZone: "us-east-1a", cidrBlock: "10.0.1.0/24", routeTable: "private" },
          { name: "nodes-b", availabilityZone: "us-east-1b", cidrBlock: "10.0.2.0/24" },
        ],
      }),
    });
    const s = c.snapshot();
    const tables = ofType(s, "vpcRoute").map((r) => [
      s.names.routeTable(r.routeTable),
      formatCidr(r.prefix, r.length),
      r.target,
      r.arg,
    ]);
    expect(tables).toEqual([
      ["private", "10.0.0.0/16", TARGET_LOCAL, 0],
      ["private", "100.64.0.0/16", TARGET_LOCAL, 0],
      ["main", "10.0.0.0/16", TARGET_LOCAL, 0],
      ["main", "100.64.0.0/16", TARGET_LOCAL, 0],
      ["main", "0.0.0.0/0", TARGET_INTERNET_GATEWAY, 0],
      ["main", "192.168.0.0/16", TARGET_NETWORK, 1],
      ["main", "8.8.8.8/32", TARGET_BLACKHOLE, 0],
    ]);
    expect([0, 1].map((n) => s.names.network(n))).toEqual(["internet", "office"]);
    expect(ofType(s, "subnet").map((r) => [s.names.subnet(r.id), s.names.routeTable(r.routeTable)])).toEqual([
      ["nodes-a", "private"],
      ["nodes-b", "main"],
    ]);
    expect(ofType(s, "snatExempt").map((r) => [formatCidr(r.prefix, r.length), r.excluded])).toEqual([
      ["10.0.0.0/16", false],
      ["100.64.0.0/16", false],
    ]);
  });

  it.each([
    [
      "the defaults",
      {},
      {},
      { snatMode: 2, serviceMode: 0, masqueradeAll: false, clusterCidr: null, conntrackLimit: 131072 },
    ],
    ["hashrandom", { AWS_VPC_K8S_CNI_RANDOMIZESNAT: "hashrandom" }, {}, { snatMode: 1 }],
    ["none", { AWS_VPC_K8S_CNI_RANDOMIZESNAT: "none" }, {}, { snatMode: 0 }],
    [
      "external SNAT wins",
      { AWS_VPC_K8S_CNI_RANDOMIZESNAT: "none", AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" },
      {},
      { snatMode: 3 },
    ],
    [
      "kube-proxy",
      {},
      { kubeProxy: { mode: "nftables", masqueradeAll: true, clusterCIDR: "10.0.0.0/16" } },
      { serviceMode: 1, masqueradeAll: true, clusterCidr: { prefix: 10 << 24, length: 16 } },
    ],
    ["conntrack", {}, { conntrack: { max: 100 } }, { conntrackLimit: 100 }],
  ])("of a node: %s", (_, env, more, expected) => {
    const c = cluster(cni(env, more));
    expect(c.snapshot().rows.get("node/1")).toMatchObject({ id: 1, hostDevice: 1, primaryEni: 1, ...expected });
  });

  it("of SNAT exclusions, none with external SNAT", () => {
    const list = "192.168.7.0/16, 10.0.0.0/16,0.0.0.0/0";
    const exempt = (env: object) =>
      ofType(cluster(cni({ AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: list, ...env })).snapshot(), "snatExempt").map(
        (r) => `${formatCidr(r.prefix, r.length)} ${r.excluded}`,
      );
    expect(exempt({})).toEqual(["10.0.0.0/16 false", "192.168.0.0/16 true", "0.0.0.0/0 true"]);
    expect(exempt({ AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" })).toEqual(["10.0.0.0/16 false"]);
  });

  it("of public addresses: written ones, then the lowest free, on primary ENIs alone", () => {
    const subnets = [
      { name: "nodes-a", availabilityZone: "us-east-1a", cidrBlock: "10.0.1.0/24", mapPublicIpOnLaunch: true },
      { name: "nodes-b", availabilityZone: "us-east-1b", cidrBlock: "10.0.2.0/24" },
    ];
    const c = cluster(
      {
        vpc: vpc({ subnets }),
        nodes: [
          { name: "n1", instanceType: "m5.large", subnet: "nodes-a", publicIp: "198.51.100.1" },
          { name: "n2", instanceType: "m5.large", subnet: "nodes-a" },
          { name: "n3", instanceType: "m5.large", subnet: "nodes-b" },
        ],
        hosts: [
          { name: "w", address: "198.51.100.2", network: "internet" },
          { name: "h", address: "10.0.1.9", subnet: "nodes-a" },
        ],
      },
      podDocument("x", { nodeName: "n2" }, { annotations: { "podplane.dev/eni": "eth1" } }),
    );
    expect(eniViews(c.state()).map((e) => [e.name, e.publicAddress])).toEqual([
      ["n1/eth0", "198.51.100.1"],
      ["n2/eth0", "198.51.100.3"],
      ["n2/eth1", null],
      ["n3/eth0", null],
      ["h/eth0", "198.51.100.4"],
    ]);
    expect(ofType(c.snapshot(), "eni").map((e) => e.publicAddress !== 0)).toEqual([true, true, false, false, true]);
    expect(nodeViews(c.state()).map((n) => n.publicAddress)).toEqual(["198.51.100.1", "198.51.100.3", null]);
    expect(c.snapshot().names.show(ofType(c.snapshot(), "eni")[1].publicAddress)).toBe("node/n2");
  });

  it("of hosts: an ENI in the VPC, an outside row beyond it", () => {
    const c = cluster({
      networks: [office],
      hosts: [
        { name: "rds", address: "10.0.1.200", subnet: "nodes-a", mtu: 1500 },
        { name: "web", address: "203.0.113.10", network: "internet" },
        { name: "pc", address: "192.168.1.1", network: "office" },
      ],
    });
    const s = c.snapshot();
    expect(
      ofType(s, "outside").map((r) => [s.names.network(r.network), formatAddress(r.address), s.names.device(r.device)]),
    ).toEqual([
      ["internet", "203.0.113.10", "host/web"],
      ["office", "192.168.1.1", "host/pc"],
    ]);
    const [eni] = ofType(s, "eni").filter((e) => e.node === -1);
    expect(eni).toMatchObject({ deviceNumber: 0, subnet: 0, mtu: 1500, sourceDestCheck: true });
    expect([s.names.eni(eni.id), s.names.device(eni.hostDevice)]).toEqual(["rds/eth0", "host/rds"]);
    expect(
      ofType(s, "device")
        .filter((d) => d.node === -1)
        .map((d) => [s.names.device(d.id), d.eni >= 0, d.mtu]),
    ).toEqual([
      ["host/rds", true, 1500],
      ["host/web", false, 1500],
      ["host/pc", false, 1500],
    ]);
  });

  it("of services: one for each port, its node port in it", () => {
    const ports = [
      { name: "http", port: 80, targetPort: 8080, nodePort: 30080 },
      { name: "dns", port: 53, protocol: "UDP" },
    ];
    const c = cluster(PREFIXES, deploymentDocument("api", 1), serviceDocument("api", { type: "NodePort", ports }));
    const s = c.snapshot();
    expect(
      ofType(s, "service").map(({ id, protocol, frontends, endpoints }) => [
        s.names.service(id),
        protocol,
        frontends.map((f) => `${f.kind} ${f.port}`),
        endpoints.map((e) => e.port),
      ]),
    ).toEqual([
      ["svc/default/api:80", 6, ["0 80", "3 30080"], [8080]],
      ["svc/default/api:53", 17, ["0 53", "3 30086"], [53]],
    ]);
    expect(s.names.endpoint(0, 0)).toBe("pod/default/api-1");
    expect(s.names.byAddress(ofType(s, "service")[0].frontends[0].address)).toBe("svc/default/api");
  });
});

describe("diff", () => {
  const keys = (rows: Row[]) => rows.map(rowKey);

  it("puts everything the first time, and nothing when nothing changed", () => {
    const c = cluster(PREFIXES, podDocument("x"));
    const first = c.snapshot();
    expect(diff(null, first)).toEqual({ put: [...first.rows.values()], gone: [] });
    c.apply(read(podDocument("x")));
    expect(diff(first, c.snapshot())).toEqual({ put: [], gone: [] });
  });

  it("costs what changed", () => {
    const c = cluster(PREFIXES, deploymentDocument("api", 2), serviceDocument("api"));
    const first = c.snapshot();
    c.setReady("pod/default/api-1", false);
    const second = c.snapshot();
    expect(keys(diff(first, second).put)).toEqual(["service/0"]);
    c.apply(read(deploymentDocument("api", 1)));
    const third = c.snapshot();
    expect(diff(second, third)).toMatchObject({
      put: [],
      gone: [{ t: "device", id: 2 }],
    });
    c.remove(["svc/api"]);
    expect(keys(diff(third, c.snapshot()).gone)).toEqual(["service/0"]);
  });

  it("gives an index to another name one change later only", () => {
    const c = cluster(PREFIXES, podDocument("a"), podDocument("b"));
    const device = (name: string) => c.snapshot().names.resolve(name).device;
    expect([device("pod/a"), device("pod/b")]).toEqual([2, 3]);
    c.apply(read(podDocument("c")));
    c.remove(["pod/a"]);
    expect([device("pod/b"), device("pod/c")]).toEqual([3, 4]);
    c.apply(read(podDocument("d")));
    expect(device("pod/d")).toBe(2);
  });
});

/** Random changes of a small cluster; those it refuses leave it as it was. */
const step = fc.oneof(
  fc.record({ kind: fc.constant("scale" as const), name: fc.constantFrom("a", "b", "c"), replicas: fc.nat(12) }),
  fc.record({
    kind: fc.constant("pod" as const),
    name: fc.constantFrom("x", "y", "z"),
    eni: fc.constantFrom("", "eth0", "eth1", "eth2"),
    node: fc.constantFrom("", "node-1", "node-2"),
  }),
  fc.record({ kind: fc.constant("service" as const), name: fc.constantFrom("a", "b", "s"), nodePort: fc.boolean() }),
  fc.record({
    kind: fc.constant("remove" as const),
    name: fc.constantFrom("pod/x", "pod/y", "deployment/a", "deployment/b", "svc/a", "svc/s"),
  }),
  fc.record({
    kind: fc.constant("ready" as const),
    name: fc.constantFrom("pod/default/a-1", "pod/default/b-2", "pod/default/x"),
    ready: fc.boolean(),
  }),
);

function change(c: Cluster, s: typeof step extends fc.Arbitrary<infer T> ? T : never): void {
  try {
    if (s.kind === "scale") c.apply(read(deploymentDocument(s.name, s.replicas)));
    else if (s.kind === "pod") {
      const annotations = s.eni === "" ? {} : { "podplane.dev/eni": s.eni };
      c.apply(read(podDocument(s.name, s.node === "" ? {} : { nodeName: s.node }, { annotations })));
    } else if (s.kind === "service")
      c.apply(read(serviceDocument(s.name, { type: s.nodePort ? "NodePort" : "ClusterIP" })));
    else if (s.kind === "remove") c.remove([s.name]);
    else c.setReady(s.name, s.ready);
  } catch (error) {
    if (!(error instanceof Error) || !["ObjectError", "NameError"].includes(error.name)) throw error;
  }
}

function checkInvariants(s: Snapshot): void {
  const devices = ofType(s, "device") as DeviceRow[];
  expect(new Set(devices.map((d) => d.address)).size).toBe(devices.length);
  const enis = new Map((ofType(s, "eni") as EniRow[]).map((e) => [e.id, e]));
  const slots = ofType(s, "eniAddress") as EniAddressRow[];
  const primaries = new Set([...enis.values()].map((e) => e.address));
  expect(primaries.size).toBe(enis.size);
  for (const d of devices) {
    if (d.kind !== 1) continue;
    const owner = slots.filter((slot) => containsAddress(slot, d.address));
    expect(owner.map((o) => o.eni)).toEqual([d.eni]);
    expect(enis.get(d.eni)?.node).toBe(d.node);
    expect(primaries.has(d.address)).toBe(false);
  }
  const services = ofType(s, "service") as ServiceRow[];
  expect(new Set(services.map((x) => `${JSON.stringify(x.frontends[0])}/${x.protocol}`)).size).toBe(services.length);
}

describe.each([
  ["secondary IPs", {}],
  ["prefixes", PREFIXES],
])("under random changes (%s)", (_, spec) => {
  it("addresses have one owner, and patches make what compiling makes", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const c = cluster(spec);
        const twin = cluster(spec);
        let previous = c.snapshot();
        const patched = new Map(previous.rows);
        for (const s of steps) {
          change(c, s);
          const next = c.snapshot();
          const patch = diff(previous, next);
          for (const row of patch.gone) expect(patched.delete(rowKey(row))).toBe(true);
          for (const row of patch.put) patched.set(rowKey(row), row);
          expect(new Map([...patched].sort())).toEqual(new Map([...next.rows].sort()));
          checkInvariants(next);
          for (const row of ofType(previous, "device")) {
            const name = previous.names.device(row.id);
            if (ofType(next, "device").some((d) => next.names.device(d.id) === name))
              expect(next.names.resolve(name).device).toBe(row.id);
          }
          previous = next;
          // The same calls make the same rows.
          change(twin, s);
          expect([...twin.snapshot().rows]).toEqual([...next.rows]);
        }
      }),
      { seed: 11, numRuns: 60 },
    );
  });
});
