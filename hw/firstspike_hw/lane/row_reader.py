"""The front of a lane: from the rows that wait to one operation a cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from ..lib.trees import several
from ..memory.description import Memories, MemoryDescription, Place, Ram
from .parameters import LayerParameters

#: Width of an iCE40's block RAM.
_BLOCK_BITS = 16


def operation_layout() -> data.StructLayout:
    """Return an operation: an entry to add, or the ``end`` of a step.

    A ``sweep`` is an end that no output shows; lanes do some after a reset.
    """
    return data.StructLayout({"end": 1, "last": 1, "sweep": 1})


class RowReader(wiring.Component):
    """Holds the rows that wait, and goes through them entry by entry.

    A token without a row in this lane is dropped: it costs nothing.

    Parameters
    ----------
    parameters : LayerParameters

    Members
    -------
    i : ``In(parameters.lane_token)``
        What a token means here.
    room : ``Out(1)``
        There is room for a token.
    sweep, sweep_last : ``In(1)``
        Do a sweep; it is the last one. Only while nothing waits, and ``sweep_last`` only with ``sweep``.
    hold : ``In(1)``
        In the next cycle nothing moves; tokens may still come into the queue.
    address : ``Out(parameters.entry_address_bits)``
        Where the operation's entry lies.
    base : ``Out(shape.base_bits)``
        The base of its row; only where there are bases.
    o : ``Out(operation_layout())``, ``valid`` : ``Out(1)``
        An operation begins.

    Notes
    -----
    Throughput: one operation a cycle without gaps, except for one cycle of rest after an inference's last end: operations of
    two inferences are never in neighbouring cycles.
    """

    #: Cycles from a row's arrival to its first operation.
    latency = 4

    def __init__(self, parameters: LayerParameters):
        self._parameters, base_bits = parameters, parameters.shape.base_bits
        super().__init__(
            {
                "i": In(parameters.lane_token),
                "room": Out(1),
                "sweep": In(1),
                "sweep_last": In(1),
                "hold": In(1),
                "address": Out(parameters.entry_address_bits),
                **({"base": Out(base_bits)} if base_bits else {}),
                "o": Out(operation_layout()),
                "valid": Out(1),
            }
        )

    @staticmethod
    def memories(parameters: LayerParameters) -> Memories:
        """Yield the memory of a row reader: its queue."""
        bits, depth = parameters.lane_token.size, parameters.queue_depth
        in_luts = parameters.memory_style.lut_ram
        queue = Ram(bits, depth, Place.LUTS, 0) if in_luts else Ram(bits, depth, Place.EITHER)
        yield MemoryDescription.of(RowReader, queue, parameters=parameters), 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spikes, queue_depth = self._parameters.spikes_per_token, self._parameters.queue_depth
        # A token is stored together with whether it has several parts.
        layout = data.StructLayout({name: self.i.shape()[name].shape for name in ("rows", "end", "last")} | {"several": 1})

        # The queue. Tokens that come and go are counted a cycle later, which `token_slack` allows for. The memory is in parts,
        # each with its own addresses, so that an address goes to the LUTs of half of the memory only. The second part is
        # shifted by one place: its addresses are the next ones of the first part. Where LUTs cannot be memories, a block RAM
        # holds the bits that only the head needs, and is the head's register.
        places = range(queue_depth)
        put, put_next = Signal(range(2 * len(places))), Signal(range(2 * len(places)), init=1)
        got, got_next = Signal.like(put), Signal.like(put, init=1)
        coming, first, head = Signal(layout), Signal(layout), Signal(layout)
        in_luts = self._parameters.memory_style.lut_ram
        late = 0 if in_luts else min(_BLOCK_BITS, layout["rows"].shape.elem_shape["exists"].offset)
        middle = layout.size if late else layout.size // 2
        proceeds = Signal()  # the head becomes what is first
        for name, bits, write_address, read_address in (
            ("late", slice(0, late), put, got),
            ("low", slice(late, middle), put, got),
            ("high", slice(middle, layout.size), put_next, got_next),
        ):
            part = coming.as_value()[bits]
            if not len(part):
                continue
            m.submodules[f"queue_{name}"] = queue = memory.Memory(shape=unsigned(len(part)), depth=len(places), init=[])
            write, read = queue.write_port(), queue.read_port(domain="sync" if name == "late" else "comb")
            m.d.comb += [
                write.en.eq(self.i.means_something),
                write.addr.eq(write_address),
                write.data.eq(part),
                read.addr.eq(read_address),
            ]
            if name == "late":
                m.d.comb += [read.en.eq(proceeds), head.as_value()[bits].eq(read.data)]
            else:
                m.d.comb += first.as_value()[bits].eq(read.data)
                with m.If(proceeds):
                    m.d.sync += head.as_value()[bits].eq(read.data)
        has = Signal()  # set one cycle after a token has come
        comes, goes, came, went = Signal(), Signal(), Signal(), Signal()
        waiting = Signal(range(queue_depth + 1))
        m.d.comb += [
            comes.eq(self.i.means_something),
            *(coming[name].eq(self.i[name]) for name in ("rows", "end", "last")),
            coming.several.eq(several(_parts(self.i))),
        ]
        m.d.sync += [
            has.eq(Mux(goes, put != got_next, has | came)),
            came.eq(comes),
            went.eq(goes),
            waiting.eq(waiting + came - went),
            self.room.eq(waiting <= queue_depth - self._parameters.token_slack),
        ]

        with m.If(comes):
            m.d.sync += [put.eq(put_next), put_next.eq(put_next + 1)]
        with m.If(goes):
            m.d.sync += [got.eq(got_next), got_next.eq(got_next + 1)]

        # The token at the head, and which of its parts still wait: its rows, then its end. The next token follows when the
        # last part begins.
        waits = Signal(spikes + 1)
        some_wait, several_wait = Signal(), Signal()  # of `waits`
        # The operation under way is its row's last, or there is none. The queue uses one signal, the operations its opposite.
        may_begin, goes_on = Signal(init=1), Signal()
        may_follow = Signal()
        held, moves = Signal(), Signal(init=1)  # likewise
        m.d.sync += [held.eq(self.hold), moves.eq(~self.hold)]
        m.d.comb += [
            may_follow.eq(~some_wait | (may_begin & ~several_wait)),
            goes.eq(may_follow & has & ~held),
            proceeds.eq(may_follow & ~held),
        ]
        chosen = [waits[at] & ~waits[:at].any() for at in range(len(waits))]
        with m.If(~held):
            with m.If(may_follow):
                m.d.sync += [
                    waits.eq(Mux(has, _parts(first), 0)),
                    some_wait.eq(has),
                    several_wait.eq(has & first.several),
                ]
            with m.Elif(may_begin):
                still = Cat(wait & ~choice for wait, choice in zip(waits, chosen, strict=True))
                m.d.sync += [waits.eq(still), several_wait.eq(several(still))]

        # The operation that begins, and how many more the row has.
        under_way, left = Signal(), Signal.like(head.rows[0].more)
        rests = Signal()  # the next cycle is one of rest
        m.d.comb += self.valid.eq(under_way & moves)
        row = data.View(head.rows[0].shape(), Mux(waits[0], head.rows[0], head.rows[spikes - 1]))
        is_row = waits[:-1].any()  # else an end, a sweep, or nothing
        ends_inference = self.sweep_last | (~is_row & waits[-1] & head.last)
        with m.If(moves):
            with m.If(~goes_on):
                begins_last = ~(is_row & row.more.any()) & ~ends_inference
                if self._parameters.shape.base_bits:
                    m.d.sync += self.base.eq(row.base)
                m.d.sync += [
                    under_way.eq(some_wait | self.sweep),
                    self.address.eq(row.start),
                    left.eq(row.more),
                    may_begin.eq(begins_last),
                    goes_on.eq(~begins_last),
                    rests.eq(ends_inference),
                    self.o.end.eq(~is_row | self.sweep),
                    self.o.last.eq(Mux(self.sweep, self.sweep_last, head.last)),
                    self.o.sweep.eq(self.sweep),
                ]
            with m.Else():
                m.d.sync += [
                    self.address.eq(self.address + 1),
                    left.eq(left - 1),
                    may_begin.eq((left == 1) | rests),
                    goes_on.eq((left != 1) & ~rests),
                    rests.eq(0),
                    under_way.eq(~rests),
                ]
        return m


def _parts(token: data.View) -> Value:
    """Return which parts a token has: its rows, then its end."""
    return Cat(*(row.exists for row in token.rows), token.end)
