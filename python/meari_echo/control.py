"""The socket of `meari serve --control`: a line asked, a line of JSON answered (meari-serve(1), CONTROL)."""

import json
import socket

VERSION = 1


class ControlError(Exception):
    """The server does not answer, or not in a way that is understood here."""


class Control:
    """One connection, made when it is needed first. Not for several threads at once."""

    def __init__(self, path, timeout_s):
        self._path, self._timeout_s = path, timeout_s
        self._socket, self._rest = None, b""

    def ask(self, word):
        try:
            return self._ask(word)
        except (OSError, ValueError) as error:
            self.close()
            raise ControlError(f"the server does not answer '{word}' at its control socket: {error}") from error

    def close(self):
        if self._socket is not None:
            self._socket.close()
        self._socket, self._rest = None, b""

    def _ask(self, word):
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(self._timeout_s)
            self._socket.connect(self._path)
        self._socket.sendall(word.encode() + b"\n")
        pieces = [self._rest]
        while b"\n" not in pieces[-1]:
            piece = self._socket.recv(65536)
            if not piece:
                raise ConnectionError("it has closed the connection")
            pieces.append(piece)
        line, _, self._rest = b"".join(pieces).partition(b"\n")
        answer = json.loads(line)
        if answer.get("control") != VERSION or answer.get("answer") != word:
            raise ValueError(f"version {VERSION} of the answer is understood here, and this came: {answer!r:.200}")
        return answer
