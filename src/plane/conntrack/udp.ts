import type { Entries } from "./entries.ts";
import { IPS_ASSURED, IPS_CONFIRMED, IPS_SEEN_REPLY, TRACK_ACCEPT } from "./info.ts";
import { ENTRY_SHIFT, STATUS, UDP_STREAM_FROM } from "./layout.ts";

/** A flow that is answered for longer than this is a stream, in ms. */
const STREAM_AFTER = 2000;

/** Tracks a UDP packet (nf_conntrack_proto_udp.c): 30 s, and 120 s once traffic went both ways for two seconds. */
export function trackUdp(ct: Entries, entry: number, now: number): number {
  const words = ct.words;
  const o = entry << ENTRY_SHIFT;
  const status = words[o + STATUS];
  if ((status & IPS_CONFIRMED) === 0) words[o + UDP_STREAM_FROM] = (now + STREAM_AFTER) | 0;
  // Seen before this packet: the first answer itself does not count.
  if ((status & IPS_SEEN_REPLY) !== 0 && ((now - words[o + UDP_STREAM_FROM]) | 0) > 0) {
    ct.refresh(entry, now, ct.timeouts.udpStream);
    words[o + STATUS] |= IPS_ASSURED;
  } else ct.refresh(entry, now, ct.timeouts.udp);
  return TRACK_ACCEPT;
}

/** Tracks a packet of a protocol that nothing is known about (nf_conntrack_proto_generic.c). */
export function trackGeneric(ct: Entries, entry: number, now: number): number {
  ct.refresh(entry, now, ct.timeouts.generic);
  return TRACK_ACCEPT;
}
