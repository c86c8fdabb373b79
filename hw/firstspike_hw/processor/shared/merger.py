"""The merger: from the totals that each lane fires to one stream."""

from collections.abc import Sequence

from amaranth.hdl import Array, Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...lib.skid_buffer import SkidBuffer
from ...lib.trees import any_of, lowest_set

#: Most inputs of one merge.
_MERGE_INPUTS = 4


class Merger(wiring.Component):
    """Merges streams in a tree. The order among streams is any.

    Parameters
    ----------
    layout : StructLayout
        The payload.
    lanes : int

    Members
    -------
    lanes : ``In(stream.Signature(layout)).array(lanes)``
    o : ``Out(stream.Signature(layout))``
    busy : ``Out(1)``
        Something was in it a cycle ago.

    Notes
    -----
    Latency: a cycle for each level of the tree (`levels`). Throughput: one payload a cycle. A merge below the root gives one
    in two cycles, so that needs payloads from two of those that feed the root.
    """

    def __init__(self, layout: data.StructLayout, lanes: int):
        self._layout = layout
        payloads = stream.Signature(layout)
        super().__init__({"lanes": In(payloads).array(lanes), "o": Out(payloads), "busy": Out(1)})

    @staticmethod
    def levels(lanes: int) -> int:
        """Return the number of levels of the tree."""
        count = 1
        while lanes > _MERGE_INPUTS:
            lanes, count = -(-lanes // _MERGE_INPUTS), count + 1
        return count

    def elaborate(self, platform: object) -> Module:
        m = Module()
        streams, held = [wiring.flipped(lane) for lane in self.lanes], []
        for level in range(self.levels(len(streams)) - 1):
            merged = []
            for first in range(0, len(streams), _MERGE_INPUTS):
                m.submodules[f"stage_{level}_{first // _MERGE_INPUTS}"] = stage = _HalfStage(self._layout)
                _merge(m, streams[first : first + _MERGE_INPUTS], stage.i)
                merged.append(stage.o)
            streams = merged
            held += merged
        m.submodules.root = root = SkidBuffer(self._layout)
        _merge(m, streams, root.i)
        wiring.connect(m, root.o, wiring.flipped(self.o))
        m.d.sync += self.busy.eq(any_of([part.valid for part in (*held, root.o)]))
        return m


def _merge(m: Module, streams: Sequence[stream.Interface], to: stream.Interface) -> None:
    """Give a stage the payload of the first stream that has one. That may change until the stage takes it."""
    any_valid, lowest = lowest_set(m, Cat(part.valid for part in streams))
    chosen = Signal(range(len(streams)))
    m.d.comb += [
        chosen.eq(lowest),
        to.valid.eq(any_valid),
        to.payload.eq(Array(part.payload for part in streams)[chosen]),
        *(part.ready.eq(to.ready & (chosen == number)) for number, part in enumerate(streams)),
    ]


class _HalfStage(wiring.Component):
    """A register in a stream that takes a payload only when it is empty, so one in two cycles."""

    def __init__(self, layout: data.StructLayout):
        payloads = stream.Signature(layout)
        super().__init__({"i": In(payloads), "o": Out(payloads)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.i.ready.eq(~self.o.valid)
        with m.If(~self.o.valid):
            m.d.sync += [self.o.valid.eq(self.i.valid), self.o.payload.eq(self.i.payload)]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m
