"""Starts a program the way a service manager does: activate.py FD,... NAME:... PROGRAM ARGUMENT...

The descriptors become 3, 4, ... in this order, and LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES tell so:
sd_listen_fds(3). They must have numbers far above these. No module of the tests is needed.
"""

import os
import sys

fds = [int(text) for text in sys.argv[1].split(",") if text]
for number, fd in enumerate(fds, 3):
    os.dup2(fd, number, inheritable=True)
    os.close(fd)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
