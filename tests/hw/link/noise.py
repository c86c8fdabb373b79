"""Noise for a board: bytes of all kinds, from intact requests to random bytes."""

import random
from collections import deque
from collections.abc import Sequence

from firstspike_spec.compiler.contents import Contents
from firstspike_spec.protocol.loading import check_range, readable
from firstspike_spec.protocol.messages import Kind

from ...spec.naive_link import request
from .board import CONTENTS, code_of, load_requests


class Noise:
    """A random source of bytes: new and old requests, intact and damaged ones, and bytes that are no request."""

    def __init__(self, seed: int, networks: Sequence[Contents] = CONTENTS):
        self.rng = random.Random(seed)
        self.loads = [
            load_requests(contents, longest=longest) for contents, longest in zip(networks, (60, 300, 30), strict=True)
        ]
        self.codes = [[code_of(contents, seed) for seed in range(30)] for contents in networks]
        self.loaded = 0  # number of the network whose images come most often
        ranges = [(part, len(part.words)) for contents in networks for part in readable(contents)]
        self.checks = [check_range(part, count // 3, count - count // 3)[0] for part, count in ranges]
        self.history: deque[bytes] = deque(maxlen=300)

    def request(self) -> bytes:
        rng = self.rng
        kind, body = rng.choice([Kind.INFER, Kind.INFER_ALL]), rng.choice(self.codes[self.loaded])
        draw = rng.random()
        if draw > 0.9:
            body = rng.choice(rng.choice(self.codes))
        elif draw < 0.1:
            kind, body = Kind.CHECK, rng.choice(self.checks)
        elif draw < 0.25:
            kind, body = rng.choice(rng.choice(self.loads))
        elif draw < 0.3:
            kind, body = rng.choice([Kind.IDENTIFY, Kind.COUNTERS, Kind.RESET]), b""
        elif draw < 0.32:
            kind, body = rng.choice([*Kind, rng.randrange(256)]), rng.randbytes(rng.randrange(30))
        return self.framed(kind, body)

    def framed(self, kind: int, body: bytes) -> bytes:
        frame = request(kind, self.rng.getrandbits(32), body)
        self.history.append(frame)
        return frame

    def load(self) -> bytes:
        """Return all requests of a load, or with some that are missing, doubled, exchanged or from another network."""
        rng, requests = self.rng, list(self.rng.choice(self.loads))
        for _ in range(rng.choice([0, 0, 1, 2])):
            at, change = rng.randrange(len(requests)), rng.randrange(4)
            if change == 0:
                del requests[at]
            elif change == 1:
                requests.insert(at, rng.choice(requests))
            elif change == 2:
                requests.insert(at, requests.pop(rng.randrange(len(requests))))
            else:
                requests.insert(at, rng.choice(rng.choice(self.loads)))
        return b"".join(self.framed(kind, body) for kind, body in requests)

    def damaged(self) -> bytes:
        rng = self.rng
        frame = bytearray(self.request() if rng.random() < 0.7 else rng.choice(self.history or [b"\1\2\0"]))
        for _ in range(rng.choice([1, 1, 2, 5])):
            at, change = rng.randrange(len(frame)), rng.randrange(5)
            if change == 0:
                frame[at] ^= 1 << rng.randrange(8)
            elif change == 1 and len(frame) > 1:
                del frame[at : at + rng.choice([1, 1, 3])]
            elif change == 2:
                frame.insert(at, rng.randrange(256))
            elif change == 3:
                frame[at:at] = frame[at : at + 4]
            else:
                del frame[at + 1 :]
            frame = frame or bytearray(b"\0")
        return bytes(frame)

    def piece(self) -> bytes:
        rng = self.rng
        draw = rng.random()
        if draw < 0.40:
            return self.request()
        if draw < 0.50:
            return rng.choice(self.history) if self.history else b""
        if draw < 0.75:
            return self.damaged()
        if draw < 0.85:
            frames = [self.request() for _ in range(rng.randrange(2, 6))]
            return b"".join(rng.sample(frames, len(frames)))
        if draw < 0.93:
            return rng.randbytes(rng.randrange(1, 60))
        if draw < 0.95:
            return self.load()
        if draw < 0.955:
            return self.framed(rng.choice(list(Kind)), rng.randbytes(rng.randrange(2044, 4000)))
        if draw < 0.96:
            return bytes(rng.randrange(1, 256) for _ in range(3000))
        return bytes(rng.choice([0, 0, 1, 255]) for _ in range(rng.randrange(20)))

    def take(self, count: int) -> bytes:
        pieces, length = [], 0
        while length < count:
            pieces.append(self.piece())
            length += len(pieces[-1])
        return b"".join(pieces)
