/** Expressions as people write them, each asked of tcpdump itself. */
export const EXPRESSIONS: readonly string[] = `
host 10.0.0.1
src host 10.0.0.1
dst host 10.0.0.1
src 10.0.0.1
dst 10.0.0.1
src or dst host 10.0.0.1
src and dst host 10.0.0.1
dst or src 10.0.0.1
dst and src 10.0.0.1
ip host 10.0.0.1
ip src 10.0.0.2
host 10.0.0
host 10.1
host 10
host 010.0.0.1
host 10.0.0.1 or 10.0.0.2
host 10.0.0.1 and 10.0.0.2
host (10.0.0.1 or 10.0.0.2)
host 10.0.0.1 and (10.0.0.2 or 10.1.2.3)
host 10.0.0.1 and not 10.0.0.2
host 10.0.0.1 and (10.0.0.2 or not 10.1.2.3)
src host 10.0.0.1 or 10.0.0.2
src 10.0.0.1 and dst 10.0.0.2
host 10.0.0.1 and not port 80
not host 10.0.0.1
! host 10.0.0.1
!host 10.0.0.1
not not host 10.0.0.1
not host 10.0.0.1 or 10.0.0.2
net 10.0.0.0/8
net 10.0.0.0/16
net 10.0.0.1/32
net 0.0.0.0/0
src net 10.0.0.0/8
dst net 192.168.0.0/16
src and dst net 10.0.0.0/8
net 10
net 10.0
net 10.0.0
net 2560
net 10.0.0.0
net 10.0.0.0 mask 255.0.0.0
net 10.0 mask 255.255.0.0
net 10.0.0.0/16 or 192.168.0.0/16
net 10.0.0.0/8 and not 10.0.0.0/24
ip net 10
port 80
src port 80
dst port 80
src or dst port 80
src and dst port 80
port 0x50
port 80 or 443
port 80 or 443 or 53
port (80 or 443)
port 80 or (443 or 53)
port 80 or (443)
port ((80) or 443)
tcp port 80
udp port 53
sctp port 443
tcp dst port 80 or 443
tcp src port 80 and dst port 443
tcp port 80 or udp port 53
not tcp port 80
not port 80 and not port 443
port 80 and not 443
port http
port domain
port https
tcp port http
udp port domain
tcp port ssh or http
portrange 6000-6008
portrange 6008-6000
portrange 443
portrange http-https
portrange ftp-http
portrange bootps-80
src portrange 6000-6008
tcp dst portrange 1-1024
udp portrange 6000-6008 or 53-80
tcp
udp
icmp
sctp
igmp
igrp
pim
vrrp
carp
ah
esp
ip
ip6
icmp6
tcp or udp
tcp or udp and port 80
port 80 and tcp or udp
(tcp or udp) and port 80
tcp and (port 80 or port 443)
tcp and not (port 80 or port 443)
port 80 and (tcp) or 443
tcp && port 80 || udp && port 53
not (tcp or udp)
((tcp))
proto 6
proto 47
proto gre
proto \\tcp
ip proto 6
ip proto 47
ip proto \\udp
ip proto \\icmp
ip proto gre
ip proto ospf
ip proto 6 or 17
ip6 proto 6
ip6 proto \\udp
ip6 proto 58
ip multicast
ip6 multicast
not ip multicast
less 64
greater 64
less 0x50
len > 100
len <= 100
length = 60
len - 20 > 40
100 < len
ip[0] = 0x45
ip[0] & 0xf != 5
ip[6:2] & 0x1fff = 0
ip[6:2] & 0x3fff != 0
ip[6] & 0x40 != 0
ip[8] < 64
ip[9] = 6
ip[2:2] > 60
ip[12:4] = 0x0a000001
ip[16] >= 224
ip[1] & 0xfc >> 2 = 46
tcp[13] = 2
tcp[13] & 2 != 0
tcp[tcpflags] & tcp-syn != 0
tcp[tcpflags] & (tcp-syn|tcp-fin) != 0
tcp[tcpflags] & (tcp-syn|tcp-ack) == (tcp-syn|tcp-ack)
tcp[tcpflags] == tcp-syn
tcp[tcpflags] & (tcp-rst|tcp-push|tcp-urg|tcp-ece|tcp-cwr) != 0
not tcp[tcpflags] & tcp-syn != 0
tcp[0:2] = 80
tcp[2:2] = 443 or tcp[0:2] = 443
tcp[12] >> 4 = 5
tcp[-4:4] = 0x0a000001
tcp[100] = 0
not tcp[100] = 0
tcp[100] = 0 or host 10.0.0.1
host 10.0.0.1 or tcp[100] = 0
udp[4:2] > 8
udp[0:2] = 53
icmp[icmptype] = icmp-echo
icmp[icmptype] == icmp-echoreply
icmp[icmptype] != icmp-echo and icmp[icmptype] != icmp-echoreply
icmp[icmptype] == icmp-unreach and icmp[icmpcode] == 4
icmp[icmptype] = icmp-timxceed
icmp6[icmp6type] = icmp6-echo
icmp6[0] = 129
ip6[6] = 6
ip6[40] = 6
sctp[12] = 1
igmp[0] = 0x11
ip[ip[0] & 0xf] = 0
ip[0] + ip[1] - ip[8] * 2 > 10
ip[2:2] / 2 = 30
ip[2:2] % 4 = 0
ip[8] ^ 64 = 0
ip[0] % 4 + 1 = 2
1 + ip[8] % 5 = 5
- ip[8] > 5
-1 = 0xffffffff
1 << 31 > 5
ip[0] << 30 >> 30 = 1
(ip[0] & 0xf) * 4 = 20
(ip[0]) = 69
1 = 1
1 = 2
((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0
tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)
host 10.0.0.1 and tcp port 80
port 80 or 1 = 1
host 2001:db8::1
src host 2001:db8::1
ip6 host fe80::1
ip6 src and dst host 2001:db8::1
net 2001:db8::/32
dst net fe80::/10
net ::/0
host 2001:db8:0:0:0:0:0:2
host 10.0.0.1 or 2001:db8::1
`
  .trim()
  .split("\n")
  .map((line) => line.replaceAll("\\\\", "\\"));

