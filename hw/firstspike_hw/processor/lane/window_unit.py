"""The window unit: the largest potential of each window of neurons, if it fires."""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..parameters import ProcessorParameters, StepKind


class WindowUnit(wiring.Component):
    """Adds the unit's initial potential to each potential that is visited, and gives the largest total of each window.

    A window goes on if its total reaches the last threshold, or in the output layer; if the lane has the unit; and if
    the unit's slot is among those that are to fire.

    Parameters
    ----------
    parameters : ProcessorParameters

    Members
    -------
    header_comes : ``In(1)``, header_word : ``In(shape.entry.bits)``
        The words of the unit's header, low bits first.
    step : ``In(parameters.step)``
        `StepKind.VISIT`; other kinds are ignored, and ``address`` is.
    potential : ``In(signed(shape.potential_bits))``
        The potential of the neuron that is visited.
    threshold : ``In(signed(shape.potential_bits))``, output : ``In(1)``
        The last threshold; the layer is the output layer. They stay the same while a window is under way.
    fires : ``Out(1)``, fired : ``Out(parameters.fired)``
        The window that was closed `latency` cycles before goes on.
    drops : ``Out(1)``
        It does not.

    Notes
    -----
    Throughput: one visit a cycle. A header may come in the cycle before a unit's first visit, and `latency` cycles after its
    last one at the earliest.
    """

    #: Cycles from a window's last visit to ``fires`` or ``drops``.
    latency = 2

    def __init__(self, parameters: ProcessorParameters):
        self._parameters, bits = parameters, parameters.shape.potential_bits
        super().__init__(
            {
                "header_comes": In(1),
                "header_word": In(parameters.shape.entry.bits),
                "step": In(parameters.step),
                "potential": In(signed(bits)),
                "threshold": In(signed(bits)),
                "output": In(1),
                "fires": Out(1),
                "drops": Out(1),
                "fired": Out(parameters.fired),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self._parameters.shape
        bits = shape.potential_bits
        words = Signal(shape.header_words * shape.entry.bits)
        header = data.View(self._parameters.header, words[: shape.header.bits])
        with m.If(self.header_comes):
            m.d.sync += words.eq(Cat(words, self.header_word)[shape.entry.bits :])

        # Stage 1: the total is there.
        step, visits = self.step, Signal()
        total, opens, closes, wanted = Signal(signed(bits)), Signal(), Signal(), Signal()
        at_1, at_2 = ((Signal(shape.side_bits, name=f"row_{n}"), Signal(shape.side_bits, name=f"column_{n}")) for n in (1, 2))
        m.d.sync += [
            visits.eq(step.kind == StepKind.VISIT),
            total.eq(self.potential + header.initial),
            opens.eq(step.opens_window),
            closes.eq((step.kind == StepKind.VISIT) & step.closes_window),
            wanted.eq(header.exists & (header.slot < step.slots)),
            *(to.eq(value) for to, value in zip(at_1, (step.window_row, step.column), strict=True)),
        ]

        # Stage 2: the largest total of the window so far that reaches the last threshold. What the next total has to reach is
        # in a register of its own, so that nothing has to be chosen before the comparison.
        largest, limit, reached, takes = Signal(signed(bits)), Signal(signed(bits)), Signal(), Signal()
        m.d.comb += takes.eq((total >= limit) | (self.output & opens))
        with m.If(visits):
            m.d.sync += reached.eq(takes | (reached & ~opens))
            with m.If(takes):
                m.d.sync += [largest.eq(total), limit.eq(total)]
        with m.If((step.kind == StepKind.VISIT) & step.opens_window):
            m.d.sync += limit.eq(self.threshold)
        closed, is_wanted = Signal(), Signal()
        m.d.sync += [
            closed.eq(closes),
            is_wanted.eq(wanted),
            *(to.eq(value) for to, value in zip(at_2, at_1, strict=True)),
        ]
        m.d.comb += [
            self.fires.eq(closed & is_wanted & reached),
            self.drops.eq(closed & ~(is_wanted & reached)),
            self.fired.total.eq(largest),
            self.fired.channel.eq(header.channel),
            self.fired.slot.eq(header.slot),
            self.fired.window_row.eq(at_2[0]),
            self.fired.column.eq(at_2[1]),
        ]
        return m
