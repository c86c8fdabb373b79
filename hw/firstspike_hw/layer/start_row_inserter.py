"""The start row inserter: what a layer's lanes get before an inference's first token."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..lane.parameters import LayerParameters


class StartRowInserter(wiring.Component):
    """A `firstspike_hw.lib.skid_buffer.SkidBuffer` that puts a spike of the start row before each inference's first token.

    The start row holds the neurons that are at their threshold before anything has happened. For the lanes it is a row like
    any other.

    Parameters
    ----------
    parameters : LayerParameters

    Members
    -------
    i : ``In(stream.Signature(parameters.row_token))``
    o : ``Out(stream.Signature(parameters.row_token))``

    Notes
    -----
    Latency: 1 cycle, and 2 for an inference's first token. Throughput: one token a cycle, the start tokens among them.
    """

    def __init__(self, parameters: LayerParameters):
        # All bits of its address are set: each bit takes one LUT input more.
        assert parameters.shape.start_row == (1 << parameters.shape.row_bits) - 1
        self._parameters = parameters
        tokens = stream.Signature(parameters.row_token)
        super().__init__({"i": In(tokens), "o": Out(tokens)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        kept = Signal.like(self.o.payload)  # came when it could not go on at once
        keeps = Signal()
        begins = Signal(init=1)  # no token of the inference has gone on yet
        ports = range(1, self._parameters.spikes_per_token)
        token, is_there = Signal.like(kept), Signal(name="is_there")
        m.d.comb += [
            self.i.ready.eq(~keeps),
            token.eq(Mux(keeps, kept, self.i.payload)),
            is_there.eq(keeps | self.i.valid),
        ]
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += [
                self.o.valid.eq(is_there),
                self.o.p.end.eq(token.end & ~begins),
                self.o.p.last.eq(token.last & ~begins),
                self.o.p.address_0.eq(token.address_0 | begins.replicate(len(token.address_0))),
                self.o.p.valid_0.eq(token.valid_0 | begins),
                keeps.eq(is_there & begins),
            ]
            if self._parameters.shape.base_bits:  # the start row's entries have whole numbers
                m.d.sync += self.o.p.base_0.eq(token.base_0 & ~begins.replicate(len(token.base_0)))
                m.d.sync += [self.o.p[f"base_{port}"].eq(token[f"base_{port}"]) for port in ports]
            for port in ports:
                m.d.sync += [
                    self.o.p[f"address_{port}"].eq(token[f"address_{port}"]),
                    self.o.p[f"valid_{port}"].eq(token[f"valid_{port}"] & ~begins),
                ]
            with m.If(is_there):
                m.d.sync += begins.eq(token.last & ~begins)
        with m.Elif(self.i.valid):
            m.d.sync += keeps.eq(1)
        with m.If(~keeps):
            m.d.sync += kept.eq(self.i.payload)
        return m
