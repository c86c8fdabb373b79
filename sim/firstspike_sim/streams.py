"""Drivers of stream ports, and the clock."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

import cocotb
from cocotb.clock import Clock
from cocotb.simtime import get_sim_time
from cocotb.triggers import RisingEdge, Timer

from firstspike_spec.common.words import Word

_PERIOD = 10  # ns

#: A sink with this stall is ready only once it has seen ``valid``: a source that waits for ``ready`` never gets anywhere.
PATIENT = 1.0

#: A sink with this stall is ready for some cycles, then busy for many, so everything that can fill up does.
BURSTS = 2.0

_LONGEST_BURST, _LONGEST_PAUSE = 50, 150  # cycles

#: A source with this stall is slower than the pipelines of small engines are long.
SLOW = 0.9

#: The stalls of source and sink that every stream is tested with.
STALLS = [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5), (0.0, PATIENT), (0.0, BURSTS)]


@dataclass(frozen=True)
class Transfer:
    """A word that was transferred.

    Attributes
    ----------
    offered, cycle : int
        The first cycle in which it was valid, and the one in which it was transferred.
    word : int
    """

    offered: int
    cycle: int
    word: int


async def start_clock(dut, *inputs: str) -> None:
    """Drive all ``inputs`` low, reset the design for some cycles, and leave the clock running."""
    for name in ("clk", *inputs):
        dut[name].value = 0
    dut.rst.value = 1
    await Timer(_PERIOD, unit="ns")
    cocotb.start_soon(Clock(dut.clk, _PERIOD, unit="ns").start(start_high=False))
    await wait(dut, 3)
    dut.rst.value = 0
    await wait(dut, 1)


def cycle() -> int:
    """Return the number of the present cycle."""
    return int(get_sim_time("ns")) // _PERIOD


async def until(dut, done: Callable[[], bool], progress: Callable[[], object], *, limit: int = 3000) -> None:
    """Wait for ``done``; raise `AssertionError` if ``progress`` gives the same for ``limit`` cycles."""
    seen, since = progress(), cycle()
    while not done():
        await RisingEdge(dut.clk)
        if (now := progress()) != seen:
            seen, since = now, cycle()
        assert cycle() - since < limit, f"nothing has moved since cycle {since}: {seen}"


async def wait(dut, cycles: int) -> None:
    """Wait for a number of cycles."""
    for _ in range(cycles):
        await RisingEdge(dut.clk)


class StreamSource:
    """Drives a stream into the design; holds a word and ``valid`` until the transfer.

    Parameters
    ----------
    dut
    name : str
        Of the port; it must be idle.
    stall : float
        Probability of a pause of one cycle before each word, again and again.
    payload, valid : str
        The names of these members, where they are others.
    always_ready : bool
        The port has no ``ready``.
    """

    def __init__(
        self,
        dut,
        name: str,
        *,
        stall: float = 0.0,
        payload: str = "payload",
        valid: str = "valid",
        always_ready: bool = False,
    ):
        self._clock, self._stall = dut.clk, stall
        self._random = Random(f"{cocotb.RANDOM_SEED} {name}")
        self._payload, self._valid = dut[f"{name}__{payload}"], dut[f"{name}__{valid}"]
        self._ready = None if always_ready else dut[f"{name}__ready"]
        self.cycles: list[int] = []  #: of the transfers
        self.offered: list[int] = []  #: the first cycle in which each word was valid

    async def send(self, words: Iterable[int]) -> None:
        """Send words; returns in the cycle of the last one's transfer."""
        for word in words:
            while self._random.random() < self._stall:
                await RisingEdge(self._clock)
            self._payload.value = int(word)
            self._valid.value = 1
            await RisingEdge(self._clock)
            self.offered.append(cycle())
            while self._ready is not None and not self._ready.value:
                await RisingEdge(self._clock)
            self.cycles.append(cycle())
            self._valid.value = 0


class StreamSink:
    """Takes a stream of the design for the rest of the test, and checks that a word is held until its transfer.

    Parameters
    ----------
    dut
    name : str
    word : Word
        Fields of the payload.
    marker : str
        A field of one bit; words in which it is set are counted.
    stall : float
        Probability of not being ready in a cycle, or `PATIENT`, or `BURSTS`.
    always_ready : bool
        The port has no ``ready``: only watch.
    """

    def __init__(self, dut, name: str, *, word: Word, marker: str, stall: float = 0.0, always_ready: bool = False):
        self._name, self._clock, self._stall = name, dut.clk, stall
        names = [field.name for field in word.fields]
        self._marker = sum(field.bits for field in word.fields[: names.index(marker)])
        self._random = Random(f"{cocotb.RANDOM_SEED} {name}")
        self._payload, self._valid = dut[f"{name}__payload"], dut[f"{name}__valid"]
        self._ready = None if always_ready else dut[f"{name}__ready"]
        self.transfers: list[Transfer] = []
        self.marked = 0  #: how many words had the marker
        self.held = False  #: set it, and nothing is taken
        self._burst = (True, 0)
        cocotb.start_soon(self._take())

    async def _take(self) -> None:
        waiting: tuple[int, int] | None = None  # a word on offer that was not taken, and since when
        while True:
            ready = self._choose(waiting is not None)
            await RisingEdge(self._clock)
            if not self._valid.value:
                assert waiting is None, f"{self._name}: cycle {cycle()}: valid fell before the transfer"
                continue
            word = int(self._payload.value)
            if waiting is None:
                waiting = word, cycle()
            assert word == waiting[0], f"{self._name}: cycle {cycle()}: the payload changed before the transfer"
            if ready:
                self.transfers.append(Transfer(waiting[1], cycle(), word))
                self.marked += word >> self._marker & 1
                waiting = None

    def _choose(self, waiting: bool) -> bool:
        if self._ready is None:
            return True
        if self.held:
            ready = False
        elif self._stall == PATIENT:
            ready = waiting
        elif self._stall == BURSTS:
            ready = self._in_burst()
        else:
            ready = self._random.random() >= self._stall
        self._ready.value = int(ready)
        return ready

    def _in_burst(self) -> bool:
        ready, left = self._burst
        if not left:
            ready = not ready
            left = self._random.randint(1, _LONGEST_BURST if ready else _LONGEST_PAUSE)
        self._burst = ready, left - 1
        return ready

    def drain(self) -> list[Transfer]:
        """Return the transfers, and forget them."""
        transfers, self.transfers, self.marked = self.transfers, [], 0
        return transfers


class Sampler:
    """Notes a number in each cycle for the rest of the test.

    Parameters
    ----------
    dut
    value : callable
        Gives the number, read at each rising edge.
    """

    def __init__(self, dut, value: Callable[[], int]):
        self._clock, self._value = dut.clk, value
        self.values: dict[int, int] = {}  #: by cycle; those that are not 0
        cocotb.start_soon(self._sample())

    async def _sample(self) -> None:
        while True:
            await RisingEdge(self._clock)
            if value := self._value():
                self.values[cycle()] = value

    def drain(self) -> int:
        """Return the sum, and forget it."""
        total = sum(self.values.values())
        self.values = {}
        return total
