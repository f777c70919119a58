// Forwards packets in memory and prints, as JSON, what that took: packets, seconds, bytes of heap. The parent starts it
// with a young generation large enough that the collector never runs in between; whatever is allocated then shows.
import { pathToFileURL } from "node:url";

const [dist, packets] = process.argv.slice(2);
const plane = (file) =>
  import(new URL(`plane/${file}.js`, dist.startsWith("file:") ? dist : pathToFileURL(`${dist}/`)));
const [{ Plane }, R, { parseAddress, parseCidr }, { setI32, setU16 }, { pseudoHeaderSum }, { writeIpv4Header }] =
  await Promise.all(
    ["plane", "rows", "wire/address", "wire/bytes", "wire/checksum", "wire/ipv4"].map((file) => plane(file)),
  );

const BATCH = 256;
const TEMPLATE_SLOT = 8;
const VNET = 10;
const SEGMENT = 1000;
const [TCP, UDP] = [6, 17];
const [HOST0, HOST1, CLIENT, API, OFFICE] = [0, 1, 2, 3, 4];

const ip = parseAddress;
const cidr = (text) => {
  const { prefix, length } = parseCidr(text);
  return { prefix, length };
};
const node = (id, hostDevice, address) => ({
  t: "node",
  id,
  vpc: 0,
  hostDevice,
  primaryEni: id,
  primaryAddress: ip(address),
  serviceMode: R.SERVICE_MODE_IPTABLES,
  snatMode: R.SNAT_PRNG,
  masqueradeAll: false,
  clusterCidr: null,
  nodePortAddresses: null,
  serviceCidr: cidr("172.20.0.0/16"),
  conntrackLimit: 1000,
});
const eni = (id, address) => ({
  t: "eni",
  id,
  node: id,
  deviceNumber: 0,
  subnet: id,
  vpc: 0,
  address: ip(address),
  mtu: 9001,
  publicAddress: 0,
  sourceDestCheck: true,
  hostDevice: -1,
});
const device = (id, kind, at, address) => ({
  t: "device",
  id,
  kind,
  node: at,
  eni: at,
  address: ip(address),
  mtu: 9001,
});

const any = { protocol: R.PROTOCOL_ALL, fromPort: 0, toPort: 65535, prefix: 0, length: 0 };
const rule = (fields) => ({ ...any, group: R.NO_GROUP, ...fields });
const aclRule = { ...any, number: 100, allow: true };

const p = new Plane({
  slots: 16,
  devices: 8,
  nodes: 2,
  conntrackCapacity: 1024,
  hashKey: Int32Array.of(1, 2, 3, 4),
  seed: 1,
  settings: undefined,
});
p.apply({
  gone: [],
  put: [
    node(0, HOST0, "10.0.1.10"),
    node(1, HOST1, "10.0.2.10"),
    eni(0, "10.0.1.10"),
    eni(1, "10.0.2.10"),
    { t: "eniAddress", vpc: 0, ...cidr("10.0.1.32/28"), eni: 0 },
    { t: "eniAddress", vpc: 0, ...cidr("10.0.2.32/28"), eni: 1 },
    device(HOST0, R.DEVICE_NODE, 0, "10.0.1.10"),
    device(HOST1, R.DEVICE_NODE, 1, "10.0.2.10"),
    device(CLIENT, R.DEVICE_POD, 0, "10.0.1.32"),
    device(API, R.DEVICE_POD, 1, "10.0.2.32"),
    device(OFFICE, R.DEVICE_HOST, -1, "192.168.7.7"),
    { t: "subnet", id: 0, vpc: 0, ...cidr("10.0.1.0/24"), routeTable: 0 },
    { t: "subnet", id: 1, vpc: 0, ...cidr("10.0.2.0/24"), routeTable: 0 },
    { t: "vpcRoute", routeTable: 0, ...cidr("10.0.0.0/16"), target: R.TARGET_LOCAL, arg: 0 },
    { t: "vpcRoute", routeTable: 0, ...cidr("192.168.0.0/16"), target: R.TARGET_NETWORK, arg: 1 },
    { t: "securityGroup", id: 0, vpc: 0, ingress: [rule({ group: 0 })], egress: [rule({})] },
    { t: "eniGroups", eni: 0, groups: [0] },
    { t: "eniGroups", eni: 1, groups: [0] },
    { t: "networkAcl", id: 0, ingress: [aclRule], egress: [aclRule] },
    { t: "subnetAcl", subnet: 0, acl: 0 },
    { t: "subnetAcl", subnet: 1, acl: 0 },
    { t: "snatExempt", vpc: 0, ...cidr("10.0.0.0/16"), excluded: false },
    { t: "outside", network: 1, address: ip("192.168.7.7"), device: OFFICE, vpc: 0 },
    {
      t: "service",
      id: 0,
      protocol: TCP,
      frontends: [{ kind: R.FRONTEND_CLUSTER_IP, address: ip("172.20.0.17"), port: 80 }],
      endpoints: [{ address: ip("10.0.2.32"), port: 8080, weight: 1 }],
      cluster: [0],
      nodes: [],
      hasEndpoints: true,
      internalLocal: false,
      externalLocal: false,
      affinity: 0,
      scheduler: R.SCHEDULER_RANDOM,
      sourceRanges: [],
    },
  ],
});

