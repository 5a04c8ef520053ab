"""It reads lines."""

import socket
import sys
import threading


def serve(client):
    with client, client.makefile("rb") as lines:
        for line in lines:
            client.sendall(line)


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=socket.SOMAXCONN)
while True:
    peer, _ = listener.accept()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    threading.Thread(target=serve, args=(peer,)).start()
