"""The spike decoder: from an image's code to tokens, for an engine or on the way to a processor."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.protocol.spike_code import END_OF_STEP, LONG_GAP, SKIP

from ...lib.layouts import FRAME_BYTE

#: The meaning of nibbles. A spike and a skip pass over some neurons.
_SYMBOL = data.StructLayout({"spike": 1, "skip": 1, "end": 1})


class SpikeDecoder(wiring.Component):
    """Decodes `firstspike_spec.protocol.spike_code`, a nibble a cycle.

    Whatever the bytes are, each code gives exactly ``T`` ends of steps: missing ends are added, and surplus nibbles are
    dropped. So are spikes of neurons that do not exist. So the engine never waits for the rest of an image.

    It is a pipeline of four stages: nibble, meaning, neuron, token.

    Parameters
    ----------
    source_bits : int
        Width of a neuron's number.
    layout : StructLayout
        A token: ``address_0``, ``valid_0`` and ``end``, perhaps with more fields, which stay 0.
    limited : bool
        ``last_source`` says which neurons exist. Otherwise, all do but the one whose number is all ones, which is unused.

    Members
    -------
    i : ``In(stream.Signature(FRAME_BYTE))``
        One code after another; ``last`` marks the last byte of each.
    o : ``Out(stream.Signature(layout))``
        Each token holds one spike or one end of a step.
    last_step : ``In(8)``, last_source : ``In(source_bits)``
        ``T - 1``, and, if ``limited``, the last neuron. They must change only between two codes.
    done : ``Out(1)``
        High for one cycle when a code's last byte has been taken, and its last end is on offer or has been taken.
    wrong : ``Out(1)``
        With ``done``: the code did not have exactly ``T`` ends, or had a spike of a neuron that does not exist.

    Notes
    -----
    Latency: 4 cycles from a byte's first nibble to its token. Throughput: one nibble a cycle, and 3 more cycles for each code.
    """

    #: Cycles from the first in which a byte is on offer to the token of its first nibble.
    latency = 4

    def __init__(self, source_bits: int, layout: data.StructLayout, *, limited: bool = False):
        self._source_bits, self._limited = source_bits, limited
        super().__init__(
            {
                "i": In(stream.Signature(FRAME_BYTE)),
                "o": Out(stream.Signature(layout)),
                "last_step": In(8),
                **({"last_source": In(source_bits)} if limited else {}),
                "done": Out(1),
                "wrong": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        fits = ~self.o.valid | self.o.ready
        wrong = Signal()

        # The nibbles, one by one.
        high, full, fetch, take = Signal(), Signal(), Signal(), Signal()
        nibble, last_nibble = Signal(4), Signal()
        m.d.comb += [fetch.eq(self.i.valid & (~full | take)), self.i.ready.eq(high & (~full | take))]
        with m.If(take):
            m.d.sync += full.eq(0)
        with m.If(fetch):
            m.d.sync += [
                full.eq(1),
                nibble.eq(self.i.p.data.word_select(high, 4)),
                last_nibble.eq(self.i.p.last & high),
                high.eq(~high),
            ]

        # Their meaning.
        low, meant = Signal(range(15 + LONG_GAP + 1)), Signal(_SYMBOL)
        symbol, gap = Signal(_SYMBOL), Signal(range(SKIP + 1))
        placed = Signal(_SYMBOL)
        step, before_last, is_last = Signal(8), Signal(8), Signal()
        m.d.sync += [
            before_last.eq(self.last_step - 1),
            is_last.eq(Mux(meant.end, step == before_last, step == self.last_step)),
        ]
        with m.If(fits):
            m.d.sync += symbol.eq(meant)
        with m.If(meant.end):
            m.d.sync += step.eq(step + 1)

        with m.FSM():
            with m.State("Gap"):
                m.d.comb += take.eq(full & fits)
                with m.If(take):
                    m.d.sync += gap.eq(nibble)
                    with m.If(nibble == END_OF_STEP):
                        m.d.comb += meant.end.eq(1)
                    with m.Elif(nibble == LONG_GAP):
                        m.next = "Low"
                    with m.Else():
                        m.d.comb += meant.spike.eq(1)
                    with m.If(meant.end & is_last):
                        m.next = "Rest"
                        with m.If(last_nibble):
                            m.next = "Done"
                    with m.Elif(last_nibble):
                        m.d.sync += wrong.eq(1)
                        m.next = "Add ends"
            with m.State("Low"):
                m.d.comb += take.eq(full & fits)
                with m.If(take):
                    m.d.sync += low.eq(nibble + LONG_GAP)
                    m.next = "High"
                    with m.If(last_nibble):
                        m.d.sync += wrong.eq(1)
                        m.next = "Add ends"
            with m.State("High"):
                skip = (nibble == 15) & (low == 15 + LONG_GAP)
                m.d.comb += take.eq(full & fits)
                with m.If(take):
                    m.d.sync += gap.eq(Cat(low[:4], nibble + low[4]))
                    m.d.comb += [meant.skip.eq(skip), meant.spike.eq(~skip)]
                    m.next = "Gap"
                    with m.If(last_nibble):
                        m.d.sync += wrong.eq(1)
                        m.next = "Add ends"
            with m.State("Add ends"), m.If(fits):
                m.d.comb += meant.end.eq(1)
                with m.If(is_last):
                    m.next = "Done"
            with m.State("Rest"):
                # The last byte may have one surplus nibble of 0.
                m.d.comb += take.eq(full & fits)
                with m.If(take):
                    with m.If(~last_nibble | (nibble != 0)):
                        m.d.sync += wrong.eq(1)
                    with m.If(last_nibble):
                        m.next = "Done"
            with m.State("Done"), m.If(~Cat(symbol, placed).any()):
                m.d.comb += [self.done.eq(1), self.wrong.eq(wrong)]
                m.d.sync += [wrong.eq(0), step.eq(0), is_last.eq(self.last_step == 0)]
                m.next = "Gap"

        # The neuron that spikes, or the last one passed over. It begins one before the first. A spike adds its gap and one
        # more, which is the sum's carry-in. After a spike beyond the last neuron, it has no meaning until the next step.
        bits = self._source_bits
        neuron = Signal(max(bits, (SKIP - 1).bit_length()) + 1, init=-1)
        beyond, was_beyond = Signal(), Signal()
        nobody = neuron[:bits] > self.last_source if self._limited else neuron[:bits].all()
        m.d.comb += beyond.eq(was_beyond | neuron[bits:].any() | nobody)
        with m.If(fits):
            m.d.sync += placed.eq(symbol)
            with m.If(symbol.end):
                m.d.sync += neuron.eq(-1)
            with m.Elif(symbol.spike | symbol.skip):
                m.d.sync += neuron.eq((Cat(1, neuron) + Cat(symbol.spike, gap))[1:])

        # The token.
        with m.If(fits):
            m.d.sync += [
                self.o.valid.eq(placed.end | (placed.spike & ~beyond)),
                self.o.p.address_0.eq(neuron),
                self.o.p.valid_0.eq(placed.spike),
                self.o.p.end.eq(placed.end),
                was_beyond.eq(Mux(placed.spike | placed.skip, beyond, was_beyond & ~placed.end)),
            ]
            with m.If(placed.spike & beyond):
                m.d.sync += wrong.eq(1)
        return m
