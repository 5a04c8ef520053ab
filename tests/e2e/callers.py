"""Somebody calls all the time, while servers come and go."""

import socket
import threading
import time

from meari import ANSWER_S, receive_exactly


class Callers(threading.Thread):
    """200 connects a second: each asks one question and wants its answer and the end.

    answered    how many have got it          failures    what went wrong with the others
    """

    def __init__(self, name, family=socket.AF_INET):
        super().__init__()
        self.name_to_call, self.family = name, family
        self.done = threading.Event()
        self.answered, self.failures = 0, []

    def run(self):
        while not self.done.wait(0.005):
            try:
                with socket.socket(self.family, socket.SOCK_STREAM) as peer:
                    peer.settimeout(ANSWER_S)
                    peer.connect(self.name_to_call)
                    payload = b"call %d" % self.answered
                    peer.sendall(payload)
                    peer.shutdown(socket.SHUT_WR)
                    if receive_exactly(peer, len(payload) + 1) != payload:
                        raise ConnectionError("not echoed")
                self.answered += 1
            except OSError as error:
                self.failures.append(error)

    def wait_for(self, answered):
        """Until so many have been answered, or it takes too long."""
        until = time.monotonic() + ANSWER_S
        while self.answered < answered and time.monotonic() < until:
            self.done.wait(0.01)

    def stop(self):
        self.done.set()
        self.join()
