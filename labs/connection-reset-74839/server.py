"""Echoes lines, and before the second answer of a connection sends a segment from far outside the window.

    python3 server.py PORT

The numbers of a connection are read from the client's own segments, of which a raw socket gets a copy.
"""

import os
import select
import socket
import struct
import sys

PORT = int(sys.argv[1])
ACK = 0x10
# No window reaches this far.
FAR_AHEAD = 100_000_000


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def segment(source, target, seq, ack, payload):
    """A TCP segment with its checksum, from one (address, port) to another."""
    head = [source[1], target[1], seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 5 << 4, ACK, 512, 0, 0]
    length = 20 + len(payload)
    pseudo = socket.inet_aton(source[0]) + socket.inet_aton(target[0]) + struct.pack("!BBH", 0, socket.IPPROTO_TCP, length)
    head[7] = checksum(pseudo + struct.pack("!HHIIBBHHH", *head) + payload)
    return struct.pack("!HHIIBBHHH", *head) + payload


def last_of(raw, client):
    """What the client's latest segment with data says: (number after its data, number that it expects next)."""
    found = None
    while select.select([raw], [], [], 0)[0]:
        packet = raw.recv(65535)
        header = (packet[0] & 15) * 4
        sport, dport, seq, ack, offset = struct.unpack("!HHIIB", packet[header : header + 13])
        data = len(packet) - header - (offset >> 4) * 4
        if (sport, dport) == (client[1], PORT) and data > 0:
            found = (seq + data, ack)
    return found


raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
listener = socket.create_server(("", PORT))
print("listens", flush=True)
while True:
    connection, client = listener.accept()
    own = connection.getsockname()
    try:
        for count, line in enumerate(connection.makefile("rb")):
            if count == 1:
                expected, following = last_of(raw, client)
                raw.sendto(segment(own, client, following + FAR_AHEAD, expected, b"?"), client)
                print(f"sent a segment to {client[0]} from outside the window", flush=True)
                # Its answer, if it gets one, comes before ours.
                select.select([], [], [], 0.3)
            connection.sendall(line)
        print("the client closed", flush=True)
    except OSError as error:
        print(f"connection lost: {os.strerror(error.errno or 0)}", flush=True)
    connection.close()
