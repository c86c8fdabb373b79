"""The layer: one token stream in, one out."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from firstspike_spec.compiler import LaneImage
from firstspike_spec.engine import LayerShape
from firstspike_spec.words import LOAD_WORD

from .collector import Collector
from .lane import Lane
from .layouts import layer_output_layout, token_layout, word_layout
from .trees import any_of, count_ones


class Layer(wiring.Component):
    """Hands each token to all lanes, and collects what they give.

    Each lane has a queue, so that a lane with a long row does not hold up the others at once.

    Parameters
    ----------
    shape : LayerShape
    queue_depth : int
        Tokens that wait before each lane.
    reports : bool
        The layer gives potentials too: it is the last one.
    images : sequence of LaneImage, optional
        What the lanes hold at power-up; nothing by default.

    Members
    -------
    i : ``In(stream.Signature(token_layout(shape.source_bits)))``
    o : ``Out(stream.Signature(layer_output_layout(shape, reports=reports)))``
    operations : ``Out(range(shape.lanes + 1))``
        Synaptic operations done in the cycle before.
    load : ``In(stream.Signature(word_layout(LOAD_WORD), always_ready=True))``
        Words for this layer (their ``layer`` is not looked at).
    peek, peeked : ``In(1)``, ``Out(32)``
        As in `LoadableMemory`, one cycle later.
    """

    def __init__(self, shape: LayerShape, *, queue_depth: int, reports: bool, images: Sequence[LaneImage] | None = None):
        self._shape, self._queue_depth, self._reports = shape, queue_depth, reports
        self._images = images or [None] * shape.lanes
        super().__init__(
            {
                "i": In(stream.Signature(token_layout(shape.source_bits))),
                "o": Out(stream.Signature(layer_output_layout(shape, reports=reports))),
                "operations": Out(range(shape.lanes + 1)),
                "load": In(stream.Signature(word_layout(LOAD_WORD), always_ready=True)),
                "peek": In(1),
                "peeked": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.collector = collector = Collector(self._shape, reports=self._reports)
        queues, lanes = [], []
        for number, image in enumerate(self._images):
            m.submodules[f"lane_{number}"] = lane = Lane(self._shape, reports=self._reports, image=image)
            m.submodules[f"queue_{number}"] = queue = SyncFIFOBuffered(
                width=len(self.i.payload.as_value()), depth=self._queue_depth
            )
            m.d.comb += [
                lane.i.payload.eq(queue.r_data),
                lane.i.valid.eq(queue.r_rdy),
                queue.r_en.eq(lane.i.ready),
                lane.load.payload.eq(self.load.payload),
                lane.load.valid.eq(self.load.valid & (self.load.p.lane == number)),
                lane.peek.eq(self.peek & (self.load.p.lane == number)),
            ]
            wiring.connect(m, lane.o, collector.lanes[number])
            queues.append(queue)
            lanes.append(lane)
        wiring.connect(m, collector.o, wiring.flipped(self.o))

        # A token goes into all queues at once, when all of them have room.
        m.d.comb += self.i.ready.eq(Cat(queue.w_rdy for queue in queues).all())
        for queue in queues:
            m.d.comb += [queue.w_data.eq(self.i.payload), queue.w_en.eq(self.i.valid & self.i.ready)]

        m.d.sync += [
            self.operations.eq(count_ones(Cat(lane.operation for lane in lanes))),
            self.peeked.eq(any_of([lane.peeked for lane in lanes])),
        ]
        return m
