import { PacketBlock } from "../../../src/observe/capture/packetBlock.ts";
import { PcapWriter } from "../../../src/observe/capture/pcapWriter.ts";
import { parseAddress } from "../../../src/plane/wire/address.ts";
import { build, type Spec, VNET } from "../plane/slowPacket.ts";

/** The captures that recipes replay, as tcpdump would have written them at a pod, or at pods. */

/** An address with a port: `10.0.1.16:40000`. */
type Socket = `${string}:${number}`;

/** What a capture has a packet of. */
interface Seen {
  /** Milliseconds since the capture began. */
  readonly at: number;
  /** From its IP header on. */
  readonly bytes: Uint8Array;
}

/** Monday, 2 November 2026, noon UTC: any will do. */
const START_SECONDS = 1_793_620_800;
const SNAP_LENGTH = 65_535;
const NS_PER_MS = 1_000_000;
const MS_PER_SECOND = 1000;

const TCP = 6;
const UDP = 17;
const FIN = 1;
const SYN = 2;
const ACK = 16;
/** First sequence numbers of a client and a server. */
const CLIENT_SEQ = 1000;
const SERVER_SEQ = 5000;

const DNS_RECURSION_DESIRED = 0x0100;
/** A response, with recursion desired and available. */
const DNS_RESPONSE = [0x81, 0x80];
const DNS_FLAGS_AT = 2;
const DNS_ANSWERS_AT = 7;
/** The name of the question once more (RFC 1035, 4.1.4), A, IN, a TTL of 5 s, 4 bytes. */
const DNS_RECORD = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4];
const DNS_A = 1;
const DNS_AAAA = 28;
const DNS_IN = 1;

function ends(from: Socket, to: Socket): Pick<Spec, "src" | "sport" | "dst" | "dport"> {
  const [[src, sport], [dst, dport]] = [from.split(":"), to.split(":")];
  return { src: address(src), sport: Number(sport), dst: address(dst), dport: Number(dport) };
}

function address(text: string): number {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`${text} is no address`);
  return parsed;
}

const seen = (at: number, spec: Spec): Seen => ({ at, bytes: build(spec).slice(VNET) });

/** A question to a name server (RFC 1035, 4.1). */
function question(name: string, type: number, id: number): Uint8Array {
  const labels = name.split(".").flatMap((label) => [label.length, ...Buffer.from(label)]);
  const header = [id, DNS_RECURSION_DESIRED, 1, 0, 0, 0];
  const big16 = (n: number): number[] => [n >> 8, n & 0xff];
  return Uint8Array.from([...header.flatMap(big16), ...labels, 0, ...big16(type), ...big16(DNS_IN)]);
}

/** The answer to a question: an address, or that there is none. */
function answer(asked: Uint8Array, record: readonly number[] | null): Uint8Array {
  const bytes = Uint8Array.from([...asked, ...(record === null ? [] : [...DNS_RECORD, ...record])]);
  bytes.set(DNS_RESPONSE, DNS_FLAGS_AT);
  bytes[DNS_ANSWERS_AT] = record === null ? 0 : 1;
  return bytes;
}

/** The packets by which a connection is opened, one every millisecond, as its client sees them. */
function opened(at: number, client: Socket, server: Socket): Seen[] {
  const [out, back] = [ends(client, server), ends(server, client)];
  return [
    seen(at, { protocol: TCP, ...out, flags: SYN, seq: CLIENT_SEQ }),
    seen(at + 1, { protocol: TCP, ...back, flags: SYN | ACK, seq: SERVER_SEQ, ack: CLIENT_SEQ + 1 }),
    seen(at + 2, { protocol: TCP, ...out, flags: ACK, seq: CLIENT_SEQ + 1, ack: SERVER_SEQ + 1 }),
  ];
}

const syn = (at: number, from: Socket, to: Socket): Seen =>
  seen(at, { protocol: TCP, ...ends(from, to), flags: SYN, seq: CLIENT_SEQ });

