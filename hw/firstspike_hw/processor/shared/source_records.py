"""The records of sources: where the spikes of each layer lie in the spike memory."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.processor.shape import MAX_SOURCES

from ...lib.delays import delayed
from ...memory.lane_memory import LaneMemory
from ...memory.style import GENERIC_MEMORY, MemoryStyle


class SourceRecords(wiring.Component):
    """Notes where each source begins and ends. One source at most is open: its spikes are still being written.

    Parameters
    ----------
    place_bits : int
        Width of the number of a place.
    style : MemoryStyle

    Members
    -------
    source : ``In(range(MAX_SOURCES))``
        The source that is written.
    opens, closes : ``In(1)``
        Its spikes begin at ``written``; they end there. At least `latency` cycles lie between ``closes`` and the next
        ``opens``.
    written : ``In(place_bits)``
        The place that is written next.
    read_source : ``In(range(MAX_SOURCES))``
        The source that is read.
    first, limit : ``Out(place_bits)``, follows : ``Out(1)``
        Where it begins, and as far as it has been written; more may come while it ``follows``.

    Notes
    -----
    Latency: `latency` cycles from a change of ``read_source``, or of the record, to the outputs.
    """

    #: Cycles until the outputs are those of another source.
    latency = 4

    def __init__(self, place_bits: int, *, style: MemoryStyle = GENERIC_MEMORY):
        self._place_bits, self._style = place_bits, style
        super().__init__(
            {
                "source": In(range(MAX_SOURCES)),
                "opens": In(1),
                "closes": In(1),
                "written": In(place_bits),
                "read_source": In(range(MAX_SOURCES)),
                "first": Out(place_bits),
                "limit": Out(place_bits),
                "follows": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        found = []
        for name, writes in (("firsts", self.opens), ("ends", self.closes)):
            m.submodules[name] = records = LaneMemory(bits=self._place_bits, depth=MAX_SOURCES, style=self._style)
            m.d.comb += [
                records.address.eq(self.read_source),
                records.write.eq(writes),
                records.write_address.eq(self.source),
                records.write_word.eq(self.written),
            ]
            found.append(records.word)

        is_open, open_source = Signal(), Signal.like(self.source)
        with m.If(self.opens):
            m.d.sync += [is_open.eq(1), open_source.eq(self.source)]
        with m.Elif(self.closes):
            m.d.sync += is_open.eq(0)

        # A source that has just been closed is followed until its end can be read.
        follows = delayed(m, is_open & (open_source == self.read_source), self.latency - 1)
        m.d.comb += self.first.eq(found[0])
        m.d.sync += [self.follows.eq(follows), self.limit.eq(Mux(follows, self.written, found[1]))]
        return m
