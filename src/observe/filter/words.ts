import { PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../../plane/packet.ts";

/** The words of pcap-filter(7), as libpcap's scanner has them. */

/** What a protocol's name means where packets begin at their IP header. */
export interface ProtocolWord {
  /** null: in IPv4 and in IPv6. */
  readonly version: 4 | 6 | null;
  /** Protocol or next header; null: the IP header itself. */
  readonly number: number | null;
  /** Whether `NAME[offset]` is defined. */
  readonly hasBytes: boolean;
}

const protocol = (version: 4 | 6 | null, number: number | null, hasBytes = true): ProtocolWord => ({
  version,
  number,
  hasBytes,
});

/** Next header of ICMPv6 (RFC 8200). */
export const PROTO_ICMP6 = 58;

export const PROTOCOL_WORDS: ReadonlyMap<string, ProtocolWord> = new Map([
  ["ip", protocol(4, null)],
  ["ip6", protocol(6, null)],
  ["tcp", protocol(null, PROTO_TCP)],
  ["udp", protocol(null, PROTO_UDP)],
  ["sctp", protocol(null, PROTO_SCTP)],
  ["icmp", protocol(4, PROTO_ICMP)],
  ["igmp", protocol(4, 2)],
  ["igrp", protocol(4, 9)],
  ["pim", protocol(null, 103)],
  ["vrrp", protocol(4, 112)],
  ["carp", protocol(4, 112)],
  ["icmp6", protocol(6, PROTO_ICMP6)],
  ["esp", protocol(null, 50, false)],
  ["ah", protocol(null, 51, false)],
]);

/** Words of the grammar that are no protocols. */
export const GRAMMAR_WORDS: ReadonlySet<string> = new Set([
  ...["and", "or", "not", "src", "dst", "host", "net", "mask", "port", "portrange", "proto"],
  ...["less", "greater", "len", "length", "broadcast", "multicast"],
]);

/** Words that are numbers: offsets of fields, ICMP types, TCP flags. */
export const CONSTANTS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    icmptype: 0,
    icmpcode: 1,
    "icmp-echoreply": 0,
    "icmp-unreach": 3,
    "icmp-sourcequench": 4,
    "icmp-redirect": 5,
    "icmp-echo": 8,
    "icmp-routeradvert": 9,
    "icmp-routersolicit": 10,
    "icmp-timxceed": 11,
    "icmp-paramprob": 12,
    "icmp-tstamp": 13,
    "icmp-tstampreply": 14,
    "icmp-ireq": 15,
    "icmp-ireqreply": 16,
    "icmp-maskreq": 17,
    "icmp-maskreply": 18,
    icmp6type: 0,
    icmp6code: 1,
    "icmp6-destinationunreach": 1,
    "icmp6-packettoobig": 2,
    "icmp6-timeexceeded": 3,
    "icmp6-parameterproblem": 4,
    "icmp6-echo": 128,
    "icmp6-echoreply": 129,
    "icmp6-multicastlistenerquery": 130,
    "icmp6-multicastlistenerreportv1": 131,
    "icmp6-multicastlistenerdone": 132,
    "icmp6-routersolicit": 133,
    "icmp6-routeradvert": 134,
    "icmp6-neighborsolicit": 135,
    "icmp6-neighboradvert": 136,
    "icmp6-redirect": 137,
    "icmp6-routerrenum": 138,
    "icmp6-nodeinformationquery": 139,
    "icmp6-nodeinformationresponse": 140,
    "icmp6-ineighbordiscoverysolicit": 141,
    "icmp6-ineighbordiscoveryadvert": 142,
    "icmp6-multicastlistenerreportv2": 143,
    "icmp6-homeagentdiscoveryrequest": 144,
    "icmp6-homeagentdiscoveryreply": 145,
    "icmp6-mobileprefixsolicit": 146,
    "icmp6-mobileprefixadvert": 147,
    "icmp6-certpathsolicit": 148,
    "icmp6-certpathadvert": 149,
    "icmp6-multicastrouteradvert": 151,
    "icmp6-multicastroutersolicit": 152,
    "icmp6-multicastrouterterm": 153,
    tcpflags: 13,
    "tcp-fin": 0x01,
    "tcp-syn": 0x02,
    "tcp-rst": 0x04,
    "tcp-push": 0x08,
    "tcp-ack": 0x10,
    "tcp-urg": 0x20,
    "tcp-ece": 0x40,
    "tcp-cwr": 0x80,
  }),
);

