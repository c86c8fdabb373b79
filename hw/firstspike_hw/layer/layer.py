"""A hidden layer: one token stream in, one out."""

from collections.abc import Iterable, Sequence

from amaranth.hdl import Module, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.compiler.contents import BankContents
from firstspike_spec.compiler.shapes import LayerShape

from ..lane.parameters import LayerParameters
from ..lib.skid_buffer import SkidBuffer
from ..lib.trees import any_of, running_total
from ..memory.description import Memories, times
from ..memory.load_bus import LoadBus, pass_on
from .address_table import AddressTable, attach_address_table
from .bank import Bank
from .lane_group import LaneGroup
from .parameters import AddressTableParameters
from .spike_merger import SpikeMerger
from .start_row_inserter import StartRowInserter

#: Banks of a lane group; a signal could not reach more of them in time.
GROUP_BANKS = 4


class Layer(wiring.Component):
    """Passes each token from lane group to lane group, with a skid buffer before each, and merges the lanes' spikes.

    Parameters
    ----------
    parameters : LayerParameters
    contents : sequence of BankContents, optional
        What each bank holds at power-up; nothing by default.
    table_contents : iterable of int
        What the address table holds at power-up, if there is one.

    Members
    -------
    i : ``In(stream.Signature(parameters.source_token))``
    o : ``Out(stream.Signature(parameters.output_token))``
    operations : ``Out(range(shape.lanes + 1))``
        Weights added, a few cycles before.
    load : ``In(LoadBus())``
        Words for this layer; their ``layer`` is ignored. ``lane`` is the number of a bank; the number after the last bank's
        means the address table. ``peeked`` comes `peek_latency` cycles after ``peek``.
    """

    @staticmethod
    def peek_latency(shape: LayerShape) -> int:
        """Return the cycles from ``peek`` to ``peeked``: a load word goes from group to group, and so does what is read."""
        return LaneGroup.peek_latency + (shape.banks - 1) // GROUP_BANKS

    def __init__(
        self,
        parameters: LayerParameters,
        contents: Sequence[BankContents] | None = None,
        table_contents: Iterable[int] = (),
    ):
        self._parameters, self._contents, self._table_contents = parameters, contents, table_contents
        super().__init__(
            {
                "i": In(stream.Signature(parameters.source_token)),
                "o": Out(stream.Signature(parameters.output_token)),
                "operations": Out(range(parameters.shape.lanes + 1)),
                "load": In(LoadBus()),
            }
        )

    @staticmethod
    def memories(parameters: LayerParameters) -> Memories:
        """Yield the memories of a layer, except small ones, which are always in LUTs."""
        yield from times(parameters.shape.banks, Bank.memories(parameters))
        table = AddressTableParameters.of(parameters)
        if table:
            yield from AddressTable.memories(table)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        parameters, banks, delay = self._parameters, self._parameters.shape.banks, self.peek_latency(self._parameters.shape)
        m.submodules.spike_merger = spike_merger = SpikeMerger(parameters)
        wiring.connect(m, spike_merger.o, wiring.flipped(self.o))

        tokens, peeked = wiring.flipped(self.i), list[Value]()
        table = AddressTableParameters.of(parameters)
        if table:
            tokens, found = attach_address_table(m, self, table, self._table_contents, lane=banks, delay=delay)
            peeked.append(found)
        groups: list[LaneGroup] = []
        lanes = iter(spike_merger.lanes)
        for first in range(0, banks, GROUP_BANKS):
            contents = self._contents[first : first + GROUP_BANKS] if self._contents else None
            count = min(GROUP_BANKS, banks - first)
            m.submodules[f"group_{len(groups)}"] = group = LaneGroup(
                parameters, first_bank=first, banks=count, contents=contents
            )
            before = SkidBuffer(parameters.row_token) if groups else StartRowInserter(parameters)
            m.submodules[f"before_group_{len(groups)}"] = before
            wiring.connect(m, tokens, before.i)
            wiring.connect(m, before.o, group.i)
            for lane in group.lanes:
                wiring.connect(m, lane, next(lanes))
            if groups:
                wiring.connect(m, groups[-1].next_load, group.load)
            else:
                pass_on(m, self.load, group.load)
            tokens = group.o
            groups.append(group)
        m.d.comb += tokens.ready.eq(1)

        operations = [(group.operations, len(group.lanes)) for group in groups]
        peeked.insert(0, groups[-1].next_load.peeked)
        m.d.comb += [self.operations.eq(running_total(m, operations)), self.load.peeked.eq(any_of(peeked))]
        return m