/** What is no expression, and the message. `~`: libpcap takes it, and what it means there means nothing here. */
export const ERRORS: readonly (readonly [expression: string, message: string])[] = [
  ["10.0.0.1", 'column 1: 10.0.0.1 of what? Write "host 10.0.0.1"'],
  ["(10.0.0.1)", 'column 2: 10.0.0.1 of what? Write "host 10.0.0.1"'],
  ["tcp and 80", 'column 9: 80 of what? Write "port 80" or "ip proto 80"'],
  ["80", 'column 1: 80 of what? Write "port 80" or "ip proto 80"'],
  ["web-1", 'column 1: "web-1" is no word of a filter: write "host pod/web-1" for a pod'],
  ["tcp or web-1", 'column 8: "web-1" is no word of a filter: write "host pod/web-1" for a pod'],
  ["pod/web-1", 'column 1: pod/web-1 of what? Write "host pod/web-1"'],
  ["TCP port 80", 'column 1: "TCP" is no word: words are in lower case'],
  ["tcp Port 80", 'column 5: expected "and", "or" or the end, got "Port"; words are in lower case'],
  ["tcp udp", 'column 5: expected "and", "or" or the end, got "udp"'],
  ["host", "column 5: expected an address, such as 10.0.1.16, or a name, such as pod/web-1, the expression ends"],
  ["port", "column 5: expected a port, such as 80, the expression ends"],
  ["port tcp", 'column 6: expected a port, such as 80, got "tcp"'],
  ["net and tcp", 'column 5: expected a network, such as 10.0.0.0/16, got "and"'],
  ["tcp and", 'column 8: expected something to match, such as "host 10.0.1.16", the expression ends'],
  ["and tcp", 'column 1: expected something to match, such as "host 10.0.1.16", got "and"'],
  ["mask tcp", 'column 1: expected something to match, such as "host 10.0.1.16", got "mask"'],
  ["(tcp", 'column 5: expected ")" to close the "(" of column 1, the expression ends'],
  ["tcp)", 'column 4: expected "and", "or" or the end, got ")"'],
  ["port 80 or (443 or port 53)", 'column 20: expected a port, such as 80, got "port"'],
  ["host foo", 'column 6: "foo" is no address: write 10.0.1.16, or a name such as pod/foo'],
  ["host pod/web-1", "column 6: nothing here knows names: write the address of pod/web-1"],
  ["net pod/web-1", 'column 5: "pod/web-1" is no network: write "host pod/web-1"'],
  ["host 256.1.1.1", 'column 6: "256.1.1.1" is no IPv4 address'],
  ["host 0x0a.1.1.1", 'column 6: "0x0a.1.1.1" is no IPv4 address: write decimal numbers'],
  ["host 2001:db8::1::2", 'column 6: "2001:db8::1::2" is no IPv6 address'],
  ["host 10.0.0.0/8", 'column 6: a host has no mask: write "net 10.0.0.0/8"'],
  ["host 10.0.0.0 mask 255.0.0.0", 'column 6: a host has no mask: write "net 10.0.0.0 mask 255.0.0.0"'],
  ["host 2001:db8::/32", 'column 6: a host has no mask: write "net 2001:db8::/32"'],
  ["net 10.0.0.1/8", "column 5: 10.0.0.1/8 has bits set behind its mask: write the network's first address"],
  [
    "net 10.0.0.1 mask 255.0.0.0",
    "column 5: 10.0.0.1 mask 255.0.0.0 has bits set behind its mask: write the network's first address",
  ],
  ["net 10.0.0.0 mask 255.0.0.256", 'column 19: "255.0.0.256" is no mask'],
  ["net 2001:db8::1/32", "column 5: 2001:db8::1/32 has bits set behind its mask: write the network's first address"],
  ["net 10.0.0.0/33", "column 14: a prefix has 0 to 32 bits"],
  ["net 2001:db8::/129", "column 16: an IPv6 prefix has 0 to 128 bits"],
  ["net 10/8", "column 5: write the network with its dots, such as 10.0.0.0/8"],
  ["net 10.0.0.0 mask 8", 'column 19: expected a mask, such as 255.255.255.0, got "8"'],
  ["tcp host 10.0.0.1", 'column 1: "tcp" does not go with 10.0.0.1: write "tcp and host 10.0.0.1"'],
  ["tcp src 10.0.0.1", 'column 1: "tcp" does not go with 10.0.0.1: write "tcp and src host 10.0.0.1"'],
  ["ip6 host 10.0.0.1", 'column 1: "ip6" does not go with 10.0.0.1: write "ip host 10.0.0.1"'],
  ["ip net 2001:db8::/32", 'column 1: "ip" does not go with 2001:db8::/32: write "ip6 net 2001:db8::/32"'],
  ["port 65536", "column 6: 65536 is no port: write 0 to 65535"],
  ["port 80-90", 'column 6: 80-90 is a range: write "portrange 80-90"'],
  ["port 10.0.0.1", 'column 6: "10.0.0.1" is no port: write a number, such as 80'],
  ["port nosuchservice", 'column 6: no port is called "nosuchservice" here: write its number'],
  ["udp port http", 'column 10: "http" is no port of that protocol: write its number, 80'],
  ["icmp port 80", 'column 1: "icmp" has no ports: write "port 80", or tcp, udp or sctp'],
  ["ip port 80", 'column 1: "ip" has no ports: write "port 80", or tcp, udp or sctp'],
  ["portrange 10.0.0.1", 'column 11: "10.0.0.1" is no range of ports: write 6000-6008'],
  ["portrange 80-70000", "column 14: 70000 is no port: write 0 to 65535"],
  ["ip proto tcp", 'column 10: expected a protocol, such as 6 or "\\tcp", got "tcp"'],
  ["ip proto nosuch", 'column 10: no protocol is called "nosuch" here: write its number'],
  ["tcp proto 6", 'column 1: "tcp" carries no protocol by number: write "ip proto 6"'],
  ["src proto 6", 'column 5: "proto" has no source and destination'],
  ["src or tcp", 'column 5: expected an address, such as 10.0.1.16, or a name, such as pod/web-1, got "or"'],
  ["ip[0:3] = 1", "column 6: a value is 1, 2 or 4 bytes, not 3"],
  ["ip[0:x] = 1", 'column 6: expected the number of bytes: 1, 2 or 4, got "x"'],
  ["ip[0", 'column 5: expected "]" to close the "[" of column 3, the expression ends'],
  ["ip[] = 1", 'column 4: expected a number, "len" or bytes, such as ip[8], got "]"'],
  ["ip[0]", 'column 6: expected a comparison, such as "= 1", the expression ends'],
  ["ip[0] = 1 = 2", 'column 11: expected "and", "or" or the end, got "="'],
  ["ip[0] = host", 'column 9: expected a number, "len" or bytes, such as ip[8], got "host"'],
  ["1 + tcp = 1", 'column 9: expected "[" behind "tcp", got "="'],
  ["esp[0] = 1", 'column 1: "esp" has no bytes to look at: write ip[N]'],
  ["ip[0] / 0 = 1", "column 7: division by zero"],
  ["ip[0] % 0 = 1", "column 7: division by zero"],
  ["ip[0] << 32 = 1", "column 7: a number has 32 bits: shift by 0 to 31"],
  ["len-20 > 1", 'column 1: "len-20" is no word of a filter: write spaces around the "-"'],
  [
    "ip[0] = 2-1",
    'column 9: expected a number, "len" or bytes, such as ip[8], got "2-1"; a "-" that subtracts has spaces around it',
  ],
  ["less tcp", 'column 6: expected a number of bytes, got "tcp"'],
  ["ip[0] = 089", "column 9: 089 begins with 0 and so is octal, but is no octal"],
  ["ip[0] = 4294967296", "column 9: 4294967296 does not fit 32 bits"],
  ["tcp ? udp", 'column 5: unexpected "?"'],
  [
    "ether host 00:11:22:33:44:55",
    'column 1: "ether" does not fit packets that begin at IP: there is nothing below IP here: write what the IP header has, such as "host 10.0.1.16"',
  ],
  [
    "host 00:11:22:33:44:55",
    'column 6: "00:11:22:33:44:55" is an Ethernet address: write the IP address, such as "host 10.0.1.16"',
  ],
  [
    "host 00-11-22-33-44-55",
    'column 6: "00-11-22-33-44-55" is an Ethernet address: write the IP address, such as "host 10.0.1.16"',
  ],
  [
    "vlan 5",
    'column 1: "vlan" does not fit packets that begin at IP: packets in a lab carry no tag or label: leave it out',
  ],
  [
    "tcp and gateway snup",
    'column 9: "gateway" does not fit packets that begin at IP: write the address, such as "host 10.0.1.1"',
  ],
  ["broadcast", 'column 1: there is nothing below IP here: write "ip broadcast"'],
  ["tcp multicast", 'column 5: there is nothing below IP here: write "ip multicast" or "ip6 multicast"'],
];

/** Expressions that libpcap takes and that mean nothing here, or little. */
export const REFUSED: readonly (readonly [expression: string, message: string])[] = [
  [
    "arp",
    'column 1: "arp" does not fit packets that begin at IP: the VPC answers ARP itself, and no packet of it comes here',
  ],
  [
    "ether[0] = 0x45",
    'column 1: "ether" does not fit packets that begin at IP: there is nothing below IP here: write what the IP header has, such as "host 10.0.1.16"',
  ],
  [
    "geneve",
    'column 1: "geneve" does not fit packets that begin at IP: what a tunnel carries is not looked at: write the outer packet, such as "udp port 6081"',
  ],
  ["ip protochain 6", 'column 4: "protochain" does not fit packets that begin at IP: write "ip proto N"'],
  ["byte 0 = 1", 'column 1: "byte" does not fit packets that begin at IP: write "ip[N]"'],
  [
    "inbound",
    'column 1: "inbound" does not fit packets that begin at IP: a packet has no one direction here: write "src host" or "dst host", or filter by pod',
  ],
  ["net loopback", 'column 5: "loopback" is no network: write 10.0.0.0/8'],
  ["ip proto 256", "column 10: 256 is no protocol: write 0 to 255"],
];
