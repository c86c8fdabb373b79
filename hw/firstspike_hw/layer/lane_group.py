"""The lane group: some banks of a layer, with a stage of the token stream and one of the chain that loads them."""

from collections.abc import Sequence
from itertools import pairwise

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.compiler.contents import BankContents

from ..lane.parameters import LayerParameters
from ..lib.trees import sum_of
from ..memory.load_bus import LoadChain, LoadStage
from ..memory.loadable_memory import LoadableMemory
from .bank import Bank


class LaneGroup(wiring.Component):
    """Gives each token to its banks and to the next group.

    No signal of the token stream goes to more than a few lanes. Groups need not be at the same token.

    Parameters
    ----------
    parameters : LayerParameters
    first_bank, banks : int
        Number of the group's first bank within the layer, and number of its banks.
    contents : sequence of BankContents, optional
        What each bank holds at power-up; nothing by default.

    Members
    -------
    i : ``In(stream.Signature(parameters.row_token))``
    o : ``Out(stream.Signature(parameters.row_token))``
        For the next group. After the last group it must be always ready.
    lanes : ``Out(stream.Signature(parameters.lane_spike)).array(banks * shape.bank_lanes)``
    operations : ``Out(range(banks * shape.bank_lanes + 1))``
        Weights added in the cycle before.
    load : ``In(LoadChain())``
        Words for all groups; ``lane`` is the number of the bank within the layer.
    next_load : ``Out(LoadChain())``
        For the next group: the same a cycle later; what this group has read comes `peek_latency` cycles after ``peek``.

    Notes
    -----
    Throughput: one token a cycle.
    """

    #: Cycles from ``load.peek`` to ``next_load.peeked``.
    peek_latency = Bank.peek_latency + LoadStage.latency

    def __init__(
        self,
        parameters: LayerParameters,
        *,
        first_bank: int,
        banks: int,
        contents: Sequence[BankContents] | None = None,
    ):
        self._parameters, self._first_bank, self._banks, self._contents = parameters, first_bank, banks, contents
        lanes = banks * parameters.shape.bank_lanes
        tokens = stream.Signature(parameters.row_token)
        super().__init__(
            {
                "i": In(tokens),
                "o": Out(tokens),
                "lanes": Out(stream.Signature(parameters.lane_spike)).array(lanes),
                "operations": Out(range(lanes + 1)),
                "load": In(LoadChain()),
                "next_load": Out(LoadChain()),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        parameters, shape = self._parameters, self._parameters.shape
        ports = range(parameters.spikes_per_token)
        banks = []
        for number in range(self._banks):
            contents = self._contents[number] if self._contents else None
            m.submodules[f"bank_{number}"] = bank = Bank(parameters, contents)
            for lane in range(shape.bank_lanes):
                wiring.connect(m, bank.lanes[lane], wiring.flipped(self.lanes[number * shape.bank_lanes + lane]))
            banks.append(bank)

        # After a reset, all lanes renew what they know of their neurons.
        sweeps, last_sweep, left = Signal(init=1), Signal(), Signal(range(shape.lane_neurons + 1), init=shape.lane_neurons)
        with m.If(sweeps):
            m.d.sync += [left.eq(left - 1), last_sweep.eq(left == 1), sweeps.eq(~last_sweep)]

        # A token goes to all banks and to the next group at once.
        token = self.i.payload
        room = Signal()
        offered, goes = self.i.valid & room, self.i.valid & self.i.ready
        m.d.comb += [self.o.payload.eq(token), self.o.valid.eq(offered), self.i.ready.eq(room & self.o.ready)]
        # A token that has been offered to the next group stays on offer.
        m.d.sync += room.eq((Cat(bank.room for bank in banks).all() & ~sweeps) | (offered & ~goes))

        # The token without its addresses, until the pointers are there.
        arriving = [Signal(parameters.bank_token, name=f"token_{stage}") for stage in range(LoadableMemory.latency + 1)]
        m.d.comb += [arriving[0].end.eq(goes & token.end), arriving[0].last.eq(goes & token.last)]
        for port in ports:
            m.d.comb += arriving[0][f"valid_{port}"].eq(goes & token[f"valid_{port}"])
            if shape.base_bits:
                m.d.comb += arriving[0][f"base_{port}"].eq(token[f"base_{port}"])
        for before, after in pairwise(arriving):
            m.d.sync += after.eq(before)
        for bank in banks:
            m.d.comb += [
                bank.token.eq(arriving[-1]),
                bank.sweep.eq(sweeps),
                bank.sweep_last.eq(last_sweep),
                *(bank.addresses[port].eq(token[f"address_{port}"]) for port in ports),
            ]
        m.d.sync += self.operations.eq(sum_of([bank.operations for bank in banks]))

        m.submodules.load_stage = stage = LoadStage(first=self._first_bank, count=len(banks))
        wiring.connect(m, wiring.flipped(self.load), stage.i)
        wiring.connect(m, stage.o, wiring.flipped(self.next_load))
        for part, bank in zip(stage.parts, banks, strict=True):
            wiring.connect(m, part, bank.load)
        return m
