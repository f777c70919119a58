import { parseAddress } from "../../../src/plane/wire/address.ts";
import { build, cutOut, read16, read32, type Spec, VNET } from "../plane/slowPacket.ts";
import type { GoldenLab, Written } from "./goldenLab.ts";
import { hex, type Line, type PacketWords } from "./packetNotation.ts";

/** Lines of the notation into bytes, by the slow builder that the plane's own tests use. */

const PROTOCOLS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, icmp: 1, sctp: 132 };
const FLAG_BITS: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, P: 8, ".": 16, U: 32, E: 64, W: 128 };
const DEFAULT_PORT = 40_000;
const ICMP = 1;
const TCP = 6;
const SYN = 2;
const ACK = 16;
/** ICMP errors quote so much unless told otherwise (RFC 1812, 4.3.2.3). */
const QUOTED = 548;
const IP_CHECKSUM = 10;

export interface Packet {
  readonly device: number;
  /** With a virtio_net_hdr. */
  readonly bytes: Uint8Array;
}

/** @param turn of a line that repeats: from 0 */
export function packetOf(line: Extract<Line, { is: "packet" }>, lab: GoldenLab, turn: number): Packet {
  const [name, port] = split(line.from);
  const [address, asPort] = line.as === null ? [null, null] : split(line.as);
  const protocol = PROTOCOLS[line.protocol] ?? Number(line.protocol);
  const { device, address: own } = lab.machine(name);
  const to = lab.names.resolve(line.to, protocol);
  const src = address === null ? own : (parseAddress(address) ?? lab.names.resolve(address).address);
  const sport = Number(asPort ?? port ?? DEFAULT_PORT) + turn;
  const spec: Spec = { protocol, src, sport, dst: to.address, dport: to.port ?? 0, id: 1 + turn };
  return { device, bytes: made(line.words, spec) };
}

/** What the receiver of a packet sends back: an answer by the same protocol, or an ICMP error about it. */
export function answerOf({ protocol, words }: Extract<Line, { is: "answer" }>, last: Written): Packet {
  const b = last.bytes;
  const [src, dst] = [read32(b, VNET + 16), read32(b, VNET + 12)];
  const l4 = VNET + (b[VNET] & 15) * 4;
  if (protocol === "icmp" && words.fields.has("type")) {
    const cut = Number(words.fields.get("quoting") ?? QUOTED);
    const payload = b.slice(VNET, VNET + cut);
    return { device: last.device, bytes: made(words, { protocol: ICMP, src, dst, payload }) };
  }
  if (b[VNET + 9] === ICMP)
    return { device: last.device, bytes: made(words, { protocol: ICMP, src, dst, sport: read16(b, l4 + 4), type: 0 }) };
  const spec: Spec = { protocol: b[VNET + 9], src, dst, sport: read16(b, l4 + 2), dport: read16(b, l4) };
  const isOpen = spec.protocol === TCP && (b[l4 + 13] & SYN) !== 0;
  // Numbers that the connection's window check takes.
  const ack = isOpen
    ? { seq: b[l4 + 13] & ACK ? read32(b, l4 + 8) : 1, ack: read32(b, l4 + 4) + 1 }
    : { seq: read32(b, l4 + 8), ack: read32(b, l4 + 4) };
  return { device: last.device, bytes: made(words, { ...spec, ...(spec.protocol === TCP ? ack : {}) }) };
}

export function rawOf({ from, vnet, bytes }: Extract<Line, { is: "raw" }>, lab: GoldenLab): Packet {
  const whole = new Uint8Array(VNET + bytes.length);
  if (vnet !== null) whole.set(vnet);
  whole.set(bytes, VNET);
  return { device: lab.machine(from).device, bytes: whole };
}

function made({ flags, fields }: PacketWords, spec: Spec): Uint8Array {
  const number = (name: string): number | undefined => {
    const text = fields.get(name);
    return text === undefined ? undefined : Number(text);
  };
  const options = fields.get("options");
  const known = new Set([
    "ttl",
    "id",
    "seq",
    "ack",
    "type",
    "code",
    "len",
    "options",
    "df",
    "bytes",
    "checksum",
    "quoting",
    "tag",
    "write",
    "unwritten",
  ]);
  for (const name of fields.keys()) if (!known.has(name)) throw new Error(`"${name}" is no word of a packet`);
  const given = {
    ttl: number("ttl"),
    id: number("id"),
    seq: number("seq"),
    ack: number("ack"),
    type: number("type"),
    code: number("code"),
    tag: number("tag"),
    flags: flags === null ? undefined : [...flags].reduce((sum, flag) => sum | FLAG_BITS[flag], 0),
    payload: fields.has("len") ? new Uint8Array(number("len") ?? 0) : undefined,
    options: options === undefined ? undefined : hex(options),
    df: fields.has("df") ? true : undefined,
  };
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  let bytes = build({ ...spec, ...set });
  const part = /^(\d+)-(\d+)$/.exec(fields.get("bytes") ?? "");
  if (part !== null) bytes = cutOut(bytes, Number(part[1]), Number(part[2]), undefined, fields.has("df"));
  if (fields.get("checksum") === "bad") bytes[bytes.length - 1] ^= 1;
  if (fields.get("checksum") === "bad-ip") bytes[VNET + IP_CHECKSUM] ^= 1;
  return bytes;
}

/** `pod/client:1000`, `10.0.1.33:1`: name and port. */
function split(text: string): [string, string | null] {
  const at = text.lastIndexOf(":");
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}
