"""An exact echo server for each test, with faults on purpose: `meari serve`, started and asked from Python.

    with meari_echo.serve("tcp://127.0.0.1:0?fault=reset,after=4") as server:
        ... server.host, server.port ...
        server.wait_for(faults_reset=1)

With pytest it is the fixture `echo_server` (meari_echo.plugin). Standard library only.
"""

from .program import ProgramNotFound, find_program
from .server import EchoError, EchoServer, serve

__all__ = ["EchoError", "EchoServer", "ProgramNotFound", "find_program", "serve"]
__version__ = "0.1.0"
