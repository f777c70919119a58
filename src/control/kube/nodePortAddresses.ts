import { type Cidr, containsAddress, toCidr } from "../vpc/cidr.ts";

/** Stands for the node's primary address in --nodeport-addresses. */
const PRIMARY = "primary";
const HOST_LENGTH = 32;

/**
 * kube-proxy's --nodeport-addresses on a node (kubernetes pkg/proxy/util, NodePortAddresses).
 *
 * @param texts CIDR blocks, or `primary` alone
 * @param primary the node's primary address, int32
 * @returns null for an empty list: the default of kube-proxy's mode
 */
export function nodePortCidrs(texts: readonly string[], primary: number): Cidr[] | null {
  if (texts.length === 0) return null;
  return texts.map((text) => (text === PRIMARY ? { prefix: primary, length: HOST_LENGTH } : toCidr(text)));
}

/** Which of a node's own addresses are in --nodeport-addresses; null: the default of kube-proxy's mode. */
export function addressesWithNodePorts(
  texts: readonly string[],
  own: readonly number[],
  primary: number,
): number[] | null {
  const cidrs = nodePortCidrs(texts, primary);
  return cidrs === null ? null : own.filter((address) => cidrs.some((cidr) => containsAddress(cidr, address)));
}
