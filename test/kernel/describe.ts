import { createHash } from "node:crypto";
import type { Seen } from "./agent.ts";
import { checksum, ICMP, pseudoHeader, SYN, TCP, UDP } from "./bytes.ts";

/**
 * Packets as text. Only what may be compared is in it: sequence numbers, timestamps and identifiers that a kernel drew
 * itself are left out; a port or an ICMP identifier that source NAT drew is written "random".
 */

/** IP identifier of crafted packets, which has to arrive as it was sent. */
const CRAFTED_ID = 0x1234;
/** Sequence numbers of crafted segments have zeros here. */
const CRAFTED_SEQ_MASK = 0x0fffff00;
/** Types of ICMP that kernels make by themselves: answers and errors. */
const ICMP_ANSWERS = [0, 3, 11, 14];
/** What agent.py answers is an object of JSON. */
const JSON_START = 0x7b;
const FIRST_UNPRIVILEGED = 1024;
const SHORT = 64;
const ICMP_NAMES: Record<number, string> = { 0: "echo-reply", 3: "unreachable", 8: "echo", 11: "time-exceeded" };
const FLAGS = ["F", "S", "R", "P", "A", "U", "E", "C"];

/** Which numbers a probe chose itself, and may be shown. */
export interface Known {
  /** Source port of the probe, which is its ICMP identifier too. */
  port: number;
  servers: ReadonlySet<number>;
  /** Whether the packet was seen by who sent the probe. */
  sender: boolean;
  /** Whether the probe sent crafted packets. */
  crafted: boolean;
}

const address = (b: Buffer, at: number): string => [...b.subarray(at, at + 4)].join(".");
const hex = (b: Uint8Array): string => Buffer.from(b).toString("hex");
const brief = (b: Uint8Array): string =>
  b.length <= SHORT ? hex(b) : `sha256 ${createHash("sha256").update(b).digest("hex").slice(0, 16)}`;

/** A number that source NAT may have drawn. */
const drawn = (n: number, known: Known): string => {
  if (n === known.port) return String(n);
  return n >= FIRST_UNPRIVILEGED ? "random>=1024" : `random ${n < 512 ? "<512" : "<1024"}`;
};

/** A source port: the prober's own at the far end, the server's at the near end. */
const source = (n: number, known: Known): string =>
  known.sender && known.servers.has(n) ? String(n) : drawn(n, known);
const target = (n: number, known: Known): string =>
  known.servers.has(n) && !known.sender ? String(n) : drawn(n, known);
/** A quoted packet is the prober's, on its way out. */
const quoted = (known: Known): Known => ({ ...known, sender: !known.sender });

const identifier = (n: number, known: Known): string => (n === known.port ? String(n) : "random");

function tcpOptions(b: Buffer): string {
  const texts: string[] = [];
  for (let i = 0; i < b.length && b[i] !== 0; i += b[i] === 1 ? 1 : b[i + 1]) {
    if (b[i] === 2) texts.push(`mss ${b.readUInt16BE(i + 2)}`);
    else if (b[i] === 3) texts.push(`wscale ${b[i + 2]}`);
    else if (b[i] === 4) texts.push("sack");
    else if (b[i] === 8) texts.push("timestamps");
    else if (b[i] !== 1) texts.push(`option ${b[i]}`);
    if (b[i] !== 1 && b[i + 1] < 2) break;
  }
  return texts.length === 0 ? "" : ` (${texts.join(", ")})`;
}

function ports(b: Buffer, ip: Buffer, known: Known): string {
  const from = `${address(ip, 12)}:${source(b.readUInt16BE(0), known)}`;
  return `${from} > ${address(ip, 16)}:${target(b.readUInt16BE(2), known)}`;
}

/**
 * Whether a packet is a crafted one. Its identifier alone does not tell: kernels draw theirs from all numbers, so that
 * every so many thousand packets one of them has it too. Then the rest of the packet does.
 */
function isCrafted(ip: Buffer, l4: Buffer, known: Known): boolean {
  if (!known.crafted || ip.readUInt16BE(4) !== CRAFTED_ID) return false;
  if ((ip.readUInt16BE(6) & 0x1fff) !== 0) return true;
  switch (ip[9]) {
    case TCP:
      return l4.length < 8 || (l4.readUInt32BE(4) & CRAFTED_SEQ_MASK) === 0;
    case UDP:
      return l4.length < 9 || l4[8] !== JSON_START;
    case ICMP:
      return !known.sender || !ICMP_ANSWERS.includes(l4[0]);
    default:
      return true;
  }
}

