"""The compiled board and a board in plain Python (`NaiveBoard`), which get the same bytes and must give the same answers."""

import zlib

import numpy as np

from firstspike.devices.cores import input_steps, results_of
from firstspike.devices.kinds import ends_early
from firstspike_hw.simulation import NativeLink
from firstspike_spec import infer_spikes
from firstspike_spec.common.errors import InputError
from firstspike_spec.common.words import RESULT_WORD
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.contents import Contents
from firstspike_spec.inference.results import Results, compare_results
from firstspike_spec.processor.contents import ProcessorContents
from firstspike_spec.protocol.loading import blocks, load_end
from firstspike_spec.protocol.messages import COUNTER_BYTES, COUNTERS, REPLY, Identity, Kind, Loss, Reason, Status
from firstspike_spec.protocol.spike_code import decode_spikes, encode_spikes

from ...spec.naive_link import Frames, NaiveBoard, request, split
from ...spec.random_layered_networks import random_layered_times
from ...spec.random_networks import random_network, random_times
from ..models import roomy

SHAPE = roomy((12, 9, 5), (3,), time_steps=7)
IDENTITY = Identity(SHAPE, board="tiny", clock_hz=1_000_000, baud=0, buffer_bytes=2048)

#: Two that differ in all sizes, also in ``T``, and a third.
NETWORKS = [
    random_network(1, (12, 9, 5), time_steps=4, connectivity=0.6),
    random_network(2, (10, 6, 3), time_steps=7, connectivity=0.8),
    random_network(3, (12, 9, 5), time_steps=2, connectivity=0.3),
]
CONTENTS = [compile_network(network, SHAPE) for network in NETWORKS]

#: Bytes that are sent before all answers are awaited: they never fill the buffer.
CHUNK = 1024


def load_requests(contents: Contents, *, longest=40) -> list[tuple[Kind, bytes]]:
    """Return the requests that load a network, in small blocks."""
    parts = list(blocks(contents, longest))
    check = 0
    for part in parts:
        check = zlib.crc32(part, check)
    return [
        (Kind.LOAD_BEGIN, b""),
        *((Kind.LOAD_BLOCK, part) for part in parts),
        (Kind.LOAD_END, load_end(contents, check)),
    ]


