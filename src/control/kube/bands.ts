/**
 * A range of numbers whose lower part is left to those who ask for a number by themselves (KEP-3070 for ClusterIPs,
 * KEP-3668 for node ports). Numbers that nobody asked for come from the upper part, the lowest free one first, and from
 * the lower part once that is full. Kubernetes starts at random; a lab comes up the same every time.
 */
export interface Band {
  readonly first: number;
  readonly last: number;
  /** First number of the upper, dynamic part. */
  readonly dynamic: number;
}

/** The free numbers in the order in which they are given: the dynamic part from its lowest on, then the static part. */
export function* freeNumbers(band: Band, taken: { has(n: number): boolean }): Generator<number, undefined> {
  for (let n = band.dynamic; n <= band.last; n++) if (!taken.has(n)) yield n;
  for (let n = band.first; n < band.dynamic; n++) if (!taken.has(n)) yield n;
}

const STATIC_MIN = 16;
const NODE_PORT_STATIC_MAX = 128;
const NODE_PORT_STATIC_SHARE = 32;
const CLUSTER_IP_STATIC_MAX = 256;
const CLUSTER_IP_STATIC_SHARE = 16;

const NODE_PORT_FIRST = 30000;
const NODE_PORT_LAST = 32767;

const staticSize = (size: number, share: number, max: number) =>
  Math.min(Math.max(STATIC_MIN, Math.floor(size / share)), max);

/** Node ports, --service-node-port-range's default: static 30000 to 30085, dynamic 30086 to 32767. */
export const NODE_PORTS: Band = {
  first: NODE_PORT_FIRST,
  last: NODE_PORT_LAST,
  dynamic:
    NODE_PORT_FIRST + staticSize(NODE_PORT_LAST - NODE_PORT_FIRST + 1, NODE_PORT_STATIC_SHARE, NODE_PORT_STATIC_MAX),
};

/** Positions in a service CIDR of `size` addresses: all but the network's and the broadcast address. */
export function clusterIPBand(size: number): Band {
  return { first: 1, last: size - 2, dynamic: 1 + staticSize(size, CLUSTER_IP_STATIC_SHARE, CLUSTER_IP_STATIC_MAX) };
}
