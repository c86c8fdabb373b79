"""The lane group: some banks of a layer, and the stage of the token stream that lies beside them."""

from collections.abc import Sequence
from itertools import pairwise

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import LOAD_WORD
from firstspike_spec.compiler.contents import BankContents
from firstspike_spec.compiler.shapes import LayerShape

from ..lib.layouts import lane_layout, row_token_layout, token_layout, word_layout
from ..lib.trees import any_of, sum_of
from ..memory.loadable_memory import LoadableMemory
from .bank import Bank


class LaneGroup(wiring.Component):
    """Gives each token to its banks, and on to the next group.

    So no signal of the token stream goes to more than a few lanes. Groups need not be at the same token.

    Parameters
    ----------
    shape : LayerShape
    width : int
        Spikes a token.
    time_steps : int
        ``T`` at most.
    queue_depth : int
        Tokens that wait before each lane.
    first_bank, banks : int
        Number of the group's first bank within the layer, and number of its banks.
    last : bool
        No group follows.
    images : sequence of BankContents, optional
        What the memories hold at power-up; nothing by default.

    Members
    -------
    i : ``In(stream.Signature(row_token_layout(shape, width)))``
    o : ``Out(stream.Signature(row_token_layout(shape, width)))``
        For the next group; there is none in the last group.
    lanes : ``Out(stream.Signature(lane_layout(shape.neuron_bits))).array(banks * shape.bank_lanes)``
    operations : ``Out(range(banks * shape.bank_lanes + 1))``
        Weights added in the cycle before.
    load : ``In(stream.Signature(word_layout(LOAD_WORD), always_ready=True))``
        Words for all groups; ``lane`` is the number of the bank within the layer.
    peek, peeked : ``In(1)``, ``Out(32)``
        As in `LoadableMemory`, `peek_latency` cycles later.
    next_load, next_peek : ``load`` and ``peek`` for the next group, a cycle later; they are not there in the last group.
    peeked_before : ``In(32)``
        The ``peeked`` of the group before, which is part of this one's, a cycle later.

    Notes
    -----
    Throughput: one token a cycle.
    """

    #: Cycles from ``peek`` to ``peeked``.
    peek_latency = Bank.peek_latency + 2

    def __init__(
        self,
        shape: LayerShape,
        *,
        width: int,
        time_steps: int,
        queue_depth: int,
        first_bank: int,
        banks: int,
        last: bool,
        images: Sequence[BankContents] | None = None,
    ):
        self._shape, self._width, self._time_steps, self._queue_depth = shape, width, time_steps, queue_depth
        self._first_bank, self._last, self._images = first_bank, last, images or [None] * banks
        lanes = banks * shape.bank_lanes
        tokens = stream.Signature(row_token_layout(shape, width))
        load = stream.Signature(word_layout(LOAD_WORD), always_ready=True)
        super().__init__(
            {
                "i": In(tokens),
                "lanes": Out(stream.Signature(lane_layout(shape.neuron_bits))).array(lanes),
                "operations": Out(range(lanes + 1)),
                "load": In(load),
                "peek": In(1),
                "peeked": Out(32),
                "peeked_before": In(32),
                **({} if last else {"o": Out(tokens), "next_load": Out(load), "next_peek": Out(1)}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        shape, width = self._shape, self._width
        banks = []
        for number, image in enumerate(self._images):
            m.submodules[f"bank_{number}"] = bank = Bank(
                shape, width=width, time_steps=self._time_steps, queue_depth=self._queue_depth, image=image
            )
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
        if self._last:
            m.d.comb += self.i.ready.eq(room)
        else:
            m.d.comb += [self.o.payload.eq(token), self.o.valid.eq(offered), self.i.ready.eq(room & self.o.ready)]
        # What the next group has been offered stays on offer: its room is not taken away.
        m.d.sync += room.eq((Cat(bank.room for bank in banks).all() & ~sweeps) | (offered & ~goes))

        # The token without its addresses, until the pointers are there.
        without = token_layout(0, width, shape.base_bits)
        arriving = [Signal(without, name=f"token_{stage}") for stage in range(LoadableMemory.latency + 1)]
        m.d.comb += [arriving[0].end.eq(goes & token.end), arriving[0].last.eq(goes & token.last)]
        for port in range(width):
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
                *(bank.addresses[port].eq(token[f"address_{port}"]) for port in range(width)),
            ]
        m.d.sync += self.operations.eq(sum_of([bank.operations for bank in banks]))

        # Loading: a register, for the banks and for the next group. Each bank has its own `valid`.
        word = Signal.like(self.load.payload)
        m.d.sync += word.eq(self.load.payload)
        for number, bank in enumerate(banks, self._first_bank):
            mine = self.load.p.lane == number
            m.d.comb += bank.load.payload.eq(word)
            m.d.sync += [bank.load.valid.eq(self.load.valid & mine), bank.peek.eq(self.peek & mine)]
        m.d.sync += self.peeked.eq(any_of([*(bank.peeked for bank in banks), self.peeked_before]))
        if not self._last:
            m.d.comb += self.next_load.payload.eq(word)
            m.d.sync += [self.next_load.valid.eq(self.load.valid), self.next_peek.eq(self.peek)]
        return m
