"""Packets through the kernel's NAT, and what conntrack(8) says of them.

    unshare --net conntrackLines.py

Reads JSON from standard input: {"packets": [[device, hexadecimal bytes], ...]}. Each packet is written to one of two TUN
devices, inside and outside, of a namespace that translates as the plane of the test does. Writes JSON to standard output:
the lines of `conntrack -L`, of `conntrack -L -o extended`, and of `conntrack -E` up to the end of the last entry that
expires.
"""

import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 1, 0x1000
# A packet that nothing answers has none that comes out.
WAIT_MS = 50
LISTEN_S = 0.5
EXPIRE_S = 1.5


def tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def rule(table, chain, *rest):
    run("iptables", "-w", "60", "-t", table, "-A", chain, *rest)


def lines(*options):
    return subprocess.run(["conntrack", *options], check=True, capture_output=True, text=True).stdout.splitlines()


def main():
    packets = json.load(sys.stdin)["packets"]
    devices = {name: tun(name) for name in ("inside", "outside")}
    for name in devices:
        run("ip", "link", "set", name, "up")
    run("ip", "route", "add", "10.0.1.0/24", "dev", "inside")
    run("ip", "route", "add", "default", "dev", "outside")
    for name, value in (("net.ipv4.ip_forward", 1), ("net.ipv4.conf.all.rp_filter", 0),
                        ("net.ipv4.conf.inside.rp_filter", 0), ("net.ipv4.conf.outside.rp_filter", 0),
                        ("net.ipv4.conf.all.send_redirects", 0), ("net.ipv4.conf.outside.send_redirects", 0)):
        run("sysctl", "-qw", f"{name}={value}")
    # The second node of the test is another zone.
    rule("raw", "PREROUTING", "-s", "10.0.2.33", "-j", "CT", "--zone", "1")
    rule("raw", "PREROUTING", "-d", "10.0.2.10", "-j", "CT", "--zone", "1")
    rule("nat", "PREROUTING", "-d", "172.20.0.17", "-p", "tcp", "--dport", "80", "-j", "DNAT", "--to", "10.0.2.32:8080")
    rule("nat", "PREROUTING", "-d", "172.20.0.17", "-p", "udp", "--dport", "53", "-j", "DNAT", "--to", "10.0.2.32:5353")
    rule("mangle", "PREROUTING", "-i", "inside", "-d", "192.168.0.0/16", "-j", "CONNMARK", "--set-mark", "0x80")
    rule("nat", "POSTROUTING", "-s", "10.0.1.32", "-d", "192.168.0.0/16", "-j", "SNAT", "--to-source", "10.0.1.10")
    rule("nat", "POSTROUTING", "-s", "10.0.2.33", "-d", "192.168.0.0/16", "-j", "SNAT", "--to-source", "10.0.2.10")
    for name, value in (("acct", 1), ("icmp_timeout", 1), ("tcp_timeout_established", 432000)):
        run("sysctl", "-qw", f"net.netfilter.nf_conntrack_{name}={value}")
    with tempfile.TemporaryFile("w+") as events:
        watcher = subprocess.Popen(["conntrack", "-E"], stdout=events, stderr=subprocess.DEVNULL)
        time.sleep(LISTEN_S)
        poller = select.poll()
        for fd in devices.values():
            poller.register(fd, select.POLLIN)
        for device, data in packets:
            os.write(devices[device], bytes.fromhex(data))
            # It has come through, or nothing does.
            for fd, _ in poller.poll(WAIT_MS):
                os.read(fd, 65536)
        listed = lines("-L")
        extended = lines("-L", "-o", "extended")
        time.sleep(EXPIRE_S)
        # Who lists the table removes what has expired.
        lines("-L")
        time.sleep(LISTEN_S)
        watcher.send_signal(signal.SIGINT)
        watcher.wait()
        events.seek(0)
        seen = events.read().splitlines()
    json.dump({"list": listed, "extended": extended, "events": seen}, sys.stdout)


main()
