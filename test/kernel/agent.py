"""One end of a wire: servers, sockets, crafted packets and a record of what eth0 saw, in the namespace it runs in.

    agent.py NAME wire    records what crosses eth0
    agent.py NAME local   records what reaches the sockets: a node's eth0 also carries what is not translated yet

Reads one JSON request a line, writes one JSON answer a line: {"value": ...} or {"error": "..."}. Everything that a
probe waits for is an answer, an accepted connection or an echo: nothing here waits for time to pass.
"""

import hashlib
import json
import os
import select
import socket
import struct
import sys
import threading

NAME, RECORDS = sys.argv[1:]
# A kernel keeps packets in order for each CPU: with one for all ends, a ping never overtakes what was sent before it.
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
DEVICE = "eth0"
TCP_PORT = 8080
UDP_PORT = 5353
WAIT = 5.0

ETH_P_IP = 0x0800
SOL_PACKET = 263
PACKET_AUXDATA = 8
PACKET_OUTGOING = 4
TP_STATUS_CSUMNOTREADY = 8
SO_RCVBUFFORCE = 33
RECORD_BUFFER = 32 << 20
IP_MTU_DISCOVER = 10
IP_PMTUDISC_DONT = 0
LONGEST = 0xFFFF
ANSWER = 200
# How much of a packet is handed over: the largest fragment of the probes has 9001 bytes.
SHOWN = 9100
BARRIER = b"podplane barrier"


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


def pattern(size):
    return (bytes(range(251)) * (size // 251 + 1))[:size]


# --- what eth0 saw

if RECORDS == "wire":
    # Cooked: without a link header, so that a TUN and a veth look alike.
    records = [socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))]
    records[0].setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    records[0].bind((DEVICE, ETH_P_IP))
else:
    protocols = (socket.IPPROTO_TCP, socket.IPPROTO_UDP, socket.IPPROTO_ICMP)
    records = [socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol) for protocol in protocols]
for each in records:
    each.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECORD_BUFFER)
    each.setblocking(False)


def recorded(source):
    while True:
        try:
            data, extra, _, address = source.recvmsg(LONGEST, 256)
        except BlockingIOError:
            return
        status = sum(struct.unpack("I", aux[:4])[0] for level, _, aux in extra if level == SOL_PACKET)
        if BARRIER not in data[:64] and not (RECORDS == "wire" and address[2] == PACKET_OUTGOING):
            yield {
                # Whether the kernel left the checksum to a device, or nobody knows.
                "partial": RECORDS != "wire" or status & TP_STATUS_CSUMNOTREADY != 0,
                "length": len(data),
                "hex": data[:SHOWN].hex(),
            }


def packets():
    return [packet for source in records for packet in recorded(source)]


# --- servers


def read_all(connection):
    """Everything up to the other end's FIN: its length and digest."""
    total, hashed = 0, hashlib.sha256()
    while data := connection.recv(1 << 16):
        total += len(data)
        hashed.update(data)
    return total, hashed.hexdigest()[:16]


def hello(peer, local):
    return {"name": NAME, "peer": list(peer[:2]), "local": list(local[:2])}


def serve_tcp(connection, peer):
    with connection:
        try:
            connection.sendall(json.dumps(hello(peer, connection.getsockname())).encode() + b"\n")
            total, digested = read_all(connection)
            connection.sendall(json.dumps({"got": total, "digest": digested}).encode() + b"\n")
        except OSError:
            pass


def accept(listener):
    while True:
        connection, peer = listener.accept()
        threading.Thread(target=serve_tcp, args=(connection, peer), daemon=True).start()


def serve_udp():
    """Answers every datagram that is there."""
    global served
    with serving:
        while True:
            try:
                data, peer = udp_server.recvfrom(LONGEST)
            except BlockingIOError:
                return
            except OSError:
                # An ICMP error about an answer of ours.
                continue
            answer = {**hello(peer, ("", 0)), "size": len(data), "digest": digest(data)}
            # Always as long, however many digits a port has.
            udp_server.sendto(json.dumps(answer).ljust(ANSWER).encode(), peer)
            served += 1


