import { and, type Check, not, or, YES } from "./check.ts";
import type { Filter } from "./filterTree.ts";
import {
  host6Check,
  hostCheck,
  hostsCheck,
  isBroadcast,
  multicastCheck,
  portCheck,
  protocolCheck,
  versionCheck,
} from "./headerChecks.ts";
import { Parser } from "./parser.ts";
import type { AddressResolver } from "./primitives.ts";
import { comparisonCheck } from "./values.ts";

/**
 * Whether a packet matches. Allocates nothing.
 *
 * @param bytes a buffer with the packet in it
 * @param offset of its IP header
 * @param captured bytes from there that may be read; to ask for one behind them makes the test false, as in BPF
 * @param length bytes that the packet had on the wire, for `len`, `less` and `greater`; left out: `captured`
 */
export type PacketTest = (bytes: Uint8Array, offset: number, captured: number, length?: number) => boolean;

/**
 * Compiles an expression of tcpdump's language (pcap-filter(7)) for packets that begin at their IP header; README.md says
 * what of it fits. An empty expression matches every packet.
 *
 * @param resolve gives the addresses of names such as `pod/web-1`; without it there are none
 * @throws FilterError with the column
 */
export function compileExpression(text: string, resolve?: AddressResolver): PacketTest {
  const filter = new Parser(text, resolve).parse();
  if (filter === null) return () => true;
  const check = compile(filter);
  return (bytes, offset, captured, length = captured) => check(bytes, offset, captured, length) === YES;
}

function compile(filter: Filter): Check {
  switch (filter.t) {
    case "and":
      return and(compile(filter.left), compile(filter.right));
    case "or":
      return or(compile(filter.left), compile(filter.right));
    case "not":
      return not(compile(filter.of));
    case "version":
      return versionCheck(filter.version);
    case "protocol":
      return protocolCheck(filter.version, filter.number);
    case "host":
      return hostCheck(filter.side, filter.address, filter.mask);
    case "hosts":
      return hostsCheck(filter.side, filter.addresses);
    case "host6":
      return host6Check(filter.side, filter.address, filter.mask);
    case "port":
      return portCheck(filter.protocol, filter.side, filter.low, filter.high);
    case "multicast":
      return multicastCheck(filter.version);
    case "broadcast":
      return isBroadcast;
    case "compare":
      return comparisonCheck(filter.op, filter.left, filter.right);
  }
}
