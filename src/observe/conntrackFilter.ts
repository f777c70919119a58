import { maskOf, parseAddress, parseCidr } from "../plane/wire/address.ts";
import type { ConntrackRow } from "./tables.ts";

/** Which entries are shown, by the options of conntrack(8); what is not given does not matter. */
export interface ConntrackFilter {
  readonly protocol?: string;
  /** Source and destination of the original tuple: an address, a CIDR block, or an object's name. */
  readonly src?: string;
  readonly dst?: string;
  readonly replySrc?: string;
  readonly replyDst?: string;
  readonly sport?: number;
  readonly dport?: number;
  /** TCP or SCTP state. */
  readonly state?: string;
  /** ASSURED, SEEN_REPLY or UNREPLIED. */
  readonly status?: string;
  /** VALUE or VALUE/MASK. */
  readonly mark?: string;
  readonly zone?: number;
  readonly node?: string;
  readonly srcNat?: boolean;
  readonly dstNat?: boolean;
}

type Test = (row: ConntrackRow) => boolean;

const STATUSES = ["ASSURED", "SEEN_REPLY", "UNREPLIED"];

/** The test of a filter. @throws Error for a value that means nothing */
export function conntrackTest(filter: ConntrackFilter): Test {
  const tests: Test[] = [];
  const when = <T>(value: T | undefined, make: (value: T) => Test): void => {
    if (value !== undefined) tests.push(make(value));
  };
  when(filter.protocol, (protocol) => {
    const wanted = protocol.toLowerCase();
    return (row) => row.protocol === wanted || String(row.protocolNumber) === wanted;
  });
  when(filter.src, (text) => endTest("--src", text, (row) => [row.original.source, row.from]));
  when(filter.dst, (text) => endTest("--dst", text, (row) => [row.original.destination, row.toOriginal, row.service]));
  when(filter.replySrc, (text) => endTest("--reply-src", text, (row) => [row.reply.source, row.to]));
  when(filter.replyDst, (text) => endTest("--reply-dst", text, (row) => [row.reply.destination]));
  when(filter.sport, (port) => (row) => row.protocol !== "icmp" && row.original.sourcePort === port);
  when(filter.dport, (port) => (row) => row.protocol !== "icmp" && row.original.destinationPort === port);
  when(filter.state, (state) => {
    const wanted = state.toUpperCase();
    return (row) => row.state === wanted;
  });
  when(filter.status, statusTest);
  when(filter.mark, markTest);
  when(filter.zone, (zone) => (row) => row.zone === zone);
  when(filter.node, (node) => {
    const wanted = node.replace(/^node\//, "");
    return (row) => row.node === wanted;
  });
  when(filter.srcNat || undefined, () => (row) => row.status.includes("SRC_NAT"));
  when(filter.dstNat || undefined, () => (row) => row.status.includes("DST_NAT"));
  return (row) => tests.every((test) => test(row));
}

/** An end by address, by block, or by what it is called. @param ends of a row: its address, then its names */
function endTest(option: string, text: string, ends: (row: ConntrackRow) => readonly (string | null)[]): Test {
  const cidr = parseAddress(text) === null ? parseCidr(text) : null;
  if (cidr !== null)
    return (row) =>
      ((parseAddress(ends(row)[0] ?? "") ?? 0) & maskOf(cidr.length)) === (cidr.prefix & maskOf(cidr.length));
  if (parseAddress(text) !== null) return (row) => ends(row)[0] === text;
  if (/^[\d./]+$/.test(text))
    throw new Error(`${option} ${text}: expected an address, a block such as 10.0.0.0/16, or a name such as pod/web-1`);
  const own = text.slice(text.lastIndexOf("/") + 1);
  const isMeant = (name: string) => name === text || name.endsWith(`/${own}`);
  // A service's name has its port, which may be left out.
  return (row) => ends(row).some((name) => name !== null && (isMeant(name) || isMeant(name.replace(/:\d+$/, ""))));
}

function statusTest(status: string): Test {
  const wanted = status.toUpperCase();
  if (!STATUSES.includes(wanted)) throw new Error(`--status ${status}: expected ${STATUSES.join(", ")}`);
  return wanted === "UNREPLIED" ? (row) => !row.status.includes("SEEN_REPLY") : (row) => row.status.includes(wanted);
}

function markTest(text: string): Test {
  const [value, mask = 0xffff_ffff] = text.split("/").map(Number);
  if (!Number.isInteger(value) || !Number.isInteger(mask))
    throw new Error(`--mark ${text}: expected a value or VALUE/MASK, such as 0x80/0x80`);
  return (row) => (Number(row.mark) & mask) >>> 0 === value >>> 0;
}
