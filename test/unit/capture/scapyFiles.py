"""Writes capture files with scapy into the directory given: the same packets behind every link-layer header we read."""

import os
import struct
import sys

from scapy.all import (
    ARP, CookedLinux, Dot1AD, Dot1Q, Ether, GRE, ICMP, IP, IPOption, IPv6, ICMPv6ND_RS, LLC, PPP, PPPoE, Raw, SNAP, STP, TCP,
    UDP, PcapNgWriter, PcapWriter, fragment, raw,
)

os.chdir(sys.argv[1])
START = 1700000000.123456


# Addresses are given wherever scapy would otherwise look them up on this machine.
def ether(**fields):
    return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02", **fields)


def arp():
    return ARP(hwsrc="02:00:00:00:00:01", psrc="10.0.0.2", pdst="10.0.0.1")


def ip_packets():
    a, b = "192.168.32.10", "10.100.0.10"
    yield IP(src=a, dst=b, id=1) / UDP(sport=4000, dport=7000) / Raw(b"x" * 5)
    yield IP(src=b, dst=a, id=2) / TCP(sport=80, dport=4001, flags="S", seq=1, options=[("MSS", 1460)])
    yield IP(src=a, dst=b, id=3, options=[IPOption(b"\x07\x07\x04\x00\x00\x00\x00\x00")]) / ICMP()
    yield from fragment(IP(src=a, dst=b, id=4) / UDP(sport=1, dport=2) / Raw(b"y" * 3000), 1480)
    yield IP(src=a, dst=b, id=5) / GRE() / IP(src="1.1.1.1", dst="2.2.2.2") / UDP()
    yield IP(src=a, dst=b, id=6) / ICMP(type=3, code=4) / IP(src=b, dst=a) / UDP(sport=53, dport=4000)
    yield IP(src=a, dst=b, id=7) / TCP(sport=9, dport=10, flags="A") / Raw(b"z" * 8900)


def write(name, linktype, frames, **how):
    with PcapWriter(name, linktype=linktype, **how) as w:
        w.write_header(None)
        for i, frame in enumerate(frames):
            seconds = int(START) + i
            fraction = 123456789 if how.get("nano") else 123456
            w._write_packet(bytes(frame), sec=seconds, usec=fraction)


PACKETS = list(ip_packets())
V6 = IPv6(src="fe80::1", dst="ff02::2") / ICMPv6ND_RS()
BOTH = PACKETS + [V6]


def ethernet():
    for p in BOTH:
        yield raw(ether() / p).ljust(60, b"\0")
    for tag in (Dot1Q(vlan=5), Dot1AD(vlan=5) / Dot1Q(vlan=6), Dot1Q(vlan=1) / Dot1Q(vlan=2) / Dot1Q(vlan=3)):
        for p in PACKETS:
            yield raw(ether() / tag / p).ljust(60, b"\0")
    yield raw(ether() / arp()).ljust(60, b"\0")
    yield raw(ether() / PPPoE(sessionid=1) / PPP() / PACKETS[0])
    yield raw(ether() / Dot1Q(vlan=5) / arp())
    yield raw(ether(type=0x88CC) / Raw(b"\x02\x07" + b"l" * 50))
    inner = LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=0x0800) / PACKETS[0]
    yield b"\x02" * 12 + struct.pack(">H", len(raw(inner))) + raw(inner)
    bridge = LLC(dsap=0x42, ssap=0x42, ctrl=3) / STP()
    yield b"\x02" * 12 + struct.pack(">H", len(raw(bridge))) + raw(bridge)
    yield b"\x02" * 10
    yield raw(ether(type=0x8100) / Raw(b"\0"))


def family(order, p):
    return struct.pack(order + "I", 30 if p.version == 6 else 2) + raw(p)


def cooked(i, p):
    return CookedLinux(pkttype=i % 5, proto=0x86DD if p.version == 6 else 0x0800, src=b"\2" * 6) / p


def cooked2(i, p):
    proto = 0x86DD if p.version == 6 else 0x0800
    return struct.pack(">HHIHBB8s", proto, 0, 3, 1, i % 5, 6, b"\2" * 8) + raw(p)


ETHERNET = list(ethernet())
for order, name in (("<", "little"), (">", "big")):
    for nano in (False, True):
        write(f"ethernet-{name}-{'nano' if nano else 'micro'}.pcap", 1, ETHERNET, endianness=order, nano=nano)
for number in (101, 12, 14):
    write(f"raw-{number}.pcap", number, map(raw, BOTH))
write("ipv4.pcap", 228, map(raw, PACKETS))
write("ipv6.pcap", 229, [raw(V6)])
write("null-little.pcap", 0, [family("<", p) for p in BOTH], endianness="<")
write("null-big.pcap", 0, [family(">", p) for p in BOTH], endianness=">")
write("loop.pcap", 108, [family(">", p) for p in BOTH])
write("sll.pcap", 113, [raw(cooked(i, p)) for i, p in enumerate(BOTH)])
write("sll2.pcap", 276, [cooked2(i, p) for i, p in enumerate(BOTH)], nano=True)
write("ppp.pcap", 9, [raw(PPP(proto=0x57 if p.version == 6 else 0x21) / p) for p in BOTH] + [b"\xc0\x21\x09\x01\0\x08\0\0\0\0"])
write("ppp-hdlc.pcap", 50, [b"\xff\x03" + raw(PPP(proto=0x21) / p) for p in PACKETS])
write("ppp-dir.pcap", 204, [bytes([i & 1]) + raw(PPP(proto=0x21) / p) for i, p in enumerate(PACKETS)])
write("wifi.pcap", 105, [b"\x80" + b"\0" * 40])
with PcapNgWriter("scapy.pcapng") as w:
    for i, p in enumerate(PACKETS):
        w.write(ether() / p)
