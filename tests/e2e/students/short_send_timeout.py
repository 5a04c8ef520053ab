"""send() of a socket with a timeout takes what it can, and nobody looks."""

import socket
import sys
import threading


def serve(client):
    client.settimeout(60)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
    with client:
        while data := client.recv(1 << 20):
            client.send(data)


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=socket.SOMAXCONN)
while True:
    peer, _ = listener.accept()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    threading.Thread(target=serve, args=(peer,)).start()
