"""The word queue, in which the engine's results wait for the link."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import RESULT_WORD

from ...lib.layouts import word_layout


@dataclass(frozen=True)
class ResultBits:
    """The widths of the fields of result words, as far as they are used.

    Parameters
    ----------
    value, neuron, step : int
        The value is signed in reports. In decisions it is not, unless all of a result word's bits are used.
    """

    value: int
    neuron: int
    step: int


class WordQueue(wiring.Component):
    """A queue of result words. It stores only the bits that are used.

    Parameters
    ----------
    bits : ResultBits
    depth : int
        Number of words that it has room for.

    Members
    -------
    i, o : ``stream.Signature(word_layout(RESULT_WORD))``
        No field has more than its bits.

    Notes
    -----
    Throughput: one word a cycle.
    """

    def __init__(self, bits: ResultBits, *, depth: int):
        self._bits, self._depth = bits, depth
        words = stream.Signature(word_layout(RESULT_WORD))
        super().__init__({"i": In(words), "o": Out(words)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        word, bits = self.i.payload.shape(), self._bits
        kept = data.StructLayout({"value": bits.value, "neuron": bits.neuron, "step": bits.step, "fired": 1, "decision": 1})
        m.submodules.queue = queue = SyncFIFOBuffered(width=kept.size, depth=self._depth)
        given = data.View(kept, queue.r_data)
        m.d.comb += [
            queue.w_data.eq(Cat(self.i.p[name][: field.width] for name, field in kept)),
            queue.w_en.eq(self.i.valid),
            self.i.ready.eq(queue.w_rdy),
            *(self.o.p[name].eq(given[name]) for name in ("neuron", "step", "fired", "decision")),
            self.o.p.value.eq(Cat(given.value, (given.value[-1] & ~given.decision).replicate(word["value"].width))),
            self.o.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.o.ready),
        ]
        return m
