import { maskOf } from "../../plane/wire/address.ts";
import { maskOf6, parseAddress6, parseQuad } from "./addresses.ts";
import { FilterError } from "./filterError.ts";
import type { Filter, Side } from "./filterTree.ts";
import type { Token } from "./lexer.ts";
import { PORT_WORDS, PROTOCOL_NUMBERS, PROTOCOL_WORDS } from "./words.ts";

/** The addresses (int32) of a name with a slash, such as `pod/web-1`. @throws Error whose message says what is wrong */
export type AddressResolver = (name: string) => readonly number[];

/** What stands in front of an address or a number, and holds for those that follow it: `tcp src port 80 or 443`. */
export interface Qualifier {
  /** A word of {@link PROTOCOL_WORDS}, or null. */
  readonly protocol: string | null;
  readonly side: Side | null;
  readonly type: "host" | "net" | "port" | "portrange" | "proto";
  readonly column: number;
}

const PORT_MAX = 65535;
const PROTOCOL_MAX = 255;
const PREFIX_MAX = 32;
const PREFIX_MAX6 = 128;
const TOP_OCTET = 0xff000000;

/** An address or a number that a qualifier says the meaning of, with the mask that follows it. */
export interface Identifier {
  readonly token: Token;
  /** Behind "/". */
  readonly length: Token | null;
  /** Behind "mask". */
  readonly mask: Token | null;
}

/** @throws FilterError for what does not fit its qualifier */
export function primitive(q: Qualifier, id: Identifier, resolve: AddressResolver | undefined): Filter {
  switch (q.type) {
    case "host":
    case "net":
      return addressFilter(q, id, resolve);
    case "port":
    case "portrange":
      return portFilter(q, id.token);
    case "proto":
      return protocolFilter(q, id.token);
  }
}

function addressFilter(q: Qualifier, id: Identifier, resolve: AddressResolver | undefined): Filter {
  const { token } = id;
  const family = token.kind === "address6" ? "ip6" : "ip";
  if (q.protocol !== null && q.protocol !== family) throw wrongProtocol(q, q.protocol, family, id);
  const side = q.side ?? "either";
  if (token.kind === "address6") return host6(q, id, side);
  if (token.kind === "quad" || token.kind === "number") {
    const { address, mask } = token.kind === "quad" ? quadWithMask(q, id) : wholeNumber(q, token);
    return { t: "host", side, address, mask };
  }
  if (token.kind === "name") {
    if (q.type === "net")
      throw new FilterError(`"${token.text}" is no network: write "host ${token.text}"`, token.column);
    return { t: "hosts", side, addresses: resolved(token, resolve) };
  }
  if (q.type === "net") throw new FilterError(`"${token.text}" is no network: write 10.0.0.0/8`, token.column);
  throw new FilterError(
    `"${token.text}" is no address: write 10.0.1.16, or a name such as pod/${token.text}`,
    token.column,
  );
}

function wrongProtocol(
  q: Qualifier,
  protocol: string,
  family: "ip" | "ip6",
  { token, length }: Identifier,
): FilterError {
  const front = PROTOCOL_WORDS.get(protocol)?.number === null ? family : `${protocol} and`;
  const side = q.side === "src" || q.side === "dst" ? ` ${q.side}` : "";
  const written = `${token.text}${length === null ? "" : `/${length.text}`}`;
  return new FilterError(
    `"${protocol}" does not go with ${written}: write "${front}${side} ${q.type} ${written}"`,
    q.column,
  );
}

function resolved(token: Token, resolve: AddressResolver | undefined): readonly number[] {
  if (resolve === undefined)
    throw new FilterError(`nothing here knows names: write the address of ${token.text}`, token.column);
  try {
    return resolve(token.text);
  } catch (error) {
    throw new FilterError(error instanceof Error ? error.message : String(error), token.column);
  }
}

/** A plain number is an address; as a network its leading zeros are left out (`net 10`). */
function wholeNumber(q: Qualifier, token: Token): { address: number; mask: number } {
  let address = token.value | 0;
  let mask = -1;
  while (q.type === "net" && address !== 0 && (address & TOP_OCTET) === 0) {
    address <<= 8;
    mask <<= 8;
  }
  return { address, mask };
}

