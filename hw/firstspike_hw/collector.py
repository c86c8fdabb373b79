"""The collector: from the streams of a layer's lanes to the one stream of the layer."""

from amaranth.hdl import Array, Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.engine import LayerShape

from .layouts import lane_output_layout, layer_output_layout
from .trees import lowest_set


class Collector(wiring.Component):
    """Gives on the lanes' spikes one at a time, and the end of a step once every lane has ended it.

    Lanes need not be in the same step: one that has ended it waits with its end, and so cannot overtake the others.

    Parameters
    ----------
    shape : LayerShape
    reports : bool
        The lanes report potentials.

    Members
    -------
    lanes : ``In(stream.Signature(lane_output_layout(shape, reports=reports))).array(shape.lanes)``
    o : ``Out(stream.Signature(layer_output_layout(shape, reports=reports)))``
        A neuron's address is its lane's number in the low bits, and its number within the lane above.

    Notes
    -----
    Latency: 1 cycle. Throughput: one token a cycle.
    """

    #: Cycles from a token's transfer to ``o.valid``.
    latency = 1

    def __init__(self, shape: LayerShape, *, reports: bool):
        self._shape, self._reports = shape, reports
        super().__init__(
            {
                "lanes": In(stream.Signature(lane_output_layout(shape, reports=reports))).array(shape.lanes),
                "o": Out(stream.Signature(layer_output_layout(shape, reports=reports))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        spikes = Cat(lane.valid & ~lane.p.end for lane in self.lanes)
        any_spike, first = lowest_set(m, spikes)
        chosen = Signal(range(self._shape.lanes))
        all_ended = Cat(lane.valid & lane.p.end for lane in self.lanes).all()
        fits = ~self.o.valid | self.o.ready

        m.d.comb += chosen.eq(first)
        for number, lane in enumerate(self.lanes):
            m.d.comb += lane.ready.eq(fits & ((any_spike & (chosen == number)) | all_ended))

        token = Array(lane.payload.as_value() for lane in self.lanes)[chosen]
        lane_token = Signal(self.lanes[0].payload.shape())
        m.d.comb += lane_token.eq(token)
        with m.If(fits):
            m.d.sync += self.o.valid.eq(any_spike | all_ended)
            with m.If(any_spike):
                m.d.sync += self.o.p.address.eq(Cat(first[: self._shape.lane_bits], lane_token.address))
            with m.Else():
                m.d.sync += self.o.p.address.eq(0)
            m.d.sync += [self.o.p.end.eq(lane_token.end), self.o.p.last.eq(lane_token.last)]
            if self._reports:
                m.d.sync += [self.o.p.potential.eq(lane_token.potential), self.o.p.fired.eq(lane_token.fired)]
        return m
