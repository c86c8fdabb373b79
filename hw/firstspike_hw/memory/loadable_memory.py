"""A memory that is read while the engine runs, and written or read back only while it does not."""

from collections.abc import Iterable

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import Memory

from .description import MemoryDescription, Place, Ram
from .dp16kd import Dp16kd, blocks
from .load_bus import LoadBus
from .ram import LATENCY, InferredRam
from .spram import BITS, WORDS, Spram
from .style import GENERIC_MEMORY, MemoryStyle

#: Smaller memories go into block RAM, of which there is more than of SPRAM.
_LEAST_SPRAM_BITS = 1 << 15


def _fits_spram(bits: int, depth: int, ports: int, style: MemoryStyle) -> bool:
    """Return whether an SPRAM can be the memory, unless it holds something at power-up."""
    return style.large_ram and bits * depth >= _LEAST_SPRAM_BITS and depth <= WORDS and bits <= BITS and ports == 1


class LoadableMemory(wiring.Component):
    """A memory with one or two read ports; the first one also loads it and reads it back.

    With one address for all that the first port does, synthesis needs no logic for collisions there.

    Parameters
    ----------
    kind : Memory
        The load words that it takes.
    bits, depth : int
        Width of a word, and number of words.
    contents : iterable of int
        What it holds at power-up.
    ports : int
        Read ports, 1 or 2.
    staged : bool
        The register for what is loaded comes after the choice of the address, for all ports, instead of before it. For a
        memory of many blocks, which an address takes a cycle to reach.
    style : MemoryStyle

    Members
    -------
    load : ``In(LoadBus(bits))``
        Words of other kinds are ignored. ``peeked`` comes `peek_latency` cycles after ``peek``.
    address : ``In(range(depth)).array(ports)``
        Read in every cycle.
    data : ``Out(bits).array(ports)``
        The words at the addresses of two cycles ago. The first port's is unknown if there was a load or a peek, of any kind,
        in the cycle before that; the second port's, if its address was loaded then. If ``staged``, the words at the addresses
        of three cycles ago, unknown after a load or a peek in the same cycle as the address.

    Notes
    -----
    Latency: 2 cycles from an address to its word, 3 if ``staged``. A load or a peek takes the first port's turn one cycle
    after it has come, or at once if ``staged``.
    Throughput: one word a cycle and port.
    """

    #: Cycles from an address to its word, and if ``staged``.
    latency, staged_latency = LATENCY, LATENCY + 1

    #: Cycles from ``peek`` to ``peeked``: a register before the memory, and one after it.
    peek_latency = 1 + LATENCY + 1

    def __init__(
        self,
        kind: Memory,
        *,
        bits: int,
        depth: int,
        contents: Iterable[int] = (),
        ports: int = 1,
        staged: bool = False,
        style: MemoryStyle = GENERIC_MEMORY,
    ):
        # No synthesis tool likes an address of no bits.
        self._kind, self._depth, self._ports = kind, max(2, depth), ports
        self._bits, self._staged, self._style = bits, staged, style
        self._contents = [int(word) for word in contents]
        super().__init__(
            {
                "load": In(LoadBus(bits)),
                "address": In(range(self._depth)).array(ports),
                "data": Out(bits).array(ports),
            }
        )

    @staticmethod
    def description(*, bits: int, depth: int, ports: int, style: MemoryStyle) -> MemoryDescription:
        """Return what a memory of these sizes is made of; whether it is ``staged`` makes no difference."""
        if style.output_registers:
            count = blocks(bits, depth, style)
            ram = Ram(bits, max(2, depth), Place.BLOCKS if count else Place.LUTS, count)
        elif _fits_spram(bits, max(2, depth), ports, style):
            ram = Ram(bits, max(2, depth), Place.BLOCKS, 0)  # an SPRAM, which is not counted with the block RAMs
        else:
            ram = Ram(bits, max(2, depth), Place.EITHER)
        return MemoryDescription.of(LoadableMemory, ram, kind=Memory.ENTRIES, bits=bits, depth=depth, ports=ports, style=style)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = words = self._words()
        load = self.load
        chosen = load.word.memory == self._kind
        # What is loaded, and what then goes to the memory; one of the two is a register. A reset does not touch what comes
        # through the load port.
        first, second = ("comb", "sync") if self._staged else ("sync", "comb")
        turn, write = Signal(reset_less=True), Signal(reset_less=True)
        address = Signal.like(words.address[0], reset_less=True)
        data = Signal.like(words.data, reset_less=True)
        m.d[first] += [
            turn.eq(load.write | load.peek),  # whatever the kind: one LUT before each bit of the memory's address
            address.eq(load.word.address),
            data.eq(load.word.data),
            write.eq(load.write & chosen),
        ]
        now = [Signal.like(words.address[port], name=f"now_{port}", reset_less=True) for port in range(self._ports)]
        write_now, data_now = Signal(reset_less=True), Signal.like(data, reset_less=True)
        m.d[second] += [write_now.eq(write), data_now.eq(data)]
        for port in range(self._ports):
            m.d[second] += now[port].eq(self.address[port])
            m.d.comb += [words.address[port].eq(now[port]), self.data[port].eq(words.word[port])]
        with m.If(turn):
            m.d[second] += now[0].eq(address)
        m.d.comb += [words.data.eq(data_now), words.write.eq(write_now)]
        peeks = Signal(self.peek_latency - 1)
        m.d.sync += [peeks.eq(Cat(load.peek & chosen, peeks)), load.peeked.eq(Mux(peeks[-1], self.data[0], 0))]
        return m

    def _words(self) -> InferredRam | Dp16kd | Spram:
        bits, depth, contents, ports, style = self._bits, self._depth, self._contents, self._ports, self._style
        if style.output_registers:
            if style.has_late_words(depth):
                return Dp16kd(bits=bits, depth=depth, contents=contents, ports=ports)
            return InferredRam(bits=bits, depth=depth, contents=contents, ports=ports, in_luts=True)
        if _fits_spram(bits, depth, ports, style) and not contents:
            return Spram(bits=bits, depth=depth)
        return InferredRam(bits=bits, depth=depth, contents=contents, ports=ports)
