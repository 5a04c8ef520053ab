"""Results for the tests of `meari report`, made without meari: a second, independent writer.

    result(values, label="a", rate=1000)     a dict of the JSON form (docs/result.md)
    Histogram(values).encode()               HdrHistogram's V2 encoding, from its specification
    Histogram(values).percentile(99)         by nearest rank, the upper end of the step

Histograms here have 3 digits from 1 ns to 1 h.
"""

import base64
import json
import math
import random
import struct
import zlib

LOWEST, HIGHEST, DIGITS = 1, 3600 * 10 ** 9, 3
HALF = 1024  # steps in the half of a bucket
COOKIE, COMPRESSED = 0x1c849303 | 0x10, 0x1c849304 | 0x10
PERCENTILES = ["50", "75", "90", "95", "99", "99.9", "99.99", "99.999"]


def index_of(value):
    shift = max((value | (2 * HALF - 1)).bit_length() - 11, 0)
    return shift * HALF + (value >> shift)


def ends_of(index):
    shift = max(index // HALF - 1, 0)
    lower = (index - shift * HALF) << shift
    return lower, lower + (1 << shift) - 1


def leb128(number):
    """Zigzag, seven bits a byte, at most nine bytes."""
    number = (number << 1) ^ (number >> 63)
    found = bytearray()
    while number >= 0x80 and len(found) < 8:
        found.append(number & 0x7f | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


class Histogram:
    def __init__(self, values):
        self.values = sorted(values)
        self.counts = {}
        for value in self.values:
            index = index_of(value)
            self.counts[index] = self.counts.get(index, 0) + 1

    def encode(self, digits=DIGITS):
        """With other digits only value 0 has its right place."""
        payload, zeros = b"", 0
        for index in range(max(self.counts, default=-1) + 1):
            if index not in self.counts:
                zeros += 1
                continue
            if zeros:
                payload += leb128(-zeros)
                zeros = 0
            payload += leb128(self.counts[index])
        head = struct.pack(">iiiiqqd", COOKIE, len(payload), 0, digits, LOWEST, HIGHEST, 1.0)
        packed = zlib.compress(head + payload)
        return base64.b64encode(struct.pack(">ii", COMPRESSED, len(packed)) + packed).decode()

    def encode_words(self, version=1, width=8, length=None, offset=0, ratio=1.0, total=None):
        """V0 and V1: counters of 2, 4 or 8 bytes each, `length` of them."""
        length = length or max(self.counts, default=-1) + 1
        words = b"".join(self.counts.get(index, 0).to_bytes(width, "big") for index in range(length))
        plain, compressed = {0: (0x1c849308, 0x1c849309), 1: (0x1c849301, 0x1c849302)}[version]
        if version == 0:
            head = struct.pack(">iiqqq", plain | width << 4, DIGITS, LOWEST, HIGHEST,
                               len(self.values) if total is None else total)
        else:
            head = struct.pack(">iiiiqqd", plain | width << 4, len(words), offset, DIGITS, LOWEST,
                               HIGHEST, ratio)
        packed = zlib.compress(head + words)
        return base64.b64encode(struct.pack(">ii", compressed | width << 4, len(packed))
                                + packed).decode()

    def percentile(self, percent):
        rank = min(max(math.ceil(percent / 100 * len(self.values) - 1e-9), 1), len(self.values))
        value = self.values[rank - 1]
        if rank in (1, len(self.values)):
            return value
        return min(ends_of(index_of(value))[1], self.values[-1])

    def mean(self):
        middles = {i: ends_of(i)[0] + (ends_of(i)[1] - ends_of(i)[0] + 1) // 2 for i in self.counts}
        return sum(middles[i] * n for i, n in self.counts.items()) / len(self.values)

    def object(self):
        return {"count": len(self.values), "min_ns": self.values[0], "max_ns": self.values[-1],
                "mean_ns": self.mean(), "hdr": self.encode(),
                "percentiles_ns": {key: self.percentile(float(key)) for key in PERCENTILES}}


def latencies(seed, count=20000, median=120_000, spread=0.35, stall=0.0005):
    """Plausible ones: log-normal, and a few that met a stall."""
    chance = random.Random(seed)
    return [int(chance.lognormvariate(math.log(median), spread))
            + (chance.randrange(20_000_000) if chance.random() < stall else 0)
            for _ in range(count)]


def intervals(values, seconds=10, asked=0):
    """One a second, from the values in turn."""
    share = len(values) // seconds
    found = []
    for second in range(seconds):
        part = Histogram(values[second * share:(second + 1) * share])
        found.append({"start_ns": second * 10 ** 9, "length_ns": 10 ** 9, "sent": share,
                      "received": share, "asked_per_s": asked, "p50_ns": part.percentile(50),
                      "p99_ns": part.percentile(99), "max_ns": part.values[-1], "errors": 0})
    return found


def result(values, label=None, asked=0, seconds=10, started=1_700_000_000, both=None, **more):
    """A run of `seconds` in which these latencies were seen; `both`: those from actual sending."""
    count = len(values)
    made = {
        "format": "meari-result", "version": 1, "program": "meari bench",
        "command": ["meari", "bench", "tcp://192.0.2.1:7"],
        "started_unix_ns": started * 10 ** 9, "duration_ns": seconds * 10 ** 9,
        "warm_up_ns": 10 ** 9,
        "environment": {"kernel": "Linux 6.1.0-28-amd64", "machine": "x86_64",
                        "cpu": "Example CPU @ 3.00GHz", "cpus": 8, "engine": "epoll",
                        "options": {"nodelay": "on"}},
        "target": {"address": "tcp://192.0.2.1:7", "scheme": "tcp"},
        "load": {"mode": "open" if asked else "closed", "connections": 50, "pipeline": 1,
                 "sizes": [{"bytes": 64, "weight": 1}], "rate_per_s": asked,
                 "arrivals": "constant", "threads": 2, "verify": True},
        "counts": {"sent": count, "received": count, "bytes_sent": 64 * count,
                   "bytes_received": 64 * count},
        "rate": {"asked_per_s": asked, "reached_per_s": count / seconds,
                 "bytes_per_s": 64 * count / seconds},
        "latency": {"sent": Histogram(both if both is not None else values).object()},
        "intervals": intervals(values, seconds, asked),
    }
    if both is not None:
        made["latency"]["intended"] = Histogram(values).object()
    if label is not None:
        made["label"] = label
    made.update(more)
    return made


def save(path, *results):
    path.write_text("".join(json.dumps(each) + "\n" for each in results))
    return path
