import { describe, expect, it } from "vitest";
import { subnetMaps, viewTable } from "../../../src/cli/get.ts";
import type { SliceEndpointView } from "../../../src/control/sliceViews.ts";
import type { EniView, NodeView, PodView, ServiceView, SubnetView } from "../../../src/control/views.ts";

const RUNNING: PodView = {
  namespace: "default",
  name: "api-1",
  status: "Running",
  reason: null,
  node: "node-1",
  address: "10.0.1.16",
  eni: "node-1/eth0",
  hostNetwork: false,
  ready: true,
  deployment: "api",
};
const NO_ADDRESS = "add cmd: failed to assign an IP address to container";
const NO_ROOM = "0/1 nodes are available: 1 Too many pods.";
const WAITING = { ready: false, address: null, eni: null };
const shown = (text: string): string => `\n${text}\n`;

describe("get pods", () => {
  it("says what pods without address wait for", () => {
    const pods: PodView[] = [
      RUNNING,
      { ...RUNNING, name: "proxy", hostNetwork: true, address: "10.0.1.4", deployment: null },
      { ...RUNNING, ...WAITING, name: "api-2", status: "ContainerCreating", reason: NO_ADDRESS },
      { ...RUNNING, ...WAITING, name: "api-3", status: "Pending", reason: NO_ROOM, node: null },
      { ...RUNNING, ...WAITING, name: "dns", status: "Pending", reason: NO_ROOM, node: null, hostNetwork: true },
    ];
    expect(shown(viewTable("pods", pods, false))).toMatchInlineSnapshot(`
      "
      NAME           READY  STATUS             ADDRESS    ENI            DEPLOYMENT  REASON
      default/api-1  yes    Running            10.0.1.16  node-1/eth0    api         -
      default/proxy  yes    Running            10.0.1.4   node-1 (host)  -           -
      default/api-2  no     ContainerCreating  -          node-1         api         add cmd: failed to assign an IP address to container
      default/api-3  no     Pending            -          -              api         0/1 nodes are available: 1 Too many pods.
      default/dns    no     Pending            -          -              api         0/1 nodes are available: 1 Too many pods.
      "
    `);
  });

  it("has no reasons where every pod runs", () => {
    expect(viewTable("pods", [RUNNING], false)).toMatchInlineSnapshot(`
      "NAME           READY  STATUS   ADDRESS    ENI          DEPLOYMENT
      default/api-1  yes    Running  10.0.1.16  node-1/eth0  api"
    `);
  });
});

describe("get enis", () => {
  it("counts used, cooling and free addresses of each kind", () => {
    const eni: EniView = {
      name: "node-1/eth0",
      kind: "primary",
      subnet: "nodes-a",
      address: "10.0.1.4",
      publicAddress: "198.51.100.1",
      assigned: ["10.0.1.16/28", "10.0.1.32/28", "10.0.1.48/28", "10.0.1.64/28"],
      slots: 9,
      pods: 20,
      cooling: 2,
      free: 42,
    };
    const none = { publicAddress: null, assigned: [], pods: 0, cooling: 0, free: 0 };
    const enis: EniView[] = [
      eni,
      { ...eni, ...none, name: "node-1/eth1", kind: "trunk", address: "10.0.1.5" },
      { ...eni, ...none, name: "node-1/vlan.eth.1", kind: "branch", address: "10.0.1.6", slots: null, pods: 1 },
      { ...eni, ...none, name: "rds/eth0", address: "10.0.3.10", slots: null },
    ];
    expect(shown(viewTable("enis", enis, false))).toMatchInlineSnapshot(`
      "
      NAME               KIND     SUBNET   ADDRESS    PUBLIC        SLOTS  USED  COOLING  FREE  ASSIGNED
      node-1/eth0        primary  nodes-a  10.0.1.4   198.51.100.1  4/9      20        2    42  10.0.1.16/28,10.0.1.32/28,10.0.1.48/28 +1
      node-1/eth1        trunk    nodes-a  10.0.1.5   -             0/9       0        0     0
      node-1/vlan.eth.1  branch   nodes-a  10.0.1.6   -             -         1        0     0
      rds/eth0           primary  nodes-a  10.0.3.10  -             -         0        0     0
      "
    `);
  });
});

