import { Plane, PROTO_TCP, PROTO_UDP, parseAddress, parseCidr, rows as R } from "./plane.mjs";

/** Devices of the lab. */
export const DEVICE = { node1: 0, node2: 1, client: 2, server: 3 };
const ENI = { node1: 0, node2: 1 };
const MTU = 9001;
const CONNTRACK = 1 << 17;

const ip = (/** @type {string} */ text) => parseAddress(text) ?? fail(text);
const cidr = (/** @type {string} */ text) => {
  const { prefix, length } = parseCidr(text) ?? fail(text);
  return { prefix, length };
};
function fail(/** @type {string} */ text) {
  throw new Error(`neither address nor prefix: ${text}`);
}

export const CLIENT = ip("10.0.1.32");
export const SERVER = ip("10.0.2.32");
export const CLUSTER_IP = ip("172.20.0.17");
export const SERVICE_PORT = 80;
export const TARGET_PORT = 8080;

/** @param {number} id @param {number} hostDevice @param {string} address */
function node(id, hostDevice, address) {
  return /** @type {const} */ ({
    t: "node",
    id,
    vpc: 0,
    hostDevice,
    primaryEni: id,
    primaryAddress: ip(address),
    serviceMode: R.SERVICE_MODE_NFTABLES,
    snatMode: R.SNAT_PRNG,
    masqueradeAll: false,
    clusterCidr: null,
    nodePortAddresses: null,
    serviceCidr: cidr("172.20.0.0/16"),
    conntrackLimit: CONNTRACK,
  });
}

/** @param {number} id @param {string} address */
function eni(id, address) {
  return /** @type {const} */ ({
    t: "eni",
    id,
    node: id,
    deviceNumber: 0,
    subnet: id,
    vpc: 0,
    address: ip(address),
    mtu: MTU,
    publicAddress: 0,
    sourceDestCheck: true,
    hostDevice: -1,
  });
}

/** @param {number} id @param {1 | 2 | 3} kind @param {number} nodeId @param {number} address */
function device(id, kind, nodeId, address) {
  return /** @type {const} */ ({ t: "device", id, kind, node: nodeId, eni: nodeId, address, mtu: MTU });
}

/** @param {number} id @param {number} protocol */
function service(id, protocol) {
  return {
    t: /** @type {const} */ ("service"),
    id,
    protocol,
    frontends: [{ kind: R.FRONTEND_CLUSTER_IP, address: CLUSTER_IP, port: SERVICE_PORT }],
    endpoints: [{ address: SERVER, port: TARGET_PORT, weight: 1 }],
    cluster: [0],
    nodes: [],
    hasEndpoints: true,
    internalLocal: false,
    externalLocal: false,
    affinity: 0,
    scheduler: R.SCHEDULER_RANDOM,
    sourceRanges: [],
  };
}

/** A plane with a client on one node, a server on another, and a ClusterIP in front of the server. */
export function twoNodes() {
  const plane = new Plane({
    slots: 1,
    devices: 4,
    nodes: 2,
    conntrackCapacity: 2 * CONNTRACK,
    hashKey: Int32Array.of(1, 2, 3, 4),
    seed: 1,
    settings: {},
  });
  plane.apply({
    put: [
      node(0, DEVICE.node1, "10.0.1.10"),
      node(1, DEVICE.node2, "10.0.2.10"),
      eni(ENI.node1, "10.0.1.10"),
      eni(ENI.node2, "10.0.2.10"),
      { t: "eniAddress", vpc: 0, ...cidr("10.0.1.32/28"), eni: ENI.node1 },
      { t: "eniAddress", vpc: 0, ...cidr("10.0.2.32/28"), eni: ENI.node2 },
      device(DEVICE.node1, R.DEVICE_NODE, 0, ip("10.0.1.10")),
      device(DEVICE.node2, R.DEVICE_NODE, 1, ip("10.0.2.10")),
      device(DEVICE.client, R.DEVICE_POD, 0, CLIENT),
      device(DEVICE.server, R.DEVICE_POD, 1, SERVER),
      { t: "subnet", id: 0, vpc: 0, ...cidr("10.0.1.0/24"), routeTable: 0 },
      { t: "subnet", id: 1, vpc: 0, ...cidr("10.0.2.0/24"), routeTable: 0 },
      { t: "vpcRoute", routeTable: 0, ...cidr("10.0.0.0/16"), target: R.TARGET_LOCAL, arg: 0 },
      { t: "snatExempt", vpc: 0, ...cidr("10.0.0.0/16"), excluded: false },
      service(0, PROTO_TCP),
      service(1, PROTO_UDP),
    ],
    gone: [],
  });
  plane.tick(0);
  return plane;
}
