"""UDP flows through the kernel's source NAT: which address and port each of them leaves with.

    unshare --net natFlows.py [--random | --random-fully]

Reads flows from standard input, 12 bytes each: source address and port, destination address and port, in network order.
Writes 6 bytes for each to standard output: the address and port that it left with, zeros where it did not leave. Its
namespace is the machine between two TUN devices: what is written to one and forwarded is read from the other.
"""

import fcntl
import os
import select
import struct
import subprocess
import sys

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 1, 0x1000
UDP = 17
# Fewer than a TUN's queue holds.
BURST = 256
WAIT_MS = 10_000
PUBLIC = "198.51.100.1"
# A flow that nothing translates: when it has come through, so has everything before it.
BARRIER = struct.pack(">4sH4sH", bytes([10, 99, 0, 1]), 9, bytes([203, 0, 113, 99]), 9)


def tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def packet(flow, number):
    source, sport, destination, dport = struct.unpack(">4sH4sH", flow)
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 32, 0, 0x4000, 64, UDP, 0, source, destination)
    total = sum(struct.unpack(">10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack(">H", ~total & 0xFFFF) + header[12:]
    return header + struct.pack(">HHHHI", sport, dport, 12, 0, number)


def main():
    inside, outside = tun("inside"), tun("outside")
    for device in ("inside", "outside"):
        run("ip", "link", "set", device, "up")
    run("ip", "route", "add", "10.0.0.0/8", "dev", "inside")
    run("ip", "route", "add", "default", "dev", "outside")
    run("iptables", "-w", "60", "-t", "nat", "-A", "POSTROUTING", "-o", "outside", "-p", "udp", "!", "-s", "10.99.0.0/16",
        "-j", "SNAT", "--to-source", PUBLIC, *sys.argv[1:])
    # What was there when a flow began stays there, however long the test takes.
    for name, value in (("net.ipv4.ip_forward", 1), ("net.ipv4.conf.all.rp_filter", 0),
                        ("net.ipv4.conf.inside.rp_filter", 0), ("net.netfilter.nf_conntrack_udp_timeout", 3600)):
        run("sysctl", "-qw", f"{name}={value}")
    data = sys.stdin.buffer.read()
    flows = [data[at:at + 12] for at in range(0, len(data), 12)]
    left = bytearray(6 * len(flows))
    poller = select.poll()
    poller.register(outside, select.POLLIN)
    for start in range(0, len(flows), BURST):
        for number in range(start, min(start + BURST, len(flows))):
            os.write(inside, packet(flows[number], number))
        os.write(inside, packet(BARRIER, 0))
        while True:
            try:
                got = os.read(outside, 2048)
            except BlockingIOError:
                if not poller.poll(WAIT_MS):
                    raise TimeoutError("a packet that nothing drops did not come through")
                continue
            if got[9] != UDP:
                continue
            if got[12:16] == BARRIER[:4]:
                break
            number = struct.unpack(">I", got[28:32])[0]
            left[6 * number:6 * number + 6] = got[12:16] + got[20:22]
    sys.stdout.buffer.write(left)


main()