describe("get nodes", () => {
  const node: NodeView = {
    name: "node-1",
    instanceType: "m5.large",
    availabilityZone: "us-east-1a",
    subnet: "nodes-a",
    address: "10.0.1.4",
    publicAddress: null,
    enis: 2,
    maxEnis: 3,
    pods: 9,
    systemPods: 2,
    maxPods: 29,
    warm: 8,
    cooling: 1,
    branchEnis: 0,
    maxBranchEnis: 0,
  };

  it("shows how full a node is: pods and system pods of max-pods, warm and cooling addresses", () => {
    expect(shown(viewTable("nodes", [node], false))).toMatchInlineSnapshot(`
      "
      NAME    TYPE      ZONE        ADDRESS   ENIS  PODS  MAX-PODS  WARM  COOLING
      node-1  m5.large  us-east-1a  10.0.1.4  2/3   9+2         29     8        1
      "
    `);
  });

  it("shows branch ENIs where nodes can have some, and no system pods where there are none", () => {
    const auto = { ...node, name: "node-2", systemPods: 0, maxPods: 27 };
    const branches = { ...node, branchEnis: 3, maxBranchEnis: 9 };
    expect(shown(viewTable("nodes", [branches, auto], false))).toMatchInlineSnapshot(`
      "
      NAME    TYPE      ZONE        ADDRESS   ENIS  BRANCHES  PODS  MAX-PODS  WARM  COOLING
      node-1  m5.large  us-east-1a  10.0.1.4  2/3   3/9       9+2         29     8        1
      node-2  m5.large  us-east-1a  10.0.1.4  2/3   -         9           27     8        1
      "
    `);
  });
});

describe("get subnets", () => {
  const subnet = (name: string, cidrBlock: string): SubnetView => ({
    name,
    vpc: "vpc",
    availabilityZone: "us-east-1a",
    cidrBlock,
    routeTable: "main",
    mapPublicIpOnLaunch: true,
    freeAddresses: 230,
    freePrefixes: 13,
    ranges: [{ cidrBlock: "10.0.1.16/28", kind: "prefix", owner: "node-1/eth0" }],
    reservations: [{ cidrBlock: "10.0.1.32/28", type: "explicit" }],
  });
  const a = subnet("nodes-a", "10.0.1.0/24");
  const both = [a, { ...subnet("nodes-b", "10.0.2.0/24"), ranges: [], reservations: [] }];

  it("has the table as ever", () => {
    expect(shown(viewTable("subnets", [a], false))).toMatchInlineSnapshot(`
      "
      NAME     ZONE        CIDR         ROUTE-TABLE  PUBLIC  FREE  FREE-/28
      nodes-a  us-east-1a  10.0.1.0/24  main         yes      230        13
      "
    `);
  });

  it("has maps of one that is named, and of all where --map asks", () => {
    expect(subnetMaps(both, false, false)).toEqual([]);
    expect(subnetMaps(both, false, true)).toEqual([]);
    expect(subnetMaps([a], false, false)).toEqual([]);
    expect(subnetMaps([a], false, true).map((m) => m.name)).toEqual(["nodes-a"]);
    expect(subnetMaps(both, true, false).map((m) => m.name)).toEqual(["nodes-a", "nodes-b"]);
    const [map] = subnetMaps([a], true, true);
    expect(map.blocks.slice(0, 4).map((b) => `${b.address} ${b.state} ${b.cells} ${b.owners}`)).toEqual([
      "10.0.1.0 free ................ ",
      "10.0.1.16 prefix pppppppppppppppp node-1/eth0",
      "10.0.1.32 kept xxxxxxxxxxxxxxxx ",
      "10.0.1.48 free ................ ",
    ]);
  });
});