const datagram = (at: number, from: Socket, to: Socket, payload: Uint8Array): Seen =>
  seen(at, { protocol: UDP, ...ends(from, to), payload });

/** A and AAAA of one name from one socket at once, of which A is answered; 5 s later again, one after the other. */
function twoQueries(): Seen[] {
  const name = "kube-dns.kube-system.svc.cluster.local";
  const [client, server] = ["10.0.1.6:40000", "172.20.0.10:53"] as const;
  const [a, aaaa] = [question(name, DNS_A, 1), question(name, DNS_AAAA, 2)];
  return [
    datagram(0, client, server, a),
    datagram(0, client, server, aaaa),
    datagram(2, server, client, answer(a, [172, 20, 0, 10])),
    datagram(5000, client, server, a),
    datagram(5001, server, client, answer(a, [172, 20, 0, 10])),
    datagram(5002, client, server, aaaa),
    datagram(5003, server, client, answer(aaaa, null)),
  ];
}

/** Questions of one pod to the VPC's resolver, two every millisecond. */
function burst(count: number): Seen[] {
  const ask = question("db.corp", DNS_A, 1);
  return Array.from({ length: count }, (_, i) => datagram(i >> 1, `10.0.1.5:${40_000 + i}`, "10.0.0.2:53", ask));
}

/** Two pods ask one server from the same port. */
function samePort(): Seen[] {
  return [syn(0, "10.0.1.5:40000", "203.0.113.10:443"), syn(1, "10.0.1.6:40000", "203.0.113.10:443")];
}

/** A client opens connections to a service, and keeps them. */
function connections(count: number): Seen[][] {
  return Array.from({ length: count }, (_, i) => opened(10 * i, `10.0.1.5:${40_000 + i}`, "172.20.0.20:80"));
}

/** The client sends its FIN, the server acknowledges it, and never sends one itself. */
function halfClosed(): Seen[] {
  const [client, server] = ["10.0.1.5:40000", "203.0.113.10:443"] as const;
  const last = { seq: CLIENT_SEQ + 1, ack: SERVER_SEQ + 1 };
  return [
    ...opened(0, client, server),
    seen(10, { protocol: TCP, ...ends(client, server), flags: FIN | ACK, ...last }),
    seen(11, { protocol: TCP, ...ends(server, client), flags: ACK, seq: last.ack, ack: last.seq + 1 }),
  ];
}

/** A client comes to a service again and again. @param seconds when */
function visits(seconds: readonly number[]): Seen[] {
  return seconds.map((second, i) => syn(second * MS_PER_SECOND, `10.0.1.5:${40_000 + i}`, "172.20.0.10:80"));
}

/** The captures, by file. */
export const CAPTURES: ReadonlyMap<string, readonly Seen[]> = new Map([
  ["labs/dns-5-seconds/two-queries.pcap", twoQueries()],
  ["labs/resolver-limit/burst.pcap", burst(1100)],
  ["labs/service-questions/same-port.pcap", samePort()],
  ["labs/service-questions/five-connections.pcap", connections(5).flat()],
  ["labs/service-questions/half-closed.pcap", halfClosed()],
  ["labs/session-affinity/visits.pcap", visits([0, 20, 75, 130, 191, 252, 313])],
]);

/** A pcap file of raw IP. */
export function captureFile(packets: readonly Seen[]): Uint8Array {
  const chunks: Uint8Array[] = [];
  const writer = new PcapWriter((bytes) => chunks.push(bytes.slice()), SNAP_LENGTH);
  const block = new PacketBlock();
  for (const { at, bytes } of packets) {
    block.seconds = START_SECONDS + Math.floor(at / MS_PER_SECOND);
    block.nanoseconds = (at % MS_PER_SECOND) * NS_PER_MS;
    block.bytes = bytes;
    block.captured = bytes.length;
    block.length = bytes.length;
    writer.packet(block);
  }
  writer.flush();
  return Buffer.concat(chunks);
}
