"""Opens TCP connections, all at once, and says what became of each.

Arguments: seconds to wait at most, the connections as ADDRESS:PORT:MSS:ANSWER. Each connection is known by the MSS that
its SYN announces, which no translation changes. It waits until all with ANSWER "1" were answered, accepted or refused.
Output: JSON, by MSS, "accepted", "refused", "silent" or the error's name.
"""

import errno
import json
import select
import socket
import sys
import time

poll = select.poll()
pending = {}
results = {}
awaited = set()


def settle(fd):
    mss, connection = pending.pop(fd)
    poll.unregister(fd)
    error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    names = {0: "accepted", errno.ECONNREFUSED: "refused"}
    results[mss] = names.get(error, errno.errorcode.get(error, str(error)))
    awaited.discard(mss)
    connection.close()


for text in sys.argv[2:]:
    address, port, mss, answer = text.split(":")
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, int(mss))
    connection.connect_ex((address, int(port)))
    pending[connection.fileno()] = (mss, connection)
    poll.register(connection, select.POLLOUT)
    if answer == "1":
        awaited.add(mss)

deadline = time.monotonic() + float(sys.argv[1])
while awaited and time.monotonic() < deadline:
    for fd, _ in poll.poll(100):
        settle(fd)
for fd, _ in poll.poll(0):
    settle(fd)
results.update({mss: "silent" for mss, _ in pending.values()})
print(json.dumps(results))
