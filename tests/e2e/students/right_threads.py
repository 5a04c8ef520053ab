"""A thread for each client."""

import socket
import sys
import threading


def serve(client):
    try:
        with client:
            while data := client.recv(4096):
                client.sendall(data)
    except OSError:
        pass  # this client is gone; the others are not


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=socket.SOMAXCONN)
while True:
    peer, _ = listener.accept()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    threading.Thread(target=serve, args=(peer,)).start()
