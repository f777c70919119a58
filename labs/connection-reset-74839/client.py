"""Sends five lines over one connection and expects each of them back.

    python3 client.py HOST PORT
"""

import socket
import sys
import time

connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
answers = connection.makefile("rb")
for count in range(1, 6):
    line = f"line {count}\n"
    try:
        connection.sendall(line.encode())
        answer = answers.readline()
    except OSError as error:
        sys.exit(f"line {count}: {error.strerror or error}")
    if answer.decode() != line:
        sys.exit(f"line {count}: the connection ended")
    print(f"line {count}: answered", flush=True)
    time.sleep(0.2)
