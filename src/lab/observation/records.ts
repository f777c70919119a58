/**
 * What the plane's thread writes into a session's ring (ring.ts), as 32-bit words from the record's header on. Records of a
 * packet lie together: IN, ENI_OUT and ENI_IN as it passes them, DECISION where the reader does not have it, END. OUT comes
 * later, when the packet has been written.
 */

/** A packet as it was read from a device. */
export const IN = 1;
/** A packet at an ENI: as it leaves its instance, and as it comes in. */
export const ENI_OUT = 2;
export const ENI_IN = 3;
/** A packet as it was written to a device. */
export const OUT = 4;
/** A decision that packets from here on refer to by its slot. */
export const DECISION = 5;
/** The packet's decision: everything of it but OUT stands before. */
export const END = 6;
/** Devices and ENIs may have other names from here on. Nothing but the header. */
export const RENAMED = 7;

// Every record: double at words 2 and 3, whose meaning the kind says; then words.

/** IN, ENI_*, OUT: the packet's number, 0: not known. */
export const POINT_ID = 2;
/** IN, OUT: nanoseconds since the session's origin, once a batch. ENI_*: unused, they follow their IN. */
export const POINT_TIME = 4;
/** Device, or ENI. */
export const POINT_PLACE = 6;
/** Bytes that it has, and that are kept, from the IP header on. */
export const POINT_LENGTH = 7;
export const POINT_KEPT = 8;
/** virtio_net_hdr: flags, gso_type << 8, gso_size << 16. */
export const POINT_OFFLOAD = 9;
/** OUT: bytes written, or a negated errno. */
export const POINT_STATUS = 10;
/** Bytes in front of the packet's own. */
export const POINT_BYTES = 48;

/** The packet's number. */
export const END_ID = 2;
export const END_SLOT = 4;
/** int32 (plane/flowIds.ts) */
export const END_FLOW = 5;
/** VERDICT_* */
export const END_VERDICT = 6;
export const END_REASON = 7;
export const END_BYTES = 32;

export const DECISION_SLOT = 2;
/** Steps. */
export const DECISION_COUNT = 3;
/** The outcome's words, then the columns' (decisionColumns.ts). */
export const DECISION_OUTCOME = 4;