function quadWithMask(q: Qualifier, { token, length, mask }: Identifier): { address: number; mask: number } {
  const quad = parseQuad(token.text);
  if (quad === null) throw new FilterError(`"${token.text}" is no IPv4 address`, token.column);
  if (length === null && mask === null) return quad;
  let bits = 0;
  let written = token.text;
  if (length !== null) {
    if (length.value > PREFIX_MAX) throw new FilterError(`a prefix has 0 to ${PREFIX_MAX} bits`, length.column);
    bits = maskOf(length.value);
    written += `/${length.text}`;
  } else if (mask !== null) {
    const parsed = parseQuad(mask.text);
    if (parsed === null) throw new FilterError(`"${mask.text}" is no mask`, mask.column);
    bits = parsed.address;
    written += ` mask ${mask.text}`;
  }
  if (q.type !== "net") throw new FilterError(`a ${q.type} has no mask: write "net ${written}"`, token.column);
  if ((quad.address & ~bits) !== 0)
    throw new FilterError(`${written} has bits set behind its mask: write the network's first address`, token.column);
  return { address: quad.address, mask: bits };
}

function host6(q: Qualifier, { token, length }: Identifier, side: Side): Filter {
  const address = parseAddress6(token.text);
  if (address === null) throw new FilterError(`"${token.text}" is no IPv6 address`, token.column);
  const bits = length?.value ?? PREFIX_MAX6;
  if (length !== null && bits > PREFIX_MAX6)
    throw new FilterError(`an IPv6 prefix has 0 to ${PREFIX_MAX6} bits`, length.column);
  if (q.type === "host" && bits !== PREFIX_MAX6)
    throw new FilterError(`a host has no mask: write "net ${token.text}/${bits}"`, token.column);
  const mask = maskOf6(bits);
  if (address.some((word, i) => (word & ~mask[i]) !== 0))
    throw new FilterError(
      `${token.text}/${bits} has bits set behind its mask: write the network's first address`,
      token.column,
    );
  return { t: "host6", side, address, mask };
}

function portFilter(q: Qualifier, token: Token): Filter {
  const protocol = q.protocol === null ? null : portProtocol(q, q.protocol, token);
  const side = q.side ?? "either";
  const [low, high] = q.type === "port" ? [token] : rangeOf(token);
  const ports = [low, high ?? low].map((t) => portOf(t, protocol));
  const named = ports[0].protocol === ports[1].protocol ? ports[0].protocol : null;
  const [first, last] = ports.map((p) => p.port).sort((a, b) => a - b);
  return { t: "port", protocol: protocol ?? named, side, low: first, high: last };
}

function portProtocol(q: Qualifier, name: string, token: Token): number {
  if (name !== "tcp" && name !== "udp" && name !== "sctp")
    throw new FilterError(`"${name}" has no ports: write "${q.type} ${token.text}", or tcp, udp or sctp`, q.column);
  return PROTOCOL_NUMBERS.get(name) ?? 0;
}

/** `6000-6008` */
function rangeOf(token: Token): Token[] {
  if (token.kind === "number") return [token];
  const cut = token.text.indexOf("-");
  if (token.kind !== "id" || cut < 0)
    throw new FilterError(`"${token.text}" is no range of ports: write 6000-6008`, token.column);
  const part = (text: string, column: number): Token =>
    /^\d+$/.test(text) ? { kind: "number", text, value: Number(text), column } : { kind: "id", text, value: 0, column };
  return [part(token.text.slice(0, cut), token.column), part(token.text.slice(cut + 1), token.column + cut + 1)];
}

function portOf(token: Token, protocol: number | null): { port: number; protocol: number | null } {
  const { text, column } = token;
  if (token.kind === "number") {
    if (token.value > PORT_MAX) throw new FilterError(`${text} is no port: write 0 to ${PORT_MAX}`, column);
    return { port: token.value, protocol: null };
  }
  if (token.kind !== "id") throw new FilterError(`"${text}" is no port: write a number, such as 80`, column);
  if (/^\d+-\d+$/.test(text)) throw new FilterError(`${text} is a range: write "portrange ${text}"`, column);
  const word = PORT_WORDS.get(text);
  if (word === undefined) throw new FilterError(`no port is called "${text}" here: write its number`, column);
  if (protocol !== null && word.protocol !== null && protocol !== word.protocol)
    throw new FilterError(`"${text}" is no port of that protocol: write its number, ${word.port}`, column);
  return word;
}

function protocolFilter(q: Qualifier, token: Token): Filter {
  const word = q.protocol === null ? null : (PROTOCOL_WORDS.get(q.protocol) ?? null);
  if (word !== null && word.number !== null)
    throw new FilterError(`"${q.protocol}" carries no protocol by number: write "ip proto ${token.text}"`, q.column);
  const number = token.kind === "number" ? token.value : PROTOCOL_NUMBERS.get(token.text);
  if (number === undefined)
    throw new FilterError(`no protocol is called "${token.text}" here: write its number`, token.column);
  if (number > PROTOCOL_MAX)
    throw new FilterError(`${token.text} is no protocol: write 0 to ${PROTOCOL_MAX}`, token.column);
  return { t: "protocol", version: word?.version ?? null, number };
}
