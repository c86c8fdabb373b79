"""The start row inserter: what a layer's lanes are told before an inference's first token."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.compiler.shapes import LayerShape

from ..lib.layouts import row_token_layout


class StartRowInserter(wiring.Component):
    """A `firstspike_hw.lib.skid_buffer.SkidBuffer` that puts a spike of the start row before each inference's first token.

    The start row holds the neurons that are at their threshold before anything has happened. For the lanes it is a row as any
    other.

    Parameters
    ----------
    shape : LayerShape
    width : int
        Spikes a token.

    Members
    -------
    i : ``In(stream.Signature(row_token_layout(shape, width)))``
    o : ``Out(stream.Signature(row_token_layout(shape, width)))``

    Notes
    -----
    Latency: 1 cycle, and 2 for an inference's first token. Throughput: one token a cycle, the start tokens among them.
    """

    def __init__(self, shape: LayerShape, *, width: int):
        # All bits of its address are set: that takes one LUT input before each.
        assert shape.start_row == (1 << shape.row_bits) - 1
        self._width, self._has_bases = width, shape.base_bits > 0
        tokens = stream.Signature(row_token_layout(shape, width))
        super().__init__({"i": In(tokens), "o": Out(tokens)})

    def elaborate(self, platform):
        m = Module()
        kept = Signal.like(self.o.payload)  # came when it could not go on at once
        keeps = Signal()
        starts = Signal(init=1)  # no token of the inference that comes has gone on
        token, is_there = Signal.like(kept), Signal(name="is_there")
        m.d.comb += [
            self.i.ready.eq(~keeps),
            token.eq(Mux(keeps, kept, self.i.payload)),
            is_there.eq(keeps | self.i.valid),
        ]
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += [
                self.o.valid.eq(is_there),
                self.o.p.end.eq(token.end & ~starts),
                self.o.p.last.eq(token.last & ~starts),
                self.o.p.address_0.eq(token.address_0 | starts.replicate(len(token.address_0))),
                self.o.p.valid_0.eq(token.valid_0 | starts),
                keeps.eq(is_there & starts),
            ]
            if self._has_bases:  # its entries have whole numbers
                m.d.sync += self.o.p.base_0.eq(token.base_0 & ~starts.replicate(len(token.base_0)))
                m.d.sync += [self.o.p[f"base_{port}"].eq(token[f"base_{port}"]) for port in range(1, self._width)]
            for port in range(1, self._width):
                m.d.sync += [
                    self.o.p[f"address_{port}"].eq(token[f"address_{port}"]),
                    self.o.p[f"valid_{port}"].eq(token[f"valid_{port}"] & ~starts),
                ]
            with m.If(is_there):
                m.d.sync += starts.eq(token.last & ~starts)
        with m.Elif(self.i.valid):
            m.d.sync += keeps.eq(1)
        with m.If(~keeps):
            m.d.sync += kept.eq(self.i.payload)
        return m
