"""A hidden layer: one token stream in, one out."""

from collections.abc import Iterable, Sequence

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import LOAD_WORD
from firstspike_spec.compiler.contents import BankContents
from firstspike_spec.compiler.shapes import LayerShape

from ..lib.delays import delayed
from ..lib.layouts import token_layout, word_layout
from ..lib.skid_buffer import SkidBuffer
from ..lib.trees import any_of, running_total
from .address_table import AddressTable, attach_address_table
from .lane_group import LaneGroup
from .spike_merger import SpikeMerger
from .start_row_inserter import StartRowInserter

#: Banks of a lane group: as many as one signal reaches without slowing down.
GROUP_BANKS = 4


class Layer(wiring.Component):
    """Hands each token from lane group to lane group, through a skid buffer each, and collects what the lanes give.

    Parameters
    ----------
    shape : LayerShape
    width : int
        Spikes a token.
    time_steps : int
        ``T`` at most.
    queue_depth : int
        Tokens that wait before each lane.
    images : sequence of BankContents, optional
        What the banks hold at power-up; nothing by default.
    locations : iterable of int, optional
        What the address_table holds at power-up, where the shape has one.

    Members
    -------
    i : ``In(stream.Signature(token_layout(shape.source_bits, width)))``
    o : ``Out(stream.Signature(token_layout(shape.address_bits, width)))``
    operations : ``Out(range(shape.lanes + 1))``
        Weights added, a few cycles before.
    load : ``In(stream.Signature(word_layout(LOAD_WORD), always_ready=True))``
        Words for this layer (their ``layer`` is not looked at); ``lane`` is the number of a bank, or the next one for the
        address_table.
    peek, peeked : ``In(1)``, ``Out(32)``
        As in `LoadableMemory`, `peek_latency` cycles later.
    """

    @staticmethod
    def peek_latency(shape: LayerShape) -> int:
        """Return the cycles from ``peek`` to ``peeked``: a load word goes from group to group, and so does what is read."""
        return LaneGroup.peek_latency + (shape.banks - 1) // GROUP_BANKS

    def __init__(
        self,
        shape: LayerShape,
        *,
        width: int,
        time_steps: int,
        queue_depth: int,
        images: Sequence[BankContents] | None = None,
        locations: Iterable[int] = (),
    ):
        self._shape, self._width, self._time_steps, self._queue_depth = shape, width, time_steps, queue_depth
        self._locations = locations
        self._images = images or [None] * shape.banks
        super().__init__(
            {
                "i": In(stream.Signature(token_layout(shape.source_bits, width))),
                "o": Out(stream.Signature(token_layout(shape.address_bits, width))),
                "operations": Out(range(shape.lanes + 1)),
                "load": In(stream.Signature(word_layout(LOAD_WORD), always_ready=True)),
                "peek": In(1),
                "peeked": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.spike_merger = spike_merger = SpikeMerger(self._shape, width=self._width)
        wiring.connect(m, spike_merger.o, wiring.flipped(self.o))

        groups: list[LaneGroup] = []
        lanes = 0
        tokens = wiring.flipped(self.i)
        located = []
        if self._shape.address_table:
            shape = self._shape
            m.submodules.address_table = address_table = AddressTable(
                shape.address_table, shape.source_bits, width=self._width, locations=self._locations
            )
            tokens = attach_address_table(m, address_table, self, lane=shape.banks)
            located = [delayed(m, address_table.peeked, self.peek_latency(shape) - AddressTable.peek_latency)]
        for first in range(0, self._shape.banks, GROUP_BANKS):
            images = self._images[first : first + GROUP_BANKS]
            m.submodules[f"group_{len(groups)}"] = group = LaneGroup(
                self._shape,
                width=self._width,
                time_steps=self._time_steps,
                queue_depth=self._queue_depth,
                first_bank=first,
                banks=len(images),
                last=first + GROUP_BANKS >= self._shape.banks,
                images=images,
            )
            skid_buffer = SkidBuffer(group.i.payload.shape()) if groups else StartRowInserter(self._shape, width=self._width)
            m.submodules[f"skid_buffer_{len(groups)}"] = skid_buffer
            wiring.connect(m, tokens, skid_buffer.i)
            wiring.connect(m, skid_buffer.o, group.i)
            tokens = getattr(group, "o", None)
            for lane in group.lanes:
                wiring.connect(m, lane, spike_merger.lanes[lanes])
                lanes += 1
            if groups:
                wiring.connect(m, groups[-1].next_load, group.load)
                m.d.comb += [group.peek.eq(groups[-1].next_peek), group.peeked_before.eq(groups[-1].peeked)]
            else:
                wiring.connect(m, wiring.flipped(self.load), group.load)
                m.d.comb += group.peek.eq(self.peek)
            groups.append(group)

        parts = [(group.operations, len(group.lanes)) for group in groups]
        m.d.comb += [self.operations.eq(running_total(m, parts)), self.peeked.eq(any_of([groups[-1].peeked, *located]))]
        return m
