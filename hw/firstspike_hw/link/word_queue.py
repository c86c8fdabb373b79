"""The word queue, in which the engine's results wait for the link."""

from amaranth.hdl import Cat, Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import RESULT_WORD
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.shapes import index_bits

from ..chain.input_gate import TIME_BITS
from ..lib.layouts import word_layout


class WordQueue(wiring.Component):
    """A queue of result words. It stores only the bits that an engine of the shape uses.

    Parameters
    ----------
    shape : EngineShape
    depth : int
        Number of words that it has room for.

    Members
    -------
    i, o : ``stream.Signature(word_layout(RESULT_WORD))``
        The ``step`` is below ``shape.time_steps``.

    Notes
    -----
    Throughput: one word a cycle.
    """

    def __init__(self, shape: EngineShape, *, depth: int):
        self._shape, self._depth = shape, depth
        words = stream.Signature(word_layout(RESULT_WORD))
        super().__init__({"i": In(words), "o": Out(words)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        word = self.i.payload.shape()
        kept = data.StructLayout(
            {
                # A report's potential, which is signed, or a decision's number of cycles, which is not.
                "value": max(TIME_BITS, self._shape.output.potential_bits),
                "neuron": self._shape.output.address_bits,
                "step": index_bits(self._shape.time_steps),
                "fired": 1,
                "decision": 1,
            }
        )
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
