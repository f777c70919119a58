"""libpcap itself, for many expressions at once: what tcpdump calls for a filter, without a process for each.

stdin: {"packets": [[HEX, WIRE LENGTH]...], "expressions": [...]}
stdout: for each expression {"error": TEXT} or {"matches": [packet numbers]}
"""

import ctypes
import json
import sys

pcap = ctypes.CDLL("libpcap.so.0.8")
pcap.pcap_open_dead.restype = ctypes.c_void_p
pcap.pcap_geterr.restype = ctypes.c_char_p
pcap.pcap_geterr.argtypes = [ctypes.c_void_p]

DLT_RAW = 12
SNAPLEN = 262144


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint), ("code", ctypes.c_void_p)]


class Header(ctypes.Structure):
    _fields_ = [("sec", ctypes.c_long), ("usec", ctypes.c_long), ("caplen", ctypes.c_uint32), ("len", ctypes.c_uint32)]


pcap.pcap_compile.argtypes = [ctypes.c_void_p, ctypes.POINTER(Program), ctypes.c_char_p, ctypes.c_int, ctypes.c_uint32]
pcap.pcap_offline_filter.argtypes = [ctypes.POINTER(Program), ctypes.POINTER(Header), ctypes.c_char_p]

asked = json.load(sys.stdin)
packets = []
for text, length in asked["packets"]:
    data = bytes.fromhex(text)
    packets.append((Header(0, 0, len(data), length), data))

handle = ctypes.c_void_p(pcap.pcap_open_dead(DLT_RAW, SNAPLEN))
answers = []
for expression in asked["expressions"]:
    program = Program()
    # Not optimized: the optimizer leaves out loads whose value does not matter, and so what they would end.
    if pcap.pcap_compile(handle, ctypes.byref(program), expression.encode(), 0, 0) != 0:
        answers.append({"error": pcap.pcap_geterr(handle).decode()})
        continue
    matches = [
        i
        for i, (header, data) in enumerate(packets)
        if pcap.pcap_offline_filter(ctypes.byref(program), ctypes.byref(header), data) != 0
    ]
    pcap.pcap_freecode(ctypes.byref(program))
    answers.append({"matches": matches})
json.dump(answers, sys.stdout)