/** A port by its name in IANA's registry, and the only protocol that has it there; null: several. */
export interface PortWord {
  readonly port: number;
  readonly protocol: number | null;
}

const tcp = (port: number): PortWord => ({ port, protocol: PROTO_TCP });
const udp = (port: number): PortWord => ({ port, protocol: PROTO_UDP });
const both = (port: number): PortWord => ({ port, protocol: null });

/**
 * The names of ports that people write, with what Debian's /etc/services says of them. The file itself is not read: the
 * same filter means the same on every machine.
 */
export const PORT_WORDS: ReadonlyMap<string, PortWord> = new Map([
  ["ftp", tcp(21)],
  ["ssh", tcp(22)],
  ["telnet", tcp(23)],
  ["smtp", tcp(25)],
  ["domain", both(53)],
  ["bootps", udp(67)],
  ["bootpc", udp(68)],
  ["tftp", udp(69)],
  ["http", tcp(80)],
  ["kerberos", both(88)],
  ["ntp", udp(123)],
  ["snmp", both(161)],
  ["bgp", tcp(179)],
  ["ldap", both(389)],
  ["https", both(443)],
  ["syslog", udp(514)],
  ["ldaps", both(636)],
  ["nfs", both(2049)],
  ["mysql", tcp(3306)],
  ["postgresql", tcp(5432)],
  ["redis", tcp(6379)],
  ["http-alt", tcp(8080)],
]);

/** Protocols by their names in Debian's /etc/protocols: `ip proto gre`, `ip proto \tcp`. */
export const PROTOCOL_NUMBERS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    icmp: PROTO_ICMP,
    igmp: 2,
    ipencap: 4,
    tcp: PROTO_TCP,
    egp: 8,
    igp: 9,
    udp: PROTO_UDP,
    dccp: 33,
    ipv6: 41,
    gre: 47,
    esp: 50,
    ah: 51,
    "ipv6-icmp": PROTO_ICMP6,
    eigrp: 88,
    ospf: 89,
    pim: 103,
    vrrp: 112,
    sctp: PROTO_SCTP,
    udplite: 136,
  }),
);

const BELOW_IP = 'there is nothing below IP here: write what the IP header has, such as "host 10.0.1.16"';
const NO_ARP = "the VPC answers ARP itself, and no packet of it comes here";
const NO_TAG = "packets in a lab carry no tag or label: leave it out";
const DIRECTION = 'a packet has no one direction here: write "src host" or "dst host", or filter by pod';
const INTERFACE = "filter by pod or node instead";
const FIREWALL = "filter by verdict or reason instead";
const TUNNEL = 'what a tunnel carries is not looked at: write the outer packet, such as "udp port 6081"';

const FOREIGN_GROUPS: readonly (readonly [hint: string, words: string])[] = [
  [BELOW_IP, "ether link ppp slip fddi tr wlan radio lane llc atalk aarp decnet lat sca moprc mopdl stp ipx netbeui"],
  [BELOW_IP, "iso esis es-is isis is-is l1 l2 iih lsp snp csnp psnp clnp"],
  [BELOW_IP, "type subtype direction dir addr1 address1 addr2 address2 addr3 address3 addr4 address4 ra ta"],
  [BELOW_IP, "metac bcc oam oamf4 oamf4ec oamf4sc sc ilmic vpi vci connectmsg metaconnect"],
  [BELOW_IP, "fisu lssu lsu msu hfisu hlssu hmsu sio opc dpc sls hsio hopc hdpc hsls"],
  [NO_ARP, "arp rarp"],
  [NO_TAG, "vlan mpls pppoed pppoes"],
  [TUNNEL, "geneve"],
  [DIRECTION, "inbound outbound"],
  [INTERFACE, "ifindex on ifname"],
  [FIREWALL, "rset ruleset rnr rulenum srnr subrulenum reason action"],
  ['write the address, such as "host 10.0.1.1"', "gateway"],
  ['write "ip proto N"', "protochain"],
  ['write "ip[N]"', "byte"],
];

/** Words of pcap-filter that mean nothing for packets that begin at their IP header, and what to do instead. */
export const FOREIGN_WORDS: ReadonlyMap<string, string> = new Map(
  FOREIGN_GROUPS.flatMap(([hint, words]) => words.split(" ").map((word) => [word, hint] as const)),
);
