import { CLIENT, CLUSTER_IP, DEVICE, SERVER, SERVICE_PORT, TARGET_PORT, twoNodes } from "./lab.mjs";
import {
  C_DROPS,
  C_WRITTEN,
  getI32,
  getU16,
  ipv4HeaderChecksumOk,
  PROTO_TCP,
  pseudoHeaderSum,
  REASONS,
  setI32,
  setU16,
  TCP_ACK,
  TCP_CHECKSUM,
  TCP_PSH,
  TCP_SYN,
  VNET_BEFORE,
  writeIpv4Header,
  writeTcpHeader,
} from "./plane.mjs";

/** Packets a sample. */
const PACKETS = 4096;
/** Established connections that take turns. */
const CONNECTIONS = 64;
const FIRST_PORT = 2000;
const PAYLOAD = 64;
const WINDOW = 60_000;
const HEADERS = 40;
const TCP_AT = 20;
const SPORT_AT = 20;
const SEQ_AT = 24;
const ACK_AT = 28;
const TTL = 64;
const DONT_FRAGMENT = 0x4000;

/**
 * A TCP packet as a sending kernel hands it to a TUN: behind its virtio_net_hdr, its checksum left to the receiver.
 * @param {number} src @param {number} dst @param {number} sport @param {number} dport @param {number} flags @param {number} payload
 */
function template(src, dst, sport, dport, flags, payload) {
  const bytes = new Uint8Array(VNET_BEFORE + HEADERS);
  const ip = VNET_BEFORE;
  writeIpv4Header(bytes, ip, 0, HEADERS + payload, 1, DONT_FRAGMENT, TTL, PROTO_TCP, src, dst);
  writeTcpHeader(bytes, ip + TCP_AT, sport, dport, 0, 0, flags, WINDOW);
  setU16(bytes, ip + TCP_AT + TCP_CHECKSUM, pseudoHeaderSum(src, dst, PROTO_TCP, HEADERS - TCP_AT + payload));
  bytes[0] = 1; // VIRTIO_NET_HDR_F_NEEDS_CSUM
  bytes[6] = TCP_AT; // csum_start
  bytes[8] = TCP_CHECKSUM; // csum_offset
  return bytes;
}

/** Sends packets through a plane, one at a time, from slot 0 of its arena. */
class Wire {
  constructor() {
    this.plane = twoNodes();
    this.at = this.plane.slotOffset(0);
    this.arena = this.plane.context.arena;
    this.syn = template(CLIENT, CLUSTER_IP, 0, SERVICE_PORT, TCP_SYN, 0);
    this.synAck = template(SERVER, CLIENT, TARGET_PORT, 0, TCP_SYN | TCP_ACK, 0);
    this.data = template(CLIENT, CLUSTER_IP, 0, SERVICE_PORT, TCP_ACK | TCP_PSH, PAYLOAD);
    this.ack = template(SERVER, CLIENT, TARGET_PORT, 0, TCP_ACK, 0);
    /** Sequence number that each client sends next. */
    this.next = new Int32Array(CONNECTIONS).fill(1);
  }

  /** Puts a packet into the slot; sequence numbers do not change the partial checksum. */
  put(
    /** @type {Uint8Array} */ packet,
    /** @type {number} */ portAt,
    /** @type {number} */ port,
    /** @type {number} */ seq,
    /** @type {number} */ ack,
  ) {
    const { arena, at } = this;
    arena.set(packet, at - VNET_BEFORE);
    setU16(arena, at + portAt, port);
    setI32(arena, at + SEQ_AT, seq);
    setI32(arena, at + ACK_AT, ack);
  }

  /** Walks the packet in the slot, and takes what comes out as written. */
  walk(/** @type {number} */ device, /** @type {number} */ length) {
    const { plane } = this;
    plane.process(device, this.at, length);
    plane.context.out.status[0] = length;
    plane.written();
  }

  /** Where the plane would be, for the case that shows what a case spends around it. */
  skip() {
    return this.arena[this.at];
  }

  open(/** @type {number} */ i) {
    this.put(this.syn, SPORT_AT, FIRST_PORT + i, 0, 0);
    this.walk(DEVICE.client, HEADERS);
    this.put(this.synAck, SPORT_AT + 2, FIRST_PORT + i, 0, 1);
    this.walk(DEVICE.server, HEADERS);
  }

  /** Data one way and its acknowledgement back: two packets. */
  exchange(/** @type {number} */ i, /** @type {boolean} */ walking) {
    const seq = this.next[i];
    this.put(this.data, SPORT_AT, FIRST_PORT + i, seq, 1);
    if (walking) this.walk(DEVICE.client, HEADERS + PAYLOAD);
    else this.skip();
    const after = (seq + PAYLOAD) | 0;
    if (walking) this.next[i] = after;
    this.put(this.ack, SPORT_AT + 2, FIRST_PORT + i, 1, after);
    if (walking) this.walk(DEVICE.server, HEADERS);
    else this.skip();
  }

