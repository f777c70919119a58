import { IPS_DST_NAT, IPS_SRC_NAT } from "../plane/conntrack/info.ts";
import { TCP_TIME_WAIT } from "../plane/conntrack/tcpStates.ts";
import {
  CONNECTIONS_PER_DESTINATION,
  NATD_CONNECTIONS,
  NATD_DST,
  NATD_GATEWAY,
  NATD_PORT,
  NATD_PROTOCOL,
  NATD_WORDS,
} from "../plane/fabric/natConnections.ts";
import { PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../plane/packet.ts";
import { formatAddress } from "../plane/wire/address.ts";
import { type NameSource, protocolName } from "./explain.ts";
import type { ConntrackEntry } from "./tables.ts";

/**
 * How full source NAT is. A port is taken for one translated address, protocol, destination and destination's port alone, so
 * each of these is a pool of its own, and the fullest one is what fails first.
 */
export interface NatPoolView {
  /** A node's name, or a NAT gateway's with `nat/` in front. */
  readonly at: string;
  /** `prng`, `hashrandom` or `none` of AWS_VPC_K8S_CNI_RANDOMIZESNAT, `masquerade` of kube-proxy, `gateway`; or several. */
  readonly by: readonly string[];
  /** Address that connections leave with. */
  readonly source: string;
  readonly protocol: string;
  /** Name or address, and the port; for ICMP its type and code. */
  readonly destination: string;
  readonly address: string;
  readonly port: number;
  /** Ports that the connections of the pool may get. */
  readonly range: string;
  readonly used: number;
  readonly size: number;
  readonly headroom: number;
  /** Of the used ones, those whose TCP connection is closed: a new connection may take one over. */
  readonly closing: number;
  /** Chance that the next port drawn is taken; null: ports are not drawn. */
  readonly collision: number | null;
  /** Chance that the next connection finds no port, though there may be some. */
  readonly failure: number;
}

/** How a node's own rules translate; null: they do not. */
export type SnatModeName = "prng" | "hashrandom" | "none" | null;

interface Range {
  readonly first: number;
  readonly last: number;
}

// The classes that a source port keeps to (plane/nat/ports.ts).
const RANGES: readonly (Range & { readonly under: number })[] = [
  { under: 512, first: 1, last: 511 },
  { under: 1024, first: 600, last: 1023 },
  { under: 65_536, first: 1024, last: 65_535 },
];
const IDENTIFIERS: Range = { first: 0, last: 65_535 };
/** A round of a search looks at so many ports in a row, and the next one at half of them: plane/nat/ports.ts. */
const SEARCHED = 128 + 64 + 32 + 16 + 8;

interface Pool {
  readonly node: number;
  readonly source: number;
  readonly protocol: number;
  readonly address: number;
  readonly port: number;
  readonly range: Range;
  readonly by: Set<string>;
  readonly ports: Set<number>;
  closing: number;
  isTranslated: boolean;
}

/**
 * Pools that have a connection, fullest first.
 *
 * @param mode of a node's own rules, by its index
 * @param gateways NATD_* of natConnections.ts
 * @param gatewayAddress of a NAT gateway, by its index
 */
export function natPools(
  entries: readonly ConntrackEntry[],
  mode: (node: number) => SnatModeName,
  gateways: Int32Array,
  gatewayAddress: (gateway: number) => string,
  names: NameSource,
): NatPoolView[] {
  const views: NatPoolView[] = [];
  for (const pool of poolsOf(entries, mode).values()) if (pool.isTranslated) views.push(poolView(pool, names));
  for (let at = 0; at < gateways.length; at += NATD_WORDS)
    views.push(gatewayPool(gateways.subarray(at, at + NATD_WORDS), gatewayAddress, names));
  const text = (v: NatPoolView) => `${v.at} ${v.source} ${v.protocol} ${v.destination} ${v.range}`;
  return views.sort((a, b) => b.used / b.size - a.used / a.size || (text(a) < text(b) ? -1 : 1));
}

function poolsOf(entries: readonly ConntrackEntry[], mode: (node: number) => SnatModeName): Map<string, Pool> {
  const pools = new Map<string, Pool>();
  for (const entry of entries) {
    const { node, original, protocol, reply, status } = entry;
    const range = rangeOf(protocol, original[2]);
    if (range === null) continue;
    const [address, source, port, translated] = reply;
    const isIcmp = protocol === PROTO_ICMP;
    // An ICMP query's identifier is what is drawn; the reply's type belongs to the destination.
    const key = `${node} ${protocol} ${address} ${source} ${isIcmp ? translated : port} ${range.first}`;
    const pool: Pool = pools.get(key) ?? {
      node,
      source,
      protocol,
      address,
      port: isIcmp ? original[3] : port,
      range,
      by: new Set(),
      ports: new Set(),
      closing: 0,
      isTranslated: false,
    };
    pools.set(key, pool);
    // What is not translated takes its port as well.
    pool.ports.add(isIcmp ? port : translated);
    if (protocol === PROTO_TCP && entry.state >= TCP_TIME_WAIT) pool.closing++;
    if ((status & IPS_SRC_NAT) === 0) continue;
    pool.isTranslated = true;
    // Of the rules that translate sources, kube-proxy's alone meet what a service has translated, and come first.
    pool.by.add((status & IPS_DST_NAT) !== 0 ? "masquerade" : (mode(node) ?? "masquerade"));
  }
  return pools;
}

function rangeOf(protocol: number, sport: number): Range | null {
  if (protocol === PROTO_ICMP) return IDENTIFIERS;
  if (protocol !== PROTO_TCP && protocol !== PROTO_UDP && protocol !== PROTO_SCTP) return null;
  return RANGES.find(({ under }) => sport < under) ?? null;
}

function poolView(pool: Pool, names: NameSource): NatPoolView {
  const size = pool.range.last - pool.range.first + 1;
  const used = pool.ports.size;
  const by = [...pool.by].sort();
  const fill = Math.min(1, used / size);
  return {
    at: names.node(pool.node),
    by,
    source: formatAddress(pool.source),
    ...destinationOf(pool.protocol, pool.address, pool.port, names),
    range: `${pool.range.first}-${pool.range.last}`,
    used,
    size,
    headroom: Math.max(0, size - used),
    closing: pool.closing,
    collision: by.length === 1 && by[0] === "none" ? null : fill,
    failure: fill ** Math.min(size, SEARCHED),
  };
}

function gatewayPool(words: Int32Array, gatewayAddress: (gateway: number) => string, names: NameSource): NatPoolView {
  const gateway = words[NATD_GATEWAY];
  const used = words[NATD_CONNECTIONS];
  const size = CONNECTIONS_PER_DESTINATION;
  return {
    at: `nat/${names.natGateway(gateway)}`,
    by: ["gateway"],
    source: gatewayAddress(gateway),
    ...destinationOf(words[NATD_PROTOCOL], words[NATD_DST], words[NATD_PORT], names),
    range: "1024-65535",
    used,
    size,
    headroom: size - used,
    closing: 0,
    collision: used / (RANGES[2].last - RANGES[2].first + 1),
    failure: used >= size ? 1 : 0,
  };
}

function destinationOf(protocol: number, address: number, port: number, names: NameSource) {
  const shown = names.byAddress(address) ?? formatAddress(address);
  return {
    protocol: protocolName(protocol),
    destination: protocol === PROTO_ICMP ? shown : `${shown}:${port}`,
    address: formatAddress(address),
    port,
  };
}
