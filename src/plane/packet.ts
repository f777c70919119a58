/**
 * The packet that the plane works on: its place in the arena, the fields that forwarding reads, and what the stages
 * found out about it. One object is reused for every packet; all fields are int32, so nothing is allocated.
 *
 * `src`, `dst`, `sport` and `dport` are the packet's *current* addresses: translations change them at once, and the
 * bytes follow in one go when the packet leaves the node. Until then the bytes are what the sender wrote, which is what
 * an ICMP error must quote.
 */
export class Packet {
  buf: Uint8Array<ArrayBuffer>;
  /** Arena offset of the IP header. */
  off = 0;
  /** IP total length in bytes. */
  len = 0;
  /** IP header length in bytes. */
  ihl = 0;
  /** Arena offset of the layer 4 header: `off + ihl`. */
  l4 = 0;
  /** Bytes from `l4` to the end of the packet. */
  l4len = 0;
  protocol = 0;
  /** Current source and destination, IPv4 as int32. */
  src = 0;
  dst = 0;
  /**
   * Current ports in host order. For ICMP queries as in a conntrack tuple: `sport` is the identifier, `dport` is
   * type << 8 | code. For protocols without ports both are 0.
   */
  sport = 0;
  dport = 0;
  ttl = 0;
  /** The IP header's flags and fragment offset, as on the wire. */
  frag = 0;
  /** virtio_net_hdr: flags, gso_type without the ECN bit, gso_size. */
  vnetFlags = 0;
  gsoType = 0;
  gsoSize = 0;
  /** TCP or UDP header length when this is a GSO super-packet. */
  gsoHeader = 0;
  /** ICMP error: 1 when the layer 4 payload quotes a packet. */
  icmpError = 0;
  /** Packet mark (skb->mark): 0 when a packet enters a node. */
  mark = 0;
  /** Conntrack: entry or -1, direction (0 original, 1 reply), and the classification (CT_* of conntrack/). */
  ct = -1;
  ctDir = 0;
  ctInfo = 0;
  /** Largest fragment this packet was reassembled from, or 0; and whether a fragment of that size had DF. */
  fragMax = 0;
  fragDf = 0;

  constructor(buf: Uint8Array<ArrayBuffer>) {
    this.buf = buf;
  }
}

/** Offset of the virtio_net_hdr in front of the IP header. */
export const VNET_BEFORE = 10;

export const PROTO_ICMP = 1;
export const PROTO_TCP = 6;
export const PROTO_UDP = 17;
export const PROTO_SCTP = 132;

// virtio_net_hdr (virtio 1.2, section 5.1.6; include/uapi/linux/virtio_net.h)
export const VNET_F_NEEDS_CSUM = 1;
export const VNET_F_DATA_VALID = 2;
export const VNET_GSO_NONE = 0;
export const VNET_GSO_TCPV4 = 1;
export const VNET_GSO_UDP = 3;
export const VNET_GSO_TCPV6 = 4;
export const VNET_GSO_UDP_L4 = 5;
export const VNET_GSO_ECN = 0x80;

export const FRAG_DF = 0x4000;
export const FRAG_MF = 0x2000;
export const FRAG_OFFSET_MASK = 0x1fff;
/** More fragments, or an offset: the packet is a fragment. */
export const FRAG_ANY = FRAG_MF | FRAG_OFFSET_MASK;

/** What {@link parsePacket} found: the packet is fine, or why it is not. */
export const PARSE_OK = 0;
export const PARSE_SHORT = 1;
export const PARSE_IPV6 = 2;
export const PARSE_VERSION = 3;
export const PARSE_IHL = 4;
export const PARSE_LENGTH = 5;
export const PARSE_CHECKSUM = 6;
export const PARSE_OPTIONS = 7;
export const PARSE_VNET = 8;
export const PARSE_L4_SHORT = 9;
export const PARSE_L4_BAD = 10;
export const PARSE_ADDRESS = 11;
export type ParseResult = number;
