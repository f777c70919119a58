// Classic pcap (draft-ietf-opsawg-pcap; man pcap-savefile): the file's header.
export const MAGIC_MICROSECONDS = 0xa1b2c3d4;
export const MAGIC_NANOSECONDS = 0xa1b23c4d;
/** Magic, version, time zone, accuracy, snap length, link type. */
export const FILE_HEADER = 24;
export const VERSION_MAJOR = 2;
export const VERSION_MINOR = 4;
export const VERSION_AT = 4;
export const SNAP_LENGTH_AT = 16;
export const LINK_TYPE_AT = 20;
/** The bits above are flags of the frame check sequence. */
export const LINK_TYPE_MASK = 0xffff;

/** A packet's header: seconds, fraction, captured length, original length. */
export const RECORD_HEADER = 16;

/** IPv4 or IPv6 without a link-layer header (tcpdump.org/linktypes.html). */
export const LINKTYPE_RAW = 101;