const c = p.context;
const { arena, out } = c;

/** Writes a packet with NEEDS_CSUM, as a kernel hands it to a TUN, into a template slot. */
function template(index, from, protocol, src, sport, dst, dport, flags) {
  const at = p.slotOffset(TEMPLATE_SLOT + index);
  const header = protocol === TCP ? 20 : 8;
  const l4len = header + (flags === 2 ? 0 : SEGMENT);
  const length = 20 + l4len;
  writeIpv4Header(arena, at, 0, length, 1, 0x4000, 64, protocol, ip(src), ip(dst));
  const l4 = at + 20;
  setU16(arena, l4, sport);
  setU16(arena, l4 + 2, dport);
  if (protocol === TCP) {
    arena[l4 + 12] = 0x50;
    arena[l4 + 13] = flags;
    setU16(arena, l4 + 14, 0xffff);
  } else setU16(arena, l4 + 4, l4len);
  const field = protocol === TCP ? 16 : 6;
  setU16(arena, l4 + field, pseudoHeaderSum(ip(src), ip(dst), protocol, l4len));
  arena[at - VNET] = 1;
  arena[at - VNET + 6] = 20;
  arena[at - VNET + 8] = field;
  return { at, length, from };
}

const slot = p.slotOffset(0);
function send(t) {
  arena.copyWithin(slot - VNET, t.at - VNET, t.at + t.length);
  p.process(t.from, slot, t.length);
}

function finish() {
  for (let i = 0; i < out.count; i++) out.status[i] = out.length[i];
  p.written();
}

const ACK = 0x10;
const SYN = 2;
const syn = template(0, CLIENT, TCP, "10.0.1.32", 40000, "172.20.0.17", 80, SYN);
send(syn);
finish();
const synAck = template(1, API, TCP, "10.0.2.32", 8080, "10.0.1.32", 40000, SYN);
arena[synAck.at + 20 + 13] = SYN | ACK;
setI32(arena, synAck.at + 20 + 8, 1);
send(synAck);
finish();
const request = template(2, CLIENT, TCP, "10.0.1.32", 40000, "172.20.0.17", 80, ACK);
const answer = template(3, API, TCP, "10.0.2.32", 8080, "10.0.1.32", 40000, ACK);
const direct = template(4, CLIENT, UDP, "10.0.1.32", 5000, "10.0.2.32", 7);
const outward = template(5, CLIENT, UDP, "10.0.1.32", 5000, "192.168.7.7", 53);
send(outward);
const port = (arena[out.offset[0] + 20] << 8) | arena[out.offset[0] + 21];
finish();
const inward = template(6, OFFICE, UDP, "192.168.7.7", 53, "10.0.1.10", port);

let requestSeq = 1;
let answerSeq = 1;
/** One round: a request and its answer over the ClusterIP, UDP between the nodes, UDP out of the VPC and back. */
function round() {
  setI32(arena, request.at + 24, requestSeq);
  setI32(arena, request.at + 28, answerSeq);
  send(request);
  requestSeq = (requestSeq + SEGMENT) | 0;
  setI32(arena, answer.at + 24, answerSeq);
  setI32(arena, answer.at + 28, requestSeq);
  send(answer);
  answerSeq = (answerSeq + SEGMENT) | 0;
  send(direct);
  send(outward);
  send(inward);
}
const PER_ROUND = 5;

let now = 0;
function run(count) {
  let left = count;
  while (left > 0) {
    now = (now + 1) | 0;
    p.tick(now);
    let n = 0;
    while (n < BATCH && left > 0) {
      round();
      n += PER_ROUND;
      left -= PER_ROUND;
    }
    p.countBatch(n);
    finish();
  }
}

// The collector drops some of what was compiled: the second part of the warm-up brings it back.
run(1_000_000);
gc();
run(1_000_000);
const written = c.counters[3];
console.log("START");
const start = performance.now();
const before = process.memoryUsage().heapUsed;
run(Number(packets));
const allocated = process.memoryUsage().heapUsed - before;
const seconds = (performance.now() - start) / 1000;
console.log("END");
gc();
const kept = process.memoryUsage().heapUsed - before;
const delivered = c.counters[3] - written;
console.log(`RESULT ${JSON.stringify({ packets: Number(packets), delivered, seconds, allocated, kept })}`);