describe("get services", () => {
  const port = { name: null, protocol: "TCP", port: 80, targetPort: 8080, nodePort: null, endpoints: 3 };
  const api: ServiceView = {
    namespace: "default",
    name: "api",
    type: "ClusterIP",
    clusterIP: "172.20.1.1",
    external: [],
    healthCheckNodePort: null,
    ports: [port],
  };
  const hostname = "k8s-default-edge-1234567890.elb.us-east-1.amazonaws.com";
  const services: ServiceView[] = [
    api,
    { ...api, name: "db", clusterIP: null, ports: [{ ...port, port: 5432, endpoints: 2 }] },
    {
      ...api,
      name: "edge",
      type: "LoadBalancer",
      clusterIP: "172.20.1.2",
      external: ["203.0.113.10", "203.0.113.11", hostname],
      ports: [
        { ...port, nodePort: 30086 },
        { ...port, protocol: "UDP", port: 443, nodePort: 30087, endpoints: 0 },
      ],
    },
    { ...api, name: "new", type: "LoadBalancer", clusterIP: "172.20.1.3", ports: [{ ...port, nodePort: 30088 }] },
    { ...api, name: "docs", type: "ExternalName", clusterIP: null, external: ["docs.example.com"], ports: [] },
  ];

  it("has kubectl's columns, a line for each port and each address, in 80 columns", () => {
    const text = viewTable("services", services, false);
    expect(shown(text)).toMatchInlineSnapshot(`
      "
      NAME  TYPE          CLUSTER-IP  EXTERNAL-IP       PORT(S)        ENDPOINTS
      api   ClusterIP     172.20.1.1  <none>            80/TCP         3
      db    ClusterIP     None        <none>            5432/TCP       2
      edge  LoadBalancer  172.20.1.2  203.0.113.10      80:30086/TCP   3
                                      203.0.113.11      443:30087/UDP  0
                                      k8s-default-e...
      new   LoadBalancer  172.20.1.3  <pending>         80:30088/TCP   3
      docs  ExternalName  <none>      docs.example.com  <none>
      "
    `);
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it("leaves the endpoints to other views where the table is too wide with them", () => {
    const long = services.map((s) => ({ ...s, name: `${s.name}-of-somebody` }));
    const text = viewTable("services", long, false);
    expect(text).not.toContain("ENDPOINTS");
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

describe("get endpointslices", () => {
  const ready: SliceEndpointView = {
    service: "svc/default/api:80",
    protocol: "TCP",
    address: "10.0.1.16",
    port: 8080,
    pod: "pod/default/api-1",
    node: "node-1",
    conditions: { ready: true, serving: true, terminating: false },
    hints: { zones: [], nodes: [] },
  };
  const other = (pod: string, conditions: Partial<SliceEndpointView["conditions"]>): SliceEndpointView => ({
    ...ready,
    pod,
    conditions: { ...ready.conditions, ready: false, ...conditions },
  });

  it("says ready, serving, terminating, in 80 columns", () => {
    const text = viewTable(
      "endpointslices",
      [
        ready,
        other("pod/default/api-2", { terminating: true }),
        other("pod/default/api-3", { serving: false, terminating: true }),
        other("pod/default/api-4", { serving: false }),
        { ...ready, service: "svc/data/rds:5432", address: "10.0.3.10", port: 5432, pod: null, node: null },
      ],
      false,
    );
    expect(shown(text)).toMatchInlineSnapshot(`
      "
      SERVICE            ENDPOINT            CONDITIONS           NODE    POD
      svc/api:80         10.0.1.16:8080/TCP  ready                node-1  pod/api-1
      svc/api:80         10.0.1.16:8080/TCP  serving,terminating  node-1  pod/api-2
      svc/api:80         10.0.1.16:8080/TCP  terminating          node-1  pod/api-3
      svc/api:80         10.0.1.16:8080/TCP  -                    node-1  pod/api-4
      svc/data/rds:5432  10.0.3.10:5432/TCP  ready                -       -
      "
    `);
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it("shows hints where there are some", () => {
    const hints = { zones: ["us-east-1a"], nodes: ["node-1"] };
    expect(viewTable("endpointslices", [{ ...ready, hints }], false)).toMatch(/us-east-1a,node-1$/);
  });
});
