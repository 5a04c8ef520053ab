"""System calls refused to a program under test, as containers do it: by a seccomp filter.

    meari.run("serve", "--explain", preexec_fn=seccomp.refuse("io_uring_setup", errno.EPERM))

The filter is written out in the few instructions of classic BPF that it needs (seccomp(2)), so that
nothing has to be installed. Calls are told by their number alone: the programs are of this machine's kind.
"""

import ctypes
import os
import platform
import struct

import pytest

NUMBERS = {
    "io_uring_setup": {"x86_64": 425, "aarch64": 425},
    "setsockopt": {"x86_64": 54, "aarch64": 208},
    "splice": {"x86_64": 275, "aarch64": 76},
    "shutdown": {"x86_64": 48, "aarch64": 210},
    "unshare": {"x86_64": 272, "aarch64": 97},
}

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ALLOW = 0x7FFF0000
SECCOMP_RET_ERRNO = 0x00050000
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06


def refuse(name, error, argument=None):
    """What a child calls before it becomes the program: the call `name` fails with `error`.

    `argument` (its place from 0, its value): only where it has that value.
    """
    number = NUMBERS[name].get(platform.machine())
    if number is None:
        pytest.skip(f"the number of {name} is not known here for {platform.machine()}")
    instructions = b"".join(struct.pack("HBBI", *one) for one in [
        (LOAD_WORD, 0, 0, 0),  # seccomp_data.nr
        (JUMP_IF_EQUAL, 0, 1 if argument is None else 3, number),
        *([] if argument is None else [
            (LOAD_WORD, 0, 0, 16 + 8 * argument[0]),  # seccomp_data.args, its lower half
            (JUMP_IF_EQUAL, 0, 1, argument[1])]),
        (RETURN, 0, 0, SECCOMP_RET_ERRNO | error),
        (RETURN, 0, 0, SECCOMP_RET_ALLOW),
    ])
    room = ctypes.create_string_buffer(instructions, len(instructions))
    # struct sock_fprog: a count, and after padding the address.
    program = ctypes.create_string_buffer(
        struct.pack("H6xP", len(instructions) // 8, ctypes.addressof(room)))
    libc = ctypes.CDLL(None, use_errno=True)

    def apply(keep=room):
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or \
                libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    return apply
