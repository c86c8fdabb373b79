"""The lane stage: a register in a lane's stream."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..lib.layouts import lane_layout


class LaneStage(wiring.Component):
    """A stage of a lane's stream that holds one spike or end, with a flip-flop for each of the two.

    So logic that looks at several stages needs few levels, and its result goes to few flip-flops.

    Parameters
    ----------
    neuron_bits : int

    Members
    -------
    i : ``In(stream.Signature(lane_layout(neuron_bits)))``
    o : ``Out(stream.Signature(...))``
        Its payload has ``spike`` and ``end``: one of them is set while ``valid`` is, otherwise none.

    Notes
    -----
    Latency: 1 cycle. Throughput: a spike or end in two cycles.
    """

    #: Cycles from a transfer to ``o.valid``.
    latency = 1

    def __init__(self, neuron_bits: int):
        held = data.StructLayout({"neuron": neuron_bits, "last": 1, "spike": 1, "end": 1})
        super().__init__({"i": In(stream.Signature(lane_layout(neuron_bits))), "o": Out(stream.Signature(held))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spike, end = Signal(), Signal()
        m.d.comb += [
            self.o.p.spike.eq(spike),
            self.o.p.end.eq(end),
            self.o.valid.eq(spike | end),
            self.i.ready.eq(~self.o.valid),
        ]
        with m.If(~self.o.valid):
            m.d.sync += [
                spike.eq(self.i.valid & ~self.i.p.end),
                end.eq(self.i.valid & self.i.p.end),
                self.o.p.neuron.eq(self.i.p.neuron),
                self.o.p.last.eq(self.i.p.last),
            ]
        with m.Elif(self.o.ready):
            m.d.sync += [spike.eq(0), end.eq(0)]
        return m
