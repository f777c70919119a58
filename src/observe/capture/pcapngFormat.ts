/*
 * pcapng (draft-ietf-opsawg-pcapng): block types, option codes, and what every block has in common.
 *
 *   0      4              8                                length - 4
 *   | type | total length | body, padded to a multiple of 4 | total length |
 */
export const SHB = 0x0a0d0d0a;
export const IDB = 1;
/** The obsolete Packet Block. */
export const PB = 2;
export const SPB = 3;
export const NRB = 4;
export const ISB = 5;
export const EPB = 6;

/** Type and both lengths. */
export const BLOCK_OVERHEAD = 12;
/** Type and first length: where the body starts. */
export const BLOCK_HEAD = 8;
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
export const VERSION_MAJOR = 1;
export const VERSION_MINOR = 0;

// Options: code, length, value padded to a multiple of 4.
export const OPTION_HEAD = 4;
export const OPT_END = 0;
export const OPT_COMMENT = 1;
export const SHB_HARDWARE = 2;
export const SHB_OS = 3;
export const SHB_USERAPPL = 4;
export const IF_NAME = 2;
export const IF_DESCRIPTION = 3;
export const IF_IPV4ADDR = 4;
export const IF_TSRESOL = 9;
export const IF_TSOFFSET = 14;
export const EPB_FLAGS = 2;
export const EPB_DROPCOUNT = 4;
export const EPB_PACKETID = 5;
export const EPB_VERDICT = 7;
export const ISB_STARTTIME = 2;
export const ISB_ENDTIME = 3;
export const ISB_IFRECV = 4;
export const ISB_IFDROP = 5;
export const ISB_FILTERACCEPT = 6;
export const ISB_OSDROP = 7;
export const ISB_USRDELIV = 8;

// Records of a name resolution block.
export const NRB_END = 0;
export const NRB_IPV4 = 1;

// epb_flags: bits 0 and 1 are the direction.
export const DIRECTION_MASK = 3;

// epb_verdict: its first byte says whose verdict, the rest is the verdict.
export const VERDICT_TC = 1;
export const VERDICT_XDP = 2;
/** include/uapi/linux/pkt_cls.h: the packet is dropped. */
export const TC_ACT_SHOT = 2;
/** include/uapi/linux/bpf.h: XDP_ABORTED and XDP_DROP. */
export const XDP_DROP = 1;

/**
 * IPv4 without a link-layer header (tcpdump.org/linktypes.html), for all our interfaces. LINKTYPE_RAW (101) says the same
 * of IPv4 and IPv6, but libpcap's sf-pcapng.c compares an interface's LINKTYPE_ with the first one's DLT_, so that it
 * reads several interfaces only where both numbers are the same; LINKTYPE_RAW is DLT_RAW (12). Wireshark and tcpdump show
 * IPv6 under this type too: they look at the version.
 */
export const LINKTYPE_IPV4 = 228;
/** A section of unknown length. */
export const UNKNOWN_LENGTH = 0xffff_ffff;
/** An option's length has 16 bits. */
export const OPTION_MAX = 0xffff;
