"""The lane group: some lanes behind registers, so that no signal goes to more than a few of them."""

from amaranth.hdl import Cat, Module, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..lib.delays import delayed
from ..lib.trees import count_ones
from ..memory.load_bus import LoadChain, LoadStage, pass_on
from .lane.lane import Lane
from .parameters import ProcessorParameters


class LaneGroup(wiring.Component):
    """Gives each call and each step to its lanes a cycle later, and tells a cycle later what they say together.

    Parameters
    ----------
    parameters : ProcessorParameters
    first, lanes : int
        Number of the group's first lane within the processor, and number of its lanes.

    Members
    -------
    call : ``In(parameters.call)``, call_valid : ``In(1)``, step : ``In(parameters.step)``
    threshold : ``In(signed(shape.potential_bits))``, output : ``In(1)``
    room, ready : ``Out(1)``
        All lanes have room for calls; they have all cleared their potentials after a reset.
    crowded, working, firing : ``Out(1)``
        Those of any lane.
    fired : ``Out(stream.Signature(parameters.fired)).array(lanes)``
    operations : ``Out(range(lanes + 1))``
        Entries added in the cycle before.
    load : ``In(LoadChain())``, next_load : ``Out(LoadChain())``
        Words for all groups, and those for the next group.

    Notes
    -----
    What a lane says is a cycle late.
    """

    #: Cycles from ``load.peek`` to ``next_load.peeked``.
    peek_latency = Lane.peek_latency + LoadStage.latency

    def __init__(self, parameters: ProcessorParameters, *, first: int, lanes: int):
        self._parameters, self._first, self._lanes = parameters, first, lanes
        super().__init__(
            {
                "call": In(parameters.call),
                "call_valid": In(1),
                "step": In(parameters.step),
                "threshold": In(signed(parameters.shape.potential_bits)),
                "output": In(1),
                "room": Out(1),
                "ready": Out(1),
                "crowded": Out(1),
                "working": Out(1),
                "firing": Out(1),
                "fired": Out(stream.Signature(parameters.fired)).array(lanes),
                "operations": Out(range(lanes + 1)),
                "load": In(LoadChain()),
                "next_load": Out(LoadChain()),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.load_stage = stage = LoadStage(first=self._first, count=self._lanes)
        wiring.connect(m, wiring.flipped(self.load), stage.i)
        wiring.connect(m, stage.o, wiring.flipped(self.next_load))

        call, call_valid, step = (delayed(m, coming, 1) for coming in (self.call, self.call_valid, self.step))
        threshold, output = delayed(m, self.threshold, 1), delayed(m, self.output, 1)
        lanes = []
        for number, bus in enumerate(stage.parts):
            m.submodules[f"lane_{number}"] = lane = Lane(self._parameters)
            wiring.connect(m, lane.fired, wiring.flipped(self.fired[number]))
            pass_on(m, bus, lane.load)
            m.d.comb += [
                bus.peeked.eq(lane.load.peeked),
                lane.call.eq(call),
                lane.call_valid.eq(call_valid),
                lane.step.eq(step),
                lane.threshold.eq(threshold),
                lane.output.eq(output),
            ]
            lanes.append(lane)
        m.d.sync += [
            self.room.eq(Cat(lane.room for lane in lanes).all()),
            self.ready.eq(Cat(lane.ready for lane in lanes).all()),
            self.crowded.eq(Cat(lane.crowded for lane in lanes).any()),
            self.working.eq(Cat(lane.working for lane in lanes).any()),
            self.firing.eq(Cat(lane.firing for lane in lanes).any()),
            self.operations.eq(count_ones(Cat(lane.operation for lane in lanes))),
        ]
        return m