/** Addresses and layer 4 of a whole packet or of the first bytes of one. */
function layer4(ip: Buffer, l4: Buffer, known: Known): string {
  const crafted = isCrafted(ip, l4, known);
  switch (ip[9]) {
    case TCP: {
      const flags = l4.length > 13 ? FLAGS.filter((_, i) => l4[13] & (1 << i)).join("") : "";
      const options = l4.length >= 20 ? tcpOptions(l4.subarray(20, (l4[12] >> 4) * 4)) : "";
      const numbers = crafted && l4.length >= 12 ? ` seq ${hex(l4.subarray(4, 8))} ack ${hex(l4.subarray(8, 12))}` : "";
      return `tcp ${ports(l4, ip, known)} ${flags}${numbers}${options}`;
    }
    case UDP:
      return `udp ${ports(l4, ip, known)}`;
    case ICMP: {
      const echo = l4[0] === 0 || l4[0] === 8;
      const name = `${ICMP_NAMES[l4[0]] ?? `type ${l4[0]}`}${l4[1] === 0 ? "" : ` code ${l4[1]}`}`;
      const rest = echo
        ? `id ${identifier(l4.readUInt16BE(4), known)} seq ${l4.readUInt16BE(6)}`
        : `rest ${hex(l4.subarray(4, 8))}`;
      return `icmp ${address(ip, 12)} > ${address(ip, 16)} ${name} ${rest}`;
    }
    default:
      return `protocol ${ip[9]} ${address(ip, 12)} > ${address(ip, 16)}`;
  }
}

const isError = (l4: Buffer): boolean => [3, 4, 5, 11, 12].includes(l4[0]);

function problems(seen: Seen, b: Buffer, ihl: number): string {
  if (checksum(b.subarray(0, ihl)) !== 0) return " IP CHECKSUM WRONG";
  const whole = (b.readUInt16BE(6) & 0x3fff) === 0;
  if (!whole || seen.partial || b.length < seen.length || ![ICMP, TCP, UDP].includes(b[9])) return "";
  const l4 = b.subarray(ihl);
  if (b[9] === UDP && l4.readUInt16BE(6) === 0) return "";
  const pseudo = b[9] === ICMP ? Buffer.alloc(0) : pseudoHeader(address(b, 12), address(b, 16), b[9], l4.length);
  return checksum(pseudo, l4) === 0 ? "" : " L4 CHECKSUM WRONG";
}

/** The packet that an ICMP error quotes; byte for byte if it was crafted and no drawn number is in it. */
function quotation(b: Buffer, known: Known): string {
  const l4 = b.subarray((b[0] & 15) * 4);
  const text = layer4(b, l4, quoted(known));
  const exact = isCrafted(b, l4, quoted(known)) && !text.includes("random");
  return `quotes ${b.length} bytes: ${text} ttl ${b[8]}${exact ? ` ${brief(b)}` : ""}`;
}

export function describe(seen: Seen, known: Known): string {
  const b = Buffer.from(seen.hex, "hex");
  const ihl = (b[0] & 15) * 4;
  const frag = b.readUInt16BE(6);
  const offset = (frag & 0x1fff) * 8;
  const l4 = b.subarray(ihl);
  const crafted = isCrafted(b, l4, known);
  const words = [
    offset === 0 ? layer4(b, l4, known) : `protocol ${b[9]} ${address(b, 12)} > ${address(b, 16)}`,
    `ttl ${b[8]}`,
    ...(b[1] === 0 ? [] : [`tos 0x${b[1].toString(16)}`]),
    ...(frag & 0x4000 ? ["df"] : []),
    ...((frag & 0x3fff) === 0 ? [] : [`fragment ${offset}+${seen.length - ihl}${frag & 0x2000 ? " more" : ""}`]),
    ...(ihl > 20 ? [`options ${hex(b.subarray(20, ihl))}`] : []),
    ...(crafted ? ["own id"] : []),
    `length ${seen.length}`,
  ];
  if (b[9] === ICMP && offset === 0 && isError(l4)) words.push(quotation(l4.subarray(8), known));
  else if (b[9] === UDP && offset === 0 && crafted) words.push(brief(l4.subarray(8)));
  return `${words.join(" ")}${problems(seen, b, ihl)}`;
}

/** Of a kernel's own TCP, what opens a connection: all else that it sends depends on its timing. */
export function opens(seen: Seen): boolean {
  const b = Buffer.from(seen.hex, "hex");
  return b[9] === ICMP || (b[9] === TCP && (b[(b[0] & 15) * 4 + 13] & SYN) !== 0);
}
