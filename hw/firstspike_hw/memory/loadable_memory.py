"""A memory that is read while the engine runs, and written or read back only while it does not."""

from collections.abc import Iterable

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import LOAD_WORD, Memory

from ..lib.layouts import word_layout
from .dp16kd import MOST_LUT_RAM_WORDS, Dp16kd, has_dp16kd
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
    staged : bool
        The register of what is loaded stands behind the choice of the address, for all ports, in place of before it: for
        memories of so many blocks that the way from there takes a cycle.

    Members
    -------
    load : ``In(stream.Signature(word_layout(LOAD_WORD), always_ready=True))``
        Words to write; those of other kinds are ignored.
    peek : ``In(1)``
        Read the word at ``load``'s address, if ``load`` is of this kind; not while ``load`` is valid.
    peeked : ``Out(bits)``
        The word read so, `peek_latency` cycles later; 0 in all other cycles.
    address : ``In(range(depth)).array(ports)``
        Read in every cycle.
    data : ``Out(bits).array(ports)``
        The words at the addresses of two cycles ago. Not to be used: that of the first port if there was a load or a peek, of
        whatever kind, in the cycle before that; that of the second, if its address was loaded then. If ``staged``, those of
        three cycles ago, and the load or peek that of the same cycle.

    Notes
    -----
    Latency: 2 cycles from an address to its word, 3 if ``staged``. A load or a peek takes the first port's turn one cycle
    after it has come, or at once.
    Throughput: one word a cycle and port.
    """

    #: Cycles from an address to its word, and if ``staged``.
    latency, staged_latency = LATENCY, LATENCY + 1

    #: Cycles from ``peek`` to ``peeked``: a register before the memory, and one behind it.
    peek_latency = 1 + LATENCY + 1

    def __init__(self, kind: Memory, *, bits: int, depth: int, init: Iterable[int] = (), ports: int = 1, staged: bool = False):
        # No synthesis tool likes an address of no bits.
        self._kind, self._depth, self._init, self._ports = kind, max(2, depth), [int(word) for word in init], ports
        self._bits, self._staged = bits, staged
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
        m.submodules.memory = words = self._words(platform)
        chosen = self.load.p.memory == self._kind
        # What is loaded, and what then goes to the memory; one of the two is a register. A reset does not touch what comes
        # through the load port.
        before, behind = ("comb", "sync") if self._staged else ("sync", "comb")
        turn, write = Signal(reset_less=True), Signal(reset_less=True)
        address = Signal.like(words.address[0], reset_less=True)
        data = Signal.like(words.data, reset_less=True)
        m.d[before] += [
            turn.eq(self.load.valid | self.peek),  # whatever the kind: one LUT before each bit of the memory's address
            address.eq(self.load.p.address),
            data.eq(self.load.p.data),
            write.eq(self.load.valid & chosen),
        ]
        now = [Signal.like(words.address[port], name=f"now_{port}", reset_less=True) for port in range(self._ports)]
        write_now, data_now = Signal(reset_less=True), Signal.like(data, reset_less=True)
        m.d[behind] += [write_now.eq(write), data_now.eq(data)]
        for port in range(self._ports):
            m.d[behind] += now[port].eq(self.address[port])
            m.d.comb += [words.address[port].eq(now[port]), self.data[port].eq(words.word[port])]
        with m.If(turn):
            m.d[behind] += now[0].eq(address)
        m.d.comb += [words.data.eq(data_now), words.write.eq(write_now)]
        peeks = Signal(self.peek_latency - 1)
        m.d.sync += [peeks.eq(Cat(self.peek & chosen, peeks)), self.peeked.eq(Mux(peeks[-1], self.data[0], 0))]
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
