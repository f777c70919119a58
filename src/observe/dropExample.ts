import {
  DROP_DST,
  DROP_LENGTH,
  DROP_NODE,
  DROP_PORTS,
  DROP_PROTOCOL,
  DROP_SENT_DST,
  DROP_SENT_PORTS,
  DROP_SRC,
  DROP_STAGE,
  DROP_TIME,
  readDrop,
} from "../plane/lastDrops.ts";
import { PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../plane/packet.ts";
import { formatAddress } from "../plane/wire/address.ts";
import { type NameSource, protocolName, stageName } from "./explain.ts";

interface DropEnd {
  /** null: nobody in the lab has the address. */
  readonly name: string | null;
  readonly address: string;
  /** 0: the protocol has none. */
  readonly port: number;
}

/** A packet that was dropped, as far as is remembered of it. */
export interface DropExample {
  /** Milliseconds since then. */
  readonly ago: number;
  /** The node that it was on; null: it was in the VPC. */
  readonly node: string | null;
  readonly stage: string;
  /** null: its header could not be read, and there are no ends. */
  readonly protocol: string | null;
  readonly source: DropEnd | null;
  /** As translated by then. */
  readonly destination: DropEnd | null;
  /** What the sender had addressed; null: the same. */
  readonly addressed: DropEnd | null;
  /** Bytes of the IP packet. */
  readonly length: number;
  /** `tcp pod/default/web-1:40000 -> svc/default/api:81` */
  readonly flow: string;
}

const PORT_SHIFT = 16;
const PORT_MASK = 0xffff;

/** The last packet that was dropped for a reason. @param tick the plane's, now */
export function dropExample(words: Int32Array, why: number, tick: number, names: NameSource): DropExample | null {
  const drop = readDrop(words, why);
  if (drop === null) return null;
  const number = drop[DROP_PROTOCOL];
  const at = {
    // A packet that came while this was asked is not from the future.
    ago: Math.max(0, (tick - drop[DROP_TIME]) | 0),
    node: drop[DROP_NODE] < 0 ? null : names.node(drop[DROP_NODE]),
    stage: stageName(drop[DROP_STAGE]),
    length: drop[DROP_LENGTH],
  };
  if (number < 0)
    return {
      ...at,
      protocol: null,
      source: null,
      destination: null,
      addressed: null,
      flow: `${at.length} bytes that are no IPv4 packet`,
    };
  const ported = number === PROTO_TCP || number === PROTO_UDP || number === PROTO_SCTP;
  const end = (address: number, port: number): DropEnd => ({
    name: names.byAddress(address),
    address: formatAddress(address),
    port: ported ? port : 0,
  });
  const ports = drop[DROP_PORTS];
  const sent = drop[DROP_SENT_PORTS];
  const source = end(drop[DROP_SRC], ports >>> PORT_SHIFT);
  const destination = end(drop[DROP_DST], ports & PORT_MASK);
  const asked = end(drop[DROP_SENT_DST], sent & PORT_MASK);
  const isSame = asked.address === destination.address && asked.port === destination.port;
  const protocol = protocolName(number);
  const flow =
    `${protocol} ${endText(source)} -> ${endText(isSame ? destination : asked)}` +
    (isSame ? "" : ` (now ${endText(destination)})`) +
    (number === PROTO_ICMP ? ` type ${(ports & PORT_MASK) >>> 8}` : "");
  return { ...at, protocol, source, destination, addressed: isSame ? null : asked, flow };
}

/** An end by its name or address, the namespace "default" left out, with its port. */
function endText({ name, address, port }: DropEnd): string {
  const shown = (name ?? address).replace(/^(pod|svc)\/default\//, "$1/");
  return port === 0 ? shown : `${shown}:${port}`;
}
