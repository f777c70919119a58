"""Looks a name up again and again, as any program does (getaddrinfo: A and AAAA), and says how long each time took.

Usage: python3 resolve.py NAME TIMES
"""

import socket
import sys
import time

name, times = sys.argv[1], int(sys.argv[2])
for _ in range(times):
    start = time.monotonic()
    try:
        socket.getaddrinfo(name, 53, type=socket.SOCK_STREAM)
        what = "resolved"
    except OSError as error:
        what = error.strerror
    print(f"{what} in {time.monotonic() - start:.1f} s", flush=True)