def echo():
    while True:
        select.select([udp_server], [], [])
        serve_udp()


listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("0.0.0.0", TCP_PORT))
listener.listen(64)
udp_server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp_server.bind(("0.0.0.0", UDP_PORT))
udp_server.setblocking(False)
serving = threading.Lock()
served = 0
threading.Thread(target=accept, args=(listener,), daemon=True).start()
threading.Thread(target=echo, daemon=True).start()

# --- requests

raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
raw.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
held = []


def send_raw(request):
    for packet in request["packets"]:
        data = bytes.fromhex(packet)
        try:
            raw.sendto(data, (socket.inet_ntoa(data[16:20]), 0))
        except PermissionError:
            # Linux tells a sender in the node itself what the OUTPUT hook dropped; podplane's sender hears nothing.
            pass


def outcome(error):
    return {"failed": "timeout" if isinstance(error, TimeoutError) else os.strerror(error.errno)}


def tcp(request):
    """Connects; says what the server saw, or how connecting failed. With `size`, sends that much and says what came."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("0.0.0.0", request["sport"]))
        client.settimeout(WAIT)
        try:
            client.connect((request["host"], request["port"]))
            reader = client.makefile()
            said = json.loads(reader.readline())
            data = pattern(request.get("size", 0))
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            got = json.loads(reader.readline())
            # The server's FIN: no packet of this connection is left to come.
            reader.read()
            intact = got == {"got": len(data), "digest": digest(data)}
            return {**said, "mine": list(client.getsockname()), "intact": intact, "size": len(data)}
        except OSError as error:
            return outcome(error)


def udp(request):
    """Sends a datagram; says what the server saw, or which error came back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        client.bind(("0.0.0.0", request["sport"]))
        client.settimeout(WAIT)
        data = pattern(request.get("size", 16))
        try:
            client.connect((request["host"], request["port"]))
            client.send(data)
            said = json.loads(client.recv(LONGEST))
            said["intact"] = said.pop("size") == len(data) and said.pop("digest") == digest(data)
            return {**said, "mine": list(client.getsockname()), "size": len(data)}
        except OSError as error:
            return outcome(error)


def serve(_):
    """Answers all datagrams that came; returns how many answers there were since it was last asked."""
    global served
    serve_udp()
    count, served = served, 0
    return count


def hold_udp(request):
    """Binds UDP ports for good, so that the kernel does not call them unreachable when a crafted flow is answered."""
    for port in request["ports"]:
        if any(holder.getsockname()[1] == port for holder in held):
            continue
        holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        holder.bind(("0.0.0.0", port))
        held.append(holder)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def barrier(request):
    """
    Pings every host and waits for all answers: whatever was sent before has arrived by then, because every wire keeps
    packets in order. Returns the hosts that did not answer.
    """
    missing = set(request["hosts"])
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as pinger:
        pinger.settimeout(WAIT)
        body = struct.pack("!BBHHH", 8, 0, 0, request["id"], 0) + BARRIER
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
        for host in missing:
            pinger.sendto(body, (host, 0))
        while missing:
            try:
                data, sender = pinger.recvfrom(LONGEST)
            except TimeoutError:
                break
            if data[20] == 0 and data[28:] == BARRIER and data[24:26] == body[4:6]:
                missing.discard(sender[0])
    return sorted(missing)


COMMANDS = {
    "raw": send_raw,
    "tcp": tcp,
    "udp": udp,
    "hold_udp": hold_udp,
    "barrier": barrier,
    "serve": serve,
    "packets": lambda _: packets(),
}

print(json.dumps({"value": "ready"}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    try:
        reply = {"value": COMMANDS[asked["do"]](asked)}
    except Exception as error:  # whatever it is, the test has to hear of it
        reply = {"error": f"{NAME}: {asked['do']}: {type(error).__name__}: {error}"}
    print(json.dumps(reply), flush=True)
