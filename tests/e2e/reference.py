"""A reference for measurements: an echo that does known things, and histograms read by other code.

    with Echo("udp", faults="drop:20,twice:10") as echo:
        ...                                     # talk to echo.address
    echo.told["drop"]                           # what it did

Echo starts tests/e2e/reference_echo.c, whose head lists what it can do. Histogram decodes HdrHistogram's
V2 encoding from its definition, without meari's code, so that what a result says can be counted anew.
"""

import base64
import json
import math
import struct
import subprocess
import zlib

import meari

PROGRAM = meari.BUILD / "tests/e2e/reference_echo"


class Echo:
    def __init__(self, kind, **options):
        self.kind = kind
        self.options = [f"{name}={value}" for name, value in options.items()]
        self.told = None

    def __enter__(self):
        self.process = subprocess.Popen([PROGRAM, self.kind, *self.options], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        assert line.strip().isdigit(), "reference_echo did not start"
        self.port = int(line)
        self.address = f"{self.kind}://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_):
        rest, _ = self.process.communicate(timeout=meari.STOP_S)
        assert self.process.returncode == 0
        self.told = json.loads(rest)

    def lateness_ns(self, share):
        """By how much answers missed their time, at most, for this share (0 to 1) of them."""
        return at_rank(self.told["lateness_ns"], share)


def at_rank(values, share):
    """The value in a sorted list that this share of all does not exceed (nearest rank)."""
    return values[max(math.ceil(share * len(values) - 1e-9), 1) - 1]


class Histogram:
    """steps: [(lower, upper, count)], both ends included, those with a count only."""

    def __init__(self, text):
        packed = base64.b64decode(text, validate=True)
        cookie, length = struct.unpack(">II", packed[:8])
        assert cookie == 0x1c849314
        plain = zlib.decompress(packed[8:8 + length])
        cookie, size, _, digits, lowest, self.highest, _ = struct.unpack(">IIIIqqd", plain[:40])
        assert cookie == 0x1c849313 and size == len(plain) - 40
        unit = lowest.bit_length() - 1
        # Sub-buckets: the power of two that has room for 2 * 10^digits, in halves.
        half = (2 * 10 ** digits - 1).bit_length() - 1
        self.steps = []
        index = 0
        for number in self.numbers(plain[40:]):
            if number > 0:
                bucket = max((index >> half) - 1, 0)
                lower = (index - (bucket << half)) << (bucket + unit)
                self.steps.append((lower, lower + (1 << (bucket + unit)) - 1, number))
            index += -number if number < 0 else 1
        self.count = sum(count for _, _, count in self.steps)

    @staticmethod
    def numbers(encoded):
        value = place = 0
        for byte in encoded:
            last = place == 8
            value |= (byte if last else byte & 0x7f) << 7 * place
            place += 1
            if last or byte < 0x80:
                yield (value >> 1) ^ -(value & 1)
                value = place = 0
        assert place == 0, "ends in the middle of a number"

    def percentile(self, percent):
        rank = max(math.ceil(percent * self.count / 100 - 1e-9), 1)
        for _, upper, count in self.steps:
            rank -= count
            if rank <= 0:
                return upper
        return 0

    def count_above(self, value):
        """How many lie in steps that begin above this value."""
        return sum(count for lower, _, count in self.steps if lower > value)
