import { PROTO_TCP, VNET_BEFORE, VNET_GSO_NONE } from "../packet.ts";
import { IP_PROTOCOL, ipHeaderLength } from "../wire/ipv4.ts";
import { tcpHeaderLength } from "../wire/tcp.ts";
import { UDP_HEADER } from "../wire/udp.ts";
import { vnetGsoSize, vnetGsoType } from "../wire/virtio.ts";

/** Whether the packet at an arena offset is a super-packet. */
export function isSuperPacket(b: Uint8Array, offset: number): boolean {
  return vnetGsoType(b, offset - VNET_BEFORE) !== VNET_GSO_NONE;
}

/** Bytes of IP that a packet has on a wire: of a super-packet all its segments', each with its headers. */
export function bytesOnWire(b: Uint8Array, offset: number, length: number): number {
  if (!isSuperPacket(b, offset)) return length;
  const ihl = ipHeaderLength(b, offset);
  const l4 = b[offset + IP_PROTOCOL] === PROTO_TCP ? tcpHeaderLength(b, offset + ihl) : UDP_HEADER;
  const headers = ihl + l4;
  const segments = Math.max(1, Math.ceil((length - headers) / vnetGsoSize(b, offset - VNET_BEFORE)));
  return length + (segments - 1) * headers;
}
