"""A board behind a link, real or simulated, as a device."""

import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from firstspike_spec.common.errors import DeviceError
from firstspike_spec.common.words import RESULT_WORD
from firstspike_spec.compiler.contents import MemoryContents
from firstspike_spec.inference.results import Results
from firstspike_spec.protocol.loading import blocks, check_range, load_end, readable
from firstspike_spec.protocol.messages import COUNTER_BYTES, COUNTERS, RESULT_BYTES, Identity, Kind, Reason, Status
from firstspike_spec.protocol.reports import ImpossibleResults
from firstspike_spec.protocol.shapes import Shape, facts_of
from firstspike_spec.protocol.spike_code import encode_spikes

from ..link.link import Link, Lost, Refused
from .cores import AnyContents, compile_for, input_steps, memory_name, results_of
from .kinds import AnyNetwork

#: Times that a network is sent at most, if blocks get lost.
_LOAD_TRIES = 3

#: Refusals after which the network is sent again: something was lost, or arrived twice.
_AGAIN = (Reason.NOT_LOADING, Reason.WRONG_CHECK)

_DECISION_BIT = RESULT_WORD.bits - 1


class LinkedDevice:
    """Runs a network on a board. If the board holds the network already, it is not loaded again.

    Parameters
    ----------
    link : Link
        A connected link.
    network : Network or LayeredNetwork

    Raises
    ------
    InputError
        If the network does not fit.
    DeviceError
        If the board cannot be loaded.
    """

    def __init__(self, link: Link, network: AnyNetwork):
        self._link = link
        self._image: AnyContents | None = None
        self._load_seconds: float | None = None
        image = compile_for(self._shape, network, link.name)
        link.request(Kind.RESET)
        if link.identity.digest == image.digest:
            self._image = image
        else:
            self._write(image)

    @property
    def identity(self) -> Identity:
        """The board's identity."""
        return self._link.identity

    @property
    def link(self) -> Link:
        """The link to the board."""
        return self._link

    @property
    def _shape(self) -> Shape:
        return self._link.identity.shape

    def load(self, network: AnyNetwork) -> None:
        """Replace the network, and check what the board holds afterwards."""
        self._write(compile_for(self._shape, network, self._link.name))

    def run(self, spike_times: np.ndarray, *, early_exit: bool) -> Results:
        """Run a batch of inferences, and keep the link full.

        Raises
        ------
        DeviceError
            If the connection fails, or the board gives an impossible answer; ``results`` are those from before.
        """
        image = self._loaded
        kind = Kind.INFER if early_exit else Kind.INFER_ALL
        time_steps = input_steps(image)
        requests = ((kind, encode_spikes(times, time_steps)) for times in spike_times)
        words = []
        try:
            for number, body in enumerate(self._link.exchange(requests)):
                words.append(_result_words(body, number, self._link.name))
        except DeviceError as error:
            if words:
                error.results = self._results(image, words, early_exit)
            raise
        return self._results(image, words, early_exit)

    def _results(self, image: AnyContents, words: list[np.ndarray], early_exit: bool) -> Results:
        """Return the results in the answers. The first impossible one raises an error, which has the results before it."""
        joined = np.concatenate([*words, np.empty(0, np.uint64)])
        try:
            return results_of(image, joined, batch=len(words), early_exit=early_exit)
        except ImpossibleResults as error:
            failure = DeviceError(
                f"{self._link.name} gave an impossible answer for image {error.image}: {error}; load the network again, and "
                "report this if that does not help"
            )
            if error.image:
                failure.results = self._results(image, words[: error.image], early_exit)
            raise failure from error

    def info(self) -> dict[str, Any]:
        """Return what the board is, with the shape of its engine.

        ``load_seconds`` is the time that loading took, or ``None`` if the board held the network already.
        """
        identity = self.identity
        return {
            "device": self._link.name,
            "load_seconds": self._load_seconds,
            "link_bytes": (self._link.sent_bytes, self._link.received_bytes),
            "board": identity.board,
            "clock_hz": identity.clock_hz,
            "baud": identity.baud,
            **facts_of(identity.shape),
        }

    def counters(self) -> dict[str, int]:
        """Return the board's counters since the device was opened (`firstspike_spec.protocol.messages.COUNTERS`)."""
        body = self._link.request(Kind.COUNTERS)
        values = (body[at : at + COUNTER_BYTES] for at in range(0, len(body), COUNTER_BYTES))
        return {name: int.from_bytes(value, "little") for name, value in zip(COUNTERS, values, strict=True)}

    def close(self) -> None:
        """Close the link."""
        self._link.close()

    def differences(self, progress: Callable[[int], None] = lambda done: None) -> Iterator[str]:
        """Check all memories, and yield a line for each word that is not what was loaded.

        Parameters
        ----------
        progress : callable
            Called with the number of memories done.
        """
        parts = readable(self._loaded)
        ranges = [check_range(part, 0, len(part.words)) for part in parts]
        checks = self._link.exchange((Kind.CHECK, body) for body, _ in ranges)
        wrong = []
        for done, (part, check, (_, expected)) in enumerate(zip(parts, checks, ranges, strict=True), 1):
            if check != expected:
                wrong.append(part)
            progress(done)
        for part in wrong:
            name = memory_name(self._shape, part)
            for word in self._wrong_words(part, 0, len(part.words)):
                yield f"{name}: word {word} is not the {int(part.words[word]):#x} that was loaded"

    def _wrong_words(self, part: MemoryContents, first: int, count: int) -> Iterator[int]:
        """Yield the addresses of words that differ. A range that differs is halved until one word is left."""
        body, expected = check_range(part, first, count)
        if self._link.request(Kind.CHECK, body) == expected:
            return
        if count == 1:
            yield first
            return
        half, found = count // 2, False
        for start, length in ((first, half), (first + half, count - half)):
            for word in self._wrong_words(part, start, length):
                found = True
                yield word
        if not found:
            raise DeviceError(
                f"{self._link.name} contradicts itself: its check of {count} words of "
                f"{memory_name(self._shape, part)}, is wrong, but the checks of both halves are right; load the network again"
            )

    def _write(self, image: AnyContents) -> None:
        """Load a network, and check it. After an error, no network is loaded."""
        start = time.perf_counter()
        self._image = None
        for tries_left in reversed(range(_LOAD_TRIES)):
            try:
                self._send(image)
                break
            except (Lost, Refused) as error:
                if not tries_left or (isinstance(error, Refused) and error.reason not in _AGAIN):
                    raise
        self._image = image
        try:
            first = next(self.differences(), None)
        except DeviceError:
            self._image = None
            raise
        if first is not None:
            self._image = None
            self._link.request(Kind.LOAD_BEGIN)  # so that it cannot be run
            raise DeviceError(f"the memory of {self._link.name} does not keep what is written: {first}; build it again")
        self._load_seconds = time.perf_counter() - start

    def _send(self, image: AnyContents) -> None:
        check = 0

        def requests() -> Iterator[tuple[Kind, bytes]]:
            nonlocal check
            yield Kind.LOAD_BEGIN, b""
            for body in blocks(image, self._link.longest_body):
                check = zlib.crc32(body, check)
                yield Kind.LOAD_BLOCK, body
            yield Kind.LOAD_END, load_end(image, check)

        for _ in self._link.exchange(requests(), again=False):
            pass

    @property
    def _loaded(self) -> AnyContents:
        if self._image is None:
            raise DeviceError(f"no network is loaded in {self._link.name}: loading one failed; load it again")
        return self._image


def _result_words(body: bytes, image: int, name: str) -> np.ndarray:
    """Return the words of an image's answer: the reports, then one decision."""
    data, status = body[:-1], body[-1:]
    if status != bytes([Status.RIGHT]) or not data or len(data) % RESULT_BYTES:
        raise DeviceError(f"{name} could not read image {image} ({len(data)} bytes, status {status.hex()}); report this")
    words = np.frombuffer(data, "<u8").astype(np.uint64)
    decisions = words >> np.uint64(_DECISION_BIT) & np.uint64(1)
    if decisions[:-1].any() or not decisions[-1]:
        raise DeviceError(f"{name} gave an answer for image {image} that does not end with its decision; report this")
    return words
