/**
 * The notation that the documents of test/golden write packets in, one line each; its README says what there is. Nothing
 * here knows a plane: lines become what is to be done.
 */

/** Words behind a packet's protocol. */
export interface PacketWords {
  readonly flags: string | null;
  /** `ttl=1`, `df`, `options=8307040a000130`: as text; a word without "=" is "". */
  readonly fields: ReadonlyMap<string, string>;
  /** `x500`: so many packets, each from the next port, until one of them is dropped. */
  readonly repeat: number;
}

export type Line =
  | {
      readonly is: "packet";
      readonly from: string;
      /** Address and port that it sends from, where they are not its own. */
      readonly as: string | null;
      readonly to: string;
      readonly protocol: string;
      readonly words: PacketWords;
    }
  | { readonly is: "answer"; readonly protocol: string | null; readonly words: PacketWords }
  | { readonly is: "raw"; readonly from: string; readonly vnet: Uint8Array | null; readonly bytes: Uint8Array }
  | { readonly is: "clock"; readonly milliseconds: number }
  | { readonly is: "apply"; readonly what: string }
  | { readonly is: "delete"; readonly what: string }
  /** A block of rows that goes to the plane as it is, for what no lab file can say. */
  | { readonly is: "rows"; readonly what: string };

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
const FLAGS = /^[SFPRUEW]*\.?$/;
const PROTOCOL = /^(tcp|udp|icmp|sctp|\d+)$/;
const PACKET = /^(\S+)(?: as (\S+))? > (\S+) (\S+)(.*)$/;
const RAW = /^(\S+) raw(?: vnet=([0-9a-f]+))? ([0-9a-f ]*)$/;

/** The lines of a "Packets" block. @throws Error for a line that means nothing */
export function parsePackets(text: string): Line[] {
  return text
    .split("\n")
    .map((line) => line.replace(/#.*$/, "").trim())
    .filter((line) => line !== "")
    .map(parseLine);
}

function parseLine(line: string): Line {
  const [word, ...rest] = line.split(/\s+/);
  const clock = /^\+(\d+)(ms|s|m)$/.exec(line);
  if (clock !== null) return { is: "clock", milliseconds: Number(clock[1]) * UNITS[clock[2]] };
  if (word === "apply") return { is: "apply", what: rest.join(" ") };
  if (word === "rows") return { is: "rows", what: rest.join(" ") };
  if (word === "delete") return { is: "delete", what: rest.join(" ") };
  if (word === "answer") {
    const named = PROTOCOL.test(rest[0] ?? "") && rest[0] === "icmp";
    return { is: "answer", protocol: named ? rest[0] : null, words: parseWords(named ? rest.slice(1) : rest) };
  }
  const raw = RAW.exec(line);
  if (raw !== null)
    return { is: "raw", from: raw[1], vnet: raw[2] === undefined ? null : hex(raw[2]), bytes: hex(raw[3]) };
  const packet = PACKET.exec(line);
  if (packet === null || !PROTOCOL.test(packet[4])) throw new Error(`no line of a packet: ${line}`);
  const [, from, as, to, protocol, words] = packet;
  return { is: "packet", from, as: as ?? null, to, protocol, words: parseWords(words.trim().split(/\s+/)) };
}

function parseWords(words: readonly string[]): PacketWords {
  let flags: string | null = null;
  let repeat = 1;
  const fields = new Map<string, string>();
  for (const word of words) {
    if (word === "") continue;
    if (/^x\d+$/.test(word)) repeat = Number(word.slice(1));
    else if (FLAGS.test(word)) flags = word;
    else {
      const at = word.indexOf("=");
      if (at < 0) fields.set(word, "");
      else fields.set(word.slice(0, at), word.slice(at + 1));
    }
  }
  return { flags, fields, repeat };
}

/** Bytes written in hexadecimal, with spaces anywhere. */
export function hex(text: string): Uint8Array {
  const digits = text.replace(/\s/g, "");
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/.test(digits)) throw new Error(`no bytes: ${text}`);
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}
