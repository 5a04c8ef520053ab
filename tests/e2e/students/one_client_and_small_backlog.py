"""Two mistakes: one client at a time, and a backlog of 0."""

import socket
import sys


def serve(client):
    try:
        with client:
            while data := client.recv(4096):
                client.sendall(data)
    except OSError:
        pass


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=0)
while True:
    peer, _ = listener.accept()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    serve(peer)