class Board:
    """The compiled board and the one in plain Python; both get the same bytes."""

    def __init__(self, cache, identity=IDENTITY, networks=CONTENTS):
        self.link = NativeLink(identity, cache=cache)
        self.model, self.frames, self.answers = NaiveBoard(identity), Frames(longest=identity.buffer_bytes), Frames()
        self.contents = {contents.digest: contents for contents in networks}
        self.compared_images = self.answered = self.number = 0
        self._right: dict[tuple, list[int]] = {}

    def exchange(self, data: bytes) -> list[bytes]:
        """Send bytes; return all messages that come back."""
        self.link.write(data)
        messages = []
        while given := self.link.read():
            messages += self.answers.read(given)
        assert self.answers.rest == b""
        assert self.answers.damaged == 0
        return messages

    def feed(self, data: bytes) -> list[tuple[int, int, bytes]]:
        """Send bytes; check all answers, and return them."""
        answers = []
        for at in range(0, len(data), CHUNK):
            piece = data[at : at + CHUNK]
            self.frames.losses = reported = Loss(0)
            requests = self.frames.read(piece)
            got = []
            for kind, number, body in map(split, self.exchange(piece)):
                if kind == Kind.NOTICE:
                    assert (number, len(body)) == (0, 1)
                    assert body[0]
                    reported |= Loss(body[0])
                else:
                    got.append((kind, number, body))
            assert reported == self.frames.losses
            assert len(got) == len(requests)
            for content, answer in zip(requests, got, strict=True):
                self._check(content, answer)
            answers += got
        self.answered += len(answers)
        return answers

    def ask(self, *requests: tuple[Kind, bytes]) -> list[tuple[int, bytes]]:
        """Send requests; return the kinds and bodies of their answers."""
        data, numbers = b"", []
        for kind, body in requests:
            self.number += 1
            numbers.append(self.number)
            data += request(kind, self.number, body)
        answers = self.feed(data)
        assert [number for _, number, _ in answers] == numbers
        return [(kind, body) for kind, _, body in answers]

    def load(self, contents: Contents) -> None:
        self.ask(*load_requests(contents, longest=500))
        assert self.model.loaded

    def state(self) -> str:
        """Return the digest in the board's identity; empty if no network is loaded."""
        ((_, identity),) = self.ask((Kind.IDENTIFY, b""))
        return Identity.unpack(identity).digest

    def check_state(self) -> str:
        """As `state`; also check that an image gives that network's results, or that no network is loaded."""
        digest, compared = self.state(), self.compared_images
        contents = self.contents.get(digest, next(iter(self.contents.values())))
        ((kind, body),) = self.ask((Kind.INFER_ALL, code_of(contents, 5)))
        if digest:
            assert self.compared_images == compared + 1
        else:
            assert (kind, body) == (Kind.ERROR, bytes([Reason.NOT_LOADED]))
        return digest

    def _check(self, content: bytes, answer: tuple[int, int, bytes]) -> None:
        was_loaded = self.model.loaded
        kind, number, body = self.model.answer(content)
        assert answer[:2] == (kind, number), f"{content.hex()} was answered with {answer}"
        if body is not None:
            assert answer[2] == body, f"{content.hex()} was answered with {answer}, not {body.hex()}"
        elif kind == Kind.COUNTERS | REPLY:
            assert len(answer[2]) == COUNTER_BYTES * len(COUNTERS)
        else:
            self._check_image(split(content), answer[2])
        if self.model.loaded and not was_loaded:
            self._check_memories()

    def _check_memories(self) -> None:
        """Check that the memories hold exactly the network that has just been loaded."""
        contents = self.contents.get(self.model.digest.hex())
        for part in contents.memories() if contents else ():
            for address, word in enumerate(part.words.tolist()):
                assert self.model.memories[part.layer, part.lane, part.memory, address] == word

    def _check_image(self, content: tuple[int, int, bytes], body: bytes) -> None:
        kind, _number, code = content
        words, status = np.frombuffer(body[:-1], "<u8").astype(np.uint64), body[-1]
        decisions = RESULT_WORD.unpack(words)["decision"]
        assert decisions.sum() == decisions[-1] == 1
        contents = self.contents.get(self.model.digest.hex())
        if contents is None:
            return
        key = (contents.digest, kind, code)
        plain = sorted(int(word) if not decision else int(word) >> 32 for word, decision in zip(words, decisions, strict=True))
        if key not in self._right:
            try:
                times = decode_spikes(code, contents.network.inputs, input_steps(contents))[None]
            except InputError:
                return  # the spike decoder's tests check the status
            early_exit = ends_early(contents.network, kind == Kind.INFER)
            expected = infer_spikes(contents.network, times, early_exit=early_exit)
            got = results_of(contents, words, batch=1, early_exit=early_exit)
            compare_results(Results.from_inference(expected, early_exit=early_exit), got).check()
            self._right[key] = plain
        assert plain == self._right[key]
        assert status == Status.RIGHT
        self.compared_images += 1


def code_of(contents: Contents, seed: int) -> bytes:
    draw = random_layered_times if isinstance(contents, ProcessorContents) else random_times
    return encode_spikes(draw(seed, contents.network, 1)[0], input_steps(contents))


def counters(board: Board) -> dict[str, int]:
    """Return the board's counters by name."""
    ((_, body),) = board.ask((Kind.COUNTERS, b""))
    values = [int.from_bytes(body[at : at + COUNTER_BYTES], "little") for at in range(0, len(body), COUNTER_BYTES)]
    return dict(zip(COUNTERS, values, strict=True))
