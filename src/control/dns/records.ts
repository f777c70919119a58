import type { SoaAnswer, SrvAnswer, StringAnswer, TxtAnswer } from "dns-packet";

export type DnsRecord = StringAnswer | SrvAnswer | SoaAnswer | TxtAnswer;

export const NOERROR = 0;
export const FORMERR = 1;
export const NXDOMAIN = 3;
export const NOTIMP = 4;
export const REFUSED = 5;
/** RFC 6891 section 9: its upper bits are in the OPT record. */
export const BADVERS = 16;

/** What a resolver says of a question. */
export interface Reply {
  readonly rcode: number;
  /** Whether it is the resolver's own zone; false: as a recursive resolver has it from elsewhere. */
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

export interface Resolver {
  /**
   * @param name as it was asked: answers repeat it letter by letter (draft-vixie-dnsext-dns0x20)
   * @param type such as `A`
   */
  reply(name: string, type: string): Reply;
}

/** A resolver that knows some names alone. */
export interface Zone {
  /** null: the name is not the zone's. */
  reply(name: string, type: string): Reply | null;
}

export function answered(
  answers: readonly DnsRecord[],
  authoritative: boolean,
  additionals: readonly DnsRecord[] = [],
): Reply {
  return { rcode: NOERROR, authoritative, answers, authorities: [], additionals };
}

/** No such name, or none of that type, with the SOA that says how long that holds (RFC 2308). */
export function negative(rcode: typeof NOERROR | typeof NXDOMAIN, authoritative: boolean, soa: SoaAnswer): Reply {
  return { rcode, authoritative, answers: [], authorities: [soa], additionals: [] };
}

/** A transfer of the zone is nobody's business. */
export function refused(): Reply {
  return { rcode: REFUSED, authoritative: false, answers: [], authorities: [], additionals: [] };
}
