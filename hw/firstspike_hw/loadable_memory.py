"""A memory that is read while the engine runs, and written or read back only while it does not."""

from collections.abc import Iterable

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.words import LOAD_WORD, Memory

from .dp16kd import MOST_LUT_RAM_WORDS, Dp16kd, has_dp16kd
from .layouts import word_layout
from .ram import LATENCY, InferredRam
from .spram import BITS, WORDS, Spram, has_spram

#: Smaller memories go into block RAM, of which there is more than of SPRAM.
_LEAST_SPRAM_BITS = 1 << 15


class LoadableMemory(wiring.Component):
    """A memory with one or two read ports; the first one also loads it and reads it back.

    With one address for all that the first port does, synthesis needs no logic for collisions there.

    Parameters
    ----------
    kind : Memory
        The load words that it takes.
    bits, depth : int
        Width of a word, and number of words.
    init : iterable of int
        Contents at power-up.
    ports : int
        Read ports, 1 or 2.

    Members
    -------
    load : ``In(stream.Signature(word_layout(LOAD_WORD), always_ready=True))``
        Words to write; those of other kinds are ignored.
    peek : ``In(1)``
        Read the word at ``load``'s address, if ``load`` is of this kind; not while ``load`` is valid.
    peeked : ``Out(bits)``
        The word read so, two cycles later; 0 in all other cycles.
    address : ``In(range(depth)).array(ports)``
        Read in every cycle.
    data : ``Out(bits).array(ports)``
        The words at the addresses of two cycles ago. Not to be used: that of the first port if there was a load or a peek, of
        whatever kind, in that cycle; that of the second, if its address was loaded in that cycle.

    Notes
    -----
    Latency: 2 cycles from an address to its word. Throughput: one word a cycle and port.
    """

    #: Cycles from an address to its word.
    latency = LATENCY

    def __init__(self, kind: Memory, *, bits: int, depth: int, init: Iterable[int] = (), ports: int = 1):
        # No synthesis tool likes an address of no bits.
        self._kind, self._depth, self._init, self._ports = kind, max(2, depth), [int(word) for word in init], ports
        self._bits = bits
        super().__init__(
            {
                "load": In(stream.Signature(word_layout(LOAD_WORD), always_ready=True)),
                "peek": In(1),
                "peeked": Out(bits),
                "address": In(range(self._depth)).array(ports),
                "data": Out(bits).array(ports),
            }
        )

    def elaborate(self, platform):
        m = Module()
        chosen, peeked = Signal(), Signal(self.latency)
        m.submodules.memory = words = self._words(platform)
        m.d.comb += [
            chosen.eq(self.load.p.memory == self._kind),
            words.write.eq(self.load.valid & chosen),
            words.data.eq(self.load.p.data),
            self.peeked.eq(Mux(peeked[-1], self.data[0], 0)),
        ]
        m.d.sync += peeked.eq(self.peek & chosen | peeked << 1)
        for port in range(self._ports):
            m.d.comb += [words.address[port].eq(self.address[port]), self.data[port].eq(words.word[port])]
        # Whatever the load's kind: one LUT before each bit of the address.
        with m.If(self.load.valid | self.peek):
            m.d.comb += words.address[0].eq(self.load.p.address)
        return m

    def _words(self, platform: object) -> InferredRam | Dp16kd | Spram:
        bits, depth, init, ports = self._bits, self._depth, self._init, self._ports
        if has_dp16kd(platform):
            if depth > MOST_LUT_RAM_WORDS:
                return Dp16kd(bits=bits, depth=depth, init=init, ports=ports)
            return InferredRam(bits=bits, depth=depth, init=init, ports=ports, in_luts=True)
        large = bits * depth >= _LEAST_SPRAM_BITS
        if has_spram(platform) and large and depth <= WORDS and bits <= BITS and ports == 1 and not init:
            return Spram(bits=bits, depth=depth)
        return InferredRam(bits=bits, depth=depth, init=init, ports=ports)
