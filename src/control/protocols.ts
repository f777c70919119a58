import { PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../plane/packet.ts";

/** Protocol numbers of a ServicePort's protocol. */
export const PROTOCOLS = { TCP: PROTO_TCP, UDP: PROTO_UDP, SCTP: PROTO_SCTP };