  /** The first packet of a connection. */
  connect(/** @type {number} */ port, /** @type {boolean} */ walking) {
    this.put(this.syn, SPORT_AT, port, 0, 0);
    if (walking) this.walk(DEVICE.client, HEADERS);
    else this.skip();
  }

  forget() {
    for (const zone of [0, 1]) this.plane.context.ct.flushZone(zone);
  }
}

/** A wire with connections that have been opened. */
function opened() {
  const wire = new Wire();
  for (let i = 0; i < CONNECTIONS; i++) wire.open(i);
  return wire;
}

/** @param {boolean} walking */
function established(walking) {
  const wire = opened();
  return () => {
    for (let i = 0; i < PACKETS / 2; i++) wire.exchange(i % CONNECTIONS, walking);
  };
}

/** @param {boolean} walking @returns {import("./measure.mjs").Case} */
function connections(walking) {
  const wire = new Wire();
  return {
    name: walking ? "Plane.process" : "empty loop",
    before: () => wire.forget(),
    run: () => {
      for (let i = 0; i < PACKETS; i++) wire.connect(FIRST_PORT + i, walking);
    },
  };
}

/** @returns {import("./measure.mjs").Group[]} */
export function pipelineGroups() {
  check();
  const walking = { name: "Plane.process", run: established(true) };
  const connecting = connections(true);
  return [
    {
      name: `pipeline: established TCP through a ClusterIP, two nodes, ${CONNECTIONS} connections, data and ACK`,
      unit: "packet",
      operations: PACKETS,
      base: "Plane.process",
      cases: [walking, { name: "empty loop", run: established(false) }],
      allocation: [walking],
    },
    {
      name: "pipeline: first packet of a TCP connection through a ClusterIP, two nodes",
      unit: "packet",
      operations: PACKETS,
      base: "Plane.process",
      cases: [connecting, connections(false)],
      allocation: [connecting],
    },
  ];
}

/** What a packet through the service must look like at the other end, summed anew, and that none is lost. */
function check() {
  const wire = opened();
  const { arena, at, plane } = wire;
  const { out, counters } = plane.context;
  for (let i = 0; i < 2 * CONNECTIONS; i++) {
    const connection = i % CONNECTIONS;
    const seq = wire.next[connection];
    wire.put(wire.data, SPORT_AT, FIRST_PORT + connection, seq, 1);
    plane.process(DEVICE.client, at, HEADERS + PAYLOAD);
    expect(
      "data",
      out.device[0],
      DEVICE.server,
      CLIENT,
      SERVER,
      FIRST_PORT + connection,
      TARGET_PORT,
      HEADERS + PAYLOAD,
    );
    plane.written();
    wire.next[connection] = seq + PAYLOAD;
    wire.put(wire.ack, SPORT_AT + 2, FIRST_PORT + connection, 1, seq + PAYLOAD);
    plane.process(DEVICE.server, at, HEADERS);
    expect("ACK", out.device[0], DEVICE.client, CLUSTER_IP, CLIENT, SERVICE_PORT, FIRST_PORT + connection, HEADERS);
    plane.written();
  }
  const written = counters[C_WRITTEN];
  for (let i = 0; i < PACKETS; i++) wire.connect(FIRST_PORT + CONNECTIONS + i, true);
  if (counters[C_WRITTEN] - written !== PACKETS) throw new Error("pipeline: a first packet was not delivered");
  for (const [i, { code }] of REASONS.entries())
    if (counters[C_DROPS + i] !== 0) throw new Error(`pipeline: ${counters[C_DROPS + i]} packets dropped: ${code}`);

  /** @param {string} what @param {number[]} numbers device, its due value, then the packet's fields and length */
  function expect(what, ...numbers) {
    const [device, due, src, dst, sport, dport, length] = numbers;
    const sum = pseudoHeaderSum(src, dst, PROTO_TCP, length - TCP_AT);
    const seen = [
      device,
      getI32(arena, at + 12),
      getI32(arena, at + 16),
      getU16(arena, at + 20),
      getU16(arena, at + 22),
    ];
    const wanted = [due, src, dst, sport, dport];
    if (out.count !== 1 || seen.join() !== wanted.join())
      throw new Error(`pipeline: ${what} is ${seen}, not ${wanted}`);
    if (!ipv4HeaderChecksumOk(arena, at, TCP_AT)) throw new Error(`pipeline: ${what} has a bad header checksum`);
    if (getU16(arena, at + TCP_AT + TCP_CHECKSUM) !== sum) throw new Error(`pipeline: ${what} has a bad TCP sum`);
  }
}
